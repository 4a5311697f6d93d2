"""Workers that begin in the same instant, and workers that die at a named place."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.test import override_settings
from django_tenants.utils import schema_context

from tenants.context import current_schema
from tenants.errors import DomainError
from tenants.failpoints import EXIT_CODE
from tenants.timers import Doorbell

DEADLINE_S = 60.0


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Do things in threads that begin together, each with a connection to the caller's schema.

    Returns:
        What each returned, in the order of `works`; of one that was refused, the refusal.
    """
    schema, gate = current_schema(), threading.Barrier(len(works))

    def one(work: Callable[[], Any]) -> Any:
        try:
            with schema_context(schema):
                gate.wait(DEADLINE_S)
                return work()
        except DomainError as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as threads:
        begun = [threads.submit(one, work) for work in works]
        return [future.result(DEADLINE_S) for future in begun]


def n_waiting_for_a_lock() -> int:
    """Return how many connections to the tests' database wait for another's lock."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_stat_clear_snapshot()")  # else one transaction sees one state
        cursor.execute(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


def die_at(failpoint: str, run: Callable[..., Any], bell: Doorbell) -> None:
    """Let a process of its own work on a doorbell of the current tenant, and die at a place.

    It is a fork, which has everything loaded already, and a connection of its own.

    Args:
        run: a service that takes `timer_id` and `token`.
    """
    child = multiprocessing.get_context("fork").Process(
        target=_work, args=(failpoint, run, bell, current_schema()), daemon=True
    )
    child.start()
    child.join(DEADLINE_S)
    if child.exitcode is None:
        child.kill()
        child.join(DEADLINE_S)
    assert child.exitcode == EXIT_CODE, f"the worker ended with {child.exitcode}"


def _work(failpoint: str, run: Callable[..., Any], bell: Doorbell, schema: str) -> None:
    # The parent's connection and pool are left as they are: to close them would close the parent's.
    # No thread here may take one of its connections either.
    _of_the_parent.append(connections[DEFAULT_DB_ALIAS])
    connections.settings[DEFAULT_DB_ALIAS]["OPTIONS"].pop("pool")
    connections[DEFAULT_DB_ALIAS] = connections.create_connection(DEFAULT_DB_ALIAS)
    with override_settings(FAILPOINT=failpoint), schema_context(schema):
        run(timer_id=bell.timer_id, token=bell.token)
    os._exit(0)


_of_the_parent: list[Any] = []
