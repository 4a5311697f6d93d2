"""Tasks: each runs in the schema that it was published for; the dispatcher rings what is due."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import redis
from celery import shared_task
from celery.contrib.testing.worker import start_worker
from django.conf import settings
from django.db import connection, transaction
from django_tenants.utils import schema_context, tenant_context

from channels_whatsapp.models import Device
from config.celery import app
from config.processes import BASE_DIR
from conversations import tasks as conversation_tasks
from tenants import dispatching, inbox, timers
from tenants.celery import MissingSchema
from tenants.context import current_schema, database_now, release_connection
from tenants.models import InboundRoute, InboxEntry, Timer
from tenants.queueing import enqueue
from tests.factories import make_agent, make_device, message_body

NOTE = "tests.tenants.test_tasks.note"
RAN: list[tuple[str, int]] = []


@shared_task(name=NOTE)
def note(*, number: int, **_: object) -> str:
    RAN.append((current_schema(), number))
    if number == 13:
        raise ArithmeticError
    return "noted"


@pytest.fixture
def worker(transactional_db: None, empty_broker: redis.Redis) -> Iterator[None]:
    RAN.clear()
    app.loader.import_default_modules()
    queues = ["default", "inbound", "turns", "outbound"]
    with start_worker(app, 1, pool="threads", perform_ping_check=False, queues=queues):
        yield


@pytest.fixture
def empty_broker() -> redis.Redis:
    client = redis.Redis.from_url(settings.REDIS_URL)
    flush(client)
    return client


def flush(broker: redis.Redis) -> None:
    """Take away all that the broker keeps for this process of the tests."""
    prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    for key in broker.scan_iter(f"{prefix}*"):
        broker.delete(key)


def wait_for(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(150):
        if condition():
            return
        pause.wait(0.1)
    raise AssertionError("it did not happen in time")


def test_a_task_runs_in_the_schema_that_it_was_published_for(committed_alpha, worker):
    with transaction.atomic():
        with tenant_context(committed_alpha):
            enqueue(NOTE, number=1)
        connection.set_schema_to_public()
        assert RAN == []

    wait_for(lambda: RAN == [("t_alpha", 1)])


def test_two_tenants_in_one_worker_do_not_mix_even_after_an_error(
    committed_alpha, committed_beta, worker
):
    for number in (1, 13, 2, 3):
        for tenant in (committed_alpha, committed_beta):
            with tenant_context(tenant):
                enqueue(NOTE, number=number)

    wait_for(lambda: len(RAN) == 8)
    expected = [(schema, n) for n in (1, 13, 2, 3) for schema in ("t_alpha", "t_beta")]
    assert expected == RAN


def test_a_tenants_task_without_a_schema_fails_loudly(db):
    result = conversation_tasks.run_turns.apply(kwargs={"bells": []}, headers={})

    assert isinstance(result.result, MissingSchema)


def test_a_misspelt_task_fails_where_it_is_written(alpha):
    with pytest.raises(ImportError):
        enqueue("conversations.tasks.run_trun", turn_id=1)


def test_a_broker_that_is_away_is_no_error():
    # The row is the truth; a sweep rings again.
    code = (
        "import django; django.setup(); from tenants.queueing import ring;"
        "print(ring(path='knowledge.tasks.requeue_stalled', schema='t_alpha', kwargs={}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=BASE_DIR,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "REDIS_URL": "redis://127.0.0.1:1/0",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.strip() == "False"


def test_the_dispatcher_rings_what_is_due_and_the_worker_does_it(
    committed_alpha, empty_broker, worker
):
    device = make_device(make_agent())
    route = InboundRoute.objects.get(device_ref=device.uuid)
    InboxEntry.objects.create(
        route=route,
        schema_name="t_alpha",
        dedup_key="x",
        encoding="json",
        body=message_body("oi"),
    )

    assert dispatching.tick() == 1
    wait_for(lambda: InboxEntry.objects.filter(done_at=None).count() == 0)
    wait_for(lambda: Timer.objects.exists())
    assert dispatching.tick() == 1
    wait_for(lambda: not Timer.objects.filter(kind="turn").exists())


def test_what_fails_at_every_try_is_parked_by_the_dispatcher(
    committed_alpha, empty_broker, worker, settings
):
    settings.TENANT_SWEEPS = {}
    device = make_device(make_agent())
    InboxEntry.objects.create(
        route=InboundRoute.objects.get(device_ref=device.uuid),
        schema_name="t_alpha",
        dedup_key="x",
        encoding="json",
        body=message_body("oi"),
    )
    Device.objects.update(uuid=uuid.uuid4())  # nothing can be written for the route any more

    for n_before in range(inbox.MAX_ATTEMPTS):
        wait_for(lambda: dispatching.tick() == 1)  # the worker may still hold the row
        wait_for(lambda n=n_before: InboxEntry.objects.get().n_attempts == n + 1)
        dispatching.keep_house(last_run={})
        InboxEntry.objects.update(lease_until=database_now() - timedelta(seconds=1))
    assert InboxEntry.objects.get().parked_reason == ""
    assert dispatching.tick() == 0
    dispatching.keep_house(last_run={})

    assert InboxEntry.objects.get().parked_reason == "failed 5 times"


def test_a_flushed_broker_loses_no_work(committed_alpha, empty_broker):
    timers.arm(kind="turn", ref=1, due_at=database_now() - timedelta(seconds=1))
    assert dispatching.tick() == 1
    flush(empty_broker)
    assert dispatching.tick() == 0

    Timer.objects.update(lease_until=database_now() - timedelta(seconds=1))
    assert dispatching.tick() == 1


class Waits(threading.Event):
    """Notes the waits of a loop that it stops after the first."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        self.set()
        return True


