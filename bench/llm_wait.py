"""Conversations that wait for a model, against a bare asyncio client that waits for the same one.

    python -m bench.llm_wait [--conversations 200] [--model-s 2]

The client does nothing but call the model: no database, no search, no check, nobody to answer. Both
run on the same machine one after the other, all calls due at one instant. Beside the throughput it
is counted how many conversations one worker process has in flight, and what memory it takes.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from bench import business, harness, waiting
from tests.fakes.bridge import FakeBridge
from tests.stack import Stack

LEAST_THROUGHPUT = 0.8
MAX_OVERHEAD_S = 0.5


@dataclass
class InFlight:
    """Counts each worker's connections to the model's port, five times a second."""

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
        while not self._stop.wait(0.2):
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


async def bare(url: str, n: int) -> list[float]:
    """Call the model `n` times at once; return seconds from the start to each answer."""
    message = {"role": "user", "content": business.QUESTION}
    body = {"model": "fake-1", "messages": [message]}
    limits = httpx2.Limits(max_connections=n, max_keepalive_connections=n)
    async with httpx2.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:
        began = time.monotonic()

        async def call() -> float:
            answer = await client.post(f"{url}/chat/completions", json=body)
            answer.raise_for_status()
            return time.monotonic() - began

        return await asyncio.gather(*(call() for _ in range(n)))


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--model-s", type=float, default=2.0, help="how long the model takes (s)")


def measure(options: argparse.Namespace) -> list[harness.Measure]:
    n, model_s = options.conversations, options.model_s
    with (
        FakeBridge() as bridge,
        business.TokenLLM(delay_s=model_s) as llm,
        Stack(n_workers=2) as stack,
    ):
        stack.start("web", "dispatcher", "knowledge", "worker1", "worker2")
        tenant = business.set_up(
            stack, bridge, slug="bench", quiet_s=waiting.FAR_S, llm_url=llm.base_url
        )
        waiting.drain(stack, bridge, tenant, n=20, run="warm")
        asyncio.run(bare(llm.base_url, 20))
        alone = asyncio.run(bare(llm.base_url, n))
        with waiting.Sampler(stack) as sampler, InFlight(stack, llm.port) as flight:
            took = waiting.drain(stack, bridge, tenant, n=n, run="real")
    overheads = [seconds - model_s for seconds in took]
    return [
        harness.at_least(
            f"{n} conversations waiting {model_s:g} s: answers a second",
            n / max(took),
            n / max(alone),
            "/s",
            LEAST_THROUGHPUT,
            note=f"the last after {max(took):.2f} s, of the bare client after {max(alone):.2f} s",
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
        harness.none_of("  not answered", n - len(took)),
    ]


if __name__ == "__main__":
    harness.main("llm_wait", __doc__, measure, arguments=arguments)
