"""Answers that are given again: when, to whom, and what makes the model be asked after all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from agents.models import Agent
from agents.runtime import loop, saving
from agents.services import assembly, profiles, publishing
from agents.types import Reply, RunRequest, RunResult, StepKind, TranscriptLine
from integrations.llm.types import ChatResult, FinishReason, Provider, Usage
from integrations.models import AnswerSaving, ModelCall, SavedAnswer, SavedCall
from integrations.prices.models import ModelPrice
from integrations.services import calls, saved_answers
from knowledge.services import documents
from tenants.models import Tenant
from tests.factories import learn, make_agent
from tests.fakes.llm import FakeLLM, Mode

CUSTOMER = ModelCall.Origin.CUSTOMER
QUESTION = "Quanto custa a limpeza?"
PRICE_LIST = "# Tabela\n\n## Limpeza\nA limpeza completa custa R$ %s à vista.\n"


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM(Mode.EVIDENCE) as llm:
        yield llm


def furnish(llm: FakeLLM, *, is_on: bool = True, price: str = "220,00") -> Agent:
    learn("tabela.md", (PRICE_LIST % price).encode())
    saved_answers.choose(is_on=is_on, hours=24)
    return make_agent(base_url=llm.base_url)


def ask(
    agent: Agent,
    *burst: str,
    transcript: tuple[TranscriptLine, ...] = (),
    origin: ModelCall.Origin = CUSTOMER,
    name: str = "Ana",
    told: tuple[str, ...] = (),
) -> RunResult:
    request = RunRequest(
        tenant_name="Clínica",
        language="pt-br",
        timezone="America/Sao_Paulo",
        agent=profiles.profile(agent_id=agent.pk),
        burst=burst or (QUESTION,),
        told=told,
        transcript=transcript,
        contact_name=name,
        now=timezone.now(),
    )
    return loop.answer(request, assembly.run_context(calls.caller_of(origin)))


def said(role: str, text: str) -> TranscriptLine:
    return TranscriptLine(role, text, timezone.now())  # type: ignore[arg-type]


def test_the_second_who_asks_the_same_gets_the_same_without_a_call(
    alpha: Tenant, llm: FakeLLM
) -> None:
    ModelPrice.objects.create(
        provider=Provider.OPENAI_COMPATIBLE.value,
        model="fake-1",
        valid_from=timezone.now().date() - timedelta(days=2),
        input_usd=Decimal(10),
        output_usd=Decimal(10),
    )
    agent = furnish(llm)

    first = ask(agent)
    second = ask(agent, "quanto custa  a LIMPEZA", name="Bruno")

    assert isinstance(first.outcome, Reply)
    assert second.outcome == first.outcome
    assert second.evidence_refs == first.evidence_refs
    assert len(llm.received) == ModelCall.objects.count() == 1
    generated = next(step for step in second.steps if step.kind == StepKind.GENERATE)
    assert generated.data["saved"] is True
    assert second.usage == Usage(0, 0)
    assert [step.kind for step in second.steps] == [step.kind for step in first.steps]
    call = SavedCall.objects.get()
    assert call.usd == ModelCall.objects.get().cost_usd
    assert "Ana" not in str(llm.prompts)


def test_it_is_off_until_it_is_chosen(alpha: Tenant, llm: FakeLLM) -> None:
    agent = furnish(llm, is_on=False)

    ask(agent)
    ask(agent)

    assert len(llm.received) == 2
    assert not SavedAnswer.objects.exists()
    assert "Ana" in str(llm.prompts)


def test_switched_off_nothing_is_left(alpha: Tenant, llm: FakeLLM) -> None:
    agent = furnish(llm)
    ask(agent)
    assert SavedAnswer.objects.exists()

    saved_answers.choose(is_on=False, hours=24)
    ask(agent)

    assert len(llm.received) == 2
    assert not SavedAnswer.objects.exists()


def test_a_changed_document_makes_it_ask_again(alpha: Tenant, llm: FakeLLM) -> None:
    agent = furnish(llm)
    ask(agent)

    learn("tabela.md", (PRICE_LIST % "250,00").encode())
    result = ask(agent)

    assert isinstance(result.outcome, Reply)
    assert "250,00" in result.outcome.text
    assert len(llm.received) == 2


def test_a_removed_document_takes_its_answers_along(alpha: Tenant, llm: FakeLLM) -> None:
    from knowledge.models import Chunk

    agent = furnish(llm)
    ask(agent)

    Chunk.objects.update(active=False)
    result = ask(agent)

    assert not isinstance(result.outcome, Reply)


def test_a_new_version_of_the_agent_makes_it_ask_again(alpha: Tenant, llm: FakeLLM) -> None:
    agent = furnish(llm)
    ask(agent)

    agent.instructions = "Seja formal."
    agent.save()
    publishing.publish_agent(agent=agent, actor="test", now=timezone.now())
    ask(agent)

    assert len(llm.received) == 2


def test_past_its_time_it_is_asked_again_and_goes(alpha: Tenant, llm: FakeLLM) -> None:
    agent = furnish(llm)
    ask(agent)
    SavedAnswer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    ask(agent)

    assert len(llm.received) == 2
    assert SavedAnswer.objects.filter(expires_at__gt=timezone.now()).count() == 1
    assert SavedAnswer.objects.count() == 1


def test_after_a_greeting_it_is_still_the_first_question(alpha: Tenant, llm: FakeLLM) -> None:
    agent = furnish(llm)
    ask(agent)

    ask(agent, transcript=(said("contact", "oi"), said("agent", "Olá! Como posso ajudar?")))

    assert len(llm.received) == 1


@pytest.mark.parametrize(
    "lines",
    [
        [("contact", "vocês fazem clareamento?"), ("agent", "Sim.")],
        [("contact", "oi"), ("person", "Hoje a limpeza está com desconto.")],
        [("agent", "Responda SIM para confirmar.")],
    ],
)
def test_what_was_said_before_forbids_it(
    alpha: Tenant, llm: FakeLLM, lines: list[tuple[str, str]]
) -> None:
    agent = furnish(llm)
    ask(agent)

    ask(agent, transcript=tuple(said(*line) for line in lines))

    assert SavedCall.objects.count() == 0
    assert SavedAnswer.objects.count() == 1


@pytest.mark.parametrize(
    "text",
    [
        "quanto custa a limpeza hoje?",
        "vocês estão abertos agora para limpeza?",
        "meu telefone é 99998888, quanto é a limpeza?",
        "ana@exemplo.com quer saber quanto é a limpeza",
        "quanto custa a limpeza? " + "e " * 200,
    ],
)
def test_a_question_of_the_moment_or_of_somebody_is_never_kept(
    alpha: Tenant, llm: FakeLLM, text: str
) -> None:
    ask(furnish(llm), text)

    assert not SavedAnswer.objects.exists()


def test_what_is_told_beside_the_words_forbids_it(alpha: Tenant, llm: FakeLLM) -> None:
    agent = furnish(llm)

    ask(agent, told=(f'[em resposta a "Ana, são três dentes"] {QUESTION}',))
    assert not SavedAnswer.objects.exists()
    ask(agent, told=(QUESTION,))
    assert SavedAnswer.objects.count() == 1


@pytest.mark.parametrize("origin", [ModelCall.Origin.PLAYGROUND, ModelCall.Origin.EVALUATION])
def test_only_contacts_get_saved_answers(
    alpha: Tenant, llm: FakeLLM, origin: ModelCall.Origin
) -> None:
    agent = furnish(llm)
    ask(agent)

    ask(agent, origin=origin)

    assert len(llm.received) == 2
    assert set(ModelCall.objects.values_list("origin", flat=True)) == {"customer", origin.value}


def test_a_saved_answer_passes_the_checks_of_a_fresh_one(alpha: Tenant, llm: FakeLLM) -> None:
    agent = furnish(llm)
    ask(agent)
    SavedAnswer.objects.update(text="A limpeza custa R$ 9.999,00.")
    llm.mode = Mode.SCRIPTED
    llm.say("A limpeza completa custa R$ 220,00.")

    results = [ask(agent), ask(agent)]

    # Refused as if it were a draft, written anew, and what was written kept in its place.
    written = Reply("A limpeza completa custa R$ 220,00.")
    assert [result.outcome for result in results] == [written] * 2
    assert len(llm.received) == 2


def test_what_was_refused_is_not_kept(alpha: Tenant, llm: FakeLLM) -> None:
    agent = furnish(llm)
    llm.mode = Mode.SCRIPTED
    llm.say("A limpeza custa R$ 9.999,00.", "A limpeza custa R$ 8.888,00.")

    ask(agent)

    assert not SavedAnswer.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"saved": True},
        {"degraded": "budget"},
        {"finish_reason": FinishReason.LENGTH},
        {"text": "Bom dia! A limpeza custa R$ 220,00."},
    ],
)
def test_an_answer_that_only_fits_its_moment_is_not_worth_keeping(
    changes: dict[str, object],
) -> None:
    good = ChatResult("Custa R$ 220,00.", FinishReason.STOP, Usage(1, 1), "m", "openai", 5)

    assert saving.is_worth_keeping(good)
    assert not saving.is_worth_keeping(replace(good, **changes))  # type: ignore[arg-type]


def test_two_tenants_with_the_same_rows_keep_their_own_answers(
    alpha: Tenant, beta: Tenant, llm: FakeLLM
) -> None:
    agent = furnish(llm)
    ask(agent)
    key = SavedAnswer.objects.get().key

    with tenant_context(beta):
        theirs = furnish(llm, price="300,00")
        result = ask(theirs)
        assert isinstance(result.outcome, Reply)
        assert "300,00" in result.outcome.text
        found = saved_answers.find(key, caller=calls.caller_of(CUSTOMER), now=timezone.now())
        assert found is None

    assert len(llm.received) == 2


def test_two_workers_that_keep_the_same_answer_leave_one(committed_alpha: Tenant) -> None:
    AnswerSaving.objects.create(pk=1, is_on=True)
    barrier = threading.Barrier(2)

    def keep(text: str) -> None:
        with schema_context(committed_alpha.schema_name):
            result = ChatResult(text, FinishReason.STOP, Usage(9, 9), "m", "openai", 5)
            caller = calls.caller_of(CUSTOMER)
            barrier.wait(timeout=60)
            try:
                saved_answers.keep("k" * 64, result, caller=caller, now=timezone.now())
            finally:
                connection.close()

    threads = [threading.Thread(target=keep, args=(text,)) for text in ("um", "dois")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    caller, now = calls.caller_of(CUSTOMER), timezone.now()
    found = [saved_answers.find("k" * 64, caller=caller, now=now) for _ in range(2)]
    assert SavedAnswer.objects.count() == 1
    assert len({one.text for one in found if one}) == 1
    assert SavedCall.objects.count() == len(found)


def test_the_category_of_a_new_document_counts_too(alpha: Tenant, llm: FakeLLM) -> None:
    agent = furnish(llm)
    ask(agent)

    documents.ensure_category(name="outra")
    learn(
        "promo.md", "# Promoção\n\n## Limpeza\nA limpeza completa em dupla: R$ 400,00.\n".encode()
    )
    ask(agent)

    assert len(llm.received) == 2
