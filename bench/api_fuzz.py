"""Thousands of calls that nobody wrote, made from the API's own description, with a valid key.

python -m bench.api_fuzz [--examples 30] [--seed 1]

Schemathesis sends what the description allows and what it forbids to a filled tenant of a scratch
installation, and holds every answer against the description: status, headers, body. Nothing may
end in a server error, and nothing may be answered in another way than it is described.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from bench import harness
from tests.stack import Stack

CASES = 2_000
"""Fewer would leave some addresses with a handful of calls."""

CONFIG = """
[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 415, 422, 429]
"""
"""With 412, which it does not know: a wrong If-Match is found before a wrong body."""

_SUMMARY = re.compile(r"(\d[\d,]*) generated")
_FAILED = re.compile(r"(\d+) found (\d+) unique failures?")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--examples", type=int, default=30, help="random calls of each address")
    parser.add_argument("--seed", type=int, default=1, help="of the random calls")
    parser.add_argument("--report", type=Path, help="a folder for the calls that failed")


def measure(options: argparse.Namespace) -> list[harness.Measure]:
    kinds = ("CREDENTIAL", "USER", "TENANT", "ADDRESS", "LOGIN")
    limits = {f"API_PER_MINUTE_{name}": "1000000" for name in kinds}
    with Stack(env=limits) as stack:
        stack.use_django()
        key = fill()
        stack.start("web")
        found = run(stack, key=key, options=options)
        log = stack.log.read_text(encoding="utf-8", errors="replace")
    print(found, flush=True)
    n_cases = int(match[1].replace(",", "")) if (match := _SUMMARY.search(found)) else 0
    n_unique = int(match[2]) if (match := _FAILED.search(found)) else 0
    n_errors = log.count("Internal Server Error")
    return [
        harness.at_least("cases", n_cases, CASES, "", 1.0),
        harness.none_of("server errors", n_errors),
        harness.none_of("answers that are not as described", n_unique),
    ]


def fill() -> str:
    """Make a tenant with a row of everything; return the key of its owner."""
    from django_tenants.utils import tenant_context

    from tenants.services.tenants import create_tenant
    from tests.api.conftest import key_of, person
    from tests.api.rows import fill

    tenant = create_tenant(slug="fuzz", name="Fuzz", domains=["fuzz.localhost"])
    with tenant_context(tenant):
        fill(text="fuzz")
        return key_of(person())


def run(stack: Stack, *, key: str, options: argparse.Namespace) -> str:
    """Return what schemathesis printed."""
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("run", f"{stack.base_url}/api/v1/schema/"),
        *("--header", "Host: fuzz.localhost"),
        *("--header", f"Authorization: Bearer {key}"),
        *("--max-examples", str(options.examples)),
        *("--seed", str(options.seed)),
        *("--workers", "2"),
        # What fits the description may still be refused: a cursor that nobody gave out, a row that
        # is not there, days in the wrong order.
        *("--exclude-checks", "positive_data_acceptance"),
        # What waits for an answer, which nobody gives here: see `bench.streams`.
        *("--exclude-path-regex", "/(execute|stream|events)/$"),
        *("--continue-on-failure", "--no-color"),
        *(("--report", "ndjson", "--report-dir", str(options.report)) if options.report else ()),
    ]
    # In a folder of its own: it keeps examples beside where it runs.
    (stack.data_dir / "schemathesis.toml").write_text(CONFIG, encoding="utf-8")
    done = subprocess.run(
        command, cwd=stack.data_dir, env=os.environ, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


if __name__ == "__main__":
    harness.main("api_fuzz", __doc__ or "", measure, arguments=arguments)
