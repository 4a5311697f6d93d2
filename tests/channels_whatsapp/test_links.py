"""The state of a link: each of the contract's, by event in both modes and by asking."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import tenant_context

from channels_whatsapp.bridge.client import BridgeStatus
from channels_whatsapp.models import BridgeEvent, Device
from channels_whatsapp.services import health, linking, states, watching
from channels_whatsapp.simulator import wire
from channels_whatsapp.webhooks import PREFIX
from conversations.models import Conversation, OutboundMessage
from integrations.models import Event, Notice, WebhookEndpoint
from tenants.door import WebhookDoor
from tenants.models import InboundRoute, InboxEntry, Timer
from tests.channels_whatsapp.worlds import NUMBER, World, ago
from tests.factories import HMAC_KEY, make_agent, make_device, message_body, receive
from tests.simulator.conftest import wait_until

SAMPLES = Path(__file__).parent.parent / "fixtures" / "bridge"
State = Device.State

BY_SAMPLE = [
    # sample, state before, number known, state after
    ("qr", "absent", False, "qr"),
    ("qr", "connected", True, "connected"),
    ("qr_timeout", "qr", False, "absent"),
    ("pair_error_from_qr_channel", "qr", False, "absent"),
    ("pair_success", "qr", False, "paired"),
    ("connected", "paired", True, "connected"),
    ("connected_from_push_name_setting", "disconnected", True, "connected"),
    ("disconnected", "connected", True, "disconnected"),
    ("disconnected", "banned", True, "banned"),
    ("keepalive_timeout", "connected", True, "disconnected"),
    ("keepalive_restored", "disconnected", True, "connected"),
    ("logged_out", "connected", True, "logged_out"),
    ("temporary_ban", "connected", True, "banned"),
    ("client_outdated", "connected", True, "outdated"),
    ("stream_error", "connected", True, "failed"),
    ("connect_failure_after_retries", "disconnected", True, "failed"),
]


def through_the_door(route: InboundRoute, kind: str, body: bytes) -> int:
    """Post a webhook as the bridge does, signed; return the answer's status."""
    headers = {"content-type": kind, "x-hmac-signature": wire.signature(body, key=HMAC_KEY)}
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"{PREFIX}{route.route_key}/",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[dict[str, object]] = []

    async def receive_body() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def post() -> None:
        door = WebhookDoor()
        try:
            await door(scope, receive_body, send)  # type: ignore[arg-type]
        finally:
            await door.close()

    asyncio.run(post())
    return int(str(sent[0]["status"]))


@pytest.mark.parametrize("mode", ["json", "form"])
def test_each_state_is_reached_by_its_sample_in_both_modes(
    committed_alpha: object, mode: str
) -> None:
    device = make_device(make_agent())
    route = InboundRoute.objects.get()
    for sample, before, is_known, after in BY_SAMPLE:
        Device.objects.update(
            state=before, phone=NUMBER if is_known else "", state_changed_at=ago(minutes=9)
        )
        InboxEntry.objects.all().delete()
        payload = json.loads((SAMPLES / f"{sample}.json").read_text())
        user_id, name = payload.pop("userID"), payload.pop("instanceName")
        kind, body = wire.webhook_body(
            payload, webhook_format=mode, user_id=user_id, instance_name=name
        )

        assert through_the_door(route, kind, body) == 200
        receive(device)

        device.refresh_from_db()
        assert device.state == after, sample
    assert device.phone == NUMBER


def test_a_ban_says_when_it_ends_and_a_pairing_which_number(alpha: object) -> None:
    device = make_device(make_agent())
    receive(device, (SAMPLES / "pair_success.json").read_bytes())
    receive(device, (SAMPLES / "temporary_ban.json").read_bytes())

    device.refresh_from_db()
    assert device.phone == "447700900001"
    assert device.state_until is not None
    assert timedelta(hours=23) < device.state_until - datetime.now(UTC) < timedelta(hours=25)


