"""The page that says what of that which arrives at a number is kept and answered."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminRadioSelectWidget

from channels_whatsapp.models import FILE_KINDS, Reception
from channels_whatsapp.services import reception
from tenants.panel import PanelAdmin, actor
from tenants.sites import tenant_site


class ReceptionForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a number keeps; kinds are ticked where they are kept."""

    kept_files = forms.MultipleChoiceField(
        label=_("Files that are kept"),
        choices=FILE_KINDS,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Others stay on WhatsApp; the conversation shows that they came."),
    )

    class Meta:
        model = Reception
        fields = ("groups", "file_max_mb", "sound_max_s", "file_wait_s")
        widgets = {"groups": UnfoldAdminRadioSelectWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kept_files" in self.fields:
            self.fields["kept_files"].initial = self.instance.kept_files


@admin.register(Reception, site=tenant_site)
class ReceptionAdmin(PanelAdmin):
    """Groups and files, for each number."""

    is_audited_by_service = True
    form = ReceptionForm
    list_display = ("name", "phone", "groups", "kinds", "file_max_mb", "file_wait_s")
    ordering = ("name", "pk")
    actions = None
    fieldsets = (
        (None, {"fields": ("groups",)}),
        (_("Files"), {"fields": ("kept_files", "file_max_mb", "sound_max_s", "file_wait_s")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """It comes with its number."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It goes with its number."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Change it through the service."""
        data = form.cleaned_data
        reception.set_reception(
            device=obj,
            edit=reception.ReceptionEdit(
                groups=data["groups"],
                kept_files=data["kept_files"],
                file_max_mb=data["file_max_mb"],
                sound_max_s=data["sound_max_s"],
                file_wait_s=data["file_wait_s"],
            ),
            actor=actor(request),
        )

    @admin.display(description=_("files that are kept"))
    def kinds(self, obj: Reception) -> str:
        """The kinds in words."""
        names = dict(FILE_KINDS)
        listed = ", ".join(str(names[kind]) for kind in obj.kept_files)
        return listed or str(_("none"))
