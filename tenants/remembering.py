"""Values of each tenant that change seldom and are read for every message, kept for a moment."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from django.conf import settings

from tenants.context import current_schema

Value = TypeVar("Value")

_all: list[Remembered[Any]] = []

MAX_TENANTS = 256
"""Tenants whose value a process keeps, the least recently read go first."""


class Remembered(Generic[Value]):
    """One value for each tenant, read again when it is older than `settings.REMEMBER_S`.

    Only for what may be a moment late, whoever changed it.

    Args:
        load: reads the value for the current schema; threads may read it at the same time.
    """

    def __init__(self, load: Callable[[], Value]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, Value]] = OrderedDict()
        _all.append(self)

    def get(self) -> Value:
        """Return the current schema's value."""
        schema, now = current_schema(), time.monotonic()
        with self._lock:
            known = self._known.get(schema)
            if known is not None:
                age_s = now - known[0]
                if age_s < settings.REMEMBER_S:
                    return known[1]
                if age_s < 2 * settings.REMEMBER_S:
                    # In a rush one thread reads; who comes meanwhile takes the value once more.
                    self._known[schema] = now, known[1]
        value = self._load()
        with self._lock:
            self._known[schema] = now, value
            self._known.move_to_end(schema)
            while len(self._known) > MAX_TENANTS:
                self._known.popitem(last=False)
        return value

    def forget(self) -> None:
        """Drop the current schema's value, which was changed by this process."""
        with self._lock:
            self._known.pop(current_schema(), None)


def forget_here() -> None:
    """Drop every value of the current tenant: what was read may not have been committed."""
    for one in _all:
        one.forget()


def forget_all() -> None:
    """Drop every value of every tenant, so that no test meets those of another."""
    for one in _all:
        one._known.clear()
