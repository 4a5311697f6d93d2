"""Break the bridge in every way that its contract knows, and the door to us; count what is lost.

    python -m bench.faults           # about twelve minutes: long outages are cut to one
    python -m bench.faults --full    # their real lengths, 10 and 20 minutes
    python -m bench.faults --only slow,down --contacts 8

Real web, dispatcher and worker processes, and the simulator in front of three businesses; each of
their numbers stands behind a gate that notes every call. One fault after the other hits the first
two, while contacts write all the time; the third is what must not notice. A checker compares what
contacts wrote with what the simulated phones got. Where an outage is cut, the bridge's own waits
are cut by the same factor, so that it gives webhooks up as it would.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench import business, checker, harness
from bench.checker import Message
from bench.gate import Call, Gate
from bench.phones import QUIET_S, Number, Phones
from config.processes import Program, wait_for
from tests.fakes.bridge import Sent
from tests.stack import Stack, free_port

SLUGS = ("norte", "sul", "leste")
SPARED = "leste"
MODEL_S = 0.3
RECOVERY_S = 30.0
STORED_S = 300.0
"""How long after the door is open again what was missed may be missing; seconds."""
PATIENCE_S = 150.0
"""How long answers are waited for after a fault, in seconds, before what is missing counts as lost;
beyond what is promised, so that late and never are told apart."""
KNOWN_AFTER_S = 0.5
"""How long after a failed call began to fail it is known to all; seconds."""
SLOW_AFTER_S = 7.0
"""How long a bridge is slow before that is known; seconds."""
OLD_S = 3 * 24 * 3600.0
FRESH_S = 880.0
"""How late a message may come in and is answered, in seconds: a device's freshness if nothing else
is set, less what it takes to look."""
TRIES = ("/chat/send/", "/chat/history")
"""Calls by which a message is tried: before a repeat the bridge is asked whether it has it."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        length_s: how long, in seconds; `full_s` with ``--full``.
        begin: breaks one number.
        limit_s: within which all must be well again.
        slow_after_s: from when on a number that is slow may make one call at a time; 0 for none.
    """

    name: str
    length_s: float
    full_s: float
    begin: Callable[[World, Number], None]
    limit_s: float = RECOVERY_S
    slow_after_s: float = 0.0
    writes: str = "each"
    is_of_door: bool = False


@dataclass
class World:
    """Everything that runs."""

    stack: Stack
    phones: Phones
    numbers: list[Number]
    door: Gate
    chance: random.Random
    contacts: int
    every_s: float
    n_written: int = 0
    seqs: Counter[str] = field(default_factory=Counter)
    clocks: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def message(self, number: Number, phone: str) -> Message:
        """Return a new message of a contact, not written yet."""
        with self.lock:
            self.n_written += 1
            conversation = f"{number.token} {phone}"
            self.seqs[conversation] += 1
            return Message(business.token(self.n_written), conversation, self.seqs[conversation])

    def tick(self, message: Message) -> float:
        """Return when a message is written, by the clock of its phone: whole seconds, each once."""
        with self.lock:
            latest = self.clocks.get(message.conversation, 0.0)
            self.clocks[message.conversation] = max(latest + 1, int(time.time()) - 5.0)
            return self.clocks[message.conversation]

    def phones_of(self, number: Number) -> list[str]:
        place = SLUGS.index(number.tenant.slug)
        return [f"5519{place}{one:07d}" for one in range(self.contacts)]


def _shut(world: World, number: Number) -> None:
    number.gate.is_shut = True


def _shut_door(world: World, number: Number) -> None:
    world.door.is_shut = True


def _with(**faults: object) -> Callable[[World, Number], None]:
    return lambda world, number: world.phones.break_(number, **faults)


def _nothing(world: World, number: Number) -> None:
    """Nothing breaks: it is the contacts who do something."""


FAULTS = (
    Fault("lost answers", 25, 120, _with(drop_answer_rate=0.05, drop_answer_next=3)),
    Fault("errors 500", 25, 120, _with(fail_next=-1, fail_text="no session")),
    Fault("every third 500", 25, 120, _with(fail_rate=0.33)),
    Fault("duplicates x20", 15, 60, _with(duplicate_webhooks=19, shuffle_s=0.5)),
    Fault("reversed order", 15, 60, _nothing, writes="reversed"),
    Fault("3-day-old backlog", 15, 60, _nothing, writes="old"),
    Fault("slow 20 s", 130, 300, _with(send_delay_s=20.0), slow_after_s=SLOW_AFTER_S),
    Fault("bridge down", 60, 600, _shut),
    Fault("intake down", 60, 1200, _shut_door, limit_s=STORED_S, is_of_door=True),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(one.name for one in FAULTS)
    parser.add_argument("--full", action="store_true", help="outages of real length")
    parser.add_argument("--only", default="", help=f"parts of the names of: {names}")
    parser.add_argument("--contacts", type=int, default=6, help="of each number")
    parser.add_argument(
        "--every",
        type=float,
        help="seconds between two bursts of one: 4, or 20 with --full, where ten minutes pile up",
    )
    parser.add_argument("--seed", type=int, default=1)


def measure(options: argparse.Namespace) -> list[harness.Measure]:
    wanted = [part.strip() for part in options.only.split(",") if part.strip()]
    faults = [one for one in FAULTS if not wanted or any(part in one.name for part in wanted)]
    # The bridge gives up after 450 s: with an outage of 20 minutes cut to one, that is cut, too.
    scale = 1.0 if options.full else FAULTS[-1].length_s / FAULTS[-1].full_s
    measures: list[harness.Measure] = []
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        Gate("") as door,
        business.TokenLLM(delay_s=MODEL_S) as llm,
        Stack(n_workers=2, env={"PUBLIC_BASE_URL": door.url}) as stack,
    ):
        door.target = stack.base_url
        command = [sys.executable, "-m", "channels_whatsapp.simulator", "--no-seed"]
        command += ["--port", str(port), "--admin-token", "admin", "--time-scale", str(scale)]
        stack.keep(Program("simulator", command))
        wait_for(f"{url}/health", timeout_s=30)
        stack.start("web", "dispatcher", "knowledge", "worker1", "worker2")
        numbers = [_set_up(stack, url, slug, llm.base_url) for slug in SLUGS]
        world = World(
            stack=stack,
            phones=Phones(url),
            numbers=numbers,
            door=door,
            chance=random.Random(options.seed),
            contacts=options.contacts,
            every_s=options.every or (20.0 if options.full else 4.0),
        )
        _wait_for_history(world)
        print(_row("fault", *COLUMNS), flush=True)
        for fault in faults:
            measures += _run(world, fault, full=options.full)
        for number in numbers:
            number.gate.__exit__()
        harness.say(f"log kept beside: {_keep_log(stack)}")
    return measures


def _set_up(stack: Stack, url: str, slug: str, llm_url: str) -> Number:
    gate = Gate(url).__enter__()
    tenant = business.set_up(stack, gate, slug=slug, quiet_s=QUIET_S, llm_url=llm_url)
    return Number(tenant, gate)


def _wait_for_history(world: World) -> None:
    """Wait until the watch has found every number, and had its bridge keep a history."""
    until = time.monotonic() + 120
    for number in world.numbers:
        sql = f"select state, caught_up_at from t_{number.tenant.slug}.channels_whatsapp_device"
        while time.monotonic() < until:
            state, caught_up_at = world.stack.rows(sql)[0]
            if state == "connected" and caught_up_at is not None:
                break
            time.sleep(0.5)
        else:
            raise RuntimeError(f"{number.tenant.slug} did not come up")


COLUMNS = (
    "sent",
    "answered",
    "lost",
    "doubled",
    "order",
    "tries/s",
    "back after (p95)",
    "limit",
    "verdict",
)


def _row(*cells: object) -> str:
    widths = (20, 6, 9, 5, 8, 6, 8, 17, 7, 8)
    return "  ".join(str(cell).rjust(width) for cell, width in zip(cells, widths, strict=True))


def _run(world: World, fault: Fault, *, full: bool) -> list[harness.Measure]:
    """Act one fault out and judge what came of it."""
    hit = [one for one in world.numbers if one.tenant.slug != SPARED]
    length_s = fault.full_s if full else fault.length_s
    harness.say(f"{fault.name}: {length_s:.0f} s")
    before = {one.token: len(one.gate.calls) for one in world.numbers}
    began_at = time.time()
    for number in hit:
        fault.begin(world, number)
    messages = _write(world, fault, length_s)
    ended_at = time.time()
    outcomes = world.phones.outcomes(after=began_at)
    for number in hit:
        number.gate.is_shut = False
    world.door.is_shut = False
    world.phones.mend()
    answerable = [one for one in messages if one.due_at]
    stored_at = _wait(world, fault, messages, answerable)
    if fault.is_of_door:
        # Nobody can answer what has not arrived: they are in order as they came in.
        answerable = [one for one in answerable if _is_fresh(one, stored_at)]
        for one in answerable:
            one.acked_at = one.first_sent_at = stored_at.get(one.token, ended_at)
    findings = checker.check(answerable, _own(world, messages), tokens=business.tokens)
    n_repeats = findings.n_repeats
    made = [one.gate.calls[before[one.token] :] for one in hit]
    # A question and the call after it are one try.
    tries = max(
        _tries(calls, fault, began_at, ended_at, only=kind) for calls in made for kind in TRIES
    )
    calls = max(_tries(calls, fault, began_at, ended_at, only="/") for calls in made)
    waits = _recovery(fault, messages, findings, stored_at, began_at, ended_at)
    missing = [one for one in messages if one.token not in stored_at]
    p95 = harness.percentile(waits, 0.95)
    n_lost, n_doubled = len(findings.lost) + len(missing), len(findings.twice) + n_repeats
    n_late = sum(one > fault.limit_s for one in waits)
    unasked = [one for one in messages if not one.due_at and one.token in findings.answered_at]
    checks = [
        harness.none_of(f"{fault.name}: lost", n_lost, f"of {len(messages)}"),
        harness.none_of(f"{fault.name}: doubled", n_doubled, f"{n_repeats} under the same id"),
        harness.none_of(f"{fault.name}: out of order", len(findings.inversions)),
        harness.none_of(f"{fault.name}: old ones answered", len(unasked)),
        harness.at_most(
            f"{fault.name}: tries a second",
            tries,
            1,
            "",
            note=f"of one session; calls of every kind: {calls}",
        ),
        harness.at_most(
            f"{fault.name}: {'stored' if fault.is_of_door else 'answered'} again, p95",
            p95,
            fault.limit_s,
            "s",
            note=f"max {max(waits, default=0.0):.1f} s of {len(waits)}; {n_late} later;"
            f" webhooks {dict(outcomes)}; others' p95 {_spared(messages, findings):.1f} s",
        ),
    ]
    print(
        _row(
            fault.name,
            len(messages),
            len(findings.answered_at),
            n_lost,
            n_doubled,
            len(findings.inversions),
            tries,
            f"{p95:.1f} s",
            f"{fault.limit_s:.0f} s",
            "ok" if all(one.passed for one in checks) else "MISSED",
        ),
        flush=True,
    )
    return checks


def _own(world: World, messages: Sequence[Message]) -> list[Sent]:
    """Return what was sent that answers some messages, and whatever answers none."""
    wanted = {one.token for one in messages}
    return [one for one in world.phones.sent() if wanted & set(business.tokens(one.body))]


def _write(world: World, fault: Fault, length_s: float) -> list[Message]:
    """Let every contact of every number write until the time is over."""
    messages: list[Message] = []
    until = time.monotonic() + length_s

    def live(number: Number, phone: str, chance: random.Random) -> None:
        time.sleep(chance.uniform(0, world.every_s))
        while time.monotonic() < until:
            burst = [world.message(number, phone) for _ in range(chance.randint(1, 2))]
            is_hit = number.tenant.slug != SPARED
            if is_hit and fault.writes == "reversed":
                burst += [world.message(number, phone) for _ in range(2)]
            _burst(world, number, phone, burst, fault.writes if is_hit else "each")
            messages.extend(burst)
            time.sleep(chance.uniform(0.7, 1.3) * world.every_s)

    threads = [
        threading.Thread(target=live, args=(number, phone, random.Random(world.chance.random())))
        for number in world.numbers
        for phone in world.phones_of(number)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return messages


def _burst(world: World, number: Number, phone: str, burst: Sequence[Message], writes: str) -> None:
    """Write some messages; the phone's clock, in whole seconds, tells their order."""
    written_at = {one.token: world.tick(one) for one in burst}
    for message in reversed(burst) if writes == "reversed" else burst:
        # Nobody waits for the answer to what is three days old.
        is_old = writes == "old" and message.seq % 2 == 0
        at = written_at[message.token] - OLD_S * is_old
        world.phones.write(number, phone, message, at=at)
        if is_old:
            message.due_at = 0.0


