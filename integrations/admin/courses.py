"""Plots of how calls went over time, above the lists of deliveries and of calls of tools."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.services import words
from integrations.services.courses import Course, Outcome, Span, Step
from tenants.panel import PanelList, ReadOnlyAdmin

PARAMETER = "span"
N_LABELS = 8
"""Steps with a name below a chart, at most: more would run into each other on a phone."""

_SPANS = {
    Span.DAY: gettext_lazy("Last 24 hours"),
    Span.WEEK: gettext_lazy("Last 7 days"),
    Span.MONTH: gettext_lazy("Last 30 days"),
}
_LABELS = {Span.DAY: "H:i", Span.WEEK: "j/n", Span.MONTH: "j/n"}
_NAMES = {Span.DAY: "j/n H:i", Span.WEEK: "j/n H:i", Span.MONTH: "SHORT_DATE_FORMAT"}


@dataclass(frozen=True)
class Bar:
    """One step of both charts; heights are percent of the highest bar.

    Args:
        parts: of the chart of outcomes, from top to bottom: the outcome and its height.
        quick: up to what half of the calls took; `slow` is what comes on top of it up to 95 %.
        cells: of the table: calls by outcome, half within, 95 % within.
    """

    label: str
    name: str
    text: str
    parts: tuple[tuple[str, float], ...]
    quick: float
    slow: float
    times: str
    cells: tuple[str, ...]
    is_named: bool


class CourseList(PanelList):
    """A list that knows that the span of its plot is no filter of its rows."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        """Return what the rows are filtered by."""
        found: dict[str, Any] = super().get_filters_params(params)
        found.pop(PARAMETER, None)
        return found


class CourseAdmin(ReadOnlyAdmin):
    """Calls that the machine wrote down, and above their list how they went over time."""

    outcome_names: Mapping[Outcome, Any] = {}

    @abstractmethod
    def course(self, request: HttpRequest, *, span: Span, zone: ZoneInfo) -> Course:
        """Return what is drawn."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PanelList]:
        """Return the class of the list."""
        return CourseList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Draw the plot above the list."""
        context = dict(extra_context or {})
        if request.method == "GET" and self.has_view_permission(request):
            asked = request.GET.get(PARAMETER, "")
            span = Span(asked) if asked in set(Span) else Span.DAY
            zone = ZoneInfo(timezone.get_current_timezone_name())
            course = self.course(request, span=span, zone=zone)
            context["course"] = drawn(course, self.outcome_names, request=request)
        response: HttpResponse = super().changelist_view(request, context)
        return response


def chosen_id(request: HttpRequest, parameter: str) -> int | None:
    """Return the id that the list is filtered by; None where it is not."""
    text = request.GET.get(parameter, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def drawn(course: Course, names: Mapping[Outcome, Any], *, request: HttpRequest) -> dict[str, Any]:
    """Return the plot as plain values for its template."""
    total = course.total
    return {
        "spans": [
            (label, _address(request, one), one is course.span) for one, label in _SPANS.items()
        ],
        "is_empty": not total.n_calls,
        "has_times": total.p95_ms is not None,
        "bars": _bars(course, names),
        "legend": [(str(one), names[one], words.number(n)) for one, n in total.counts.items()],
        "heads": [*(names[one] for one in total.counts), _("half within"), _("95 %% within") % {}],
        "p50": _ms(total.p50_ms),
        "p95": _ms(total.p95_ms),
        "counts_label": _counts_label(course, names),
        "times_label": _("How long calls took: half within %(p50)s, 95 %% within %(p95)s")
        % {"p50": _ms(total.p50_ms), "p95": _ms(total.p95_ms)},
    }


def _address(request: HttpRequest, span: Span) -> str:
    """Return the same list with another span."""
    query = request.GET.copy()
    query[PARAMETER] = span.value
    return f"?{query.urlencode()}"


def _bars(course: Course, names: Mapping[Outcome, Any]) -> list[Bar]:
    most = max(step.n_calls for step in course.steps) or 1
    slowest = max(step.p95_ms or 0 for step in course.steps) or 1
    every = -(-len(course.steps) // N_LABELS)
    n_fit = len(course.steps) - every // 2  # a name further on would stick out at the end
    return [
        _bar(
            step,
            course,
            names,
            most=most,
            slowest=slowest,
            is_named=place % every == 0 and place < n_fit,
        )
        for place, step in enumerate(course.steps)
    ]


def _bar(
    step: Step,
    course: Course,
    names: Mapping[Outcome, Any],
    *,
    most: int,
    slowest: float,
    is_named: bool,
) -> Bar:
    p50, p95 = step.p50_ms or 0, step.p95_ms or 0
    return Bar(
        label=date_format(step.begin, _LABELS[course.span]),
        name=date_format(step.begin, _NAMES[course.span]),
        text=_counted(step, names),
        # What went well stands at the bottom, where heights are compared best.
        parts=tuple(
            (str(one), round(100 * n / most, 1)) for one, n in reversed(list(step.counts.items()))
        ),
        quick=round(100 * p50 / slowest, 1),
        slow=round(100 * (p95 - p50) / slowest, 1),
        times=_("half within %(p50)s, 95 %% within %(p95)s")
        % {"p50": _ms(step.p50_ms), "p95": _ms(step.p95_ms)},
        cells=(
            *(words.number(n) for n in step.counts.values()),
            _ms(step.p50_ms),
            _ms(step.p95_ms),
        ),
        is_named=is_named,
    )


def _counted(step: Step, names: Mapping[Outcome, Any]) -> str:
    parts = [f"{words.number(n)} {names[one]}" for one, n in step.counts.items() if n]
    return " · ".join(parts) or _("nothing")


def _counts_label(course: Course, names: Mapping[Outcome, Any]) -> str:
    most = max(course.steps, key=lambda step: step.n_calls)
    return _("Calls over time: %(counts)s; most at %(name)s: %(n)s") % {
        "counts": _counted(course.total, names),
        "name": date_format(most.begin, _NAMES[course.span]),
        "n": words.number(most.n_calls),
    }


def _ms(milliseconds: float | None) -> str:
    """Return a duration to read: in ms below a second."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1000:
        return f"{words.number(round(milliseconds))} ms"
    return f"{words.decimal(milliseconds / 1000)} s"
