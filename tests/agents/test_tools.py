from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from agents.runtime.context import Limits
from agents.runtime.tools import NeedsHuman, Risk, ToolFailed, ToolResult, TryAgain
from agents.types import AgentKind, Reason, Reply, StepKind
from tests.agents.worlds import World, kinds, needs_human, remote, run, step
from tests.fakes.llm import FakeLLM

FOUND = ToolResult("Há 7 unidades do produto 310.")


@dataclass
class Stock:
    """A tool of an integration agent."""

    outcome: ToolResult | Exception = FOUND
    risk: Risk = Risk.READ
    calls: list[Mapping[str, object]] = field(default_factory=list)
    name: str = "stock"
    description: str = "How many are left."

    @property
    def parameters(self) -> Mapping[str, object]:
        return {"type": "object", "properties": {"product": {"type": "string"}}}

    def call(self, arguments: Mapping[str, object]) -> ToolResult:
        self.calls.append(arguments)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def integration(llm: FakeLLM):
    return replace(remote(llm), kind=AgentKind.INTEGRATION, category_ids=())


def test_a_reply_may_rest_on_what_a_tool_found(world: World, llm: FakeLLM) -> None:
    tool = Stock()
    world.tools = {1: (tool,)}
    llm.call("stock", product="310")
    llm.say("Temos 7 unidades do produto 310.")

    result = run(world, "quantos tem do 310?", agent=integration(llm))

    assert result.outcome == Reply("Temos 7 unidades do produto 310.")
    assert tool.calls == [{"product": "310"}]
    assert kinds(result).count(StepKind.TOOL) == 1
    assert step(result, StepKind.TOOL)["risk"] == "read"
    assert llm.offered[0] == ["stock", "need_person"]
    assert "<result" in str(llm.prompts[1][-1])


@pytest.mark.parametrize("arguments", ["[" * 1500, '{"product": ' * 1500], ids=["list", "object"])
def test_arguments_that_are_nested_too_deep_are_asked_for_again(
    world: World, llm: FakeLLM, arguments: str
) -> None:
    tool = Stock()
    world.tools = {1: (tool,)}
    llm.call_raw("stock", arguments)
    llm.call("stock", product="310")
    llm.say("Temos 7 unidades do produto 310.")

    result = run(world, "quantos tem do 310?", agent=integration(llm))

    assert result.outcome == Reply("Temos 7 unidades do produto 310.")
    assert tool.calls == [{"product": "310"}]
    assert "no JSON object" in str(llm.prompts[1][-1])


def test_what_no_tool_found_is_held_back(world: World, llm: FakeLLM) -> None:
    world.tools = {1: (Stock(),)}
    llm.call("stock", product="310")
    llm.say("Custa R$ 99,90 cada.", "Custa R$ 99,90 mesmo.")

    assert needs_human(run(world, "e o 310?", agent=integration(llm))).reason == Reason.UNGROUNDED


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (TryAgain("a product looks like 310."), "a product looks like 310"),
        (ToolFailed("no such product"), "no such product"),
    ],
)
def test_a_model_is_told_what_went_wrong(
    world: World, llm: FakeLLM, outcome: Exception, told: str
) -> None:
    world.tools = {1: (Stock(outcome),)}
    llm.call("stock", product="x")
    llm.say("Não consegui consultar agora.")

    result = run(world, "e o x?", agent=integration(llm))

    assert isinstance(result.outcome, Reply)
    assert told in str(llm.prompts[1][-1])


def test_a_tool_may_ask_for_a_person(world: World, llm: FakeLLM) -> None:
    world.tools = {1: (Stock(NeedsHuman(Reason.TOOL_APPROVAL)),)}
    llm.call("stock")

    assert needs_human(run(world, "e?", agent=integration(llm))).reason == Reason.TOOL_APPROVAL


def test_what_only_a_person_may_do_is_never_run(world: World, llm: FakeLLM) -> None:
    tool = Stock(risk=Risk.APPROVAL)
    world.tools = {1: (tool,)}
    llm.call("stock")

    assert needs_human(run(world, "e?", agent=integration(llm))).reason == Reason.TOOL_APPROVAL
    assert tool.calls == []


def test_the_same_call_is_made_once_and_then_ends_the_run(world: World, llm: FakeLLM) -> None:
    tool = Stock()
    world.tools = {1: (tool,)}
    for _ in range(3):
        llm.call("stock", product="310")

    result = run(world, "e o 310?", agent=integration(llm))

    assert needs_human(result).reason == Reason.TOOL_LOOP
    assert len(tool.calls) == 1
    assert "You asked exactly this before" in str(llm.prompts[2][-1])


def test_calls_of_tools_are_limited(llm: FakeLLM) -> None:
    world = World(limits=Limits(n_tool_calls=2))
    tool = Stock()
    world.tools = {1: (tool,)}
    for product in "123":
        llm.call("stock", product=product)

    assert needs_human(run(world, "e?", agent=integration(llm))).reason == Reason.LIMIT_REACHED
    assert len(tool.calls) == 2


def test_a_tool_that_keeps_failing_is_called_out_of_order(world: World, llm: FakeLLM) -> None:
    tool = Stock(ToolFailed("away"))
    world.tools = {1: (tool,)}
    for product in "1234":
        llm.call("stock", product=product)
    llm.say("Não consegui consultar.")

    run(world, "e?", agent=integration(llm))

    assert len(tool.calls) == 3
    assert "does not work now" in str(llm.prompts[4][-1])


@pytest.mark.parametrize("name", ["no_such_tool", "transfer"])
def test_a_tool_that_was_not_offered_does_nothing(world: World, llm: FakeLLM, name: str) -> None:
    world.tools = {1: (Stock(),)}
    llm.call(name, agent="Orçamentos", reason="x", goal="y")
    llm.say("Certo.")

    result = run(world, "e?", agent=integration(llm))

    assert isinstance(result.outcome, Reply)
    assert step(result, StepKind.TOOL)["refused"] == "unknown"


def test_an_agent_with_neither_colleagues_nor_tools_offers_none(world: World, llm: FakeLLM) -> None:
    llm.say("Custa R$ 220,00.")

    run(world, "quanto custa?", agent=remote(llm))

    assert llm.offered == [[]]