def _wait(
    world: World, fault: Fault, messages: Sequence[Message], answerable: Sequence[Message]
) -> dict[str, float]:
    """Wait until all is stored and answered; return when each message was stored."""
    patience_s = PATIENCE_S + (STORED_S if fault.is_of_door else 0.0)
    until = time.monotonic() + patience_s
    while True:
        stored_at = _stored(world, messages)
        answered = {token for one in world.phones.sent() for token in business.tokens(one.body)}
        is_whole = len(stored_at) == len(messages)
        wanted = [one for one in answerable if _is_fresh(one, stored_at)]
        if is_whole and all(one.token in answered for one in wanted):
            break
        if time.monotonic() > until:
            break
        time.sleep(1.0)
    time.sleep(8)  # longer than any lease: whoever would send once more has done so by now
    return stored_at


def _is_fresh(message: Message, stored_at: Mapping[str, float]) -> bool:
    """Test whether a message came in soon enough to be answered; only stored otherwise."""
    return stored_at.get(message.token, 0.0) - message.first_sent_at < FRESH_S


def _stored(world: World, messages: Sequence[Message]) -> dict[str, float]:
    refs = {f"AC{one.token.upper()}": one.token for one in messages}
    found: dict[str, float] = {}
    for number in world.numbers:
        sql = (
            "select provider_ref, extract(epoch from received_at)::float8"
            f" from t_{number.tenant.slug}.conversations_inboundmessage"
            " where provider_ref = any(%s)"
        )
        rows = world.stack.rows(sql, list(refs))
        found.update({refs[ref]: at for ref, at in rows})
    return found


