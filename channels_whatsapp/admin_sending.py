"""The page that says how a number sends, and shows what came of it."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget

from channels_whatsapp.models import Sending
from channels_whatsapp.services import sending, words
from conversations.services import words as conversation_words
from tenants.panel import PanelAdmin, actor, badge
from tenants.sites import tenant_site

GOOD, WEAK = 80, 60
"""Scores from which on a number's health is shown as good, and as weak."""


class SendingForm(forms.ModelForm):  # type: ignore[type-arg]
    """How a number sends."""

    class Meta:
        model = Sending
        fields = sending.FIELDS
        widgets = {
            "quotes": UnfoldAdminRadioSelectWidget,
            "reads": UnfoldAdminRadioSelectWidget,
        }


@admin.register(Sending, site=tenant_site)
class SendingAdmin(PanelAdmin):
    """Pace, limits and parts, for each number."""

    is_audited_by_service = True
    form = SendingForm
    list_display = ("name", "phone", "health_badge", "gap_s", "day_cap", "unasked_cap", "reads")
    ordering = ("name", "pk")
    actions = None
    readonly_fields = ("state_of_sending",)
    fieldsets = (
        (None, {"fields": ("state_of_sending",)}),
        (_("Pace and limits"), {"fields": ("gap_s", "day_cap", "unasked_cap", "warms_up")}),
        (_("How answers look"), {"fields": ("bubble_chars", "quotes", "reads")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """It comes with its number."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It goes with its number."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Change it through the service."""
        wanted = {name: form.cleaned_data[name] for name in sending.FIELDS}
        edit = sending.SendingEdit(**wanted)
        sending.set_sending(device=obj, edit=edit, actor=actor(request))

    @admin.display(description=_("health"), ordering="health")
    def health_badge(self, obj: Sending) -> SafeString:
        """The score as a label."""
        return badge(f"{obj.health}/100", _tone(obj.health))

    @admin.display(description=_("now"))
    def state_of_sending(self, obj: Sending) -> SafeString:
        """Its health with the causes, what the rules did, and what became of its messages."""
        now = timezone.now()
        zone = ZoneInfo(timezone.get_current_timezone_name())
        found = sending.report(obj, now=now, zone=zone)
        return render_to_string(
            "channels_whatsapp/_sending.html",
            {
                "device": obj,
                "tone": _tone(obj.health),
                "causes": [
                    (words.health(code, percent), points)
                    for code, points, percent in obj.health_causes
                ],
                "report": found,
                "vetoes": [
                    (conversation_words.reason(reason), n_waited, n_refused)
                    for reason, n_waited, n_refused in found.vetoes
                ],
            },
        )


def _tone(score: int) -> str:
    if score >= GOOD:
        return "good"
    return "warn" if score >= WEAK else "bad"
