"""Tools as the business describes them: what is refused, keeping them, and trying them first."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from integrations.egress import check_url, leads_elsewhere
from integrations.models import HttpTool, McpTool
from integrations.services import endpoints, http_tools, mcp_definitions, tool_requests, words
from integrations.services.mcp_calls import CHANGED
from integrations.services.tool_outcomes import State
from integrations.services.tool_requests import Definition
from integrations.services.tool_values import BadArguments, Kind, Source
from tenants.crypto import CannotDecrypt
from tenants.errors import DomainError, Permanent

MAX_PARAMETERS = 20
MAX_SHOWN = 40

TAKEN = frozenset({"transfer", "need_person", "search_knowledge"})
"""What every agent's model may call by these names already."""

FIELDS = (
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
)
"""What is told of a tool beside its name, its secrets and whether it is on."""


class BadTool(DomainError):
    """This tool cannot be used as it is described."""

    code = "bad_tool"
    http_status = 422


@dataclass(frozen=True, slots=True)
class Ensured:
    """A tool that is now as wanted; `changed` names the fields that were not."""

    tool: HttpTool
    created: bool
    changed: tuple[str, ...]


def ensure_tool(
    *,
    name: str,
    values: Mapping[str, Any],
    secret: str | None = None,
    headers: Mapping[str, str] | None = None,
    is_active: bool = True,
    mcp: McpTool | None = None,
) -> Ensured:
    """Create or change the tool called `name`; does nothing where it is as wanted.

    Args:
        mcp: what an MCP server has, and the tool is to call; None for what the tool is already.
        values: by name of `FIELDS`; those left out stay.
        secret: the token, password or key; empty removes it, None leaves it.
        headers: sent with each call; None leaves those there are.

    Raises:
        BadTool: a value that cannot be taken, or another system and what is secret was left.
    """
    with transaction.atomic():
        tool = HttpTool.objects.select_for_update(no_key=True).filter(name=name).first()
        created = tool is None
        tool = tool or HttpTool(name=name, mcp=mcp)
        if (mcp is not None and tool.mcp_id != mcp.pk) or (tool.mcp_id and values.get("url")):
            raise BadTool(_("There is another tool named “%s”.") % name)
        if mcp is not None:
            tool.mcp = mcp  # as it stands now
        stored_url = tool.url
        changed = [field for field in values if getattr(tool, field) != values[field]]
        for field in changed:
            setattr(tool, field, values[field])
        if secret is not None and _secret(tool) != secret:
            tool.set_secret(secret)
            changed.append("secret")
        if headers is not None and _headers(tool) != dict(headers):
            tool.set_headers(dict(headers))
            changed.append("headers")
        if tool.is_active != is_active:
            tool.is_active = is_active
            changed.append("is_active")
        if created or changed:
            check(tool)
            _check_moved(tool, stored_url, secret=secret, headers=headers)
            tool.save()
    http_tools.forget()
    return Ensured(tool, created, tuple(changed))


def check(tool: HttpTool) -> None:
    """Refuse a tool that cannot be called, or that would let a model decide too much.

    Raises:
        BadTool: with all that is wrong.
    """
    try:
        tool.full_clean(exclude={"url"} if tool.mcp else None, validate_unique=False)
    except ValidationError as error:
        raise BadTool("; ".join(error.messages)) from error
    if tool.name in TAKEN:
        raise BadTool(_("“%s” is the name of a tool that every agent has.") % tool.name)
    if tool.mcp is None:
        try:
            check_url(tool.url)
        except Permanent as error:
            why = words.not_called(error.reason)
            raise BadTool(_("This address cannot be used: %s") % why) from error
        _check_auth(tool)
    _check_parameters(tool)
    if tool.mcp is not None:
        _check_served(tool, tool.mcp)
    _check_shows(tool.shows)


def _check_served(tool: HttpTool, found: McpTool) -> None:
    """Refuse parameters that the approved definition of an MCP server does not take."""
    pinned = found.pinned or {}
    names = {one["name"] for one in tool.parameters}
    if unknown := sorted(names - mcp_definitions.properties(pinned).keys()):
        raise BadTool(_("The server's tool knows no parameter “%s”.") % unknown[0])
    if missing := sorted(set(mcp_definitions.required(pinned)) - names):
        raise BadTool(_("The server's tool asks for “%s”: it must be filled in.") % missing[0])


