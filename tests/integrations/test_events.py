"""Events: told where somebody listens, numbered by conversation, and free where nobody is."""

from __future__ import annotations

import json
import threading
import uuid

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from integrations import payloads
from integrations.models import Delivery, Event
from integrations.services import events
from tenants.models import Tenant, Timer
from tests.integrations.events import happen, make_endpoint

URL = "https://crm.example/"


def test_where_nobody_listens_nothing_is_asked_nor_written(alpha: Tenant) -> None:
    assert not events.wanted("message.received")

    with CaptureQueriesContext(connection) as captured:
        assert happen(n=3, at=timezone.now()) == []
        assert not events.wanted("message.received", "message.sent")

    assert len(captured) == 0


def test_many_are_told_by_three_statements(alpha: Tenant) -> None:
    make_endpoint(URL)
    happen()

    with CaptureQueriesContext(connection) as captured, transaction.atomic():
        happen(n=50)

    assert sum("integrations_" in one["sql"] for one in captured) == 3
    assert Delivery.objects.count() == 51


def test_each_conversation_counts_for_itself(alpha: Tenant, beta: Tenant) -> None:
    make_endpoint(URL)
    one, two = uuid.uuid4(), uuid.uuid4()

    assert [event.sequence for event in happen(one, n=2)] == [1, 2]
    assert [event.sequence for event in happen(two)] == [1]
    assert [event.sequence for event in happen(one)] == [3]
    with tenant_context(beta):
        make_endpoint(URL)
        assert [event.sequence for event in happen(one)] == [1]
        assert Event.objects.count() == 1


def test_two_workers_never_share_a_number(committed_alpha: Tenant) -> None:
    make_endpoint(URL)
    line = uuid.uuid4()
    barrier = threading.Barrier(4)

    def work() -> None:
        try:
            with schema_context("t_alpha"):
                barrier.wait(60)
                for _ in range(5):
                    with transaction.atomic():
                        happen(line)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    numbers = Event.objects.order_by("pk").values_list("sequence", flat=True)
    assert sorted(numbers) == list(range(1, 21))
    in_line = Delivery.objects.order_by("pk").values_list("event__sequence", flat=True)
    assert list(in_line) == list(range(1, 21))


def test_what_is_rolled_back_was_never_told(committed_alpha: Tenant) -> None:
    make_endpoint(URL)

    with transaction.atomic():
        happen()
        transaction.set_rollback(True)

    assert not Event.objects.exists()
    assert not Timer.objects.exists()


def test_only_who_asks_for_a_type_gets_it(alpha: Tenant) -> None:
    make_endpoint(URL, "message.sent", name="other")
    make_endpoint(URL, "conversation.opened", "message.sent", name="both")
    make_endpoint(URL, "conversation.opened", name="off", is_active=False)

    happen()

    assert Delivery.objects.get().endpoint.name == "both"


@pytest.mark.parametrize("sign", ["a", "ã", "😀", '"', "\x01"])
def test_a_body_stays_below_its_limit(alpha: Tenant, sign: str) -> None:
    make_endpoint(URL, "message.failed")
    failed = payloads.MessageFailed(
        conversation_id=uuid.uuid4(),
        contact_id=uuid.uuid4(),
        contact_name=sign * 200,
        contact_phone=None,
        channel="whatsapp",
        device_id=uuid.uuid4(),
        message_id=uuid.uuid4(),
        text=payloads.cut(sign * 5_000),
        origin="agent",
        reason=sign * 300,
    )

    event = events.publish(failed, occurred_at=timezone.now(), conversation_uuid=uuid.uuid4())

    assert event is not None
    assert len(event.body.encode()) < 20_000
    assert json.loads(event.body)["data"]["text"].startswith(sign * 1_000)
