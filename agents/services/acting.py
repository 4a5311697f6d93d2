"""The tools of the business as an agent's run knows them: described or approved, never coded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from agents.runtime.evidence import TOOL_REF
from agents.runtime.tools import NeedsHuman, Risk, Tool, ToolFailed, ToolResult, TryAgain
from agents.types import AgentProfile, Reason, RunRequest
from integrations.llm.types import Evidence
from integrations.models import ModelCall
from integrations.services import http_tools, tool_requests
from integrations.services.calls import Caller
from integrations.services.http_tools import Asking
from integrations.services.tool_outcomes import State
from integrations.services.tool_requests import Definition
from integrations.services.tool_values import BadArguments, Known, NotKnown, Value

_NOTHING = "It answered with nothing in it."


def tools_of(agent: AgentProfile, request: RunRequest, *, caller: Caller) -> Sequence[Tool]:
    """Return the tools that an agent may call on behalf of a contact, by name.

    In the playground nothing is changed: there a change is only said to have been asked for.
    """
    if not agent.tools:
        return ()
    active = http_tools.active()
    found = sorted((active[ref] for ref in agent.tools if ref in active), key=lambda one: one.name)
    facts = dict(request.contact_facts)
    identity = request.identity
    # Shared: what one tool found, another one may be asked with.
    said = [*request.burst, *(one.text for one in request.transcript if one.role == "contact")]
    said += facts.values()
    known = Known(
        phone=identity.phone,
        name=facts.get("name") or request.contact_name,
        email=facts.get("email", ""),
        contact_uuid=identity.contact_uuid,
        conversation_uuid=identity.conversation_uuid,
        said=said,
    )
    asking = Asking(
        burst=identity.burst,
        agent_name=agent.name,
        conversation_uuid=UUID(identity.conversation_uuid) if identity.conversation_uuid else None,
        turn_uuid=caller.turn_uuid,
    )
    is_real = caller.origin == ModelCall.Origin.CUSTOMER and bool(identity.burst)
    return [_Tool(one, known, asking, said, is_real) for one in found]


@dataclass
class _Tool:
    """One tool within one run.

    Args:
        found: where results are added that other calls may use.
        is_real: changes are made.
    """

    definition: Definition
    known: Known
    asking: Asking
    found: list[str]
    is_real: bool
    n_calls: int = 0

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def description(self) -> str:
        return self.definition.description

    @property
    def parameters(self) -> Mapping[str, object]:
        return self.definition.schema()

    @property
    def risk(self) -> Risk:
        return Risk(self.definition.risk)

    def call(self, arguments: Mapping[str, object]) -> ToolResult:
        """Do it; see `agents.runtime.tools.Tool`."""
        with _told():
            values = self._values(arguments)
            if self.definition.changes and not self.is_real:
                return ToolResult("This is a trial: nothing was changed. Answer as if it had been.")
            called = http_tools.call(self.definition, values, asking=self.asking)
        match called.state:
            case State.DONE:
                return self._result(called.text or _NOTHING)
            case State.BEFORE:
                return self._result(
                    "It was done before for these messages, and not again. The result was:"
                    f" {called.text or _NOTHING}"
                )
            case State.UNKNOWN:
                raise NeedsHuman(Reason.TOOL_UNSURE)
            case State.REFUSED:
                answer = f". The answer was: {called.text}" if called.text else ""
                raise ToolFailed(f"{called.reason}{answer}")

    def _result(self, text: str) -> ToolResult:
        self.found.append(text)
        ref = f"{TOOL_REF}{self.name}/{self.n_calls}"
        # What the business wrote of the tool says what its bare values are about.
        return ToolResult(text, (Evidence(ref, text, self.name, self.description),))

    def propose(self, arguments: Mapping[str, object]) -> None:
        """Keep it for a person; see `agents.runtime.tools.Proposes`."""
        with _told():
            values = self._values(arguments)
            if self.is_real:
                http_tools.propose(self.definition, values, asking=self.asking)

    def _values(self, arguments: Mapping[str, object]) -> dict[str, Value]:
        if self.n_calls >= self.definition.max_calls and not self.definition.changes:
            raise ToolFailed("it was called often enough for one answer")
        values = tool_requests.arguments(self.definition, arguments, self.known)
        self.n_calls += 1
        return values


@contextmanager
def _told() -> Iterator[None]:
    """Turn what is wrong with arguments into what the model should do."""
    try:
        yield
    except BadArguments as error:
        raise TryAgain(str(error)) from error
    except NotKnown as error:
        raise ToolFailed(str(error)) from error
