"""Admin pages of API keys: made, shown once, revoked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
)

from tenants.api import keys
from tenants.api.models import ApiKey
from tenants.api.scopes import Scope
from tenants.panel import PanelAdmin, actor, badge
from tenants.sites import tenant_site


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """A key: what it may be used for and from where; the key itself is made here."""

    scopes = forms.MultipleChoiceField(
        label=_("May be used for"),
        choices=Scope.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Never more than your own role allows."),
    )
    networks = forms.CharField(
        label=_("Only from"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "203.0.113.0/24"}),
        help_text=_("Addresses or networks, one a line. Empty: from everywhere."),
    )

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "networks", "expires_at")
        field_classes = {"expires_at": forms.SplitDateTimeField}
        widgets = {"expires_at": UnfoldAdminSplitDateTimeWidget}
        help_texts = {"expires_at": _("Empty: never.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["networks"] = "\n".join(self.instance.networks)

    def clean_networks(self) -> list[str]:
        """Return the networks.

        Raises:
            ValidationError: one is none.
        """
        try:
            return keys.clean_networks(self.cleaned_data["networks"].split())
        except keys.BadKey as error:
            raise ValidationError(str(error)) from error

    def clean_expires_at(self) -> datetime | None:
        """Return when the key ends.

        Raises:
            ValidationError: it would have ended already.
        """
        ends_at: datetime | None = self.cleaned_data["expires_at"]
        try:
            keys.check_end(ends_at, now=timezone.now())
        except keys.BadKey as error:
            raise ValidationError(str(error)) from error
        return ends_at


@admin.register(ApiKey, site=tenant_site)
class ApiKeyAdmin(PanelAdmin):
    """Keys of programs, each in the name of a person."""

    class Media:
        js = ("prosa/confirm.js",)

    is_audited_by_service = True
    form = KeyForm
    list_display = ("name", "state", "shown", "user", "last_used_at", "ends")
    list_select_related = ("user",)
    list_before_template = "api/_keys.html"
    search_fields = ("name", "prefix", "user__username")
    ordering = ("-created_at", "-pk")
    readonly_fields = (
        "state",
        "shown",
        "user",
        "ends",  # which was told when the key was made, and stays
        "last_used_at",
        "created_at",
        "created_by",
    )
    actions = ("revoke_selected",)
    actions_submit_line = ("revoke",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for less where the key is made."""
        if obj is None:
            return ((None, {"fields": ("name", "scopes", "networks", "expires_at")}),)
        return (
            (None, {"fields": ("name", "state", "shown", "user", "scopes", "networks")}),
            (
                _("Dates"),
                {"fields": ("ends", "last_used_at", "created_at", "created_by")},
            ),
        )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let a key be changed by the person in whose name it acts, and by who manages people."""
        if not super().has_change_permission(request, obj):
            return False
        user: Any = request.user
        if isinstance(obj, str | int):  # the theme asks so before it shows a page's buttons
            obj = ApiKey.objects.filter(pk=obj).first()
        is_own = obj is None or obj.user_id == user.pk
        return is_own or bool(user.has_perm("auth.change_user"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A key that was used stays known; it is revoked."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Make or change the key through its service; a new one is shown once."""
        data = form.cleaned_data
        if change:
            keys.change_key(
                key=obj,
                name=data["name"],
                scopes=data["scopes"],
                networks=data["networks"],
                actor=actor(request),
            )
            for one in self.get_actions_submit_line(request, obj.pk):
                if one.action_name in request.POST:
                    one.method(request, obj)
            return
        user: Any = request.user
        made, text = keys.issue_key(user=user, actor=actor(request), now=timezone.now(), **data)
        obj.pk, obj.uuid = made.pk, made.uuid
        said = gettext("The key is shown this once; copy it into your program now:")
        self.message_user(request, format_html("{} <code>{}</code>", said, text), messages.WARNING)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go on to the page of the key."""
        super().response_add(request, obj, post_url_continue)
        return HttpResponseRedirect(reverse("admin:api_apikey_change", args=[obj.pk]))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Leave room for the page's own button."""
        context.update(show_save_and_add_another=False, show_save_and_continue=False)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @action(
        description=_("Save and revoke"),
        permissions=["change"],
        variant=ActionVariant.DANGER,
        attrs={"data-confirm": _("Programs that use this key are refused at once. Revoke it?")},
    )
    def revoke(self, request: HttpRequest, obj: ApiKey) -> None:
        """End the key."""
        if keys.revoke_key(key_uuid=obj.uuid, actor=actor(request), now=timezone.now()):
            self.message_user(request, gettext("The key is revoked."), messages.SUCCESS)

    @action(description=_("Revoke"), permissions=["change"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """End some keys, of those that the person may change."""
        mine = [one for one in queryset if self.has_change_permission(request, one)]
        now = timezone.now()
        n = sum(keys.revoke_key(key_uuid=k.uuid, actor=actor(request), now=now) for k in mine)
        text = ngettext("%(n)s key is revoked.", "%(n)s keys are revoked.", n) % {"n": n}
        self.message_user(request, text, messages.SUCCESS)

    @admin.display(description=_("state"))
    def state(self, obj: ApiKey) -> SafeString:
        """Whether it opens anything."""
        if obj.revoked_at is not None:
            return badge(_("revoked"), "bad")
        if obj.expires_at is not None and obj.expires_at <= timezone.now():
            return badge(_("expired"), "warn")
        if not obj.user.is_active:
            return badge(_("its person is switched off"), "warn")
        return badge(_("works"), "good")

    @admin.display(description=_("expires at"), ordering="expires_at")
    def ends(self, obj: ApiKey) -> str:
        """When it ends, in words where it does not."""
        if obj.expires_at is None:
            return str(_("never"))
        return date_format(timezone.localtime(obj.expires_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=_("begins with"))
    def shown(self, obj: ApiKey) -> SafeString:
        """How it begins, to tell it from others."""
        return format_html("<code>{}{}…</code>", keys.MARK, obj.prefix)