@pytest.mark.parametrize(("n_rung", "is_cut"), [(0, True), (3, False)], ids=["idle", "busy"])
def test_who_has_nothing_to_do_looks_when_something_is_due(
    committed_alpha, monkeypatch, n_rung, is_cut
):
    monkeypatch.setattr(dispatching, "tick", lambda: n_rung)
    monkeypatch.setattr(dispatching, "keep_house", lambda **_: None)
    monkeypatch.setattr(dispatching, "TICK_S", 3600.0)
    timers.arm(kind="turn", ref=1, due_at=database_now() + timedelta(seconds=600))
    waits = Waits()

    dispatching.run(stop=waits)

    assert (waits.seconds[0] <= 600) is is_cut


def test_sweeps_ring_each_ready_tenant_at_their_pace(committed_alpha, empty_broker, settings):
    settings.TENANT_SWEEPS = {"knowledge.tasks.requeue_stalled": 3600}
    last_run: dict[str, float] = {}
    dispatching.keep_house(last_run=last_run)
    first = dict(last_run)
    dispatching.keep_house(last_run=last_run)

    assert last_run == first
    assert inbox.oldest_waiting_s() == 0


def test_waiting_for_the_network_holds_no_connection(committed_alpha):
    current_schema()
    database_now()
    assert connection.connection is not None
    release_connection()
    assert connection.connection is None
    with transaction.atomic(), pytest.raises(RuntimeError):
        release_connection()
    with schema_context("t_alpha"):
        assert current_schema() == "t_alpha"


def test_a_broker_that_is_away_keeps_no_doorbell_waiting(committed_alpha, monkeypatch):
    device = make_device(make_agent())
    InboxEntry.objects.create(
        route=InboundRoute.objects.get(device_ref=device.uuid),
        schema_name="t_alpha",
        dedup_key="x",
        encoding="json",
        body=message_body("oi"),
    )
    timers.arm(kind="turn", ref=1, due_at=database_now() - timedelta(seconds=1))
    monkeypatch.setattr(dispatching, "ring", lambda **_: False)
    for _ in range(10):
        with pytest.raises(dispatching.BrokerAway):
            dispatching.tick()
    InboxEntry.objects.update(done_at=database_now())
    with pytest.raises(dispatching.BrokerAway):
        dispatching.tick()

    assert InboxEntry.objects.get().lease_token is None
    timer = Timer.objects.get()
    assert (timer.lease_token, timer.n_rings) == (None, 0)


def test_everything_that_is_rung_is_a_task() -> None:
    """A name that no worker knows makes it start its connection anew, and everybody waits."""
    app.loader.import_default_modules()

    rung = {*settings.TENANT_SWEEPS, *settings.TIMER_TASKS.values()}

    assert sorted(rung - set(app.tasks)) == []
