"""Talking to MCP servers with the official SDK: listing their tools, and calling one.

Each exchange is a session of its own on an event loop of its own, in the thread that asks: nothing
is shared between tenants, and of a server that dies nothing is left behind (ADR 0031). The SDK is
loaded at the first exchange. Nothing that a server says is believed here: the caller names the
definition that a person has approved, and any other is refused before the tool is called.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
from django.conf import settings

from integrations.egress import Egress, NotReached
from integrations.http import CONNECT_TIMEOUT_S
from integrations.http_async import AsyncGuardedTransport
from tenants import turnstile
from tenants.context import release_connection
from tenants.errors import Permanent, Temporary

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams
    from mcp.client.client import Client

MAX_TOOLS = 200
"""Tools of one server that are listed; a model would drown in fewer."""

MAX_PAGES = 20
MAX_NAME = 128
MAX_LISTING_BYTES = 1024 * 1024
MAX_DEFINITION = 20_000
"""Characters of one tool's definition, as JSON; a longer one cannot be approved by reading it."""

KEPT = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")
"""What of a definition is pinned; icons and the like change nothing that a model or code reads."""

_NOT_DONE = frozenset({-32601, -32602})
"""JSON-RPC's "no such method" and "invalid params"; others may also mean that an answer is lost."""

_REFUSALS = frozenset({401, 403, 407, 429})
"""Statuses by which a server says that it does not know us, or not any more for now."""

Definition = Mapping[str, Any]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Place:
    """How a server is reached; holds secrets, so it is never logged.

    Args:
        url: of one that is reached by streamable HTTP.
        command: the operator's name for one that is started here; empty where there is an address.
        protocol: what it spoke last; empty asks it.
    """

    url: str = ""
    command: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a server offers.

    Args:
        tools: definitions by name, as far as `KEPT`.
        protocol: the version that it speaks.
        about: its name and version, as it says.
    """

    tools: Mapping[str, Definition]
    protocol: str
    about: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answered.

    Args:
        body: JSON where it gave structure, else its texts.
        is_error: the tool says that it failed.
        is_cut: it said more than was asked for.
    """

    body: str
    is_error: bool
    is_cut: bool = False


class Changed(Exception):
    """The server offers another definition than the approved one, or none; nothing was called."""

    def __init__(self, found: Definition | None) -> None:
        super().__init__()
        self.found = found


class NotCalled(Exception):
    """It came to no answer.

    Args:
        is_certain: nothing was done, that is certain.
        status: of HTTP, where that was the reason.
        is_trouble: the server does not work, or does not know us; else it did not like the values.
    """

    def __init__(
        self,
        reason: str,
        *,
        is_certain: bool,
        status: int | None = None,
        is_trouble: bool = True,
    ) -> None:
        super().__init__(reason)
        self.reason, self.is_certain = reason, is_certain
        self.status, self.is_trouble = status, is_trouble


