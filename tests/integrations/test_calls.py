from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from integrations.llm.errors import BudgetExhausted, NoProviderAnswered
from integrations.llm.types import ChatConfig, ChatMessage, ChatRequest, ChatResult
from integrations.models import (
    Breaker,
    Budget,
    ModelCall,
    Notice,
    Reservation,
    SavedAnswer,
    Spend,
)
from integrations.prices.models import ModelPrice
from integrations.services import breakers, budget_use, calls, saved_answers
from integrations.services.calls import Caller
from tenants.models import Tenant
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.http import Answer, json_answer
from tests.fakes.llm import FakeLLM, Mode, count

PROMPT = (ChatMessage("system", "You answer."), ChatMessage("user", "quanto é a limpeza?"))
AGENT = uuid.UUID(int=7)


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as llm:
        yield llm


@pytest.fixture
def other() -> Iterator[FakeLLM]:
    with FakeLLM(Mode.EVIDENCE) as llm:
        yield llm


def config(llm: FakeLLM, model: str = "fake-1", **more: object) -> ChatConfig:
    return ChatConfig(
        "openai_compatible", model, "k", llm.base_url, credential=model, timeout_s=30, **more
    )  # type: ignore[arg-type]


def caller(**more: object) -> Caller:
    return Caller(
        ModelCall.Origin.CUSTOMER,
        "America/Sao_Paulo",
        agent_uuid=AGENT,
        agent_name="Recepção",
        **more,
    )  # type: ignore[arg-type]


def ask(chosen: ChatConfig, **more: object) -> ChatResult:
    request = ChatRequest(PROMPT, max_output_tokens=100, timeout_s=30)
    return calls.chat(chosen, request, caller=caller(**more))


def priced(model: str = "fake-1", *, usd: str = "1000") -> None:
    ModelPrice.objects.create(
        provider="openai_compatible",
        model=model,
        valid_from=date(2026, 1, 1),
        input_usd=Decimal(usd),
        output_usd=Decimal(usd),
    )


def test_the_ledger_holds_what_the_provider_counted(alpha: Tenant, llm: FakeLLM) -> None:
    priced()
    llm.say("A limpeza custa R$ 220,00.", "Sim.")

    ask(config(llm))
    ask(config(llm))

    asked = sum(count(message.text) for message in PROMPT)
    rows = list(ModelCall.objects.order_by("pk"))
    assert [row.input_tokens for row in rows] == [asked, asked]
    assert [row.output_tokens for row in rows] == [5, 1]
    assert sum(row.cost_usd or 0 for row in rows) == Decimal(2 * asked + 6) / 1000
    assert {(row.cost_kind, row.origin, row.agent_name) for row in rows} == {
        ("exact", "customer", "Recepção")
    }
    assert rows[0].price["source"] == "own"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_what_anthropic_writes_to_its_cache_is_priced_as_that(alpha: Tenant, stream: bool) -> None:
    ModelPrice.objects.create(
        provider="anthropic",
        model="claude-fake",
        valid_from=date(2026, 1, 1),
        input_usd=Decimal(1_000),
        cached_input_usd=Decimal(100),
        cache_write_usd=Decimal(1_250),
        output_usd=Decimal(5_000),
    )
    with FakeAnthropic() as server:
        server.n_kept = 4
        server.say("A limpeza custa R$ 220,00.")
        chosen = ChatConfig("anthropic", "claude-fake", "k", server.base_url, timeout_s=30)

        calls.chat(chosen, ChatRequest(PROMPT, stream=stream), caller=caller())

    row = ModelCall.objects.get()
    n_input = sum(count(message.text) for message in PROMPT) + 4
    assert (row.input_tokens, row.cached_input_tokens, row.cache_write_tokens) == (n_input, 3, 4)
    thousandths = 1_000 * (n_input - 7) + 100 * 3 + 1_250 * 4 + 5_000 * 5
    assert (row.cost_kind, row.cost_usd) == ("exact", Decimal(thousandths) / 1_000_000)


def test_without_a_price_the_cost_is_not_measured(alpha: Tenant, llm: FakeLLM) -> None:
    llm.say("Sim.")

    ask(config(llm))

    row = ModelCall.objects.get()
    assert (row.cost_kind, row.cost_usd, row.output_tokens) == ("unknown", None, 1)


