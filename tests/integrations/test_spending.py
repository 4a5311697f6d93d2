from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from integrations.services import spending
from tenants.models import Tenant
from tests.admin.rows import make_call

ZONE = ZoneInfo("America/Sao_Paulo")


def test_each_day_of_a_long_span_has_its_own_cost(alpha: Tenant) -> None:
    first = date(2026, 1, 1)
    days = [first + timedelta(days=number) for number in range(60)]
    for day in days:
        # Late in the evening, which is the next day in UTC.
        at = datetime(day.year, day.month, day.day, 23, 30, tzinfo=ZONE)
        make_call(called_at=at, cost_usd=Decimal("0.01"))

    report = spending.report(first=first, last=days[-1], zone=ZONE)

    assert [row.sums.usd for row in report.days] == [Decimal("0.01")] * 60
    assert sum(row.sums.n_calls for row in report.days) == report.total.n_calls


def test_what_a_failed_try_cost_is_known_beside_an_answer_that_nobody_can_price(
    alpha: Tenant,
) -> None:
    at = datetime(2026, 3, 2, 12, tzinfo=ZONE)
    make_call(called_at=at, cost_usd=Decimal("0.01"), failure="the answer is empty")
    make_call(called_at=at, cost_usd=None, cost_kind="unknown", hop=1)

    total = spending.report(first=at.date(), last=at.date(), zone=ZONE).total

    assert (total.usd, total.n_unknown, total.is_unknown) == (Decimal("0.01"), 1, False)