def fingerprint(definition: Definition) -> str:
    """Return the hash of a definition; it is the same for the same meaning, whatever the order."""
    plain = json.dumps(definition, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def look(place: Place, *, timeout_s: float) -> Listing:
    """Ask a server what it offers.

    Raises:
        NotCalled: it does not answer, or not as it should.
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """

    async def ask(client: Client, exchange: _Exchange) -> Listing:
        tools: dict[str, Definition] = {}
        async for definition in _listed(client):
            # Of two of one name the first counts, as in `call`.
            tools.setdefault(definition["name"], definition)
            if len(tools) == MAX_TOOLS:
                break
        info = client.server_info
        about = f"{info.name} {info.version}" if info else ""
        return Listing(tools, client.protocol_version, about)

    return _run(place, ask, timeout_s=timeout_s, max_bytes=MAX_LISTING_BYTES)


def call(
    place: Place,
    *,
    tool: str,
    pinned: str,
    arguments: Mapping[str, Any],
    key: str,
    timeout_s: float,
    max_bytes: int,
) -> Answer:
    """Call a tool whose definition still is the approved one.

    Args:
        pinned: the fingerprint of what was approved.
        key: names the call, so that the server can tell it from another; in ``_meta``.
        max_bytes: of the answer, beside the listing.

    Raises:
        Changed: the definition is another one; nothing was called.
        NotCalled: it came to no answer.
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """

    async def ask(client: Client, exchange: _Exchange) -> Answer:
        import mcp_types as types

        found = None
        async for definition in _listed(client):
            if definition["name"] == tool:
                found = definition
                break
        if found is None or fingerprint(found) != pinned:
            raise Changed(found)
        exchange.is_asked = True
        if exchange.traffic is not None:
            exchange.traffic.watch(b'"tools/call"')
        # Not by the client's own method: that checks the answer against the server's patterns,
        # and a pattern can take for ever.
        meta = types.RequestParamsMeta(**{"idempotency-key": key})  # type: ignore[typeddict-unknown-key]
        params = types.CallToolRequestParams(name=tool, arguments=dict(arguments), _meta=meta)
        result = await client.session.send_request(
            types.CallToolRequest(params=params), types.CallToolResult
        )
        return Answer(_body(result), result.is_error)

    answer = _run(place, ask, timeout_s=timeout_s, max_bytes=MAX_LISTING_BYTES + max_bytes)
    whole = answer.body.encode("utf-8", "replace")
    cut = whole[:max_bytes].decode(errors="ignore")
    return Answer(cut, answer.is_error, is_cut=len(whole) > max_bytes)


async def _listed(client: Client) -> AsyncIterator[dict[str, Any]]:
    """Return the definitions of a server's tools, page by page."""
    cursor = None
    for _ in range(MAX_PAGES):
        page = await client.list_tools(cursor=cursor, cache_mode="bypass")
        for tool in page.tools:
            if tool.name.isprintable() and len(tool.name) <= MAX_NAME:
                yield _kept(tool.model_dump(mode="json", by_alias=True, exclude_unset=True))
        cursor = page.next_cursor
        if cursor is None:
            return


def _kept(said: dict[str, Any]) -> dict[str, Any]:
    found = {name: said[name] for name in KEPT if name in said}
    try:
        plain = json.dumps(found, allow_nan=False)
        if len(plain) <= MAX_DEFINITION and "\\u0000" not in plain:
            # Half of a pair (\ud800) is JSON, and nothing that the database takes.
            whole = json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
            kept: dict[str, Any] = json.loads(whole)
            return kept
    except ValueError:
        plain = repr(found)
    return {"name": found["name"], "unreadable": hashlib.sha256(plain.encode()).hexdigest()}


def _body(result: Any) -> str:
    if result.structured_content is not None:
        return json.dumps(result.structured_content)
    return "\n".join(map(_text, result.content))


def _text(block: Any) -> str:
    resource = getattr(block, "resource", None)
    text = getattr(block, "text", None) or getattr(resource, "text", None)
    return str(text) if text is not None else f"[{block.type}]"


@dataclass
class _Exchange:
    """What is known of an exchange while it lasts.

    Args:
        is_asked: the tool has been called, so that it may be done.
        results: what was asked for, once it is there.
    """

    traffic: AsyncGuardedTransport | None
    is_asked: bool = False
    results: list[Any] = field(default_factory=list)


def _run(
    place: Place,
    ask: Callable[[Client, _Exchange], Awaitable[Result]],
    *,
    timeout_s: float,
    max_bytes: int,
) -> Result:
    release_connection()
    turnstile.leave()
    traffic = None
    if not place.command:
        traffic = AsyncGuardedTransport(egress=Egress.TENANTS, max_bytes=max_bytes)
    exchange = _Exchange(traffic)
    try:
        # Not the web server's own kind of loop: that one starts no programs in a thread.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(_within(place, ask, exchange, timeout_s))
    except Exception as error:
        if not exchange.results:  # saying goodbye may fail without harm
            raise _told(error, exchange) from error
    result: Result = exchange.results[0]
    return result


async def _within(
    place: Place,
    ask: Callable[[Client, _Exchange], Awaitable[Result]],
    exchange: _Exchange,
    timeout_s: float,
) -> None:
    from mcp.client.client import Client

    transport = _transport(place, exchange, timeout_s)
    async with (
        asyncio.timeout(timeout_s),
        Client(transport, mode=_mode(place), cache=None) as client,
    ):
        exchange.results.append(await ask(client, exchange))


def _mode(place: Place) -> str:
    from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

    if place.protocol in MODERN_PROTOCOL_VERSIONS:
        return place.protocol
    return "legacy" if place.protocol in HANDSHAKE_PROTOCOL_VERSIONS else "auto"


@asynccontextmanager
async def _transport(
    place: Place, exchange: _Exchange, timeout_s: float
) -> AsyncIterator[TransportStreams]:
    if exchange.traffic is None:
        async with _program(place) as streams:
            yield streams
        return
    from mcp.client.streamable_http import streamable_http_client

    async with (
        httpx2.AsyncClient(
            transport=exchange.traffic,
            trust_env=False,
            headers={"user-agent": "prosa", **place.headers},
            timeout=httpx2.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S),
        ) as client,
        streamable_http_client(place.url, http_client=client) as streams,
    ):
        yield streams


