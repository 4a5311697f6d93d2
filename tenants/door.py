"""The channels' door: a small ASGI callable in front of Django, durable before it answers.

Requests that arrive together share one INSERT and one COMMIT (group commit), so an answer costs a
part of a disk write and no Django request. Nothing else happens before the answer: no ORM, no
broker, no model, no media. What a channel knows of its webhooks is its reader, named in
`settings.CHANNELS`; everything else is the same for all of them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from tenants.crypto import CannotDecrypt
from tenants.inbox import RECEIVE_SQL
from tenants.services.routes import CHANGED_CHANNEL, ROUTE_SQL, Route, route_from_row

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

Headers = Mapping[bytes, list[bytes]]
"""Names in lower case, each with all of its values."""

_PATH = re.compile(r"/hooks/([a-z]+)/(?:([A-Za-z0-9_-]{8,64})/?)?")

MAX_BODY_BYTES = 25 * 1024 * 1024
"""Largest webhook: media of 16 MB as base64, with room for the rest."""

MAX_GROUP, MAX_GROUP_BYTES = 256, 8 * 1024 * 1024
"""How many requests, and how many bytes, share one INSERT at most."""

MAX_WAITING_BYTES = 128 * 1024 * 1024
"""Bodies that may wait for the database at once; more are turned away before memory runs out."""

COMMIT_TIMEOUT_S = 10.0
"""Shorter than a bridge's 30 s: it is told to come back while it is still listening."""

BODY_TIMEOUT_S = 20.0
"""How long a body may take to arrive, in seconds; the largest does in that at 10 Mbit/s."""

CACHE_S = 60.0
"""How long a route is believed without a notice of change; a lost notice costs this at most."""

RETRY_AFTER_S = 2
BIG_BODY_BYTES = 256 * 1024
"""From here on the body is read in a thread, or its parsing would hold up every other request."""

_ACCEPTED, _DUPLICATE = (
    json.dumps({"status": word}).encode() for word in ("accepted", "duplicate")
)


