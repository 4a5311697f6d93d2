"""Admin pages of the devices, and of what the bridge has sent."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminPasswordWidget

from channels_whatsapp.admin_pairing import PAGE, PairingPages
from channels_whatsapp.bridge import payloads
from channels_whatsapp.models import BridgeEvent, Device
from channels_whatsapp.services import editing, links, servers, words
from conversations.services import words as conversation_words
from tenants.models import InboundRoute
from tenants.panel import (
    ReadOnlyAdmin,
    actor,
    as_json,
    badge,
    is_owner,
    masked,
)
from tenants.reading import Unreadable
from tenants.sites import tenant_site

_OUTCOME_TONES = {
    BridgeEvent.Outcome.STORED: "good",
    BridgeEvent.Outcome.APPLIED: "good",
    BridgeEvent.Outcome.SILENT: "warn",
}


class DeviceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A device; its token and key go in and never come out."""

    bridge_token = forms.CharField(
        label=_("New bridge token"),
        required=False,
        max_length=200,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_(
            "Leave empty to keep the token there is. On a bridge of the platform the platform makes"
            " it, and what is typed here does not count."
        ),
    )
    hmac_key = forms.CharField(
        label=_("New signing key"),
        required=False,
        max_length=200,
        min_length=32,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_(
            "At least 32 characters; leave empty to keep the key there is, or to have one made. The"
            " old key is accepted for 24 hours more."
        ),
    )

    class Meta:
        model = Device
        fields = (
            "name",
            "entry_agent",
            "quiet_s",
            "max_wait_s",
            "max_messages",
            "freshness_s",
            "bridge_base_url",
            "is_enabled",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "bridge_base_url" in self.fields:  # who may only look gets no fields
            self.fields["bridge_base_url"].required = False

    def clean(self) -> dict[str, Any]:
        """Refuse waits that cannot be kept, and a new device without a token.

        Raises:
            ValidationError: by field.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        quiet, longest = cleaned.get("quiet_s"), cleaned.get("max_wait_s")
        if quiet is not None and longest is not None and longest < quiet:
            self.add_error("max_wait_s", _("The longest wait is at least the quiet window."))
        address, token = cleaned.get("bridge_base_url"), cleaned.get("bridge_token")
        if address and "bridge_base_url" in self.changed_data:
            try:
                servers.require_own(address)
            except servers.PlatformBridge as refusal:
                self.add_error("bridge_base_url", str(refusal))
        if not self.instance.pk and not address and not servers.has_any():
            self.add_error("bridge_base_url", ValidationError(_("Say where the bridge is.")))
        elif not self.instance.pk and address and not token:
            self.add_error("bridge_token", ValidationError(_("A new device needs its token.")))
        elif self.instance.pk and not token and editing.is_elsewhere(self.instance, address or ""):
            self.add_error("bridge_token", editing.token_for_another())
        return cleaned


@admin.register(Device, site=tenant_site)
class DeviceAdmin(PairingPages):
    """WhatsApp numbers and the bridges that hold them."""

    is_audited_by_service = True
    form = DeviceForm
    list_display = ("name", "link_badge", "phone", "entry_agent", "quiet_s", "state_changed_at")
    list_select_related = ("entry_agent",)
    list_filter = ("state", "is_enabled")
    search_fields = ("name", "phone")
    ordering = ("name", "pk")
    actions = ("configure_selected",)
    actions_submit_line = ("configure_bridge",)
    autocomplete_fields = ("entry_agent",)
    readonly_fields = ("link_state", "phone", "webhook_address", "token_end", "uuid")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for less where the device is made."""
        waits = ("quiet_s", "max_wait_s", "max_messages", "freshness_s")
        if obj is None:
            return (
                (None, {"fields": ("name", "entry_agent")}),
                (_("Gathering messages"), {"fields": waits, "classes": ("collapse",)}),
                (_("Bridge"), self._own_bridge()),
            )
        bridge = ("bridge_base_url", "webhook_address", "token_end", "bridge_token", "hmac_key")
        return (
            (None, {"fields": ("link_state", "name", "phone", "entry_agent", "is_enabled")}),
            (_("Gathering messages"), {"fields": waits}),
            (_("Bridge"), {"fields": bridge}),
        )

    def _own_bridge(self) -> dict[str, Any]:
        fields = ("bridge_base_url", "bridge_token", "hmac_key")
        if not servers.has_any():
            return {"fields": fields}
        text = _("Leave this empty: a bridge of the platform is chosen. Fill it in for your own.")
        return {"fields": fields, "classes": ("collapse",), "description": text}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the name, by which files and the bridge know the device."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "name")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The page of its link removes it, from the bridge and the phone too."""
        return False

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        """Go on to pairing the phone."""
        if "_continue" in request.POST or "_addanother" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        return HttpResponseRedirect(reverse(f"admin:{PAGE}", args=[obj.pk]))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or change the device through its service."""
        data = form.cleaned_data
        device = editing.save_device(
            edit=editing.DeviceEdit(
                name=obj.name,
                entry_agent=data["entry_agent"],
                quiet_s=data["quiet_s"],
                max_wait_s=data["max_wait_s"],
                max_messages=data["max_messages"],
                freshness_s=data["freshness_s"],
                is_enabled=data.get("is_enabled", True),
                bridge_base_url=data["bridge_base_url"],
                bridge_token=data["bridge_token"],
                hmac_key=data["hmac_key"],
            ),
            actor=actor(request),
            now=timezone.now(),
        )
        obj.pk, obj.uuid = device.pk, device.uuid
        for one in self.get_actions_submit_line(request, obj.pk) if change else ():
            if one.action_name in request.POST:
                one.method(request, device)

    @action(description=_("Save and configure the bridge again"), permissions=["change"])
    def configure_bridge(self, request: HttpRequest, obj: Device) -> None:
        """Have a task tell the bridge everything anew."""
        self._configure(request, [obj])

    @action(description=_("Configure the bridge again"), permissions=["change"])
    def configure_selected(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        """Have a task tell the bridge everything anew."""
        self._configure(request, list(queryset))

    def _configure(self, request: HttpRequest, chosen: list[Device]) -> None:
        for device in chosen:
            editing.configure_again(device=device, actor=actor(request))
        text = _("The bridge is being told; the state of the link shows the result in a moment.")
        self.message_user(request, text, messages.SUCCESS)

    @admin.display(description=_("link"), ordering="state")
    def link_badge(self, obj: Device) -> SafeString:
        """The state of the link as a label."""
        link = links.link(obj)
        return badge(link.label, link.tone)

    @admin.display(description=_("link"))
    def link_state(self, obj: Device) -> SafeString:
        """The state of the link, and what helps."""
        link = links.link(obj)
        detail = f"{link.advice} {conversation_words.reason(links.detail(obj))}".strip()
        return format_html(
            '{} <span class="pz-muted">{}</span> <a class="pz-link" href="{}">{}</a>',
            badge(link.label, link.tone),
            detail,
            reverse(f"admin:{PAGE}", args=[obj.pk]),
            _("Pair, test or remove"),
        )

    @admin.display(description=_("webhook path"))
    def webhook_address(self, obj: Device) -> str:
        """Where the bridge posts; the key in it is a secret."""
        route = InboundRoute.objects.filter(device_ref=obj.uuid).first()
        if route is None:
            return self.empty_value_display
        return f"/hooks/whatsapp/{masked(route.route_key)}/"

    @admin.display(description=_("bridge token"))
    def token_end(self, obj: Device) -> str:
        """The end of the token, to tell it from others."""
        token = obj.bridge_token()
        if not token:
            return self.empty_value_display
        return f"…{token[-4:]}" if len(token) >= 16 else "…"


@admin.register(BridgeEvent, site=tenant_site)
class BridgeEventAdmin(ReadOnlyAdmin):
    """What the bridge sent and what became of it: why the assistant stayed silent."""

    list_display = ("received_at", "device", "kind", "outcome_badge", "why", "n_repeats")
    list_select_related = ("device",)
    list_filter = ("outcome", "type", "device")
    date_hierarchy = "received_at"
    ordering = ("-received_at", "-pk")
    fields = ("received_at", "device", "type", "outcome_badge", "why", "n_repeats", "raw")

    def get_queryset(self, request: HttpRequest) -> QuerySet[BridgeEvent]:
        """Leave the bodies where they are: no list shows them."""
        found: QuerySet[BridgeEvent] = super().get_queryset(request)
        return found.defer("body")

    @admin.display(description=_("kind"), ordering="type")
    def kind(self, obj: BridgeEvent) -> str:
        """What it is about; the page of the event has the bridge's own name for it."""
        return words.kind(obj.type)

    @admin.display(description=_("outcome"), ordering="outcome")
    def outcome_badge(self, obj: BridgeEvent) -> SafeString:
        """What became of it as a label."""
        outcome = BridgeEvent.Outcome(obj.outcome)
        return badge(obj.get_outcome_display(), _OUTCOME_TONES.get(outcome, ""))

    @admin.display(description=_("why"), ordering="reason")
    def why(self, obj: BridgeEvent) -> str:
        """The reason in words, and what became of a message that could not be decrypted."""
        parts = [words.why(obj.reason), words.asked_again(obj.asked_outcome)]
        return "; ".join(filter(None, parts)) or self.empty_value_display

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show what was sent to the owners only: it holds what contacts wrote."""
        return self.fields if is_owner(request) else self.fields[:-1]

    @admin.display(description=_("as it was sent"))
    def raw(self, obj: BridgeEvent) -> SafeString | str:
        """The event, readable; gone when its retention has ended."""
        body = bytes(obj.body)
        if not body:
            return str(_("removed after its retention time"))
        try:
            return as_json(_shortened(payloads.read(body)))
        except Unreadable:
            return format_html(
                '<pre class="pz-pre">{}</pre>', body[:20_000].decode(errors="replace")
            )


def _shortened(value: Any) -> Any:
    """Return a JSON value with long texts cut, as media would fill the page, and tokens masked."""
    if isinstance(value, dict):
        return {
            str(key): masked(str(one)) if str(key).lower() == "token" else _shortened(one)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_shortened(one) for one in value[:200]]
    if isinstance(value, str) and len(value) > 2_000:
        return f"{value[:2_000]} … ({len(value)})"
    return value


# Registers what has modules of its own; at the end, because one holds pages of the other site.
from channels_whatsapp import admin_reception as admin_reception  # noqa: E402
from channels_whatsapp import admin_sending as admin_sending  # noqa: E402
from channels_whatsapp import admin_servers as admin_servers  # noqa: E402