def _check_moved(
    tool: HttpTool, stored_url: str, *, secret: str | None, headers: Mapping[str, str] | None
) -> None:
    """Refuse to take stored secrets to another system: its owner could read them there."""
    if not leads_elsewhere(stored_url, tool.url):
        return
    if secret is None and tool.secret_encrypted:
        raise BadTool(_("The address leads to another system now: enter the key again."))
    if headers is None and tool.headers_encrypted:
        raise BadTool(
            _("The address leads to another system now: enter the headers again, or remove them.")
        )


def _secret(tool: HttpTool) -> str | None:
    try:
        return tool.secret()
    except CannotDecrypt:
        return None


def _headers(tool: HttpTool) -> dict[str, str] | None:
    try:
        return tool.headers()
    except CannotDecrypt:
        return None


def _check_auth(tool: HttpTool) -> None:
    secret, kind = _secret(tool), tool.auth_kind
    if kind != HttpTool.Auth.NONE and not secret:
        raise BadTool(_("Enter the token, password or key."))
    if kind in (HttpTool.Auth.BASIC, HttpTool.Auth.HEADER) and not tool.auth_name:
        raise BadTool(_("Enter the user, or the name of the header."))
    if secret and not (secret.isprintable() and secret.isascii() and len(secret) <= 4_000):
        raise BadTool(_("The token, password or key holds signs that cannot be sent."))
    named = dict(_headers(tool) or {})
    if len(named) > endpoints.MAX_HEADERS:
        raise BadTool(_("At most %(n)s headers can be sent.") % {"n": endpoints.MAX_HEADERS})
    if kind == HttpTool.Auth.HEADER:
        named[tool.auth_name] = "-"
    for name, value in named.items():
        if name.lower() == "idempotency-key" or not endpoints.may_be_sent(name, value):
            raise BadTool(_("The header %s cannot be sent.") % name[:60])


def _check_parameters(tool: HttpTool) -> None:
    if not isinstance(tool.parameters, list) or len(tool.parameters) > MAX_PARAMETERS:
        raise BadTool(_("A tool has at most %(n)s parameters.") % {"n": MAX_PARAMETERS})
    try:
        found = [tool_requests.parameter(one) for one in tool.parameters]
    except (KeyError, TypeError, ValueError) as error:
        raise BadTool(_("The parameters cannot be read.")) from error
    names = [one.name for one in found]
    for one in found:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,39}", one.name):
            raise BadTool(
                _("“%s” is no name of a parameter: letters without accents, digits and _.")
                % one.name[:40]
            )
        if names.count(one.name) > 1:
            raise BadTool(_("There is more than one parameter “%s”.") % one.name)
        if one.kind is Kind.JSON and tool.mcp is None:
            raise BadTool(_("The parameters cannot be read."))
        _check_parameter(one, changes=tool.risk != HttpTool.Risk.READ)
    required = {one.name for one in found if one.is_required or one.source is Source.FIXED}
    for name in tool_requests.placeholders(tool.url):
        if name not in required:
            raise BadTool(
                _("{%s} stands in the address, so there must be a required parameter of that name.")
                % name
            )


def _check_parameter(one: tool_requests.Parameter, *, changes: bool) -> None:
    values = [*one.choices, *([one.value] if one.value else [])]
    try:
        for value in values:
            tool_requests.checked(one, value)
    except BadArguments as error:
        raise BadTool(
            _("The example, the list or the fixed value of “%s” does not fit its kind.") % one.name
        ) from error
    if one.source is Source.FIXED and not one.value:
        raise BadTool(_("“%s” is fixed: enter its value.") % one.name)
    holds_numbers = one.kind in (Kind.INTEGER, Kind.NUMBER, Kind.JSON)
    if changes and holds_numbers and one.source is Source.MODEL and not one.choices:
        raise BadTool(
            _(
                "“%s” is a number of something that changes: a model must not make it up. Let it be"
                " what the contact wrote, a fixed value, or one of a list."
            )
            % one.name
        )


