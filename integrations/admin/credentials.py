"""The admin page of keys: they go in, are tried, and never come out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldBooleanSwitchWidget

from integrations.models import Credential
from integrations.services import credentials
from integrations.services.probing import KeyState
from tenants.panel import PanelAdmin, badge, muted
from tenants.sites import tenant_site

_TONES = {
    KeyState.WORKS: "good",
    KeyState.NOT_NEEDED: "good",
    KeyState.NO_LIST: "warn",
    KeyState.UNREACHABLE: "warn",
}
_LABELS = {
    KeyState.WORKS: _("works"),
    KeyState.NOT_NEEDED: _("no key needed"),
    KeyState.NO_LIST: _("answers"),
    KeyState.UNREACHABLE: _("not reached"),
    KeyState.REFUSED: _("refused"),
    KeyState.FORBIDDEN: _("not allowed"),
    KeyState.UNREADABLE: _("cannot be read"),
}

N_TRIED_AT_ONCE = 3
"""Keys that one request tries at most: each may take as long as `probing.TIMEOUT_S`."""


class CredentialForm(forms.ModelForm):  # type: ignore[type-arg]
    """A credential; the key goes in and never comes out."""

    api_key = forms.CharField(
        label=_("New key"),
        required=False,
        strip=True,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_(
            "It takes the place of the old one as soon as it is saved, and is tried at once. Leave"
            " empty to keep the key there is."
        ),
    )
    forget_key = forms.BooleanField(
        label=_("Remove the key"), required=False, widget=UnfoldBooleanSwitchWidget()
    )

    class Meta:
        model = Credential
        fields = ("name", "provider", "base_url")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None and "api_key" in self.fields:
            self.fields["api_key"].label = _("Key")
            self.fields["api_key"].help_text = _(
                "It is kept encrypted, never shown again, and tried at once."
            )

    def _post_clean(self) -> None:
        """Refuse what the service would refuse, while what was typed is still there."""
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, untyped
        if self.errors:
            return
        try:
            credentials.check(
                name=self.instance.name,
                provider=self.instance.provider,
                base_url=self.instance.base_url,
                api_key=self.wanted_key(),
            )
        except credentials.BadCredential as error:
            self.add_error("api_key", str(error))

    def wanted_key(self) -> str | None:
        """Return the key to be set; empty removes it, None leaves it."""
        if self.cleaned_data.get("forget_key"):
            return ""
        return self.cleaned_data.get("api_key") or None


@admin.register(Credential, site=tenant_site)
class CredentialAdmin(PanelAdmin):
    """Keys for providers of language models."""

    form = CredentialForm
    list_display = ("name", "provider", "base_url", "key", "tested")
    list_filter = ("provider",)
    search_fields = ("name",)
    ordering = ("name", "pk")
    readonly_fields = ("key", "last_test", "offered", "created_at", "updated_at")
    actions = ("try_selected",)
    actions_submit_line = ("save_and_try",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Ask for less where the credential is made."""
        if obj is None:
            return ("name", "provider", "base_url", "api_key")
        return (
            "name",
            "last_test",
            "provider",
            "base_url",
            "key",
            "api_key",
            "forget_key",
            "offered",
            "created_at",
            "updated_at",
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the name, by which files and people know the credential."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "name")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or change the credential through its service, and have it tried afterwards."""
        ensured = credentials.ensure_credential(
            name=obj.name,
            provider=obj.provider,
            base_url=obj.base_url,
            api_key=form.wanted_key(),
        )
        obj.pk, obj.uuid = ensured.credential.pk, ensured.credential.uuid
        is_asked_for = self._is_asked_for(request, obj)
        if is_asked_for or credentials.last_verdict(ensured.credential) is None:
            request._to_be_tried = obj.pk  # type: ignore[attr-defined]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or take the form; then try the key, as the form's transaction has ended by now."""
        response = super().changeform_view(request, object_id, form_url, extra_context)
        pk = getattr(request, "_to_be_tried", None)
        if pk is not None:
            self._try(request, pk)
        return response

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Stay on the page where a test was asked for: its result is shown there."""
        response: HttpResponse = super().response_change(request, obj)
        if self._is_asked_for(request, obj):
            page = reverse("admin:integrations_credential_change", args=[obj.pk])
            return HttpResponseRedirect(page)
        return response

    def _is_asked_for(self, request: HttpRequest, obj: Any) -> bool:
        asked = self.get_actions_submit_line(request, obj.pk)
        return any(one.action_name in request.POST for one in asked)

    @action(description=_("Save and test"), permissions=["change"])
    def save_and_try(self, request: HttpRequest, obj: Credential) -> None:
        """Do nothing here: `save_model` has left the mark that the test is asked for."""

    @action(description=_("Test the selected keys"), permissions=["change"])
    def try_selected(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        """Try some keys, one after the other."""
        chosen = list(queryset.order_by("name").values_list("pk", flat=True))
        for pk in chosen[:N_TRIED_AT_ONCE]:
            self._try(request, pk)
        if len(chosen) > N_TRIED_AT_ONCE:
            text = _("Only %(n)s keys are tested at once.") % {"n": N_TRIED_AT_ONCE}
            self.message_user(request, text, messages.WARNING)

    def _try(self, request: HttpRequest, pk: int) -> None:
        """Try a key and say how it went; no transaction is open here."""
        verdict = credentials.try_credential(credential_id=pk, now=timezone.now())
        if verdict is None:
            return
        name = Credential.objects.values_list("name", flat=True).get(pk=pk)
        level = messages.SUCCESS if verdict.is_good else messages.WARNING
        self.message_user(request, f"{name}: {verdict.text()}", level)

    @admin.display(description=_("key"))
    def key(self, obj: Credential) -> str:
        """The end of the key, to tell it from others."""
        return obj.shown_key() or self.empty_value_display

    @admin.display(description=_("last test"), ordering="tested_at")
    def tested(self, obj: Credential) -> SafeString:
        """How the last test went, in a word."""
        verdict = credentials.last_verdict(obj)
        if verdict is None or obj.tested_at is None:
            return muted(_("not tested"))
        when = date_format(timezone.localtime(obj.tested_at), "SHORT_DATETIME_FORMAT")
        label = badge(_LABELS[verdict.state], _TONES.get(verdict.state, "bad"))
        return format_html("{} {}", label, muted(when))

    @admin.display(description=_("last test"))
    def last_test(self, obj: Credential) -> SafeString:
        """How the last test went, in a sentence."""
        verdict = credentials.last_verdict(obj)
        if verdict is None:
            return muted(_("Not tested since it was changed."))
        return format_html("{}<br>{}", self.tested(obj), verdict.text())

    @admin.display(description=_("models"))
    def offered(self, obj: Credential) -> SafeString:
        """What the provider offers with this key."""
        if not obj.known_models:
            return muted(_("Not known; the name of a model can be typed."))
        return format_html(
            '<details><summary class="pz-link">{}</summary><p class="pz-read">{}</p></details>',
            _("%(n)s models") % {"n": len(obj.known_models)},
            ", ".join(map(str, obj.known_models)),
        )