class Refused(Exception):
    """This request gets another answer than 200."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True, slots=True)
class Taken:
    """A webhook that its channel has let in.

    Attributes:
        dedup_key: the same for each repeat of it, at most 200 characters.
        line: entries of one line are written one after the other; at most 32 characters, and empty
            where no order matters.
        encoding: how the other side has sent it, ``"json"`` or ``"form"``.
        body: what is kept, JSON.
    """

    dedup_key: str
    line: str
    encoding: str
    body: bytes


Reader = Callable[[Route, Headers, bytes], Taken]
"""Checks one webhook of a channel (its signature first, before anything is read) and says what is
kept of it. Raises `Refused`. May run in a thread, and uses no database."""


@dataclass
class _Arrival:
    """One webhook on its way into the inbox; `stored` tells whether it is new."""

    route: Route
    taken: Taken
    stored: asyncio.Future[bool] = field(repr=False)


class WebhookDoor:
    """Takes webhooks for one event loop of one process."""

    def __init__(self) -> None:
        self._readers: dict[str, Reader] = {
            kind: import_string(channel["door"])
            for kind, channel in settings.CHANNELS.items()
            if "door" in channel
        }
        self._routes: dict[str, tuple[Route | None, float]] = {}
        self._queue: asyncio.Queue[_Arrival] = asyncio.Queue()
        self._waiting_bytes = 0
        self._reader: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
        self._reader_lock = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see the table in `docs/message-path.md`."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._commit_groups()),
                asyncio.create_task(self._hear_of_changes()),
            ]
        headers: dict[str, str] = {}
        try:
            is_new = await self._accept(scope, receive)
            status, body = 200, _ACCEPTED if is_new else _DUPLICATE
        except Refused as refusal:
            status, headers = refusal.status, refusal.headers
            body = json.dumps({"error": refusal.message}).encode()
        lines = {"content-type": "application/json", "content-length": str(len(body)), **headers}
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(name.encode(), value.encode()) for name, value in lines.items()],
            }
        )
        await send({"type": "http.response.body", "body": body})

    def answers(self, path: str) -> bool:
        """Test whether an address belongs to a channel."""
        parts = _PATH.match(path)
        return parts is not None and parts[1] in self._readers

    async def close(self) -> None:
        """Let the connections go; what was acknowledged is committed already."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._reader is not None:
            await self._reader.close()
            self._reader = None

    async def _accept(self, scope: Scope, receive: Receive) -> bool:
        if scope["method"] != "POST":
            raise Refused(405, "only POST is answered here", allow="POST")
        headers = _headers(scope)
        route = await self._route(str(scope["path"]))
        body = await self._body(headers, receive)
        read = self._readers[route.channel_kind]
        if len(body) > BIG_BODY_BYTES:
            taken = await asyncio.to_thread(read, route, headers, body)
        else:
            taken = read(route, headers, body)
        return await self._store(route, taken)

    async def _body(self, headers: dict[bytes, list[bytes]], receive: Receive) -> bytes:
        declared = headers.get(b"content-length", [b"0"])[0]
        if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
            raise Refused(413, "the body is too large", connection="close")
        message = await receive()
        if not message.get("more_body"):
            body: bytes = message.get("body", b"")
            if len(body) > MAX_BODY_BYTES:
                raise Refused(413, "the body is too large", connection="close")
            return body
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await self._parts(message, receive)
        except TimeoutError as error:
            raise Refused(408, "the body did not arrive", connection="close") from error

    async def _parts(self, message: MutableMapping[str, Any], receive: Receive) -> bytes:
        """Gather a body that comes in parts, counted among what waits while it is held."""
        parts, size = [], 0
        try:
            while True:
                if message["type"] == "http.disconnect":
                    raise Refused(400, "the connection was closed")
                part = message.get("body", b"")
                parts.append(part)
                size += len(part)
                self._waiting_bytes += len(part)
                if size > MAX_BODY_BYTES:
                    raise Refused(413, "the body is too large", connection="close")
                if self._waiting_bytes > MAX_WAITING_BYTES:
                    raise _try_later()
                if not message.get("more_body"):
                    return b"".join(parts)
                message = await receive()
        finally:
            self._waiting_bytes -= size

    async def _route(self, path: str) -> Route:
        parts = _PATH.fullmatch(path)
        if parts is None or not (key := parts[2]):
            raise Refused(404, "no such address")
        known = self._routes.get(key)
        if known is None or known[1] < time.monotonic():
            try:
                route = await self._look_up(key)
            except (psycopg.Error, OSError) as error:
                logger.warning("route not read", extra={"error": type(error).__name__})
                raise _try_later() from error
            if len(self._routes) > 20_000:  # somebody is guessing keys
                self._routes.clear()
            known = (route, time.monotonic() + CACHE_S)
            self._routes[key] = known
        if known[0] is None or known[0].channel_kind != parts[1]:
            raise Refused(404, "no such address")
        return known[0]

    async def _look_up(self, key: str) -> Route | None:
        async with self._reader_lock:
            if self._reader is None or self._reader.closed:
                self._reader = await connect()
            try:
                async with asyncio.timeout(COMMIT_TIMEOUT_S):
                    cursor = await self._reader.execute(ROUTE_SQL, [key])
                    row = await cursor.fetchone()
            except BaseException:
                await self._reader.close()
                raise
        if row is None:
            return None
        try:
            return route_from_row(row)
        except CannotDecrypt:
            logger.exception("route keys unreadable")
            raise _try_later() from None

    async def _store(self, route: Route, taken: Taken) -> bool:
        if self._waiting_bytes > MAX_WAITING_BYTES:
            raise _try_later()
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[bool] = loop.create_future()
        arrival = _Arrival(route, taken, stored)
        self._waiting_bytes += len(taken.body)
        self._queue.put_nowait(arrival)
        # Ten times as cheap as asyncio.timeout, on a path where that is measured.
        alarm = loop.call_later(COMMIT_TIMEOUT_S, _give_up, [arrival], TimeoutError())
        try:
            return await stored
        except Exception as error:  # of the group's write, whatever it was
            raise _try_later() from error
        finally:
            alarm.cancel()
            self._waiting_bytes -= len(taken.body)

    async def _commit_groups(self) -> None:
        """Write what has gathered while the previous group was being written, for ever."""
        writer: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
        try:
            while True:
                group = await self._next_group()
                try:
                    if writer is None or writer.closed:
                        writer = await connect()
                    await _write(writer, group)
                except Exception as error:
                    # Whatever it is, the next group has another chance; without this loop the door
                    # would take nothing any more.
                    logger.warning("webhooks not stored", extra={"error": type(error).__name__})
                    if writer is not None:
                        await writer.close()
                    writer = None
                    _give_up(group, error)
        finally:
            if writer is not None:
                await writer.close()

    async def _next_group(self) -> list[_Arrival]:
        first = await self._queue.get()
        group, size = [first], len(first.taken.body)
        while len(group) < MAX_GROUP and size < MAX_GROUP_BYTES and not self._queue.empty():
            arrival = self._queue.get_nowait()
            if arrival.stored.done():  # its request gave up waiting
                continue
            group.append(arrival)
            size += len(arrival.taken.body)
        return group

    async def _hear_of_changes(self) -> None:
        """Forget cached routes whenever one was changed."""
        while True:
            try:
                async with await connect() as listener:
                    await listener.execute(f"listen {CHANGED_CHANNEL}")
                    self._routes.clear()  # what changed while nobody listened
                    async for _ in listener.notifies():
                        self._routes.clear()
            except (psycopg.Error, OSError):
                self._routes.clear()
                await asyncio.sleep(1)


