"""The admin page that says which model does what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from integrations.llm.types import Provider
from integrations.models import Credential, ModelChoice
from integrations.services import credentials, subjects
from tenants.panel import PanelAdmin
from tenants.sites import tenant_site
from tenants.widgets import SuggestingInput

Kind = ModelChoice.PurposeKind

_WHAT_FOR: dict[str, Any] = {
    Kind.CHAT: _("Writes the answers of the agents that name no model of their own."),
    Kind.REWRITE: _(
        "Turns “and on Saturdays?” into a whole question before the documents are searched."
    ),
    Kind.CLASSIFY: _("Chooses the agent for a message where keywords and rules do not tell."),
    Kind.SUMMARISE: _("Sums up long conversations, for the agents and for your team."),
    Kind.TRANSCRIBE: _("Turns voice notes into text, which is then answered like any message."),
    Kind.VISION: _("Describes the images that contacts send."),
}

_AS_CHAT = _("Not chosen: the model that writes the answers does this too.")
_WITHOUT: dict[str, Any] = {
    Kind.CHAT: _("Not chosen: the best passage is quoted."),
    Kind.REWRITE: _AS_CHAT,
    Kind.CLASSIFY: _AS_CHAT,
    Kind.SUMMARISE: _AS_CHAT,
    Kind.TRANSCRIBE: _("Not chosen: voice notes are left to people."),
    Kind.VISION: _("Not chosen: the model that writes the answers looks at them, if it can see."),
}


@dataclass(frozen=True)
class Line:
    """One purpose on the page.

    Args:
        model: who does it, such as ``"gpt-4o · principal"``; empty where nobody was chosen.
        used_by: the agents that ask this model; empty where none was chosen.
        own: the agents that ask a model of their own instead.
    """

    name: str
    what_for: str
    without: str
    url: str
    model: str = ""
    fallback: str = ""
    cheaper: str = ""
    used_by: str = ""
    own: str = ""


class ChoiceForm(forms.ModelForm):  # type: ignore[type-arg]
    """The models for one purpose."""

    class Meta:
        model = ModelChoice
        fields = (
            "purpose",
            "credential",
            "model",
            "timeout_s",
            "fallback_credential",
            "fallback_model",
            "cheaper_credential",
            "cheaper_model",
        )
        widgets = dict.fromkeys(("model", "fallback_model", "cheaper_model"), SuggestingInput)
        help_texts = {
            "model": _("As the provider names it; those known are offered as you type."),
            "fallback_credential": _("Asked at once when the first one fails or is paused."),
            "cheaper_credential": _("Answers while a budget is nearly used up. Empty: nobody."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = credentials.suggestions()
        for name, field in self.fields.items():
            widget: Any = field.widget
            if isinstance(widget, SuggestingInput):
                widget.suggestions = offered
            if name.endswith("credential"):
                widget.can_add_related = widget.can_view_related = False
                widget.can_change_related = widget.can_delete_related = False
        if "purpose" in self.fields:
            taken = set(ModelChoice.objects.values_list("purpose", flat=True))
            purpose: Any = self.fields["purpose"]
            purpose.choices = [(kind, label) for kind, label in Kind.choices if kind not in taken]

    def clean(self) -> dict[str, Any]:
        """Refuse a provider without a model.

        Raises:
            ValidationError: by field.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for prefix in ("", "fallback_", "cheaper_"):
            credential: Credential | None = cleaned.get(f"{prefix}credential")
            if credential is None:
                cleaned[f"{prefix}model"] = ""
            elif credential.provider != Provider.OFFLINE and not cleaned.get(f"{prefix}model"):
                self.add_error(f"{prefix}model", _("Name the model."))
        return cleaned


@admin.register(ModelChoice, site=tenant_site)
class ModelChoiceAdmin(PanelAdmin):
    """Models by purpose: each purpose has its place on the page, chosen or not."""

    form = ChoiceForm

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the purpose of a choice that was made."""
        return () if obj is None else ("purpose",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Say what the purpose is, and divide the usual from the spare."""
        what_for = "" if obj is None else _WHAT_FOR.get(obj.purpose, "")
        return (
            (
                None,
                {
                    "fields": ("purpose", "credential", "model", "timeout_s"),
                    "description": what_for,
                },
            ),
            (_("When it fails"), {"fields": ("fallback_credential", "fallback_model")}),
            (_("When money runs out"), {"fields": ("cheaper_credential", "cheaper_model")}),
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show every purpose, chosen or not."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": _("Models by purpose"),
            "opts": self.opts,
            "lines": _lines(),
            "can_change": self.has_change_permission(request),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "integrations/choices.html", context)


def _lines() -> list[Line]:
    chosen = ModelChoice.objects.select_related(
        "credential", "fallback_credential", "cheaper_credential"
    )
    by_purpose = {one.purpose: one for one in chosen}
    agents = subjects.known().agents()
    return [_line(purpose, by_purpose.get(purpose.value), agents) for purpose in Kind]


def _line(
    purpose: ModelChoice.PurposeKind,
    choice: ModelChoice | None,
    agents: Sequence[subjects.AgentName],
) -> Line:
    name, what_for = str(purpose.label), str(_WHAT_FOR[purpose])
    without = str(_WITHOUT[purpose])
    own = ", ".join(one.name for one in agents if purpose.value in one.own)
    if choice is None:
        add = reverse("admin:integrations_modelchoice_add")
        return Line(name, what_for, without, f"{add}?purpose={purpose.value}", own=own)
    return Line(
        name=name,
        what_for=what_for,
        without=without,
        url=reverse("admin:integrations_modelchoice_change", args=[choice.pk]),
        model=_who(choice.credential, choice.model),
        fallback=_who(choice.fallback_credential, choice.fallback_model),
        cheaper=_who(choice.cheaper_credential, choice.cheaper_model),
        used_by=", ".join(one.name for one in agents if purpose.value not in one.own),
        own=own,
    )


def _who(credential: Credential | None, model: str) -> str:
    if credential is None:
        return ""
    return f"{model} · {credential.name}" if model else credential.name
