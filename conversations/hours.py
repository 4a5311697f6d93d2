"""When a business is open: its week, its holidays and its own days, without a database.

Everything is reckoned on the wall clock of the business, and only the ends of a span become
instants. So a day of 23 or 25 hours needs no rule of its own, and neither does midnight: a span
that ends on the next day belongs to the day on which it begins.
"""

from __future__ import annotations

import re
from calendar import isleap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from agents.types_hours import ALWAYS_OPEN, DayHours, HoursReason, HoursState, Span
from conversations import brazil

DAY_MIN = 24 * 60

MAX_NIGHT_MIN = 16 * 60
"""Longest span past midnight, in minutes. A longer one is a slip, such as 12:00-08:00 for
08:00-12:00, and would be open when nobody is there."""

MAX_SPANS = 6
"""Spans of one day; nobody has more breaks, and the page stays readable."""

LOOK_AHEAD = 400
"""Days in which the next opening is looked for: a year's closure and some. Beyond it nobody knows
when people are back."""

NEAR = 10
"""Days that are looked at first; nearly every closed period ends within them."""

NEVER_CLOSES = timedelta(days=8)
"""Who is open for longer than any week is open round the clock."""

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))")


class BadSpan(ValueError):
    """What was written is no span of hours, or does not go with the others of its day."""


