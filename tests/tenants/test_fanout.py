"""Doing several things of one tenant at once."""

from __future__ import annotations

import threading

import pytest

from tenants import fanout
from tenants.context import current_schema


def test_all_run_at_once_in_the_callers_schema_and_in_order(alpha):
    together = threading.Barrier(3, timeout=5)

    def work(item: int) -> tuple[str, int]:
        together.wait()
        return current_schema(), item

    assert fanout.run_all(work, [1, 2, 3]) == [("t_alpha", 1), ("t_alpha", 2), ("t_alpha", 3)]


def test_a_thread_keeps_nothing_of_the_tenant_it_served(alpha):
    fanout.run_all(lambda _: None, [1, 2, 3])

    schemas = [fanout._pool.submit(current_schema).result() for _ in range(3)]
    assert schemas == ["public"] * 3


def test_one_that_fails_is_not_silent(alpha):
    def work(item: int) -> None:
        if item == 2:
            raise ValueError(item)

    with pytest.raises(ValueError, match="2"):
        fanout.run_all(work, [1, 2, 3])
