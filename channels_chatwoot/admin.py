"""Admin pages of the inboxes of Chatwoot."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldBooleanSwitchWidget

from channels_chatwoot.models import Inbox
from channels_chatwoot.services import inboxes, watching, words
from tenants.panel import PanelAdmin, actor, badge, masked, muted
from tenants.sites import tenant_site


def _secret(label: Any, help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=help_text,
    )


class InboxForm(forms.ModelForm):  # type: ignore[type-arg]
    """An inbox; its tokens and its secret go in and never come out."""

    token = _secret(
        _("Token of the agent bot"),
        _(
            "In Chatwoot: Settings, Bots. Leave empty to keep the one there is; another address"
            " asks for it again."
        ),
    )
    secret = _secret(
        _("Secret of the agent bot"),
        _("With it Chatwoot signs what it sends here. Older versions have none: leave it empty."),
    )
    reader_token = _secret(
        _("Token of an agent, to read back"),
        _(
            "Optional: in Chatwoot, the profile of an agent who is a member of the inbox. With it"
            " messages are fetched that a lost event missed. Nothing is written with it."
        ),
    )
    forget_secret = forms.BooleanField(
        label=_("Remove the secret"), required=False, widget=UnfoldBooleanSwitchWidget()
    )
    forget_reader_token = forms.BooleanField(
        label=_("Remove the agent's token"), required=False, widget=UnfoldBooleanSwitchWidget()
    )

    class Meta:
        model = Inbox
        fields = (
            "name",
            "base_url",
            "account_id",
            "inbox_id",
            "entry_agent",
            "quiet_s",
            "max_wait_s",
            "max_messages",
            "freshness_s",
            "is_enabled",
        )

    def clean(self) -> dict[str, Any]:
        """Refuse a new inbox, or another address, without the token.

        Raises:
            ValidationError: by field.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        address = (cleaned.get("base_url") or "").strip().rstrip("/")
        if not cleaned.get("token") and (not self.instance.pk or address != self._address()):
            text = _("Enter the token: another address does not get the one that was given before.")
            self.add_error("token", text if self.instance.pk else _("A new inbox needs its token."))
        return cleaned

    def kept(self, name: str) -> str | None:
        """Return a secret as the service wants it: None leaves it, empty removes it."""
        if self.cleaned_data.get(f"forget_{name}"):
            return ""
        return self.cleaned_data.get(name) or None

    def _address(self) -> str:
        return str(Inbox.objects.values_list("base_url", flat=True).get(pk=self.instance.pk))


