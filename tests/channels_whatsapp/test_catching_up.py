"""What the bridge gave up on comes in all the same, once, and is answered only if it is fresh."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta

import httpx2
from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from channels_whatsapp.bridge.client import BridgeStatus
from channels_whatsapp.bridge.history import HistoryRow
from channels_whatsapp.models import BridgeEvent, Device
from channels_whatsapp.services import catching_up, devices, watching
from conversations.models import InboundMessage, NumberTrouble, OutboundMessage
from tenants.models import InboxEntry
from tests.channels_whatsapp.worlds import World, ago
from tests.factories import make_agent, make_device, message_body, receive
from tests.fakes.http import ScriptedServer, json_answer
from tests.simulator.conftest import wait_until

TOKEN = "token-principal"


def outcomes(world: World) -> list[str]:
    return [
        str(one["outcome"]) for one in world.simulator.look(f"webhooks?user={TOKEN}&type=Message")
    ]


def write(world: World, n: int, *, phone: str = "5511988880000", age_s: float = 0) -> None:
    """Let contacts write `n` messages, each to be known by its text."""
    for number in range(n):
        world.simulator.sim(
            "contact-sends",
            user=TOKEN,
            contact=f"{int(phone) + number % 7}",
            text=f"mensagem {number}",
            timestamp=time.time() - age_s,
        )


def texts() -> list[str]:
    return sorted(InboundMessage.objects.values_list("text", flat=True))


def test_intake_down_for_twenty_minutes_loses_nothing(world: World) -> None:
    """All five tries of the bridge fail; the first look after the return brings everything."""
    world.pair()
    world.receiver.script[:] = [503] * 10_000
    write(world, 30, age_s=20 * 60)
    write(world, 1, phone="5511977770000")
    wait_until(lambda: outcomes(world) == ["failed"] * 31, "the bridge gives up")
    assert not InboundMessage.objects.exists()
    world.receiver.script.clear()

    began = time.monotonic()
    world.set(caught_up_at=ago(minutes=5, seconds=1))
    world.look()
    world._n_taken = len(world.receiver.deliveries)
    receive(world.device)
    took_s = time.monotonic() - began

    # One look a minute, of which the fourth compares: within five minutes of the return.
    looks_s = catching_up.EVERY.total_seconds() + watching.CALM_S
    assert looks_s <= 300
    assert took_s < 20
    assert texts() == sorted([*(f"mensagem {n}" for n in range(30)), "mensagem 0"])
    silences = list(InboundMessage.objects.values_list("silence_reason", flat=True))
    assert silences.count("too_old") == 30  # stored, and answered only if fresh
    assert silences.count("") == 1
    assert world.now().n_caught_up == 31


def test_what_came_in_already_comes_in_no_second_time(world: World) -> None:
    world.pair()
    write(world, 3)
    wait_until(lambda: outcomes(world) == ["accepted"] * 3, "three webhooks")
    world.take_webhooks()
    world.simulator.sim("owner-sends", user=TOKEN, contact="5511988880000", text="aqui é a Ana")
    wait_until(lambda: outcomes(world) == ["accepted"] * 4, "the owner's own")
    world.take_webhooks()
    world.set(caught_up_at=None)

    world.look()

    assert not InboxEntry.objects.filter(done_at=None).exists()
    assert InboundMessage.objects.count() == 3
    assert OutboundMessage.objects.get().origin == "phone"
    assert world.now().n_caught_up == 0


def test_a_late_webhook_and_the_comparison_are_one_message(world: World) -> None:
    world.pair()
    world.simulator.sim("faults", lose_webhooks_next=1)
    write(world, 1)
    world.set(caught_up_at=None)
    world.look()
    (entry,) = InboxEntry.objects.filter(done_at=None)
    receive(world.device, bytes(entry.body))  # the webhook, after all

    assert InboundMessage.objects.count() == 1
    assert BridgeEvent.objects.get(type="Message").n_repeats == 1


def test_it_is_due_on_return_and_every_few_minutes(alpha: object) -> None:
    now = datetime.now(UTC)
    device = Device(state_changed_at=now - timedelta(hours=1), caught_up_at=now)
    assert not catching_up.is_due(device=device, now=now)
    device.caught_up_at = now - timedelta(minutes=5)
    assert catching_up.is_due(device=device, now=now)
    device.caught_up_at, device.state_changed_at = now - timedelta(seconds=9), now
    assert catching_up.is_due(device=device, now=now)


def test_groups_are_compared_where_they_are_answered_and_by_their_policy(world: World) -> None:
    own = world.pair().phone
    world.simulator.sim("faults", lose_rate=1)
    group = {"user": TOKEN, "contact": "5511988880000", "group": "120363000000000001@g.us"}
    world.simulator.sim(
        "contact-sends", **group, text="@loja abre hoje?", mentions=[f"{own}@s.whatsapp.net"]
    )
    world.simulator.sim("contact-sends", **group, text="oi gente")

    for policy, found in (("ignore", []), ("mention", ["@loja abre hoje?"])):
        world.set(groups=policy, caught_up_at=None)
        world.look()
        receive(world.device)
        assert texts() == found
    assert set(BridgeEvent.objects.filter(type="Message").values_list("outcome", "reason")) == {
        ("stored", ""),
        ("ignored", "group_not_mentioned"),
    }


def test_a_long_comparison_goes_on_where_it_stopped(world: World) -> None:
    world.pair()
    world.simulator.sim("faults", lose_rate=1)
    write(world, 7)
    bridge = devices.bridge_of(world.now())
    status = bridge.status()

    rounds = 0
    is_done = False
    while not is_done:
        rounds += 1
        is_done = catching_up.catch_up(
            device=world.now(), status=status, now=datetime.now(UTC), slice_s=0
        )
    assert rounds == 7
    receive(world.device)
    assert InboundMessage.objects.count() == 7


def test_a_bridge_that_fails_is_asked_for_one_chat_a_second(world: World) -> None:
    world.pair()
    world.simulator.sim("faults", lose_rate=1)
    write(world, 4)
    device, now = world.now(), datetime.now(UTC)
    status = devices.bridge_of(device).status()
    NumberTrouble.objects.create(channel_account_ref=device.uuid, since=now, next_try_at=now)

    # There is time for many, and none for a pause and another one.
    assert not catching_up.catch_up(device=device, status=status, now=now, slice_s=1.0)

    receive(world.device)
    assert InboundMessage.objects.count() == 1
    NumberTrouble.objects.all().delete()
    assert catching_up.catch_up(device=world.now(), status=status, now=now, slice_s=60.0)


def test_nobody_elses_chats_are_read(world: World, beta: object) -> None:
    world.pair()
    world.simulator.sim(
        "users", token="their-token", name="outra", webhook="", phone="5511955554444"
    )
    http: httpx2.Client = world.simulator.http
    http.post("/session/history", json={"history": 5}, headers={"token": "their-token"})
    world.simulator.sim(
        "contact-sends", user="their-token", contact="5511900001111", text="segredo"
    )
    index = http.get("/chat/history?chat_jid=index", headers={"token": TOKEN}).json()["data"]
    assert "5511900001111@s.whatsapp.net" in json.dumps(index)  # the bridge tells everybody's

    world.set(caught_up_at=None)
    world.look()
    receive(world.device)

    assert not InboundMessage.objects.exists()
    with tenant_context(beta):
        assert not InboundMessage.objects.exists()


def test_a_bridge_without_history_is_left_alone(world: World) -> None:
    """Asked for one, it would forget the key with which it signs."""
    world.pair()
    bridge = devices.bridge_of(world.now())
    bridge_status = bridge.status()
    world.simulator.api("POST", "/session/history", {"history": 0}, token=TOKEN)
    off = bridge.status()
    assert bridge_status.n_history > 0
    assert off.n_history == 0
    assert catching_up.catch_up(device=world.now(), status=off, now=datetime.now(UTC))


def test_a_row_without_its_event_is_stored_and_not_answered(alpha: object) -> None:
    device = make_device(make_agent())
    chat = "5511988887777@s.whatsapp.net"
    at = (datetime.now(UTC) + timedelta(seconds=1)).timestamp()
    rows = [
        HistoryRow("A1", chat, chat, "oi", at),
        HistoryRow("A0", chat, chat, "de antes deste aparelho", 1.0),
    ]
    assert catching_up._add_missing(device=device, rows=rows) == 1
    receive(device)

    message = InboundMessage.objects.get()
    assert (message.text, message.silence_reason) == ("oi", "too_old")


def test_nobodys_words_are_taken_for_those_of_the_business(alpha: object) -> None:
    """A row without its event says who wrote it by a name that need not be the chat's."""
    device = make_device(make_agent())
    device.phone, device.own_lid = "5511900000000", "111222333444555"
    device.save()
    lid, phone = "198765432101234@lid", "5511988887777@s.whatsapp.net"
    senders = {
        "C1": (lid, "5511988887777@s.whatsapp.net"),
        "C2": (lid, "198765432101234:7@lid"),
        "C3": (phone, "5511988887777:12@s.whatsapp.net"),
        "O1": (lid, "5511900000000:3@s.whatsapp.net"),
        "O2": (lid, "111222333444555@lid"),
        "O3": (phone, "me"),
    }
    at = (datetime.now(UTC) + timedelta(seconds=1)).timestamp()
    rows = [HistoryRow(ref, *names, f"texto {ref}", at) for ref, names in senders.items()]
    assert catching_up._add_missing(device=device, rows=rows) == len(rows)
    receive(device)

    assert texts() == ["texto C1", "texto C2", "texto C3"]
    own = OutboundMessage.objects.filter(origin="phone").order_by("provider_ref")
    assert list(own.values_list("provider_ref", flat=True)) == ["O1", "O2", "O3"]


