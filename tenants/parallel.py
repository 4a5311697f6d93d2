"""Doing several things of one tenant at once, on threads that all tasks of this process share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from django.db import connection
from django_tenants.utils import schema_context

from tenants.context import current_schema, release_connection

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_THREADS = 500
"""Threads of one process, made as they are needed. At least what the dispatcher lets run at once
(`TIMER_MAX_RUNNING`), because one worker may get more than its share; who finds none waits."""

_pool = ThreadPoolExecutor(max_workers=MAX_THREADS, thread_name_prefix="parallel")


def run_all(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Call `function` with each item, all at once and in the current schema; return when all ended.

    A single item is worked on by the calling thread. Otherwise no transaction may be open: this
    thread's database connection is given back.
    """
    if len(items) == 1:
        return [function(items[0])]
    schema = current_schema()
    release_connection()  # each of the threads needs one, and this one would wait for them with its
    futures = [_pool.submit(_in_schema, schema, function, item) for item in items]
    wait(futures)  # all of them, also where one fails: the caller keeps their leases meanwhile
    return [future.result() for future in futures]


def _in_schema(schema: str, function: Callable[[Item], Result], item: Item) -> Result:
    try:
        with schema_context(schema):
            return function(item)
    finally:
        connection.close()  # nobody else would give it back: only a task's end does that for a task
