"""200 conversations wait for a model at once, against a bare asyncio client that keeps 200 waiting.

    python -m bench.llm_wait [--at-once 200] [--conversations 1000] [--model-s 2]

They come evenly over the time that the model takes; then as soon as one is answered the next one
becomes due, so that as many wait as before. What counts is the work that is done while others wait.
The client does nothing but call the model: no database, no search, no check, nobody to answer. Both
run on the same machine one after the other. Beside the throughput it is counted how many
conversations one worker process has in flight, and what memory it takes. What happens when all
become due at one instant is measured by `bench.waiting`.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psycopg
import redis

from bench import business, harness, waiting
from tests.fakes.bridge import FakeBridge
from tests.fakes.http import wait_until
from tests.stack import Stack

LEAST_THROUGHPUT = 0.8
MAX_OVERHEAD_S = 0.5
PART = 100
"""Conversations that are written before it is waited for the vectors of their questions."""

N_WARM = 20
FIRST = 10_000
"""The number of the first one, beyond those that only warm up."""

MOST_S = 120.0
"""After this nobody is waited for any more."""


@dataclass
class InFlight:
    """Counts each worker's connections to the model's port, once a second: it costs time too."""

    stack: Stack
    port: int
    peak: Counter[str] = field(default_factory=Counter)
    memory_mb: dict[str, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> InFlight:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            pids = {k: pid for k, pid in self.stack.pids().items() if k.startswith("worker")}
            holders = waiting.port_holders(pids)
            self.peak |= Counter(
                holders[local] for local in ports_to(self.port) if local in holders
            )
            for name, mb in resident_mb(pids).items():
                self.memory_mb[name] = max(mb, self.memory_mb.get(name, 0.0))


def ports_to(port: int) -> list[int]:
    """Return the local ports of this machine's open connections to a port of loopback."""
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        is_open = fields[3] == "01"
        if is_open and int(fields[2].rpartition(":")[2], 16) == port:
            found.append(int(fields[1].rpartition(":")[2], 16))
    return found


def resident_mb(pids: Mapping[str, int]) -> dict[str, float]:
    """Return the resident memory of programs in MB."""
    found = {}
    for name, pid in pids.items():
        status = Path(f"/proc/{pid}/status")
        if status.exists():
            line = next(one for one in status.read_text().splitlines() if one.startswith("VmRSS"))
            found[name] = int(line.split()[1]) / 1024
    return found


async def bare(url: str, n: int, *, at_once: int, model_s: float) -> float:
    """Call the model `n` times, `at_once` at a time; return seconds from the start to the end."""
    message = {"role": "user", "content": business.QUESTION}
    body = {"model": "fake-1", "messages": [message]}
    limits = httpx2.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    places = asyncio.Semaphore(at_once)
    async with httpx2.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:
        began = time.monotonic()

        async def call(number: int) -> None:
            await asyncio.sleep(model_s * min(number / at_once, 1))
            async with places:
                answer = await client.post(f"{url}/chat/completions", json=body)
                answer.raise_for_status()

        await asyncio.gather(*(call(number) for number in range(n)))
        return time.monotonic() - began


