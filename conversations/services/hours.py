"""The opening hours of the current schema: read for every turn, changed on one page.

Each process remembers the rules under their revision, which one small query asks for. So a closure
that an owner enters holds from the next message on, in all processes.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import transaction
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from agents.runtime import hours as told
from agents.runtime import hours_words
from agents.types_hours import ALWAYS_OPEN, HoursState, Span
from conversations import brazil
from conversations.hours import (
    BadSpan,
    Rules,
    Special,
    checked_spans,
    clock_span,
    parse_span,
)
from conversations.hours import (
    state_at as state_of,
)
from conversations.models import HolidayHours, HoursSettings, SpecialDays
from tenants.audit.record import record
from tenants.context import current_schema
from tenants.errors import DomainError
from tenants.models import Tenant

MAX_REMEMBERED = 5_000
"""Tenants whose rules a process remembers, at some kilobytes each."""

_lock = threading.Lock()
_known: dict[str, tuple[uuid.UUID, str, Rules]] = {}


class BadHours(DomainError):
    """These hours cannot be kept."""

    code = "bad_hours"
    http_status = 422


@dataclass(frozen=True, slots=True)
class SpecialInput:
    """Special days as people give them; see `conversations.models.SpecialDays`."""

    first_day: date
    last_day: date
    reason: str
    spans: tuple[str, ...] = ()
    text: str = ""
    every_year: bool = False


def state_at(*, now: datetime, zone: str = "") -> HoursState:
    """Return whether people are there; always open where no hours are set. One query mostly.

    Args:
        zone: of the tenant, who is asked for it where it is not given.
    """
    revision = HoursSettings.objects.values_list("revision", flat=True).first()
    if revision is None:
        return ALWAYS_OPEN
    if not zone:
        zone = Tenant.objects.values_list("timezone", flat=True).get(schema_name=current_schema())
    return state_of(_remembered(revision, zone), now)


def rules(*, zone: str) -> Rules:
    """Return all that decides when people are there, as it is stored now."""
    revision = HoursSettings.objects.values_list("revision", flat=True).first()
    return Rules(zone) if revision is None else _remembered(revision, zone)


def in_words(state: HoursState, *, now: datetime, language: str) -> str:
    """Say in one line, for the people of the business, whether it is open and until when.

    Args:
        now: in the business's zone.
        language: of the person who reads it.
    """
    if not state.is_configured:
        return _("Always open: no hours are set yet")
    if not state.is_open:
        back = hours_words.speaker(language).back(state, now)
        why = f" ({state.name})" if state.name else ""
        return _("Closed%(why)s, opens %(back)s") % {"why": why, "back": back}
    if state.closes_at is None:
        return _("Open round the clock")
    closes = state.closes_at.astimezone(now.tzinfo)
    at = date_format(closes, "H:i" if closes.date() == now.date() else "l, H:i")
    return _("Open until %(at)s") % {"at": at}


def preview(state: HoursState, *, text: str, now: datetime, language: str) -> str:
    """Return an away text as a contact would read it who wrote in this or the next closed period.

    Args:
        state: at `now`, which is in the business's zone.
    """
    closed = replace(state, away_text=text)
    return told.away_text(closed, language=language, now=now)


def _remembered(revision: uuid.UUID, zone: str) -> Rules:
    key = current_schema()
    with _lock:
        known = _known.get(key)
    if known is not None and known[:2] == (revision, zone):
        return known[2]
    found, seen = _read(zone)
    with _lock:
        if len(_known) >= MAX_REMEMBERED:
            _known.clear()
        _known[key] = (seen, zone, found)
    return found


def _read(zone: str) -> tuple[Rules, uuid.UUID]:
    """Return the rules with their revision, which is read first: a later change has another."""
    row = HoursSettings.objects.get()
    found = Rules(
        zone=zone,
        week=tuple(tuple(parse_span(one) for one in day) for day in row.week),
        specials=tuple(_special(one) for one in SpecialDays.objects.order_by("pk")),
        region=row.region,
        holiday_hours=tuple(
            (one.name, None if one.is_usual else tuple(parse_span(span) for span in one.spans))
            for one in HolidayHours.objects.order_by("name", "pk")
        ),
        away_text=row.away_text,
        note=row.note,
    )
    return found, row.revision


def _special(row: SpecialDays) -> Special:
    return Special(
        first_day=row.first_day,
        last_day=row.last_day,
        spans=tuple(parse_span(one) for one in row.spans),
        reason=row.reason,
        text=row.text,
        every_year=row.every_year,
    )


def save_week(*, week: Sequence[Sequence[str]], actor: str) -> bool:
    """Set the hours of each day, Monday to Sunday; return whether anything changed.

    Raises:
        BadHours: names what cannot be read, or what overlaps.
    """
    wanted = [list(_written(day)) for day in week]
    if len(wanted) != 7:
        raise BadHours(_("A week has seven days."))
    return _save(actor=actor, week=wanted)


def save_region(*, region: str, actor: str) -> bool:
    """Choose whose holidays count; empty for none. Return whether anything changed.

    Raises:
        BadHours: there is no such region.
    """
    if region and region not in brazil.REGIONS:
        raise BadHours(_("The holidays of “%(region)s” are not known.") % {"region": region})
    return _save(actor=actor, region=region)


def save_texts(*, away_text: str, note: str, actor: str) -> bool:
    """Set the away text and what is told with the hours; return whether anything changed.

    Raises:
        BadHours: a placeholder that means nothing.
    """
    return _save(actor=actor, away_text=_checked_text(away_text), note=note.strip())


def save_holidays(
    *, hours: Mapping[str, Sequence[str] | None], actor: str, only: Iterable[str] | None = None
) -> bool:
    """Set what differs from the usual on holidays; return whether anything changed.

    Args:
        hours: by a holiday's name its spans, none for closed, or None for a day like any other.
        only: the holidays that were spoken of; None for all. Others stay as they are.

    Raises:
        BadHours: spans that cannot be read.
    """
    wanted = {name: None if day is None else list(_written(day)) for name, day in hours.items()}
    with transaction.atomic():
        _settings()
        rows = HolidayHours.objects.all()
        if only is not None:
            rows = rows.filter(name__in=[*only, *wanted])
        present = {one.name: None if one.is_usual else one.spans for one in rows}
        if present == wanted:
            return False
        rows.delete()
        HolidayHours.objects.bulk_create(
            HolidayHours(name=name, is_usual=day is None, spans=day or [])
            for name, day in wanted.items()
        )
        _changed(actor, ["holidays"])
    return True


def add_special(*, given: SpecialInput, actor: str) -> bool:
    """Add special days, or change those of the same dates and reason; return whether it changed.

    Raises:
        BadHours: days out of order, no reason, or hours that cannot be read.
    """
    if not given.reason.strip():
        raise BadHours(_("Say why these days are unlike the others."))
    if given.last_day < given.first_day:
        raise BadHours(_("The last day lies before the first."))
    if given.every_year and (given.last_day - given.first_day).days >= 365:
        raise BadHours(_("What comes every year lasts less than a year."))
    values = {
        "spans": list(_written(given.spans)),
        "text": _checked_text(given.text),
        "every_year": given.every_year,
    }
    with transaction.atomic():
        _settings()
        row, is_new = SpecialDays.objects.get_or_create(
            first_day=given.first_day,
            last_day=given.last_day,
            reason=given.reason.strip(),
            defaults=values,
        )
        changed = [name for name, value in values.items() if getattr(row, name) != value]
        if not is_new and not changed:
            return False
        for name in changed:
            setattr(row, name, values[name])
        if changed:
            row.save(update_fields=changed)
        _changed(actor, ["special_days"])
    return True


def remove_special(*, special_uuid: uuid.UUID, actor: str) -> bool:
    """Remove special days; return whether they were there."""
    with transaction.atomic():
        _settings()
        n_removed, _models = SpecialDays.objects.filter(uuid=special_uuid).delete()
        if n_removed:
            _changed(actor, ["special_days"])
    return bool(n_removed)


def _save(*, actor: str, **values: object) -> bool:
    with transaction.atomic():
        row = _settings()
        changed = [name for name, value in values.items() if getattr(row, name) != value]
        for name in changed:
            setattr(row, name, values[name])
        if changed:
            row.save(update_fields=changed)
            _changed(actor, changed)
    return bool(changed)


def _settings() -> HoursSettings:
    """Return the row, locked: whoever changes any of the hours waits here."""
    HoursSettings.objects.get_or_create(pk=1, defaults={"week": [[] for _ in range(7)]})
    return HoursSettings.objects.select_for_update().get(pk=1)


def _changed(actor: str, fields: list[str]) -> None:
    """Note a change, so that every process reads anew; joins the caller's transaction."""
    HoursSettings.objects.update(revision=uuid.uuid4())
    record(action="hours.changed", actor=actor, target="opening hours", data={"fields": fields})


def _written(spans: Iterable[str]) -> tuple[str, ...]:
    """Return the spans of one day as they are stored."""
    read: list[Span] = []
    try:
        read.extend(parse_span(one) for one in spans)
        return tuple(clock_span(one) for one in checked_spans(read))
    except BadSpan as error:
        text = _("“%(span)s” is no time of opening, or overlaps another one of the day.")
        raise BadHours(text % {"span": str(error)}) from error


def _checked_text(text: str) -> str:
    if unknown := told.unknown_placeholders(text):
        known = ", ".join(f"{{{one}}}" for one in told.PLACEHOLDERS)
        raise BadHours(
            _("%(unknown)s means nothing here; use %(known)s.")
            % {"unknown": ", ".join(unknown), "known": known}
        )
    return text.replace("\r\n", "\n").strip()