@asynccontextmanager
async def _program(place: Place) -> AsyncIterator[TransportStreams]:
    """Start a program that the operator allows; it gets no variable of ours and no log."""
    from mcp.client.stdio import StdioServerParameters, stdio_client

    words = settings.MCP_STDIO_COMMANDS.get(place.command)
    if words is None:
        raise Permanent("refused program: the operator does not allow it (see MCP_STDIO_COMMANDS)")
    asked = StdioServerParameters(command=words[0], args=words[1:])
    with open(os.devnull, "w") as nowhere:
        async with stdio_client(asked, errlog=nowhere) as streams:
            yield streams


def _told(error: Exception, exchange: _Exchange) -> Exception:
    """Return what is told of a failure: what happened on the wire counts, before all else."""
    from mcp.shared.exceptions import MCPError

    errors = list(_leaves(error))
    for one in errors:
        if isinstance(one, Changed):
            return one
    traffic = exchange.traffic
    trouble = traffic.trouble if traffic else None
    trouble = trouble or next((e for e in errors if isinstance(e, Temporary | Permanent)), None)
    if trouble is not None:
        is_before = isinstance(trouble, NotReached) or trouble.reason.startswith(
            ("refused", "the request cannot be sent", "HTTP 3")
        )
        status = traffic.status if traffic and trouble.reason.startswith("HTTP") else None
        return NotCalled(
            trouble.reason, is_certain=is_before or not exchange.is_asked, status=status
        )
    if any(isinstance(one, TimeoutError) for one in errors):
        return NotCalled("timed out", is_certain=not exchange.is_asked)
    status = traffic.status if traffic else None
    if status is not None and status >= 400:
        is_certain = status < 500 or not exchange.is_asked
        is_trouble = status >= 500 or status in _REFUSALS
        return NotCalled(
            f"HTTP {status}", is_certain=is_certain, status=status, is_trouble=is_trouble
        )
    for one in errors:
        if isinstance(one, MCPError):
            is_refused = one.code in _NOT_DONE
            return NotCalled(
                f"it refused the call (error {one.code})",
                is_certain=is_refused or not exchange.is_asked,
                is_trouble=not (is_refused and exchange.is_asked),
            )
    if any(isinstance(one, FileNotFoundError | PermissionError) for one in errors):
        return NotCalled("the program cannot be started", is_certain=True)
    return NotCalled("the answer cannot be read", is_certain=not exchange.is_asked)


def _leaves(error: BaseException) -> list[BaseException]:
    """Return the errors of nested groups, as task groups raise them."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error]
