"""500 open streams on one web process: what they cost, how late they tell, what a restart loses.

    python -m bench.streams [--streams 500] [--conversations 100]

Each conversation is followed by several streams. All of them are answered again while the streams
are open; then they are asked once more and the web process is killed in the middle of it, and the
streams come back with `Last-Event-ID`. In the end every stream must have told exactly what a new
one tells that begins where it began. Real web, dispatcher and worker; the answers are quoted from
the documents.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import business, harness, waiting
from bench.llm_wait import resident_mb
from tests.fakes.bridge import FakeBridge
from tests.stack import Stack

MAX_KB_A_STREAM = 100.0
MAX_LAG_S = 1.0
MAX_CONNECTIONS = 7
"""Of the database, that the web process may hold: the size of its pool."""

IDLE_S = 20.0
"""Longer than the time after which all look by themselves."""

WITHIN_S = 120.0
HEADS = 65_536


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--conversations", type=int, default=100)


@dataclass
class Follower:
    """A program that follows a conversation, and comes back where it was when it is cut off."""

    port: int
    key: str
    conversation: str
    last: str = ""
    told: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    n_opened: int = 0
    is_open: bool = False
    _writer: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError, ValueError):
                await self._follow()
            self.is_open = False
            await asyncio.sleep(0.5)

    async def _follow(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=HEADS)
        self._writer = writer
        try:
            writer.write(request("GET", f"conversations/{self.conversation}/events/", self))
            status = await head(reader)
            if status != 200:
                raise OSError(status)
            self.n_opened, event = self.n_opened + 1, {}
            while size := int(await reader.readline(), 16):
                chunk = await reader.readexactly(size + 2)
                for line in chunk.decode().splitlines():
                    name, _, value = line.partition(": ")
                    event[name] = value
                    if not line and "event" in event:
                        self._take(event)
                        event = {}
        finally:
            writer.close()

    def _take(self, event: dict[str, str]) -> None:
        self.is_open = True
        if event["event"] == "ready" and self.last:
            return
        self.last = event["id"]
        self.told.append((time.time(), event["event"], json.loads(event["data"])))

    def vanish(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()

    def seen(self) -> Counter[str]:
        return Counter(f"{kind} {data}" for _, kind, data in self.told)


def request(method: str, path: str, follower: Follower, body: Any = None, once: str = "") -> bytes:
    text = b"" if body is None else json.dumps(body).encode()
    lines = [
        f"{method} /api/v1/{path} HTTP/1.1",
        "Host: bench.localhost",
        f"Authorization: Bearer {follower.key}",
        "Content-Type: application/json",
        f"Content-Length: {len(text)}",
    ]
    if follower.last:
        lines.append(f"Last-Event-ID: {follower.last}")
    if once:
        lines.append(f"Idempotency-Key: {once}")
    return "\r\n".join([*lines, "", ""]).encode() + text


async def head(reader: asyncio.StreamReader) -> int:
    text = await reader.readuntil(b"\r\n\r\n")
    return int(text.split(b" ", 2)[1])


async def trigger(caller: Follower, agent: str, thread: str, text: str, once: str) -> str:
    """Have the agent answer in a thread, once; return the conversation."""
    reader, writer = await asyncio.open_connection("127.0.0.1", caller.port)
    try:
        body = {"text": text, "thread": thread}
        writer.write(request("POST", f"agents/{agent}/trigger/", caller, body, once))
        status = await head(reader)
        if status != 202:
            raise OSError(status)
        return str(json.loads(await reader.readuntil(b"}"))["conversation"])
    finally:
        writer.close()


async def until(condition: Callable[[], bool], *, within_s: float = WITHIN_S) -> float:
    """Return after how many seconds something held; that long where it never did."""
    began = time.monotonic()
    while not condition() and time.monotonic() < began + within_s:
        await asyncio.sleep(0.05)
    return time.monotonic() - began


def measure(options: argparse.Namespace) -> list[harness.Measure]:
    limits = {f"API_PER_MINUTE_{name}": "1000000" for name in ("CREDENTIAL", "USER", "TENANT")}
    with FakeBridge() as bridge, Stack(env=limits) as stack:
        stack.use_django()
        stack.start("web", "dispatcher", "knowledge", "worker1")
        business.set_up(stack, bridge, slug="bench", quiet_s=1.0, llm_url="")
        key, agent = credentials()
        return asyncio.run(Run(stack, key, agent, options).measures())


def credentials() -> tuple[str, str]:
    """Return the key of an owner, and the agent that answers."""
    from django_tenants.utils import schema_context

    from agents.models import Agent
    from tests.api.conftest import key_of, person

    with schema_context("t_bench"):
        return key_of(person()), str(Agent.objects.get().uuid)


@dataclass
class Run:
    """One measurement."""

    stack: Stack
    key: str
    agent: str
    options: argparse.Namespace

    async def measures(self) -> list[harness.Measure]:
        n, talks = self.options.streams, self.options.conversations
        self.caller = Follower(self.stack.port, self.key, "")
        places = [await self._ask(number, "bom dia", 0) for number in range(talks)]
        await self._answered(talks)
        before_mb = self._memory()
        followers = [Follower(self.stack.port, self.key, places[i % talks]) for i in range(n)]
        tasks = [asyncio.create_task(one.run()) for one in followers]
        opened_s = await until(lambda: all(one.is_open for one in followers))
        first = [one.last for one in followers]
        cpu = harness.cpu_seconds([self._web()])
        await asyncio.sleep(IDLE_S)
        idle = (harness.cpu_seconds([self._web()]) - cpu) / IDLE_S
        held, listening = self._connections(), self._subscriptions()
        open_mb = self._memory()
        lags = await self._answer_again(followers, talks)
        lost, recovered_s = await self._restart(followers, talks)
        truth = [
            Follower(self.stack.port, self.key, one.conversation, last=last)
            for one, last in zip(followers, first, strict=True)
        ][:talks]
        lost += await self._differ(followers, truth)
        ended_s = await self._end(followers)
        vanished_s = await self._vanish(tasks, followers)
        freed = [self._memory()]
        for _ in range(2):
            tasks = [asyncio.create_task(one.run()) for one in followers]
            await until(lambda: all(one.is_open for one in followers))
            await self._vanish(tasks, followers)
            freed.append(self._memory())
        return [
            harness.told("streams open", n, "", f"all within {opened_s:.1f} s"),
            harness.at_most(
                "  memory of each",
                (open_mb - before_mb) * 1024 / n,
                MAX_KB_A_STREAM,
                "kB",
                note=f"web process {before_mb:.0f} MB before, {open_mb:.0f} MB with all open",
            ),
            harness.at_most("  cores while nothing happens", idle, 0.1, ""),
            harness.at_most("  database connections of the web process", held, MAX_CONNECTIONS, ""),
            harness.at_most("  subscriptions at the broker", listening, 1, ""),
            harness.at_most(
                "  from the commit to the program (p95)",
                harness.percentile(lags, 0.95),
                MAX_LAG_S,
                "s",
                note=f"p50 {harness.percentile(lags, 0.5):.3f}, max {max(lags, default=0):.3f} s,"
                f" {len(lags)} events",
            ),
            harness.told("  all told after the web process was killed", recovered_s, "s"),
            harness.none_of("  events lost or doubled over the restart", lost),
            harness.at_most("  all ended when the web process was asked to end", ended_s, 5.0, "s"),
            harness.told("  places free after all vanished", vanished_s, "s"),
            harness.at_most(
                "  memory after all came and vanished again", freed[2], freed[1], "MB", 1.05
            ),
            harness.none_of("  connections left", self._n_open()),
        ]

    async def _ask(self, number: int, text: str, turn: int) -> str:
        for _ in range(200):
            with suppress(OSError, asyncio.IncompleteReadError):
                thread = f"t-{number}"
                return await trigger(self.caller, self.agent, thread, text, f"{thread}-{turn}")
            await asyncio.sleep(0.2)
        raise RuntimeError("the web process does not answer")

    async def _answered(self, n: int) -> None:
        statement = "select count(*) from t_bench.conversations_turn where status = 'done'"
        await until(lambda: int(self.stack.rows(statement)[0][0]) >= n)

    async def _answer_again(self, followers: Sequence[Follower], talks: int) -> list[float]:
        """Have each conversation answered; return how much later than committed each was told."""
        for number in range(talks):
            await self._ask(number, business.QUESTION, 1)
            await asyncio.sleep(0.1)
        await until(lambda: all(_n_finished(one) >= 1 for one in followers))
        return [
            at - datetime.fromisoformat(data["at"]).timestamp()
            for one in followers
            for at, kind, data in one.told
            if kind in ("gathering", "sent")
        ]

    async def _restart(self, followers: Sequence[Follower], talks: int) -> tuple[int, float]:
        """Kill the web process while all are answered; return how many are told too little."""
        asking = [asyncio.create_task(self._ask(n, business.QUESTION, 2)) for n in range(talks)]
        await asyncio.wait(asking[: talks // 2])
        os.kill(self._web(), signal.SIGKILL)
        await asyncio.wait(asking)
        statement = "select count(*) from t_bench.tenants_timer where kind = 'turn'".replace(
            "t_bench", "public"
        )
        await until(lambda: not self.stack.rows(statement)[0][0])
        took = await until(lambda: all(_n_finished(one) >= 2 for one in followers))
        await asyncio.sleep(2)
        return sum(_n_finished(one) < 2 for one in followers), took

    async def _differ(self, followers: Sequence[Follower], truth: Sequence[Follower]) -> int:
        """Return how many events were told too often or not, against streams that begin anew."""
        tasks = [asyncio.create_task(one.run()) for one in truth]
        # Their first look holds it all.
        await until(lambda: all(_n_finished(one) >= 2 for one in truth))
        await asyncio.sleep(2)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        wanted = {one.conversation: one.seen() for one in truth}
        n_wrong = 0
        for one in followers:
            got, want = one.seen(), Counter(wanted[one.conversation])
            for where in (got, want):
                for name in [name for name in where if name.split()[0] in ("ready", "state")]:
                    del where[name]
            n_wrong += (got - want).total() + (want - got).total()
        return n_wrong

    async def _vanish(self, tasks: list[asyncio.Task[None]], followers: list[Follower]) -> float:
        for one in followers:
            one.vanish()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for one in followers:
            one.is_open = False
        return await until(lambda: self._n_open() == 0, within_s=30)

    async def _end(self, followers: Sequence[Follower]) -> float:
        """Ask the web process to end with all streams open; return how long it takes."""
        process = self._web()
        os.kill(process, signal.SIGTERM)
        took = await until(lambda: not Path(f"/proc/{process}").exists())
        await until(lambda: all(one.is_open for one in followers))
        return took

    def _web(self) -> int:
        return self.stack.pids()["web"]

    def _memory(self) -> float:
        return resident_mb({"web": self._web()})["web"]

    def _connections(self) -> int:
        rows = self.stack.rows(
            "select client_port from pg_stat_activity"
            " where datname = current_database() and client_port is not null"
        )
        held = waiting.port_holders({"web": self._web()})
        return sum(port in held for (port,) in rows)

    def _subscriptions(self) -> int:
        import redis

        from tenants.doorbell import CHANNEL

        with redis.Redis.from_url(self.stack.servers.redis_url) as broker:
            return int(broker.pubsub_numsub(CHANNEL)[0][1])

    def _n_open(self) -> int:
        """Return how many programs are connected to the web process."""
        found = 0
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            is_ours = int(fields[1].rpartition(":")[2], 16) == self.stack.port
            found += is_ours and fields[3] in ("01", "08")  # established, or half closed
        return found


def _n_finished(follower: Follower) -> int:
    return sum(kind == "finished" for _, kind, _ in follower.told)


if __name__ == "__main__":
    harness.main("streams", __doc__, measure, arguments=arguments)
