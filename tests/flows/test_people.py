"""The story of one conversation: assistant, a person from the panel, and the assistant again."""

from __future__ import annotations

from datetime import timedelta

from agents.models import Agent
from conversations.models import Conversation, Turn
from conversations.services import takeover
from tenants.context import database_now
from tenants.models import Timer
from tests.admin.conftest import as_role
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
from tests.fakes.bridge import FakeBridge
from tests.fakes.llm import FakeLLM, Mode

QUEUE = "/admin/conversations/conversation/queue/"


def texts(bridge: FakeBridge) -> list[str]:
    return [one.body for one in bridge.sent]


def let_undo_pass() -> None:
    past = database_now() - timedelta(seconds=1)
    Conversation.objects.get().outbound.filter(status="created").update(next_attempt_at=past)
    Timer.objects.filter(kind="send").update(due_at=past)


def test_from_the_assistant_to_a_person_in_the_panel_and_back(alpha, bridge):
    learn()
    with FakeLLM(Mode.EVIDENCE) as llm:
        agent = make_agent(base_url=llm.base_url, handoffs=[make_queue("Atendimento")])
        device = make_device(agent, bridge_url=bridge.url)
        browser = as_role("attendant", username="ana")

        receive(device, message_body("quanto custa a limpeza?"))
        work()
        assert "220,00" in texts(bridge)[-1]

        receive(device, message_body("quero falar com uma pessoa"))
        work()
        conversation = Conversation.objects.get()
        page = f"/admin/conversations/conversation/{conversation.pk}/"
        waiting = browser.get(QUEUE).content.decode()
        assert "Ana" in waiting
        assert "o contato pediu uma pessoa" in waiting
        assert "Atendimento" in waiting

        browser.post(f"{page}take-over/")
        assert "quero falar com uma pessoa" in browser.get(f"{page}change/").content.decode()
        browser.post(f"{page}note/", {"text": "prefere de manhã"})
        answer = browser.post(f"{page}reply/?fetch", {"text": "Sou a Ana! Marquei às 9h."})
        assert answer.json()["undo_s"] > 0
        let_undo_pass()
        work()
        assert texts(bridge)[-1] == "Sou a Ana! Marquei às 9h."

        receive(device, message_body("perfeito! tem estacionamento?"))
        work()
        assert texts(bridge)[-1] == "Sou a Ana! Marquei às 9h."
        browser.post(f"{page}give-back/")
        work()

        assert "estacionamento é gratuito" in texts(bridge)[-1]
        assert "Marquei às 9h" in str(llm.prompts[-1])
        assert "prefere de manhã" not in str(llm.prompts)
    conversation.refresh_from_db()
    assert (conversation.mode, conversation.agent) == ("ai", agent)
    html = browser.get(f"{page}change/").content.decode()
    for read in ("prefere de manhã", "Sou a Ana! Marquei às 9h.", "estacionamento é gratuito"):
        assert read in html
    assert "Ana" not in browser.get(QUEUE).content.decode().partition("pz-waits")[2]


def test_its_twin_from_the_phone(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    browser = as_role("attendant", username="ana")

    receive(device, message_body("quanto custa a limpeza?"))
    work()
    receive(device, phone_body("Oi! Aqui é o dono. Faço por R$ 200 para você."))
    receive(device, message_body("fechado! e tem estacionamento?"))
    work()
    conversation = Conversation.objects.get()
    assert len(bridge.sent) == 1
    listed = browser.get(f"{QUEUE}?view=all").content.decode()
    assert "fechado! e tem estacionamento?" in listed
    assert conversation.claimed_by == takeover.PHONE
    receive(device, phone_body("#ia"))
    work()

    assert len(bridge.sent) == 2
    assert "estacionamento" in texts(bridge)[-1]
    conversation.refresh_from_db()
    assert conversation.mode == "ai"


def test_nobody_comes_back_by_time_without_having_been_asked(alpha, bridge):
    learn()
    agent = make_agent()
    Agent.objects.update(return_after_min=10)
    device = make_device(agent, bridge_url=bridge.url)
    receive(device, phone_body("oi, sou o dono"))
    past = database_now() - timedelta(seconds=1)
    Conversation.objects.update(returns_at=past)
    Timer.objects.filter(kind="return").update(due_at=past)

    assert ring_people("return") == ["return:done"]
    work()

    assert bridge.sent == []
    assert not Turn.objects.exists()
