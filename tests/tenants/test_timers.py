"""Timers: one of several workers wins, a lost doorbell rings again, a lost lease cannot commit."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django_tenants.utils import schema_context, tenant_context

from tenants import leases, owners, timers
from tenants.context import database_now
from tenants.models import Timer
from tests.fakes.http import wait_until


def claim_all(limit: int = 100, max_running: int = 100) -> list[timers.Doorbell]:
    return timers.claim_due(kind="turn", max_running=max_running, limit=limit)


def arm(ref: int, seconds: float = -1) -> None:
    timers.arm(kind="turn", ref=ref, due_at=database_now() + timedelta(seconds=seconds))


def expire_leases() -> None:
    Timer.objects.exclude(lease_until=None).update(
        lease_until=database_now() - timedelta(seconds=1)
    )


def begin(bell):
    """Begin what one doorbell announces, or nothing."""
    return next(iter(timers.begin([(bell.timer_id, bell.token)])), None)


def test_what_is_not_due_is_not_claimed(alpha):
    arm(1, seconds=60)
    arm(2)

    assert [bell.ref for bell in claim_all()] == [2]
    assert claim_all() == []


def test_only_kinds_with_something_due_and_free_are_named(alpha, beta):
    arm(1)
    with tenant_context(beta):
        arm(1)
    timers.arm(kind="later", ref=2, due_at=database_now() + timedelta(hours=1))
    timers.arm(kind="first", ref=3, due_at=database_now() - timedelta(seconds=1))

    assert timers.kinds_due(["first", "later", "turn", "none"]) == ["first", "turn"]

    assert len(claim_all()) == 2
    assert timers.kinds_due(["first", "later", "turn"]) == ["first"]
    expire_leases()
    assert timers.kinds_due(["turn"]) == ["turn"]


def test_the_next_free_one_is_told_by_how_far_it_is(alpha, beta):
    def due_within(*kinds: str, seconds: float = 60) -> float | None:
        return timers.due_within(kinds, seconds=seconds)

    assert due_within("turn") is None
    arm(2, seconds=50)
    assert due_within("turn", seconds=30) is None
    with tenant_context(beta):
        arm(2, seconds=40)
        timers.arm(kind="send", ref=2, due_at=database_now() + timedelta(seconds=30))

    assert 30 < due_within("turn") <= 40
    assert due_within("none", "send", "turn") <= 30
    held = Timer.objects.filter(kind="turn", schema_name="t_beta")
    held.update(lease_token=uuid.uuid4(), lease_until=database_now() + timedelta(seconds=55))
    assert 40 < due_within("turn") <= 50
    arm(1)
    assert due_within("turn") is None  # one waits for a place already
    assert due_within("turn", "send") <= 30


def test_two_tenants_have_timers_of_the_same_row(alpha, beta):
    arm(7)
    with tenant_context(beta):
        arm(7)

    assert sorted(bell.schema_name for bell in claim_all()) == ["t_alpha", "t_beta"]


def test_arming_again_moves_the_instant_and_is_seen_by_the_worker(alpha):
    arm(1)
    bell = claim_all()[0]
    claim = begin(bell)
    arm(1, seconds=30)

    assert timers.hold(claim) is True
    timers.finish(claim)
    timer = Timer.objects.get()
    assert timer.lease_token is None
    assert timer.due_at > database_now()


def test_finished_work_leaves_nothing(alpha):
    arm(1)
    bell = claim_all()[0]
    claim = begin(bell)

    assert timers.hold(claim) is False
    timers.finish(claim)
    assert not Timer.objects.exists()


def test_a_lost_doorbell_is_rung_again_and_the_old_one_opens_nothing(alpha):
    arm(1)
    lost = claim_all()[0]
    expire_leases()
    second = claim_all()[0]

    assert begin(lost) is None
    assert begin(second) is not None


def test_a_worker_that_lost_its_lease_may_not_commit(alpha):
    arm(1)
    bell = claim_all()[0]
    slow = begin(bell)
    expire_leases()
    again = claim_all()[0]
    quick = begin(again)

    assert quick.n_attempts == 2
    with pytest.raises(timers.LeaseLost):
        timers.hold(slow)
    timers.finish(slow)  # and it cannot take the work away from the other
    assert timers.hold(quick) is False


def test_what_a_dead_worker_held_is_free_at_once_and_nothing_else(alpha, monkeypatch):
    claims = []
    for ref in (1, 2):
        arm(ref)
        (bell,) = claim_all()
        monkeypatch.setenv(owners.VARIABLE, owners.new_name())
        claims.append(begin(bell))
    dead, living = claims

    assert owners.free_leases(name=dead.token.hex[:16]) == 1
    with pytest.raises(timers.LeaseLost), transaction.atomic():
        timers.hold(dead)
    assert timers.hold(living) is False
    (bell,) = claim_all()
    assert begin(bell).n_attempts == 2


def test_retried_work_keeps_its_attempts(alpha):
    arm(1)
    for attempt in (1, 2, 3):
        bell = claim_all()[0]
        claim = begin(bell)
        assert claim.n_attempts == attempt
        timers.retry(claim, due_at=database_now())


def test_the_least_busy_tenant_goes_first(alpha, beta):
    for ref in range(50):
        arm(ref)
    with tenant_context(beta):
        arm(1)

    first = claim_all(limit=2)
    assert {bell.schema_name for bell in first} == {"t_alpha", "t_beta"}
    with tenant_context(beta):
        arm(2)
    assert claim_all(limit=1, max_running=3)[0].schema_name in {"t_alpha", "t_beta"}


def test_no_more_is_claimed_than_may_run(alpha):
    for ref in range(10):
        arm(ref)

    assert len(claim_all(max_running=5)) == 4
    assert claim_all(max_running=5) == []
    assert len(claim_all(max_running=10)) == 4


def test_one_tenant_leaves_room_for_another(alpha, beta):
    for ref in range(30):
        arm(ref)
    claim_all(max_running=10)
    with tenant_context(beta):
        arm(1)

    assert [bell.schema_name for bell in claim_all(max_running=10)] == ["t_beta"]


def test_postponing_leaves_running_work_alone(alpha):
    arm(1)
    timers.postpone(kind="turn", ref=1, due_at=database_now() + timedelta(seconds=60))
    assert claim_all() == []
    arm(1)
    bell = claim_all()[0]
    timers.postpone(kind="turn", ref=1, due_at=database_now() + timedelta(seconds=60))
    assert begin(bell) is not None


def test_one_of_four_workers_begins(committed_alpha):
    arm(1)
    bell = claim_all()[0]
    gate, wins = threading.Barrier(4), []

    def work() -> None:
        try:
            with schema_context("t_alpha"):
                gate.wait()
                wins.append(begin(bell))
        finally:
            connection.close()

    run_threads(work, 4)
    assert sum(claim is not None for claim in wins) == 1


def test_four_dispatchers_claim_each_timer_once(committed_alpha):
    for ref in range(200):
        arm(ref)
    gate, claimed = threading.Barrier(4), []

    def work() -> None:
        try:
            gate.wait()
            for _ in range(10):
                claimed.extend(bell.ref for bell in claim_all(limit=30, max_running=1000))
        finally:
            connection.close()

    run_threads(work, 4)
    assert sorted(claimed) == list(range(200))


def test_a_claim_is_not_lost_to_a_rolled_back_transaction(committed_alpha):
    with transaction.atomic():
        arm(1)
        transaction.set_rollback(True)
    assert claim_all() == []


def test_an_unknown_token_begins_nothing(alpha):
    arm(1)
    assert timers.begin([(Timer.objects.get().pk, uuid.uuid4())]) == []


def run_threads(work, n: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_lease_is_kept_though_the_pool_is_used_up(committed_alpha, monkeypatch):
    pool = {"min_size": 0, "max_size": 1, "timeout": 30}
    used = connections.settings["default"]
    pooled = {**used, "OPTIONS": {**used["OPTIONS"], "pool": pool}}
    monkeypatch.setitem(connections.settings, "default", pooled)  # of threads that begin now
    arm(1)
    bell = claim_all()[0]
    claim = begin(bell)
    before = Timer.objects.get().lease_until
    taken, done = threading.Event(), threading.Event()
    sizes: list[int] = []

    def use_up() -> None:
        try:
            with connection.cursor():
                sizes.append(connection.pool.max_size)
                taken.set()
                done.wait(30)
        finally:
            connection.close()
            connection.close_pool()

    connection.close_pool()  # it is kept by name; what this thread holds stays open
    thread = threading.Thread(target=use_up)
    thread.start()
    assert taken.wait(10)
    assert sizes == [1]
    try:
        with leases.keep(claim):
            wait_until(lambda: Timer.objects.get().lease_until > before, seconds=20)
    finally:
        done.set()
        thread.join()


def test_whatever_fails_leases_are_renewed_in_the_next_round(monkeypatch, caplog):
    """Here no test's database may be used, which no database would say."""
    monkeypatch.setattr(leases, "RENEW_EVERY_S", 0.01)

    with leases.keep(timers.Claim(1, 1, uuid.uuid4(), generation=0, n_attempts=1)):
        wait_until(lambda: caplog.messages.count("leases not renewed") > 1, seconds=60)
