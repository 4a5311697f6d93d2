"""What the spending page shows: days, bars and tables as plain values for its template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.models import ModelCall
from integrations.services import budget_use, spending, words
from integrations.services.budget_use import Use
from integrations.services.saved_answers import Saved
from integrations.services.spending import Report, Row, Sums
from integrations.services.subjects import Link

MAX_DAYS = 366
N_LABELS = 8
"""Days with a name below the chart, at most: more would run into each other on a phone."""


@dataclass(frozen=True)
class Span:
    """The days that are shown, both ends included, and whose calls.

    Args:
        mistake: what was wrong with the days that were asked for; empty where nothing was.
        typed: those days, where they are not the ones that are shown.
    """

    first: date
    last: date
    origin: str
    zone: ZoneInfo
    mistake: str = ""
    typed: tuple[str, str] | None = None

    @property
    def fields(self) -> tuple[str, str]:
        """Return what stands in the form: the days, or what is to be put right in them."""
        return self.typed or (self.first.isoformat(), self.last.isoformat())

    @property
    def query(self) -> str:
        """Return the span as the end of an address."""
        return self.query_with()

    def query_with(self, **changes: str) -> str:
        """Return the span with something else in it."""
        values = {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "origin": self.origin,
        }
        return urlencode({**values, **changes})


@dataclass(frozen=True)
class Bar:
    """One day of the chart; the heights are percent of the highest bar."""

    label: str
    day: str
    text: str
    measured_height: float
    estimated_height: float
    is_named: bool


@dataclass(frozen=True)
class Line:
    """One line of a table."""

    label: str
    url: str
    usd: str
    brl: str
    notes: str
    n_calls: str
    tokens: str
    share: int


def read_span(asked: Mapping[str, Any], *, today: date) -> Span:
    """Return the days that an address asks for; this month where it asks for none."""
    zone = ZoneInfo(timezone.get_current_timezone_name())
    origin = str(asked.get("origin", ""))
    if origin not in ModelCall.Origin.values:
        origin = ModelCall.Origin.CUSTOMER.value
    usual = Span(today.replace(day=1), today, origin, zone)
    first, is_good = _day(asked.get("first"), usual.first)
    last, is_good_too = _day(asked.get("last"), today)
    mistake = ""
    if not (is_good and is_good_too):
        mistake = _("These are no days. This month is shown.")
    elif first > last:
        mistake = _("The first day is after the last one. This month is shown.")
    elif (last - first).days >= MAX_DAYS:
        mistake = _("At most %(n)s days are shown at once. This month is shown.") % {"n": MAX_DAYS}
    if mistake:
        typed = (str(asked.get("first", "")), str(asked.get("last", "")))
        return Span(usual.first, usual.last, origin, zone, mistake, typed)
    return Span(first, last, origin, zone)


def _day(text: object, default: date) -> tuple[date, bool]:
    if not text:
        return default, True
    try:
        found = parse_date(str(text))
    except ValueError:
        found = None
    # A day at the edge of the calendar has none before or after it to reckon with.
    if found is None or not 2000 <= found.year <= 2999:
        return default, False
    return found, True


def context(
    report: Report, span: Span, *, links: Mapping[UUID, Link], prices_url: str, today: date
) -> dict[str, Any]:
    """Return what the template shows.

    Args:
        links: the conversations that can be opened.
        prices_url: where a missing price is added; empty for who may not.
    """
    total = report.total
    return {
        "span": span,
        "first": span.fields[0],
        "last": span.fields[1],
        "today": today.isoformat(),
        "origins": [
            (label, f"?{span.query_with(origin=value)}", value == span.origin)
            for value, label in ModelCall.Origin.choices
        ],
        "months": _months(span, today),
        "has_calls": total.n_calls > 0 or report.saved.n_calls > 0,
        "tiles": _tiles(report, span, prices_url=prices_url, today=today),
        "bars": _bars(report.days),
        "chart_label": "" if total.is_unknown else _chart_label(report.days),
        "tables": [
            (_("By model"), _lines(report.models, total, _("no model"))),
            (_("By agent"), _lines(report.agents, total, _("no agent"))),
            (_("By purpose"), _lines(_named(report.purposes), total, "–")),
            (_("By conversation"), _conversations(report.conversations, total, links)),
        ],
        "troubles": _troubles(report),
    }


def _months(span: Span, today: date) -> list[tuple[str, str, bool]]:
    this = today.replace(day=1)
    previous = (this - timedelta(days=1)).replace(day=1)
    weeks = today - timedelta(days=6)
    spans = (
        (_("This month"), this, today),
        (_("Last month"), previous, this - timedelta(days=1)),
        (_("Last 7 days"), weeks, today),
        (_("Today"), today, today),
    )
    return [
        (
            label,
            f"?{span.query_with(first=first.isoformat(), last=last.isoformat())}",
            (first, last) == (span.first, span.last),
        )
        for label, first, last in spans
    ]


def _tiles(report: Report, span: Span, *, prices_url: str, today: date) -> list[dict[str, str]]:
    total = report.total
    projected = None
    if span.origin == ModelCall.Origin.CUSTOMER:
        projected = spending.projection(today=today, zone=span.zone)
    tiles = [
        {
            "label": _("Cost"),
            "value": _usd(total, total.usd),
            "detail": _cost_detail(total),
        },
        {
            "label": _("Of that estimated"),
            "value": _usd(total, total.estimated_usd),
            "detail": "" if total.is_unknown else _("the provider did not count these tokens"),
        },
        {
            "label": _("Not measured"),
            "value": _n_calls(total.n_unknown),
            "detail": _("come on top: no price is known for their model"),
            "tone": "warn" if total.n_unknown else "",
            "url": prices_url if total.n_unknown else "",
        },
        {
            "label": _("Calls"),
            "value": words.number(total.n_calls),
            "detail": _("%(n)s of them failed") % {"n": words.number(total.n_failed)},
        },
        {
            "label": _("Tokens"),
            "value": _tokens(total),
            "detail": _token_detail(total),
        },
    ]
    if report.saved.n_calls:
        tiles.append(_saved_tile(report.saved))
    if projected is not None:
        tiles.append(
            {
                "label": _("Whole month, if it goes on like this"),
                "value": words.usd(projected),
                "detail": date_format(today, "YEAR_MONTH_FORMAT"),
            }
        )
    return [{"tone": "", **tile} for tile in tiles]


def _usd(sums: Sums, amount: Decimal) -> str:
    """Say an amount of these calls; where every call's price is unknown, that it is not known."""
    return words.not_measured() if sums.is_unknown else words.usd(amount)


