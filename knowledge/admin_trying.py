"""The page on which questions are tried out, and the settings of the search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from knowledge import abstention
from knowledge import admin_pages as pages
from knowledge.models import Document, KnowledgeSettings, Search
from knowledge.ranking import RankWeights
from knowledge.services import trying
from tenants.errors import DomainError, Permanent, Temporary
from tenants.panel import actor
from tenants.sites import tenant_site

N_HISTORY = 12
_DECISIONS = {
    Search.Decision.ANSWER: ("good", gettext_lazy("It would be answered")),
    Search.Decision.ASK: ("warn", gettext_lazy("It would ask back what is meant")),
    Search.Decision.UNKNOWN: ("bad", gettext_lazy("Not known: a person would be called")),
}


class PercentField(forms.IntegerField):
    """A share that people write in percent; empty takes what is in force."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.NumberInput(attrs={"class": "pz-field", "min": 0, "max": 100})
        super().__init__(min_value=0, max_value=100, required=False, widget=widget, **kwargs)


class WeightField(forms.FloatField):
    """How much one signal counts; empty takes what is in force."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.NumberInput(attrs={"class": "pz-field", "step": "0.05"})
        super().__init__(min_value=0, max_value=10, required=False, widget=widget, **kwargs)


class ThresholdsForm(forms.Form):
    """From what confidence it is answered, and from what it is asked back."""

    answer_from = PercentField(label=gettext_lazy("Answer from (%)"))
    ask_from = PercentField(label=gettext_lazy("Ask back from (%)"))
    k = forms.IntegerField(
        label=gettext_lazy("Passages"),
        min_value=1,
        max_value=20,
        required=False,
        widget=forms.NumberInput(attrs={"class": "pz-field", "min": 1, "max": 20}),
    )

    def share(self, name: str) -> float | None:
        """Return a percentage as a share from 0 to 1."""
        value = self.cleaned_data[name]
        return None if value is None else value / 100


class TrialForm(ThresholdsForm):
    """A question with the settings that hold for it alone."""

    question = forms.CharField(
        label=gettext_lazy("Question"),
        max_length=1000,
        widget=forms.Textarea(attrs={"class": "pz-field", "rows": 2}),
    )
    previous = forms.CharField(
        label=gettext_lazy("Message before (optional)"),
        required=False,
        max_length=1000,
        widget=forms.TextInput(attrs={"class": "pz-field"}),
    )
    scope = forms.ChoiceField(
        label=gettext_lazy("Where to look"),
        required=False,
        widget=forms.Select(attrs={"class": "pz-field"}),
    )
    on = forms.DateField(
        label=gettext_lazy("As on the day"), required=False, widget=pages.date_widget()
    )
    weight_meaning = WeightField(label=gettext_lazy("Weight of meaning"))
    weight_words = WeightField(label=gettext_lazy("Weight of words"))
    weight_grams = WeightField(label=gettext_lazy("Weight of pieces of words"))

    def __init__(self, *args: Any, scopes: tuple[trying.Scope, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        where: Any = self.fields["scope"]
        agents = [(one.value, one.label) for one in scopes if one.agent_name]
        shelves = [(one.value, one.label) for one in scopes if one.value.startswith("category:")]
        where.choices = [
            (scopes[0].value, scopes[0].label),
            *([(_("As the agent"), agents)] if agents else []),
            *([(_("In the category"), shelves)] if shelves else []),
        ]

    def trial(self) -> trying.Trial:
        """Return the test that was asked for."""
        given = self.cleaned_data
        weights = [given[f"weight_{name}"] for name in ("meaning", "words", "grams")]
        usual = USUAL_WEIGHTS
        is_changed = any(one is not None for one in weights)
        filled = [base if one is None else one for one, base in zip(weights, usual, strict=True)]
        return trying.Trial(
            question=given["question"],
            previous=given["previous"],
            scope=given["scope"] or "all",
            k=given["k"],
            answer_threshold=self.share("answer_from"),
            ask_threshold=self.share("ask_from"),
            weights=(filled[0], filled[1], filled[2]) if is_changed else None,
            on=given["on"],
        )


_RANK = RankWeights()
USUAL_WEIGHTS = (_RANK.meaning, _RANK.words, _RANK.grams)


@dataclass(frozen=True, slots=True)
class Signal:
    """One score of a passage; `width` is percent of a bar that compares it with the others."""

    name: str
    value: str
    width: int


@admin.register(KnowledgeSettings, site=tenant_site)
class KnowledgeSettingsAdmin(pages.OwnPages):
    """How the knowledge is searched; one page instead of a list."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The one row is made when it is first changed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Settings are emptied, not removed."""
        return False

    def get_urls(self) -> list[Any]:
        """Add the page on which questions are tried out."""
        view = self.admin_site.admin_view
        own = path("test/", view(self.test_view), name="knowledge_test")
        return [own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the settings, and take what was changed."""
        self.need(request, "view_knowledgesettings")
        chosen = trying.settings_in_force()
        initial = {
            "answer_from": _percent(chosen.answer_threshold),
            "ask_from": _percent(chosen.ask_threshold),
            "k": chosen.n_passages,
        }
        form = ThresholdsForm(initial=initial)
        if request.method == "POST":
            self.need(request, "change_knowledgesettings")
            form = ThresholdsForm(request.POST)
            if form.is_valid() and self._keep(request, form):
                return HttpResponseRedirect(request.path)
        in_force = abstention.thresholds(chosen)
        return self.show(
            request,
            "knowledge/settings.html",
            title=_("Knowledge settings"),
            form=form,
            zones=_zones(in_force.ask_from, in_force.answer_from),
            usual=_zones(abstention.ASK_FROM, abstention.ANSWER_FROM),
            may_change=self.has_change_permission(request),
            test_url=reverse("admin:knowledge_test"),
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the one page: there is one row."""
        return self.changelist_view(request, extra_context)

    def _keep(self, request: HttpRequest, form: ThresholdsForm) -> bool:
        """Keep thresholds and the number of passages; False when they were refused."""
        try:
            changed = trying.save_settings(
                answer_threshold=form.share("answer_from"),
                ask_threshold=form.share("ask_from"),
                n_passages=form.cleaned_data["k"] or KnowledgeSettings().n_passages,
            )
        except DomainError as error:
            form.add_error(None, str(error))
            return False
        if changed:
            self.audit(request, trying.settings_in_force(), "changed", [{"fields": changed}])
        messages.success(request, _("The settings are kept; the next answer follows them."))
        return True

    def test_view(self, request: HttpRequest) -> HttpResponse:
        """Ask a question, or show an earlier test."""
        self.need(request, "view_search")
        scopes = trying.scopes()
        shown = trying.find_test(request.GET.get("search", ""))
        if request.method == "POST":
            self.need(request, "add_search")
            form = TrialForm(request.POST, scopes=scopes)
            again = trying.find_test(request.POST.get("again", ""))
            if again is not None:
                return self._try(request, trying.trial_of(again), form)
            if form.is_valid():
                if "keep" in request.POST:
                    self.need(request, "change_knowledgesettings")
                    if self._keep(request, _with_current(form)):
                        return HttpResponseRedirect(_test_url(shown))
                else:
                    return self._try(request, form.trial(), form)
        else:
            form = TrialForm(initial=_initial(request, shown), scopes=scopes)
        return self._test_page(request, form, shown)

    def _try(self, request: HttpRequest, trial: trying.Trial, form: TrialForm) -> HttpResponse:
        try:
            done = trying.try_question(trial=trial, asked_by=actor(request), now=timezone.now())
        except DomainError as error:
            messages.error(request, str(error))
        except (Temporary, Permanent):
            messages.error(
                request,
                _("The embedding model did not answer, so nothing could be searched. Try again."),
            )
        else:
            return HttpResponseRedirect(_test_url(done))
        return self._test_page(request, form, None)

    def _test_page(
        self, request: HttpRequest, form: TrialForm, shown: Search | None
    ) -> HttpResponse:
        tests = Search.objects.filter(origin=Search.Origin.TEST).defer("passages")
        history = [
            (one, *_DECISIONS[Search.Decision(one.decision)], _percent(one.confidence))
            for one in tests.order_by("-created_at", "-pk")[:N_HISTORY]
        ]
        in_force = abstention.thresholds(trying.settings_in_force())
        return self.show(
            request,
            "knowledge/test.html",
            title=_("Test the search"),
            form=form,
            shown=shown,
            result=_result(shown) if shown is not None else None,
            history=history,
            in_force=_zones(in_force.ask_from, in_force.answer_from),
            usual_weights=USUAL_WEIGHTS,
            has_documents=Document.objects.filter(deleted_at=None).exists(),
            upload_url=f"{pages.changelist_of_documents()}#pz-upload",
            may_test=request.user.has_perm("knowledge.add_search"),
            may_keep=self.has_change_permission(request),
            is_tuned=bool(shown and set(shown.settings) - {"zones", "signals", "scope"}),
        )


def _percent(share: float | None) -> int | None:
    return None if share is None else round(share * 100)


def _zones(ask_from: float, answer_from: float) -> dict[str, int]:
    """Return where the zones of the bar begin and how wide they are, in percent."""
    ask, answer = round(ask_from * 100), round(answer_from * 100)
    return {"ask": ask, "answer": answer, "ask_width": answer - ask, "answer_width": 100 - answer}


def _test_url(search: Search | None) -> str:
    url = reverse("admin:knowledge_test")
    return f"{url}?search={search.uuid}#result" if search is not None else url


def _with_current(form: TrialForm) -> ThresholdsForm:
    """Return what is to be kept: fields that were left empty stay as they are."""
    chosen = trying.settings_in_force()
    given = form.cleaned_data
    wanted = ThresholdsForm(
        {
            "answer_from": _or(given["answer_from"], _percent(chosen.answer_threshold)),
            "ask_from": _or(given["ask_from"], _percent(chosen.ask_threshold)),
            "k": _or(given["k"], chosen.n_passages),
        }
    )
    wanted.is_valid()
    return wanted


def _or(given: int | None, otherwise: int | None) -> int | None:
    return otherwise if given is None else given


def _initial(request: HttpRequest, shown: Search | None) -> dict[str, Any]:
    if shown is None:
        return {name: request.GET.get(name, "") for name in ("question", "previous", "scope")}
    trial = trying.trial_of(shown)
    weights = trial.weights or (None, None, None)
    return {
        "question": trial.question,
        "previous": trial.previous,
        "scope": trial.scope,
        "k": trial.k,
        "answer_from": _percent(trial.answer_threshold),
        "ask_from": _percent(trial.ask_threshold),
        "on": trial.on,
        "weight_meaning": weights[0],
        "weight_words": weights[1],
        "weight_grams": weights[2],
    }


def _result(search: Search) -> dict[str, Any]:
    """Return what came of a test as the page draws it."""
    tone, label = _DECISIONS[Search.Decision(search.decision)]
    ask, answer = search.settings.get("zones", [abstention.ASK_FROM, search.threshold])
    uuids = [one["document_uuid"] for one in search.passages]
    pks = dict(Document.objects.filter(uuid__in=uuids).values_list("uuid", "pk"))
    by_text = {str(key): pk for key, pk in pks.items()}
    return {
        "tone": tone,
        "label": label,
        "confidence": round(search.confidence * 100),
        "marker": min(99, max(0, round(search.confidence * 100))),
        "zones": _zones(ask, answer),
        "passages": [
            {
                **passage,
                "signals": _signals(passage["scores"], search.passages),
                "url": _document_url(by_text.get(passage["document_uuid"]), passage["version"]),
            }
            for passage in search.passages
        ],
    }


def _document_url(pk: int | None, version: int) -> str:
    if pk is None:
        return ""
    return reverse("admin:knowledge_document_change", args=[pk]) + f"?version={version}"


def _signals(scores: dict[str, float], all_passages: list[dict[str, Any]]) -> list[Signal]:
    """Return a passage's scores; the best passage's bar is full, the worst one's short."""
    names = {
        "score": _("together"),
        "cosine": _("meaning"),
        "lexical": _("words"),
        "grams": _("pieces of words"),
    }
    return [
        Signal(
            name=name,
            value=str(number_format(round(scores.get(key, 0.0), 2), 2)),
            width=_width(
                scores.get(key, 0.0), [one["scores"].get(key, 0.0) for one in all_passages], key
            ),
        )
        for key, name in names.items()
    ]


def _width(value: float, among: list[float], key: str) -> int:
    # Words and pieces count from nothing; the other two have no zero that means anything.
    low, high = (min(among) if key in ("score", "cosine") else 0.0), max(among)
    if high <= low:
        return 100 if high > 0 else 0
    shown = (value - low) / (high - low)
    least = 12 if key in ("score", "cosine") else 0
    return round(least + (100 - least) * shown)
