"""The admin pages of tools: describing and testing them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from integrations.admin.tool_parameters import (
    ParametersField,
    ShownField,
    errors_in_words,
    lines_of_headers,
)
from integrations.models import Breaker, HttpTool, HttpToolCall
from integrations.services import breakers, http_tools, tool_editing, words
from integrations.services.mcp_definitions import visible
from tenants.crypto import CannotDecrypt
from tenants.errors import DomainError
from tenants.panel import PanelAdmin, PanelList, badge, muted
from tenants.sites import tenant_site

_RISKS = {HttpTool.Risk.READ: "good", HttpTool.Risk.WRITE: "warn", HttpTool.Risk.APPROVAL: "person"}


class ToolForm(forms.ModelForm):  # type: ignore[type-arg]
    """A tool; secrets and headers go in and never come out."""

    parameters = ParametersField(
        label=_("Parameters"),
        help_text=_(
            "What the other system has to be told. Who the contact is comes from the system, never"
            " from the assistant; sums and numbers of orders only from the contact's own words, a"
            " list or a fixed value. The test is made with the examples."
        ),
    )
    shows = ShownField(
        label=_("What of the answer the assistant may see"),
        help_text=_(
            "One path a line, such as order.status; lists are looked through. With “= name” it is"
            " shown under another name. Empty: the whole answer."
        ),
    )
    secret = forms.CharField(
        label=_("New token, password or key"),
        required=False,
        strip=True,
        max_length=4_000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("Kept encrypted and never shown again. Leave empty to keep the one there is."),
    )
    new_headers = forms.CharField(
        label=_("Headers"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2, "placeholder": "X-Store: 12"}),
        help_text=_(
            "Sent with each call, one a line as “name: value”. They take the place of those there"
            " are and are not shown again. Empty keeps them."
        ),
    )
    forget_headers = forms.BooleanField(
        label=_("Remove the headers"), required=False, widget=UnfoldBooleanSwitchWidget()
    )

    class Meta:
        model = HttpTool
        fields = (
            "name",
            "description",
            "method",
            "url",
            "auth_kind",
            "auth_name",
            "parameters",
            "shows",
            "risk",
            "repeats_safely",
            "timeout_s",
            "max_kb",
            "max_calls",
            "is_active",
        )
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 4})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.mcp is None:
            return
        rows: Any = self.fields["parameters"].widget
        rows.most = 0  # its server knows no others
        if field := self.fields.get("repeats_safely"):
            field.label = gettext("asking again does no harm")
            field.help_text = gettext(
                "Tick it where the server does nothing twice, or reports an error only where"
                " nothing was done. Then the assistant may ask again after an error, with better"
                " values. Without it a change that ends in an error is left to a person."
            )

    def clean_new_headers(self) -> dict[str, str]:
        """Return the headers by name."""
        return lines_of_headers(self.cleaned_data["new_headers"])

    def wanted_headers(self) -> dict[str, str] | None:
        """Return the headers to be set; None leaves those there are."""
        if self.cleaned_data.get("forget_headers"):
            return {}
        return self.cleaned_data.get("new_headers") or None

    def wanted_secret(self) -> str | None:
        """Return the secret to be set; empty removes it, None leaves it."""
        if self.cleaned_data.get("auth_kind") == HttpTool.Auth.NONE:
            return ""
        return self.cleaned_data.get("secret") or None

    def _post_clean(self) -> None:
        """Refuse what the service would refuse, while what was typed is still there."""
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, untyped
        if self.errors:
            return
        try:
            self.definition = tool_editing.drafted(
                self.instance, secret=self.wanted_secret(), headers=self.wanted_headers()
            )
        except (DomainError, CannotDecrypt) as error:
            self.add_error(None, str(error))


class _ToolList(PanelList):
    """Brings along how each tool fares."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page."""
        super().get_results(request)
        _add_health(self.result_list)


