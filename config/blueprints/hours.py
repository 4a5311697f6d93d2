"""Opening hours to and from a blueprint."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Protocol

from config.blueprints.fields import DAYS
from config.blueprints.schema_hours import HoursSection
from conversations.models import HolidayHours, HoursSettings, SpecialDays
from conversations.services import hours


class Note(Protocol):
    """Adds a line on what changed."""

    def __call__(self, what: str, is_new: bool, fields: list[str]) -> None:
        """Add it."""


def apply(section: HoursSection | None, *, actor: str, note: Note) -> None:
    """Make the hours what the file says; keys that it leaves out stay, as do other special days.

    Joins the caller's transaction.
    """
    if section is None:
        return
    changed = {"weekly": hours.save_week(week=section.week(), actor=actor)}
    if section.holidays is not None:
        changed["holidays"] = hours.save_region(region=section.holidays, actor=actor)
    if section.holiday_hours is not None:
        changed["holiday_hours"] = hours.save_holidays(
            hours={
                name: None if spans == "usual" else list(spans)
                for name, spans in section.holiday_hours.items()
            },
            actor=actor,
        )
    stored = HoursSettings.objects.get()
    away_text = stored.away_text if section.away_text is None else section.away_text
    told = stored.note if section.note is None else section.note
    changed["texts"] = hours.save_texts(away_text=away_text, note=told, actor=actor)
    for one in section.special_days or ():
        given = hours.SpecialInput(
            first_day=one.first_day,
            last_day=one.end,
            reason=one.reason,
            spans=tuple(one.hours),
            text=one.text,
            every_year=one.every_year,
        )
        changed[f"special day {one.first_day}"] = hours.add_special(given=given, actor=actor)
    note("opening hours", False, [name for name, is_so in changed.items() if is_so])


def export() -> dict[str, Any] | None:
    """Return the section; None where no hours are set."""
    row = HoursSettings.objects.first()
    if row is None:
        return None
    data: dict[str, Any] = {"weekly": _weekly(row.week)}
    if row.region:
        data["holidays"] = row.region
    holidays = HolidayHours.objects.order_by("name", "pk")
    if holidays:
        data["holiday_hours"] = {
            one.name: "usual" if one.is_usual else one.spans for one in holidays
        }
    specials = SpecialDays.objects.order_by("pk")  # of two that cover a day, the later one holds
    if specials:
        data["special_days"] = [_special(one) for one in specials]
    if row.away_text:
        data["away_text"] = row.away_text
    if row.note:
        data["note"] = row.note
    return data


def _weekly(week: list[list[str]]) -> dict[str, list[str]]:
    """Return the open days, those that follow each other and are alike as one."""
    weekly = {}
    for spans, days in groupby(range(7), key=lambda day: week[day]):
        alike = [DAYS[day] for day in days]
        if spans:
            weekly[alike[0] if len(alike) == 1 else f"{alike[0]}-{alike[-1]}"] = spans
    return weekly


def _special(one: SpecialDays) -> dict[str, Any]:
    entry: dict[str, Any] = {"first_day": one.first_day}
    if one.last_day != one.first_day:
        entry["last_day"] = one.last_day
    entry["reason"] = one.reason
    if one.spans:
        entry["hours"] = one.spans
    if one.text:
        entry["text"] = one.text
    if one.every_year:
        entry["every_year"] = True
    return entry
