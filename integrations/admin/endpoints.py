"""The admin page of the systems that are told of events."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from integrations.admin.mapping import MappingPages
from integrations.admin.tool_parameters import lines_of_headers
from integrations.models import WebhookEndpoint
from integrations.payloads import TYPES
from integrations.services import delivery_reports, endpoints, event_words
from integrations.services.delivery_reports import Health
from tenants.panel import PanelAdmin, PanelList, actor, badge, muted
from tenants.sites import tenant_site


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg]
    """An endpoint; secrets and headers go in and never come out."""

    events = forms.MultipleChoiceField(
        label=_("Events"),
        choices=[(one, event_words.NAMES[one]) for one in TYPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    new_headers = forms.CharField(
        label=_("Headers"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "X-Api-Key: …"}),
        help_text=_(
            "Sent with each call, one a line as “name: value”. They take the place of those there"
            " are and are not shown again. Empty keeps them."
        ),
    )
    forget_headers = forms.BooleanField(
        label=_("Remove the headers"), required=False, widget=UnfoldBooleanSwitchWidget()
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("name", "url", "events", "is_active")

    def clean_new_headers(self) -> dict[str, str]:
        """Return the headers by name.

        Raises:
            ValidationError: a line that is none.
        """
        return lines_of_headers(self.cleaned_data["new_headers"])

    def _post_clean(self) -> None:
        """Refuse what the service would refuse, while what was typed is still there."""
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, untyped
        if self.errors:
            return
        try:
            endpoints.check(
                name=self.instance.name,
                url=self.instance.url,
                types=self.cleaned_data["events"],
                headers=self.wanted_headers(),
            )
        except endpoints.BadEndpoint as error:
            self.add_error(None, str(error))

    def wanted_headers(self) -> dict[str, str] | None:
        """Return the headers to be set; None leaves those there are."""
        if self.cleaned_data.get("forget_headers"):
            return {}
        return self.cleaned_data.get("new_headers") or None


class _EndpointList(PanelList):
    """Brings along how each endpoint fares."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page."""
        super().get_results(request)
        found = delivery_reports.health([one.pk for one in self.result_list], now=timezone.now())
        for endpoint in self.result_list:
            endpoint.health = found.get(endpoint.pk, Health())