@pytest.mark.parametrize("lasts", [timedelta(hours=24), None], ids=["with_an_end", "without"])
def test_a_ban_that_is_over_lowers_the_health_for_a_week(alpha: object, lasts) -> None:
    device = make_device(make_agent())
    ban = json.loads((SAMPLES / "temporary_ban.json").read_text())
    ban["event"]["Expire"] = None if lasts is None else lasts.total_seconds() * 1e9
    receive(device, json.dumps(ban).encode())
    receive(device, (SAMPLES / "connected.json").read_bytes())
    device.refresh_from_db()
    now = datetime.now(UTC)

    assert device.state == "connected"
    assert health.signs_of(device, now=now + timedelta(days=6)).was_banned
    assert not health.signs_of(device, now=now + timedelta(days=8)).was_banned
    assert not device.number_rules.is_cut_off

    receive(device, (SAMPLES / "pair_success.json").read_bytes())
    device.refresh_from_db()
    assert not health.signs_of(device, now=now).was_banned  # another number


ONLINE, WAITS = (True, True), (True, False)
DROPPED, NOTHING = (False, True), (False, False)


@pytest.mark.parametrize(
    ("before", "flags", "more", "after"),
    [
        ("connected", ONLINE, {}, "connected"),
        ("connected", ONLINE, {"is_stalled": True}, "stalled"),
        ("connected", DROPPED, {}, "disconnected"),
        ("connected", NOTHING, {}, "replaced"),
        ("disconnected", NOTHING, {}, "replaced"),
        ("connected", NOTHING, {"has_restarted": True}, "absent"),
        ("connected", WAITS, {}, "logged_out"),
        ("absent", WAITS, {"phone": ""}, "qr"),
        ("absent", WAITS, {"pairing_at": "now"}, "qr"),
        ("qr", NOTHING, {}, "absent"),
        ("unreachable", NOTHING, {}, "absent"),
        ("logged_out", NOTHING, {}, "logged_out"),
        ("banned", NOTHING, {}, "banned"),
        ("banned", NOTHING, {"state_until": "past"}, "absent"),
        ("outdated", NOTHING, {}, "outdated"),
        ("paired", NOTHING, {"changed": 5}, "paired"),
        ("paired", NOTHING, {"changed": 90}, "absent"),
        ("disconnected", ONLINE, {"detail": "no_answer", "changed": 30}, "disconnected"),
        ("disconnected", ONLINE, {"detail": "no_answer", "changed": 300}, "connected"),
    ],
)
def test_what_the_bridge_answers_is_judged_by_what_went_before(
    before: str, flags: tuple[bool, bool], more: dict[str, object], after: str
) -> None:
    now = datetime.now(UTC)
    device = Device(
        state=before,
        state_detail=str(more.get("detail", "")),
        phone=str(more.get("phone", NUMBER)),
        pairing_at=now if more.get("pairing_at") else None,
        state_until=now - timedelta(seconds=1) if more.get("state_until") else None,
        state_changed_at=now - timedelta(seconds=int(str(more.get("changed", 600)))),
    )
    status = BridgeStatus("u", "n", is_connected=flags[0], is_logged_in=flags[1], phone="")

    verdict = states.judge(
        device=device,
        status=status,
        is_stalled=bool(more.get("is_stalled")),
        has_restarted=bool(more.get("has_restarted")),
        now=now,
    )

    assert verdict.state == after


@pytest.mark.parametrize(("before", "after"), [("connected", "connected"), ("qr", "paired")])
def test_a_pairing_that_is_told_after_its_connection_takes_nothing_away(
    before: str, after: str
) -> None:
    device = Device(state=before, phone=NUMBER)

    verdict = states.after_event(
        device=device, state=State.PAIRED, detail="", now=datetime.now(UTC)
    )

    assert verdict.state == after


@pytest.mark.parametrize(
    ("action", "state"),
    [
        ("drop", "disconnected"),
        ("logout-from-phone", "logged_out"),
        ("ban", "banned"),
        ("outdate", "outdated"),
        ("fall-silent", "disconnected"),
    ],
)
def test_an_event_and_the_next_look_agree(world: World, action: str, state: str) -> None:
    world.pair()
    world.act(action)
    wait_until(lambda: world.take_webhooks().state == state, "the event")
    assert world.look().state == state


