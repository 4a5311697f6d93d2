"""The page of the opening hours: the week, holidays, special days, and what is said meanwhile."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from agents.types_hours import HoursState, Span
from conversations import brazil
from conversations.hours import Rules, clock, clock_span
from conversations.models import HoursSettings, SpecialDays
from conversations.services import hours
from tenants.errors import DomainError
from tenants.panel import PanelAdmin, actor
from tenants.sites import tenant_site

N_PAIRS = 3
"""Times of opening that a day has fields for; more come from a blueprint and stay."""

YEARS_AHEAD = 1


@dataclass(frozen=True)
class Pair:
    """Fields for one time of opening; empty where there is none."""

    start: str = ""
    end: str = ""


@dataclass(frozen=True)
class Day:
    """One line of the week."""

    number: int
    name: str
    pairs: tuple[Pair, ...]
    more: tuple[Pair, ...]


@dataclass(frozen=True)
class HolidayLine:
    """One holiday with its days in a year.

    Args:
        mode: ``closed``, ``usual`` or ``some``.
        rest: further times of that day, which the page has no fields for.
    """

    name: str
    days: str
    is_optional: bool
    is_past: bool
    mode: str
    pair: Pair
    rest: str


@dataclass(frozen=True)
class SpecialLine:
    """Special days as they are listed."""

    uuid: uuid.UUID
    reason: str
    days: str
    hours: str
    text: str
    is_past: bool


class BadForm(DomainError):
    """What was typed cannot be read."""

    code = "bad_form"
    http_status = 422


@admin.register(HoursSettings, site=tenant_site)
class HoursAdmin(PanelAdmin):
    """The opening hours; one page instead of a list."""

    is_audited_by_service = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The one row is made when hours are first set."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Hours are emptied, not removed."""
        return False

    def get_urls(self) -> list[Any]:
        """Add the preview of an away text."""
        view = self.admin_site.admin_view(require_POST(self.preview_view))
        return [path("preview/", view, name="conversations_hours_preview"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the same page."""
        return self.changelist_view(request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the hours, and take what was changed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        typed: Mapping[str, str] = {}
        if request.method == "POST":
            if not self.has_change_permission(request):
                raise PermissionDenied
            try:
                is_changed = _take(request)
            except DomainError as error:
                messages.error(request, str(error))
                typed = request.POST.dict()
            else:
                text = _("The hours are kept; the next message follows them.")
                messages.success(request, text if is_changed else _("Nothing was changed."))
                return HttpResponseRedirect(f"{request.path}?{request.GET.urlencode()}")
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": _("Opening hours"),
            "content_title": _("Opening hours"),
            "opts": self.opts,
            "may_change": self.has_change_permission(request),
            **_context(request, typed),
        }
        request.current_app = self.admin_site.name
        status = 422 if typed else 200
        return TemplateResponse(request, "conversations/hours.html", context, status=status)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Return an away text as a contact would read it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        state, at = _closed_state(timezone.now())
        text = request.POST.get("away_text", "")[:1000]
        return JsonResponse({"text": _preview(request, state, at, text)})


def _take(request: HttpRequest) -> bool:
    """Do what one of the page's forms asks for; return whether that changed anything."""
    given = request.POST.dict()
    who = actor(request)
    match given.get("what"):
        case "week":
            return hours.save_week(week=_week_from(given), actor=who)
        case "region":
            return hours.save_region(region=str(given.get("region", "")), actor=who)
        case "holidays":
            return _take_holidays(given, who)
        case "add":
            return hours.add_special(given=_special_from(given), actor=who)
        case "remove":
            try:
                special_uuid = uuid.UUID(str(given.get("uuid", "")))
            except ValueError:
                return False
            return hours.remove_special(special_uuid=special_uuid, actor=who)
        case "texts":
            away_text, note = str(given.get("away_text", "")), str(given.get("note", ""))
            return hours.save_texts(away_text=away_text[:1000], note=note[:300], actor=who)
    return False


def _take_holidays(given: Mapping[str, Any], who: str) -> bool:
    """Keep what differs from the usual among the holidays that were shown."""
    wanted: dict[str, list[str] | None] = {}
    shown = []
    for number in range(100):
        name = str(given.get(f"h{number}_name", ""))
        if not name:
            break
        shown.append(name)
        usual = "usual" if given.get(f"h{number}_optional") else "closed"
        mode = given.get(f"h{number}_mode", usual)
        if mode == "some":
            rest = str(given.get(f"h{number}_rest", "")).split()
            wanted[name] = [*_spans_from(given, f"h{number}", name, n=1), *rest]
            if not wanted[name]:
                raise BadForm(_("%(day)s: say from when until when it opens.") % {"day": name})
        elif mode != usual:
            wanted[name] = None if mode == "usual" else []
    return hours.save_holidays(hours=wanted, actor=who, only=shown)


def _week_from(given: Mapping[str, Any]) -> list[list[str]]:
    names = _day_names()
    week = [
        [
            *_spans_from(given, f"d{day}", names[day], n=N_PAIRS),
            *str(given.get(f"d{day}_rest", "")).split(),
        ]
        for day in range(7)
    ]
    if "copy" in given:
        week[1:5] = [list(week[0]) for _day in range(4)]
    return week


def _spans_from(given: Mapping[str, Any], prefix: str, name: str, *, n: int) -> list[str]:
    """Return what was typed into pairs of fields.

    Raises:
        BadForm: one half of a pair is missing.
    """
    spans = []
    for number in range(n):
        start = str(given.get(f"{prefix}_{number}_from", "")).strip()[:5]
        end = str(given.get(f"{prefix}_{number}_to", "")).strip()[:5]
        if bool(start) != bool(end):
            raise BadForm(_("%(day)s: a time of opening needs both ends.") % {"day": name})
        if start:
            spans.append(f"{start}-{'24:00' if end == '00:00' else end}")
    return spans


def _special_from(given: Mapping[str, Any]) -> hours.SpecialInput:
    try:
        first = parse_date(str(given.get("first_day", "")))
        last = parse_date(str(given.get("last_day", ""))) or first
    except ValueError:
        first = last = None
    if first is None or last is None:
        raise BadForm(_("Give the day, or the first and the last one."))
    reason = str(given.get("reason", ""))[:100]
    spans = _spans_from(given, "s", reason, n=2) if given.get("opens") == "some" else []
    if given.get("opens") == "some" and not spans:
        raise BadForm(_("%(day)s: say from when until when it opens.") % {"day": reason})
    return hours.SpecialInput(
        first_day=first,
        last_day=last,
        reason=reason,
        spans=tuple(spans),
        text=str(given.get("text", ""))[:1000],
        every_year=bool(given.get("every_year")),
    )


def _context(request: HttpRequest, typed: Mapping[str, str]) -> dict[str, Any]:
    now = timezone.localtime()
    zone = timezone.get_current_timezone_name()
    rules = hours.rules(zone=zone)
    state = hours.state_at(now=now, zone=zone)
    year = _year(request, now.year)
    closed, at = _closed_state(now)
    away_text = typed.get("away_text", rules.away_text)
    return {
        "state": state,
        "state_words": hours.in_words(state, now=now, language=_language()),
        "zone": zone.replace("_", " "),
        "days": _days(rules, typed if typed.get("what") == "week" else {}),
        "region": rules.region,
        "regions": [
            (brazil.NATIONAL, _("Only the national ones")),
            *((f"{brazil.NATIONAL}-{code}", name) for code, name in brazil.STATES.items()),
        ],
        "year": year,
        "years": [now.year + ahead for ahead in range(YEARS_AHEAD + 1)],
        "holidays": _holidays(rules, year=year, today=now.date()),
        "specials": [_special_line(one, today=now.date()) for one in _specials()],
        "typed": typed,
        "away_text": away_text,
        "note": typed.get("note", rules.note),
        "preview": _preview(request, closed, at, away_text),
        "previewed_at": "" if not state.is_open else date_format(at, "SHORT_DATETIME_FORMAT"),
    }


def _year(request: HttpRequest, present: int) -> int:
    asked = request.GET.get("year", "")
    years = range(present, present + YEARS_AHEAD + 1)
    return int(asked) if asked.isdecimal() and len(asked) == 4 and int(asked) in years else present


def _closed_state(now: datetime) -> tuple[HoursState, datetime]:
    """Return how it is when it is closed next, now or later, and when that is."""
    zone = timezone.get_current_timezone_name()
    at = timezone.localtime(now)
    state = hours.state_at(now=at, zone=zone)
    if state.is_open and state.closes_at is not None:
        at = timezone.localtime(state.closes_at)
        state = hours.state_at(now=at, zone=zone)
    return state, at


def _preview(request: HttpRequest, state: HoursState, at: datetime, text: str) -> str:
    language = getattr(getattr(request, "tenant", None), "language", "")
    return hours.preview(state, text=text, now=at, language=language)


def _language() -> str:
    return get_language() or ""


def _day_names() -> list[str]:
    # A week that begins on a Monday.
    return [capfirst(date_format(date(2024, 1, number), "l")) for number in range(1, 8)]


def _days(rules: Rules, typed: Mapping[str, str]) -> list[Day]:
    week = rules.week or ((),) * 7
    days = []
    for number, name in enumerate(_day_names()):
        pairs = [_pair(one) for one in week[number]]
        more = tuple(clock_span(one) for one in week[number][N_PAIRS:])
        if typed:
            pairs = [
                Pair(
                    typed.get(f"d{number}_{place}_from", ""), typed.get(f"d{number}_{place}_to", "")
                )
                for place in range(N_PAIRS)
            ]
        # Room for one more than there is; two fit most days, and a phone shows a week in one go.
        n_shown = min(N_PAIRS, max(2, 1 + sum(bool(one.start or one.end) for one in pairs)))
        pairs = [*pairs, *[Pair()] * N_PAIRS][:n_shown]
        days.append(Day(number, name, tuple(pairs), tuple(Pair(one) for one in more)))
    return days


def _pair(one: Span) -> Pair:
    return Pair(clock(one.start), clock(one.end).replace("24:00", "00:00"))


def _holidays(rules: Rules, *, year: int, today: date) -> list[HolidayLine]:
    by_name: dict[str, list[brazil.Holiday]] = {}
    for one in brazil.of_year(rules.region, year):
        by_name.setdefault(one.name, []).append(one)
    changed = dict(rules.holiday_hours)
    lines = []
    for name, found in by_name.items():
        is_optional = any(one.is_optional for one in found)
        spans = changed.get(name, None if is_optional else ())
        some = spans or ()
        lines.append(
            HolidayLine(
                name=name,
                days=", ".join(date_format(one.day, "D j/n") for one in found),
                is_optional=is_optional,
                is_past=found[-1].day < today,
                mode="usual" if spans is None else "some" if spans else "closed",
                pair=_pair(some[0]) if some else Pair(),
                rest=" ".join(clock_span(one) for one in some[1:]),
            )
        )
    return lines


def _specials() -> list[SpecialDays]:
    return list(SpecialDays.objects.order_by("first_day", "pk"))


def _special_line(one: SpecialDays, *, today: date) -> SpecialLine:
    pattern = "j/n" if one.every_year else "d/m/Y"
    days = date_format(one.first_day, pattern)
    if one.last_day != one.first_day:
        last = date_format(one.last_day, pattern)
        days = _("%(first)s to %(last)s") % {"first": days, "last": last}
    if one.every_year:
        days = _("%(days)s, every year") % {"days": days}
    return SpecialLine(
        uuid=one.uuid,
        reason=one.reason,
        days=days,
        hours=", ".join(one.spans),
        text=one.text,
        is_past=not one.every_year and one.last_day < today,
    )
