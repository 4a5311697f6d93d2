from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django_tenants.utils import tenant_context

from integrations.llm.errors import BudgetExhausted
from integrations.models import Budget, Notice, Reservation, Spend
from integrations.services import budget_marks, budgets
from integrations.services.budgets import Promise, Subject
from tenants.models import Tenant
from tests.fakes.http import wait_until
from tests.workers import n_waiting_for_a_lock

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ZONE = "America/Sao_Paulo"
AGENT, CONTACT, TALK = (uuid.UUID(int=n) for n in (1, 2, 3))
SUBJECT = Subject(AGENT, CONTACT, TALK)


def reserve(usd: str | None = "1", *, subject: Subject = SUBJECT, now: datetime = NOW) -> Promise:
    amount = None if usd is None else Decimal(usd)
    return budgets.reserve(subject=subject, usd=amount, now=now, timezone=ZONE)


def limit(
    level: str = "tenant",
    *,
    usd: str | None = "10",
    calls: int | None = None,
    period: str = "month",
) -> Budget:
    return Budget.objects.create(
        level=level,
        agent_uuid=AGENT if level == "agent" else None,
        period=period,
        limit_usd=None if usd is None else Decimal(usd),
        limit_calls=calls,
    )


def test_without_a_budget_nothing_is_counted(alpha: Tenant) -> None:
    assert reserve() == Promise()
    assert not Reservation.objects.exists()


def test_what_is_set_aside_is_booked_at_its_real_cost(alpha: Tenant) -> None:
    limit()
    promise = reserve("4")
    assert Spend.objects.get().reserved_usd == 4

    budgets.settle(reservation=promise.reservation, usd=Decimal("0.5"))
    budgets.settle(reservation=promise.reservation, usd=Decimal("0.5"))

    spend = Spend.objects.get()
    assert (spend.spent_usd, spend.reserved_usd, spend.n_calls) == (Decimal("0.5"), 0, 1)


def test_what_does_not_fit_is_refused_and_sets_nothing_aside(alpha: Tenant) -> None:
    limit()
    limit("contact", usd="3")

    with pytest.raises(BudgetExhausted) as caught:
        reserve("4")

    assert caught.value.level == "contact"
    assert not Spend.objects.filter(reserved_usd__gt=0).exists()


@pytest.mark.parametrize(
    ("usd", "percent", "cheaper"), [("7.9", 79, False), ("8", 80, False), ("9.5", 95, True)]
)
def test_the_marks(alpha: Tenant, usd: str, percent: int, cheaper: bool) -> None:
    limit()

    promise = reserve(usd)

    assert (promise.percent, promise.wants_cheaper) == (percent, cheaper)


def test_each_mark_is_told_once(alpha: Tenant) -> None:
    limit()

    told = [reserve(usd).warned for usd in ("8", "0.5", "1", "0.1")]

    assert told == [(("tenant", 80),), (), (("tenant", 95),), ()]


def test_the_marks_of_a_raised_limit_are_told_anew(alpha: Tenant) -> None:
    limit()
    reserve("9.6")
    with pytest.raises(BudgetExhausted) as full:
        reserve("1")
    budget_marks.tell_exhausted(spend_id=full.value.spend_id, now=NOW)
    Notice.objects.update(seen_at=NOW)

    budget = Budget.objects.get()
    budget.save()
    assert Spend.objects.get().warned_at_percent == 100
    budget.limit_usd = Decimal("20")
    budget.save()

    assert [reserve(usd).warned for usd in ("1", "8.6")] == [(), (("tenant", 95),)]
    with pytest.raises(BudgetExhausted) as again:
        reserve("2")
    budget_marks.tell_exhausted(spend_id=again.value.spend_id, now=NOW)
    assert Notice.objects.get(kind="budget.exhausted").seen_at is None


def test_a_contact_does_not_use_up_what_another_one_has(alpha: Tenant) -> None:
    limit("contact", usd="1")
    reserve("1")

    reserve("1", subject=Subject(AGENT, uuid.UUID(int=9), TALK))
    with pytest.raises(BudgetExhausted):
        reserve("1")


def test_calls_are_limited_by_contact_and_day(alpha: Tenant) -> None:
    limit("contact", usd=None, calls=2, period="day")
    reserve(None)
    reserve(None)

    with pytest.raises(BudgetExhausted):
        reserve(None)
    reserve(None, now=NOW + timedelta(days=1))


def test_a_day_begins_at_midnight_where_the_tenant_is(alpha: Tenant) -> None:
    limit("tenant", usd=None, calls=1, period="day")
    reserve(None, now=datetime(2026, 3, 2, 2, 30, tzinfo=UTC))  # still the 1st in São Paulo

    reserve(None, now=datetime(2026, 3, 2, 3, 30, tzinfo=UTC))

    assert Spend.objects.count() == 2


def test_what_a_dead_caller_set_aside_counts_as_spent(alpha: Tenant) -> None:
    limit()
    reserve("4")

    assert budgets.settle_abandoned(now=NOW) == 0
    assert budgets.settle_abandoned(now=NOW + timedelta(minutes=6)) == 1

    assert Spend.objects.get().spent_usd == 4


def test_two_tenants_with_the_same_ids_spend_apart(alpha: Tenant, beta: Tenant) -> None:
    limit(usd="1")
    with tenant_context(beta):
        limit(usd="1")
    reserve("1")

    with tenant_context(beta):
        reserve("1")
        assert Spend.objects.get().reserved_usd == 1


def test_twenty_at_the_edge_do_not_overspend(committed_alpha: Tenant) -> None:
    with tenant_context(committed_alpha):
        limit(usd="10")
        limit("agent", usd="50")
        budgets.settle(reservation=reserve("8").reservation, usd=Decimal(8))

    def call(_: int) -> bool:
        try:
            with tenant_context(committed_alpha):
                promise = reserve("0.5")
                budgets.settle(reservation=promise.reservation, usd=Decimal("0.5"))
                return True
        except BudgetExhausted:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answered = list(pool.map(call, range(20)))

    assert answered.count(True) == 4
    with tenant_context(committed_alpha):
        assert Spend.objects.get(budget__level="tenant").spent_usd == 10
        assert not Reservation.objects.exists()


def test_what_dead_callers_set_aside_is_booked_in_the_order_of_the_living(
    committed_alpha: Tenant,
) -> None:
    other_agent, other_contact = uuid.UUID(int=8), uuid.UUID(int=9)
    with tenant_context(committed_alpha):
        limit("contact")
        limit("agent")
        Budget.objects.create(level="agent", agent_uuid=other_agent, limit_usd=Decimal(10))
        budgets.settle(reservation=reserve().reservation, usd=Decimal(1))
        reserve(subject=Subject(other_agent, other_contact))  # who dies
        reserve()  # and this one, too
        ours = Spend.objects.get(subject=AGENT)
        theirs = Spend.objects.get(subject=other_contact)
        assert ours.pk < theirs.pk

    def sweep() -> int:
        try:
            with tenant_context(committed_alpha):
                return budgets.settle_abandoned(now=NOW + timedelta(minutes=6))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, tenant_context(committed_alpha):
        with transaction.atomic():
            Spend.objects.select_for_update().get(pk=ours.pk)
            swept = pool.submit(sweep)
            wait_until(lambda: n_waiting_for_a_lock() == 1, seconds=20)
            # As one of our agent and their contact locks them: waiting for it would never end.
            Spend.objects.select_for_update(nowait=True).get(pk=theirs.pk)
        assert swept.result() == 2
