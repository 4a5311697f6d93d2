"""What must hold of a run under faults, read from what was acknowledged and what was sent.

Only acknowledged messages count, as in a Jepsen test: what the product never said yes to, it may
forget. A reply names the messages that it covers, by their tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from tests.fakes.bridge import Sent


@dataclass
class Message:
    """One message of a contact, as its bridge knows it.

    Args:
        conversation: who wrote to whom; unique over all tenants.
        seq: its place in the conversation, as the contact wrote it.
        first_sent_at: when it was first posted, unix seconds.
        acked_at: when it was answered with 200; None if it never was.
        due_at: the earliest instant at which its burst can have been due.
    """

    token: str
    conversation: str
    seq: int
    first_sent_at: float = 0.0
    acked_at: float | None = None
    due_at: float = 0.0


@dataclass
class Findings:
    """The violations, each as a sentence's worth of data, and figures."""

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    inversions: list[tuple[str, str]] = field(default_factory=list)
    without_token: list[str] = field(default_factory=list)
    to_strangers: list[str] = field(default_factory=list)
    n_replies: int = 0
    n_repeats: int = 0
    answered_at: dict[str, float] = field(default_factory=dict)


def check(
    messages: Sequence[Message], sent: Sequence[Sent], *, tokens: Callable[[str], list[str]]
) -> Findings:
    """Compare what was acknowledged with what was sent.

    Args:
        sent: every send in order of arrival, repeats under the same id included.
        tokens: reads the covered messages out of a reply, in its order.
    """
    found = Findings()
    by_token = {message.token: message for message in messages}
    replies: dict[str, Sent] = {}
    for one in sent:
        found.n_repeats += one.ref in replies
        replies.setdefault(one.ref, one)
    found.n_replies = len(replies)
    places: dict[str, list[tuple[int, int]]] = {}  # token -> (number of the reply, place in it)
    for number, reply in enumerate(replies.values()):
        covered = tokens(reply.body)
        if not covered:
            found.without_token.append(f"{reply.token} {reply.phone}: {reply.body[:80]}")
        for place, token in enumerate(covered):
            places.setdefault(token, []).append((number, place))
            found.answered_at.setdefault(token, reply.at)
            if by_token[token].conversation != f"{reply.token} {reply.phone}":
                found.to_strangers.append(token)
    acknowledged = [message for message in messages if message.acked_at is not None]
    found.lost = [message.token for message in acknowledged if message.token not in places]
    found.twice = [token for token, where in places.items() if len(where) > 1]
    found.inversions = _inversions(acknowledged, places)
    return found


def _inversions(
    messages: Sequence[Message], places: Mapping[str, list[tuple[int, int]]]
) -> list[tuple[str, str]]:
    """Return pairs that were answered in the wrong order.

    Of two messages in one reply the older stands first. Of two in different replies the older is
    answered first, unless it was not acknowledged yet when the younger came: nobody can answer what
    has not arrived.
    """
    wrong = []
    conversations: dict[str, list[Message]] = {}
    for message in messages:
        if message.token in places:
            conversations.setdefault(message.conversation, []).append(message)
    for own in conversations.values():
        for older, younger in combinations(sorted(own, key=lambda one: one.seq), 2):
            first, second = places[older.token][0], places[younger.token][0]
            assert older.acked_at is not None
            in_one_reply = first[0] == second[0]
            was_there = older.acked_at < younger.first_sent_at
            if first > second and (in_one_reply or was_there):
                wrong.append((older.token, younger.token))
    return wrong


def next_answers(
    kills: Sequence[float], messages: Sequence[Message], answered_at: Mapping[str, float]
) -> list[float]:
    """Return how long after each kill, or after it was due, the next answer came."""
    answers = sorted(
        (answered_at[one.token], one.due_at) for one in messages if one.token in answered_at
    )
    return [
        next(at - max(kill, due_at) for at, due_at in answers if at > kill)
        for kill in kills
        if answers and answers[-1][0] > kill
    ]


def longest_waits(
    kills: Sequence[float],
    messages: Sequence[Message],
    answered_at: Mapping[str, float],
    *,
    around_s: float = 3.0,
) -> list[float]:
    """Return for each kill the longest wait, from due to answered, of what was due around it."""
    waits = []
    for kill in kills:
        caught = [
            answered_at[one.token] - one.due_at
            for one in messages
            if one.token in answered_at and abs(one.due_at - kill) < around_s
        ]
        if caught:
            waits.append(max(caught))
    return waits
