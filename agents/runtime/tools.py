"""What a model may ask code to do, and the rounds in which it does so.

The model asks by name with arguments; code decides whether that happens. A tool raises what the
model should do next: `TryAgain` with better arguments, `ToolFailed` to go on without it, or
`NeedsHuman` to leave the conversation to a person.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from agents.runtime import prompts
from agents.runtime.evidence import TOOL_REF
from agents.types import AgentProfile, Reason, StepKind
from integrations.llm import pii
from integrations.llm.types import ChatMessage, ChatResult, Evidence, ToolCall, ToolSpec
from tenants.errors import Permanent, Temporary

MAX_RESULT = 6_000
"""Characters of a result that a model is shown; a longer one crowds out the passages."""

MAX_KEPT = 500
"""Characters of arguments and results that the step keeps."""

MAX_REPEATS = 2
"""How often the same call with the same arguments is answered; the next one ends the run. The
second time a first result is only repeated, for some models overlook it once; what failed is tried
again."""

MAX_FAILURES = 3
"""Failures of one tool after which it is called out of order, whatever the arguments."""


MAX_SAME = 4
"""How often in a row a tool may find the same, asked in different words. Then it is asked no more:
what it finds does not depend on what is being changed."""


class Risk(StrEnum):
    """What a call may do to the world."""

    READ = "read"
    WRITE = "write"
    APPROVAL = "approval"  # only a person may do it; the model can ask them to


class TryAgain(Exception):
    """The arguments are wrong; the message says how they should look."""


class ToolFailed(Exception):
    """It cannot be done; the message is fit for the model."""


class NeedsHuman(Exception):
    """A person has to go on."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Moved(Exception):
    """Another agent goes on, in the same turn."""

    def __init__(self, agent: AgentProfile) -> None:
        super().__init__(agent.name)
        self.agent = agent


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool found or did.

    Args:
        text: what the model reads; data, not to be trusted.
        evidence: what a reply may rest on; where empty, the text itself.
    """

    text: str
    evidence: tuple[Evidence, ...] = ()


class Tool(Protocol):
    """Something that a model may ask for."""

    @property
    def name(self) -> str:
        """Name for the model: letters, digits and underscores."""

    @property
    def description(self) -> str:
        """When to use it, in English, for the model."""

    @property
    def parameters(self) -> Mapping[str, object]:
        """JSON schema of the arguments, an object."""

    @property
    def risk(self) -> Risk:
        """What a call may do."""

    def call(self, arguments: Mapping[str, object]) -> ToolResult:
        """Do it; `arguments` are the model's, unchecked.

        Raises:
            TryAgain: the arguments are wrong.
            ToolFailed: it cannot be done.
            NeedsHuman: a person has to go on.
        """


@runtime_checkable
class Proposes(Protocol):
    """A tool of risk `APPROVAL` that keeps what it is asked for until a person decides."""

    def propose(self, arguments: Mapping[str, object]) -> None:
        """Keep it; nothing is done.

        Raises:
            TryAgain: the arguments are wrong.
            ToolFailed: it cannot be done.
        """


StepOf = Callable[[StepKind], AbstractContextManager[dict[str, object]]]


@dataclass
class Toolbox:
    """The tools of one agent within one run.

    Args:
        limit: calls that may still be made.
        step: opens the step that keeps a call.
        changed: a call has changed something.
    """

    tools: Sequence[Tool]
    limit: int
    step: StepOf
    evidence: list[Evidence] = field(default_factory=list)
    n_calls: int = 0
    changed: bool = False
    _seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    _results: dict[tuple[str, str], str] = field(default_factory=dict)
    _failures: Counter[str] = field(default_factory=Counter)
    _same: dict[str, tuple[str, int]] = field(default_factory=dict)

    def specs(self) -> tuple[ToolSpec, ...]:
        """Return the tools as a model is told of them."""
        return tuple(ToolSpec(one.name, one.description, one.parameters) for one in self.tools)

    def answer(self, result: ChatResult) -> tuple[ChatMessage, ...]:
        """Make the calls that a model asks for; return them and their results as messages.

        Raises:
            Moved: another agent goes on.
            NeedsHuman: a person has to go on.
        """
        answered = tuple(
            ChatMessage("tool", self._call(call), tool_call_id=call.call_id)
            for call in result.tool_calls
        )
        return (ChatMessage("assistant", result.text, tool_calls=result.tool_calls), *answered)

    def _call(self, call: ToolCall) -> str:
        with self.step(StepKind.TOOL) as data:
            data.update(tool=call.name, arguments=pii.bare(call.arguments)[:MAX_KEPT])
            text = self._result(call, data)
            data["result"] = pii.bare(text)[:MAX_KEPT]
            return prompts.render(prompts.ToolResultPrompt(call.name, text))

    def _result(self, call: ToolCall, data: dict[str, object]) -> str:
        tool = next((one for one in self.tools if one.name == call.name), None)
        arguments = _arguments(call.arguments)
        if tool is None:
            data["refused"] = "unknown"
            return "There is no such tool."
        if arguments is None:
            data["refused"] = "arguments"
            return "The arguments are no JSON object. Try again."
        data["risk"] = tool.risk.value
        key = (call.name, json.dumps(arguments, sort_keys=True))
        self._seen[key] += 1
        if self._seen[key] > MAX_REPEATS:
            data["refused"] = "repeated"
            raise NeedsHuman(Reason.TOOL_LOOP)
        if key in self._results:
            data["refused"] = "repeated"
            return f"You asked exactly this before. The result was: {self._results[key]}"
        if self._failures[call.name] >= MAX_FAILURES:
            data["refused"] = "out_of_order"
            return "This tool does not work now. Go on without it."
        if self._same.get(call.name, ("", 0))[1] >= MAX_SAME:
            data["refused"] = "no_progress"
            return "This tool keeps finding the same. Go on with what you know."
        self._count(data)
        return self._made(tool, arguments, key, data)

    def _count(self, data: dict[str, object]) -> None:
        if self.n_calls >= self.limit:
            data["refused"] = "n_tool_calls"
            raise NeedsHuman(Reason.LIMIT_REACHED)
        self.n_calls += 1

    def _made(
        self,
        tool: Tool,
        arguments: Mapping[str, object],
        key: tuple[str, str],
        data: dict[str, object],
    ) -> str:
        try:
            if tool.risk is Risk.APPROVAL:
                if isinstance(tool, Proposes):
                    tool.propose(arguments)
                raise NeedsHuman(Reason.TOOL_APPROVAL)  # noqa: TRY301 - with what `call` may raise
            result = tool.call(arguments)
        except NeedsHuman as need:
            data["refused"] = need.reason.value
            raise
        except TryAgain as error:
            self._failures[tool.name] += 1
            data["refused"] = "try_again"
            return f"Not done: {error} Try again with better arguments."
        except (ToolFailed, Temporary, Permanent) as error:
            self._failures[tool.name] += 1
            data["refused"] = "failed"
            return f"It failed: {error}. Do not say that it worked."
        self._results[key] = text = result.text[:MAX_RESULT]
        self.changed |= tool.risk is Risk.WRITE
        if tool.risk is Risk.READ:
            before, n_same = self._same.get(tool.name, ("", 0))
            self._same[tool.name] = (text, n_same + 1 if text == before else 1)
        found = result.evidence or (
            Evidence(f"{TOOL_REF}{tool.name}/{self.n_calls}", text, tool.name),
        )
        self.evidence += found
        data["passages"] = [
            {"ref": one.ref, "source": one.source, "title": one.title, "text": one.text[:MAX_KEPT]}
            for one in found
        ]
        return text


def _arguments(text: str) -> dict[str, object] | None:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):  # nested too deep to be read
        return None
    return value if isinstance(value, dict) else None
