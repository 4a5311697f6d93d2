"""What every measurement shares: a scratch installation, a verdict, a table, a file of results."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results" / "latest.json"
NOISE_LIMIT = 0.3
"""Cores that others may use before a run counts as noisy; its figures are marked then."""


@dataclass(frozen=True)
class Measure:
    """One figure beside what it is compared with.

    Args:
        limit: the peer's figure of the same run, or the bound; in the same unit as `ours`.
        target: the requirement, such as ">= 1.00 x".
    """

    name: str
    ours: float
    limit: float
    unit: str
    target: str
    passed: bool
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.limit if self.limit else None


def at_least(name: str, ours: float, peer: float, unit: str, x: float, note: str = "") -> Measure:
    """Require `ours` to be at least `x` times the peer's figure."""
    return Measure(name, ours, peer, unit, f">= {x:.2f} x", ours >= x * peer, note)


def at_most(
    name: str, ours: float, limit: float, unit: str, x: float = 1.0, note: str = ""
) -> Measure:
    """Require `ours` to be at most `x` times the limit."""
    return Measure(name, ours, limit, unit, f"<= {x:.2f} x", ours <= x * limit, note)


def none_of(name: str, n_found: int, note: str = "") -> Measure:
    """Require that something never happened."""
    return Measure(name, n_found, 0, "", "0", n_found == 0, note)


def told(name: str, ours: float, unit: str, note: str = "") -> Measure:
    """Report a figure that nothing is required of."""
    return Measure(name, ours, 0, unit, "-", True, note)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the values lie; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def others_cores(seconds: float = 1.0) -> float:
    """Return how many cores are busy while we do nothing, over some seconds."""

    def busy() -> tuple[float, float]:
        fields = [int(one) for one in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        return sum(fields) - fields[3] - fields[4], sum(fields)

    if not Path("/proc/stat").exists():
        return os.getloadavg()[0]
    before = busy()
    time.sleep(seconds)
    after = busy()
    share = (after[0] - before[0]) / max(1, after[1] - before[1])
    return share * (os.cpu_count() or 1)


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the processor time that processes and their children have used; 0 where unknown."""
    total, ticks = 0.0, os.sysconf("SC_CLK_TCK")
    children: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        pid = int(file.parent.name)
        children.setdefault(int(fields[1]), []).append(pid)
        used[pid] = sum(int(one) for one in fields[11:15]) / ticks
    queue = list(pids)
    while queue:
        pid = queue.pop()
        total += used.get(pid, 0.0)
        queue += children.get(pid, [])
    return total


def table(measures: Sequence[Measure]) -> str:
    """Return the measures as a table for a terminal."""
    header = ("measure", "ours", "limit/peer", "ratio", "target", "verdict", "")
    rows = [header]
    for one in measures:
        rows.append(
            (
                one.name,
                f"{_number(one.ours)} {one.unit}".rstrip(),
                f"{_number(one.limit)} {one.unit}".rstrip() if one.limit else "-",
                f"{one.ratio:.2f} x" if one.ratio is not None else "-",
                one.target,
                "-" if one.target == "-" else "ok" if one.passed else "MISSED",
                one.note,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, 4, 5, 6) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _number(value: float) -> str:
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"


def main(
    name: str,
    description: str,
    measure: Callable[[argparse.Namespace], list[Measure]],
    *,
    arguments: Callable[[argparse.ArgumentParser], None] = lambda _: None,
) -> None:
    """Run one measurement, print its table and keep its results; exits 1 if a target was missed."""
    parser = argparse.ArgumentParser(
        prog=f"python -m bench.{name}", description=description.partition("\n\n")[0]
    )
    arguments(parser)
    options = parser.parse_args()
    # So that being stopped cleans up as an error does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    noise = others_cores()
    if noise > NOISE_LIMIT:
        say(f"Others use {noise:.1f} cores: take these figures as noisy.")
    began = time.monotonic()
    measures = measure(options)
    print(table(measures), flush=True)
    keep(name, measures, noise=noise, seconds=time.monotonic() - began)
    sys.exit(0 if all(one.passed for one in measures) else 1)


def keep(name: str, measures: Sequence[Measure], *, noise: float, seconds: float) -> None:
    """Write a run into the file of results, beside the latest runs of the others."""
    results = read_results()
    results[name] = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": round(seconds, 1),
        "machine": f"{os.cpu_count()} cores, {platform.platform()},"
        f" Python {platform.python_version()}",
        "others_cores": round(noise, 2),
        "measures": [{**asdict(one), "ratio": one.ratio} for one in measures],
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2), encoding="utf-8")


def read_results() -> dict[str, dict[str, Any]]:
    """Return the latest runs, by name."""
    if not RESULTS.exists():
        return {}
    results: dict[str, dict[str, Any]] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return results


def say(line: str) -> None:
    """Tell what is going on, beside the results."""
    print(line, file=sys.stderr, flush=True)
