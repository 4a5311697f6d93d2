"""How late the dispatcher wakes the work that is due, with 2,500 timers pending.

    python -m bench.timers [--pending 2500] [--spread 25]

Real dispatcher, broker and worker. The work is a turn of a conversation that is gone, so that only
waking is measured; a trigger of this measurement notes when a timer is rung and when a worker
begins it. Lateness is counted from `due_at`, on the database's clock.
"""

from __future__ import annotations

import argparse
import time

from bench import harness, wakes
from tests.stack import Stack

N_TENANTS = 5
TICK_S = 0.1

ARM = f"""
    insert into public.tenants_timer
        (schema_name, kind, ref, due_at, generation, n_rings, n_attempts)
    select 't_bench' || i %% {N_TENANTS}, 'turn', 1000000 + i,
        clock_timestamp() + make_interval(secs => %s + %s * i / %s::float), 0, 0, 0
    from generate_series(1, %s) i
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pending", type=int, default=2500, help="timers armed at once")
    parser.add_argument("--spread", type=float, default=25, help="over how many seconds (s)")


def measure(options: argparse.Namespace) -> list[harness.Measure]:
    n, spread_s = options.pending, options.spread
    with Stack() as stack:
        stack.use_django()
        from tenants.services.tenants import create_tenant

        for number in range(N_TENANTS):
            create_tenant(slug=f"bench{number}", name="Bench", domains=[f"bench{number}.localhost"])
        wakes.install(stack)
        stack.start("dispatcher", "worker1")
        wake(stack, n=50, spread_s=1, lead_s=1)  # until the worker is there, and warm
        _, late = wake(stack, n=n, spread_s=spread_s, lead_s=2)
        _, burst = wake(stack, n=n, spread_s=0, lead_s=2)
    target_s = 2 * TICK_S
    return [
        harness.at_most(
            f"wake-up lateness p95, {n} pending over {spread_s:.0f} s",
            harness.percentile(late["begin"], 0.95),
            target_s,
            "s",
            note=f"due until a worker begins; p50 {harness.percentile(late['begin'], 0.5):.3f},"
            f" p99 {harness.percentile(late['begin'], 0.99):.3f} s",
        ),
        harness.told(
            "  of which until the doorbell is rung, p95",
            harness.percentile(late["ring"], 0.95),
            "s",
        ),
        harness.none_of("  woken twice", len(late["begin"]) - n),
        harness.told(
            f"burst: {n} due at one instant, the last begins after",
            max(burst["begin"]),
            "s",
            note=f"p50 {harness.percentile(burst['begin'], 0.5):.2f} s;"
            f" {n / max(burst['begin']):.0f} a second",
        ),
    ]


def wake(
    stack: Stack, *, n: int, spread_s: float, lead_s: float
) -> tuple[float, dict[str, list[float]]]:
    """Arm timers and wait until all are gone; return the seconds it took and each lateness (s)."""
    wakes.clear(stack)
    stack.rows(ARM + " returning id", lead_s, spread_s, n, n)
    began = time.monotonic()
    deadline = began + lead_s + spread_s + 60
    while stack.rows("select count(*) from public.tenants_timer where kind = 'turn'")[0][0]:
        if time.monotonic() > deadline:
            raise RuntimeError(f"timers were not woken:\n{stack.log.read_text()[-3000:]}")
        time.sleep(0.25)
    took = time.monotonic() - began
    return took, {event: wakes.lateness(stack, event) for event in ("ring", "begin")}


if __name__ == "__main__":
    harness.main("timers", __doc__, measure, arguments=arguments)