@dataclass(frozen=True, slots=True)
class Special:
    """Days that are unlike the others: closed without spans, open in them otherwise.

    Args:
        every_year: the same days each year, such as a city's own holiday.
        text: said instead of the usual away text.
    """

    first_day: date
    last_day: date
    spans: tuple[Span, ...] = ()
    reason: str = ""
    text: str = ""
    every_year: bool = False

    def covers(self, day: date) -> bool:
        """Test whether `day` is one of them."""
        if not self.every_year:
            return self.first_day <= day <= self.last_day
        # By both dates: a length would end a day off where only one of the years has a 29th of
        # February.
        n_years = self.last_day.year - self.first_day.year
        return any(
            _in_year(self.first_day, year) <= day <= _in_year(self.last_day, year + n_years)
            for year in (day.year, day.year - 1)
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """All that decides when a business is open.

    Args:
        zone: IANA name.
        week: seven days from Monday on; empty where no hours are configured.
        specials: oldest first.
        region: of `brazil.REGIONS`, or empty for no holidays.
        holiday_hours: what differs from the usual: a holiday's name with its spans, none for
            closed, or None for a day like any other.
    """

    zone: str
    week: tuple[tuple[Span, ...], ...] = ()
    specials: tuple[Special, ...] = ()
    region: str = ""
    holiday_hours: tuple[tuple[str, tuple[Span, ...] | None], ...] = ()
    away_text: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Plan:
    """One day, and what made it so."""

    hours: DayHours
    reason: HoursReason = HoursReason.CLOSED
    text: str = ""


def parse_span(text: str) -> Span:
    """Return what ``"08:00-12:00"`` says; an end before the start lies on the next day.

    Raises:
        BadSpan: it is no span of hours, or one that is longer than any night.
    """
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise BadSpan(text)
    start = int(found[1]) * 60 + int(found[2])
    end = int(found[3] or found[5]) * 60 + int(found[4] or found[6])
    return span(start, end)


def span(start: int, end: int) -> Span:
    """Return a span from two times in minutes; an end before the start lies on the next day.

    Raises:
        BadSpan: it lasts no time, or longer than any night.
    """
    if end > start:
        return Span(start, end)
    if end == start or end + DAY_MIN - start > MAX_NIGHT_MIN:
        raise BadSpan(clock_span(Span(start, end)))
    return Span(start, end + DAY_MIN)


def clock(minute: int) -> str:
    """Return a time as ``"08:00"``; the end of the day is ``"24:00"``."""
    minute = minute if minute == DAY_MIN else minute % DAY_MIN
    return f"{minute // 60:02d}:{minute % 60:02d}"


def clock_span(one: Span) -> str:
    """Return a span as `parse_span` reads it."""
    return f"{clock(one.start)}-{clock(one.end)}"


def checked_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the spans of one day in order.

    Raises:
        BadSpan: two of them overlap, or there are too many.
    """
    ordered = tuple(sorted(spans))
    for before, after in pairwise(ordered):
        if after.start < before.end:
            raise BadSpan(clock_span(after))
    if len(ordered) > MAX_SPANS:
        raise BadSpan(clock_span(ordered[-1]))
    return ordered


def state_at(rules: Rules, now: datetime) -> HoursState:
    """Return whether people are there at an instant, and when that changes.

    Args:
        now: aware.
    """
    if not any(rules.week):
        return ALWAYS_OPEN
    today = now.astimezone(ZoneInfo(rules.zone)).date()
    days, holidays = _ahead(rules, today)
    plan = _plan(rules, today)
    away_text = plan.text or rules.away_text
    begins, ends = _run_at(rules, today, now)
    if begins is not None and begins <= now:
        closes_at = None if ends is None or ends - now > NEVER_CLOSES else ends
        return HoursState(
            is_open=True,
            closes_at=closes_at,
            week=rules.week,
            days=days,
            holidays=holidays,
            away_text=away_text,
            note=rules.note,
        )
    reason = _reason(rules, plan, now)
    return HoursState(
        is_open=False,
        reason=reason,
        name=plan.hours.name if reason in (HoursReason.HOLIDAY, HoursReason.CLOSURE) else "",
        opens_at=begins,
        week=rules.week,
        days=days,
        holidays=holidays,
        away_text=away_text,
        note=rules.note,
    )


def day_hours(rules: Rules, day: date) -> DayHours:
    """Return the hours of one day."""
    return _plan(rules, day).hours


def _run_at(
    rules: Rules, today: date, now: datetime
) -> tuple[datetime, datetime] | tuple[None, None]:
    """Return the opening that goes on at `now`, or else the next one."""
    # From the day before yesterday on: a night's span may still go on, whatever the clocks did.
    stages = ((-2, NEAR), (NEAR - 1, LOOK_AHEAD))
    for first, last in stages:
        for begins, ends in _runs(rules, today, range(first, last)):
            if ends > now:
                return begins, ends
    return None, None


def _runs(rules: Rules, today: date, offsets: range) -> Iterator[tuple[datetime, datetime]]:
    """Return when it is open, those that touch as one; instants in UTC, in order."""
    begins = ends = None
    for offset in offsets:
        for start, end in _instants(rules, today + timedelta(days=offset)):
            if begins is not None and ends is not None and start <= ends:
                ends = max(ends, end)
                continue
            if begins is not None and ends is not None:
                yield begins, ends
            begins, ends = start, end
    if begins is not None and ends is not None:
        yield begins, ends


def _instants(rules: Rules, day: date) -> list[tuple[datetime, datetime]]:
    zone = ZoneInfo(rules.zone)
    spans = _plan(rules, day).hours.spans
    return sorted((_opening(day, one.start, zone), _closing(day, one.end, zone)) for one in spans)


def _opening(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """Return when a time of a day comes: the first time where the clocks go back over it."""
    at = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minute)
    return at.astimezone(UTC)


def _closing(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """Return the same for an end, which is the last time where there are two.

    A time that the clocks leave out is taken as both do it: as long after the change as it is
    after the hour that is left out. So no span ends before it begins.
    """
    at = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minute)
    return max(at.astimezone(UTC), at.replace(fold=1).astimezone(UTC))


def _reason(rules: Rules, plan: _Plan, now: datetime) -> HoursReason:
    """Return why it is closed at `now`, on the day of `plan`."""
    instants = _instants(rules, plan.hours.day)
    opens_later = any(start > now for start, _ in instants)
    if opens_later:
        was_open = any(end <= now for _, end in instants)
        return HoursReason.BREAK if was_open else HoursReason.CLOSED
    if plan.reason is HoursReason.CLOSURE and plan.hours.spans:
        return HoursReason.CLOSED  # after an opening of its own, such as a fair
    return plan.reason


@lru_cache(maxsize=256)
def _ahead(rules: Rules, today: date) -> tuple[tuple[DayHours, ...], tuple[DayHours, ...]]:
    """Return the days to come, and those with a name in a year; the same all day long."""
    plans = [_plan(rules, today + timedelta(days=n)).hours for n in range(366)]
    return tuple(plans[:8]), tuple(one for one in plans if one.name)


def _plan(rules: Rules, day: date) -> _Plan:
    """Return one day: what people set for it goes before holidays, and these before the week."""
    special = _narrowest(rules.specials, day)
    if special is not None:
        hours = DayHours(day, special.spans, special.reason)
        return _Plan(hours, HoursReason.CLOSURE, special.text)
    usual = rules.week[day.weekday()]
    holiday = _holiday(rules, day)
    if holiday is not None:
        return _Plan(holiday, HoursReason.HOLIDAY)
    return _Plan(DayHours(day, usual))


def _narrowest(specials: Sequence[Special], day: date) -> Special | None:
    """Return who decides on a day: the shortest, for one day within a closure; else the newest."""
    covering = [one for one in specials if one.covers(day)]
    return min(reversed(covering), key=lambda one: one.last_day - one.first_day, default=None)


def _holiday(rules: Rules, day: date) -> DayHours | None:
    """Return a holiday's hours; None where there is none or it is a day like any other."""
    changed = dict(rules.holiday_hours)
    found = []
    for holiday in brazil.on_day(rules.region, day):
        spans = changed.get(holiday.name, None if holiday.is_optional else ())
        if spans is not None:
            found.append(DayHours(day, spans, holiday.name))
    return min(found, key=lambda one: sum(s.end - s.start for s in one.spans), default=None)


def _in_year(day: date, year: int) -> date:
    """Return the same day of another year; the 29th of February is the 28th in most."""
    is_leap_day = (day.month, day.day) == (2, 29)
    return date(year, 2, 28) if is_leap_day and not isleap(year) else day.replace(year=year)
