"""The admin pages of MCP servers: naming and testing them, and what they have."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import action
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from integrations.admin.mcp_tools import rows_of
from integrations.admin.tool_parameters import errors_in_words
from integrations.models import Breaker, McpServer, McpTool
from integrations.services import breakers, http_tools, mcp_servers, tool_editing, words
from tenants.crypto import CannotDecrypt
from tenants.errors import DomainError
from tenants.panel import PanelAdmin, PanelList, badge, muted
from tenants.sites import tenant_site


class ServerForm(forms.ModelForm):  # type: ignore[type-arg]
    """A server; its secret goes in and never comes out."""

    secret = forms.CharField(
        label=_("New token or key"),
        required=False,
        strip=True,
        max_length=4_000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("Kept encrypted and never shown again. Leave empty to keep the one there is."),
    )

    class Meta:
        model = McpServer
        fields = ("name", "url", "command", "auth_kind", "auth_name", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "command" in self.fields:
            choices = [("", gettext("none: it has an address"))]
            choices += [(name, name) for name in sorted(settings.MCP_STDIO_COMMANDS)]
            self.fields["command"] = forms.ChoiceField(
                label=gettext("Program"),
                choices=choices,
                required=False,
                widget=UnfoldAdminSelectWidget(),
                help_text=gettext("What the operator of the platform lets run here, by name."),
            )

    def wanted_secret(self) -> str | None:
        """Return the secret to be set; empty removes it, None leaves it."""
        if self.cleaned_data.get("auth_kind") == McpServer.Auth.NONE:
            return ""
        return self.cleaned_data.get("secret") or None

    def _post_clean(self) -> None:
        """Refuse what the service would refuse, while what was typed is still there."""
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, untyped
        if self.errors:
            return
        try:
            self.place = mcp_servers.drafted(self.instance, secret=self.wanted_secret())
        except (DomainError, CannotDecrypt) as error:
            self.add_error(None, str(error))


class _ServerList(PanelList):
    """Brings along whether each server is paused."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page."""
        super().get_results(request)
        _add_pauses(self.result_list)


