"""The admin pages of what MCP servers have: reading it, approving it, and seeing what changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from integrations.models import HttpTool, McpTool
from integrations.payloads import cut
from integrations.services import mcp_approving, mcp_definitions
from integrations.services.mcp_definitions import visible
from tenants.errors import DomainError
from tenants.panel import ReadOnlyAdmin, actor, badge
from tenants.sites import tenant_site

MAX_IN_LIST = 140
"""Characters of a description in a list; the tool's own page shows all of it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A found tool in the list of its server."""

    url: str
    name: str
    text: str
    state: SafeString
    called: str


def rows_of(server_id: str) -> list[Row]:
    """Return what a server has, what waits for somebody first."""
    if not str(server_id).isdigit():
        return []
    found = McpTool.objects.filter(server=int(server_id)).select_related("server", "tool")
    ordered = sorted(found, key=lambda one: (one.is_as_approved, one.name))
    return [
        Row(
            url=reverse("admin:integrations_mcptool_change", args=[one.pk]),
            name=visible(one.name),
            text=cut(visible(one.found.get("description", "")), at=MAX_IN_LIST),
            state=state_of(one),
            called=_called(one),
        )
        for one in ordered
    ]


def state_of(found: McpTool) -> SafeString:
    """Whether agents may call it."""
    tool = getattr(found, "tool", None)
    if tool is None or not found.pinned_hash:
        return badge(_("new: needs your approval"), "warn")
    if not found.is_offered:
        return badge(_("gone: refused"), "bad")
    if not found.is_as_approved:
        return badge(_("changed: refused until you approve"), "bad")
    return badge(_("approved by a person"), "good") if tool.is_active else badge(_("switched off"))


def _called(found: McpTool) -> str:
    tool = getattr(found, "tool", None)
    return tool.name if tool is not None else ""


@admin.register(McpTool, site=tenant_site)
class McpToolAdmin(ReadOnlyAdmin):
    """What servers say they have; a person approves each before agents may call it."""

    list_display = ("shown_name", "server", "state", "tool_name", "found_at")
    list_filter = ("server",)
    list_select_related = ("server", "tool")
    search_fields = ("name",)
    ordering = ("server__name", "name", "pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[McpTool]:
        """Bring along the server and the tool that calls it."""
        found: QuerySet[McpTool] = super().get_queryset(request)
        return found.select_related("server", "tool")

    def get_urls(self) -> list[Any]:
        """Add the buttons."""
        name = "integrations_mcptool"
        approve = self.admin_site.admin_view(require_POST(self.approve_view))
        switch = self.admin_site.admin_view(require_POST(self.switch_view))
        own = [
            path("<int:pk>/approve/", approve, name=f"{name}_approve"),
            path("<int:pk>/off/", switch, {"is_on": False}, name=f"{name}_off"),
            path("<int:pk>/on/", switch, {"is_on": True}, name=f"{name}_on"),
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show what the server says, and what of it is new since somebody approved it."""
        if not self.has_view_permission(request) or request.method != "GET":
            raise PermissionDenied
        found = get_object_or_404(self.get_queryset(request), pk=object_id)
        tool = getattr(found, "tool", None)
        definition = found.found
        is_changed = bool(found.pinned) and found.found_hash != found.pinned_hash
        problem, parameters = "", []
        try:
            parameters = mcp_definitions.parameters(definition, changes=True)
        except DomainError as error:
            problem = str(error)
        before = (found.pinned or {}) if is_changed else definition
        differences, n_more = mcp_definitions.differences(before, definition)
        context = {
            **self.admin_site.each_context(request),
            "title": visible(found.name),
            "opts": self.opts,
            "found": found,
            "tool": tool,
            "state": state_of(found),
            "text": visible(definition.get("description", "")),
            "is_cut": len(str(definition.get("description", ""))) > mcp_definitions.MAX_DESCRIPTION,
            "most": mcp_definitions.MAX_DESCRIPTION,
            "parameters": [{**one, "is_required": one.get("required", True)} for one in parameters],
            "only_reads": mcp_definitions.only_reads(definition),
            "problem": problem,
            "raw": visible(json.dumps(definition, ensure_ascii=False, indent=2)),
            "differences": differences,
            "n_more": n_more,
            "is_changed": is_changed and found.is_offered,
            "may_approve": _may(request)
            and found.is_offered
            and not problem
            and not (found.is_as_approved and tool is not None),
            "may_switch": _may(request) and tool is not None,
            "risks": HttpTool.Risk.choices,
            "risk": tool.risk if tool is not None else HttpTool.Risk.APPROVAL,
        }
        return TemplateResponse(request, "integrations/mcp_tool.html", context)

    def approve_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Approve what the person has read."""
        found = self._of(request, pk)
        risk = request.POST.get("risk", "")
        if risk not in HttpTool.Risk.values:
            raise PermissionDenied
        try:
            tool = mcp_approving.approve(
                found_id=pk,
                seen_hash=request.POST.get("seen", ""),
                risk=risk,
                actor=actor(request),
                now=timezone.now(),
            )
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
            return _back(pk)
        self.audit(request, found, "approved", None)
        text = gettext(
            "%(name)s is approved. Look who fills its values in, test it, and choose it on the page"
            " of an agent."
        ) % {"name": tool.name}
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:integrations_httptool_change", args=[tool.pk]))

    def switch_view(self, request: HttpRequest, pk: int, is_on: bool) -> HttpResponse:
        """Let agents call it, or not."""
        found = self._of(request, pk)
        if mcp_approving.switch(found_id=pk, is_on=is_on) is not None:
            self.audit(request, found, "switched_on" if is_on else "switched_off", None)
        return _back(pk)

    def _of(self, request: HttpRequest, pk: int) -> McpTool:
        if not _may(request):
            raise PermissionDenied
        return get_object_or_404(McpTool, pk=pk)

    @admin.display(description=_("name at the server"), ordering="name")
    def shown_name(self, obj: McpTool) -> str:
        """Its name, with what cannot be seen made visible."""
        return visible(obj.name)

    @admin.display(description=_("state"))
    def state(self, obj: McpTool) -> SafeString:
        """Whether agents may call it."""
        return state_of(obj)

    @admin.display(description=_("tool"))
    def tool_name(self, obj: McpTool) -> SafeString | str:
        """The tool by which agents call it."""
        tool = getattr(obj, "tool", None)
        if tool is None:
            return self.empty_value_display
        page = reverse("admin:integrations_httptool_change", args=[tool.pk])
        return format_html('<a class="pz-link" href="{}">{}</a>', page, tool.name)


def _may(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("integrations.change_mcptool"))


def _back(pk: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:integrations_mcptool_change", args=[pk]))
