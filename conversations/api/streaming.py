"""The part of the web process that waits: streams, and calls that wait for an answer.

A call goes through Django first, which judges it and leaves what is to be followed in the scope.
Then its thread and its database connection are free, and it waits here as a task. It is woken by a
doorbell, or by a slow poll where a doorbell was lost, and looks into the database for what is new:
all that wait in one tenant look together. Nothing is queued for a program: it is read when the
program has taken what came before, so that a slow one costs no memory.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from django.utils import translation

from conversations.api.listeners import PLACE, Follow
from conversations.api.running import outcome_of
from conversations.api.waiting import DEAF_POLL_S, Hub, Place
from conversations.services import feed
from tenants.api.errors import body
from tenants.api.messages import MESSAGES

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

_UUID = "[0-9a-fA-F-]{36}"
_OURS = re.compile(
    rf"/api/v1/(?:agents/{_UUID}/(?:execute|stream)|conversations/{_UUID}/events)/?\Z"
)

HEARTBEAT_S = 15.0
"""How often a silent stream shows that it lives, in seconds: proxies cut what is silent for 30."""

LONGEST_S = 3600.0
"""How long a stream lasts, in seconds; then the program comes back with the id that it has."""

SLOW_S = 20.0
"""How long a program may take to make room for the next event, in seconds; then it is cut off."""

JUDGED_AT_ONCE = 16
"""Calls that are in Django at the same time. After a restart all come back at once: each would take
a thread, and wait with it for a connection."""

BODY_S = 20.0
"""How long a body may take to arrive, in seconds: it is read before anybody is asked for a key."""

MAX_BODY = 256 * 1024
"""Bytes of a body that are read before Django; a text and its names have a few thousand."""

_CLOSING = [(b"connection", b"close"), (b"content-length", b"0")]


class Streams:
    """Stands before Django: waits for the calls that Django leaves to it, passes on the rest.

    Args:
        others: matches the paths of streams that are no program's.

    Attributes:
        slow_s: after how many seconds a program that takes nothing is cut off.
        body_s: after how many seconds a program is refused whose body has not arrived.
    """

    def __init__(self, app: App, *, others: re.Pattern[str]) -> None:
        self.slow_s = SLOW_S
        self.body_s = BODY_S
        self._app = app
        self._others = others
        self._hub = Hub()
        self._judging = asyncio.Semaphore(JUDGED_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not (_OURS.match(path) or self._others.match(path)):
            await self._app(scope, receive, send)
            return
        place: list[Follow] = []
        answer: list[Any] = []
        try:
            async with asyncio.timeout(self.body_s):
                brought = await _body(receive)
        except TimeoutError:
            await send({"type": "http.response.start", "status": 408, "headers": _CLOSING})
            await send({"type": "http.response.body", "body": b""})
            return

        async def keep(message: Any) -> None:
            answer.append(message)

        async def give() -> Any:
            return brought.pop(0) if brought else await receive()

        async with self._judging:
            await self._app({**scope, PLACE: place}, give, keep)
        if not place:
            for message in answer:
                await send(message)
            return
        follow = place[0]
        start = {**answer[0], "headers": [*_without_length(answer[0]["headers"])]}
        wait = _Execution if follow.deadline_s is not None else _Stream
        await wait(self._hub, follow, start, receive, send, slow_s=self.slow_s).run()

    def __len__(self) -> int:
        """Return how many calls wait now."""
        return len(self._hub)

    def renew(self) -> None:
        """Renew marks and ask for credentials now; safe to call from another thread."""
        self._hub.renew_soon()

    def close(self) -> None:
        """End all that wait, so that the process can end; each program comes back elsewhere."""
        self._hub.close()

    def close_on_signals(self) -> None:
        """End all that wait as soon as the process is asked to end: the server waits for them.

        Called in the server's loop once it has set its own handlers, which are called as well.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            known = signal.getsignal(number)
            if callable(known):
                signal.signal(number, partial(self._signalled, loop, known))

    def _signalled(self, loop: asyncio.AbstractEventLoop, known: Any, *args: Any) -> None:
        loop.call_soon_threadsafe(self.close)
        known(*args)


async def _body(receive: Receive) -> list[Any]:
    """Return what a program sends, before it takes anybody's place; the rest of a long one is left.

    Django refuses what is too long for it, or was broken off.
    """
    found: list[Any] = []
    n_bytes = 0
    while n_bytes <= MAX_BODY:
        found.append(await receive())
        n_bytes += len(found[-1].get("body", b""))
        if not found[-1].get("more_body", False):
            break
    return found