def _recovery(
    fault: Fault,
    messages: Sequence[Message],
    findings: checker.Findings,
    stored_at: dict[str, float],
    began_at: float,
    ended_at: float,
) -> list[float]:
    """Return how long after the fault each message that it caught was dealt with; in seconds."""
    done_at = stored_at if fault.is_of_door else findings.answered_at
    caught = [one for one in messages if not one.conversation.startswith(f"bench-{SPARED} ")]
    return [
        done_at[one.token] - max(ended_at, one.due_at)
        for one in caught
        if done_at.get(one.token, 0.0) > ended_at
    ]


def _tries(
    calls: Sequence[Call],
    fault: Fault,
    began_at: float,
    ended_at: float,
    *,
    only: str,
) -> int:
    """Return the most calls that one session began within a second while its bridge failed.

    It fails from the moment in which a try has failed until one gets through.

    Args:
        only: how the paths of the counted calls begin.
    """
    begun = sorted(one.began_at for one in calls if one.path.startswith(only))
    sends = [one for one in calls if one.path.startswith(TRIES)]
    spans: list[tuple[float, float]] = []
    if fault.slow_after_s:
        spans.append((began_at + fault.slow_after_s, ended_at))
    since: float | None = None
    for one in sorted(sends, key=lambda call: call.ended_at):
        is_well = 200 <= one.status < 300
        if not is_well and since is None:
            since = one.ended_at + KNOWN_AFTER_S
        elif is_well and since is not None:
            spans.append((since, one.ended_at))
            since = None
    if since is not None:
        spans.append((since, ended_at))
    most = 0
    for start, end in spans:
        within = [at for at in begun if start <= at <= end]
        most = max([most, *(sum(at <= other < at + 1.0 for other in within) for at in within)])
    return most


def _spared(messages: Sequence[Message], findings: checker.Findings) -> float:
    """Return how long the number without a fault took to answer, p95 in seconds."""
    waits = [
        findings.answered_at[one.token] - one.due_at
        for one in messages
        if one.conversation.startswith(f"bench-{SPARED} ") and one.token in findings.answered_at
    ]
    return harness.percentile(waits, 0.95)


def _keep_log(stack: Stack) -> str:
    file = harness.RESULTS.with_name("faults.log")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(stack.log.read_text(errors="replace"), encoding="utf-8")
    return str(file)


if __name__ == "__main__":
    harness.main("faults", __doc__, measure, arguments=arguments)
