"""Every purpose through the one door: whose model it is, what it costs, and how it fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from integrations.llm.errors import BudgetExhausted, NoProviderAnswered
from integrations.llm.purposes import model_for
from integrations.llm.types import (
    ChatConfig,
    ChatMessage,
    ChatRequest,
    EmbedConfig,
    Embedder,
    Image,
    Purpose,
    Sound,
)
from integrations.models import (
    Breaker,
    Budget,
    ModelCall,
    ModelChoice,
    Notice,
    Reservation,
    Spend,
)
from integrations.prices.models import ModelPrice
from integrations.services import breakers, calls, choices, notices
from integrations.services.credentials import ensure_credential
from tenants.errors import Permanent, Temporary
from tenants.models import Tenant
from tests.fakes.embeddings import FakeEmbeddings
from tests.fakes.embeddings import Mode as EmbedMode
from tests.fakes.llm import FakeLLM, Mode
from tests.workers import at_once

PIXEL = Image("image/png", b"\x89PNG\r\n")
NOTE = Sound("audio/ogg; codecs=opus", b"OggS" * 20, seconds=12)


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as llm:
        yield llm


@pytest.fixture
def other() -> Iterator[FakeLLM]:
    with FakeLLM() as llm:
        yield llm


@pytest.fixture
def vectors() -> Iterator[FakeEmbeddings]:
    with FakeEmbeddings() as vectors:
        yield vectors


def config(llm: FakeLLM, model: str = "fake-1", **more: object) -> ChatConfig:
    return ChatConfig(
        "openai_compatible", model, "k", llm.base_url, credential=model, timeout_s=30, **more
    )  # type: ignore[arg-type]


def price(model: str, *, usd: str = "1", minute: str | None = None) -> None:
    ModelPrice.objects.create(
        provider="openai_compatible",
        model=model,
        valid_from=date(2026, 1, 1),
        input_usd=Decimal(usd),
        output_usd=Decimal(0),
        minute_usd=None if minute is None else Decimal(minute),
    )


def hear(chosen: ChatConfig) -> str:
    caller = calls.caller_of(ModelCall.Origin.CUSTOMER)
    return calls.transcribe(chosen, NOTE, language="pt-br", caller=caller).text


def test_a_recording_that_nobody_could_hear_pauses_nobody(alpha: Tenant) -> None:
    with FakeLLM() as llm:
        chosen = ChatConfig("openai_compatible", "fake-1", "k", llm.base_url, credential="c")
        caller = calls.caller_of(ModelCall.Origin.CUSTOMER)
        for sound in [replace(NOTE, media_type="audio/amr"), replace(NOTE, data=b"")] * 3:
            with pytest.raises(NoProviderAnswered) as told:
                calls.transcribe(chosen, sound, language="pt-br", caller=caller)
            assert [one.error for one in told.value.tries] == ["refused"]
        assert llm.received == []

    assert breakers.may_ask(chosen).allowed
    assert not Breaker.objects.exists()


def embedder(vectors: FakeEmbeddings, origin: ModelCall.Origin) -> Embedder:
    config = EmbedConfig("openai_compatible", "small", "k", vectors.base_url, credential="c")
    return calls.embedder(config, caller=calls.caller_of(origin))


def test_a_purpose_without_a_model_of_its_own_is_served_by_the_one_that_answers() -> None:
    chat, own = ChatConfig("openai", "gpt"), ChatConfig("openai", "mini")
    offline = ChatConfig("offline")
    found = {
        purpose: model_for(purpose, configs={Purpose.CLASSIFY: own}, chat=chat)
        for purpose in Purpose
    }

    assert found[Purpose.CLASSIFY] is own
    assert found[Purpose.SUMMARISE] is found[Purpose.VISION] is found[Purpose.CHAT] is chat
    assert found[Purpose.TRANSCRIBE] is None
    assert model_for(Purpose.SUMMARISE, configs={}, chat=offline) is None
    assert model_for(Purpose.CLASSIFY, configs={Purpose.CLASSIFY: offline}, chat=chat) is None


def test_what_a_tenant_chose_is_asked_and_without_a_choice_nobody_is(
    alpha: Tenant, beta: Tenant
) -> None:
    key = ensure_credential(name="k", provider="openai", api_key="sk").credential
    ModelChoice.objects.create(purpose="chat", credential=key, model="gpt-4o")
    ModelChoice.objects.create(purpose="transcribe", credential=key, model="whisper-1")

    summaries, notes = (
        choices.config_for(purpose) for purpose in (Purpose.SUMMARISE, Purpose.TRANSCRIBE)
    )

    assert [one.model for one in (summaries, notes) if one] == ["gpt-4o", "whisper-1"]
    with tenant_context(beta):
        assert choices.config_for(Purpose.SUMMARISE) is None


@pytest.mark.parametrize("purpose", [Purpose.CLASSIFY, Purpose.SUMMARISE, Purpose.VISION])
def test_each_purpose_stands_in_the_ledger_under_its_name(
    alpha: Tenant, llm: FakeLLM, purpose: Purpose
) -> None:
    llm.say("sim")
    message = ChatMessage("user", "o que é?", images=(PIXEL,) * (purpose is Purpose.VISION))
    request = ChatRequest((message,), purpose=purpose, timeout_s=30)

    calls.chat(config(llm), request, caller=calls.caller_of(ModelCall.Origin.PLAYGROUND))

    row = ModelCall.objects.get()
    assert (row.purpose, row.origin) == (purpose.value, "playground")


def test_a_model_that_cannot_see_goes_on_answering(alpha: Tenant, llm: FakeLLM) -> None:
    caller = calls.caller_of(ModelCall.Origin.CUSTOMER)
    look = ChatRequest(
        (ChatMessage("user", "o que é?", images=(PIXEL,)),), purpose=Purpose.VISION, timeout_s=30
    )
    llm.mode = Mode.BAD_REQUEST
    for _image in range(breakers.MAX_FAILURES + 1):
        with pytest.raises(NoProviderAnswered):
            calls.chat(config(llm), look, caller=caller)
    llm.mode = Mode.SCRIPTED
    llm.say("sim")

    answer = calls.chat(
        config(llm), ChatRequest((ChatMessage("user", "oi"),), timeout_s=30), caller=caller
    )

    assert answer.text == "sim"


def test_an_image_is_reckoned_with_before_the_call(alpha: Tenant, llm: FakeLLM) -> None:
    price("fake-1", usd="1000")
    Budget.objects.create(level="tenant", limit_usd=Decimal("1"))
    request = ChatRequest((ChatMessage("user", "o que é?", images=(PIXEL,)),), max_output_tokens=1)

    with pytest.raises(BudgetExhausted):
        calls.chat(config(llm), request, caller=calls.caller_of(ModelCall.Origin.CUSTOMER))

    assert not llm.received


def test_a_voice_note_is_paid_by_its_length(alpha: Tenant, llm: FakeLLM) -> None:
    price("fake-1", minute="0.60")
    Budget.objects.create(level="tenant", limit_usd=Decimal("1"))
    llm.say("quanto é a limpeza?")

    assert hear(config(llm)) == "quanto é a limpeza?"

    row, spend = ModelCall.objects.get(), Spend.objects.get()
    assert (row.purpose, row.seconds, row.cost_kind) == ("transcribe", 3, "exact")
    assert row.cost_usd == spend.spent_usd == Decimal("0.03")
    assert spend.reserved_usd == 0


def test_who_cannot_hear_is_followed_by_who_can(
    alpha: Tenant, llm: FakeLLM, other: FakeLLM
) -> None:
    llm.mode = Mode.BROKEN
    other.say(*["oi"] * 7)
    chain = config(llm, fallbacks=(config(other, "fake-2"),))

    heard = [hear(chain) for _ in range(7)]

    assert heard == ["oi"] * 7
    assert len(llm.received) == breakers.MAX_FAILURES
    assert ModelCall.objects.filter(model="fake-2", failure="").count() == 7
    assert ModelCall.objects.exclude(failure="").count() == breakers.MAX_FAILURES


def test_from_95_percent_the_cheaper_model_hears(
    alpha: Tenant, llm: FakeLLM, other: FakeLLM
) -> None:
    price("fake-1", minute="0.60")
    price("fake-2", minute="0.10")
    Budget.objects.create(level="tenant", limit_usd=Decimal("3"))
    other.say("oi")
    llm.say("olá")
    chosen = config(llm, cheaper=config(other, "fake-2"))

    first = hear(chosen)
    Spend.objects.update(spent_usd=Decimal("2.80"))

    assert (first, hear(chosen)) == ("olá", "oi")
    assert ModelCall.objects.get(degraded="budget").model == "fake-2"


def test_a_note_that_nobody_hears_gives_its_money_back(alpha: Tenant, llm: FakeLLM) -> None:
    price("fake-1", minute="0.60")
    Budget.objects.create(level="tenant", limit_usd=Decimal("1"))
    llm.mode = Mode.UNAUTHORIZED

    with pytest.raises(NoProviderAnswered) as caught:
        hear(config(llm))

    assert [one.error for one in caught.value.tries] == ["permanent"]
    assert Spend.objects.get().spent_usd == 0
    assert not Reservation.objects.exists()


def test_a_note_is_not_sent_without_the_money_for_it(alpha: Tenant, llm: FakeLLM) -> None:
    price("fake-1", minute="0.60")
    Budget.objects.create(level="tenant", limit_usd=Decimal("0.01"))

    with pytest.raises(BudgetExhausted):
        hear(config(llm))

    assert not llm.received
    assert not ModelCall.objects.exists()


def test_every_purpose_tells_at_once_of_a_budget_that_it_finds_at_its_mark(
    alpha: Tenant, llm: FakeLLM, vectors: FakeEmbeddings
) -> None:
    price("fake-1", usd="1000", minute="1000")
    price("small", usd="1000")
    caller = calls.caller_of(ModelCall.Origin.CUSTOMER)

    def ask(purpose: Purpose) -> None:
        message = ChatMessage("user", "o que é?", images=(PIXEL,) * (purpose is Purpose.VISION))
        match purpose:
            case Purpose.TRANSCRIBE:
                hear(config(llm))
            case Purpose.EMBED:
                embedder(vectors, ModelCall.Origin.CUSTOMER).embed_query("quanto custa?")
            case _:
                request = ChatRequest(
                    (message,), purpose=purpose, max_output_tokens=1, timeout_s=30
                )
                calls.chat(config(llm), request, caller=caller)

    for purpose in Purpose:
        budget = Budget.objects.create(level="tenant", limit_usd=Decimal(100_000))
        if purpose is not Purpose.EMBED:
            llm.say(*["sim"] * 5)  # at 100 % nobody is asked
        ask(purpose)
        told = []
        for mark in (80, 95, 100):
            Spend.objects.filter(budget=budget).update(spent_usd=Decimal(1_000) * mark)
            for _again in range(2):
                with suppress(BudgetExhausted):
                    ask(purpose)
            told.append(Notice.objects.filter(subject__startswith=str(budget.uuid)).count())

        assert told == [1, 2, 3], purpose
        assert len(notices.unseen()) == 3, purpose  # the banner above every page
        budget.delete()
        Notice.objects.all().delete()


def test_embeddings_are_in_the_ledger_to_the_token(
    alpha: Tenant, beta: Tenant, vectors: FakeEmbeddings
) -> None:
    price("small", usd="1000")
    client = embedder(vectors, ModelCall.Origin.KNOWLEDGE)

    passages = client.embed_counted(["a limpeza custa R$ 220,00", "abrimos às 9"])
    question = client.embed_query_counted("quanto custa?")

    rows = list(ModelCall.objects.order_by("pk"))
    assert [row.input_tokens for row in rows] == [passages.n_tokens, question.n_tokens]
    assert (
        sum(row.cost_usd or 0 for row in rows)
        == Decimal((passages.n_tokens or 0) + (question.n_tokens or 0)) / 1000
    )
    assert {(row.purpose, row.origin, row.cost_kind) for row in rows} == {
        ("embed", "knowledge", "exact")
    }
    with tenant_context(beta):
        assert not ModelCall.objects.exists()


def test_without_a_count_the_cost_of_embedding_is_estimated(
    alpha: Tenant, vectors: FakeEmbeddings
) -> None:
    price("small")
    vectors.mode = EmbedMode.UNCOUNTED

    embedder(vectors, ModelCall.Origin.KNOWLEDGE).embed_counted(["abrimos às 9"])

    row = ModelCall.objects.get()
    assert (row.cost_kind, row.input_tokens) == ("estimated", None)
    assert row.cost_usd


def test_a_limit_of_calls_is_for_answers_and_a_limit_of_money_for_all(
    alpha: Tenant, vectors: FakeEmbeddings
) -> None:
    price("small", usd="1000")
    limit = Budget.objects.create(level="tenant", limit_calls=1)
    client = embedder(vectors, ModelCall.Origin.CUSTOMER)

    client.embed_query("um")
    client.embed_query("dois")

    assert Spend.objects.get().n_calls == 0
    limit.limit_usd = Decimal("0.00")
    limit.save()
    with pytest.raises(BudgetExhausted):
        client.embed_query("três")
    assert ModelCall.objects.count() == 2


def test_an_embedding_model_that_fails_is_paused_too(
    alpha: Tenant, vectors: FakeEmbeddings
) -> None:
    vectors.mode = EmbedMode.UNAUTHORIZED
    client = embedder(vectors, ModelCall.Origin.KNOWLEDGE)
    for _ in range(breakers.MAX_FAILURES):
        with pytest.raises(Permanent):
            client.embed_query("oi")

    with pytest.raises(Temporary, match="paused"):
        client.embed_query("oi")

    assert len(vectors.received) == breakers.MAX_FAILURES
    assert Breaker.objects.get().state == Breaker.State.OPEN


def test_the_built_in_model_costs_nothing_and_stands_nowhere(alpha: Tenant) -> None:
    Budget.objects.create(level="tenant", limit_usd=Decimal("0.00"))

    made = calls.embedder(EmbedConfig(), caller=calls.caller_of(ModelCall.Origin.CUSTOMER))

    assert len(made.embed_query("quanto é?")) == made.dimensions
    assert not ModelCall.objects.exists()


def test_two_workers_at_the_edge_of_a_budget_overspend_by_nothing(
    committed_alpha: Tenant, vectors: FakeEmbeddings
) -> None:
    price("small", usd="100000")
    text = "limpeza dental completa"
    # Room for one call's estimate and not for two.
    Budget.objects.create(level="tenant", limit_usd=Decimal("1.20"))
    barrier, refused = threading.Barrier(2), []

    def ask() -> None:
        with schema_context(committed_alpha.schema_name):
            client = embedder(vectors, ModelCall.Origin.KNOWLEDGE)
            barrier.wait(timeout=60)
            try:
                client.embed_query(text)
            except BudgetExhausted as error:
                refused.append(error)
            finally:
                connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(vectors.received) + len(refused) == 2
    spend = Spend.objects.get()
    assert spend.spent_usd <= Decimal("1.20")
    assert spend.reserved_usd == 0
    # Whoever meets the end, one of them tells of it.
    Spend.objects.update(spent_usd=Decimal("1.20"))
    client = embedder(vectors, ModelCall.Origin.KNOWLEDGE)

    def is_refused() -> bool:
        try:
            client.embed_query(text)
        except BudgetExhausted:
            return True
        return False

    assert at_once(is_refused, is_refused) == [True, True]
    assert Notice.objects.filter(kind="budget.exhausted").count() == 1
