"""Settings of the queues: who answers, with what words, until when, and who hears of it."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
)

from agents.models import Agent
from conversations.models import PeopleQueue
from tenants.panel import PanelAdmin
from tenants.sites import tenant_site


class PhonesField(forms.CharField):
    """Phone numbers, one a line; spaces and signs between the digits do not matter."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), required=False, **kwargs
        )

    def prepare_value(self, value: Any) -> Any:
        """Return a stored list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return what was typed as a list of digits without repeats."""
        lines = re.split(r"[,;\n]", str(value or ""))
        return list(dict.fromkeys(re.sub(r"[\s().+-]", "", one) for one in lines if one.strip()))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare lists, not their spelling."""
        return bool((initial or []) != self.to_python(data))


class PeopleQueueForm(forms.ModelForm):  # type: ignore[type-arg]
    """How a queue works."""

    staff_phones = PhonesField(
        label=_("WhatsApp numbers that are told"),
        help_text=_(
            "One a line, with the country's code, such as 55 11 98888-7777. Each gets a message"
            " from your own number when somebody begins to wait; it never holds what the contact"
            " wrote."
        ),
    )

    class Meta:
        model = PeopleQueue
        fields = (
            "agent",
            "members",
            "groups",
            "text_open",
            "text_closed",
            "answer_within_min",
            "escalate_to",
            "tells_owners",
            "staff_phones",
            "promise_text",
        )
        widgets = {
            name: UnfoldAdminTextareaWidget(attrs={"rows": 3})
            for name in ("text_open", "text_closed", "promise_text")
        }


@admin.register(PeopleQueue, site=tenant_site)
class PeopleQueueAdmin(PanelAdmin):
    """Queues of people; what is changed here holds at once."""

    form = PeopleQueueForm
    list_display = ("agent", "answer_within_min", "escalate_to", "tells_owners", "n_phones")
    list_select_related = ("agent", "escalate_to")
    ordering = ("agent__name", "pk")
    actions = None
    fieldsets = (
        (None, {"fields": ("agent", "members", "groups")}),
        (_("What the contact is told"), {"fields": ("text_open", "text_closed")}),
        (
            _("When nobody answers in time"),
            {"fields": ("answer_within_min", "escalate_to", "tells_owners", "promise_text")},
        ),
        (_("Who is told that somebody waits"), {"fields": ("staff_phones",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[PeopleQueue]:
        """Bring the names along."""
        found: QuerySet[PeopleQueue] = super().get_queryset(request)
        return found.select_related("agent", "escalate_to")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the agent, whose settings these are."""
        return () if obj is None else ("agent",)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer all there is as check boxes: a business has few people and roles."""
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer agents of people only, and those without settings for new ones."""
        humans = Agent.objects.filter(kind=Agent.Kind.HUMAN).order_by("name", "pk")
        free = humans.filter(people_queue=None)
        kwargs["queryset"] = free if db_field.name == "agent" else humans
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.display(description=_("numbers told"))
    def n_phones(self, obj: PeopleQueue) -> int:
        """How many numbers are told."""
        return len(obj.staff_phones)
