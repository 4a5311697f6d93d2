"""Kill the product's processes while contacts write, and check every acknowledged message.

    python -m bench.chaos --bursts 500 --seed 1 --kill worker,web,dispatcher,knowledge
    python -m bench.chaos --bursts 100 --kill postgres,valkey --every 6,12

The installation is `manage.py stack` on a data directory of its own. Contacts of three tenants
write bursts of 1 to 4 messages; one webhook in five is posted twice and some bursts in reverse.
The bridge insists, as WuzAPI does, until it is answered 200. A nemesis kills a process with
SIGKILL every so often; who and when follows from the seed. The model is a loopback server that
repeats the tokens of the messages it was asked about, so that each reply says what it answers.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import business, checker, harness
from bench.checker import Message
from config import embedded
from config.processes import BASE_DIR
from tests.fakes.bridge import FakeBridge
from tests.stack import Stack

TENANTS = ("norte", "sul", "leste")
CONVERSATIONS = 20  # of each tenant
QUIET_S = 0.5
SHARE_TWICE, SHARE_REVERSED = 0.2, 0.15
INSIST_EVERY_S = 0.3
GIVE_UP_S = 60.0
RECOVERY_S = 10.0
SERVERS = ("postgres", "valkey")
KINDS = ("worker", "web", "dispatcher", "knowledge", *SERVERS)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bursts", type=int, default=500)
    parser.add_argument("--rate", type=float, default=4.0, help="bursts a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--kill", default="worker,web,dispatcher,knowledge", help=f"of {', '.join(KINDS)}; or none"
    )
    parser.add_argument("--every", default="2,6", help="pause between kills: least,most (s)")
    parser.add_argument("--model-s", type=float, default=0.3, help="how long the model takes (s)")


@dataclass
class Burst:
    """Messages of one contact, posted in this order from `starts_s` on."""

    tenant: business.Tenant
    phone: str
    starts_s: float
    messages: list[Message]


def measure(options: argparse.Namespace) -> list[harness.Measure]:
    chance = random.Random(options.seed)
    kinds = [kind for kind in options.kill.split(",") if kind != "none"]
    if unknown := set(kinds) - set(KINDS):
        sys.exit(f"--kill knows none of: {', '.join(sorted(unknown))}")
    with (
        FakeBridge() as bridge,
        business.TokenLLM(delay_s=options.model_s) as llm,
        Stack(n_workers=2) as stack,
    ):
        running = start(stack)
        try:
            tenants = [
                business.set_up(stack, bridge, slug=slug, quiet_s=QUIET_S, llm_url=llm.base_url)
                for slug in TENANTS
            ]
            bursts = plan(chance, tenants, n=options.bursts, rate=options.rate)
            harness.say(f"seed {options.seed}: {options.bursts} bursts, killing {options.kill}")
            nemesis = Nemesis(
                stack=stack,
                root=running.pid,
                kinds=kinds,
                every=[float(one) for one in options.every.split(",")],
                chance=chance,
            )
            with nemesis:
                write(bursts, chance)
            messages = [message for burst in bursts for message in burst.messages]
            wait_for_answers(bridge, messages)
            is_whole = all(map(nemesis.find, {"worker", "web", "dispatcher", "knowledge"}))
            people = [reason for slug in TENANTS for reason in left_to_people(stack, slug)]
            parked = stack.rows("select count(*) from tenants_inboxentry where parked_reason <> ''")
        finally:
            running.terminate()
            running.wait()
        findings = checker.check(messages, bridge.sent, tokens=business.tokens)
        keep_evidence(stack, options.seed, nemesis, messages, bridge, findings)
    n_acked = sum(message.acked_at is not None for message in messages)
    return [
        *verdicts(findings, n_acked=n_acked),
        harness.none_of("conversations left to people", len(people), ", ".join(set(people))),
        harness.none_of("inbox entries parked", int(parked[0][0])),
        harness.none_of("processes that did not come back", int(not is_whole)),
        *recovery(nemesis, messages, findings, model_s=options.model_s),
    ]


def start(stack: Stack) -> subprocess.Popen[bytes]:
    """Start the whole installation as `make run` does; returns when it is ready."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "stack", "--no-simulator", "--port", str(stack.port)],
        cwd=BASE_DIR,
        env={**os.environ, **stack.env},
        stdout=stack.log.open("ab"),
        stderr=subprocess.STDOUT,
    )
    while "READY" not in stack.log.read_text():
        if process.poll() is not None:
            raise RuntimeError(f"stack ended:\n{stack.log.read_text()[-3000:]}")
        time.sleep(0.1)
    return process


