"""Approving what MCP servers have: a person says yes to a definition, and to no other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from integrations import mcp
from integrations.models import HttpTool, McpServer, McpTool
from integrations.services import mcp_definitions, notices, tool_editing
from integrations.services.mcp_found import CHANGED
from integrations.services.tool_editing import BadTool, Ensured
from tenants.errors import DomainError


class ChangedAgain(DomainError):
    """It is another definition than the person has read."""

    code = "changed_again"


def of(found: McpTool) -> HttpTool | None:
    """Return the tool by which agents call what was found; None before it was approved."""
    return HttpTool.objects.filter(mcp=found).first()


def approve(*, found_id: int, seen_hash: str, risk: str, actor: str, now: datetime) -> HttpTool:
    """Pin the definition that a person has read, and make or change the tool that calls it.

    What the business has written of the tool itself stays, as far as it still fits, and so does
    that it was switched off.

    Args:
        seen_hash: the fingerprint of what the person has read.
        risk: of `HttpTool.Risk`, as the person judges it, whatever the server says of it.

    Raises:
        ChangedAgain: it is another definition by now, or none.
        Unusable: it is described so that it cannot be called.
        BadTool: what the business has written does not fit it.
    """
    with transaction.atomic():
        found = McpTool.objects.select_for_update(of=("self",), no_key=True)
        row = found.select_related("server").get(pk=found_id)
        if not row.is_offered or row.found_hash != seen_hash:
            raise ChangedAgain(
                _("The server has changed it since you opened the page. Look at it once more.")
            )
        before, tool = row.pinned, of(row)
        fresh = mcp_definitions.parameters(row.found, changes=risk != HttpTool.Risk.READ)
        if tool is not None:
            same = mcp_definitions.unchanged(before, row.found)
            fresh = mcp_definitions.merged(tool.parameters, fresh, same=same)
        text = mcp_definitions.description(row.found)
        if tool is not None and tool.description != mcp_definitions.description(
            before or row.found
        ):
            text = tool.description  # the business's own words
        _pin(row, row.found, row.found_hash, actor=actor, now=now)
        return tool_editing.ensure_tool(
            name=tool.name if tool else _free_name(row),
            values={"description": text, "parameters": fresh, "risk": risk},
            is_active=tool is None or tool.is_active,
            mcp=row,
        ).tool


def pin(
    *,
    server: McpServer,
    definition: Mapping[str, Any],
    name: str,
    values: Mapping[str, Any],
    is_active: bool,
    actor: str,
    now: datetime,
) -> Ensured:
    """Approve a definition that somebody has written down; the server is not asked.

    Raises:
        Unusable: it is described so that it cannot be called.
        BadTool: a value that cannot be taken.
    """
    with transaction.atomic():
        rows = McpTool.objects.select_for_update(of=("self",), no_key=True)
        row = rows.filter(server=server, name=definition["name"]).first()
        fresh = mcp.fingerprint(definition)
        if row is None:
            row = McpTool(
                server=server, name=definition["name"], found=dict(definition), found_hash=fresh
            )
            row.found_at = now
        is_pinned = row.pinned_hash != fresh
        if is_pinned:
            _pin(row, definition, fresh, actor=actor, now=now)
        own = dict(values)
        if "parameters" not in own:
            changes = own["risk"] != HttpTool.Risk.READ
            own["parameters"] = mcp_definitions.parameters(definition, changes=changes)
        ensured = tool_editing.ensure_tool(name=name, values=own, is_active=is_active, mcp=row)
        changed = (*ensured.changed, *(["definition"] if is_pinned else []))
        return Ensured(ensured.tool, ensured.created, changed)


def switch(*, found_id: int, is_on: bool) -> HttpTool | None:
    """Let agents call an approved tool, or not; None where it was never approved."""
    tool = HttpTool.objects.filter(mcp=found_id).select_related("mcp").first()
    if tool is None:
        return None
    return tool_editing.ensure_tool(name=tool.name, values={}, is_active=is_on).tool


def _pin(
    row: McpTool, definition: Mapping[str, Any], fingerprint: str, *, actor: str, now: datetime
) -> None:
    # Not computed anew: the database may write a number otherwise than the server did.
    row.pinned, row.pinned_hash = dict(definition), fingerprint
    row.approved_by, row.approved_at = actor[:150], now
    row.save()
    if not McpTool.objects.refused().filter(server=row.server_id).exists():
        notices.settle(kind=CHANGED, subject=str(row.server.uuid), actor=actor, now=now)


def _free_name(row: McpTool) -> str:
    wanted = mcp_definitions.tool_name(row.server.name, row.name)
    if len(wanted) <= len(row.server.name) + 1:
        raise BadTool(_("Its name “%s” cannot be turned into one for agents.") % row.name[:60])
    taken = set(HttpTool.objects.values_list("name", flat=True))
    names = [wanted, *(f"{wanted[:37]}_{number}" for number in range(2, 100))]
    return next((name for name in names if name not in taken), wanted)
