"""What a blueprint file may say of the opening hours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from config.blueprints.fields import (
    DAYS,
    Section,
    is_away_text,
    is_day_of_hours,
    is_day_range,
    is_interval,
    is_region,
    refuse,
)
from conversations import brazil

_Spans = Annotated[
    list[Annotated[str, AfterValidator(is_interval)]], AfterValidator(is_day_of_hours)
]
_AwayText = Annotated[str, Field(max_length=1000), AfterValidator(is_away_text)]

KNOWN_YEARS = range(2020, 2041)
"""Years whose holidays a file may name. Most come each year; some laws begin or end."""


class SpecialDaysSection(Section):
    """Days that are unlike the others: closed without hours, open in them otherwise."""

    first_day: date
    last_day: date | None = None
    reason: str = Field(min_length=1, max_length=100)
    hours: _Spans = []
    text: _AwayText = ""
    every_year: bool = False

    @property
    def end(self) -> date:
        """Return the last day, which is the first where none is given."""
        return self.last_day or self.first_day

    @model_validator(mode="after")
    def _check(self) -> SpecialDaysSection:
        if self.end < self.first_day:
            raise refuse("last_day lies before first_day")
        if self.every_year and (self.end - self.first_day).days >= 365:
            raise refuse("what comes every year lasts less than a year")
        return self


class HoursSection(Section):
    """When people are there; `holidays` is the country with a state, such as BR-SP."""

    weekly: dict[Annotated[str, AfterValidator(is_day_range)], _Spans]
    holidays: Annotated[str, AfterValidator(is_region)] | None = None
    holiday_hours: dict[str, _Spans | Literal["usual"]] | None = None
    special_days: list[SpecialDaysSection] | None = None
    away_text: _AwayText | None = None
    note: Annotated[str, Field(max_length=300)] | None = None

    def week(self) -> list[list[str]]:
        """Return the hours of each day, Monday to Sunday; none for a day that is not given."""
        week: list[list[str]] = [[] for _ in DAYS]
        for days, spans in self.weekly.items():
            for day in days_of(days):
                week[day] = list(spans)
        return week

    @model_validator(mode="after")
    def _check(self) -> HoursSection:
        given = [day for days in self.weekly for day in days_of(days)]
        for day in dict.fromkeys(given):
            if given.count(day) > 1:
                raise refuse(f"{DAYS[day]} is given twice")
        for name in self.holiday_hours or {}:
            if not any(name in brazil.names(self.holidays or "", year) for year in KNOWN_YEARS):
                raise refuse(f'no holiday of {self.holidays or "nowhere"} is called "{name}"')
        return self


def days_of(days: str) -> Iterator[int]:
    """Return the days that ``"mon-fri"`` means, Monday being 0; ``"sat-mon"`` goes over Sunday."""
    first, _, last = days.partition("-")
    start = DAYS.index(first)
    length = (DAYS.index(last or first) - start) % 7
    return iter((start + offset) % 7 for offset in range(length + 1))
