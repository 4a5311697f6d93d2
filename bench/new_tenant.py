"""How long a new tenant takes, beside migrating an empty schema to the same state.

python -m bench.new_tenant [--tenants 20]
"""

from __future__ import annotations

import argparse
import statistics
import time

from bench import harness
from tests.stack import Stack

MIGRATE_EVERY = 4
"""Both take turns, so that a busy moment of the machine falls on both."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tenants", type=int, default=20, help="how many are created")


def measure(options: argparse.Namespace) -> list[harness.Measure]:
    with Stack() as stack:
        stack.use_django()
        return compare(n_tenants=options.tenants)


def compare(*, n_tenants: int) -> list[harness.Measure]:
    """Create tenants and migrate schemas by turns; the processes are the same, and warm."""
    from django.core.management import call_command
    from django.db import connection
    from django_tenants.utils import schema_context

    from tenants.services.tenants import create_tenant

    def migrate(number: int) -> float:
        schema = f"t_migrated{number}"
        with connection.cursor() as cursor:
            cursor.execute(f"create schema {schema}")
        began = time.perf_counter()
        call_command("migrate_schemas", schema_name=schema, verbosity=0, interactive=False)
        return time.perf_counter() - began

    def create(number: int) -> float:
        began = time.perf_counter()
        create_tenant(slug=f"bench{number}", name="Bench", domains=[f"bench{number}.localhost"])
        return time.perf_counter() - began

    create(0)
    created, migrated = [], []
    for number in range(1, n_tenants + 1):
        if number % MIGRATE_EVERY == 1:
            migrated.append(migrate(number))
        with schema_context("public"):  # migrating leaves the connection in its schema
            created.append(create(number))
    return [
        harness.at_most(
            "new tenant / migrating it",
            statistics.median(created),
            statistics.median(migrated),
            "s",
            0.15,
            note=f"medians of {n_tenants} and {len(migrated)}; slowest {max(created):.3f} s;"
            f" {n_tables()} tables",
        )
    ]


def n_tables() -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_tables where schemaname = 't_bench0'")
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    harness.main("new_tenant", __doc__, measure, arguments=arguments)
