"""Processes are killed while bursts come in: is anything lost, answered twice or out of order?

    python -m bench.chaos [--bursts 500] [--seed 1] [--kill worker,web,dispatcher,knowledge]

Real processes, three tenants, a model and a bridge on loopback. Each message carries a token that
the model repeats, so a reply shows which messages it answers. A journal holds what was answered
with 200; only that counts as taken. A nemesis kills -9 a process every six seconds or so: the
leader of a program or one of its children, or an embedded server (`postgres`, `valkey`).

Recovery of a kill: the longest that a burst which was due around it waited for its reply, beyond
the model's own time.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bench import business, harness
from config import embedded
from tests.fakes.bridge import FakeBridge, Sent
from tests.stack import Stack

QUIET_S = 0.5
MODEL_S = 0.3
N_CONTACTS = 40
"""For each tenant: enough that a contact's next burst comes after the answer to the one before."""

RECOVERY_S = 10.0
AROUND_S = 3.0
GIVE_UP_S = 90.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bursts", type=int, default=500)
    parser.add_argument("--rate", type=float, default=4.0, help="bursts begun in a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=6.0, help="seconds between two kills")
    parser.add_argument(
        "--kill",
        default="worker,web,dispatcher,knowledge",
        help="what the nemesis kills, also postgres and valkey; empty for a calm run",
    )


@dataclass
class Burst:
    """What one contact wrote in one go."""

    tenant: business.Tenant
    phone: str
    tokens: list[str]
    taken_at: float = 0.0  # when the last of its messages was answered with 200


@dataclass
class Journal:
    """What happened, in unix seconds."""

    bursts: list[Burst] = field(default_factory=list)
    kills: list[tuple[float, str]] = field(default_factory=list)
    n_refused: int = 0


def write(burst: Burst, *, rng: random.Random, journal: Journal) -> None:
    """Post a burst as the bridge does: at once, some twice, some reversed, until each is taken."""
    at = time.time()
    order = list(enumerate(burst.tokens))
    if rng.random() < 0.2:
        order.reverse()
    for place, token in order:
        text = f"{business.QUESTION} {token}"
        ref = token.upper()
        for _ in range(2 if rng.random() < 0.2 else 1):
            while burst.tenant.write(burst.phone, text, ref=ref, at=at - len(order) + place) != 200:
                journal.n_refused += 1
                time.sleep(0.3)
        burst.taken_at = time.time()


def feed(journal: Journal, *, rate: float, seed: int) -> None:
    """Write all bursts at their pace."""
    began = time.monotonic()
    with ThreadPoolExecutor(64) as pool:
        for number, burst in enumerate(journal.bursts):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            pool.submit(write, burst, rng=random.Random(seed * 1000 + number), journal=journal)


class Nemesis(threading.Thread):
    """Kills a process now and then until it is stopped."""

    def __init__(self, stack: Stack, journal: Journal, options: argparse.Namespace) -> None:
        super().__init__(daemon=True)
        self.stack, self.journal, self.every_s = stack, journal, options.every
        self.kinds = [kind for kind in options.kill.split(",") if kind]
        self.rng = random.Random(options.seed)
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(self.every_s * self.rng.uniform(0.5, 1.5)):
            kind = self.rng.choice(self.kinds)
            pid = self._server(kind) if kind in ("postgres", "valkey") else self._process(kind)
            if pid is None:
                continue
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            self.journal.kills.append((time.time(), kind))

    def _server(self, kind: str) -> int | None:
        status = embedded.status(self.stack.data_dir)
        return status.postgres_pid if kind == "postgres" else status.valkey_pid

    def _process(self, kind: str) -> int | None:
        leaders = [pid for name, pid in self.stack.pids().items() if name.startswith(kind)]
        if not leaders:
            return None
        leader = self.rng.choice(leaders)
        listed = subprocess.run(
            ["pgrep", "-g", str(leader)], capture_output=True, text=True, check=False
        )
        return self.rng.choice([int(pid) for pid in listed.stdout.split()] or [leader])


@dataclass
class Verdict:
    """What the checker found."""

    lost: list[str]
    twice: list[str]
    inversions: list[str]
    n_repeats: int
    waits: list[float]
    recoveries: list[float]


def check(journal: Journal, sent: list[Sent]) -> Verdict:
    """Hold the bridge's log against the journal."""
    first: dict[str, Sent] = {}
    for one in sorted(sent, key=lambda one: one.at):
        first.setdefault(one.ref, one)
    answered: dict[str, list[Sent]] = defaultdict(list)
    by_contact: dict[tuple[str, str], list[list[str]]] = defaultdict(list)
    for one in first.values():
        found = business.tokens(one.body)
        by_contact[one.token, one.phone].append(found)
        for token in found:
            answered[token].append(one)
    tokens = [token for burst in journal.bursts for token in burst.tokens]
    place = {token: number for number, token in enumerate(tokens)}
    inversions = []
    for contact, replies in by_contact.items():
        flat = [place[token] for reply in replies for token in sorted(reply, key=place.__getitem__)]
        if flat != sorted(flat):
            inversions.append(f"{contact}: {replies}")
    dues, waits = [], []
    for burst in journal.bursts:
        replies = [one.at for token in burst.tokens for one in answered[token]]
        if replies:
            dues.append(burst.taken_at + QUIET_S)
            waits.append(max(0.0, max(replies) - dues[-1] - MODEL_S))
    recoveries = [
        max(near)
        for at, _ in journal.kills
        if (near := [w for due, w in zip(dues, waits, strict=True) if abs(due - at) < AROUND_S])
    ]
    return Verdict(
        lost=[token for token in tokens if not answered[token]],
        twice=[token for token in tokens if len(answered[token]) > 1],
        inversions=inversions,
        n_repeats=len(sent) - len(first),
        waits=waits,
        recoveries=recoveries,
    )


def measure(options: argparse.Namespace) -> list[harness.Measure]:
    """Run the whole drill and return its figures."""
    rng = random.Random(options.seed)
    journal = Journal()
    with (
        FakeBridge() as bridge,
        business.TokenLLM(delay_s=MODEL_S) as llm,
        Stack(n_workers=2) as stack,
    ):
        stack.watch_servers()
        stack.start("web", "dispatcher", "knowledge", "worker1", "worker2")
        tenants = [
            business.set_up(stack, bridge, slug=f"chaos{n}", quiet_s=QUIET_S, llm_url=llm.base_url)
            for n in range(3)
        ]
        number = iter(range(10**6))
        for n in range(options.bursts):
            phone = f"55119{(n // len(tenants)) % N_CONTACTS:08d}"
            tokens = [business.token(next(number)) for _ in range(rng.randint(1, 4))]
            journal.bursts.append(Burst(tenants[n % len(tenants)], phone, tokens))
        nemesis = Nemesis(stack, journal, options)
        if nemesis.kinds:
            nemesis.start()
        feed(journal, rate=options.rate, seed=options.seed)
        nemesis.stopped.set()
        deadline = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline and check(journal, list(bridge.sent)).lost:
            time.sleep(0.5)
        time.sleep(2)  # a second answer would come now
        found = check(journal, list(bridge.sent))
        people = [row for tenant in tenants for row in left_to_people(stack, tenant.slug)]
        if found.lost or found.twice or found.inversions:
            print(stack.log.read_text(encoding="utf-8")[-20_000:])
            print("lost", found.lost, "twice", found.twice, "inversions", found.inversions)
    killed = ", ".join(f"{n} {kind}" for kind, n in Counter(k for _, k in journal.kills).items())
    return [
        harness.none_of("messages lost", len(found.lost), f"seed {options.seed}; killed {killed}"),
        harness.none_of("messages answered twice", len(found.twice)),
        harness.none_of("replies out of order", len(found.inversions)),
        harness.none_of("conversations left to people", len(people), str(Counter(people))),
        harness.told("webhooks refused and repeated", journal.n_refused, ""),
        harness.told("sends repeated under one id", found.n_repeats, ""),
        harness.told("wait for a reply p50", harness.percentile(found.waits, 0.5), "s"),
        harness.told("wait for a reply p95", harness.percentile(found.waits, 0.95), "s"),
        harness.at_most(
            "recovery p95", harness.percentile(found.recoveries, 0.95), RECOVERY_S, "s"
        ),
        harness.told("recovery max", max(found.recoveries, default=0.0), "s"),
    ]


def left_to_people(stack: Stack, slug: str) -> list[str]:
    """Return why conversations of a tenant were left to people."""
    rows = stack.rows(
        f"select mode_reason from t_{slug}.conversations_conversation where mode = 'human'"
    )
    return [str(row[0]) for row in rows]


if __name__ == "__main__":
    harness.main("chaos", __doc__, measure, arguments=arguments)