def answered_as(model: str) -> Answer:
    """Return a server's answer that counts a million tokens of output and gives its own name."""
    message = {"role": "assistant", "content": "Sim."}
    usage = {"prompt_tokens": 0, "completion_tokens": 1_000_000}
    return json_answer({"model": model, "choices": [{"message": message}], "usage": usage})


def test_a_gateways_own_name_of_a_model_costs_what_was_written_for_the_one_asked_for(
    alpha: Tenant, llm: FakeLLM
) -> None:
    priced("nosso-modelo", usd="3")
    llm.script(answered_as("meta-llama/Llama-3.3-70B"))

    result = ask(config(llm, "nosso-modelo"))
    saved_answers.keep("k" * 64, result, caller=caller(), now=timezone.now())

    row = ModelCall.objects.get()
    assert (row.model, row.cost_kind) == ("meta-llama/Llama-3.3-70B", "exact")
    assert row.cost_usd == SavedAnswer.objects.get().usd == 3


def test_the_price_of_what_answered_comes_before_that_of_what_was_asked_for(
    alpha: Tenant, llm: FakeLLM
) -> None:
    priced("mais-novo", usd="3")
    priced("mais-novo-grande", usd="5")
    llm.script(answered_as("mais-novo-grande"))

    ask(config(llm, "mais-novo"))

    assert ModelCall.objects.get().cost_usd == 5


def test_an_answer_stands_whatever_name_the_server_gives_itself(
    alpha: Tenant, llm: FakeLLM
) -> None:
    llm.script(answered_as("a\0b\n" + "c" * 200))

    result = ask(config(llm))

    assert (result.text, result.model) == ("Sim.", "ab" + "c" * 118)
    assert ModelCall.objects.get().model == result.model


def test_a_count_that_can_be_none_is_estimated_and_the_answer_stands(
    alpha: Tenant, llm: FakeLLM
) -> None:
    priced()
    message = {"role": "assistant", "content": "Sim."}
    usage = {"prompt_tokens": -1, "completion_tokens": 2**31}
    llm.script(json_answer({"choices": [{"message": message}], "usage": usage}))

    assert ask(config(llm)).text == "Sim."

    row = ModelCall.objects.get()
    assert (row.input_tokens, row.output_tokens, row.cost_kind) == (None, None, "estimated")


def test_each_hop_of_a_fallback_stands_in_the_ledger(
    alpha: Tenant, llm: FakeLLM, other: FakeLLM
) -> None:
    llm.mode = Mode.UNAUTHORIZED

    result = ask(config(llm, fallbacks=(config(other, "fake-2"),)))

    assert result.model == "fake-2"
    hops = ModelCall.objects.order_by("hop").values_list("model", "credential", "hop", "failure")
    assert list(hops) == [
        ("fake-1", "fake-1", 0, "HTTP 401 invalid_api_key"),
        ("fake-2", "fake-2", 1, ""),
    ]


def test_a_provider_that_dies_is_paused_and_the_fallback_answers_meanwhile(
    alpha: Tenant, llm: FakeLLM, other: FakeLLM
) -> None:
    llm.mode = Mode.BROKEN
    chain = config(llm, fallbacks=(config(other, "fake-2"),))

    results = [ask(chain) for _ in range(12)]

    assert [result.model for result in results] == ["fake-2"] * 12
    assert len(llm.received) == breakers.MAX_FAILURES
    assert Breaker.objects.get(model="fake-1").state == Breaker.State.OPEN


def test_requests_that_are_refused_one_by_one_pause_nobody(alpha: Tenant, llm: FakeLLM) -> None:
    llm.mode = Mode.BAD_REQUEST
    for _ in range(breakers.MAX_FAILURES + 1):
        with pytest.raises(NoProviderAnswered):
            ask(config(llm))
    llm.mode = Mode.SCRIPTED
    llm.say("Sim.")

    assert ask(config(llm)).text == "Sim."
    assert not Breaker.objects.exists()