def _without_length(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    return (one for one in headers if one[0].lower() != b"content-length")


class _Call(ABC):
    """One call, from what Django has begun to its end."""

    def __init__(
        self,
        hub: Hub,
        follow: Follow,
        start: Any,
        receive: Receive,
        send: Send,
        *,
        slow_s: float,
    ) -> None:
        self._slow_s = slow_s
        self.hub, self.follow, self.start = hub, follow, start
        self.place = Place(follow)
        self._receive, self._send = receive, send
        self.began = self._last = time.monotonic()

    async def run(self) -> None:
        if not self.hub.enter(self.place):
            await self.refuse("too_many_streams")
            return
        watching = asyncio.create_task(self._watch())
        try:
            await self.wait()
        finally:
            self.hub.leave(self.place)
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    @abstractmethod
    async def wait(self) -> None:
        """Tell the program what it waits for, as it comes."""

    async def _watch(self) -> None:
        """Note that the program has gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.place.leave()

    async def sleep(self, until: float) -> None:
        """Sleep until somebody rings, or until an instant of the monotonic clock."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                await self.place.woken.wait()

    @property
    def must_end(self) -> bool:
        return self.place.is_gone or self.place.is_refused or self.hub.is_closing

    async def look(self, ask: feed.Ask) -> feed.Page | None:
        """Return what is new; None where the database is away."""
        self.place.woken.clear()
        try:
            return await self.hub.look(self.follow.schema, ask)
        except Exception:
            logger.warning("a stream can't look now", exc_info=True)
            return None

    async def send(self, message: Any) -> bool:
        """Send a part of the answer; False where the program does not take it."""
        try:
            async with asyncio.timeout(self._slow_s):
                await self._send(message)
        except TimeoutError:
            self._cut()
            return False
        except OSError:  # it has gone
            return False
        return True

    def _cut(self) -> None:
        """Drop the connection with what waits in it: closed in order it would wait on."""
        transport = getattr(getattr(self._send, "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()
        self.place.leave()

    async def refuse(self, code: str) -> None:
        text = _refusal(code, language=self.follow.language)
        await self.answer(503, text, retry_after_s=5)

    async def answer(self, status: int, text: bytes, *, retry_after_s: int | None = None) -> None:
        headers = [one for one in self.start["headers"] if one[0].lower() != b"content-type"]
        headers += [(b"content-type", b"application/json")]
        headers += [(b"content-length", str(len(text)).encode())]
        if retry_after_s is not None:
            headers += [(b"retry-after", str(retry_after_s).encode())]
        await self.send({**self.start, "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": text})


class _Stream(_Call):
    """A stream of events."""

    async def wait(self) -> None:
        ask, must_end_at = self.follow.ask, self.began + LONGEST_S
        await self.send(self.start)
        if not await self._put(*self.follow.beginning()):
            return
        while not self.must_end and time.monotonic() < must_end_at:
            page = await self.look(ask)
            if page is None:
                await asyncio.sleep(DEAF_POLL_S)
                continue
            if not await self._put(*self.follow.written(page.events)):
                return
            ask = replace(ask, cursor=page.cursor)
            if page.is_over:
                break
            if not page.has_more:
                await self.sleep(min(self._last + HEARTBEAT_S, must_end_at))
        if not self.place.is_gone:
            await self.send({"type": "http.response.body", "body": b""})

    async def _put(self, *parts: bytes) -> bool:
        """Send events, or a sign of life where there are none and it is time for one."""
        if self.place.is_gone:
            return False
        if not parts:
            if time.monotonic() < self._last + HEARTBEAT_S:
                return True
            parts = (b":\n\n",)
        self._last = time.monotonic()
        text = b"".join(parts)
        return await self.send({"type": "http.response.body", "body": text, "more_body": True})


class _Execution(_Call):
    """A call that waits for one answer."""

    async def wait(self) -> None:
        ask, deadline = self.follow.ask, self.began + (self.follow.deadline_s or 0.0)
        while not self.must_end:
            page = await self.look(ask)
            if page is not None:
                ask = replace(ask, cursor=page.cursor)
            if (page is not None and page.is_over) or time.monotonic() >= deadline:
                break
            if page is None or not page.has_more:
                await self.sleep(deadline if page else min(deadline, time.monotonic() + 1))
        if self.place.is_gone:
            return
        try:
            status, text = await self.hub.run(self.follow.schema, outcome_of, self.follow)
        except Exception:
            logger.warning("a result can't be read now", exc_info=True)
            await self.refuse("unavailable")
        else:
            await self.answer(status, text)


def _refusal(code: str, *, language: str) -> bytes:
    with translation.override(language):
        return json.dumps(body(code=code, message=str(MESSAGES[code]))).encode()
