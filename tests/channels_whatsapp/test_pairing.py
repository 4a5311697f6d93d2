"""A device on a bridge: made, paired, tested, paired again, removed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django_tenants.utils import tenant_context

from channels_whatsapp.bridge.client import SUBSCRIBED_EVENTS
from channels_whatsapp.models import BridgeEvent, Device
from channels_whatsapp.services import devices, pairing, removing, selftest
from conversations.models import Conversation
from tenants.models import InboundRoute, InboxEntry
from tenants.services import routes
from tests.channels_whatsapp.worlds import NUMBER, World, ago
from tests.factories import make_device, message_body, receive


def ask(world: World, *, phone: str = "") -> Device:
    """Do what the button of the page and its task do."""
    pairing.start(device=world.now(), phone=phone, actor="ana", now=datetime.now(UTC))
    pairing.unlink(device_id=world.device.pk, now=datetime.now(UTC))
    return world.provision()


def test_a_new_device_is_made_on_the_bridge_with_all_that_it_needs(world: World) -> None:
    device = world.provision()

    (user,) = world.simulator.admin("GET", "/admin/users").json()["data"]
    assert set(user["events"].split(",")) == set(SUBSCRIBED_EVENTS)
    assert user["s3_config"]["media_delivery"] == "base64"
    assert user["webhook"].endswith(f"{InboundRoute.objects.get().route_key}/")
    status = world.simulator.api("GET", "/session/status", token=device.bridge_token()).json()
    assert status["data"]["hmac_configured"] is True
    assert int(status["data"]["history"]) > 0
    assert device.state == "qr"


def test_what_the_bridge_has_otherwise_is_set_right_at_the_next_look(world: World) -> None:
    world.pair()
    token = world.device.bridge_token()
    world.simulator.api("PUT", "/webhook", {"webhook": "", "active": False}, token=token)
    world.simulator.api("POST", "/session/s3/config", {"media_delivery": "s3"}, token=token)
    world.simulator.api("POST", "/session/history", {"history": 0}, token=token)

    world.look()

    (user,) = world.simulator.admin("GET", "/admin/users").json()["data"]
    assert "Message" in user["events"].split(",")
    assert user["webhook"]
    assert user["s3_config"]["media_delivery"] == "base64"


def test_a_code_is_shown_renewed_and_scanned(world: World) -> None:
    ask(world)
    device = world.look()
    assert device.state == "qr"
    assert device.qr_code.startswith("data:image/png;base64,")
    first_ends = pairing.code_ends_at(device)
    assert first_ends is not None
    assert first_ends - device.qr_code_at == timedelta(seconds=60)  # type: ignore[operator]

    world.set(qr_code="data:image/png;base64,older")
    device = world.look()
    assert device.n_qr_codes == 2
    assert pairing.code_ends_at(device) - device.qr_code_at == timedelta(seconds=20)  # type: ignore[operator]

    world.act("scan", phone=NUMBER)
    world.wait_for_webhook("Connected")
    assert (world.device.state, world.device.phone) == ("connected", NUMBER)
    assert world.device.paired_at is not None
    assert world.device.qr_code == ""


def test_a_code_that_ended_since_the_state_was_read_is_no_trouble(world: World) -> None:
    ask(world)
    world.simulator.api("POST", "/session/disconnect", {}, token=world.device.bridge_token())

    assert devices.bridge_of(world.device).qr_code() == ""


def test_a_code_is_typed_instead_of_scanned(world: World) -> None:
    ask(world, phone="+55 11 91111-2222")
    device = world.look()
    assert device.pairing_phone == NUMBER
    assert len(device.pairing_code) == 9


def test_a_number_that_cannot_be_one_is_refused_at_once(world: World) -> None:
    with pytest.raises(pairing.BadNumber):
        pairing.start(device=world.device, phone="011 9", actor="ana", now=datetime.now(UTC))


def test_codes_that_nobody_used_have_run_out(world: World) -> None:
    ask(world)
    world.look()
    receive(world.device, b'{"type":"QRTimeout","event":"timeout"}')
    world.simulator.api("POST", "/session/disconnect", {}, token=world.device.bridge_token())

    device = world.look()
    assert device.qr_code == ""
    assert pairing.has_run_out(device, now=datetime.now(UTC))
    device = ask(world)
    assert not pairing.has_run_out(device, now=datetime.now(UTC))
    assert device.state == "qr"


def test_after_pairing_the_number_is_tested_once(world: World) -> None:
    ask(world)
    world.act("scan", phone=NUMBER)
    world.wait_for_webhook("Connected")
    world.look()
    world.look()

    (sent,) = world.simulator.look("sends")
    assert (sent["phone"], sent["id"]) == (NUMBER, world.device.selftest_ref)
    world.wait_for_webhook("ReadReceipt")
    report = selftest.report(world.now(), now=datetime.now(UTC))
    assert report.result == "passed"
    assert report.received_at is not None
    assert BridgeEvent.objects.filter(reason="self_test").exists()
    assert not Conversation.objects.exists()


def test_a_test_of_which_nothing_is_heard_says_so_and_still_passes_late(world: World) -> None:
    world.simulator.sim("settings", receipts="manual")
    world.pair()
    selftest.ask_for_test(device=world.device, actor="ana", now=datetime.now(UTC))
    world.look()
    later = datetime.now(UTC) + selftest.PATIENCE
    assert selftest.report(world.now(), now=later).result == "unheard"

    event = {"MessageIDs": [world.device.selftest_ref]}
    read = {"type": "ReadReceipt", "state": "ReadSelf", "event": event}
    receive(world.device, json.dumps(read).encode())
    assert selftest.report(world.now(), now=later).result == "passed"


def test_a_test_that_cannot_be_sent_fails_in_words(world: World) -> None:
    world.pair()
    world.simulator.sim("faults", fail_next=1)
    selftest.ask_for_test(device=world.device, actor="ana", now=datetime.now(UTC))
    world.look()

    report = selftest.report(world.now(), now=datetime.now(UTC))
    assert report.result == "failed"
    assert "463" in report.problem


def test_pairing_again_keeps_the_device_and_its_conversations(world: World) -> None:
    world.pair()
    before = (world.device.pk, world.device.uuid)
    receive(world.device, message_body("oi"))
    assert Conversation.objects.count() == 1

    device = ask(world)
    assert device.state == "qr"
    world.act("scan", phone="5511933334444")
    world.wait_for_webhook("Connected")

    assert (world.device.pk, world.device.uuid) == before
    assert world.device.phone == "5511933334444"
    assert Conversation.objects.get().channel_account_ref == before[1]
    assert len(world.simulator.admin("GET", "/admin/users").json()["data"]) == 1


def test_removing_takes_the_device_from_the_bridge_and_leaves_conversations(world: World) -> None:
    world.pair()
    receive(world.device, message_body("oi"))
    removing.ask_to_remove(device=world.device, actor="ana", now=datetime.now(UTC))
    assert InboundRoute.objects.get().is_enabled is False

    InboxEntry.objects.update(done_at=None)  # something acknowledged is not written yet
    assert not removing.remove_device(device=world.now(), now=datetime.now(UTC))
    InboxEntry.objects.update(done_at=datetime.now(UTC))
    assert removing.remove_device(device=world.device, now=datetime.now(UTC))

    assert world.simulator.admin("GET", "/admin/users").json()["data"] == []
    assert not Device.objects.exists()
    assert not InboundRoute.objects.exists()
    assert Conversation.objects.count() == 1


def test_a_bridge_that_is_gone_keeps_a_removal_for_a_day_only(world: World) -> None:
    world.pair()
    world.set(bridge_base_url="http://127.0.0.1:9", removing_at=ago(hours=1))
    assert not removing.remove_device(device=world.now(), now=datetime.now(UTC))
    world.set(removing_at=ago(hours=25))
    assert removing.remove_device(device=world.now(), now=datetime.now(UTC))


def test_a_number_that_is_paired_twice_is_told_and_nobody_elses_name(
    world: World, beta: object
) -> None:
    device = world.pair()
    other = make_device(None, name="balcão")
    routes.learn_place(
        device_ref=other.uuid, bridge_url="", number="551111112222"
    )  # no ninth digit
    with tenant_context(beta):
        theirs = make_device(None, name="segredo de outra empresa")
        routes.learn_place(device_ref=theirs.uuid, bridge_url="", number=NUMBER)

    texts = [one.text for one in pairing.warnings(device, now=datetime.now(UTC))]
    assert any("balcão" in text for text in texts)
    assert len([text for text in texts if "segredo" in text]) == 0
    assert len(texts) == 3  # twice here and there, and new
    route = InboundRoute.objects.get(device_ref=device.uuid)
    assert NUMBER[2:] not in route.number_digest

    assert all("No agent" not in text and "agente" not in text.lower() for text in texts)
    told = pairing.warnings_of_number(other, phone="+55 (11) 91111-2222")
    assert len(told) == 2
    world.set(number_since=ago(days=8))
    assert len(pairing.warnings(world.now(), now=datetime.now(UTC))) == 2