def test_a_refusal_of_every_request_pauses_whatever_its_status(alpha: Tenant, llm: FakeLLM) -> None:
    gone = {"error": {"message": "x", "code": "model_decommissioned"}}
    for _ in range(breakers.MAX_FAILURES):
        llm.script(json_answer(gone, status=400))
        with pytest.raises(NoProviderAnswered):
            ask(config(llm))

    assert Breaker.objects.get().reason == "HTTP 400 model_decommissioned"
    assert Breaker.objects.get().state == Breaker.State.OPEN


def test_calls_that_nobody_made_use_up_no_limit(alpha: Tenant, llm: FakeLLM) -> None:
    Budget.objects.create(level="tenant", limit_calls=breakers.MAX_FAILURES + 2)
    llm.mode = Mode.UNAUTHORIZED

    for _ in range(breakers.MAX_FAILURES + 4):
        with pytest.raises(NoProviderAnswered):
            ask(config(llm))

    assert Spend.objects.get().n_calls == len(llm.received) == breakers.MAX_FAILURES


def test_nobody_left_to_ask_is_said_so(alpha: Tenant, llm: FakeLLM) -> None:
    llm.mode = Mode.UNAUTHORIZED
    for _ in range(breakers.MAX_FAILURES):
        with pytest.raises(NoProviderAnswered):
            ask(config(llm))

    with pytest.raises(NoProviderAnswered) as caught:
        ask(config(llm))

    assert [one.error for one in caught.value.tries] == ["refused"]
    assert len(llm.received) == breakers.MAX_FAILURES


def test_from_95_percent_the_cheaper_model_answers(
    alpha: Tenant, llm: FakeLLM, other: FakeLLM
) -> None:
    priced("fake-1")
    priced("fake-2", usd="1")
    Budget.objects.create(level="tenant", limit_usd=Decimal("1"))
    cheaper = config(other, "fake-2")
    llm.say("caro")
    first = ask(config(llm, cheaper=cheaper))
    Spend.objects.update(spent_usd=Decimal("0.96"))

    second = ask(config(llm, cheaper=cheaper))

    assert (first.model, second.model) == ("fake-1", "fake-2")
    assert second.degraded == "budget"
    assert ModelCall.objects.get(model="fake-2").degraded == "budget"


def test_at_100_percent_nobody_is_asked(alpha: Tenant, llm: FakeLLM) -> None:
    priced()
    Budget.objects.create(level="agent", agent_uuid=AGENT, limit_usd=Decimal("0.01"))

    with pytest.raises(BudgetExhausted):
        ask(config(llm))

    assert not llm.received
    assert not ModelCall.objects.exists()


@pytest.mark.parametrize("limit", [{"limit_usd": 0}, {"limit_calls": 0}, {"limit_usd": "0.01"}])
def test_a_budget_that_is_full_from_the_start_is_told_of_once(
    alpha: Tenant, llm: FakeLLM, limit: dict[str, Any]
) -> None:
    priced()
    Budget.objects.create(level="tenant", **limit)

    for _again in range(2):
        with pytest.raises(BudgetExhausted):
            ask(config(llm))

    assert Notice.objects.get().kind == "budget.exhausted"
    assert llm.received == []


def test_what_a_model_reasons_with_is_set_aside_too(alpha: Tenant, llm: FakeLLM) -> None:
    priced("gpt-5")
    priced("gpt-4o")
    Budget.objects.create(level="tenant", limit_usd=Decimal(1))  # for 1,000 tokens
    llm.say("Sim.")

    ask(config(llm, "gpt-4o"))
    with pytest.raises(BudgetExhausted):
        ask(config(llm, "gpt-5"))


def test_what_failed_gives_its_money_back(alpha: Tenant, llm: FakeLLM) -> None:
    priced()
    Budget.objects.create(level="tenant", limit_usd=Decimal("10"))
    llm.mode = Mode.UNAUTHORIZED

    with pytest.raises(NoProviderAnswered):
        ask(config(llm))

    spend = Spend.objects.get()
    assert (spend.spent_usd, spend.reserved_usd) == (0, 0)
    assert not Reservation.objects.exists()


