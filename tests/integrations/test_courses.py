"""Calls over time: each in the step in which it began, by outcome, with how long it took."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import tenant_context

from integrations.models import Delivery, DeliveryAttempt, HttpToolCall
from integrations.services import courses
from integrations.services.courses import Outcome, Span, Step
from tenants.models import Tenant
from tests.integrations.events import happen, make_endpoint
from tests.integrations.tools import make_tool

ZONE = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 7, 15, 17, 20, tzinfo=UTC)  # 14:20 in São Paulo


def attempt(delivery: Delivery, ago: timedelta, status: int | None, ms: int) -> None:
    DeliveryAttempt.objects.create(
        delivery=delivery, attempted_at=NOW - ago, status_code=status, duration_ms=ms
    )


def shown(step: Step) -> tuple[tuple[int, ...], float | None, float | None]:
    p50, p95 = (None if ms is None else round(ms, 3) for ms in (step.p50_ms, step.p95_ms))
    return tuple(step.counts.values()), p50, p95


def test_tries_are_counted_where_they_began(alpha: Tenant, beta: Tenant) -> None:
    crm = make_endpoint("https://crm.example/")
    other = make_endpoint("https://other.example/", name="other")
    happen()
    first, second = Delivery.objects.get(endpoint=crm), Delivery.objects.get(endpoint=other)
    minute, hour, day = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    for ago, status, ms in (
        (20 * minute, 200, 100),  # 14:00 exactly
        (21 * minute, 204, 300),  # 13:59
        (30 * minute, 500, 500),
        (40 * minute, None, 900),
        (23 * hour + 21 * minute, 200, 1),  # 14:59 of yesterday: before the first hour
        (7 * day, 200, 50),
        (29 * day, 410, 70),
        (31 * day, 200, 9),
    ):
        attempt(first, ago, status, ms)
    attempt(second, minute, 302, 1000)
    with tenant_context(beta):
        make_endpoint("https://crm.example/")
        happen()
        attempt(Delivery.objects.get(), minute, 200, 7)

    with CaptureQueriesContext(connection) as queries:
        found = courses.of_deliveries(span=Span.DAY, zone=ZONE, now=NOW, endpoint_id=crm.pk)

    assert len([one for one in queries if "COUNT(" in one["sql"]]) == 2
    assert [one.begin.hour for one in found.steps] == [*range(15, 24), *range(15)]
    assert [one.begin.minute for one in found.steps] == [0] * 24
    assert shown(found.steps[-1]) == ((1, 0, 0), 100, 100)
    assert shown(found.steps[-2]) == ((1, 1, 1), 500, 860)
    assert shown(found.steps[0]) == ((0, 0, 0), None, None)
    assert shown(found.total) == ((2, 1, 1), 400, 840)

    every = courses.of_deliveries(span=Span.DAY, zone=ZONE, now=NOW)
    assert every.total.counts == {Outcome.GOOD: 2, Outcome.BAD: 2, Outcome.UNKNOWN: 1}
    week = courses.of_deliveries(span=Span.WEEK, zone=ZONE, now=NOW, endpoint_id=crm.pk)
    assert (len(week.steps), week.steps[-1].begin.hour, week.total.n_calls) == (28, 12, 5)
    month = courses.of_deliveries(span=Span.MONTH, zone=ZONE, now=NOW, endpoint_id=crm.pk)
    assert (len(month.steps), month.total.n_calls, month.steps[0].n_calls) == (30, 7, 1)
    assert sum(one.n_calls for one in month.steps) == 7
    with tenant_context(beta):
        theirs = courses.of_deliveries(span=Span.DAY, zone=ZONE, now=NOW)
        assert shown(theirs.total) == ((1, 0, 0), 7, 7)


def test_calls_of_tools_are_counted_by_how_they_ended(alpha: Tenant) -> None:
    book = make_tool("https://erp.example/")
    for status, ms in (
        ("done", 40), ("done", 60), ("failed", 80), ("unknown", None), ("waiting", None),
        ("declined", None), ("started", None),
    ):  # fmt: skip
        HttpToolCall.objects.create(
            tool=book, tool_name="book", status=status, started_at=NOW, duration_ms=ms
        )
    HttpToolCall.objects.create(tool_name="gone", status="done", started_at=NOW, duration_ms=1)

    found = courses.of_tools(span=Span.MONTH, zone=ZONE, now=NOW, tool_id=book.pk)

    assert shown(found.steps[-1]) == ((2, 1, 1, 3), 60, 78)
    assert courses.of_tools(span=Span.DAY, zone=ZONE, now=NOW).total.n_calls == 8


def test_a_day_of_a_changed_clock_is_a_day() -> None:
    zone = ZoneInfo("America/New_York")
    now = datetime(2026, 3, 9, 16, tzinfo=UTC)  # the clocks went forward on the 8th at 2:00

    days = courses.steps_of(Span.MONTH, zone=zone, now=now)
    hours = courses.steps_of(Span.DAY, zone=zone, now=now - timedelta(hours=24))

    assert {one.hour for one in days} == {0}
    assert len({one.astimezone(UTC) for one in hours}) == 24
    assert [one.hour for one in hours][-12:] == [0, 1, *range(3, 13)]