def test_a_replaced_stream_is_found_by_asking_and_tried_again_later_each_time(world: World) -> None:
    world.pair()
    world.look()
    world.set(online_at=datetime.now(UTC))
    world.act("replace")

    device = world.look()
    assert device.state == "replaced"
    assert (world.outcome, device.n_tries) == (watching.Outcome.CONNECTED_AGAIN, 1)
    world.look()
    assert world.device.state == "connected"
    world.act("replace")
    world.look()
    assert world.outcome == watching.Outcome.LOOKED  # it waits longer, because it was lost again
    world.set(tried_at=ago(seconds=11))
    world.look()
    assert (world.outcome, world.device.n_tries) == (watching.Outcome.CONNECTED_AGAIN, 2)
    world.look()
    assert world.device.state == "connected"
    world.set(state_changed_at=ago(minutes=3))
    world.look()
    assert world.look().n_tries == 0
    assert Notice.objects.get().kind == "device.replaced"


def test_a_bridge_that_restarted_without_the_session_has_it_started_again(world: World) -> None:
    world.pair()
    world.set(online_at=ago(minutes=1))
    world.act("break-stream")
    world.simulator.sim("restart")

    world.look()
    assert world.outcome == watching.Outcome.CONNECTED_AGAIN
    assert world.look().state == "connected"


def test_a_number_that_was_logged_out_is_not_tried(world: World) -> None:
    world.pair()
    world.act("logout-from-phone")
    world.wait_for_webhook("LoggedOut")
    for _ in range(3):
        world.look()
        assert world.outcome == watching.Outcome.LOOKED
    assert world.device.state == "logged_out"


def test_a_device_is_asked_once_a_second_at_most(world: World) -> None:
    world.pair()
    world.look()
    asked_at = world.device.checked_at
    Device.objects.update(checked_at=datetime.now(UTC))
    due = watching._look(device_id=world.device.pk, now=datetime.now(UTC))
    assert due.next_s is not None
    assert 0 < due.next_s <= 1
    assert asked_at is not None


def test_a_bridge_that_is_away_is_told_after_five_minutes_once(world: World) -> None:
    world.pair()
    world.set(bridge_base_url="http://127.0.0.1:9")
    world.look()
    assert (world.device.state, world.outcome) == ("unreachable", watching.Outcome.UNREACHABLE)
    assert Timer.objects.get(kind="device").due_at < datetime.now(UTC) + timedelta(seconds=30)
    assert not Notice.objects.exists()

    world.set(offline_since=ago(minutes=6))
    world.look()
    world.look()
    assert Notice.objects.get().kind == "device.offline"

    world.set(bridge_base_url=world.simulator.base_url)
    assert world.look().state == "connected"
    assert world.device.offline_since is None


def test_messages_that_nobody_takes_are_seen_behind_a_good_looking_link(world: World) -> None:
    world.pair()
    receive(world.device, message_body("oi"))
    conversation = Conversation.objects.get()
    sent = OutboundMessage.objects.create(
        conversation=conversation,
        channel_account_ref=world.device.uuid,
        provider_ref="3EB0STUCK",
        origin="agent",
        text="olá",
        status="handed",
        created_at=ago(minutes=9),
        handed_at=ago(minutes=4),
    )
    assert world.look().state == "stalled"
    sent.status, sent.acked_at = "acked", datetime.now(UTC)
    sent.save()
    assert world.look().state == "connected"


def test_the_watch_reads_no_more_of_what_was_sent_than_its_indexes_name(alpha: object) -> None:
    device = make_device(make_agent())
    receive(device, message_body("oi"))
    OutboundMessage.objects.create(
        conversation=Conversation.objects.get(),
        channel_account_ref=device.uuid,
        provider_ref="3EB0STUCK",
        origin="agent",
        text="olá",
        status="handed",
        created_at=ago(minutes=9),
        handed_at=ago(minutes=9),
    )
    with CaptureQueriesContext(connection) as captured:
        assert watching._is_stalled(device, now=datetime.now(UTC))

    plans = []
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off; set local enable_bitmapscan = off")
        for one in captured:
            cursor.execute("explain " + one["sql"])
            plans.append(str(cursor.fetchall()))
    assert ["outbound_not_taken" in plans[0], "outbound_taken" in plans[1]] == [True, True]


