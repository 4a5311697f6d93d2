"""Doing several things of one tenant at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections
from django_tenants.utils import tenant_context

from tenants import parallel
from tenants.context import current_schema, database_now


def test_all_run_at_once_in_the_callers_schema_and_in_order(alpha):
    together = threading.Barrier(3, timeout=60)

    def work(item: int) -> tuple[str, int]:
        together.wait()
        return current_schema(), item

    assert parallel.run_all(work, [1, 2, 3]) == [("t_alpha", 1), ("t_alpha", 2), ("t_alpha", 3)]


def test_a_thread_keeps_nothing_of_the_tenant_it_served(alpha):
    parallel.run_all(lambda _: None, [1, 2, 3])

    schemas = [parallel._pool.submit(current_schema).result() for _ in range(3)]
    assert schemas == ["public"] * 3


def test_one_that_fails_is_not_silent(alpha):
    def work(item: int) -> None:
        if item == 2:
            raise ValueError(item)

    with pytest.raises(ValueError, match="2"):
        parallel.run_all(work, [1, 2, 3])


def test_who_waits_for_others_keeps_no_connection_from_them(committed_alpha, monkeypatch):
    connection.close_pool()  # it is kept by name; what this thread holds stays open
    pool = {"min_size": 0, "max_size": 1, "timeout": 5}
    used = connections.settings["default"]
    pooled = {**used, "OPTIONS": {**used["OPTIONS"], "pool": pool}}
    monkeypatch.setitem(connections.settings, "default", pooled)  # of threads that begin now

    def work(_: int) -> str:
        database_now()
        return current_schema()

    def task() -> list[str]:
        try:
            with tenant_context(committed_alpha):
                database_now()
                assert connection.pool.max_size == 1
                return parallel.run_all(work, [1, 2])
        finally:
            connection.close()
            connection.close_pool()

    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(task).result() == ["t_alpha"] * 2
