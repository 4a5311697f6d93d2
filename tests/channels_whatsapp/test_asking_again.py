"""What could not be decrypted is asked for once, and what came of that is kept."""

from __future__ import annotations

import json

from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from channels_whatsapp.models import BridgeEvent, Device
from channels_whatsapp.services import asking_again
from conversations.models import InboundMessage, NumberTrouble
from tenants import timers
from tenants.context import database_now
from tenants.models import Timer
from tests.channels_whatsapp.worlds import World, ago
from tests.factories import make_device, receive
from tests.fakes.http import ScriptedServer, json_answer
from tests.simulator.test_webhooks import sample
from tests.workers import at_once

TOKEN = "token-principal"
PHONE = "5511988880000"
UNREADABLE = json.dumps(sample("undecryptable_message")).encode()
ROUTE = "/chat/request-unavailable-message"


def ring() -> list[str]:
    Timer.objects.filter(kind=asking_again.TIMER, lease_token=None).update(due_at=ago(seconds=1))
    outcomes = []
    for bell in timers.claim_due(kind=asking_again.TIMER, max_running=9, limit=9):
        with schema_context(bell.schema_name):
            outcomes.append(asking_again.ask(timer_id=bell.timer_id, token=bell.token).value)
    return outcomes


def asked(world: World) -> list[int]:
    return [one["asked"] for one in world.simulator.look(f"messages?user={TOKEN}&contact={PHONE}")]


def test_it_is_asked_for_and_comes_and_what_is_seen_once_stays_on_the_phone(world: World) -> None:
    world.pair()
    unreadable = {"user": TOKEN, "contact": PHONE, "kind": "undecryptable"}
    world.simulator.sim("contact-sends", **unreadable, text="abre hoje?")
    world.simulator.sim("contact-sends", **unreadable, view_once=True)
    for _ in range(2):
        world.wait_for_webhook("UndecryptableMessage")
        if InboundMessage.objects.count() == 2:
            break
    assert asked(world) == [0, 0]

    assert ring() == ["asked", "asked"]
    world.wait_for_webhook("Message")

    assert asked(world) == [1, 1]
    kinds = dict(InboundMessage.objects.values_list("kind", "text"))
    assert kinds == {"text": "abre hoje?", "unreadable": ""}
    found = BridgeEvent.objects.filter(type="UndecryptableMessage")
    assert set(found.values_list("asked_outcome", flat=True)) == {"asked"}
    assert ring() == []
    assert not Timer.objects.filter(kind=asking_again.TIMER).exists()


def test_what_came_by_itself_is_not_asked_for_and_a_bridge_that_is_away_is_tried_again(alpha, beta):
    with ScriptedServer() as server:
        device = make_device(bridge_url=server.url)
        receive(device, UNREADABLE)
        with tenant_context(beta):  # the same ids
            receive(make_device(bridge_url=server.url), UNREADABLE)
        InboundMessage.objects.update(kind="text", text="oi")  # it has come again
        server.script(json_answer({"code": 500, "error": "no session"}, status=500), path=ROUTE)
        assert sorted(ring()) == ["away", "came"]
        with tenant_context(beta):
            assert BridgeEvent.objects.get().asked_at is None
        server.script(json_answer({"code": 200, "data": {}, "success": True}), path=ROUTE)
        assert ring() == ["asked"]
        wanted = server.received[-1].json()
        assert set(wanted) == {"chat", "sender", "id"}
    assert BridgeEvent.objects.get().asked_outcome == "came"
    with tenant_context(beta):
        assert BridgeEvent.objects.get().asked_outcome == "asked"


def test_a_number_in_trouble_is_let_alone_and_one_that_is_switched_off_is_not_asked(alpha, beta):
    with ScriptedServer() as server:
        device = make_device(bridge_url=server.url)
        receive(device, UNREADABLE)
        now = database_now()
        trouble = NumberTrouble.objects.create(
            channel_account_ref=device.uuid, since=now, next_try_at=now
        )
        with tenant_context(beta):  # the same ids
            off = make_device(bridge_url=server.url)
            receive(off, UNREADABLE)
            Device.objects.filter(pk=off.pk).update(is_enabled=False)
        assert sorted(ring()) == ["not_ours", "waiting"]
        for _ in range(asking_again.MAX_TRIES):
            assert ring() == ["waiting"]
        assert server.received == []

        trouble.delete()
        server.script(json_answer({"code": 500, "error": "no session"}, status=500), path=ROUTE)
        assert ring() == ["away"]
        assert BridgeEvent.objects.get().asked_at is None  # it was the first try of several


def test_two_workers_ask_once(committed_alpha):
    with ScriptedServer() as server:
        receive(make_device(bridge_url=server.url), UNREADABLE)
        server.script(json_answer({"code": 200, "data": {}, "success": True}), path=ROUTE)
        event = BridgeEvent.objects.get()
        works = []
        for _ in range(2):  # the second doorbell comes after the first one's lease was lost
            Timer.objects.update(lease_token=None, lease_until=None, due_at=ago(seconds=1))
            (bell,) = timers.claim_due(kind=asking_again.TIMER, max_running=9, limit=9)
            works.append(bell)
        first, second = works
        at_once(
            lambda: asking_again.ask(timer_id=first.timer_id, token=first.token),
            lambda: asking_again.ask(timer_id=second.timer_id, token=second.token),
        )
        connection.close()
        assert [one.path for one in server.received] == [ROUTE]
        event.refresh_from_db()
        assert event.asked_outcome == "asked"
