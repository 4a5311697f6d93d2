"""What the parts of a run see of it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from agents.runtime.clarifying import Asked
from agents.runtime.context import RunContext
from agents.types import AgentProfile, NeedsHuman, Reason, RunRequest, StepKind
from integrations.llm.types import Usage


class Run(Protocol):
    """One run, from a burst to an outcome."""

    request: RunRequest
    context: RunContext
    agent: AgentProfile
    burst: tuple[str, ...]
    text: str
    usage: Usage
    n_calls: int
    asked: Asked | None
    chosen: str

    def person(self, reason: Reason, to_agent_id: int | None = None) -> NeedsHuman:
        """Leave the conversation to people."""

    def step(self, kind: StepKind) -> AbstractContextManager[dict[str, object]]:
        """Keep a stage with its time, also where it leaves early."""

    def remaining_s(self) -> float:
        """Return what is left of the time of the run."""

    def limit_reached(self, remaining_s: float) -> str:
        """Return the name of the limit that forbids another call, or an empty text."""
