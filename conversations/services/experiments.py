"""What became of the conversations of an experiment, and when it has shown enough.

A contact is counted with the variant that was drawn for them, also where another agent answered in
the end: the front desk's way of passing on is part of what is compared. The first moments are left
out, in which a process may not know yet that the experiment runs.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from agents import intervals
from agents.intervals import Interval
from agents.models import AgentVersion, Experiment
from agents.services import experiments, variants
from conversations.models import Handoff, InboundMessage, Turn
from conversations.types import MessageKind
from knowledge.models import Search

TIMER = "timer"
"""The name under which the audit trail knows that nobody stopped an experiment."""

FEWEST_EACH = 30
"""Conversations of each variant before an experiment may end early. Below it a lucky streak of the
first contacts decides; at the double a version that is plainly worse answers for days."""

ALPHA = 0.05
"""How often, when all conversations are in, chance alone may look like a difference."""

ALPHA_EARLY = 0.001
"""The same for each look before that. Looking again and again at 0.05 would find a difference where
none is in one of four experiments; a bound this strict leaves the last look as it was.
Source: Peto et al. (1976), "Design and analysis of randomized clinical trials", on early looks."""

_SKINS = ("", "🏻", "🏼", "🏽", "🏾", "🏿")

_UP = ("❤️", "❤", "😍", *(f"{hand}{skin}" for hand in "👍🙏👏" for skin in _SKINS))
_DOWN = ("😡", "😠", *(f"👎{skin}" for skin in _SKINS))


@dataclass(frozen=True, slots=True)
class Arm:
    """A variant with what became of its conversations.

    Args:
        n_alone: conversations in which no person was needed.
        n_asked: those in which the contact was asked back.
        alone: bounds of the share of `n_alone`.
        gain: bounds of that share less the first variant's; None for the first itself.
        is_clear: chance does not explain the difference to the first.
    """

    version: AgentVersion
    weight: int
    n: int = 0
    n_alone: int = 0
    n_asked: int = 0
    n_up: int = 0
    n_down: int = 0
    alone: Interval = field(default_factory=lambda: intervals.wilson(0, 0))
    gain: Interval | None = None
    is_clear: bool = False

    @property
    def n_left(self) -> int:
        """Conversations that came to people."""
        return self.n - self.n_alone


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an experiment shows so far; `winner` is None while chance may explain it."""

    arms: tuple[Arm, ...]
    winner: AgentVersion | None

    @property
    def n(self) -> int:
        """Conversations of all variants."""
        return sum(one.n for one in self.arms)


def outcome(experiment: Experiment, *, alpha: float = ALPHA) -> Outcome:
    """Count what became of the conversations of an experiment; three queries.

    Args:
        alpha: how often chance may look like a difference, of all comparisons together.
    """
    arms = list(experiment.variants.select_related("version").order_by("position"))
    weights = [one.weight for one in arms]
    counted = [dict.fromkeys(("n", "n_alone", "n_asked", "n_up", "n_down"), 0) for _ in arms]
    thumbs = _thumbs(experiment)
    for conversation_id, contact, needed, asked in _conversations(experiment):
        counts = counted[variants.pick(experiment.uuid, weights, contact)]
        up, down = thumbs.get(conversation_id, (0, 0))
        counts["n"] += 1
        counts["n_alone"] += not needed
        counts["n_asked"] += bool(asked)
        counts["n_up"] += up
        counts["n_down"] += down
    each = alpha / max(1, len(arms) - 1)
    shown = tuple(
        _arm(arm.version, arm.weight, counts, counted[0] if place else None, each)
        for place, (arm, counts) in enumerate(zip(arms, counted, strict=True))
    )
    return Outcome(shown, _winner(shown))