def thought_only(llm: FakeLLM) -> None:
    """Answer the next request with nothing: its 100 tokens went into thoughts."""
    usage = {"prompt_tokens": 10, "completion_tokens": 100}
    choice = {"message": {"role": "assistant", "content": None}, "finish_reason": "length"}
    llm.script(json_answer({"model": "fake-1", "choices": [choice], "usage": usage}))


def test_a_limit_that_thinking_used_up_is_paid_for_once_and_the_fallback_answers(
    alpha: Tenant, llm: FakeLLM, other: FakeLLM
) -> None:
    priced("fake-1")
    priced("fake-2")
    Budget.objects.create(level="tenant", limit_usd=Decimal("10"))
    thought_only(llm)

    result = ask(config(llm, fallbacks=(config(other, "fake-2"),)))

    assert result.model == "fake-2"
    lost, paid = ModelCall.objects.order_by("hop")
    assert (lost.input_tokens, lost.output_tokens) == (10, 100)
    assert (lost.cost_kind, lost.cost_usd) == ("exact", Decimal("0.11"))
    assert lost.price["source"] == "own"
    spend = Spend.objects.get()
    assert (spend.spent_usd, spend.reserved_usd) == (lost.cost_usd + paid.cost_usd, 0)


def test_a_limit_that_thinking_used_up_is_no_outage(alpha: Tenant, llm: FakeLLM) -> None:
    priced()
    Budget.objects.create(level="tenant", limit_usd=Decimal("10"))
    n_calls = breakers.MAX_FAILURES + 1
    for _ in range(n_calls):
        thought_only(llm)
        with pytest.raises(NoProviderAnswered):
            ask(config(llm))

    assert len(llm.received) == n_calls
    assert not Breaker.objects.exists()
    assert Spend.objects.get().spent_usd == n_calls * Decimal("0.11")


def test_answers_without_a_word_are_paid_for_each(alpha: Tenant, llm: FakeLLM) -> None:
    priced()
    Budget.objects.create(level="tenant", limit_usd=Decimal("10"))
    llm.mode = Mode.EMPTY
    llm.say("um dois", "um dois")

    with pytest.raises(NoProviderAnswered):
        ask(config(llm))

    rows = ModelCall.objects.all()
    assert [(row.output_tokens, row.cost_kind) for row in rows] == [(2, "exact")] * 2
    assert Spend.objects.get().spent_usd == sum(row.cost_usd or 0 for row in rows)


def test_the_day_of_each_tenant_decides_on_the_price_the_budget_and_the_page(
    alpha: Tenant, beta: Tenant, llm: FakeLLM
) -> None:
    # Whatever the hour, these two never have the same day, and one of them is not on that of UTC.
    now = timezone.now()
    ahead, behind = (
        (zone, now.astimezone(ZoneInfo(zone)).date()) for zone in ("Etc/GMT-14", "Etc/GMT+12")
    )
    llm.say("Sim.")

    def ask_at(zone: str) -> None:
        priced(usd="1")
        ModelPrice.objects.create(  # dearer from the day on that only one of them has reached
            provider="openai_compatible",
            model="fake-1",
            valid_from=ahead[1],
            input_usd=Decimal(500_000),
            output_usd=Decimal(500_000),
        )
        Budget.objects.create(level="tenant", period="day", limit_usd=Decimal(10))
        who = Caller(ModelCall.Origin.CUSTOMER, zone)
        calls.chat(config(llm), ChatRequest(PROMPT, max_output_tokens=100), caller=who)

    with pytest.raises(BudgetExhausted):
        ask_at(ahead[0])
    with tenant_context(beta):
        ask_at(behind[0])

    assert llm.received[1:] == []
    for tenant, (zone, day) in ((alpha, ahead), (beta, behind)):
        with tenant_context(tenant):
            assert Spend.objects.get().period_start == day
            (use,) = budget_use.uses(now=now, timezone=zone).values()
            assert use.n_calls == (1 if tenant == beta else 0)


def test_two_tenants_keep_their_own_ledgers(alpha: Tenant, beta: Tenant, llm: FakeLLM) -> None:
    llm.say("Sim.", "Não.")
    ask(config(llm))

    with tenant_context(beta):
        assert not ModelCall.objects.exists()
        ask(config(llm))
        assert ModelCall.objects.count() == 1