@admin.register(WebhookEndpoint, site=tenant_site)
class EndpointAdmin(MappingPages, PanelAdmin):
    """Addresses of the business's own systems."""

    form = EndpointForm
    list_display = ("name", "url", "state", "last_day", "waiting", "last_success_at")
    list_before_template = "integrations/_endpoints.html"
    search_fields = ("name", "url")
    ordering = ("name", "pk")
    readonly_fields = (
        "state",
        "last_day",
        "waiting",
        "secret_state",
        "header_names",
        "body_state",
    )
    actions = ("test_selected",)
    actions_submit_line = ("save_and_test", "new_secret")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PanelList]:
        """Return the class of the list."""
        return _EndpointList

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for less where the endpoint is made."""
        what = (_("What it is told"), {"fields": ("events",)})
        if obj is None:
            return (
                (None, {"fields": ("name", "url")}),
                what,
                (_("Headers"), {"fields": ("new_headers",), "classes": ("collapse",)}),
            )
        return (
            (None, {"fields": ("name", "state", "last_day", "waiting", "url", "is_active")}),
            (_("What it is told"), {"fields": ("events", "body_state")}),
            (
                _("Signature and headers"),
                {"fields": ("secret_state", "header_names", "new_headers", "forget_headers")},
            ),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the name, by which files and people know the endpoint."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "name")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or change the endpoint through its service; a new secret is shown once."""
        ensured = endpoints.ensure_endpoint(
            name=obj.name,
            url=obj.url,
            types=form.cleaned_data["events"],
            headers=form.wanted_headers(),
            is_active=obj.is_active,
            actor=actor(request),
            now=timezone.now(),
        )
        obj.pk, obj.uuid = ensured.endpoint.pk, ensured.endpoint.uuid
        if ensured.secret:
            self._show(request, obj.name, ensured.secret)
        for button in self._pressed(request, obj):
            button.method(request, obj)

    def _pressed(self, request: HttpRequest, obj: Any) -> list[Any]:
        offered = self.get_actions_submit_line(request, obj.pk)
        return [one for one in offered if one.action_name in request.POST]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Leave room for the page's own buttons."""
        context.update(show_save_and_add_another=False, show_save_and_continue=False)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go on to the endpoint's page, where it is tested."""
        super().response_add(request, obj, post_url_continue)
        return HttpResponseRedirect(_page(obj))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Stay on the page after one of its own buttons."""
        response: HttpResponse = super().response_change(request, obj)
        return HttpResponseRedirect(_page(obj)) if self._pressed(request, obj) else response

    @action(description=_("Save and send a test event"), permissions=["change"])
    def save_and_test(self, request: HttpRequest, obj: WebhookEndpoint) -> None:
        """Have a test event sent."""
        self._test(request, obj)

    @action(description=_("Save and make a new secret"), permissions=["change"])
    def new_secret(self, request: HttpRequest, obj: WebhookEndpoint) -> None:
        """Make a new secret and show it once."""
        secret = endpoints.rotate_secret(endpoint_id=obj.pk, now=timezone.now())
        self.audit(request, obj, "secret_changed", None)
        self._show(request, obj.name, secret)

    @action(description=_("Send a test event"), permissions=["change"])
    def test_selected(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        """Have a test event sent to each."""
        for endpoint in queryset.order_by("name"):
            self._test(request, endpoint)

    def _test(self, request: HttpRequest, endpoint: WebhookEndpoint) -> None:
        try:
            delivery = endpoints.send_test(endpoint_id=endpoint.pk, now=timezone.now())
        except endpoints.BadEndpoint as error:
            self.message_user(request, f"{endpoint.name}: {error}", messages.WARNING)
            return
        self.message_user(
            request,
            format_html(
                '{} <a class="pz-link" href="{}">{}</a>',
                gettext("%(name)s: a test event is on its way.") % {"name": endpoint.name},
                reverse("admin:integrations_delivery_change", args=[delivery.pk]),
                gettext("See the answer"),
            ),
            messages.SUCCESS,
        )

    def _show(self, request: HttpRequest, name: str, secret: str) -> None:
        text = gettext(
            "The signing secret of %(name)s is shown this once; copy it into your system now:"
        ) % {"name": name}
        self.message_user(
            request, format_html("{} <code>{}</code>", text, secret), messages.WARNING
        )

    @admin.display(description=_("state"))
    def state(self, obj: WebhookEndpoint) -> SafeString:
        """Whether it takes what it is told."""
        if not obj.is_active:
            return badge(obj.get_disabled_reason_display() or _("switched off"), "bad")
        if obj.failing_since is not None:
            return badge(_("fails"), "warn")
        return badge(_("works"), "good") if obj.last_success_at else muted(_("not called yet"))

    @admin.display(description=_("last 24 hours"))
    def last_day(self, obj: Any) -> SafeString:
        """What was delivered and given up."""
        found = _health(obj)
        delivered = ngettext("%(n)s delivered", "%(n)s delivered", found.n_delivered)
        text = delivered % {"n": found.n_delivered}
        if found.n_failed:
            failed = ngettext("%(n)s given up", "%(n)s given up", found.n_failed)
            text = f"{text} · {failed % {'n': found.n_failed}}"
        return _link(obj, text)

    @admin.display(description=_("waiting"))
    def waiting(self, obj: Any) -> SafeString:
        """What waits for its next try."""
        n_waiting = _health(obj).n_waiting
        if not n_waiting:
            return muted(_("nothing"))
        return _link(obj, event_words.waiting(n_waiting), "&status__exact=pending")

    @admin.display(description=_("signing secret"))
    def secret_state(self, obj: WebhookEndpoint) -> str:
        """That there is one, and whether the old one signs too."""
        until = obj.previous_secret_until
        if until is not None and until > timezone.now():
            return gettext("Two sign: the one before ends on %(when)s.") % {
                "when": timezone.localtime(until).strftime("%d/%m %H:%M")
            }
        return gettext("One signs. It was shown when it was made; a new one can be made below.")

    @admin.display(description=_("body"))
    def body_state(self, obj: WebhookEndpoint) -> SafeString:
        """Whether it gets the event itself, and the way to the page for that."""
        page = reverse("admin:integrations_webhookendpoint_body", args=[obj.pk])
        text = _("the event itself") if obj.template is None else _("in the words of your system")
        way = _("Change and try it")
        return format_html('{} · <a class="pz-link" href="{}">{}</a>', text, page, way)

    @admin.display(description=_("headers sent"))
    def header_names(self, obj: WebhookEndpoint) -> str:
        """The names of the headers, never their values."""
        return ", ".join(sorted(obj.headers())) or self.empty_value_display


def _health(endpoint: Any) -> Health:
    if not hasattr(endpoint, "health"):
        found = delivery_reports.health([endpoint.pk], now=timezone.now())
        endpoint.health = found.get(endpoint.pk, Health())
    known: Health = endpoint.health
    return known


def _link(endpoint: WebhookEndpoint, text: str, more: str = "") -> SafeString:
    page = reverse("admin:integrations_delivery_changelist")
    url = f"{page}?endpoint__id__exact={endpoint.pk}{more}"
    return format_html('<a class="pz-link" href="{}">{}</a>', url, text)


def _page(endpoint: WebhookEndpoint) -> str:
    return reverse("admin:integrations_webhookendpoint_change", args=[endpoint.pk])
