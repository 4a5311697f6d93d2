"""Messages of one contact are written in the order in which they came, whoever dies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from channels_whatsapp.bridge import payloads
from channels_whatsapp.models import Device
from channels_whatsapp.services.receiving import receive
from conversations.models import InboundMessage
from tenants import inbox, receiving
from tenants.audit.models import AuditEntry
from tenants.models import InboundRoute, InboxEntry
from tests.factories import make_agent, make_device, message_body
from tests.workers import at_once

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


def park(*entry_ids: int) -> None:
    entries = InboxEntry.objects.filter(pk__in=entry_ids)
    entries.update(n_attempts=inbox.MAX_ATTEMPTS, lease_until=None, lease_token=None)
    assert inbox.park_hopeless() == len(entry_ids)


def try_again(*entry_ids: int) -> int:
    return inbox.try_again(entry_ids=entry_ids, actor="operator")


def write_what_waits() -> None:
    for batch in claim():
        receiving.receive_entries(entry_ids=batch.entry_ids, token=batch.token)


def test_parked_entries_that_are_tried_again_are_written_in_order(device):
    first, second = arrive(device, ANA, "A1"), arrive(device, ANA, "A2")
    park(first, second)
    third = arrive(device, ANA, "A3")

    assert try_again(second, first) == 2

    tries = InboxEntry.objects.order_by("pk").values_list("n_attempts", "parked_reason")
    assert list(tries) == [(0, "")] * 3
    (batch,) = claim()
    assert batch.entry_ids == [first, second, third]
    receiving.receive_entries(entry_ids=batch.entry_ids, token=batch.token)
    assert refs() == ["A1", "A2", "A3"]


def test_what_is_tried_again_waits_for_who_is_writing_in_its_line(device):
    first = arrive(device, ANA, "A1")
    park(first)
    arrive(device, ANA, "A2")
    (busy,) = claim()

    assert try_again(first) == 1
    assert claim() == []

    receiving.receive_entries(entry_ids=busy.entry_ids, token=busy.token)
    write_what_waits()
    assert refs() == ["A2", "A1"]


def test_only_what_is_parked_and_unwritten_is_tried_again(device):
    held, waiting = arrive(device, ANA, "A1"), arrive(device, BIA, "B1")
    (batch, *_) = claim()
    inbox.begin(entry_ids=batch.entry_ids, token=batch.token)
    before = list(InboxEntry.objects.order_by("pk").values())

    assert try_again(held, waiting, 999) == 0

    assert list(InboxEntry.objects.order_by("pk").values()) == before


def test_of_two_who_ask_at_once_one_has_it_tried_again(committed_alpha):
    device = make_device(make_agent())
    park(first := arrive(device, ANA, "A1"))

    assert sorted(at_once(*[lambda: try_again(first)] * 2)) == [0, 1]

    assert AuditEntry.objects.get(action="inbox.tried_again").data == {"entries": [first]}


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
