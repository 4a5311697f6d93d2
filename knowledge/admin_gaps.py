"""Pages of what the knowledge lacks: questions without an answer, and what is covered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from knowledge import admin_pages as pages
from knowledge import spaces
from knowledge.admin_faqs import FaqForm
from knowledge.models import Search, UnansweredQuestion
from knowledge.services import coverage, gaps
from knowledge.services.gaps import Miss
from tenants.errors import DomainError
from tenants.panel import actor
from tenants.sites import tenant_site

N_DAYS, N_WEEKS = 14, 12

Status = UnansweredQuestion.Status

_MISSES = {
    Miss.NOTHING: ("bad", gettext_lazy("We have nothing on this")),
    Miss.TOO_TIGHT: ("warn", gettext_lazy("Something near was found: the cut may be too tight")),
    Miss.HELD_BACK: ("person", gettext_lazy("Enough was found, and no answer was given")),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One gathered question as the page shows it; shares are percent."""

    cluster: UnansweredQuestion
    wordings: list[gaps.Wording]
    tone: str
    label: str
    confidence: int | None
    threshold: int | None
    passage: dict[str, Any] | None
    test_url: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One period of the chart; heights and places are in units of the drawing."""

    label: str
    title: str
    x: int
    parts: tuple[tuple[str, float, float], ...]
    n_asked: int


@dataclass(frozen=True, slots=True)
class Share:
    """One line of a list of counts; `width` is percent of the whole bar."""

    name: str
    n_asked: int
    n_answered: int
    percent: int | None
    url: str = ""


@admin.register(UnansweredQuestion, site=tenant_site)
class UnansweredQuestionAdmin(pages.ToSettle):
    """Questions that found no answer, and how well what is asked is covered."""

    states = (
        (Status.OPEN, gettext_lazy("To be answered")),
        (Status.ANSWERED, gettext_lazy("Got an answer")),
        (Status.DISMISSED, gettext_lazy("Put aside")),
    )

    def get_urls(self) -> list[Any]:
        """Add the pages and what can be done on them."""
        view = self.admin_site.admin_view
        own = [
            path("coverage/", view(self.coverage_view), name="knowledge_coverage"),
            path("<int:pk>/faq/", view(self.faq_view), name="knowledge_unanswered_faq"),
            path("<int:pk>/dismiss/", view(self.dismiss_view), name="knowledge_unanswered_dismiss"),
            path("<int:pk>/reopen/", view(self.reopen_view), name="knowledge_unanswered_reopen"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the questions of one state, most asked first."""
        self.need(request, "view_unansweredquestion")
        status = self.status_in(request)
        newest = gaps.newest_searches()[: gaps.SHOWN_SEARCHES]
        recent = Prefetch("searches", newest, to_attr="recent")
        rows = gaps.most_asked(status=status).prefetch_related(recent)
        page, listed = self.page_of(request, rows, status)
        best = gaps.best_searches(page.object_list)
        return self.show(
            request,
            "knowledge/unanswered.html",
            title=_("Questions without an answer"),
            rows=[
                _row(one, gaps.wordings_of(getattr(one, "recent", [])), best.get(one.pk))
                for one in page.object_list
            ],
            rests_until=gaps.resting_until(spaces.active_space(), now=timezone.now()),
            model_url=reverse("admin:knowledge_embeddingspace_changelist"),
            may_answer=request.user.has_perm("knowledge.add_document"),
            coverage_url=reverse("admin:knowledge_coverage"),
            **listed,
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Lead to the form that answers it."""
        try:
            pk = int(object_id)
        except ValueError as error:
            raise Http404 from error
        return self.faq_view(request, pk)

    def faq_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for the answer, with the question and its wordings filled in; keep it as a FAQ."""
        self.need(request, "view_unansweredquestion")
        cluster = _find(pk)
        wordings = gaps.wordings(cluster)
        form = FaqForm(initial=_initial(cluster, wordings))
        may_answer = cluster.status == Status.OPEN and request.user.has_perms(
            ["knowledge.change_unansweredquestion", "knowledge.add_document"]
        )
        if request.method == "POST":
            self.need(request, "change_unansweredquestion", "add_document")
            form = FaqForm(request.POST)
            if form.is_valid() and self._answer(request, cluster, form):
                return self.back()
        return self.show(
            request,
            "knowledge/unanswered_faq.html",
            title=_("Answer a question"),
            form=form,
            row=_row(cluster, wordings, gaps.best_searches([cluster]).get(cluster.pk)),
            list_url=self.list_url(),
            may_answer=may_answer,
        )

    def _answer(self, request: HttpRequest, cluster: UnansweredQuestion, form: FaqForm) -> bool:
        given = form.cleaned_data
        try:
            gaps.answer_with_faq(
                cluster=cluster,
                category=form.shelf(request),
                question=given["question"],
                answer=given["answer"],
                phrasings=given["phrasings"].splitlines(),
                valid_from=given["valid_from"],
                valid_until=given["valid_until"],
                now=timezone.now(),
                actor=actor(request),
            )
        except DomainError as error:
            form.add_error(None, str(error))
            return False
        messages.success(
            request, _("Kept. As soon as it is read, the assistant answers this question.")
        )
        return True

    def dismiss_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Put a question aside."""
        self.need(request, "change_unansweredquestion")
        cluster = _find(pk)
        if request.method == "POST":
            try:
                gaps.dismiss(cluster=cluster, now=timezone.now(), actor=actor(request))
            except DomainError as error:
                messages.error(request, str(error))
            else:
                url = reverse("admin:knowledge_unanswered_reopen", args=[pk])
                text = _("Put aside: %(question)s") % {"question": cluster.question}
                pages.tell_with_undo(request, text, url)
        return self.back()

    def reopen_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take a settled question back to the open ones."""
        self.need(request, "change_unansweredquestion")
        cluster = _find(pk)
        if request.method == "POST" and gaps.reopen(cluster=cluster, actor=actor(request)):
            messages.success(request, _("The question is open again."))
        return self.back()

    def coverage_view(self, request: HttpRequest) -> HttpResponse:
        """Show what became of the questions, over time and by where they went."""
        self.need(request, "view_search")
        by_week = request.GET.get("by") == "week"
        zone = ZoneInfo(timezone.get_current_timezone_name())
        found = coverage.coverage(
            now=timezone.now(),
            zone=zone,
            n_periods=N_WEEKS if by_week else N_DAYS,
            by_week=by_week,
        )
        return self.show(
            request,
            "knowledge/coverage.html",
            title=_("What is asked and found"),
            by_week=by_week,
            found=found,
            tiles=_tiles(found.total),
            bars=_bars(found.periods, by_week=by_week),
            chart_width=len(found.periods) * _STEP,
            chart_height=_HEIGHT,
            by_category=[_share(one, _("nothing found")) for one in found.by_category],
            by_agent=[_share(one, _("no agent")) for one in found.by_agent],
            quoted=[
                (one, round(100 * one.n_answers / max(1, found.quoted[0].n_answers)))
                for one in found.quoted
            ],
            n_more_never=found.n_never_quoted - len(found.never_quoted),
            unanswered_url=self.list_url(),
            n_open=gaps.n_open(),
        )


_STEP, _HEIGHT = 40, 120


def _find(pk: int) -> UnansweredQuestion:
    cluster = UnansweredQuestion.objects.filter(pk=pk).select_related("faq").first()
    if cluster is None:
        raise Http404
    return cluster


def _row(cluster: UnansweredQuestion, wordings: list[gaps.Wording], best: Search | None) -> Row:
    near = gaps.near_miss(best)
    tone, label = _MISSES[near.miss] if near is not None else ("", "")
    url = f"{reverse('admin:knowledge_test')}?{urlencode({'question': cluster.question})}"
    return Row(
        cluster=cluster,
        wordings=[one for one in wordings if one.text != cluster.question],
        tone=tone,
        label=str(label),
        confidence=None if near is None else round(100 * near.confidence),
        threshold=None if near is None else round(100 * near.threshold),
        passage=near.passage if near is not None else None,
        test_url=url,
    )


def _initial(cluster: UnansweredQuestion, wordings: list[gaps.Wording]) -> dict[str, str]:
    others = [one.text for one in wordings if one.text != cluster.question]
    return {"question": cluster.question, "phrasings": "\n".join(others)}


def _tiles(total: coverage.Counts) -> list[dict[str, str]]:
    def share(n: int) -> str:
        return f"{round(100 * n / total.n_asked)}%" if total.n_asked else _("not measured")

    def questions(n: int) -> str:
        return ngettext("%(n)s question", "%(n)s questions", n) % {"n": n}

    return [
        {"label": _("Questions"), "value": str(total.n_asked), "detail": _("from conversations")},
        {
            "label": _("Got an answer"),
            "value": share(total.n_answered),
            "detail": questions(total.n_answered),
        },
        {
            "label": _("Asked back"),
            "value": share(total.n_asked_back),
            "detail": questions(total.n_asked_back),
        },
        {
            "label": _("Not known"),
            "value": share(total.n_unknown),
            "detail": questions(total.n_unknown),
        },
        {
            "label": _("Near misses"),
            "value": str(total.n_near),
            "detail": _("something was found, not quite good enough"),
        },
    ]


def _bars(periods: tuple[coverage.Period, ...], *, by_week: bool) -> list[Bar]:
    highest = max([1, *(period.counts.n_asked for period in periods)])
    bars = []
    for number, period in enumerate(periods):
        counts = period.counts
        parts, top = [], float(_HEIGHT)
        for name, n in (
            ("answer", counts.n_answered),
            ("ask", counts.n_asked_back),
            ("unknown", counts.n_unknown),
        ):
            height = _HEIGHT * n / highest
            top -= height
            if n:
                parts.append((name, round(top, 2), round(height, 2)))
        label = f"{period.begins_on:%d/%m}"
        title = _(
            "%(day)s: %(asked)s asked, %(answered)s answered, %(back)s asked back,"
            " %(unknown)s not known"
        ) % {
            "day": _("week of %(day)s") % {"day": label} if by_week else label,
            "asked": counts.n_asked,
            "answered": counts.n_answered,
            "back": counts.n_asked_back,
            "unknown": counts.n_unknown,
        }
        bars.append(Bar(label, title, number * _STEP, tuple(parts), counts.n_asked))
    return bars


def _share(named: coverage.Named, otherwise: str) -> Share:
    rate = named.counts.hit_rate
    return Share(
        name=named.name or otherwise,
        n_asked=named.counts.n_asked,
        n_answered=named.counts.n_answered,
        percent=None if rate is None else round(100 * rate),
    )