@dataclass
class Rounds:
    """Conversations whose burst is over, and which are made due as others are answered."""

    stack: Stack
    bridge: FakeBridge
    tenant: business.Tenant
    due_at: dict[str, float] = field(default_factory=dict)
    """Phone -> when its answer became due, unix seconds."""

    def write(self, n: int) -> None:
        """Let `n` contacts ask, and wait until their questions are embedded.

        That is done in a contact's quiet window, which all of these have behind them.
        """
        for number in range(n):
            text = f"{business.QUESTION} {business.token(FIRST + number)}"
            self.tenant.write(_phone(number), text, ref=f"round-{number}")
            if number + 1 == n or (number + 1) % PART == 0:
                self._put_off(number + 1)

    def _put_off(self, n: int) -> None:
        """Wait until `n` are gathered, and make none of them due before it is told to be."""
        count = "select count(*) from tenants_timer where kind = 'turn'"
        wait_until(lambda: self.stack.rows(count)[0][0] == n, seconds=waiting.FAR_S / 2)
        self.stack.rows(
            "update tenants_timer set due_at = now() + interval '1 day' where kind = 'turn'"
        )
        wait_until(lambda: self._n_embedded() >= n + N_WARM, seconds=waiting.FAR_S)

    def _n_embedded(self) -> int:
        with redis.Redis.from_url(self.stack.servers.redis_url) as broker:
            return sum(1 for _ in broker.scan_iter(match="prosa:vector:*", count=1000))

    def run(self, *, at_once: int, model_s: float) -> list[float]:
        """Keep `at_once` under way, coming evenly over the first `model_s` seconds.

        Returns seconds from due to answered for each, in the order of the answers.
        """
        phones = {phone: ref for ref, phone in self._phones()}
        left = sorted(phones)
        answered: dict[str, float] = {}
        n_seen = len(self.bridge.sent)
        began = time.monotonic()
        with psycopg.connect(self.stack.servers.database_url, autocommit=True) as connection:

            def is_over() -> bool:
                nonlocal left, n_seen
                for one in self.bridge.sent[n_seen:]:
                    answered.setdefault(one.phone, one.at)
                    n_seen += 1
                n_most = round(at_once * min((time.monotonic() - began) / model_s, 1))
                n_free = max(0, n_most - (len(self.due_at) - len(answered)))
                now_due, left = left[:n_free], left[n_free:]
                self._make_due(connection, {phones[phone]: phone for phone in now_due})
                return len(answered) == len(phones)

            with suppress(AssertionError):  # who was not answered in time is counted
                wait_until(is_over, seconds=MOST_S)
        return [at - self.due_at[phone] for phone, at in answered.items()]

    def _make_due(self, connection: psycopg.Connection, phone_of: Mapping[int, str]) -> None:
        if phone_of:
            rows = connection.execute(
                "update tenants_timer set due_at = clock_timestamp() where kind = 'turn'"
                " and ref = any(%s) returning ref, extract(epoch from due_at)",
                [list(phone_of)],
            )
            self.due_at |= {phone_of[ref]: float(at) for ref, at in rows}

    def _phones(self) -> list[tuple[int, str]]:
        """Return the conversations that wait, with the phones of their contacts."""
        return self.stack.rows(  # type: ignore[return-value]
            "select t.ref, a.value from tenants_timer t"
            f" join t_{self.tenant.slug}.conversations_conversation c on c.id = t.ref"
            f" join t_{self.tenant.slug}.conversations_contactaddress a using (contact_id)"
            " where t.kind = 'turn' and a.kind = 'phone'"
        )


def _phone(number: int) -> str:
    return f"5521{number:08d}"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--at-once", type=int, default=200, help="conversations that wait")
    parser.add_argument("--conversations", type=int, default=1000, help="in all")
    parser.add_argument("--model-s", type=float, default=2.0, help="how long the model takes (s)")


def measure(options: argparse.Namespace) -> list[harness.Measure]:
    n, at_once, model_s = options.conversations, options.at_once, options.model_s
    with (
        FakeBridge() as bridge,
        business.TokenLLM(delay_s=model_s) as llm,
        Stack(n_workers=2) as stack,
    ):
        stack.start("web", "dispatcher", "knowledge", "worker1", "worker2")
        tenant = business.set_up(
            stack, bridge, slug="bench", quiet_s=waiting.FAR_S, llm_url=llm.base_url
        )
        waiting.drain(stack, bridge, tenant, n=N_WARM, run="warm")
        asyncio.run(bare(llm.base_url, N_WARM, at_once=N_WARM, model_s=model_s))
        alone_s = asyncio.run(bare(llm.base_url, n, at_once=at_once, model_s=model_s))
        rounds = Rounds(stack, bridge, tenant)
        rounds.write(n)
        with waiting.Sampler(stack) as sampler, InFlight(stack, llm.port) as flight:
            began = time.monotonic()
            took = rounds.run(at_once=at_once, model_s=model_s)
            took_s = time.monotonic() - began
        replies = Counter(ref for one in bridge.sent for ref in business.tokens(one.body))
    overheads = [seconds - model_s for seconds in took]
    return [
        harness.at_least(
            f"{at_once} conversations waiting {model_s:g} s: answers a second",
            len(took) / took_s,
            n / alone_s,
            "/s",
            LEAST_THROUGHPUT,
            note=f"{n} after {took_s:.1f} s, of the bare client after {alone_s:.1f} s",
        ),
        harness.at_most(
            "  p95 beyond the model",
            harness.percentile(overheads, 0.95),
            MAX_OVERHEAD_S,
            "s",
            note=f"p50 {harness.percentile(overheads, 0.5):.2f} s",
        ),
        harness.at_most(
            "  database connections of the workers",
            sampler.peak["workers"],
            waiting.MAX_CONNECTIONS,
            "",
        ),
        harness.told(
            "  in flight in one worker process",
            max(flight.peak.values(), default=0),
            "",
            note=", ".join(f"{name} {count}" for name, count in sorted(flight.peak.items())),
        ),
        harness.told("  memory of a worker", max(flight.memory_mb.values(), default=0.0), "MB"),
        harness.none_of("  answered twice", sum(one > 1 for one in replies.values())),
        harness.none_of("  not answered", n - len(took)),
    ]


if __name__ == "__main__":
    harness.main("llm_wait", __doc__, measure, arguments=arguments)
