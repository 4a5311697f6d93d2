"""Run every measurement: `python -m bench`, about eight minutes on a quiet machine."""

from __future__ import annotations

import subprocess
import sys

MEASUREMENTS = ("new_tenant", "timers", "intake", "overhead", "waiting", "llm_wait", "chaos")
"""In this order; each prints its table and adds to `bench/results/latest.json`. Three take some
minutes each and run by themselves: the retrieval's (`python -m bench.retrieval [KIT]`), that of
what contacts get told (`python -m bench.answers [KIT]`), and the bridge's faults (`python -m
bench.faults`)."""


def main() -> int:
    """Return 1 if a target was missed."""
    missed = []
    for name in MEASUREMENTS:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode:
            missed.append(name)
    print(f"\nMissed: {', '.join(missed)}" if missed else "\nEvery target was reached.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