def _cost_detail(total: Sums) -> str:
    if total.is_unknown:
        return _("no price is known for their model")
    if total.brl is None:
        return _("in R$ unknown: a day has no exchange rate")
    return words.brl(total.brl)


def _saved_tile(saved: Saved) -> dict[str, str]:
    detail = _("%(usd)s not spent") % {"usd": words.usd(saved.usd)}
    if saved.n_unknown == saved.n_calls:
        detail = _("not measured: no price is known for their model")
    return {
        "label": _("Answered from the saved answers"),
        "value": words.number(saved.n_calls),
        "detail": detail,
        "tone": "good",
    }


def _tokens(sums: Sums) -> str:
    if sums.input_tokens is None and sums.output_tokens is None:
        return words.not_measured()
    return words.number((sums.input_tokens or 0) + (sums.output_tokens or 0))


def _token_detail(sums: Sums) -> str:
    parts = [
        (_("%(n)s in"), sums.input_tokens),
        (_("%(n)s of them remembered by the provider"), sums.cached_input_tokens),
        (_("%(n)s out"), sums.output_tokens),
        (_("%(n)s of them for thinking"), sums.reasoning_tokens),
    ]
    return ", ".join(text % {"n": words.number(n)} for text, n in parts if n is not None)


def _bars(days: tuple[Row, ...]) -> list[Bar]:
    highest = max((row.sums.usd for row in days), default=Decimal(0)) or Decimal(1)
    every = -(-len(days) // N_LABELS)
    return [
        Bar(
            label=date_format(row.key, "j/n" if len(days) > 1 else "SHORT_DATE_FORMAT"),
            day=date_format(row.key, "SHORT_DATE_FORMAT"),
            text=_summary(row.sums),
            measured_height=_height(row.sums.usd - row.sums.estimated_usd, highest),
            estimated_height=_height(row.sums.estimated_usd, highest),
            is_named=place % every == 0,
        )
        for place, row in enumerate(days)
    ]


def _height(amount: Decimal, highest: Decimal) -> float:
    return round(float(100 * amount / highest), 1)


def _chart_label(days: tuple[Row, ...]) -> str:
    most = max(days, key=lambda row: row.sums.usd)
    return _("Cost by day from %(first)s to %(last)s; most on %(day)s: %(usd)s") % {
        "first": date_format(days[0].key, "SHORT_DATE_FORMAT"),
        "last": date_format(days[-1].key, "SHORT_DATE_FORMAT"),
        "day": date_format(most.key, "SHORT_DATE_FORMAT"),
        "usd": words.usd(most.sums.usd),
    }


def _summary(sums: Sums) -> str:
    return " · ".join([_usd(sums, sums.usd), _n_calls(sums.n_calls), *_notes(sums)])


def _notes(sums: Sums) -> list[str]:
    if sums.is_unknown:
        return []  # stands in the amount's place
    notes = []
    if sums.estimated_usd:
        notes.append(_("%(usd)s of it estimated") % {"usd": words.usd(sums.estimated_usd)})
    if sums.n_unknown:
        notes.append(
            ngettext("%(n)s call not measured", "%(n)s calls not measured", sums.n_unknown)
            % {"n": sums.n_unknown}
        )
    return notes


def _n_calls(n: int) -> str:
    return ngettext("%(n)s call", "%(n)s calls", n) % {"n": words.number(n)}


def _named(rows: Iterable[Row]) -> list[Row]:
    names = {str(value): str(label) for value, label in ModelCall.PurposeKind.choices}
    return [Row(names.get(row.label, row.label), row.sums, row.key) for row in rows]


def _lines(rows: Iterable[Row], total: Sums, nameless: str) -> list[Line]:
    return [_line(row, total, label=row.label or nameless) for row in rows]


def _conversations(rows: Iterable[Row], total: Sums, links: Mapping[UUID, Link]) -> list[Line]:
    lines = []
    for row in rows:
        link = links.get(row.key)
        label = link.label if link else _("conversation %(ref)s") % {"ref": str(row.key)[:8]}
        lines.append(_line(row, total, label=label, url=link.url if link else ""))
    return lines


def _line(row: Row, total: Sums, *, label: str, url: str = "") -> Line:
    sums = row.sums
    share = int(100 * sums.usd / total.usd) if total.usd else 0
    return Line(
        label=label,
        url=url,
        usd=_usd(sums, sums.usd),
        brl="" if sums.is_unknown else words.brl(sums.brl),
        notes=" · ".join(_notes(sums)),
        n_calls=words.number(sums.n_calls),
        tokens=_tokens(sums),
        share=share,
    )


def _troubles(report: Report) -> list[tuple[str, str]]:
    """Return what was not done as usual: a sentence and how often."""
    found = [(words.degraded(row.label), _n_calls(row.sums.n_calls)) for row in report.degraded]
    if report.fallbacks.n_calls:
        text = _("The first choice failed or was paused, and another model answered.")
        found.append((text, _n_calls(report.fallbacks.n_calls)))
    for row in report.failures:
        text = _("A provider failed: it %(what)s.") % {"what": words.failure(row.label)}
        found.append((text, _n_calls(row.sums.n_calls)))
    return found


def near_budgets(uses: Sequence[Use]) -> list[dict[str, Any]]:
    """Return the budgets that are nearly used up."""
    names = budget_use.agent_names(use.budget for use in uses)
    return [
        {
            "text": f"{budget_use.whose(use.budget, agents=names)}: {use.percent} %",
            "url": reverse("admin:integrations_budget_change", args=[use.budget.pk]),
            "tone": "bad" if use.percent >= 100 else "warn",
        }
        for use in uses
    ]


def calls_url(span: Span) -> str:
    """Return the address of the calls behind the page."""
    begin = datetime.combine(span.first, time.min, tzinfo=span.zone)
    end = datetime.combine(span.last + timedelta(days=1), time.min, tzinfo=span.zone)
    query = {
        "origin__exact": span.origin,
        "called_at__gte": begin.isoformat(),
        "called_at__lt": end.isoformat(),
    }
    return f"{reverse('admin:integrations_modelcall_changelist')}?{urlencode(query)}"
