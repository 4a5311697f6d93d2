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
