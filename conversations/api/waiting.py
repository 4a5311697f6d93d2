"""All calls of a web process that wait, and what wakes them: doorbells, and a look now and then.

All that wait in one tenant look into the database together, by threads of their own that take a
connection only while they look.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import redis.asyncio
from django.conf import settings
from django.utils import timezone
from django_tenants.utils import schema_context
from redis.exceptions import RedisError

from conversations.api.listeners import Follow
from conversations.services import feed, following
from tenants import doorbell
from tenants.context import release_connection

logger = logging.getLogger(__name__)

POLL_S, DEAF_POLL_S = 15.0, 1.0
"""How often all look by themselves, in seconds: while doorbells are heard, and while not."""

RENEW_S = 30.0
"""How often marks are renewed and credentials asked for, in seconds: a key that was revoked reads
on for so long at most. Well below `following.KEPT_FOR`."""

MOST, MOST_OF_TENANT = 2000, 1000
"""Calls that wait in one process, and in it for one tenant; each takes some eighty kilobytes."""

LOOK_TOGETHER = 100
"""Calls that one look is for; at the double the others wait longer for it."""

LOOKING_THREADS = 2
"""Threads that look into the database; each takes a connection only while it looks."""


@dataclass(eq=False)
class Place:
    """One call that waits; woken where it should look, or end."""

    follow: Follow
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    is_gone: bool = False
    is_refused: bool = False

    def leave(self) -> None:
        """Note that the program has gone."""
        self.is_gone = True
        self.woken.set()

    def refuse(self) -> None:
        """Note that the credential has ended."""
        self.is_refused = True
        self.woken.set()


class Hub:
    """All calls of this process that wait, and what wakes them."""

    def __init__(self) -> None:
        self.is_closing = False
        self._places: dict[tuple[str, int], set[Place]] = {}
        self._n_of: dict[str, int] = {}
        self._looking: dict[str, list[tuple[feed.Ask, asyncio.Future[feed.Page]]]] = {}
        self._busy: set[str] = set()
        self._threads = ThreadPoolExecutor(LOOKING_THREADS, thread_name_prefix="streams")
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_deaf = True
        self._tending: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return sum(self._n_of.values())

    def enter(self, place: Place) -> bool:
        """Let a call wait; False where there is no room."""
        schema, listener = place.follow.schema, place.follow.listener
        free, most = listener.leaves_free, listener.most_alike
        if len(self) >= MOST - free or self._n_of.get(schema, 0) >= MOST_OF_TENANT - free:
            return False
        if most is not None:
            here = self._places.get(_name(place), ())
            if sum(one.follow.listener == listener for one in here) >= most:
                return False
        if not self._tending:
            self._loop = asyncio.get_running_loop()
            self._tending = [self._start(self._listen()), self._start(self._tend())]
        self._places.setdefault(_name(place), set()).add(place)
        self._n_of[schema] = self._n_of.get(schema, 0) + 1
        return True

    def leave(self, place: Place) -> None:
        """Forget a call."""
        here = self._places.get(_name(place), set())
        here.discard(place)
        if not here:
            self._places.pop(_name(place), None)
        schema = place.follow.schema
        self._n_of[schema] -= 1
        if not self._n_of[schema]:
            del self._n_of[schema]

    def close(self) -> None:
        """End all that wait; whoever comes later is ended as soon as it begins."""
        self.is_closing = True
        self._wake(self._all())
        for task in self._tending:
            task.cancel()

    async def look(self, schema: str, ask: feed.Ask) -> feed.Page:
        """Return what is new for a program, together with others of the same tenant."""
        future: asyncio.Future[feed.Page] = asyncio.get_running_loop().create_future()
        self._looking.setdefault(schema, []).append((ask, future))
        if schema not in self._busy:
            self._busy.add(schema)
            self._start(self._look_for(schema))
        return await future

    async def run(self, schema: str, work: Callable[..., Any], *args: Any) -> Any:
        """Do something with the database in a tenant's schema."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(_inside, schema, work, *args))

    def _start(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # else the loop alone would know it, and forget it
        task.add_done_callback(self._tasks.discard)
        return task

    async def _look_for(self, schema: str) -> None:
        """Look for all that ask for it in a tenant; who comes meanwhile is in the next round."""
        try:
            while waiting := self._looking.get(schema):
                now, self._looking[schema] = waiting[:LOOK_TOGETHER], waiting[LOOK_TOGETHER:]
                try:
                    pages = await self.run(schema, feed.look, [ask for ask, _ in now])
                except Exception as error:
                    for _, future in now:
                        if not future.done():
                            future.set_exception(error)
                else:
                    for (_, future), page in zip(now, pages, strict=True):
                        if not future.done():
                            future.set_result(page)
        finally:
            self._busy.discard(schema)
            self._looking.pop(schema, None)

    def _all(self) -> list[Place]:
        return [one for here in self._places.values() for one in here]

    def _wake(self, places: Iterable[Place]) -> None:
        for one in places:
            one.woken.set()

    # Doorbells

    async def _listen(self) -> None:
        """Hear doorbells: one subscription for all, made anew where it breaks."""
        while not self.is_closing:
            try:
                await self._hear()
            except (RedisError, OSError):
                logger.warning("doorbells are not heard: the broker is away")
            self._is_deaf = True
            await asyncio.sleep(1)

    async def _hear(self) -> None:
        client = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=2, socket_keepalive=True
        )
        async with client, client.pubsub() as bells:
            await bells.subscribe(doorbell.CHANNEL)
            async for message in bells.listen():
                if message["type"] == "subscribe":
                    self._is_deaf = False
                    self._wake(self._all())  # what was rung before was not heard
                elif message["type"] == "message":
                    schema, refs = doorbell.heard(message["data"])
                    for ref in refs:
                        self._wake(self._places.get((schema, ref), ()))

    # Now and then

    def renew_soon(self) -> None:
        """Renew as `_tend` does; from any thread."""
        self._loop.call_soon_threadsafe(lambda: self._start(self._renew()))

    async def _tend(self) -> None:
        polled = renewed = time.monotonic()
        while True:
            await asyncio.sleep(DEAF_POLL_S)
            now = time.monotonic()
            if self._is_deaf or now - polled >= POLL_S:
                polled = now
                self._wake(self._all())
            if now - renewed >= RENEW_S:
                renewed = now
                await self._renew()

    async def _renew(self) -> None:
        """Renew the marks of what is followed, and end the calls whose credential has ended."""
        of_schema: dict[str, list[Place]] = {}
        for one in self._all():
            of_schema.setdefault(one.follow.schema, []).append(one)
        for schema, places in of_schema.items():
            try:
                for one in await self.run(schema, _ended, places):
                    one.refuse()
            except Exception:
                logger.warning("what is followed can't be renewed now", exc_info=True)


def _name(place: Place) -> tuple[str, int]:
    return place.follow.schema, place.follow.ask.conversation_id


def _inside(schema: str, work: Callable[..., Any], *args: Any) -> Any:
    with schema_context(schema):
        try:
            return work(*args)
        finally:
            release_connection()


def _ended(places: Sequence[Place]) -> list[Place]:
    """Renew the marks of calls that wait; return those that may not go on."""
    now = timezone.now()
    following.renew(
        sorted({one.follow.ask.conversation_id for one in places}),
        now=now,
        with_steps=[
            one.follow.ask.conversation_id for one in places if one.follow.listener.hears_steps
        ],
    )
    listeners = {one.follow.listener for one in places}
    good = {
        one
        for kind in {type(one) for one in listeners}
        for one in kind.good([one for one in listeners if type(one) is kind], now=now)
    }
    return [one for one in places if one.follow.listener not in good]