def _check_shows(shows: object) -> None:
    is_list = isinstance(shows, list) and len(shows) <= MAX_SHOWN
    if not is_list or not all(
        isinstance(one, dict)
        and re.fullmatch(r"[^\s.]{1,80}(\.[^\s.]{1,80}){0,9}", str(one.get("path", "")))
        and len(str(one.get("name", ""))) <= 80
        for one in (shows if isinstance(shows, list) else [])
    ):
        raise BadTool(_("Write each part of the answer as a path such as order.status."))


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a test went, for people.

    Args:
        shown: what the model would see.
        request: what was asked, without secrets.
    """

    is_good: bool
    text: str
    request: str = ""
    shown: str = ""


def try_tool(tool: Definition) -> Verdict:
    """Call a tool with its examples; never raises for what the other system does.

    Raises:
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """
    try:
        values = tool_requests.examples(tool)
        asked = f"{tool.method} {tool_requests.request(tool, values, key='test').url}"
    except BadArguments as error:
        text = _("Give the parameter “%s” an example: the test is made with it.") % error
        return Verdict(False, text)
    began = time.monotonic()
    sent = http_tools.send(tool, values, key=f"test-{time.time_ns()}")
    spent = round(1000 * (time.monotonic() - began))
    if tool.served is not None:
        asked = f"{tool.served.server}: {tool.served.tool}"
    told = {"status": sent.status, "ms": spent, "reason": sent.reason}
    if sent.called.state is State.DONE:
        if sent.called.text:
            return Verdict(
                True, _("It works: it answered in %(ms)s ms.") % told, asked, sent.called.text
            )
        if tool.shows:
            text = _(
                "It answered, but nothing of what the model may see was in the answer. Check the"
                " paths."
            )
            return Verdict(False, text, asked)
        return Verdict(
            True, _("It works: it answered in %(ms)s ms, with nothing in it.") % told, asked
        )
    return Verdict(False, trouble(sent.status, sent.reason), asked, sent.called.text)


def trouble(status: int | None, reason: str) -> str:
    """Say what went wrong and what helps."""
    told = {"status": status, "reason": words.not_called(reason)}
    if status is not None:
        return _of_status(status) % told
    if reason == CHANGED:
        return _("The server describes it otherwise now. Look at the change and approve it first.")
    if reason.startswith(("it refused the call", "the answer cannot be read")):
        return (
            _(
                "It answers, but not as an MCP server does (%(reason)s). Check the address: it"
                " often ends in /mcp."
            )
            % told
        )
    if reason == "it answered with an error":
        return _("It refuses these values (%(reason)s). Its answer is below.") % told
    if reason.startswith("refused"):
        return (
            _("This address may not be called (%(reason)s). Ask the operator of the platform.")
            % told
        )
    if reason.startswith("the answer is larger"):
        return _("Its answer is larger than allowed. Ask for less, or raise the limit.")
    return _("It cannot be reached (%(reason)s). Check the address, and try again.") % told


def _of_status(status: int) -> str:
    if status in (401, 403, 407):
        return _("It refuses the key (%(reason)s). Check what it asks for, and copy it once more.")
    if status in (404, 405, 410):
        return _("There is nothing at this address (%(reason)s). Check address and method.")
    if status >= 500:
        return _("The other system has an error of its own (%(reason)s). Try again later.")
    if status < 400:
        return _(
            "It sends elsewhere (%(reason)s), which is not followed. Use the address it names."
        )
    return _("It refuses these values (%(reason)s). Its answer is below.")


def drafted(tool: HttpTool, *, secret: str | None, headers: Mapping[str, str] | None) -> Definition:
    """Return a tool that may not be saved, with secrets as they were typed, checked.

    Args:
        tool: an instance with the values to try; not saved here.
        secret: None for the one that is stored.
        headers: None for those that are stored.

    Raises:
        BadTool: as `ensure_tool`.
        CannotDecrypt: what is stored cannot be read.
    """
    stored = HttpTool.objects.filter(pk=tool.pk).values_list("url", flat=True).first()
    if secret is not None:
        tool.set_secret(secret)
    if headers is not None:
        tool.set_headers(dict(headers))
    check(tool)
    _check_moved(tool, stored or "", secret=secret, headers=headers)
    return http_tools.definition(tool)


def parse_shows(lines: Sequence[str]) -> list[dict[str, str]]:
    """Return what may be seen of an answer, of lines such as ``order.status = status``."""
    found = []
    for line in lines:
        path, _sign, name = line.partition("=")
        if path.strip():
            found.append({"path": path.strip(), **({"name": name.strip()} if name.strip() else {})})
    return found
