"""The page on which the embedding model is chosen, with what that takes, and followed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_UP, Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from integrations.llm import embedding_models
from integrations.models import Credential
from knowledge import admin_pages as pages
from knowledge import spaces as clients
from knowledge.models import Document, EmbeddingSpace
from knowledge.services import documents, estimates, space_words, spaces
from tenants.errors import DomainError, Permanent, Temporary
from tenants.panel import actor
from tenants.sites import tenant_site

Status = EmbeddingSpace.Status

OFFERING = (
    Credential.Kind.OPENAI,
    Credential.Kind.GEMINI,
    Credential.Kind.OPENAI_COMPATIBLE,
)
"""Kinds of credentials whose providers have embeddings that we can ask for."""

_SELECT = {"class": "pz-field"}


def usable_credentials() -> QuerySet[Credential]:
    """Return the credentials that lead to an embedding model."""
    return Credential.objects.filter(provider__in=OFFERING).order_by("name", "pk")


class ChoiceForm(forms.Form):
    """Which model the knowledge should lie in."""

    credential = forms.ModelChoiceField(
        label=gettext_lazy("Where it runs"),
        queryset=Credential.objects.none(),
        required=False,
        empty_label=gettext_lazy("Built-in model: on this server, without a key"),
        widget=forms.Select(attrs=_SELECT),
        help_text=gettext_lazy(
            "The built-in model sends no text anywhere. A provider's model gets all"
            " passages, and each question."
        ),
    )
    model = forms.CharField(
        label=gettext_lazy("Model"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={**_SELECT, "list": "pz-models", "autocomplete": "off"}),
        help_text=gettext_lazy("The provider's name of it; only for a provider's model."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["credential"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  declared above
        field.queryset = usable_credentials()

    def clean(self) -> dict[str, Any]:
        """Ask for the name of a provider's model."""
        cleaned = super().clean() or {}
        credential, model = cleaned.get("credential"), str(cleaned.get("model") or "").strip()
        if credential is not None and not model:
            self.add_error("model", _("Give the provider's name of the model."))
        return {**cleaned, "model": model if credential is not None else ""}


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate in words."""

    texts: str
    tokens: str
    cost: str
    duration: str
    dimensions: int


@admin.register(EmbeddingSpace, site=tenant_site)
class EmbeddingSpaceAdmin(pages.OwnPages):
    """The embedding model in use, the one being prepared, and those before."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are chosen on the page."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They go by themselves a week after they were last used."""
        return False

    def get_urls(self) -> list[Any]:
        """Add what can be done with the models."""
        view = self.admin_site.admin_view
        start, stop = require_POST(self.start_view), require_POST(self.stop_view)
        again = require_POST(self.again_view)
        own = [
            path("read-all/", view(require_POST(self.read_all_view)), name="knowledge_read_all"),
            path("start/", view(start), name="knowledge_space_start"),
            path("<int:pk>/stop/", view(stop), name="knowledge_space_stop"),
            path("<int:pk>/again/", view(again), name="knowledge_space_again"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the models, and what another one would take."""
        self.need(request, "view_embeddingspace")
        form, cost = ChoiceForm(), None
        if request.method == "POST":
            self.need(request, "change_embeddingspace")
            form = ChoiceForm(request.POST)
            cost = self._estimate(form) if form.is_valid() else None
        return self._page(request, form, cost)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the one page."""
        return self.changelist_view(request, extra_context)

    def _estimate(self, form: ChoiceForm) -> Cost | None:
        if _is_in_use(form.cleaned_data["credential"], form.cleaned_data["model"]):
            form.add_error(None, str(spaces.AlreadyInUse()))
            return None
        try:
            found = estimates.estimate(
                credential=form.cleaned_data["credential"],
                model=form.cleaned_data["model"],
                now=timezone.now(),
            )
        except (Temporary, Permanent) as error:
            form.add_error(None, space_words.trial(error))
            return None
        return _cost(found)

    def _page(self, request: HttpRequest, form: ChoiceForm, cost: Cost | None) -> HttpResponse:
        now = timezone.now()
        clients.active_space()  # made here where nobody has searched yet
        found = EmbeddingSpace.objects.select_related("credential").order_by("-created_at", "-pk")
        spaces_of = {status: [one for one in found if one.status == status] for status in Status}
        active = spaces_of[Status.ACTIVE][0]
        building = next(iter(spaces_of[Status.BUILDING]), None)
        before = [one for one in found if one.status in {Status.RETIRED, Status.FAILED}]
        return self.show(
            request,
            "knowledge/embedding_model.html",
            title=_("Embedding model"),
            active=active,
            active_name=name_of(active),
            n_texts=number_format(estimates.n_texts(active), force_grouping=True),
            building=building,
            building_name=name_of(building) if building else "",
            percent=_percent(building) if building else 0,
            remaining=_remaining(building, now=now) if building else "",
            before=[(space, name_of(space)) for space in before],
            form=form,
            cost=cost,
            models=embedding_models.MODELS,
            has_credentials=usable_credentials().exists(),
            credentials_url=reverse("admin:integrations_credential_add"),
            may_change=self.has_change_permission(request),
            keep_days=spaces.KEEP.days,
            n_to_read=Document.objects.filter(deleted_at=None, status__in=pages.BUSY).count(),
            may_read=request.user.has_perm("knowledge.change_document"),
        )

    def start_view(self, request: HttpRequest) -> HttpResponse:
        """Begin to prepare the chosen model."""
        self.need(request, "change_embeddingspace")
        form = ChoiceForm(request.POST)
        if not form.is_valid():
            return self._page(request, form, None)
        try:
            spaces.choose(
                credential=form.cleaned_data["credential"],
                model=form.cleaned_data["model"],
                now=timezone.now(),
                actor=actor(request),
            )
        except DomainError as error:
            messages.error(request, str(error))
        else:
            messages.success(
                request,
                _("The model is being prepared. Until it is ready the one before it answers."),
            )
        return _back()

    def read_all_view(self, request: HttpRequest) -> HttpResponse:
        """Read every document again."""
        self.need(request, "change_document")
        n = documents.read_all_again(now=timezone.now())
        self.audit(request, clients.active_space(), "all_read_again", None)
        told = ngettext("%(n)s document is read again.", "%(n)s documents are read again.", n)
        messages.success(request, told % {"n": n})
        return _back()

    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Stop the preparation."""
        self.need(request, "change_embeddingspace")
        space = _space(pk)
        if spaces.cancel(space=space, actor=actor(request)):
            pages.tell_with_undo(
                request,
                _("The preparation is stopped; nothing changed for the customers."),
                reverse("admin:knowledge_space_again", args=[pk]),
            )
        return _back()

    def again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Go back to a model, or take its preparation up again."""
        self.need(request, "change_embeddingspace")
        space = _space(pk)
        try:
            spaces.go_back(space=space, now=timezone.now(), actor=actor(request))
        except DomainError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("What it lacks is added, then it is used again."))
        return _back()


def _space(pk: int) -> EmbeddingSpace:
    space = EmbeddingSpace.objects.select_related("credential").filter(pk=pk).first()
    if space is None:
        raise Http404
    return space


def _is_in_use(credential: Credential | None, model: str) -> bool:
    active = clients.active_space()
    if credential is None:
        return active.provider == clients.LOCAL
    return (active.credential_id, active.model) == (credential.pk, model)


def _back() -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:knowledge_embeddingspace_changelist"))


def name_of(space: EmbeddingSpace) -> str:
    """Return a model as people know it."""
    if space.provider == clients.LOCAL:
        return _("Built-in model")
    return f"{space.model} · {space.credential}" if space.credential else space.model


def _percent(space: EmbeddingSpace) -> int:
    return min(99, 100 * space.n_done // space.n_total) if space.n_total else 0


def _remaining(space: EmbeddingSpace, *, now: datetime) -> str:
    left_s = spaces.remaining_s(space, now=now)
    return "" if left_s is None else duration(left_s)


def duration(seconds: float) -> str:
    """Return a time in the unit in which people would say it."""
    if seconds < 60:
        return _("less than a minute")
    minutes = round(seconds / 60)
    if minutes < 120:
        return ngettext("about %(n)s minute", "about %(n)s minutes", minutes) % {"n": minutes}
    hours = round(seconds / 3600)
    return ngettext("about %(n)s hour", "about %(n)s hours", hours) % {"n": hours}


def _cost(found: estimates.Estimate) -> Cost:
    return Cost(
        texts=number_format(found.n_texts, force_grouping=True),
        tokens=(
            _("not counted")
            if found.n_tokens is None
            else _("about %(n)s") % {"n": number_format(found.n_tokens, force_grouping=True)}
        ),
        cost=_money(found.cost_usd),
        duration=_("nothing to do") if found.duration_s is None else duration(found.duration_s),
        dimensions=found.dimensions,
    )


def _money(cost: Decimal | None) -> str:
    if cost is None:
        return _("not known: ask the provider")
    if not cost:
        return _("nothing: it runs on this server")
    if cost < Decimal("0.01"):
        return _("less than US$ 0.01")
    cents = cost.quantize(Decimal("0.01"), rounding=ROUND_UP)
    return _("about US$ %(n)s") % {"n": number_format(cents, 2)}
