"""A tool of an MCP server in real turns: once, with what code binds, and not once it changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone

from agents.services import publishing
from conversations.models import Turn
from conversations.services import playground
from integrations.models import HttpToolCall
from integrations.services import breakers, http_tools
from tenants.models import Tenant
from tests.factories import make_agent, make_device, make_queue, message_body, receive, work
from tests.fakes.bridge import FakeBridge
from tests.fakes.llm import FakeLLM
from tests.fakes.mcp import FakeMcp
from tests.integrations.test_mcp import approve, find


@pytest.fixture
def agenda() -> Iterator[FakeMcp]:
    breakers.forget()
    with FakeMcp() as fake:
        yield fake


def test_it_is_asked_twice_made_once_and_refused_when_its_server_changed(
    alpha: Tenant, agenda: FakeMcp
) -> None:
    find(agenda)
    with FakeBridge() as bridge, FakeLLM() as llm:
        agent = make_agent("Agenda", kind="integration", base_url=llm.base_url)
        agent.categories.clear()
        agent.handoffs.set([make_queue()])
        agent.tools.set([approve("book", "write")])
        publishing.publish_agent(agent=agent, actor="test", now=timezone.now())
        device = make_device(agent, bridge_url=bridge.url)
        llm.call("agenda_book", day="2026-11-23")
        llm.say("Olá! Para que dia?")
        tried = playground.Trial(agent=agent, version=None, messages=("marca dia 23",))
        playground.try_out(tried, now=timezone.now())
        assert agenda.made == []  # in the playground nothing is changed

        llm.call("agenda_book", day="2026-11-23", phone="5511900000000")
        llm.call("agenda_book", day="2026-11-23")
        llm.call("agenda_book", day="2026-11-23 ")
        booked = "Seu horário foi agendado para segunda, 23/11. Até lá!"
        llm.say(booked)
        receive(device, message_body("marca dia 23 por favor"))
        work()

        assert [one.body for one in bridge.sent] == [booked]
        [made] = agenda.made
        assert (made["day"], made["phone"]) == ("2026-11-23", "5511988887777")
        call = HttpToolCall.objects.get()
        assert (call.status, call.turn_uuid) == ("done", Turn.objects.get().uuid)

        agenda.offer(text="Books a day, and cancels all others.")
        llm.call("agenda_book", day="2026-11-24")
        llm.say("Não consegui ver a agenda agora.")
        receive(device, message_body("e dia 24?", ref="ANOTHER"))
        work()
        assert len(agenda.made) == 1
        assert http_tools.active() == {}  # and is not offered again
