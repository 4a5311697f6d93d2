"""How calls of other systems went over time: by outcome, and how long they took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    Aggregate,
    Count,
    DateTimeField,
    F,
    FloatField,
    Func,
    IntegerField,
    Q,
    QuerySet,
    Value,
)

from integrations.models import DeliveryAttempt, HttpToolCall


class Span(StrEnum):
    """How far back is looked."""

    DAY = "day"  # 24 steps of an hour
    WEEK = "week"  # 28 steps of six hours
    MONTH = "month"  # 30 steps of a day


class Outcome(StrEnum):
    """How a call ended; a delivery and a tool each know three or four of them."""

    GOOD = "good"  # taken, done
    BAD = "bad"  # answered with an error; not done
    UNKNOWN = "unknown"  # no answer; outcome unknown
    OTHER = "other"  # not called yet, or never


@dataclass(frozen=True, slots=True)
class Step:
    """What began within a part of the span.

    Args:
        begin: its first instant, in the tenant's zone; it ends where the next begins.
        counts: calls by outcome; every outcome that is asked for is there.
        p50_ms: half of the calls took at most so long, in ms; None where nothing was measured.
        p95_ms: the same of 95 % of the calls.
    """

    begin: datetime
    counts: Mapping[Outcome, int]
    p50_ms: float | None
    p95_ms: float | None

    @property
    def n_calls(self) -> int:
        """How many calls began."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Course:
    """The steps of a span, the oldest first, and all of them together."""

    span: Span
    steps: tuple[Step, ...]
    total: Step


class _StepOf(Func):
    """The number of the step that an instant falls into, from 1."""

    function = "width_bucket"

    def __init__(self, field: str, begins: list[datetime]) -> None:
        edges = Value(begins, output_field=ArrayField(DateTimeField()))
        super().__init__(F(field), edges, output_field=IntegerField())


class _Percentile(Aggregate):
    """PostgreSQL's interpolated percentile; rows without a value do not count."""

    function = "percentile_cont"
    template = "%(function)s(%(fraction)s) within group (order by %(expressions)s)"

    def __init__(self, field: str, *, fraction: float) -> None:
        super().__init__(field, fraction=fraction, output_field=FloatField())


_OF_ATTEMPTS = {
    Outcome.GOOD: Q(status_code__range=(200, 299)),
    Outcome.BAD: Q(status_code__isnull=False) & ~Q(status_code__range=(200, 299)),
    Outcome.UNKNOWN: Q(status_code=None),
}

_CALLED = (HttpToolCall.Status.DONE, HttpToolCall.Status.FAILED, HttpToolCall.Status.UNKNOWN)

_OF_TOOLS = {
    Outcome.GOOD: Q(status=HttpToolCall.Status.DONE),
    Outcome.BAD: Q(status=HttpToolCall.Status.FAILED),
    Outcome.UNKNOWN: Q(status=HttpToolCall.Status.UNKNOWN),
    Outcome.OTHER: ~Q(status__in=_CALLED),
}


def of_deliveries(
    *, span: Span, zone: ZoneInfo, now: datetime, endpoint_id: int | None = None
) -> Course:
    """Return how the tries of deliveries went; each try counts.

    Args:
        endpoint_id: None for all endpoints.
    """
    attempts = DeliveryAttempt.objects.all()
    if endpoint_id is not None:
        attempts = attempts.filter(delivery__endpoint=endpoint_id)
    return _course(attempts, _OF_ATTEMPTS, at="attempted_at", span=span, zone=zone, now=now)


def of_tools(*, span: Span, zone: ZoneInfo, now: datetime, tool_id: int | None = None) -> Course:
    """Return how calls of tools went.

    Args:
        tool_id: None for all tools.
    """
    calls = HttpToolCall.objects.all()
    if tool_id is not None:
        calls = calls.filter(tool=tool_id)
    return _course(calls, _OF_TOOLS, at="started_at", span=span, zone=zone, now=now)


def _course(
    rows: QuerySet[Any],
    outcomes: Mapping[Outcome, Q],
    *,
    at: str,
    span: Span,
    zone: ZoneInfo,
    now: datetime,
) -> Course:
    """Count and measure in the database; two queries, whatever the span."""
    begins = steps_of(span, zone=zone, now=now)
    rows = rows.filter(**{f"{at}__gte": begins[0], f"{at}__lte": now}).order_by()
    # Of the column that is in the index, so that no row has to be fetched.
    wanted: dict[str, Any] = {str(one): Count(at, filter=which) for one, which in outcomes.items()}
    wanted["p50"] = _Percentile("duration_ms", fraction=0.5)
    wanted["p95"] = _Percentile("duration_ms", fraction=0.95)
    found = {
        row["step"]: row
        for row in rows.annotate(step=_StepOf(at, begins)).values("step").annotate(**wanted)
    }

    def step(begin: datetime, row: Mapping[str, Any]) -> Step:
        counts = {one: int(row.get(str(one), 0)) for one in outcomes}
        return Step(begin, counts, row.get("p50"), row.get("p95"))

    steps = tuple(step(begin, found.get(n, {})) for n, begin in enumerate(begins, start=1))
    return Course(span, steps, step(begins[0], rows.aggregate(**wanted)))


def steps_of(span: Span, *, zone: ZoneInfo, now: datetime) -> list[datetime]:
    """Return where the steps begin that end with the present one, by the tenant's clocks."""
    local = now.astimezone(zone)
    if span is Span.DAY:
        hour = local.replace(minute=0, second=0, microsecond=0).astimezone(now.tzinfo)
        return [(hour - timedelta(hours=back)).astimezone(zone) for back in range(23, -1, -1)]
    hours, n_steps = ((0, 6, 12, 18), 28) if span is Span.WEEK else ((0,), 30)
    begins = [
        datetime.combine(local.date() - timedelta(days=back), time(hour), tzinfo=zone)
        for back in range(n_steps, -1, -1)
        for hour in hours
    ]
    return [begin for begin in begins if begin <= local][-n_steps:]
