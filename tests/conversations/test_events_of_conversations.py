"""What conversations tell other systems: once, in order, and at no cost where nobody listens."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import tenant_context

from channels_whatsapp.models import Device
from channels_whatsapp.services import linking, states
from conversations.models import Conversation, OutboundMessage
from conversations.services import outbox, takeover
from integrations.models import Event
from integrations.payloads import TYPES
from integrations.services import events
from knowledge.models import Document
from tenants import timers
from tenants.context import database_now
from tenants.models import Tenant
from tests.factories import learn, make_agent, make_device, message_body, receive, work
from tests.fakes.bridge import FakeBridge
from tests.fakes.http import ScriptedServer, json_answer
from tests.integrations.events import make_endpoint


def listen() -> None:
    make_endpoint("https://crm.example/", *TYPES)


def told(*, only: str = "") -> list[Any]:
    found = [json.loads(one.body) for one in Event.objects.order_by("pk")]
    return [one for one in found if one["type"].startswith(only)]


def types(*, only: str = "") -> list[str]:
    return [one["type"] for one in told(only=only)]


def converse(bridge: FakeBridge, text: str = "Vocês têm estacionamento?") -> Device:
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body(text))
    assert "turn:answered" in work()
    return device


def test_a_conversation_is_told_from_its_first_message_on(alpha: Tenant, bridge: Any) -> None:
    listen()
    converse(bridge)
    conversation = Conversation.objects.get()
    uuid, now = conversation.uuid, database_now()
    takeover.take_over(conversation_uuid=uuid, actor="ana", now=now)
    takeover.take_over(conversation_uuid=uuid, actor="ana", now=now)
    takeover.give_back(conversation_uuid=uuid, actor="ana", now=now)
    takeover.archive(conversation_uuid=uuid, actor="ana", now=now)

    ours = [one for one in told() if one["sequence"] is not None]
    assert [(one["sequence"], one["type"]) for one in ours] == [
        (1, "conversation.opened"),
        (2, "message.received"),
        (3, "message.sent"),
        (4, "conversation.taken_over"),
        (5, "conversation.returned"),
        (6, "conversation.closed"),
    ]
    assert {one["data"]["conversation_id"] for one in ours} == {str(uuid)}
    assert {one["data"]["contact_phone"] for one in ours} == {"5511988887777"}
    assert ours[1]["data"]["text"] == "Vocês têm estacionamento?"
    assert "gratuito" in ours[2]["data"]["text"]
    assert ours[2]["data"]["origin"] == "agent"


def test_a_message_that_comes_twice_is_told_once(alpha: Tenant, bridge: Any) -> None:
    listen()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("oi", ref="A1"))
    receive(device, message_body("oi", ref="A1"))

    assert types() == ["conversation.opened", "message.received"]


def test_what_cannot_be_sent_is_told_with_who_takes_over(alpha: Tenant) -> None:
    with ScriptedServer() as server:
        refuse_one(server)


def refuse_one(bridge: ScriptedServer) -> None:
    listen()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("oi"))
    outbox.add_message(
        conversation=Conversation.objects.get(),
        text="um",
        origin=OutboundMessage.Origin.PERSON,
        now=database_now(),
    )
    refused = {"code": 400, "error": "could not parse Phone", "success": False}
    bridge.script(json_answer(refused, status=400), path="/chat/send/text")
    for bell in ring_sends():
        outbox.send_next(timer_id=bell.timer_id, token=bell.token)

    assert types()[2:] == ["message.failed", "conversation.handed_off"]
    assert "could not parse Phone" in told(only="message.failed")[0]["data"]["reason"]


def test_documents_and_devices_tell_their_state(alpha: Tenant) -> None:
    listen()
    learn()
    learn("empty.md", b"  ")
    device = make_device(make_agent())
    now = database_now()
    for detail in ("", "again"):
        verdict = states.Verdict(Device.State.CONNECTED, detail)
        linking.note(device_id=device.pk, verdict=verdict, now=now)

    assert types() == ["document.ready", "document.failed", "device.status_changed"]
    ready, failed, changed = (one["data"] for one in told())
    assert ready["document_id"] == str(Document.objects.get(name="faq.md").uuid)
    assert failed["code"] == "empty"
    assert (changed["previous_status"], changed["status"]) == ("unknown", "connected")


def test_another_tenant_is_told_nothing(alpha: Tenant, beta: Tenant, bridge: Any) -> None:
    with tenant_context(beta):
        listen()
    converse(bridge)

    assert not Event.objects.exists()
    with tenant_context(beta):
        assert not Event.objects.exists()


def test_where_nobody_listens_a_turn_costs_no_query_more(alpha: Tenant, bridge: Any) -> None:
    assert not events.wanted("message.received")

    with CaptureQueriesContext(connection) as captured:
        converse(bridge)

    asked = [one["sql"] for one in captured]
    for table in ("webhookendpoint", "integrations_event", "integrations_delivery"):
        assert not any(table in sql for sql in asked)


def ring_sends() -> list[timers.Doorbell]:
    return timers.claim_due(kind="send", max_running=10, limit=10)
