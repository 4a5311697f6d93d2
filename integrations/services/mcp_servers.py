"""MCP servers as the business names them: kept, tried first, and looked at from time to time.

What a server has is read here, behind people's backs and never while a contact waits: a turn takes
its tools from rows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations import mcp
from integrations.egress import check_url, same_origin
from integrations.mcp import NotCalled, Place
from integrations.models import McpServer
from integrations.services import endpoints, http_tools, mcp_calls, mcp_found, tool_editing, words
from integrations.services.tool_editing import Verdict
from tenants.crypto import CannotDecrypt
from tenants.errors import DomainError, Permanent

logger = logging.getLogger(__name__)

LOOK_S = 15.0
"""Longest look at a server, in seconds."""

LOOK_EVERY = timedelta(hours=1)
"""How old what is known of a server may be. A call looks for itself, so this is for people."""

LOOKED_AT_ONCE = 10
"""Servers of one tenant that one sweep looks at: with the time above, less than its interval."""

FIELDS = ("url", "command", "auth_kind", "auth_name")


REFUSED = ~Q(tools__pinned_hash="") & (
    Q(tools__is_offered=False) | ~Q(tools__found_hash=F("tools__pinned_hash"))
)
"""Of servers: their tools that were approved, and are now another thing or gone."""


class BadServer(DomainError):
    """This server cannot be used as it is described."""

    code = "bad_mcp_server"
    http_status = 422


@dataclass(frozen=True, slots=True)
class Ensured:
    """A server that is now as wanted; `changed` names the fields that were not."""

    server: McpServer
    created: bool
    changed: tuple[str, ...]


def ensure_server(
    *, name: str, values: Mapping[str, Any], secret: str | None = None, is_active: bool = True
) -> Ensured:
    """Create or change the server called `name`; does nothing where it is as wanted.

    Of another system nothing is approved yet, whatever it says.

    Args:
        values: by name of `FIELDS`; those left out stay.
        secret: the token or key; empty removes it, None leaves it.

    Raises:
        BadServer: a value that cannot be taken, or another system and the secret was left.
    """
    with transaction.atomic():
        server = McpServer.objects.select_for_update(no_key=True).filter(name=name).first()
        created = server is None
        server = server or McpServer(name=name)
        before = server.url, server.command
        changed = [field for field in values if getattr(server, field) != values[field]]
        for field in changed:
            setattr(server, field, values[field])
        if secret is not None and _secret(server) != secret:
            server.set_secret(secret)
            changed.append("secret")
        if server.is_active != is_active:
            server.is_active = is_active
            changed.append("is_active")
        if created or changed:
            check(server)
            is_moved = not created and _is_another(before, server)
            _check_moved(server, is_moved=is_moved, secret=secret)
            if is_moved:
                server.protocol = ""
                server.tools.update(pinned_hash="", approved_by="", approved_at=None)
            server.save()
    http_tools.forget()
    return Ensured(server, created, tuple(changed))


def check(server: McpServer) -> None:
    """Refuse a server that cannot be reached.

    Raises:
        BadServer: with all that is wrong.
    """
    if bool(server.url) == bool(server.command):
        raise BadServer(_("Enter the address, or choose a program."))
    try:
        server.full_clean(validate_unique=False, validate_constraints=False)
        if server.url:
            check_url(server.url)
    except ValidationError as error:
        raise BadServer("; ".join(error.messages)) from error
    except Permanent as error:
        why = words.not_called(error.reason)
        raise BadServer(_("This address cannot be used: %s") % why) from error
    if server.command and server.command not in settings.MCP_STDIO_COMMANDS:
        raise BadServer(_("The operator of the platform does not allow this program."))
    if server.command and server.auth_kind != McpServer.Auth.NONE:
        raise BadServer(_("A program is asked without a key."))
    _check_auth(server)


def _check_auth(server: McpServer) -> None:
    secret, kind = _secret(server), server.auth_kind
    if kind == McpServer.Auth.NONE:
        return
    if not secret:
        raise BadServer(_("Enter the token or key."))
    if not (secret.isprintable() and secret.isascii() and len(secret) <= 4_000):
        raise BadServer(_("The token or key holds signs that cannot be sent."))
    if kind == McpServer.Auth.HEADER:
        name = server.auth_name
        if not endpoints.may_be_sent(name, "-") or name.lower().startswith(("mcp-", "accept")):
            raise BadServer(_("The header %s cannot be sent.") % name[:60])


def _is_another(before: tuple[str, str], server: McpServer) -> bool:
    url, command = before
    if server.command or command:
        return command != server.command
    return not same_origin(url, server.url)


def _check_moved(server: McpServer, *, is_moved: bool, secret: str | None) -> None:
    """Refuse to take a stored secret to another system: its owner could read it there."""
    if is_moved and secret is None and server.secret_encrypted:
        raise BadServer(_("The address leads to another system now: enter the key again."))


def _secret(server: McpServer) -> str | None:
    try:
        return server.secret()
    except CannotDecrypt:
        return None


def drafted(server: McpServer, *, secret: str | None) -> Place:
    """Return how a server that may not be saved is reached, with the secret as it was typed.

    Args:
        server: an instance with the values to try; not saved here.
        secret: None for the one that is stored.

    Raises:
        BadServer: as `ensure_server`.
        CannotDecrypt: what is stored cannot be read.
    """
    stored = McpServer.objects.filter(pk=server.pk).values_list("url", "command").first()
    if secret is not None:
        server.set_secret(secret)
    check(server)
    is_moved = stored is not None and _is_another(stored, server)
    _check_moved(server, is_moved=is_moved, secret=secret)
    server.protocol = ""
    return mcp_calls.place(server)


def try_server(place: Place) -> Verdict:
    """Ask a server what it has, and keep nothing; never raises for what the server does.

    Raises:
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """
    began = time.monotonic()
    asked = place.url or place.command
    try:
        listing = mcp.look(place, timeout_s=LOOK_S)
    except NotCalled as error:
        return Verdict(False, tool_editing.trouble(error.status, error.reason), asked)
    n_tools = len(listing.tools)
    text = ngettext(
        "It works: it has %(n)s tool, and answered in %(ms)s ms.",
        "It works: it has %(n)s tools, and answered in %(ms)s ms.",
        n_tools,
    ) % {"n": n_tools, "ms": round(1000 * (time.monotonic() - began))}
    if not n_tools:
        return Verdict(False, _("It answers, but it has no tools."), asked)
    return Verdict(True, text, asked, "\n".join(sorted(listing.tools)))


def look_at(server_id: int, *, now: datetime) -> NotCalled | None:
    """Read what a server has and keep it; return why that failed, None where it did not.

    Raises:
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """
    server = McpServer.objects.get(pk=server_id)
    try:
        # Which version it speaks is asked anew: it may have learnt another one.
        place = replace(mcp_calls.place(server), protocol="")
        listing = mcp.look(place, timeout_s=LOOK_S)
    except NotCalled as error:
        return _failed(server, error, now=now)
    except CannotDecrypt:
        return _failed(server, NotCalled("the key cannot be read", is_certain=True), now=now)
    if (server.url, server.command) != _way(server_id):
        return NotCalled("its address was changed meanwhile", is_certain=True)
    mcp_found.keep(server_id, listing, now=now)
    http_tools.forget()
    logger.info("mcp server looked at", extra={"server": server.name, "n": len(listing.tools)})
    return None


def _failed(server: McpServer, why: NotCalled, *, now: datetime) -> NotCalled:
    McpServer.objects.filter(pk=server.pk).update(trouble=why.reason[:200], looked_at=now)
    return why


def _way(server_id: int) -> tuple[str, str] | None:
    return McpServer.objects.filter(pk=server_id).values_list("url", "command").first()


def look_at_due(*, now: datetime) -> int:
    """Look at the servers that nobody has looked at for a while; return how many.

    The time of the last look is the lease: of two workers one takes a server, and one that dies
    leaves it to the next hour.
    """
    due = Q(looked_at=None) | Q(looked_at__lt=now - LOOK_EVERY)
    found = McpServer.objects.filter(due, is_active=True)
    chosen = found.order_by(F("looked_at").asc(nulls_first=True), "pk")[:LOOKED_AT_ONCE]
    n_looked = 0
    for pk in list(chosen.values_list("pk", flat=True)):
        if found.filter(pk=pk).update(looked_at=now):
            look_at(pk, now=now)
            n_looked += 1
    return n_looked
