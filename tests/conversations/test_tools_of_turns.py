"""Tools in real turns: identity from code, a change once, also when the turn is made again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.translation import override

from agents.models import Agent
from agents.services import publishing
from channels_whatsapp.models import Device
from conversations.models import ContactAddress, Conversation, Turn
from conversations.services import explaining, opening, orchestrator, playground
from integrations.models import HttpToolCall
from integrations.services import breakers
from tenants import timers
from tenants.context import database_now
from tenants.models import Tenant, Timer
from tests.factories import learn, make_agent, make_device, make_queue, message_body, receive, work
from tests.fakes.bridge import FakeBridge
from tests.fakes.http import Answer, json_answer
from tests.fakes.llm import FakeLLM
from tests.integrations.tools import Shop, make_tool


@pytest.fixture
def bridge() -> Iterator[FakeBridge]:
    with FakeBridge() as bridge:
        yield bridge


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as llm:
        yield llm


@pytest.fixture
def shop() -> Iterator[Shop]:
    breakers.forget()
    with Shop() as shop:
        shop.respond = lambda _: json_answer({"dia": "2026-11-23", "hora": "15:00"})
        yield shop


def make_agenda(llm: FakeLLM, shop: Shop, **values: object) -> Agent:
    agent = make_agent("Agenda", kind="integration", base_url=llm.base_url)
    agent.categories.clear()
    agent.handoffs.set([make_queue()])
    agent.tools.set([make_tool(shop.url, **values)])
    publishing.publish_agent(agent=agent, actor="test", now=timezone.now())
    return agent


def device_of(llm: FakeLLM, shop: Shop, bridge: FakeBridge, **values: object) -> Device:
    return make_device(make_agenda(llm, shop, **values), bridge_url=bridge.url)


def test_a_model_that_books_twice_books_once(
    alpha: Tenant, bridge: FakeBridge, llm: FakeLLM, shop: Shop
) -> None:
    device = device_of(llm, shop, bridge)
    llm.call("book", day="2026-11-23")
    llm.call("book", day="2026-11-23 ")
    llm.call("book", day="2026-11-23")
    booked = "Seu horário foi agendado para segunda, 23/11, às 15h. Até lá!"
    llm.say(booked)

    receive(device, message_body("marca dia 23 por favor"))
    work()

    assert [one.body for one in bridge.sent] == [booked]
    assert len(shop.received) == 1
    assert shop.received[0].json() == {"day": "2026-11-23", "phone": "5511988887777"}
    call = HttpToolCall.objects.get()
    turn = Turn.objects.get()
    assert (call.turn_uuid, call.conversation_uuid) == (turn.uuid, turn.conversation.uuid)
    assert call.agent_name == "Agenda"
    with override("en"):
        view = explaining.explain_turn(turn)
    first, alike, again = (dict(step.facts) for step in view.steps if step.kind == "tool")
    assert "2026-11-23" in first["Result"]
    assert "done before" in alike["Result"]
    assert again["Refused"] == "the same was asked before"
    assert "Result" not in again
    source = view.sentences[0].sources[0]
    assert (source.name, source.title, source.version) == ("book", "Books a day.", "")


def test_a_turn_that_is_made_again_books_nothing_twice(
    alpha: Tenant, bridge: FakeBridge, llm: FakeLLM, shop: Shop
) -> None:
    device = device_of(llm, shop, bridge)
    llm.call("book", day="2026-11-23")
    llm.call("book", day="2026-11-23")
    llm.say("Pronto! Marcado para 23/11 às 15h.")
    receive(device, message_body("marca dia 23 por favor"))
    [bell] = timers.claim_due(kind="turn", max_running=10, limit=10)
    [claim] = timers.begin([(bell.timer_id, bell.token)])
    opened = opening.open_turns([claim])[claim]
    assert isinstance(opened, opening.Open)
    context = orchestrator.assembly.run_context(orchestrator.caller_of(opened))
    [book] = context.tools(opened.request.agent, opened.request)
    book.call({"day": "2026-11-23"})  # and here its worker dies, before anything is committed
    lost = database_now() - timedelta(seconds=1)
    Timer.objects.update(due_at=lost, lease_until=lost)

    work()

    assert len(shop.received) == 1
    assert len(bridge.sent) == 1
    assert [one.status for one in Turn.objects.order_by("pk")] == ["failed", "done"]


def test_an_unknown_outcome_is_left_to_a_person(
    alpha: Tenant, bridge: FakeBridge, llm: FakeLLM, shop: Shop
) -> None:
    device = device_of(llm, shop, bridge)
    shop.respond = lambda _: Answer(500)
    llm.call("book", day="2026-11-23")

    receive(device, message_body("marca dia 23 por favor"))
    work()

    turn = Turn.objects.get()
    assert (turn.outcome, turn.reason) == ("needs_human", "tool_unsure")
    assert Conversation.objects.get().mode != "ai"


def test_what_needs_a_yes_waits_for_a_person_with_the_conversation(
    alpha: Tenant, bridge: FakeBridge, llm: FakeLLM, shop: Shop
) -> None:
    device = device_of(llm, shop, bridge, risk="approval")
    llm.call("book", day="2026-11-23")

    receive(device, message_body("marca dia 23 por favor"))
    work()

    assert Turn.objects.get().reason == "tool_approval"
    assert HttpToolCall.objects.get().status == "waiting"
    assert shop.received == []


def test_a_model_names_no_contact_and_no_order_that_nobody_wrote(
    alpha: Tenant, bridge: FakeBridge, llm: FakeLLM, shop: Shop
) -> None:
    order = {"name": "order", "from": "said"}
    values = {"risk": "read", "method": "GET", "parameters": [order], "name": "find"}
    device = device_of(llm, shop, bridge, **values)
    llm.call("find", order="B-777")
    llm.call("find", order="A-991", phone="5511900000000")
    llm.call("find", order="A-991")
    llm.say("Seu pedido está marcado para 23/11 às 15h.")

    receive(device, message_body("cadê meu pedido A-991?"))
    work()

    assert [one.query for one in shop.received] == ["order=A-991"]
    assert len(bridge.sent) == 1


def test_of_two_phones_a_tool_is_told_the_one_that_is_written_to(
    alpha: Tenant, bridge: FakeBridge, llm: FakeLLM, shop: Shop
) -> None:
    device = device_of(llm, shop, bridge)
    llm.call("book", day="2026-11-23")
    llm.say("Seu horário foi agendado para segunda, 23/11, às 15h.")
    receive(device, message_body("marca dia 23 por favor", phone="5511977776666"))
    contact = Conversation.objects.get().contact
    ContactAddress.objects.create(contact=contact, kind="phone", value="5521988887777")

    work()

    assert [one.phone for one in bridge.sent] == ["5511977776666"]
    assert [one.json()["phone"] for one in shop.received] == ["5511977776666"]


def test_a_tool_that_is_off_or_not_allowed_is_not_offered(
    alpha: Tenant, bridge: FakeBridge, llm: FakeLLM, shop: Shop
) -> None:
    learn()
    make_tool(shop.url, name="not_mine")
    agent = make_agenda(llm, shop)
    device = make_device(agent, bridge_url=bridge.url)
    llm.say("Olá! Para que dia?")

    receive(device, message_body("quero marcar um horário"))
    work()

    assert "not_mine" not in llm.offered[0]
    assert "book" in llm.offered[0]


def test_nothing_is_said_to_be_booked_that_was_not(
    alpha: Tenant, bridge: FakeBridge, llm: FakeLLM, shop: Shop
) -> None:
    device = device_of(llm, shop, bridge)
    llm.say("Pronto, foi agendado!", "Já marquei o seu horário.")

    receive(device, message_body("marca dia 23 por favor"))
    work()

    assert Turn.objects.get().outcome == "needs_human"
    assert shop.received == []


def test_the_playground_looks_up_and_changes_nothing(
    alpha: Tenant, llm: FakeLLM, shop: Shop
) -> None:
    agent = make_agenda(llm, shop)
    reading = {"risk": "read", "method": "GET", "parameters": [], "name": "find"}
    agent.tools.add(make_tool(shop.url, **reading))
    publishing.publish_agent(agent=agent, actor="test", now=timezone.now())
    llm.call("book", day="2026-11-23")
    llm.call("find")
    llm.say("Seu horário foi agendado para 23/11 às 15h.")
    trial = playground.Trial(agent=agent, version=None, messages=("marca dia 23 por favor",))

    tried = playground.try_out(trial, now=timezone.now())

    assert [one.method for one in shop.received] == ["GET"]
    assert "agendado" in tried.answers[0].bubbles[0].text
