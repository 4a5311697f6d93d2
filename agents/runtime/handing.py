"""Passing a conversation on: to whom, how often, and with which brief.

A name from a model is looked up among the handoffs that this agent has and this contact may meet;
everything else is decided by counting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from agents.runtime import briefing
from agents.runtime.briefing import Said
from agents.runtime.context import RunContext
from agents.types import (
    AgentKind,
    AgentProfile,
    AgentRef,
    Brief,
    BriefFact,
    Handed,
    HandoffCause,
    Hop,
    Reason,
    RunRequest,
)
from tenants.errors import DomainError

MAX_HOPS = 3
"""Handoffs for one burst: the desk, a specialist, back, and another one. Each may cost two calls of
a model while the contact waits."""

MAX_HOPS_HOUR = 8
"""Handoffs of a conversation in an hour. Who changes the subject that often is better served by one
person; at the double a loop over several messages would cost twice as much."""

COOL_DOWN_S = 30.0
"""Seconds in which a conversation is not passed again from the same agent to the same other one.
Longer than two agents take to pass it back and forth, shorter than a contact takes to change the
subject twice."""

COOL_DOWN = "cool_down"
UNAVAILABLE = "target_unavailable"


class Handing:
    """The handoffs of one run.

    Args:
        brief: what the present agent starts from.
    """

    def __init__(self, request: RunRequest, context: RunContext) -> None:
        self._request, self._context = request, context
        self.done: list[Handed] = []
        self.brief: Brief | None = request.brief

    def allowed(self, agent: AgentProfile) -> tuple[AgentRef, ...]:
        """Return to whom `agent` may hand this contact; a stranger meets no personal agent."""
        return tuple(
            ref
            for ref in agent.handoffs
            if ref.agent_id != agent.agent_id and self._may_meet(ref.kind, ref.owners)
        )

    def refusal(self, agent: AgentProfile, target: AgentRef) -> str:
        """Return why the conversation cannot be passed on now; empty where it can.

        ``cool_down``, or `Reason.HANDOFF_LIMIT`.
        """
        now = self._request.now
        hour_ago = now - timedelta(hours=1)
        recent = [hop for hop in self._request.hops if hop.at > hour_ago]
        ours = [Hop(one.from_agent_id, one.to_agent_id, now) for one in self.done]
        pair = (agent.agent_id, target.agent_id)
        is_hot = now - timedelta(seconds=COOL_DOWN_S)
        if any(
            (hop.from_agent_id, hop.to_agent_id) == pair and hop.at > is_hot
            for hop in (*recent, *ours)
        ):
            return COOL_DOWN
        if target.kind == AgentKind.HUMAN:  # where every loop ends
            return ""
        if len(ours) >= MAX_HOPS or len(recent) + len(ours) >= MAX_HOPS_HOUR:
            return Reason.HANDOFF_LIMIT.value
        return ""

    def profile(self, target: AgentRef) -> AgentProfile | None:
        """Return the agent that would go on; None where it is gone or not for this contact."""
        try:
            found = self._context.profile_of(target.agent_id)
        except DomainError:  # withdrawn since: the present agent does what it can
            return None
        return found if self._may_meet(found.kind, found.owners) else None

    def hand(
        self,
        agent: AgentProfile,
        to_agent_id: int | None,
        *,
        cause: HandoffCause,
        reason: str,
        score: float | None = None,
        said: Said | None = None,
    ) -> Handed:
        """Keep that the conversation passes on, with the brief that the next one starts from.

        Args:
            to_agent_id: None for any person.
            said: what a model adds to the brief.
        """
        brief = briefing.brief(self._request, said=said, before=self.brief)
        handed = Handed(cause, agent.agent_id, to_agent_id, reason[:200], brief, score)
        self.done.append(handed)
        self.brief = brief
        return handed

    def _may_meet(self, kind: AgentKind, owners: frozenset[str]) -> bool:
        return kind != AgentKind.PERSONAL or bool(owners & self._request.contact_ids)


def brief_as_data(brief: Brief) -> dict[str, Any]:
    """Return a brief JSON-safe."""
    return asdict(brief)


def brief_from_data(data: Mapping[str, Any]) -> Brief:
    """Return a brief that was stored; what an older version did not have is empty."""
    return Brief(
        goal=str(data.get("goal", "")),
        facts=tuple(
            BriefFact(*(str(one.get(name, "")) for name in ("text", "kind", "source", "words")))
            for one in data.get("facts", ())
        ),
        done=tuple(map(str, data.get("done", ()))),
        pending=tuple(map(str, data.get("pending", ()))),
        tone=str(data.get("tone", "")),
        deadline=str(data.get("deadline", "")),
    )
