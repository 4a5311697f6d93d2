"""200 conversations wait for a model that takes two seconds: how long until all are answered?

    python -m bench.waiting [--conversations 200] [--model-s 2]

All bursts become due at one instant; the ideal is the model's own time, as if nothing else took
any. Real web, dispatcher and two Celery workers of threads; the database's connections are sampled
meanwhile, and every reply is counted.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bench import business, harness
from tests.fakes.bridge import FakeBridge
from tests.fakes.http import wait_until
from tests.stack import Stack

LIMIT = 1.5
MAX_CONNECTIONS = 20
QUIET_S = 5.0
"""How long nobody has written when all become due, in seconds: a device's quiet window if nothing
else is set. What is prepared for an answer is prepared in it."""

FAR_S = 60.0
"""The quiet window: longer than it takes to write all messages."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--model-s", type=float, default=2.0, help="how long the model takes (s)")


@dataclass
class Sampler:
    """Counts the database's connections by the program that holds them, five times a second.

    Who holds a connection is looked up once for each: it costs time that the programs need.
    """

    stack: Stack
    peak: Counter[str] = field(default_factory=Counter)
    _holders: dict[int, str] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Sampler:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with psycopg.connect(self.stack.servers.database_url, autocommit=True) as connection:
            while not self._stop.wait(0.2):
                rows = connection.execute(
                    "select client_port from pg_stat_activity"
                    " where datname = current_database() and client_port is not null"
                ).fetchall()
                ports = {port for (port,) in rows}
                if not ports <= self._holders.keys():
                    self._holders |= dict.fromkeys(ports - self._holders.keys(), "other")
                    self._holders |= port_holders(self.stack.pids())
                now = Counter(self._holders[port] for port in ports)
                now["workers"] = sum(n for name, n in now.items() if name.startswith("worker"))
                self.peak |= now


def port_holders(pids: Mapping[str, int]) -> dict[int, str]:
    """Return the local TCP ports of programs: port -> name; nothing without /proc."""
    ports = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ports[f"socket:[{fields[9]}]"] = int(fields[1].rpartition(":")[2], 16)
    held = {}
    for name, pid in pids.items():
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            with suppress(OSError):
                if (port := ports.get(os.readlink(link))) is not None:
                    held[port] = name
    return held


def measure(options: argparse.Namespace) -> list[harness.Measure]:
    n, model_s = options.conversations, options.model_s
    with (
        FakeBridge() as bridge,
        business.TokenLLM(delay_s=model_s) as llm,
        Stack(n_workers=2) as stack,
    ):
        stack.start("web", "dispatcher", "knowledge", "worker1", "worker2")
        tenant = business.set_up(stack, bridge, slug="bench", quiet_s=FAR_S, llm_url=llm.base_url)
        drain(stack, bridge, tenant, n=20, run="warm")
        with Sampler(stack) as sampler:
            took = drain(stack, bridge, tenant, n=n, run="real")
        replies = Counter(ref for one in bridge.sent for ref in business.tokens(one.body))
        n_asked = len(llm.prompts)
    return [
        harness.at_most(
            f"{n} conversations waiting {model_s:g} s on a model",
            max(took),
            model_s,
            "s",
            LIMIT,
            note=f"answered p50 {harness.percentile(took, 0.5):.2f},"
            f" p95 {harness.percentile(took, 0.95):.2f} s after due; {n_asked - 20} model calls",
        ),
        harness.at_most(
            "  database connections of the workers",
            sampler.peak["workers"],
            MAX_CONNECTIONS,
            "",
            note=f"beside {sampler.peak['dispatcher']} of the dispatcher",
        ),
        harness.none_of("  answered twice", sum(one > 1 for one in replies.values())),
        harness.none_of("  not answered", n + 20 - len(replies)),
    ]


def drain(
    stack: Stack, bridge: FakeBridge, tenant: business.Tenant, *, n: int, run: str
) -> list[float]:
    """Let `n` contacts ask, make all due at one instant; return seconds from it to each reply."""
    start = 1000 if run == "real" else 0
    phones = [f"5519{start + number:08d}" for number in range(n)]
    for number, phone in enumerate(phones):
        question = f"{business.QUESTION} {business.token(start + number)}"
        tenant.write(phone, question, ref=f"{run}-{number}")
    wait_until(
        lambda: stack.rows("select count(*) from tenants_timer where kind = 'turn'")[0][0] == n,
        seconds=FAR_S / 2,
    )
    due_at = float(
        stack.rows(
            "update tenants_timer set due_at = moment from (select clock_timestamp()"
            " + make_interval(secs => %s) as moment) one where kind = 'turn'"
            " returning extract(epoch from due_at)",
            QUIET_S,
        )[0][0]
    )
    deadline = time.monotonic() + FAR_S
    while not all(map(bridge.sent_to, phones)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return [one.at - due_at for phone in phones for one in bridge.sent_to(phone)[:1]]


if __name__ == "__main__":
    harness.main("waiting", __doc__, measure, arguments=arguments)
