"""Messages of one contact are written in the order in which they came, whoever dies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from channels_whatsapp.bridge import payloads
from channels_whatsapp.models import Device
from channels_whatsapp.services.receiving import receive
from conversations.models import InboundMessage
from tenants import inbox, receiving
from tenants.models import InboundRoute, InboxEntry
from tests.factories import make_agent, make_device, message_body

ANA, BIA = "5511900000001@s.whatsapp.net", "5511900000002@s.whatsapp.net"


@pytest.fixture
def device(alpha) -> Device:
    return make_device(make_agent())


def arrive(device: Device, chat: str, ref: str) -> int:
    """Put a message into the inbox as the door does; return the entry's id."""
    body = message_body("oi", ref=ref, Chat=chat, Sender=chat)
    data = payloads.read(body)
    route = InboundRoute.objects.get(device_ref=device.uuid)
    entry = InboxEntry.objects.create(
        route=route,
        schema_name=route.schema_name,
        dedup_key=payloads.dedup_key(data, body),
        line=payloads.line(data),
        encoding="json",
        body=body,
    )
    return entry.pk


def claim(per_batch: int = 10) -> list[inbox.Batch]:
    return inbox.claim_batches(limit=100, per_batch=per_batch)


def let_leases_run_out() -> None:
    InboxEntry.objects.filter(done_at=None).update(
        lease_until=datetime.now(UTC) - timedelta(seconds=1)
    )


def refs() -> list[str]:
    return list(InboundMessage.objects.order_by("pk").values_list("provider_ref", flat=True))


def test_what_is_held_is_not_overtaken_by_the_same_contact(device):
    first = arrive(device, ANA, "A1")
    assert [batch.entry_ids for batch in claim()] == [[first]]  # its worker is busy, or dead

    arrive(device, ANA, "A2")
    other = arrive(device, BIA, "B1")

    assert [batch.entry_ids for batch in claim()] == [[other]]


def test_what_waited_behind_a_dead_worker_follows_in_order(device):
    ids = [arrive(device, ANA, "A1")]
    claim()
    ids += [arrive(device, ANA, "A2"), arrive(device, ANA, "A3")]
    let_leases_run_out()

    (batch,) = claim()
    assert batch.entry_ids == ids
    receiving.receive_entries(entry_ids=batch.entry_ids, token=batch.token)

    assert refs() == ["A1", "A2", "A3"]


def test_what_was_begun_and_not_finished_goes_first_and_alone(device):
    first = arrive(device, ANA, "A1")
    (batch,) = claim()
    inbox.begin(entry_ids=batch.entry_ids, token=batch.token)  # and there it died
    second = arrive(device, ANA, "A2")
    let_leases_run_out()

    (batch,) = claim()
    assert batch.entry_ids == [first]
    receiving.receive_entries(entry_ids=batch.entry_ids, token=batch.token)

    assert [one.entry_ids for one in claim()] == [[second]]


def test_a_parked_entry_no_longer_holds_its_line_up(device):
    first = arrive(device, ANA, "A1")
    second = arrive(device, ANA, "A2")
    InboxEntry.objects.filter(pk=first).update(n_attempts=inbox.MAX_ATTEMPTS)

    assert inbox.park_hopeless() == 1

    assert [one.entry_ids for one in claim()] == [[second]]


def receive_or_fail(entry: inbox.Entry) -> None:
    if b'"A1"' in entry.body:
        raise ArithmeticError
    receive(entry)


def test_a_failed_entry_keeps_its_own_line_back_and_no_other(device, settings):
    channel = {**settings.CHANNELS["whatsapp"], "receive": f"{__name__}.receive_or_fail"}
    settings.CHANNELS = {"whatsapp": channel}
    for chat, ref in ((ANA, "A1"), (ANA, "A2"), (BIA, "B1")):
        arrive(device, chat, ref)

    (batch,) = claim()
    receiving.receive_entries(entry_ids=batch.entry_ids, token=batch.token)

    assert refs() == ["B1"]


def test_an_unreadable_entry_keeps_not_even_its_own_line_back(device):
    broken = arrive(device, ANA, "A1")
    InboxEntry.objects.filter(pk=broken).update(body=b"no longer JSON")
    arrive(device, ANA, "A2")

    (batch,) = claim()
    receiving.receive_entries(entry_ids=batch.entry_ids, token=batch.token)

    assert refs() == ["A2"]
    assert InboxEntry.objects.get(pk=broken).parked_reason == "the body is not JSON"


def test_a_line_is_never_split_between_two_workers(device):
    for number in range(4):
        arrive(device, ANA, f"A{number}")
        arrive(device, BIA, f"B{number}")

    batches = claim(per_batch=3)

    lines = dict(InboxEntry.objects.values_list("pk", "line"))
    of_batches = [{lines[pk] for pk in batch.entry_ids} for batch in batches]
    assert sum(len(one) for one in of_batches) == len(set(lines.values()))


def test_an_event_without_a_chat_stands_in_no_line():
    assert payloads.line({"type": "Connected", "event": {}}) == ""


def test_a_line_does_not_name_the_contact():
    data = payloads.read(message_body("oi", Chat=ANA, Sender=ANA))

    assert payloads.line(data)
    assert "5511900000001" not in payloads.line(data)