def _arm(
    version: AgentVersion,
    weight: int,
    counts: Mapping[str, int],
    first: Mapping[str, int] | None,
    alpha: float,
) -> Arm:
    gain = first and intervals.difference(
        (first["n_alone"], counts["n_alone"]), (first["n"], counts["n"]), alpha=alpha
    )
    return Arm(
        version=version,
        weight=weight,
        alone=intervals.wilson(counts["n_alone"], counts["n"]),
        gain=gain or None,
        is_clear=bool(gain and gain.excludes_zero),
        **counts,
    )


def _winner(arms: Sequence[Arm]) -> AgentVersion | None:
    """Return the best of those that are clearly better than the first; the first if all lose."""
    others = arms[1:]
    better = [one for one in others if one.is_clear and one.gain and one.gain.low > 0]
    if better:
        return max(better, key=lambda one: one.n_alone / one.n).version
    if others and all(one.is_clear for one in others):
        return arms[0].version
    return None


def check_running(*, now: datetime) -> int:
    """End the experiments that have shown what they can; return how many.

    Safe to run at the same time elsewhere: each is ended once.
    """
    running = Experiment.objects.filter(status=Experiment.Status.RUNNING)
    return sum(_check(one, now=now) for one in running.order_by("pk"))


def _check(experiment: Experiment, *, now: datetime) -> bool:
    found = outcome(experiment)
    if found.n >= experiment.max_conversations:
        return experiments.stop(
            experiment=experiment,
            actor=TIMER,
            now=now,
            ending=Experiment.Ending.ENOUGH,
            winner=found.winner,
        )
    if not experiment.stops_when_clear or min(one.n for one in found.arms) < FEWEST_EACH:
        return False
    early = outcome(experiment, alpha=ALPHA_EARLY).winner
    return early is not None and experiments.stop(
        experiment=experiment,
        actor=TIMER,
        now=now,
        ending=Experiment.Ending.SIGNIFICANT,
        winner=early,
    )


def _turns(experiment: Experiment) -> QuerySet[Turn]:
    """Return the turns in which the agent had a part."""
    known_at = experiment.started_at + timedelta(seconds=2 * settings.REMEMBER_S)
    handed = Handoff.objects.filter(turn=OuterRef("pk"), from_agent=experiment.agent_id)
    turns = Turn.objects.filter(
        Q(agent=experiment.agent_id) | Exists(handed),
        status=Turn.Status.DONE,
        started_at__gte=known_at,
    )
    ended_at = experiment.stopped_at
    return turns if ended_at is None else turns.filter(started_at__lt=ended_at)


def _conversations(
    experiment: Experiment,
) -> QuerySet[Turn, tuple[int, uuid.UUID, int, int]]:
    """Return conversation, contact, and whether a person was needed or the contact asked back."""
    asked = Search.objects.filter(
        turn_uuid=OuterRef("uuid"), origin=Search.Origin.CHAT, answered=None
    )
    return (
        _turns(experiment)
        .annotate(was_asked=Exists(asked))
        .values("conversation")
        .annotate(
            contact=F("conversation__contact__uuid"),
            n_left=Count("pk", filter=Q(outcome=Turn.Outcome.NEEDS_HUMAN)),
            n_asked=Count("pk", filter=Q(was_asked=True)),
        )
        .values_list("conversation", "contact", "n_left", "n_asked")
    )


def _thumbs(experiment: Experiment) -> dict[int, tuple[int, int]]:
    """Return by conversation how often contacts were pleased and displeased."""
    reactions = InboundMessage.objects.filter(
        conversation__in=_turns(experiment).values("conversation"),
        kind=MessageKind.REACTION,
        received_at__gte=experiment.started_at,
        text__in=(*_UP, *_DOWN),
    )
    if experiment.stopped_at is not None:
        reactions = reactions.filter(received_at__lt=experiment.stopped_at)
    found: dict[int, tuple[int, int]] = {}
    for conversation_id, text in reactions.values_list("conversation", "text"):
        up, down = found.get(conversation_id, (0, 0))
        found[conversation_id] = (up + (text in _UP), down + (text in _DOWN))
    return found
