"""The platform's page of the bridge servers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminPasswordWidget

from channels_whatsapp.servers.models import BridgeServer
from channels_whatsapp.services import editing, servers
from integrations.egress import leads_elsewhere
from tenants.panel import PanelAdmin, badge
from tenants.sites import public_site


class BridgeServerForm(forms.ModelForm):  # type: ignore[type-arg]
    """A server; its admin token goes in and never comes out."""

    admin_token = forms.CharField(
        label=_("New admin token"),
        required=False,
        max_length=200,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("Opens every session of that bridge. Leave empty to keep the one there is."),
    )

    class Meta:
        model = BridgeServer
        fields = ("name", "base_url", "max_devices", "is_open")

    def clean_base_url(self) -> str:
        """Take an address as devices name it."""
        return str(self.cleaned_data["base_url"]).rstrip("/")

    def clean(self) -> dict[str, Any]:
        """Refuse to take the stored token to another bridge: its owner could read it there."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        stored, address = self.instance, cleaned.get("base_url")
        is_left = stored.admin_token_encrypted and not cleaned.get("admin_token")
        if is_left and address and leads_elsewhere(stored.base_url, address):
            self.add_error("admin_token", editing.token_for_another())
        return cleaned


@admin.register(BridgeServer, site=public_site)
class BridgeServerAdmin(PanelAdmin):
    """The bridges that hold the sessions of all tenants."""

    form = BridgeServerForm
    list_display = ("name", "base_url", "room", "is_open")
    search_fields = ("name", "base_url")
    ordering = ("name", "pk")
    actions = ("ask_selected",)
    fields = ("name", "base_url", "admin_token", "max_devices", "is_open")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """One that has run empty may go; sessions of others would have nobody to remove them."""
        allowed = bool(super().has_delete_permission(request, obj))
        return allowed and (obj is None or not servers.loads([obj])[0].n_devices)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Keep the token encrypted."""
        if form.cleaned_data["admin_token"]:
            obj.set_admin_token(form.cleaned_data["admin_token"])
        obj.save()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Remove those on which there is no device."""
        for load in servers.loads(list(queryset)):
            if not load.n_devices:
                load.server.delete()

    @admin.display(description=_("devices"))
    def room(self, obj: BridgeServer) -> SafeString:
        """How many devices are on it, and how many it takes."""
        load = servers.loads([obj])[0]
        return badge(f"{load.n_devices} / {obj.max_devices}", "good" if load.n_free else "warn")

    @action(description=_("Ask whether it answers"))
    def ask_selected(self, request: HttpRequest, queryset: QuerySet[BridgeServer]) -> None:
        """Ask each server how it is."""
        for server in queryset:
            health, problem = servers.ask(server)
            if health is None:
                text = _("%(name)s does not answer: %(reason)s.")
                values: dict[str, object] = {"name": server.name, "reason": problem}
                self.message_user(request, text % values, messages.ERROR)
                continue
            text = _("%(name)s answers: version %(version)s, %(n)s of %(all)s sessions connected.")
            values = {"name": server.name, "version": health.version or "?"}
            values |= {"n": health.n_online, "all": health.n_users}
            self.message_user(request, text % values, messages.SUCCESS)
