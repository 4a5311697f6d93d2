"""Pages of evaluations: sets of questions with known answers, runs over them, two runs compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from knowledge import admin_pages as pages
from knowledge.models import EvaluationQuestion, EvaluationRun, EvaluationSet
from knowledge.services import evaluation, figures
from tenants.errors import DomainError
from tenants.panel import actor
from tenants.sites import tenant_site

N_RUNS = 30
N_FAILED = 50
N_MOVED = 30
N_BAD_LINES = 20
_PLOT_WIDTH, _PLOT_HEIGHT = 400, 90

_TONES = {
    EvaluationRun.Status.READY: "good",
    EvaluationRun.Status.FAILED: "bad",
    EvaluationRun.Status.QUEUED: "warn",
    EvaluationRun.Status.RUNNING: "warn",
}
_HEADS = {
    "recall_1": gettext_lazy("first"),
    "recall_3": gettext_lazy("in 3"),
    "recall_5": gettext_lazy("in 5"),
    "mrr": "MRR",
    "ndcg": "nDCG@10",
    "in_context": gettext_lazy("in 2,000 characters"),
}
_REASONS = {
    "knowledge_gap": gettext_lazy("the documents do not say"),
    "personal_account_data": gettext_lazy("needs the customer's own data"),
    "off_topic": gettext_lazy("about something else"),
}
_DECISIONS = (("answer", "n_answer"), ("ask", "n_ask"), ("unknown", "n_unknown"))


class SetForm(forms.Form):
    """A file of questions."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        required=False,
        help_text=gettext_lazy(
            "Empty takes the file's name. A set of that name is brought up to date."
        ),
        widget=forms.TextInput(attrs={"class": "pz-field"}),
    )
    file = forms.FileField(
        label=gettext_lazy("File with one question a line (JSONL)"),
        widget=forms.FileInput(attrs={"class": "pz-field", "accept": ".jsonl,.json,.txt"}),
    )

    def clean_file(self) -> Any:
        """Refuse what is too large before it is read.

        Raises:
            ValidationError: more than the limit.
        """
        upload = self.cleaned_data["file"]
        if upload.size > evaluation.MAX_BYTES:
            raise ValidationError(_("The file is larger than 10 MB."))
        return upload


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure; `change` is in points against the run before, with its sign."""

    value: str
    change: str
    tone: str


@dataclass(frozen=True, slots=True)
class Line:
    """The figures of a type or a category."""

    name: str
    n: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in the list of a set."""

    run: EvaluationRun
    tone: str
    is_busy: bool
    cells: tuple[str, ...]