@admin.register(HttpTool, site=tenant_site)
class HttpToolAdmin(PanelAdmin):
    """What agents may do in other systems."""

    form = ToolForm
    list_display = ("name", "risk_badge", "address", "state", "last_day", "used_by")
    list_before_template = "integrations/_tools.html"
    list_filter = ("risk", "is_active", "mcp__server")
    list_select_related = ("mcp__server",)
    search_fields = ("name", "url", "description")
    ordering = ("name", "pk")
    readonly_fields = ("state", "last_day", "header_names", "used_by", "served_by")
    change_form_after_template = "integrations/_tool_test.html"
    conditional_fields = {
        "auth_name": "auth_kind == 'basic' || auth_kind == 'header'",
        "secret": "auth_kind != 'none'",
        "repeats_safely": "risk != 'read'",
    }

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PanelList]:
        """Return the class of the list."""
        return _ToolList

    def get_queryset(self, request: HttpRequest) -> QuerySet[HttpTool]:
        """Bring along who may call it."""
        found: QuerySet[HttpTool] = super().get_queryset(request)
        return found.select_related("mcp__server").prefetch_related("agents")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show how it fares once it is there."""
        first: tuple[str, ...] = ("name", "description", "risk", "repeats_safely")
        headers: tuple[str, ...] = ("new_headers",)
        limits = ("timeout_s", "max_kb", "max_calls", "is_active")
        if obj is not None and obj.mcp_id is not None:
            return (
                (None, {"fields": ("name", "state", "served_by", "last_day", "used_by")}),
                (_("What the assistant knows of it"), {"fields": ("description",)}),
                (_("What it does"), {"fields": ("risk", "repeats_safely")}),
                (_("What the server is told"), {"fields": ("parameters",)}),
                (_("Its answer"), {"fields": ("shows",)}),
                (_("Limits"), {"fields": limits, "classes": ("collapse",)}),
            )
        if obj is not None:
            first = ("name", "state", "last_day", "used_by", *first[1:])
            headers = ("header_names", "new_headers", "forget_headers")
        return (
            (None, {"fields": first}),
            (_("What is called"), {"fields": ("method", "url", "parameters")}),
            (_("How it knows who is asking"), {"fields": ("auth_kind", "auth_name", "secret")}),
            (_("Its answer"), {"fields": ("shows",)}),
            (
                _("Limits and headers"),
                {
                    "fields": (*limits, *headers),
                    "classes": ("collapse",),
                },
            ),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the name, by which files, models and people know the tool."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "name")

    def get_urls(self) -> list[Any]:
        """Add the test of what is typed."""
        view = self.admin_site.admin_view(require_POST(self.test_view))
        name = "integrations_httptool_test"
        own = [path("test/", view, name=name), path("<int:pk>/test/", view, name=f"{name}_of")]
        return [*own, *super().get_urls()]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Tell the page where it is tested."""
        name = "admin:integrations_httptool_test"
        test_url = reverse(f"{name}_of", args=[object_id]) if object_id else reverse(name)
        may = self.has_change_permission(request)
        context = {**(extra_context or {}), "test_url": test_url if may else ""}
        return super().changeform_view(request, object_id, form_url, context)

    def test_view(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Call the tool as it is typed, once, without keeping anything."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        tool = HttpTool() if pk is None else get_object_or_404(HttpTool, pk=pk)
        form = self.get_form(request, tool if pk else None, change=pk is not None)(
            request.POST, instance=tool
        )
        if not form.is_valid():
            labels = {name: field.label for name, field in form.fields.items()}
            found = {name: list(map(str, errors)) for name, errors in form.errors.items()}
            return JsonResponse({"is_good": False, "text": errors_in_words(found, labels)})
        verdict = tool_editing.try_tool(form.definition)
        self.audit(request, tool, "tested", None)
        return JsonResponse(
            {
                "is_good": verdict.is_good,
                "text": verdict.text,
                "request": verdict.request,
                "shown": verdict.shown,
            }
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or change the tool through its service."""
        ensured = tool_editing.ensure_tool(
            name=obj.name,
            values={field: getattr(obj, field) for field in tool_editing.FIELDS},
            secret=form.wanted_secret(),
            headers=form.wanted_headers(),
            is_active=obj.is_active,
        )
        obj.pk, obj.uuid = ensured.tool.pk, ensured.tool.uuid

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Remove it, for the next answers of this process at once."""
        super().delete_model(request, obj)
        http_tools.forget()

    @admin.display(description=_("what it does"), ordering="risk")
    def risk_badge(self, obj: HttpTool) -> SafeString:
        """Whether it changes something."""
        return badge(obj.get_risk_display(), _RISKS[HttpTool.Risk(obj.risk)])

    @admin.display(description=_("address"), ordering="url")
    def address(self, obj: HttpTool) -> str:
        """What is called."""
        if obj.mcp is not None:
            return f"{obj.mcp.server}: {visible(obj.mcp.name)}"
        return f"{obj.method} {obj.url}"

    @admin.display(description=_("MCP server"))
    def served_by(self, obj: HttpTool) -> SafeString | str:
        """The way to what its server says of it."""
        if obj.mcp is None:
            return self.empty_value_display
        page = reverse("admin:integrations_mcptool_change", args=[obj.mcp.pk])
        return format_html('<a class="pz-link" href="{}">{}</a>', page, self.address(obj))

    @admin.display(description=_("state"))
    def state(self, obj: Any) -> SafeString:
        """Whether it is called."""
        if not obj.is_active:
            return badge(_("switched off"), "bad")
        if not obj.is_usable:
            page = reverse("admin:integrations_mcptool_change", args=[obj.mcp.pk])
            return format_html(
                '{} <a class="pz-link" href="{}">{}</a>',
                badge(_("refused"), "bad"),
                page,
                _("See why"),
            )
        if not hasattr(obj, "pause"):
            _add_health([obj])
        if obj.pause is not None:
            return format_html(
                "{} {}", badge(_("paused"), "bad"), muted(words.failure(obj.pause.reason))
            )
        return badge(_("ready"), "good")

    @admin.display(description=_("last 24 hours"))
    def last_day(self, obj: Any) -> SafeString:
        """How many calls there were, and how many failed."""
        if not hasattr(obj, "n_calls"):
            _add_health([obj])
        if not obj.n_calls:
            return muted(_("not called"))
        text = ngettext("%(n)s call", "%(n)s calls", obj.n_calls) % {"n": obj.n_calls}
        if obj.n_failed:
            failed = ngettext("%(n)s failed", "%(n)s failed", obj.n_failed) % {"n": obj.n_failed}
            text = f"{text} · {failed}"
        page = reverse("admin:integrations_httptoolcall_changelist")
        return format_html(
            '<a class="pz-link" href="{}?tool__id__exact={}">{}</a>', page, obj.pk, text
        )

    @admin.display(description=_("agents that may call it"))
    def used_by(self, obj: HttpTool) -> SafeString | str:
        """The agents, by name."""
        names = sorted(one.name for one in obj.agents.all())
        return ", ".join(names) or muted(_("none yet: choose it on an agent's page"))

    @admin.display(description=_("headers sent"))
    def header_names(self, obj: HttpTool) -> str:
        """The names of the headers, never their values."""
        try:
            return ", ".join(sorted(obj.headers())) or self.empty_value_display
        except CannotDecrypt:
            return "?"


def _add_health(tools: Any) -> None:
    """Note on each tool its calls of a day and whether it is paused; two queries for all."""
    refs: dict[str, list[Any]] = {}
    for tool in tools:
        tool.pause, tool.n_calls, tool.n_failed = None, 0, 0
        # Of a server all tools are paused together.
        ref = tool.uuid if tool.mcp is None else tool.mcp.server.uuid
        refs.setdefault(str(ref), []).append(tool)
    paused = Breaker.objects.filter(
        provider=breakers.TOOL, credential__in=refs, state=Breaker.State.OPEN
    )
    for pause in paused:
        for tool in refs[pause.credential]:
            tool.pause = pause
    by_id = {tool.pk: tool for tool in tools}
    bad = (HttpToolCall.Status.FAILED, HttpToolCall.Status.UNKNOWN)
    counted = (
        HttpToolCall.objects.filter(
            tool__in=by_id, started_at__gte=timezone.now() - timedelta(days=1)
        )
        .values("tool")
        .annotate(n=Count("pk"), n_failed=Count("pk", filter=Q(status__in=bad)))
    )
    for row in counted:
        by_id[row["tool"]].n_calls, by_id[row["tool"]].n_failed = row["n"], row["n_failed"]
