"""What models cost over a time: by day, model, agent, purpose and conversation."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from integrations.models import ModelCall
from integrations.services import saved_answers
from integrations.services.saved_answers import NOTHING_SAVED, Saved

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Sums:
    """What some calls cost and used.

    Args:
        usd: of the calls whose cost is known; `n_unknown` calls come on top, at no known price.
        estimated_usd: the part of `usd` that nobody counted exactly.
        brl: at the rate of each day; None where a day with known cost has no rate.
        input_tokens: None where nobody counted any.
    """

    n_calls: int
    n_failed: int
    n_unknown: int
    usd: Decimal
    estimated_usd: Decimal
    brl: Decimal | None
    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: int | None
    reasoning_tokens: int | None

    @property
    def is_unknown(self) -> bool:
        """Whether no price of any call is known: what they cost is not measured, which is not 0.

        A failed call mostly has none, but the one before an answer may have been paid for.
        """
        return (
            not self.usd and self.n_unknown > 0 and self.n_unknown + self.n_failed == self.n_calls
        )


@dataclass(frozen=True, slots=True)
class Row:
    """The sums of one day, model, agent, purpose or conversation."""

    label: str
    sums: Sums
    key: Any = None


@dataclass(frozen=True, slots=True)
class Report:
    """A span of days, both ends included, in the tenant's time zone.

    Args:
        fallbacks: answers of another model than the first choice, which had failed.
        failures: tries that failed, by their reason.
        saved: what was answered without asking; contacts only.
    """

    first: date
    last: date
    total: Sums
    days: tuple[Row, ...]
    models: tuple[Row, ...]
    agents: tuple[Row, ...]
    purposes: tuple[Row, ...]
    conversations: tuple[Row, ...]
    degraded: tuple[Row, ...]
    fallbacks: Sums
    failures: tuple[Row, ...]
    saved: Saved


def calls_between(
    first: date, last: date, *, zone: ZoneInfo, origin: str = ModelCall.Origin.CUSTOMER
) -> QuerySet[ModelCall]:
    """Return the calls of some days; tests and evaluations are asked for by their own origin."""
    begin = datetime.combine(first, time.min, tzinfo=zone)
    end = datetime.combine(last + timedelta(days=1), time.min, tzinfo=zone)
    return ModelCall.objects.filter(called_at__gte=begin, called_at__lt=end, origin=origin)


def report(
    *, first: date, last: date, zone: ZoneInfo, origin: str = ModelCall.Origin.CUSTOMER
) -> Report:
    """Return what the models cost on some days."""
    calls = calls_between(first, last, zone=zone, origin=origin)
    n_days = (last - first).days + 1
    day = TruncDate("called_at", tzinfo=zone)
    by_day = {row.key: row for row in _rows(calls, limit=n_days, day=day)}
    days = [first + timedelta(days=n) for n in range(n_days)]
    empty = _sums({})
    return Report(
        first=first,
        last=last,
        total=_sums(calls.aggregate(**_AGGREGATES)),
        days=tuple(by_day.get(day, Row(day.isoformat(), empty, day)) for day in days),
        models=_rows(calls, label=F("model")),
        agents=_rows(calls, label=F("agent_name")),
        purposes=_rows(calls, label=F("purpose")),
        conversations=_rows(
            calls.exclude(conversation_uuid=None), label=F("conversation_uuid"), limit=20
        ),
        degraded=_rows(calls.exclude(degraded=""), label=F("degraded")),
        fallbacks=_sums(calls.filter(hop__gt=0, failure="").aggregate(**_AGGREGATES)),
        failures=_rows(calls.exclude(failure=""), label=F("failure"), limit=10),
        saved=saved_answers.saved_between(first, last, zone=zone)
        if origin == ModelCall.Origin.CUSTOMER
        else NOTHING_SAVED,
    )


def projection(*, today: date, zone: ZoneInfo) -> Decimal | None:
    """Return what this month will have cost in US$ if it goes on as so far.

    None without a call whose cost is known. Today counts only as far as it has gone: nobody is
    told in the morning that the month is cheap.
    """
    first = today.replace(day=1)
    calls = calls_between(first, today, zone=zone)
    sums = _sums(calls.aggregate(**_AGGREGATES))
    if not sums.n_calls or sums.is_unknown:
        return None
    n_days = calendar.monthrange(today.year, today.month)[1]
    before = _sums(
        calls_between(first, today - timedelta(days=1), zone=zone).aggregate(**_AGGREGATES)
    )
    if today.day == 1 or not before.n_calls:
        return (sums.usd / today.day * n_days).quantize(CENT)
    per_day = before.usd / (today.day - 1)
    rest = n_days - today.day
    return (before.usd + max(sums.usd - before.usd, per_day) + per_day * rest).quantize(CENT)


_KNOWN = ~Q(cost_kind=ModelCall.CostKind.UNKNOWN)

_AGGREGATES: Mapping[str, Any] = {
    "n_calls": Count("pk"),
    "n_failed": Count("pk", filter=~Q(failure="")),
    "n_unknown": Count("pk", filter=Q(cost_kind=ModelCall.CostKind.UNKNOWN, failure="")),
    "usd": Sum("cost_usd", filter=_KNOWN),
    "estimated_usd": Sum("cost_usd", filter=Q(cost_kind=ModelCall.CostKind.ESTIMATED)),
    "brl": Sum(F("cost_usd") * F("usd_brl"), filter=_KNOWN),
    "n_without_rate": Count("pk", filter=_KNOWN & Q(usd_brl=None) & Q(cost_usd__gt=0)),
    "input_tokens": Sum("input_tokens"),
    "output_tokens": Sum("output_tokens"),
    "cached_input_tokens": Sum("cached_input_tokens"),
    "reasoning_tokens": Sum("reasoning_tokens"),
}


def _rows(calls: QuerySet[ModelCall], *, limit: int = 50, **group: Any) -> tuple[Row, ...]:
    (name, expression), *_ = group.items()
    grouped = calls.annotate(**{f"of_{name}": expression}).values(f"of_{name}")
    found = grouped.annotate(**_AGGREGATES).order_by(F("usd").desc(nulls_last=True), "-n_calls")
    return tuple(
        Row(str(values[f"of_{name}"] or ""), _sums(values), values[f"of_{name}"])
        for values in found[:limit]
    )


def _sums(values: Mapping[str, Any]) -> Sums:
    return Sums(
        n_calls=values.get("n_calls", 0),
        n_failed=values.get("n_failed", 0),
        n_unknown=values.get("n_unknown", 0),
        usd=values.get("usd") or Decimal(0),
        estimated_usd=values.get("estimated_usd") or Decimal(0),
        brl=None if values.get("n_without_rate") else values.get("brl") or Decimal(0),
        input_tokens=values.get("input_tokens"),
        output_tokens=values.get("output_tokens"),
        cached_input_tokens=values.get("cached_input_tokens"),
        reasoning_tokens=values.get("reasoning_tokens"),
    )
