"""Admin pages of what the outside world needs: keys."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget

from integrations.models import Credential
from integrations.services import credentials
from tenants.panel import PanelAdmin
from tenants.sites import tenant_site


class CredentialForm(forms.ModelForm):  # type: ignore[type-arg]
    """A credential; the key goes in and never comes out."""

    api_key = forms.CharField(
        label=_("New key"),
        required=False,
        strip=True,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("Leave empty to keep the key there is."),
    )
    forget_key = forms.BooleanField(label=_("Remove the key"), required=False)

    class Meta:
        model = Credential
        fields = ("name", "provider", "base_url")

    def wanted_key(self) -> str | None:
        """Return the key to be set; empty removes it, None leaves it."""
        if self.cleaned_data.get("forget_key"):
            return ""
        return self.cleaned_data.get("api_key") or None


@admin.register(Credential, site=tenant_site)
class CredentialAdmin(PanelAdmin):
    """Keys for providers of language models."""

    form = CredentialForm
    list_display = ("name", "provider", "base_url", "key", "updated_at")
    list_filter = ("provider",)
    search_fields = ("name",)
    ordering = ("name", "pk")
    readonly_fields = ("key", "created_at", "updated_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Ask for less where the credential is made."""
        if obj is None:
            return ("name", "provider", "base_url", "api_key")
        return (
            "name",
            "provider",
            "base_url",
            "key",
            "api_key",
            "forget_key",
            "created_at",
            "updated_at",
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the name, by which files and people know the credential."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "name")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or change the credential through its service."""
        ensured = credentials.ensure_credential(
            name=obj.name,
            provider=obj.provider,
            base_url=obj.base_url,
            api_key=form.wanted_key(),
        )
        obj.pk, obj.uuid = ensured.credential.pk, ensured.credential.uuid

    @admin.display(description=_("key"))
    def key(self, obj: Credential) -> str:
        """The end of the key, to tell it from others."""
        return obj.shown_key() or self.empty_value_display
