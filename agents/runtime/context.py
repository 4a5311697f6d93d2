"""What a run may use of the world."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from agents.runtime.tools import Tool
from agents.types import AgentProfile, RetrieveResult, RunRequest, Step
from agents.types_leads import LeadField
from integrations.llm.types import ChatConfig, ChatRequest, ChatResult


class Retrieve(Protocol):
    """Searches knowledge."""

    def __call__(self, *, query: str, category_ids: Sequence[int], previous: str) -> RetrieveResult:
        """Return what answers `query`; `previous` is the contact's message before it, or empty."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use up; reaching one is a normal end, with a person.

    Args:
        n_turns: calls of a model.
        n_tool_calls: tools run.
        n_tokens: input and output of all calls together, as far as measured.
        wall_s: from the first step to the last, in seconds.
    """

    n_turns: int = 8
    n_tool_calls: int = 8
    n_tokens: int = 30_000
    wall_s: float = 60.0


class SavedAnswers(Protocol):
    """Keeps answers that may be given to others; see `agents.runtime.saving`."""

    def find(self, key: str, agent: AgentProfile) -> ChatResult | None:
        """Return the answer of that name, without having asked a model."""

    def keep(self, key: str, result: ChatResult, agent: AgentProfile) -> None:
        """Keep an answer that has passed every check."""


def _nothing_is_alike(text: str, agent_ids: Collection[int]) -> Mapping[int, float]:
    del text, agent_ids
    return {}


def _no_tools(agent: AgentProfile, request: RunRequest) -> Sequence[Tool]:
    del agent, request
    return ()


def _no_fields() -> Sequence[LeadField]:
    return ()


def _nobody_follows(step: Step) -> None:
    del step


@dataclass(frozen=True, slots=True)
class RunContext:
    """The dependencies of a run.

    Args:
        profile_of: the published profile of an agent; raises `DomainError` where it has none.
        retrieve: searches knowledge.
        chat: asks a model with its fallbacks on an agent's behalf; raises `Temporary` or
            `Permanent`.
        clock: the present, aware.
        saved: gives answers again; None where the tenant does not want that.
        liken: likeness of a text to each agent's examples, by agent, -1 to 1; none while the
            vectors are not there.
        tools: what an agent may ask for beside what every agent may.
        lead_fields: what an agent that fills leads is to find out.
        told: is shown each step as it ends, where somebody follows the run; never raises.
    """

    profile_of: Callable[[int], AgentProfile]
    retrieve: Retrieve
    chat: Callable[[ChatConfig, ChatRequest, AgentProfile], ChatResult]
    clock: Callable[[], datetime]
    limits: Limits = field(default_factory=Limits)
    saved: SavedAnswers | None = None
    liken: Callable[[str, Collection[int]], Mapping[int, float]] = _nothing_is_alike
    tools: Callable[[AgentProfile, RunRequest], Sequence[Tool]] = _no_tools
    lead_fields: Callable[[], Sequence[LeadField]] = _no_fields
    told: Callable[[Step], None] = _nobody_follows
