"""How fast webhooks are taken in durably, beside FastAPI that pushes onto a Redis list.

    python -m bench.intake [--requests 20000] [--tenants 200]

Peer and product take turns in one run, on the same servers, with the same requests: real text
messages as WuzAPI signs them, each with an id of its own, over 32 keep-alive connections. Ours is
the web process as it is deployed, two workers; every 200 is counted against a row. The door never
opens a tenant's schema, so the other tenants are rows and routes without one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from bench import harness
from config import embedded
from config.processes import BASE_DIR, wait_for
from tests.stack import Stack, free_port

HMAC_KEY = "bench-only-hmac-key-0123456789abcdef"
N_ROUNDS = 2
N_WARM_UP = 2000


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--requests", type=int, default=20_000, help="in each round")
    parser.add_argument("--tenants", type=int, default=200, help="of the second comparison")


def measure(options: argparse.Namespace) -> list[harness.Measure]:
    with Stack(n_workers=2) as stack:
        stack.use_django()
        targets = make_routes(options.tenants)
        keys = stack.data_dir / "targets.json"
        keys.write_text(json.dumps(targets))
        port = free_port()
        peer = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "bench.intake_peer:app", "--port", str(port)]
            + ["--workers", "2", "--no-access-log", "--log-level", "warning"],
            cwd=BASE_DIR,
            env={**os.environ, "KEYS": str(keys), "REDIS_URL": stack.servers.redis_url},
        )
        try:
            stack.start("web")
            if not wait_for(f"http://127.0.0.1:{port}/livez", timeout_s=30):
                raise RuntimeError("the peer does not answer")
            about = {"peer_port": port, "peer_pid": peer.pid, "n": options.requests}
            one = compare(stack, targets=targets[:1], **about)
            many = compare(stack, targets=targets, **about)
        finally:
            peer.terminate()
            peer.wait()
    return [
        *verdicts("1 tenant", one, x=1.0),
        *verdicts(f"{options.tenants} tenants", many, x=0.9),
    ]


def make_routes(n_tenants: int) -> list[tuple[str, str]]:
    """Create tenants with a route each; return (path, key) pairs."""
    from django.utils import timezone
    from django_tenants.utils import schema_context

    from tenants.models import Tenant
    from tenants.services.routes import ensure_route

    targets = []
    for number in range(n_tenants):
        slug = f"bench{number}"
        Tenant.objects.create(
            slug=slug, schema_name=f"t_{slug}", name="Bench", status=Tenant.Status.READY
        )
        with schema_context(f"t_{slug}"):
            route, _ = ensure_route(
                device_ref=uuid.uuid4(), route_key=None, hmac_key=HMAC_KEY, now=timezone.now()
            )
        targets.append((f"/hooks/whatsapp/{route.route_key}/", HMAC_KEY))
    return targets


Runs = dict[str, list[dict[str, Any]]]


def compare(
    stack: Stack, *, peer_port: int, peer_pid: int, targets: list[tuple[str, str]], n: int
) -> Runs:
    """Load peer and product by turns; fails where an acknowledged webhook is not stored."""
    import redis

    file = stack.data_dir / "now.json"
    file.write_text(json.dumps(targets))
    broker = redis.Redis.from_url(stack.servers.redis_url)
    servers = embedded.status(stack.data_dir)
    pids = {
        "peer": [peer_pid, servers.valkey_pid or 0],
        "ours": [stack.pids()["web"], servers.postgres_pid or 0],
    }
    runs: Runs = {"peer": [], "ours": []}
    for _ in range(N_ROUNDS):
        for name, port in (("peer", peer_port), ("ours", stack.port)):
            broker.flushall()
            stack.rows("truncate public.tenants_inboxentry")
            load(port, targets=file, n=N_WARM_UP)
            before = harness.cpu_seconds(pids[name])
            result = load(port, targets=file, n=n)
            result["cpu_ms"] = (harness.cpu_seconds(pids[name]) - before) * 1000 / n
            stored = (
                sum(broker.llen(key) for key in broker.scan_iter("peer:*"))
                if name == "peer"
                else stack.rows("select count(*) from public.tenants_inboxentry")[0][0]
            )
            if result["statuses"] != {"200": n} or stored != n + N_WARM_UP:
                raise RuntimeError(f"{name}: {result['statuses']}, but {stored} stored")
            runs[name].append(result)
            harness.say(f"  {name}: {result['rate']:.0f}/s, p99 {result['p99_ms']:.1f} ms")
    return runs


def load(port: int, *, targets: Path, n: int) -> dict[str, Any]:
    """Run the load generator and return what it says."""
    printed = subprocess.run(
        [sys.executable, "-m", "bench.load", "--port", str(port), "--targets", str(targets)]
        + ["--requests", str(n)],
        cwd=BASE_DIR,
        check=True,
        capture_output=True,
    ).stdout
    result: dict[str, Any] = json.loads(printed)
    return result


def verdicts(what: str, runs: Runs, *, x: float) -> list[harness.Measure]:
    """Return the measures of one comparison."""

    def mean(name: str, figure: str) -> float:
        return float(statistics.mean(run[figure] for run in runs[name]))

    each = "; ".join(
        name
        + " "
        + ", ".join(f"{run['rate']:.0f}" for run in runs[name])
        + f" ({mean(name, 'cpu_ms'):.3f} ms of processor each)"
        for name in runs
    )
    return [
        harness.at_least(
            f"durable intake, {what} hit", mean("ours", "rate"), mean("peer", "rate"), "/s", x, each
        ),
        harness.at_most(f"  p99, {what} hit", mean("ours", "p99_ms"), mean("peer", "p99_ms"), "ms"),
    ]


if __name__ == "__main__":
    harness.main("intake", __doc__, measure, arguments=arguments)