def test_a_change_is_an_event_and_only_a_change(alpha: object) -> None:
    device = make_device(make_agent())
    Device.objects.update(phone=NUMBER)
    now = datetime.now(UTC)
    Event.objects.all().delete()
    endpoint = WebhookEndpoint(
        name="crm", url="https://crm.example/", events=["device.status_changed"]
    )
    endpoint.set_secret("whsec_c2VjcmV0")
    endpoint.save()
    for _ in range(2):
        linking.note(device_id=device.pk, verdict=states.Verdict(State.LOGGED_OUT, "401"), now=now)

    (event,) = Event.objects.filter(type="device.status_changed")
    data = json.loads(event.body)["data"]
    assert (data["status"], data["previous_status"], data["detail"]) == (
        "logged_out",
        "unknown",
        "401",
    )
    device.refresh_from_db()
    assert [linking.tell_if_needed(device=device, now=now)] == [True]
    device.refresh_from_db()
    assert [linking.tell_if_needed(device=device, now=now)] == [False]
    assert Notice.objects.get().kind == "device.logged_out"


def test_an_answer_from_before_an_event_takes_nothing_of_it_away(alpha: object) -> None:
    device = make_device(make_agent())
    now = datetime.now(UTC)
    linking.note(device_id=device.pk, verdict=states.Verdict(State.CONNECTED), now=now)
    asked = Device.objects.get()  # and while the bridge is asked, it says by itself:
    linking.note(device_id=device.pk, verdict=states.Verdict(State.LOGGED_OUT, "401"), now=now)

    stale = states.Verdict(State.STALLED)
    assert not linking.note(device_id=device.pk, verdict=stale, now=now, judged=asked)
    assert Device.objects.get().state == "logged_out"
    seen = Device.objects.get()
    assert linking.note(device_id=device.pk, verdict=stale, now=now, judged=seen)


def test_two_tenants_with_devices_of_the_same_id_change_their_own(
    alpha: object, beta: object
) -> None:
    mine = make_device(make_agent())
    with tenant_context(beta):
        theirs = make_device(make_agent())
        Device.objects.filter(pk=theirs.pk).update(id=mine.pk)
    linking.note(device_id=mine.pk, verdict=states.Verdict(State.BANNED), now=datetime.now(UTC))

    assert Device.objects.get(pk=mine.pk).state == "banned"
    with tenant_context(beta):
        assert Device.objects.get(pk=mine.pk).state == "unknown"


def test_devices_without_a_timer_get_one_and_keep_it(alpha: object) -> None:
    make_device(make_agent())
    now = datetime.now(UTC)
    assert watching.sweep(now=now) == 1
    assert watching.sweep(now=now) == 0
    Timer.objects.all().delete()
    Device.objects.update(is_enabled=False)
    assert watching.sweep(now=now) == 0


def test_a_webhook_from_before_alarms_nobody(world: World) -> None:
    """The bridge repeats for minutes: a word of yesterday's trouble may come after its end."""
    world.pair()
    receive(world.device, (SAMPLES / "qr.json").read_bytes())
    assert world.now().state == "connected"
    receive(world.device, (SAMPLES / "logged_out.json").read_bytes())
    assert world.look().state == "connected"
    assert not Notice.objects.exists()


def test_what_was_said_before_the_last_change_of_a_link_changes_nothing(alpha: object) -> None:
    """A webhook that was parked is tried again when the number is long paired again."""
    device = make_device(make_agent())
    InboxEntry.objects.create(
        route=(route := InboundRoute.objects.get()),
        schema_name=route.schema_name,
        dedup_key="parked",
        encoding="json",
        body=(SAMPLES / "logged_out.json").read_bytes(),
        received_at=ago(minutes=90),
    )
    Device.objects.update(state="connected", phone=NUMBER, state_changed_at=ago(minutes=60))
    Event.objects.all().delete()

    receive(device)

    device.refresh_from_db()
    assert device.state == "connected"
    assert BridgeEvent.objects.get().reason == "link_changed_since"
    assert not Event.objects.exists()


def test_a_link_that_asks_for_a_new_code_by_itself_was_logged_out(world: World) -> None:
    world.pair()
    world.act("logout-from-phone")
    world.simulator.api("POST", "/session/connect", {"Immediate": True}, token="token-principal")
    assert world.look().state == "logged_out"
    assert Notice.objects.get().kind == "device.logged_out"