@admin.register(EvaluationSet, site=tenant_site)
class EvaluationSetAdmin(pages.OwnPages):
    """Sets of questions, their runs, and what the runs found."""

    def get_urls(self) -> list[Any]:
        """Add the pages and what can be done on them."""
        view = self.admin_site.admin_view
        own = [
            path("<int:pk>/set/", view(self.set_view), name="knowledge_evaluation_set"),
            path("<int:pk>/start/", view(self.start_view), name="knowledge_evaluation_start"),
            path("runs/<int:pk>/", view(self.run_view), name="knowledge_evaluation_run"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the sets, and take a file."""
        self.need(request, "view_evaluationset")
        form = SetForm()
        if request.method == "POST":
            self.need(request, "add_evaluationset")
            form = SetForm(request.POST, request.FILES)
            if form.is_valid() and (stored := self._store(request, form)) is not None:
                return HttpResponseRedirect(_set_url(stored.pk))
        n_asked = Count("questions", filter=Q(questions__is_active=True))
        sets = EvaluationSet.objects.annotate(n_questions=n_asked).order_by("name", "pk")
        runs = EvaluationRun.objects.order_by("set_id", "-created_at", "-pk").distinct("set_id")
        last = {run.set_id: run for run in runs}
        rows = [(one, _set_url(one.pk), last.get(one.pk)) for one in sets]
        return self.show(
            request,
            "knowledge/evaluation_sets.html",
            title=_("Evaluations"),
            rows=rows,
            form=form,
            may_add=request.user.has_perm("knowledge.add_evaluationset"),
        )

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Lead to the page on which a file is taken."""
        self.need(request, "add_evaluationset")
        return HttpResponseRedirect(reverse("admin:knowledge_evaluationset_changelist"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Lead to the page of the set."""
        try:
            return self.set_view(request, int(object_id))
        except ValueError as error:
            raise Http404 from error

    def _store(self, request: HttpRequest, form: SetForm) -> EvaluationSet | None:
        upload = form.cleaned_data["file"]
        name = form.cleaned_data["name"].strip() or PurePath(upload.name).stem
        try:
            stored = evaluation.store_set(name=name, content=upload.read(), actor=actor(request))
        except DomainError as error:
            form.add_error("file", str(error))
            return None
        text = ngettext(
            "%(n)s question is stored.", "%(n)s questions are stored.", stored.n_questions
        )
        messages.success(request, text % {"n": stored.n_questions})
        for line in stored.bad_lines[:N_BAD_LINES]:
            where = {"number": line.number, "reason": line.reason}
            messages.warning(request, _("Line %(number)s was left out: %(reason)s") % where)
        if len(stored.bad_lines) > N_BAD_LINES:
            n_more = len(stored.bad_lines) - N_BAD_LINES
            text = ngettext(
                "%(n)s more line was left out.", "%(n)s more lines were left out.", n_more
            )
            messages.warning(request, text % {"n": n_more})
        return stored.set

    def set_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show a set with its runs over time."""
        self.need(request, "view_evaluationset", "view_evaluationrun")
        found = EvaluationSet.objects.filter(pk=pk).first()
        if found is None:
            raise Http404
        runs = list(found.runs.order_by("-created_at", "-pk")[:N_RUNS])
        types = dict(
            found.questions.filter(is_active=True)
            .values_list("type")
            .annotate(n=Count("pk"))
            .order_by()
        )
        return self.show(
            request,
            "knowledge/evaluation_set.html",
            title=found.name,
            set=found,
            types=[(label, types.get(value, 0)) for value, label in _types()],
            runs=[_run_row(run) for run in runs],
            is_busy=any(not run.is_over for run in runs),
            plot=_plot(runs),
            plot_width=_PLOT_WIDTH,
            list_url=reverse("admin:knowledge_evaluationset_changelist"),
            may_run=request.user.has_perm("knowledge.add_evaluationrun"),
        )

    def start_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Start a run, or show the one under way."""
        self.need(request, "add_evaluationrun")
        found = EvaluationSet.objects.filter(pk=pk).first()
        if found is None:
            raise Http404
        if request.method == "POST":
            evaluation.start_run(of=found, now=timezone.now(), actor=actor(request))
            messages.success(request, _("The run has started; this page shows how far it is."))
        return HttpResponseRedirect(_set_url(pk))

    def run_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show one run beside another: the one before, or one that was chosen."""
        self.need(request, "view_evaluationrun")
        run = EvaluationRun.objects.select_related("set").filter(pk=pk).first()
        if run is None:
            raise Http404
        if run.status != EvaluationRun.Status.READY:
            return HttpResponseRedirect(_set_url(run.set_id))
        ready = EvaluationRun.objects.filter(set=run.set, status=EvaluationRun.Status.READY)
        others = list(ready.exclude(pk=run.pk).order_by("-created_at", "-pk")[:N_RUNS])
        chosen = request.GET.get("with", "")
        other = next((one for one in others if str(one.pk) == chosen), None)
        other = other or evaluation.find_before(run)
        moved = figures.compare(other, run) if other is not None else None
        abstention = run.metrics["abstention"]
        then = other.metrics["abstention"] if other is not None else {}
        return self.show(
            request,
            "knowledge/evaluation_run.html",
            title=_("%(set)s: run of %(at)s")
            % {"set": run.set.name, "at": f"{timezone.localtime(run.created_at):%d/%m/%Y %H:%M}"},
            run=run,
            other=other,
            others=others,
            heads=list(_HEADS.values()),
            groups=_groups(run, other),
            auroc=_cell(abstention["auroc"], then.get("auroc")),
            abstention=abstention,
            cuts=[
                (cut["threshold"], _share(cut["let_through"]), _share(cut["stopped"]))
                for cut in abstention["thresholds"]
            ],
            decisions=_decisions(run),
            worse=moved.worse[:N_MOVED] if moved else (),
            better=moved.better[:N_MOVED] if moved else (),
            failed=figures.failed(run, limit=N_FAILED),
            wrongly=[
                (row, _REASONS.get(row.question.reason, row.question.reason))
                for row in figures.wrongly_answered(run, limit=N_FAILED)
            ],
            set_url=_set_url(run.set_id),
        )


def _set_url(pk: int) -> str:
    return reverse("admin:knowledge_evaluation_set", args=[pk])


def _types() -> list[tuple[str, str]]:
    return [(one.value, str(one.label)) for one in EvaluationQuestion.Type]


def _run_row(run: EvaluationRun) -> RunRow:
    row = run.metrics.get("by_type", {}).get(EvaluationQuestion.Type.ANSWERABLE, {})
    keys = ("recall_1", "recall_5", "ndcg", "in_context")
    auroc = run.metrics.get("abstention", {}).get("auroc")
    return RunRow(
        run=run,
        tone=_TONES[EvaluationRun.Status(run.status)],
        is_busy=not run.is_over,
        cells=(*(_share(row.get(key)) for key in keys), _share(auroc)),
    )


def _share(value: float | None) -> str:
    # Formatting alone would cut digits off.
    return "–" if value is None else str(number_format(round(value, 3), 3))


def _cell(now: float | None, then: float | None) -> Cell:
    points = 0.0 if now is None or then is None else round(100 * (now - then), 1)
    change = (
        f"{'+' if points > 0 else '−'}{number_format(round(abs(points), 1), 1)}" if points else ""
    )
    return Cell(_share(now), change, "" if not points else "up" if points > 0 else "down")


def _groups(run: EvaluationRun, other: EvaluationRun | None) -> list[tuple[str, list[Line]]]:
    labels = dict(_types())
    then = other.metrics if other is not None else {}
    return [
        (
            title,
            [
                Line(
                    name=labels.get(name, name),
                    n=row["n"],
                    cells=tuple(
                        _cell(row[key], then.get(group, {}).get(name, {}).get(key))
                        for key in figures.SHOWN
                    ),
                )
                for name, row in sorted(run.metrics[group].items())
            ],
        )
        for group, title in (("by_type", _("By type")), ("by_category", _("By category")))
    ]


def _decisions(run: EvaluationRun) -> list[tuple[str, list[int]]]:
    labels = dict(_types())
    rows = [(labels.get(key, key), one) for key, one in sorted(run.metrics["decisions"].items())]
    rows += [
        (f"· {_REASONS.get(key, key)}", one) for key, one in sorted(run.metrics["reasons"].items())
    ]
    return [(name, [one.get(key, 0) for key, _n in _DECISIONS]) for name, one in rows]


def _plot(runs: list[EvaluationRun]) -> list[dict[str, Any]]:
    """Return the points of nDCG@10 over the runs, oldest first; empty below two."""
    rows = [
        (run, run.metrics.get("by_type", {}).get(EvaluationQuestion.Type.ANSWERABLE, {}))
        for run in reversed(runs)
    ]
    found = [(run, row["ndcg"]) for run, row in rows if row.get("ndcg") is not None]
    if len(found) < 2:
        return []
    low = min(value for _run, value in found)
    span = max(max(value for _run, value in found) - low, 0.05)
    step = (_PLOT_WIDTH - 60) / (len(found) - 1)
    return [
        {
            "x": round(20 + number * step, 1),
            "y": round(20 + _PLOT_HEIGHT * (1 - (value - low) / span), 1),
            "value": _share(value),
            "title": f"{timezone.localtime(run.created_at):%d/%m/%Y %H:%M}: {_share(value)}",
        }
        for number, (run, value) in enumerate(found)
    ]