@admin.register(McpServer, site=tenant_site)
class McpServerAdmin(PanelAdmin):
    """Systems that describe their tools themselves."""

    form = ServerForm
    list_display = ("name", "way", "state", "tools", "looked_at")
    list_before_template = "integrations/_mcp_servers.html"
    list_filter = ("is_active",)
    search_fields = ("name", "url")
    ordering = ("name", "pk")
    readonly_fields = ("state", "about", "looked_at")
    change_form_after_template = "integrations/_mcp_server.html"
    actions_submit_line = ("save_and_look",)
    conditional_fields = {
        "auth_name": "auth_kind == 'header'",
        "secret": "auth_kind != 'none'",
    }

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PanelList]:
        """Return the class of the list."""
        return _ServerList

    def get_queryset(self, request: HttpRequest) -> QuerySet[McpServer]:
        """Bring along how many tools there are, and how many wait for somebody."""
        found: QuerySet[McpServer] = super().get_queryset(request)
        unread = Q(tools__pinned_hash="", tools__is_offered=True)
        return found.annotate(
            n_tools=Count("tools", filter=Q(tools__is_offered=True)),
            n_unread=Count("tools", filter=unread),
            n_refused=Count("tools", filter=mcp_servers.REFUSED),
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show how it fares once it is there; offer programs where there are any."""
        first = ("name",) if obj is None else ("name", "state", "about", "looked_at", "is_active")
        is_program = bool(settings.MCP_STDIO_COMMANDS) or (obj is not None and obj.command)
        way = ("url", "command") if is_program else ("url",)
        return (
            (None, {"fields": first}),
            (_("Where it is"), {"fields": way}),
            (_("How it knows who is asking"), {"fields": ("auth_kind", "auth_name", "secret")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the name, by which files and people know the server."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "name")

    def get_urls(self) -> list[Any]:
        """Add the test of what is typed."""
        view = self.admin_site.admin_view(require_POST(self.test_view))
        name = "integrations_mcpserver_test"
        own = [path("test/", view, name=name), path("<int:pk>/test/", view, name=f"{name}_of")]
        return [*own, *super().get_urls()]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or take the form; then look at the server, as the form's transaction has ended."""
        name = "admin:integrations_mcpserver_test"
        test_url = reverse(f"{name}_of", args=[object_id]) if object_id else reverse(name)
        context = {
            **(extra_context or {}),
            "test_url": test_url if self.has_change_permission(request) else "",
            "found_tools": rows_of(object_id) if object_id else None,
        }
        response = super().changeform_view(request, object_id, form_url, context)
        pk = getattr(request, "_to_be_looked_at", None)
        if pk is not None:
            self._look(request, pk)
        return response

    def test_view(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Ask the server as it is typed what it has, without keeping anything."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        server = McpServer() if pk is None else get_object_or_404(McpServer, pk=pk)
        form = self.get_form(request, server if pk else None, change=pk is not None)(
            request.POST, instance=server
        )
        if not form.is_valid():
            labels = {name: field.label for name, field in form.fields.items()}
            found = {name: list(map(str, errors)) for name, errors in form.errors.items()}
            return JsonResponse({"is_good": False, "text": errors_in_words(found, labels)})
        verdict = mcp_servers.try_server(form.place)
        self.audit(request, server, "tested", None)
        return JsonResponse(
            {
                "is_good": verdict.is_good,
                "text": verdict.text,
                "request": verdict.request,
                "shown": verdict.shown,
            }
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or change the server through its service, and have it looked at afterwards."""
        ensured = mcp_servers.ensure_server(
            name=obj.name,
            values={field: getattr(obj, field) for field in mcp_servers.FIELDS},
            secret=form.wanted_secret(),
            is_active=obj.is_active,
        )
        obj.pk, obj.uuid = ensured.server.pk, ensured.server.uuid
        if obj.is_active and (ensured.created or ensured.changed or self._is_pressed(request, obj)):
            request._to_be_looked_at = obj.pk  # type: ignore[attr-defined]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Let what the machine found go with its server, though nobody removes it by itself."""
        shown, counts, needed, kept = super().get_deleted_objects(objs, request)
        return shown, counts, needed - {McpTool._meta.verbose_name}, kept

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Remove it with its tools, for the next answers of this process at once."""
        super().delete_model(request, obj)
        http_tools.forget()

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Leave room for the page's own button."""
        context.update(show_save_and_add_another=False, show_save_and_continue=False)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go on to the server's page, where its tools are."""
        super().response_add(request, obj, post_url_continue)
        return HttpResponseRedirect(_page(obj.pk))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Stay on the page: what was found is shown there."""
        super().response_change(request, obj)
        return HttpResponseRedirect(_page(obj.pk))

    @action(description=_("Save and look for tools"), permissions=["change"])
    def save_and_look(self, request: HttpRequest, obj: McpServer) -> None:
        """Do nothing here: `save_model` has left the mark that it is to be looked at."""

    def _is_pressed(self, request: HttpRequest, obj: Any) -> bool:
        offered = self.get_actions_submit_line(request, obj.pk)
        return any(one.action_name in request.POST for one in offered)

    def _look(self, request: HttpRequest, pk: int) -> None:
        """Look at a server and say what was found; no transaction is open here."""
        why = mcp_servers.look_at(pk, now=timezone.now())
        server: Any = self.get_queryset(request).get(pk=pk)
        if why is not None:
            text = f"{server.name}: {tool_editing.trouble(why.status, why.reason)}"
            self.message_user(request, text, messages.WARNING)
            return
        text = ngettext("Discovered %(n)s tool.", "Discovered %(n)s tools.", server.n_tools)
        text = text % {"n": server.n_tools}
        n_waiting = server.n_unread + server.n_refused
        if n_waiting:
            more = ngettext(
                "%(n)s needs your approval.", "%(n)s need your approval.", n_waiting
            ) % {"n": n_waiting}
            text = f"{text} {more}"
        level = messages.WARNING if server.n_refused else messages.SUCCESS
        self.message_user(request, f"{server.name}: {text}", level)

    @admin.display(description=_("where it is"))
    def way(self, obj: McpServer) -> str:
        """How it is reached."""
        return obj.url or gettext("program %s") % obj.command

    @admin.display(description=_("state"))
    def state(self, obj: Any) -> SafeString:
        """Whether it answers."""
        if not obj.is_active:
            return badge(_("switched off"), "bad")
        if not hasattr(obj, "pause"):
            _add_pauses([obj])
        if obj.pause is not None:
            return format_html(
                "{} {}", badge(_("paused"), "bad"), muted(words.failure(obj.pause.reason))
            )
        if obj.trouble:
            return format_html(
                "{} {}", badge(_("does not answer"), "bad"), muted(words.failure(obj.trouble))
            )
        return badge(_("answers"), "good") if obj.protocol else muted(_("not looked at yet"))

    @admin.display(description=_("tools"))
    def tools(self, obj: Any) -> SafeString:
        """What it has, and what of it waits for somebody."""
        parts = [ngettext("%(n)s tool", "%(n)s tools", obj.n_tools) % {"n": obj.n_tools}]
        if obj.n_unread:
            parts.append(ngettext("%(n)s new", "%(n)s new", obj.n_unread) % {"n": obj.n_unread})
        if obj.n_refused:
            refused = ngettext("%(n)s refused", "%(n)s refused", obj.n_refused)
            parts.append(refused % {"n": obj.n_refused})
        text = " · ".join(parts)
        return format_html('<a class="pz-link" href="{}">{}</a>', _page(obj.pk), text)


def _page(pk: int) -> str:
    return reverse("admin:integrations_mcpserver_change", args=[pk])


def _add_pauses(servers: Any) -> None:
    """Note on each server whether it is paused; one query for all."""
    refs = {str(server.uuid): server for server in servers}
    for server in servers:
        server.pause = None
    paused = Breaker.objects.filter(
        provider=breakers.TOOL, credential__in=refs, state=Breaker.State.OPEN
    )
    for pause in paused:
        refs[pause.credential].pause = pause
