"""Deliveries: signed, in order, again by the schedule, and no endpoint in another's way."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context
from standardwebhooks import Webhook, WebhookVerificationError

from integrations.models import Delivery, DeliveryAttempt, Event, Notice, WebhookEndpoint
from integrations.services import deliveries, delivery_reports, endpoints, events, signing
from tenants import timers
from tenants.context import database_now
from tenants.models import Tenant, Timer
from tests.fakes.http import Answer, Received, wait_until
from tests.fakes.receiver import Receiver
from tests.integrations.events import SECRET, deliver, happen, make_endpoint, pass_time, ring


@pytest.fixture
def crm() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


def statuses() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("status", flat=True))


def test_an_event_arrives_signed_and_as_it_is_kept(alpha: Tenant, crm: Receiver) -> None:
    make_endpoint(f"{crm.url}/", headers={"X-Api-Key": "k1"})
    [event] = happen()

    assert deliver() == ["nothing_due"]

    [body] = crm.bodies(SECRET)
    assert body == json.loads(event.body)
    assert body["tenant"] == "alpha"
    assert body["type"] == "conversation.opened"
    assert body["sequence"] == 1
    assert body["data"]["contact_phone"] == "5511988887777"
    assert crm.ids() == [str(event.uuid)]
    assert crm.received[0].headers["x-api-key"] == "k1"
    assert crm.received[0].headers["content-type"] == "application/json"
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.status_code, attempt.reply, attempt.error) == (200, "ok", "")
    assert statuses() == ["delivered"]
    assert not Timer.objects.filter(kind="delivery").exists()


def test_both_secrets_sign_for_a_day(alpha: Tenant, crm: Receiver) -> None:
    endpoint = make_endpoint(f"{crm.url}/")
    newer = endpoints.rotate_secret(endpoint_id=endpoint.pk, now=timezone.now())
    happen()
    deliver()
    assert crm.bodies(SECRET) == crm.bodies(newer)

    WebhookEndpoint.objects.update(previous_secret_until=timezone.now())
    crm.received.clear()
    happen()
    deliver()
    assert len(crm.bodies(newer)) == 1
    with pytest.raises(WebhookVerificationError):
        crm.bodies(SECRET)


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        pytest.param("whsec_c2VjcmV0", b"secret", id="standard"),
        pytest.param("c2VjcmV0", b"secret", id="bare base64"),
        pytest.param("não é base64!", "não é base64!".encode(), id="any text"),
    ],
)
def test_a_secret_is_read_as_the_libraries_do(secret: str, key: bytes) -> None:
    now = timezone.now()
    headers = signing.headers(message_id="m", body=b"{}", sent_at=now, signing_secrets=[secret])

    Webhook(key).verify(b"{}", headers)


def test_what_fails_waits_by_the_schedule(alpha: Tenant, crm: Receiver) -> None:
    make_endpoint(f"{crm.url}/")
    [event] = happen()
    crm.respond = lambda _: Answer(500, body=b"x" * 100_000)
    for n_tries, delay_s in enumerate(deliveries.DELAYS_S[1:], start=1):
        assert deliver() == ["nothing_due"]
        row = Delivery.objects.get()
        waits = (row.next_attempt_at - database_now()).total_seconds()
        assert row.n_attempts == n_tries
        assert 0.79 * delay_s - 3 <= waits <= 1.21 * delay_s
        assert Timer.objects.get(kind="delivery").due_at == row.next_attempt_at
        pass_time()

    deliver()

    assert statuses() == ["failed"]
    assert set(crm.ids()) == {str(event.uuid)}
    assert len(crm.ids()) == 10
    assert len(DeliveryAttempt.objects.first().reply) == deliveries.KEPT_REPLY
    assert not Timer.objects.filter(kind="delivery").exists()


@pytest.mark.parametrize(
    ("asked", "least_s", "most_s"), [("1", 4, 6.1), ("600", 600, 600), ("86400", 3600, 3600)]
)
def test_who_asks_to_be_left_alone_is_for_an_hour_at_most(
    alpha: Tenant, crm: Receiver, asked: str, least_s: float, most_s: float
) -> None:
    make_endpoint(f"{crm.url}/")
    happen()
    crm.respond = lambda _: Answer(429, {"Retry-After": asked})
    began = database_now()

    deliver()

    first = Delivery.objects.get()
    waits = (first.next_attempt_at - began).total_seconds()
    assert least_s <= waits <= most_s + (database_now() - began).total_seconds()
    crm.respond = lambda _: Answer(200)
    WebhookEndpoint.objects.update(paused_until=first.next_attempt_at)
    happen()  # of another conversation, and it waits, too
    deliver()
    assert len(crm.received) == 1
    assert Timer.objects.get(kind="delivery").due_at == first.next_attempt_at
    WebhookEndpoint.objects.update(paused_until=database_now())
    pass_time()
    deliver()
    assert len(crm.received) == 3
    assert WebhookEndpoint.objects.get().paused_until is None


@pytest.mark.parametrize("age", [timedelta(days=3), timedelta(days=30)], ids=["late", "again"])
def test_what_is_given_up_today_is_counted_today(
    alpha: Tenant, crm: Receiver, age: timedelta
) -> None:
    endpoint = make_endpoint(f"{crm.url}/")
    crm.respond = lambda _: Answer(500)
    happen(n=1)
    happen(n=1)
    long_ago = timezone.now() - age
    Delivery.objects.update(created_at=long_ago)
    first, second = Delivery.objects.order_by("pk")
    Delivery.objects.filter(pk=first.pk).update(n_attempts=len(deliveries.DELAYS_S) - 1)
    deliver()
    crm.respond = lambda _: Answer(200)
    pass_time()
    deliver()
    Delivery.objects.filter(pk=second.pk).update(created_at=long_ago)

    [found] = delivery_reports.health([endpoint.pk], now=timezone.now()).values()
    later = timezone.now() + timedelta(days=1)
    [tomorrow] = delivery_reports.health([endpoint.pk], now=later).values()

    assert statuses() == ["failed", "delivered"]
    assert (found.n_delivered, found.n_failed, found.n_waiting) == (1, 1, 0)
    assert (tomorrow.n_delivered, tomorrow.n_failed) == (0, 0)


def test_a_redirect_is_a_failure_and_not_followed(alpha: Tenant, crm: Receiver) -> None:
    make_endpoint(f"{crm.url}/")
    happen()
    crm.respond = lambda _: Answer(302, {"Location": f"{crm.url}/elsewhere"})

    deliver()

    assert [one.path for one in crm.received] == ["/"]
    assert statuses() == ["pending"]


def test_who_is_gone_is_switched_off_and_the_owner_told(alpha: Tenant, crm: Receiver) -> None:
    make_endpoint(f"{crm.url}/")
    happen(n=2)
    crm.respond = lambda _: Answer(410)

    deliver()

    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.is_active, endpoint.disabled_reason) == (False, "gone")
    assert Notice.objects.get().kind == "endpoint.disabled"
    assert len(crm.received) == 1
    events.forget()
    assert happen() == []


def test_who_fails_for_five_days_is_switched_off_and_resumed_by_hand(
    alpha: Tenant, crm: Receiver
) -> None:
    make_endpoint(f"{crm.url}/")
    happen()
    crm.respond = lambda _: Answer(503)
    deliver()
    WebhookEndpoint.objects.update(failing_since=timezone.now() - timedelta(days=5))
    pass_time()
    deliver()
    assert WebhookEndpoint.objects.get().disabled_reason == "failing"

    crm.respond = lambda _: Answer(200)
    make_endpoint(f"{crm.url}/")  # as it is: switched on
    deliver()
    assert statuses() == ["delivered"]
    assert WebhookEndpoint.objects.get().failing_since is None


def test_after_a_day_without_receiver_all_arrives_in_order(alpha: Tenant, crm: Receiver) -> None:
    lines = [uuid.uuid4() for _ in range(5)]
    make_endpoint(f"{crm.url}/")
    crm.respond = lambda _: Answer(503)
    for _hour in range(6):
        for line in lines:
            happen(line)
        deliver()
        Delivery.objects.filter(n_attempts=0).update(next_attempt_at=database_now())
        pass_time()
    crm.received.clear()
    # Only one try is due; the others would wait for hours.
    tomorrow = database_now() + timedelta(hours=20)
    Delivery.objects.update(next_attempt_at=tomorrow)
    Delivery.objects.filter(pk=Delivery.objects.earliest("pk").pk).update(
        next_attempt_at=database_now()
    )
    crm.respond = lambda _: Answer(200)

    deliver()

    told: dict[str, list[int]] = {}
    for body in crm.bodies(SECRET):
        told.setdefault(body["data"]["conversation_id"], []).append(body["sequence"])
    assert told == {str(line): [1, 2, 3, 4, 5, 6] for line in lines}
    assert set(statuses()) == {"delivered"}


def test_what_is_refused_alone_keeps_its_times_while_others_are_taken(
    alpha: Tenant, crm: Receiver
) -> None:
    make_endpoint(f"{crm.url}/")
    [bad] = happen()
    crm.respond = lambda one: Answer(500 if one.headers["webhook-id"] == str(bad.uuid) else 200)
    deliver()
    for _ in range(12):
        happen()
        deliver()

    assert Delivery.objects.get(event=bad).n_attempts <= 3
    assert statuses() == ["pending", *["delivered"] * 12]


def test_what_failed_while_an_outage_began_is_sent_once_it_is_over(
    alpha: Tenant, crm: Receiver
) -> None:
    make_endpoint(f"{crm.url}/")
    [_taken], [unlucky] = happen(), happen()
    # The last that is taken and the first that is not are called together.
    crm.respond = lambda one: Answer(500 if one.headers["webhook-id"] == str(unlucky.uuid) else 200)
    deliver()
    crm.respond = lambda _: Answer(500)
    pass_time()
    deliver()

    crm.respond = lambda _: Answer(200)
    happen()
    deliver()

    assert statuses() == ["delivered"] * 3


def test_a_conversation_waits_for_its_own_event_only(alpha: Tenant, crm: Receiver) -> None:
    line = uuid.uuid4()
    make_endpoint(f"{crm.url}/")
    happen(line)
    happen(line)
    happen()
    bad = str(Event.objects.earliest("pk").uuid)
    crm.respond = lambda one: Answer(400 if one.headers["webhook-id"] == bad else 200)

    deliver()

    assert statuses() == ["pending", "pending", "delivered"]


def test_of_two_workers_one_delivers(committed_alpha: Tenant, crm: Receiver) -> None:
    make_endpoint(f"{crm.url}/")
    happen(n=1)
    [bell] = ring()
    barrier = threading.Barrier(4)
    outcomes: list[str] = []

    def work() -> None:
        try:
            with schema_context("t_alpha"):
                barrier.wait(60)
                outcomes.append(deliveries.run(timer_id=bell.timer_id, token=bell.token))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(outcomes) == ["not_ours", "not_ours", "not_ours", "nothing_due"]
    assert len(crm.received) == 1
    assert DeliveryAttempt.objects.count() == 1


def test_a_worker_that_lost_its_lease_writes_nothing_and_the_next_repeats(
    committed_alpha: Tenant, crm: Receiver
) -> None:
    make_endpoint(f"{crm.url}/")
    happen()
    [bell] = ring()

    def lose(_: Received) -> Answer:
        with connection.cursor() as cursor:
            cursor.execute("update public.tenants_timer set lease_token = null, lease_until = null")
        connection.close()
        return Answer(200)

    crm.respond = lose
    assert deliveries.run(timer_id=bell.timer_id, token=bell.token) == "lease_lost"
    assert statuses() == ["pending"]
    crm.respond = lambda _: Answer(200)

    assert deliver() == ["nothing_due"]

    assert len(crm.ids()) == 2
    assert len(set(crm.ids())) == 1
    assert statuses() == ["delivered"]


def test_a_slow_endpoint_delays_no_other(committed_alpha: Tenant, crm: Receiver) -> None:
    with Receiver() as slow:
        make_endpoint(f"{slow.url}/", name="slow")
        make_endpoint(f"{crm.url}/", name="quick")
        may_end = threading.Event()

        def hang(_: Received) -> Answer:
            may_end.wait(30)
            return Answer(200)

        slow.respond = hang
        happen()
        bells = ring()
        assert len(bells) == 2

        def work(bell: timers.Doorbell) -> None:
            try:
                with schema_context("t_alpha"):
                    deliveries.run(timer_id=bell.timer_id, token=bell.token)
            finally:
                connection.close()

        threads = [threading.Thread(target=work, args=(bell,)) for bell in bells]
        for thread in threads:
            thread.start()
        wait_until(
            lambda: Delivery.objects.filter(status="delivered", endpoint__name="quick").exists(),
            seconds=20,
        )
        assert Delivery.objects.get(endpoint__name="slow").status == "pending"
        may_end.set()
        for thread in threads:
            thread.join(60)
    assert set(statuses()) == {"delivered"}


def test_an_address_of_our_own_network_is_refused(
    alpha: Tenant, crm: Receiver, settings: Any
) -> None:
    make_endpoint(f"{crm.url}/")
    happen()
    settings.EGRESS_ALLOWED_TENANTS = []  # that the platform itself may go there opens nothing

    deliver()

    assert crm.received == []
    attempt = DeliveryAttempt.objects.get()
    assert attempt.status_code is None
    assert attempt.error.startswith("refused address")


def test_a_tenant_hears_nothing_of_another(alpha: Tenant, beta: Tenant, crm: Receiver) -> None:
    make_endpoint(f"{crm.url}/alpha")
    with tenant_context(beta):
        make_endpoint(f"{crm.url}/beta", secret="whsec_" + "b" * 32)
        happen()
        deliver()
        assert Delivery.objects.count() == 1
    happen()
    deliver()

    assert [one["tenant"] for one in crm.bodies(SECRET, path="/alpha")] == ["alpha"]
    assert [one["tenant"] for one in crm.bodies("whsec_" + "b" * 32, path="/beta")] == ["beta"]
    assert WebhookEndpoint.objects.get().secret() == SECRET


def test_the_doorbell_is_rung_after_the_commit_and_by_the_sweep(
    committed_alpha: Tenant, crm: Receiver
) -> None:
    endpoint = make_endpoint(f"{crm.url}/")
    happen()
    assert Timer.objects.get(kind="delivery").ref == endpoint.pk
    Timer.objects.all().delete()

    assert deliveries.wake_forgotten(now=database_now()) == 1
    assert deliveries.wake_forgotten(now=database_now()) == 0
    assert Timer.objects.get(kind="delivery").ref == endpoint.pk
    [bell] = ring()
    deliveries.run(timer_id=bell.timer_id, token=bell.token)
    assert statuses() == ["delivered"]


def test_what_was_delivered_is_delivered_again_under_its_id(alpha: Tenant, crm: Receiver) -> None:
    endpoint = make_endpoint(f"{crm.url}/")
    begin = timezone.now() - timedelta(seconds=5)
    happen(n=2)
    deliver()
    endpoints.ensure_endpoint(
        name="crm", url=endpoint.url, types=endpoint.events, now=begin, is_active=False
    )
    other = make_endpoint(f"{crm.url}/other", name="other")
    [missed] = happen()
    make_endpoint(f"{crm.url}/")
    crm.received.clear()

    def again(*, only_failed: bool, since: Any = begin) -> int:
        return endpoints.replay(
            endpoint=WebhookEndpoint.objects.get(name="crm"),
            since=since,
            until=timezone.now() + timedelta(minutes=1),
            only_failed=only_failed,
            now=database_now(),
        )

    assert again(only_failed=True) == 0
    assert again(only_failed=False, since=timezone.now() + timedelta(seconds=30)) == 0
    assert again(only_failed=False) == 3
    Delivery.objects.filter(endpoint=other).delete()
    deliver()
    assert set(crm.ids()) == {str(one.uuid) for one in Event.objects.all()}
    assert str(missed.uuid) in crm.ids()

    assert endpoints.replay_deliveries(delivery_ids=[Delivery.objects.first().pk], now=begin) == 1
    deliver()
    assert len(crm.ids()) == 4


def test_old_events_are_forgotten(alpha: Tenant, crm: Receiver) -> None:
    make_endpoint(f"{crm.url}/")
    happen(at=timezone.now() - timedelta(days=31))
    happen()

    deliveries.clear_old(now=timezone.now())

    assert Event.objects.count() == Delivery.objects.count() == 1


def test_a_test_event_needs_no_filter(alpha: Tenant, crm: Receiver) -> None:
    endpoint = make_endpoint(f"{crm.url}/", "budget.warned")
    endpoints.send_test(endpoint_id=endpoint.pk, now=timezone.now())
    deliver()
    assert crm.bodies(SECRET)[0]["type"] == "endpoint.test"
    assert crm.bodies(SECRET)[0]["sequence"] is None


@pytest.mark.parametrize(
    "values",
    [
        {"url": "ftp://crm.example/"},
        {"url": "https://user:word@crm.example/"},
        {"types": []},
        {"types": ["order.paid"]},
        {"secret": "whsec_"},
        {"headers": {"Webhook-Id": "1"}},
        {"headers": {"Host": "other.example"}},
        {"headers": {"X-Key": "a\r\nb: c"}},
    ],
    ids=str,
)
def test_what_cannot_work_is_refused(alpha: Tenant, values: dict[str, Any]) -> None:
    wanted = {"name": "crm", "url": "https://crm.example/", "types": ["lead.created"]}
    with pytest.raises(endpoints.BadEndpoint):
        endpoints.ensure_endpoint(**{**wanted, **values}, now=timezone.now())
    assert not WebhookEndpoint.objects.exists()
