"""Keeping what MCP servers say they have, and telling the owners of what is refused for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from integrations import mcp
from integrations.mcp import Listing
from integrations.models import McpServer, McpTool
from integrations.services import notices

CHANGED = "mcp.changed"
"""The kind of notice that tools are refused; who has approved all that changed settles it."""

_FOUND = ("found", "found_hash", "found_at", "is_offered")


def keep(server_id: int, listing: Listing, *, now: datetime) -> None:
    """Keep what a server offers; of what was approved and is no more so the owners are told."""
    with transaction.atomic():
        # Two who look at the same time wait for each other here.
        server = McpServer.objects.select_for_update(no_key=True).get(pk=server_id)
        server.protocol, server.about = listing.protocol[:20], listing.about[:200]
        server.looked_at, server.trouble = now, ""
        server.save(update_fields=["protocol", "about", "looked_at", "trouble"])
        n_refused = server.tools.refused().count()
        known = {one.name: one for one in server.tools.all()}
        for name, definition in listing.tools.items():
            row = known.pop(name) if name in known else McpTool(server=server, name=name)
            _keep_one(row, definition, now)
        gone = McpTool.objects.filter(pk__in=[one.pk for one in known.values()])
        gone.filter(pinned_hash="").delete()
        gone.filter(is_offered=True).update(is_offered=False, found_at=now)
        if server.tools.refused().count() > n_refused:
            _tell(server, now=now)


def note_changed(found_id: int, definition: Mapping[str, Any] | None, *, now: datetime) -> None:
    """Keep what a call has met in place of the approved definition."""
    with transaction.atomic():
        found = McpTool.objects.select_for_update(of=("self",), no_key=True)
        row = found.select_related("server").filter(pk=found_id).first()
        if row is None:
            return
        was_approved = row.is_as_approved
        if definition is None:
            row.is_offered, row.found_at = False, now
            row.save(update_fields=["is_offered", "found_at"])
        else:
            _keep_one(row, definition, now)
        if was_approved and not row.is_as_approved:
            _tell(row.server, now=now)


def _keep_one(row: McpTool, definition: Mapping[str, Any], now: datetime) -> None:
    fresh = mcp.fingerprint(definition)
    if row.pk and row.is_offered and row.found_hash == fresh:
        return
    row.found, row.found_hash, row.found_at = dict(definition), fresh, now
    row.is_offered = True
    # Of what people have decided meanwhile nothing is written over.
    row.save(update_fields=_FOUND if row.pk else None)


def _tell(server: McpServer, *, now: datetime) -> None:
    notices.tell(
        kind=CHANGED,
        subject=str(server.uuid),
        title=_("%(name)s: tools were changed, and are not called"),
        text=_(
            "The server describes a tool otherwise than you approved, or not at all. Agents go on"
            " without it until you have looked at the change and approved it."
        ),
        values={"name": server.name},
        page="integrations_mcpserver_changelist",
        is_event=True,
        now=now,
    )
