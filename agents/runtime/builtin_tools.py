"""The tools that every agent with a model may have: to pass on, to call a person, to search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.runtime.briefing import Said
from agents.runtime.tools import Risk, ToolFailed, ToolResult, TryAgain
from agents.types import AgentRef, RetrieveResult

MAX_FOUND = 5
"""Passages that one search of the model brings; the first search has brought as many."""


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Brief(_Arguments):
    reason: str = Field("", max_length=1_000)
    goal: str = Field("", max_length=2_000)
    done: list[str] = Field([], max_length=20)
    pending: list[str] = Field([], max_length=20)
    tone: str = Field("", max_length=200)

    def said(self) -> Said:
        return Said(self.goal, tuple(self.done), tuple(self.pending), self.tone)


class _Transfer(_Brief):
    agent: str


class _Search(_Arguments):
    query: str = Field(min_length=2, max_length=400)


Model = TypeVar("Model", bound=_Arguments)

_BRIEF: Mapping[str, object] = {
    "reason": {"type": "string", "description": "Why, in at most fifteen words."},
    "goal": {"type": "string", "description": "What the contact wants, in one sentence."},
    "done": {
        "type": "array",
        "items": {"type": "string"},
        "description": "What was already answered or done.",
    },
    "pending": {"type": "array", "items": {"type": "string"}, "description": "What is still open."},
    "tone": {"type": "string", "description": "How the contact feels, in one or two words."},
}


def _parsed(kind: type[Model], arguments: Mapping[str, object]) -> Model:
    try:
        return kind.model_validate(arguments)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
        )
        raise TryAgain(f"{wrong}.") from error


@dataclass(frozen=True)
class Transfer:
    """Passes the conversation to an agent that is allowed.

    Args:
        hand: applies it; raises what the run does next.
    """

    allowed: Sequence[AgentRef]
    hand: Callable[[AgentRef, str, Said], None]
    name: str = "transfer"
    risk: Risk = Risk.READ

    @property
    def description(self) -> str:
        """When to use it, with those who may be named."""
        listed = "\n".join(
            f"- {one.name}" + (f": {one.role}" if one.role else "") for one in self.allowed
        )
        return (
            "Pass the conversation to a colleague whose subject this is. They go on at once with"
            f" what you tell them here, and the contact repeats nothing. Colleagues:\n{listed}"
        )

    @property
    def parameters(self) -> Mapping[str, object]:
        """JSON schema of the arguments."""
        names = [one.name for one in self.allowed]
        return {
            "type": "object",
            "properties": {"agent": {"type": "string", "enum": names}, **_BRIEF},
            "required": ["agent", "reason", "goal"],
        }

    def call(self, arguments: Mapping[str, object]) -> ToolResult:
        """Look the name up among the allowed ones and pass on.

        Raises:
            TryAgain: no such colleague, or not now.
            Moved: it is done.
            NeedsHuman: it leads to people, or was done too often.
        """
        given = _parsed(_Transfer, arguments)
        wanted = given.agent.strip().casefold()
        target = next((one for one in self.allowed if one.name.casefold() == wanted), None)
        if target is None:
            names = ", ".join(one.name for one in self.allowed)
            raise TryAgain(f"There is no such colleague; there are: {names}.")
        self.hand(target, given.reason, given.said())
        return ToolResult("Done.")  # not reached: `hand` always raises


@dataclass(frozen=True)
class NeedPerson:
    """Leaves the conversation to a person."""

    hand: Callable[[str, Said], None]
    name: str = "need_person"
    risk: Risk = Risk.READ
    description: str = (
        "Call a person of the business: the contact asks for one, is upset, or needs something that"
        " neither the passages nor your tools can give."
    )

    @property
    def parameters(self) -> Mapping[str, object]:
        """JSON schema of the arguments."""
        return {"type": "object", "properties": dict(_BRIEF), "required": ["reason", "goal"]}

    def call(self, arguments: Mapping[str, object]) -> ToolResult:
        """Leave it to a person.

        Raises:
            NeedsHuman: always.
        """
        given = _parsed(_Brief, arguments)
        self.hand(given.reason, given.said())
        return ToolResult("Done.")  # not reached: `hand` always raises


@dataclass(frozen=True)
class SearchKnowledge:
    """Searches what the agent may read once more, in other words."""

    search: Callable[[str], RetrieveResult]
    name: str = "search_knowledge"
    risk: Risk = Risk.READ
    description: str = (
        "Search the business's documents again in other words, when the passages you were given do"
        " not answer. What it returns may be used like a passage."
    )

    @property
    def parameters(self) -> Mapping[str, object]:
        """JSON schema of the arguments."""
        return {
            "type": "object",
            "properties": {"query": {"type": "string", "description": "A question or words."}},
            "required": ["query"],
        }

    def call(self, arguments: Mapping[str, object]) -> ToolResult:
        """Search.

        Raises:
            TryAgain: there is no query.
            ToolFailed: nothing was found.
        """
        given = _parsed(_Search, arguments)
        found = self.search(given.query).passages[:MAX_FOUND]
        if not found:
            raise ToolFailed("nothing was found")
        evidence = tuple(one.evidence for one in found)
        return ToolResult("\n\n".join(f"{one.title}\n{one.text}" for one in evidence), evidence)