async def connect() -> psycopg.AsyncConnection[tuple[Any, ...]]:
    """Return a connection of the door's own to the configured database, in schema `public`."""
    options = connection.settings_dict
    return await psycopg.AsyncConnection.connect(
        host=options["HOST"] or None,
        port=options["PORT"] or None,
        user=options["USER"] or None,
        password=options["PASSWORD"] or None,
        dbname=options["NAME"],
        autocommit=True,
        connect_timeout=3,
        # A database that vanished without a word is noticed while the bridge still tries.
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=15_000,
        application_name="prosa-door",
        **{
            name: value
            for name, value in options.get("OPTIONS", {}).items()
            if name.startswith("ssl")
        },
    )


def _give_up(group: list[_Arrival], error: Exception) -> None:
    for arrival in group:
        if not arrival.stored.done():
            arrival.stored.set_exception(error)
            arrival.stored.exception()  # read here, because its request may have gone


async def _write(writer: psycopg.AsyncConnection[tuple[Any, ...]], group: list[_Arrival]) -> None:
    cursor = await writer.execute(
        RECEIVE_SQL,
        (
            [arrival.route.route_id for arrival in group],
            [arrival.route.schema_name for arrival in group],
            [arrival.taken.dedup_key for arrival in group],
            [arrival.taken.line for arrival in group],
            [arrival.taken.encoding for arrival in group],
            [arrival.taken.body for arrival in group],
        ),
        prepare=True,
    )
    new = set(await cursor.fetchall())
    for arrival in group:
        identity = (arrival.route.route_id, arrival.taken.dedup_key)
        if not arrival.stored.done():
            arrival.stored.set_result(identity in new)
        new.discard(identity)  # of two equal ones in a group the second is the duplicate


def _headers(scope: Scope) -> dict[bytes, list[bytes]]:
    headers: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name, []).append(value)
    return headers


def is_json(headers: Headers) -> bool:
    """Test whether a body is said to be JSON."""
    return media_type(headers) == b"application/json"


def media_type(headers: Headers) -> bytes:
    """Return the type of a body without its parameters, in lower case."""
    return headers.get(b"content-type", [b""])[0].partition(b";")[0].strip().lower()


def _try_later() -> Refused:
    return Refused(503, "try again later", retry_after=str(RETRY_AFTER_S))
