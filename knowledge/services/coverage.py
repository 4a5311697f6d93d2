"""How well the knowledge covers what is asked: counts over time, by document, category, agent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, DateField, F, Q, QuerySet
from django.db.models.functions import Trunc

from knowledge.models import Document, Search
from knowledge.services.gaps import NEAR_SHARE

TOP = 10
"""Documents that are named."""

_ANSWERED = Q(answered=True)
_ASKED_BACK = ~_ANSWERED & Q(decision=Search.Decision.ASK)
_NEAR = (
    ~_ANSWERED
    & ~Q(passages=[])
    & ~Q(decision=Search.Decision.ANSWER)
    & Q(confidence__gte=NEAR_SHARE * F("threshold"))
)


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of some questions; each is answered, asked back or not known.

    Args:
        n_near: of those without an answer, where something was found nearly good enough.
    """

    n_asked: int = 0
    n_answered: int = 0
    n_asked_back: int = 0
    n_near: int = 0

    @property
    def n_unknown(self) -> int:
        """Questions that found neither an answer nor a question back."""
        return self.n_asked - self.n_answered - self.n_asked_back

    @property
    def hit_rate(self) -> float | None:
        """The part that was answered, 0 to 1; None of nothing."""
        return self.n_answered / self.n_asked if self.n_asked else None


@dataclass(frozen=True, slots=True)
class Period:
    """A day, or a week from Monday on, and its counts."""

    begins_on: date
    counts: Counts


@dataclass(frozen=True, slots=True)
class Named:
    """The counts of an agent or a category."""

    name: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Quoted:
    """A document and how many answers it came first in."""

    document: Document
    n_answers: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was asked in a span of time; `never_quoted` came first in no answer of it."""

    total: Counts
    periods: tuple[Period, ...]
    by_category: tuple[Named, ...]
    by_agent: tuple[Named, ...]
    quoted: tuple[Quoted, ...]
    never_quoted: tuple[Document, ...]
    n_never_quoted: int


def coverage(*, now: datetime, zone: ZoneInfo, n_periods: int, by_week: bool) -> Coverage:
    """Count the questions of conversations up to now.

    Args:
        zone: the tenant's, in which days and weeks begin.
        n_periods: days or weeks, the present one included.
    """
    today = now.astimezone(zone).date()
    last = today - timedelta(days=today.weekday()) if by_week else today
    step = timedelta(weeks=1) if by_week else timedelta(days=1)
    first = last - (n_periods - 1) * step
    begins_at = datetime.combine(first, time.min, tzinfo=zone)
    asked = Search.objects.filter(origin=Search.Origin.CHAT, created_at__gte=begins_at)
    n_answers = {
        uuid: n
        for uuid, n in asked.filter(_ANSWERED)
        .values_list("passages__0__document_uuid")
        .annotate(n=Count("pk"))
        .order_by()
        if uuid
    }
    in_use = Document.objects.filter(deleted_at=None, status=Document.Status.READY).select_related(
        "category"
    )
    never = in_use.exclude(uuid__in=list(n_answers)).order_by("name", "pk")
    best = sorted(n_answers, key=lambda uuid: (-n_answers[uuid], uuid))[:TOP]
    documents = {
        str(one.uuid): one
        for one in Document.objects.filter(uuid__in=best).select_related("category")
    }
    return Coverage(
        total=_counts(asked.aggregate(**_NUMBERS)),
        periods=tuple(
            _periods(asked, first=first, step=step, n=n_periods, zone=zone, by_week=by_week)
        ),
        by_category=_named(asked, "passages__0__category"),
        by_agent=_named(asked, "agent_name"),
        quoted=tuple(
            Quoted(documents[uuid], n_answers[uuid]) for uuid in best if uuid in documents
        ),
        never_quoted=tuple(never[:TOP]),
        n_never_quoted=never.count(),
    )


_NUMBERS = {
    "n_asked": Count("pk"),
    "n_answered": Count("pk", filter=_ANSWERED),
    "n_asked_back": Count("pk", filter=_ASKED_BACK),
    "n_near": Count("pk", filter=_NEAR),
}


def _counts(row: Mapping[str, Any]) -> Counts:
    return Counts(**{name: row[name] for name in _NUMBERS})


def _periods(
    asked: QuerySet[Search],
    *,
    first: date,
    step: timedelta,
    n: int,
    zone: ZoneInfo,
    by_week: bool,
) -> Iterator[Period]:
    begin = Trunc("created_at", "week" if by_week else "day", output_field=DateField(), tzinfo=zone)
    rows = asked.annotate(begin=begin).values("begin").annotate(**_NUMBERS).order_by()
    found = {row["begin"]: _counts(row) for row in rows}
    for number in range(n):
        day = first + number * step
        yield Period(day, found.get(day, Counts()))


def _named(asked: QuerySet[Search], column: str) -> tuple[Named, ...]:
    rows = asked.values(column).annotate(**_NUMBERS).order_by("-n_asked", column)
    return tuple(Named(row[column] or "", _counts(row)) for row in rows)
