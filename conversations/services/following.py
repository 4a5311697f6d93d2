"""Who is followed live: marked in the conversation's row, so that others pay nothing for it.

Whoever changes a conversation has its row anyway and sees the mark. A program that follows sets it
before it looks for the first time: whoever commits later rings, and whoever committed before is
seen by that look. The mark ends by itself where the web process is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial

from django.db import Error, connection, transaction

from agents.types import Step
from conversations.models import Conversation, Turn, TurnStep
from tenants import doorbell
from tenants.context import current_schema, release_connection
from tenants.rows import as_json, update_each

logger = logging.getLogger(__name__)

KEPT_FOR = timedelta(minutes=2)
"""How long a mark holds. It is renewed four times in that span; after a web process was lost, its
conversations are rung for so much longer in vain."""

LIVE_FROM = 10_000
"""The first position of a step that is written while its turn runs; it gets its own at the end."""

_RENEW = """
update conversations_conversation c set followed_until = %(until)s,
    steps_followed_until =
        case when c.id = any(%(with_steps)s) then %(until)s else c.steps_followed_until end
from (
    select id from conversations_conversation where id = any(%(ids)s)
    order by id for no key update skip locked
) as mine
where c.id = mine.id
"""

_WRITE = """
with mine as (
    select id from conversations_turn
    where id = %(turn)s and status = 'running' for no key update
)
insert into conversations_turnstep (turn_id, position, kind, started_at, duration_ms, data)
select id, %(position)s, %(kind)s, %(started_at)s, %(duration_ms)s, %(data)s::jsonb from mine
returning id
"""


def mark(conversation_id: int, *, now: datetime, with_steps: bool = True) -> None:
    """Let everybody know that a conversation is followed; waits for who is changing it.

    Args:
        with_steps: who follows hears the steps of turns as well.
    """
    names = ("followed_until", "steps_followed_until") if with_steps else ("followed_until",)
    found = Conversation.objects.filter(pk=conversation_id)
    found.update(**dict.fromkeys(names, now + KEPT_FOR))


def renew(conversation_ids: Sequence[int], *, now: datetime, with_steps: Sequence[int]) -> None:
    """Prolong marks; those of rows that somebody is changing right now stay until the next time.

    To wait for one while others are held could be a deadlock with a commit of several turns.

    Args:
        with_steps: those of the conversations whose turns' steps are heard as well.
    """
    until = now + KEPT_FOR
    with connection.cursor() as cursor:
        cursor.execute(
            _RENEW,
            {"ids": list(conversation_ids), "with_steps": list(with_steps), "until": until},
        )


def is_followed(conversation: Conversation, *, now: datetime) -> bool:
    """Test whether a program follows a conversation, by its row."""
    return conversation.followed_until is not None and conversation.followed_until > now


def are_steps_heard(conversation: Conversation, *, now: datetime) -> bool:
    """Test whether somebody who follows it hears the steps of its turns, by its row."""
    until = conversation.steps_followed_until
    return until is not None and until > now


def ring(conversations: Iterable[Conversation], *, now: datetime) -> None:
    """Wake who follows some conversations, once the open transaction commits."""
    ring_for([one.pk for one in conversations if is_followed(one, now=now)])


def ring_for(conversation_ids: Sequence[int]) -> None:
    """Wake who follows these conversations, once the open transaction commits."""
    if conversation_ids:
        tell = partial(doorbell.ring, schema=current_schema(), refs=conversation_ids)
        transaction.on_commit(tell, robust=True)


class LiveSteps:
    """Writes the steps of one followed turn as they end; the other turns write theirs at once.

    A step is written only while its turn runs, under the lock of the turn's row. So the ids of the
    steps of a conversation rise in the order of their commits, also where a worker that was taken
    for dead goes on beside its successor.
    """

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._written: list[tuple[Step, int]] = []
        self._placed: dict[int, int] = {}
        self._is_over = False

    def tell(self, step: Step) -> None:
        """Write a step and wake who follows; never raises, for it only makes them known earlier."""
        if self._is_over:
            return
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    _WRITE,
                    {
                        "turn": self._turn.pk,
                        "position": LIVE_FROM + len(self._written),
                        "kind": step.kind.value,
                        "started_at": step.started_at,
                        "duration_ms": step.duration_ms,
                        "data": as_json(dict(step.data)),
                    },
                )
                found = cursor.fetchone()
        except Error:
            logger.warning("a step is shown late", extra={"turn_id": self._turn.pk}, exc_info=True)
            found = None
        if found is None:  # the turn is over, or the database is away
            self._is_over = True
            return
        self._written.append((step, found[0]))
        release_connection()
        doorbell.ring(schema=current_schema(), refs=[self._turn.conversation_id])

    def has_written(self, step: Step, position: int) -> bool:
        """Test whether a step is written, and note its place among all of the turn."""
        for one, pk in self._written:
            if one is step:
                self._placed[pk] = position
                return True
        return False

    @property
    def placed(self) -> Sequence[TurnStep]:
        """The steps that were written, each at its place."""
        return [TurnStep(pk=pk, position=position) for pk, position in self._placed.items()]


def place_steps(lives: Iterable[LiveSteps]) -> None:
    """Give the steps that were written early their places; joins the transaction of the commit."""
    update_each([step for live in lives for step in live.placed], ["position"])