@admin.register(Inbox, site=tenant_site)
class InboxAdmin(PanelAdmin):
    """Inboxes of Chatwoot in which the assistant answers."""

    is_audited_by_service = True
    form = InboxForm
    list_display = ("name", "state_badge", "entry_agent", "base_url", "inbox_id", "last_event_at")
    list_select_related = ("entry_agent",)
    list_before_template = "channels_chatwoot/_inboxes.html"
    list_filter = ("state", "is_enabled")
    search_fields = ("name", "base_url")
    ordering = ("name", "pk")
    autocomplete_fields = ("entry_agent",)
    actions_submit_line = ("save_and_test",)
    readonly_fields = (
        "how_it_is",
        "webhook_address",
        "masked_address",
        "secrets_there",
        "last_event_at",
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for less where the inbox is made."""
        where = ("base_url", "account_id", "inbox_id")
        waits = ("quiet_s", "max_wait_s", "max_messages", "freshness_s")
        secrets = ("token", "secret", "reader_token")
        if obj is None:
            text = _("Make the agent bot in Chatwoot first; its address here is shown afterwards.")
            return (
                (None, {"fields": ("name", "entry_agent")}),
                ("Chatwoot", {"fields": (*where, *secrets), "description": text}),
                (_("Gathering messages"), {"fields": waits, "classes": ("collapse",)}),
            )
        kept = ("secrets_there", *secrets, "forget_secret", "forget_reader_token")
        may_see = self.has_change_permission(request, obj)
        address = "webhook_address" if may_see else "masked_address"
        about = ("how_it_is", address, "last_event_at", "name", "entry_agent")
        return (
            (None, {"fields": (*about, "is_enabled")}),
            ("Chatwoot", {"fields": where}),
            (_("Tokens"), {"fields": kept}),
            (_("Gathering messages"), {"fields": waits}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the name, by which files know the inbox."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "name")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or change the inbox through its service, and have it tested afterwards."""
        data = form.cleaned_data
        edit = inboxes.InboxEdit(
            name=obj.name,
            base_url=data["base_url"],
            account_id=data["account_id"],
            inbox_id=data["inbox_id"],
            entry_agent=data["entry_agent"],
            quiet_s=data["quiet_s"],
            max_wait_s=data["max_wait_s"],
            max_messages=data["max_messages"],
            freshness_s=data["freshness_s"],
            is_enabled=data.get("is_enabled", True),
            token=data["token"] or None,
            reader_token=form.kept("reader_token"),
            secret=form.kept("secret"),
        )
        saved, changed = inboxes.save_inbox(edit=edit, actor=actor(request), now=timezone.now())
        obj.pk, obj.uuid = saved.pk, saved.uuid
        if changed or self._is_asked_for(request, obj):
            request._to_be_tested = obj.pk  # type: ignore[attr-defined]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Remove the inbox and its address through its service."""
        inboxes.remove_inbox(inbox=obj, actor=actor(request))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or take the form; then test it, as the form's transaction has ended by now."""
        response = super().changeform_view(request, object_id, form_url, extra_context)
        pk = getattr(request, "_to_be_tested", None)
        if pk is not None and watching.test_inbox(inbox_pk=pk, now=timezone.now()) is not None:
            inbox = Inbox.objects.get(pk=pk)
            is_good = inbox.state == Inbox.State.READY
            level = messages.SUCCESS if is_good else messages.WARNING
            self.message_user(request, f"{inbox.name}: {words.verdict(inbox)}", level)
        return response

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        """Go on to the page with the address that Chatwoot needs."""
        super().response_add(request, obj, post_url_continue)
        return HttpResponseRedirect(self._page(obj))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Stay on the page where a test was asked for: its result is shown there."""
        response: HttpResponse = super().response_change(request, obj)
        return (
            HttpResponseRedirect(self._page(obj)) if self._is_asked_for(request, obj) else response
        )

    @action(description=_("Save and test"), permissions=["change"])
    def save_and_test(self, request: HttpRequest, obj: Inbox) -> None:
        """Do nothing here: `save_model` has left the mark that the test is asked for."""

    def _page(self, obj: Inbox) -> str:
        return reverse("admin:channels_chatwoot_inbox_change", args=[obj.pk])

    def _is_asked_for(self, request: HttpRequest, obj: Any) -> bool:
        asked = self.get_actions_submit_line(request, obj.pk)
        return any(one.action_name in request.POST for one in asked)

    @admin.display(description=_("state"), ordering="state")
    def state_badge(self, obj: Inbox) -> SafeString:
        """The state as a label."""
        if not obj.is_enabled:
            return badge(_("switched off"))
        return badge(obj.get_state_display(), words.tone(obj))

    @admin.display(description=_("state"))
    def how_it_is(self, obj: Inbox) -> SafeString:
        """The state, what helps, and when it was found."""
        when = str(_("not tested yet"))
        if obj.checked_at is not None:
            when = date_format(timezone.localtime(obj.checked_at), "SHORT_DATETIME_FORMAT")
        said = words.verdict(obj) if obj.is_enabled else ""
        return format_html("{} {}<br>{}", self.state_badge(obj), muted(when), said)

    @admin.display(description=_("address for the agent bot"))
    def webhook_address(self, obj: Inbox) -> SafeString:
        """The address to be pasted in Chatwoot, for those who may change the inbox: a secret."""
        return format_html(
            '<input class="pz-copy" type="text" readonly value="{}" aria-label="{}"'
            ' onfocus="this.select()"><br>{}',
            inboxes.webhook_url(obj),
            _("address for the agent bot"),
            muted(
                _("Copy it into the webhook address of the agent bot. Whoever has it can write.")
            ),
        )

    @admin.display(description=_("address for the agent bot"))
    def masked_address(self, obj: Inbox) -> str:
        """Enough of the address to tell it from another."""
        return masked(inboxes.webhook_url(obj))

    @admin.display(description=_("kept here"))
    def secrets_there(self, obj: Inbox) -> str:
        """Which secrets are kept, without any of them."""
        has = (
            (True, _("token of the agent bot")),
            (bool(inboxes.secret_of(obj)), _("secret of the agent bot")),
            (bool(obj.reader_token_encrypted), _("token of an agent")),
        )
        return ", ".join(str(name) for there, name in has if there)
