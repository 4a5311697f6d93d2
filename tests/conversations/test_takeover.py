"""Between the assistant and people: by the panel, by the phone, by time; nothing said twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django_tenants.utils import tenant_context

from agents.models import Agent
from channels_whatsapp.models import BridgeEvent
from conversations.models import Conversation, InboundMessage, OutboundMessage, Turn
from conversations.services import lifecycle, replying, takeover
from tenants import timers
from tenants.audit.models import AuditEntry
from tenants.context import database_now
from tenants.models import Timer
from tests.factories import (
    learn,
    make_agent,
    make_device,
    make_queue,
    message_body,
    phone_body,
    receive,
    ring_people,
    work,
)
from tests.fakes.http import json_answer
from tests.fakes.llm import FakeLLM, Mode
from tests.workers import at_once


def conversation() -> Conversation:
    return Conversation.objects.get()


def make_due(kind: str = "return", **columns: object) -> None:
    """Let the time of something have come."""
    past = database_now() - timedelta(seconds=1)
    Conversation.objects.update(**dict.fromkeys(columns, past) or {"returns_at": past})
    Timer.objects.filter(kind=kind).update(due_at=past)


def person_says(text: str, *, actor: str = "ana") -> None:
    replying.reply_as_person(
        conversation_uuid=conversation().uuid, text=text, actor=actor, now=database_now()
    )


def take(actor: str = "ana") -> Conversation:
    return takeover.take_over(
        conversation_uuid=conversation().uuid, actor=actor, now=database_now()
    )


def test_typing_on_the_phone_takes_the_conversation_and_silences_the_assistant(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("quanto custa a limpeza?"))

    receive(device, phone_body("oi, aqui é o Carlos"))
    work()

    found = conversation()
    assert (found.mode, found.claimed_by) == ("human", takeover.PHONE)
    assert timedelta(minutes=29) < found.returns_at - database_now() < timedelta(minutes=31)
    assert bridge.sent == []
    assert BridgeEvent.objects.order_by("pk").last().reason == "from_the_phone"
    assert AuditEntry.objects.filter(
        action="conversation.taken_over", actor=takeover.PHONE
    ).exists()


@pytest.mark.parametrize("by", ["panel", "phone"])
def test_what_waited_at_the_taking_over_says_that_it_was_left_to_a_person(alpha, by):
    device = make_device(make_agent())
    receive(device, message_body("quanto custa a limpeza?"))

    if by == "panel":
        take()
    else:
        receive(device, phone_body("custa 220"))

    assert InboundMessage.objects.get().silence_reason == "human_mode"


def test_what_waited_at_the_end_says_so_and_is_answered_where_it_is_given_back(alpha, bridge):
    learn()
    receive(
        make_device(make_agent(), bridge_url=bridge.url), message_body("quanto custa a limpeza?")
    )
    held, now = conversation().uuid, database_now()
    takeover.archive(conversation_uuid=held, actor="ana", now=now)
    assert InboundMessage.objects.get().silence_reason == "archived"

    lifecycle.reopen(conversation_uuid=held, actor="ana", now=now)
    takeover.give_back(conversation_uuid=held, actor="ana", now=now)
    work()

    assert "220,00" in bridge.sent[0].body


def test_the_time_of_return_is_the_agents(alpha, bridge):
    agent = make_agent()
    Agent.objects.update(return_after_min=5)
    receive(make_device(agent, bridge_url=bridge.url), phone_body("oi"))
    in_five = conversation().returns_at - database_now()
    takeover.give_back(conversation_uuid=conversation().uuid, actor="ana", now=database_now())
    Agent.objects.update(return_after_min=0)
    take()

    assert timedelta(minutes=4) < in_five < timedelta(minutes=6)
    assert conversation().returns_at is None


def test_each_message_of_a_person_puts_the_return_off(alpha, bridge):
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, phone_body("oi"))
    for speak in (lambda: receive(device, phone_body("já vejo")), lambda: person_says("pronto")):
        soon = database_now() + timedelta(minutes=1)
        Conversation.objects.update(returns_at=soon)
        speak()
        assert conversation().returns_at > soon + timedelta(minutes=20)


def test_after_its_time_the_assistant_answers_what_nobody_has_answered(alpha, bridge):
    learn()
    with FakeLLM(Mode.EVIDENCE) as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        receive(device, message_body("bom dia"))
        receive(device, phone_body("Bom dia! Deixei um horário às 15h para você."))
        receive(device, message_body("obrigada! e quanto custa a limpeza?"))
        work()
        assert bridge.sent == []
        make_due()
        outcomes = ring_people("return")
        work()

    assert outcomes == ["return:done"]
    assert conversation().mode == "ai"
    assert "220,00" in bridge.sent[0].body
    assert Turn.objects.get().n_messages == 1  # the greeting was answered by a person
    assert "horário às 15h" in str(llm.prompts[-1])


def test_what_a_person_has_answered_is_not_answered_again(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("quanto custa a limpeza?"))
    receive(device, phone_body("R$ 200 para você"))
    make_due()
    ring_people("return")
    work()

    assert conversation().mode == "ai"
    assert bridge.sent == []


def test_an_old_question_is_not_dug_up(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, phone_body("oi"))
    receive(device, message_body("quanto custa a limpeza?"))
    OutboundMessage.objects.update(created_at=database_now() - timedelta(days=3))
    InboundMessage.objects.update(received_at=database_now() - timedelta(days=2))
    make_due()
    ring_people("return")
    work()

    assert conversation().mode == "ai"
    assert bridge.sent == []


def test_a_return_that_was_put_off_waits(alpha, bridge):
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, phone_body("oi"))
    Timer.objects.filter(kind="return").update(due_at=database_now() - timedelta(seconds=1))

    assert ring_people("return") == ["return:not_due"]
    assert conversation().mode == "human"
    assert Timer.objects.get(kind="return").due_at == conversation().returns_at


def test_ia_on_the_phone_lets_the_assistant_in_at_once(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, phone_body("oi"))
    receive(device, message_body("quanto custa a limpeza?"))
    receive(device, phone_body("#IA "))
    work()

    assert conversation().mode == "ai"
    assert "220,00" in bridge.sent[0].body
    assert BridgeEvent.objects.order_by("pk").last().reason == "command_ia"


@pytest.mark.parametrize(
    ("text", "minutes"), [("#pausa", None), ("#pausa 120", 120), ("#PAUSA 5 min", 5)]
)
def test_pausa_on_the_phone_holds_the_assistant(alpha, bridge, text, minutes):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("quanto custa a limpeza?"))
    receive(device, phone_body(text))
    work()

    found = conversation()
    assert (found.mode, bridge.sent) == ("human", [])
    if minutes is None:
        assert found.returns_at is None
    else:
        left = found.returns_at - database_now()
        assert timedelta(minutes=minutes - 1) < left <= timedelta(minutes=minutes)
    receive(device, phone_body("mais uma coisa"))
    assert (conversation().returns_at is None) == (minutes is None)


def test_a_contact_commands_nothing_and_no_model_reads_a_command(alpha, bridge):
    learn()
    with FakeLLM(Mode.EVIDENCE) as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        receive(device, message_body("#pausa"))
        assert conversation().mode == "ai"
        receive(device, phone_body("#pausa"))
        receive(device, message_body("#ia"))
        assert conversation().mode == "human"
        receive(device, message_body("quanto custa a limpeza?"))
        receive(device, phone_body("#ia"))
        work()

        assert "pausa 1" not in str(llm.prompts)
        history = str(llm.prompts[-1])
    assert "220,00" in bridge.sent[0].body
    assert history.count("#pausa") == 1  # the contact's own


def test_what_was_typed_long_ago_takes_nothing_over(alpha, bridge):
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("oi"))
    old = phone_body("oi").replace(database_now().strftime("%Y-%m-%dT").encode(), b"2026-01-01T")
    receive(device, old)

    assert conversation().mode == "ai"
    assert OutboundMessage.objects.filter(origin="phone").exists()


def test_our_own_echo_takes_nothing_over(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("oi"))
    work()
    receive(device, phone_body("olá", ref=bridge.sent[0].ref))

    assert conversation().mode == "ai"


def test_a_person_gives_back_and_the_agent_is_the_one_from_before(alpha, bridge):
    learn()
    queue = make_queue()
    agent = make_agent(handoffs=[queue])
    receive(make_device(agent, bridge_url=bridge.url), message_body("quero falar com um atendente"))
    work()
    left = conversation()
    assert (left.mode, left.queue, left.agent) == ("human", queue, agent)
    assert left.answer_due_at - left.waiting_since == timedelta(minutes=15)

    take()
    person_says("Oi, sou a Ana. Já resolvi.")
    takeover.give_back(conversation_uuid=left.uuid, actor="ana", now=database_now())

    back = conversation()
    assert (back.mode, back.queue, back.agent, back.claimed_by) == ("ai", None, agent, "")


def test_of_two_people_one_gets_the_conversation_and_the_other_is_told_who(committed_alpha, bridge):
    make_queue()
    receive(
        make_device(make_agent(), bridge_url=bridge.url),
        message_body("quero falar com um atendente"),
    )
    work()

    found = at_once(lambda: take("ana").claimed_by, lambda: take("bia").claimed_by)
    told = [one.who for one in found if isinstance(one, takeover.AlreadyTaken)]

    winner = conversation().claimed_by
    assert winner in found
    assert told == [winner]
    assert AuditEntry.objects.filter(action="conversation.claimed").count() == 1


def test_of_two_workers_one_brings_the_assistant_back(committed_alpha, bridge):
    receive(make_device(make_agent(), bridge_url=bridge.url), phone_body("oi"))
    make_due()
    bell = timers.claim_due(kind="return", max_running=10, limit=10)[0]

    outcomes = at_once(*[lambda: takeover.return_due(timer_id=bell.timer_id, token=bell.token)] * 2)

    assert sorted(outcomes) == ["done", "not_ours"]
    assert AuditEntry.objects.filter(action="conversation.returned").count() == 1


def test_two_tenants_with_conversations_of_the_same_id(alpha, beta, bridge):
    first = make_device(make_agent(), bridge_url=bridge.url)
    receive(first, message_body("oi", phone="5511900000001"))
    with tenant_context(beta):
        second = make_device(make_agent(), bridge_url=bridge.url)
        receive(second, message_body("oi", phone="5511900000002"))
        theirs = conversation()
        Conversation.objects.filter(pk=theirs.pk).update(returns_at=None)
    Timer.objects.filter(kind="turn").delete()

    receive(first, phone_body("oi", phone="5511900000001"))
    make_due()

    assert ring_people("return") == ["return:done"]
    assert conversation().mode == "ai"
    with tenant_context(beta):
        assert (conversation().mode, conversation().mode_reason) == ("ai", "")
        assert not AuditEntry.objects.filter(action__startswith="conversation.").exists()


def test_taking_over_while_a_send_is_repeated_ends_the_repeating(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("quanto custa a limpeza?"))
    away = {"code": 500, "error": "no session", "success": False}
    bridge.script(json_answer(away, status=500), path="/chat/send/text")
    work(rounds=1)
    assert OutboundMessage.objects.get().status == "handed"
    receive(device, phone_body("deixa comigo"))
    OutboundMessage.objects.update(next_attempt_at=database_now() - timedelta(seconds=1))
    Timer.objects.filter(kind="send").update(due_at=database_now() - timedelta(seconds=1))
    work()

    assert bridge.sent == []
    assert OutboundMessage.objects.get(origin="agent").status == "cancelled"