def test_a_chat_that_cannot_be_read_keeps_no_other_back_nor_the_link(world: World) -> None:
    world.pair()
    world.simulator.sim("faults", lose_rate=1)
    write(world, 3)
    with ScriptedServer() as broken:
        rows = [{"user_id": "u", "chat_jid": f"551198888000{n}@s.whatsapp.net"} for n in range(2)]
        kept = {"message_id": "K1", "chat_jid": rows[1]["chat_jid"], "text_content": "oi"}
        kept |= {"sender_jid": rows[1]["chat_jid"], "timestamp": time.time() + 1}
        for answer in (
            json_answer({"data": rows}),
            json_answer({"error": "out of memory"}, status=500),
            json_answer({"data": [kept]}),
        ):
            broken.script(answer, path="/chat/history")
        world.set(bridge_base_url=broken.url)
        status = BridgeStatus("u", "", True, True, "", n_history=5)
        assert catching_up.catch_up(device=world.now(), status=status, now=datetime.now(UTC))
        receive(world.device)
    assert texts() == ["oi"]


def test_what_came_undecrypted_is_found_readable(alpha: object) -> None:
    device = make_device(make_agent())
    unreadable = json.loads(message_body(ref="U1"))
    unreadable["type"] = "UndecryptableMessage"
    del unreadable["event"]["Message"]
    receive(device, json.dumps(unreadable).encode())
    chat = "5511988887777@s.whatsapp.net"
    at = (datetime.now(UTC) + timedelta(seconds=1)).timestamp()
    event = json.loads(message_body("agora sim", ref="U1"))["event"]
    row = HistoryRow("U1", chat, chat, "agora sim", at, event)

    assert catching_up._add_missing(device=device, rows=[row]) == 1
    receive(device)
    assert catching_up._add_missing(device=device, rows=[row]) == 0

    assert texts() == ["agora sim"]


def test_workers_that_compare_at_once_store_it_once(committed_alpha: object) -> None:
    n_workers = 4
    device = make_device(make_agent())
    chat = "5511988887777@s.whatsapp.net"
    at = (datetime.now(UTC) + timedelta(seconds=1)).timestamp()
    rows = [HistoryRow(f"A{n}", chat, chat, "oi", at) for n in range(20)]
    gate = threading.Barrier(n_workers)
    added: list[int] = []

    def compare() -> None:
        try:
            with schema_context("t_alpha"):
                gate.wait()
                added.append(catching_up._add_missing(device=device, rows=rows))
        finally:
            connection.close()

    threads = [threading.Thread(target=compare) for _ in range(n_workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(added) == 20
    receive(device)
    assert InboundMessage.objects.count() == 20
