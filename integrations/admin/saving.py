"""The admin page of the choice whether answers are given again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from integrations.models import AnswerSaving
from integrations.services import saved_answers
from tenants.panel import PanelAdmin
from tenants.sites import tenant_site


@admin.register(AnswerSaving, site=tenant_site)
class AnswerSavingAdmin(PanelAdmin):
    """One row: its page stands in place of a list."""

    fieldsets = (
        (
            None,
            {
                "fields": ("is_on", "hours"),
                "description": _(
                    "Saves the cost and the wait of questions that many people ask in the same"
                    " words. Only the first question of a conversation counts, and none that asks"
                    " about today or this moment. The model is then not told the contact's name."
                    " Each answer passes the same checks as a new one."
                ),
            },
        ),
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """There is one row."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It stays; it can be switched off."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the one row."""
        AnswerSaving.objects.get_or_create(pk=1)
        return self.changeform_view(request, "1", "", extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Keep the choice; switched off, the saved answers go."""
        saved_answers.choose(is_on=obj.is_on, hours=obj.hours)