def plan(
    chance: random.Random, tenants: Sequence[business.Tenant], *, n: int, rate: float
) -> list[Burst]:
    """Return what is written by whom, and when."""
    people = [
        (tenant, f"5519{place}{number:07d}")
        for place, tenant in enumerate(tenants)
        for number in range(CONVERSATIONS)
    ]
    next_seq: Counter[str] = Counter()
    bursts = []
    for number in range(n):
        tenant, phone = chance.choice(people)
        conversation = f"{tenant.bridge_token} {phone}"
        messages = []
        for _ in range(chance.randint(1, 4)):
            next_seq[conversation] += 1
            token = business.token(sum(next_seq.values()))
            messages.append(Message(token, conversation, next_seq[conversation]))
        if chance.random() < SHARE_REVERSED:
            messages.reverse()
        bursts.append(Burst(tenant, phone, number / rate, messages))
    return bursts


def write(bursts: Sequence[Burst], chance: random.Random) -> None:
    """Let every contact write in a thread of its own, one burst after the other."""
    began = time.time()
    people: dict[tuple[str, str], list[Burst]] = {}
    for burst in bursts:
        people.setdefault((burst.tenant.slug, burst.phone), []).append(burst)
    threads = [
        threading.Thread(target=_write_all, args=(own, began, random.Random(chance.random())))
        for own in people.values()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _write_all(bursts: Sequence[Burst], began: float, chance: random.Random) -> None:
    for burst in bursts:
        time.sleep(max(0.0, began + burst.starts_s - time.time()))
        for message in burst.messages:
            _insist(burst, message, began, is_twice=chance.random() < SHARE_TWICE)
            time.sleep(chance.uniform(0.02, 0.2))
        due_at = max(one.acked_at or 0.0 for one in burst.messages) + QUIET_S
        for message in burst.messages:
            message.due_at = due_at


def _insist(burst: Burst, message: Message, began: float, *, is_twice: bool) -> None:
    message.first_sent_at = time.time()
    # The phone's clock, in whole seconds: it alone tells the order of a burst that came reversed.
    written_at = began - 300 + message.seq

    def post() -> bool:
        return (
            burst.tenant.write(
                burst.phone,
                f"{business.QUESTION} {message.token}",
                ref=f"WA{message.token.upper()}",
                at=written_at,
            )
            == 200
        )

    twin = threading.Thread(target=post) if is_twice else None
    if twin is not None:
        twin.start()
    while time.time() < message.first_sent_at + GIVE_UP_S:
        if post():
            message.acked_at = time.time()
            break
        time.sleep(INSIST_EVERY_S)
    if twin is not None:
        twin.join()


class Nemesis:
    """Kills a process now and then, until its block ends."""

    def __init__(
        self,
        *,
        stack: Stack,
        root: int,
        kinds: Sequence[str],
        every: Sequence[float],
        chance: random.Random,
    ) -> None:
        self.kills: list[tuple[float, str, int]] = []
        self._stack, self._root, self._kinds, self._every = stack, root, kinds, every
        self._chance = random.Random(chance.random())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Nemesis:
        if self._kinds:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._kinds:
            self._thread.join()

    def find(self, kind: str) -> list[int]:
        """Return the processes of a kind; waits a while for one to come back."""
        for _ in range(100):
            if found := self._find(kind):
                return found
            time.sleep(0.1)
        return []

    def _run(self) -> None:
        while not self._stop.wait(self._chance.uniform(*self._every)):
            kind = self._chance.choice(self._kinds)
            if pids := self._find(kind):
                pid = self._chance.choice(pids)
                os.kill(pid, signal.SIGKILL)
                self.kills.append((time.time(), kind, pid))

    def _find(self, kind: str) -> list[int]:
        if kind in SERVERS:
            status = embedded.status(self._stack.data_dir)
            pid = status.postgres_pid if kind == "postgres" else status.valkey_pid
            return [] if pid is None else [pid]
        return sorted(pid for pid, own in _descendants(self._root).items() if own == kind)


_MARKS = {
    "config.asgi": "web",
    "knowledge@": "knowledge",
    "config.celery": "worker",
    "dispatcher": "dispatcher",
}


def _descendants(root: int) -> dict[int, str]:
    """Return the kinds of the processes below `root`; what a process forked is of its kind."""
    parents: dict[int, int] = {}
    commands: dict[int, str] = {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
            command = (directory / "cmdline").read_bytes().decode(errors="replace")
        except (OSError, IndexError):  # it ended meanwhile
            continue
        parents[int(directory.name)], commands[int(directory.name)] = parent, command
    kinds: dict[int, str] = {}
    for pid in parents:
        above, kind = pid, ""
        while above in parents and above != root:
            kind = kind or next(
                (name for mark, name in _MARKS.items() if mark in commands[above]), ""
            )
            above = parents[above]
        if above == root and kind and commands[pid] and "resource_tracker" not in commands[pid]:
            kinds[pid] = kind
    return kinds


def wait_for_answers(bridge: FakeBridge, messages: Sequence[Message]) -> None:
    """Wait until all is answered, or nothing has been for a long while; then for late doubles."""
    acknowledged = {message.token for message in messages if message.acked_at is not None}
    seen, last_news = -1, time.monotonic()
    while time.monotonic() - last_news < GIVE_UP_S:
        answered = {token for one in list(bridge.sent) for token in business.tokens(one.body)}
        if acknowledged <= answered:
            break
        if len(answered) != seen:
            seen, last_news = len(answered), time.monotonic()
        time.sleep(0.2)
    time.sleep(8)  # longer than any lease: whoever would answer again has done so by now


def left_to_people(stack: Stack, slug: str) -> list[str]:
    """Return why conversations of a tenant were given up."""
    rows = stack.rows(
        f"select mode_reason from t_{slug}.conversations_conversation where mode = 'human'"
    )
    return [str(row[0]) for row in rows]


def verdicts(findings: checker.Findings, *, n_acked: int) -> list[harness.Measure]:
    """Return what must be nothing."""
    return [
        harness.none_of("acknowledged, never answered", len(findings.lost), f"of {n_acked}"),
        harness.none_of(
            "answered twice under two ids",
            len(findings.twice),
            f"{findings.n_replies} replies; {findings.n_repeats} repeats under the same id",
        ),
        harness.none_of("out of order", len(findings.inversions)),
        harness.none_of("sent to somebody else", len(findings.to_strangers)),
        harness.none_of("replies that answer nothing", len(findings.without_token)),
    ]


def recovery(
    nemesis: Nemesis,
    messages: Sequence[Message],
    findings: checker.Findings,
    *,
    model_s: float,
) -> list[harness.Measure]:
    """Return how soon answers came after each kill."""
    kills = [at for at, _, _ in nemesis.kills]
    following = checker.next_answers(kills, messages, findings.answered_at)
    waits = checker.longest_waits(kills, messages, findings.answered_at)
    if not following:
        return []
    counts = Counter(kind for _, kind, _ in nemesis.kills)
    killed = ", ".join(f"{n} {kind}" for kind, n in counts.items())
    return [
        harness.at_most(
            f"recovery p95 after {len(kills)} kills",
            harness.percentile(following, 0.95),
            RECOVERY_S,
            "s",
            note=f"until the next answer; p50 {harness.percentile(following, 0.5):.2f},"
            f" max {max(following):.2f} s; killed {killed}",
        ),
        harness.at_most(
            "  longest wait of a burst due around a kill, p95",
            harness.percentile(waits, 0.95) - model_s,
            RECOVERY_S,
            "s",
            note=f"without the model; p50 {harness.percentile(waits, 0.5) - model_s:.2f},"
            f" max {max(waits, default=0.0) - model_s:.2f} s",
        ),
    ]


def keep_evidence(
    stack: Stack,
    seed: int,
    nemesis: Nemesis,
    messages: Sequence[Message],
    bridge: FakeBridge,
    findings: checker.Findings,
) -> None:
    """Write what happened beside the results, when something went wrong."""
    wrong = {
        "lost": findings.lost,
        "twice": findings.twice,
        "inversions": findings.inversions,
        "without_token": findings.without_token,
        "to_strangers": findings.to_strangers,
    }
    if not any(wrong.values()):
        return
    file = harness.RESULTS.with_name(f"chaos-{seed}.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    evidence = {
        **wrong,
        "kills": nemesis.kills,
        "messages": [asdict(one) for one in messages],
        "sent": [asdict(one) for one in bridge.sent],
        "log": stack.log.read_text(errors="replace").splitlines()[-2000:],
    }
    file.write_text(json.dumps(evidence, indent=1), encoding="utf-8")
    harness.say(f"What went wrong is in {file}")


if __name__ == "__main__":
    harness.main("chaos", __doc__, measure, arguments=arguments)
