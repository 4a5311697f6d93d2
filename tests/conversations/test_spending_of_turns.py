"""Turns whose model fails, costs money, or has none left."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import override

from conversations.models import Turn
from conversations.services import explaining
from integrations.llm.types import Provider
from integrations.models import Breaker, Budget, ModelCall, SavedCall
from integrations.prices.models import ModelPrice
from integrations.services import breakers, saved_answers
from knowledge.models import Category, Document
from knowledge.services import faqs, ingesting
from tenants.context import database_now
from tenants.models import Tenant
from tests.factories import learn, make_agent, make_device, message_body, receive, work
from tests.fakes.bridge import FakeBridge
from tests.fakes.llm import FakeLLM, Mode

QUESTION = "vocês têm estacionamento?"


PRICES = "# Tabela\n\n## Limpeza\nA limpeza completa custa R$ 220,00 à vista.\n".encode()
"""Running text: nobody has approved it as an answer."""


def approve(question: str = QUESTION, answer: str = "Sim, ao lado, por R$ 10,00.") -> Document:
    """Keep an answer that people have written."""
    now = database_now()
    document = faqs.save_faq(
        category=Category.objects.get(),
        question=question,
        answer=answer,
        phrasings=(),
        now=now,
        actor="ana",
    )
    ingesting.ingest_document(document_id=document.pk, now=now)
    return document


def test_a_call_stands_in_the_ledger_with_its_conversation(
    alpha: Tenant, bridge: FakeBridge, llm: FakeLLM
) -> None:
    learn()
    device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)

    receive(device, message_body("quanto custa a limpeza?"))
    work()

    call, turn = ModelCall.objects.get(), Turn.objects.get()
    assert (call.turn_uuid, call.conversation_uuid) == (turn.uuid, turn.conversation.uuid)
    assert (call.purpose, call.origin, call.agent_name) == ("chat", "customer", "Recepção")
    assert (call.input_tokens, call.output_tokens) == (turn.input_tokens, turn.output_tokens)


def test_while_a_provider_is_dead_everybody_still_gets_an_answer_and_never_an_error(
    alpha: Tenant, bridge: FakeBridge, llm: FakeLLM
) -> None:
    learn("tabela.md", PRICES)
    approve()
    llm.mode = Mode.UNAUTHORIZED
    device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
    phones = [f"551198888{n:04d}" for n in range(8)]

    for n, phone in enumerate(phones):
        asked = QUESTION if n % 2 else "quanto custa a limpeza?"
        receive(device, message_body(asked, phone=phone, ref=f"A{n}"))
    work()

    said = [bridge.sent_to(phone)[0].body for phone in phones]
    assert all(len(bridge.sent_to(phone)) == 1 for phone in phones)
    assert [text for text in said[1::2] if "R$ 10,00" not in text] == []
    assert not [text for text in said if "HTTP" in text or "401" in text]
    assert Turn.objects.filter(outcome="needs_human", reason="llm_unavailable").count() == 4
    assert Breaker.objects.get().state == Breaker.State.OPEN
    assert len(llm.received) == breakers.MAX_FAILURES


def test_without_money_the_approved_answer_is_sent_and_else_a_person_called(
    alpha: Tenant, bridge: FakeBridge, llm: FakeLLM
) -> None:
    learn("tabela.md", PRICES)
    approve()
    ModelPrice.objects.create(
        provider=Provider.OPENAI_COMPATIBLE.value,
        model="fake-1",
        valid_from=database_now().date(),
        input_usd=Decimal(10),
        output_usd=Decimal(10),
    )
    Budget.objects.create(level="tenant", limit_usd=Decimal("0.00"))
    device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)

    receive(device, message_body(QUESTION, phone="5511988880001", ref="A1"))
    receive(device, message_body("quanto custa a limpeza?", phone="5511988880002", ref="A2"))
    work()

    assert "R$ 10,00" in bridge.sent_to("5511988880001")[0].body
    assert Turn.objects.get(outcome="needs_human").reason == "budget_used"
    assert not llm.received


def test_a_saved_answer_goes_to_the_next_contact_and_says_where_it_comes_from(
    alpha: Tenant, bridge: FakeBridge, llm: FakeLLM
) -> None:
    learn("tabela.md", PRICES)
    saved_answers.choose(is_on=True, hours=24)
    device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
    phones = ["5511988880001", "5511988880002"]

    for n, phone in enumerate(phones):
        receive(device, message_body("quanto custa a limpeza?", phone=phone, ref=f"A{n}"))
        work()

    said = [bridge.sent_to(phone)[0].body for phone in phones]
    assert said[0] == said[1]
    assert "R$ 220,00" in said[0]
    assert len(llm.received) == ModelCall.objects.count() == 1
    turn = Turn.objects.order_by("pk")[1]
    assert SavedCall.objects.get().turn_uuid == turn.uuid
    assert (turn.provider, turn.input_tokens) == ("openai_compatible", 0)
    with override("en"):
        steps = {step.kind: dict(step.facts) for step in explaining.explain_turn(turn).steps}
    assert steps["generate"]["Who was asked"] == "nobody: from the saved answers"
