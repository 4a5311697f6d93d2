"""Letting few pieces of work begin at a time, so that the first wait for the network early.

The threads of a process share one core of Python. A hundred that begin together would all reach
their model when the last is ready, and all come back together. Behind a turnstile the first reaches
its model at once, and what follows its answer is done while others still wait for theirs.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from tenants.context import release_connection

LONGEST_WAIT_S = 2.0
"""How long a piece of work waits for its place at most, in seconds; then it begins all the same.
Nothing depends on the order: one that hangs with its place delays the others by this at most."""


class Turnstile:
    """Places for those who begin, and a line of those who wait for one.

    Args:
        n_places: how many begin at the same time.
        longest_wait_s: see `LONGEST_WAIT_S`.
    """

    def __init__(self, *, n_places: int, longest_wait_s: float = LONGEST_WAIT_S) -> None:
        self._n_free, self._longest_wait_s = n_places, longest_wait_s
        self._lock = threading.Lock()
        self._nobody_waits = threading.Condition(self._lock)
        self._line: deque[threading.Event] = deque()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Wait for a place and hold it, until the block ends or this thread waits for the network.

        Who has to wait gives its database connection back first. Not to be nested.
        """
        _own.turnstile = self if self._enter() else None
        try:
            yield
        finally:
            leave()

    def wait_for_calm(self, *, longest_s: float) -> None:
        """Wait until nobody waits for a place, so that others may take what comes next."""
        with self._lock:
            self._nobody_waits.wait_for(lambda: not self._line, timeout=longest_s)

    def _enter(self) -> bool:
        """Wait for a place; False where there was none in time."""
        with self._lock:
            if self._take():
                return True
        release_connection()  # those who have a place need one
        called = threading.Event()
        with self._lock:
            if self._take():  # one has become free since
                return True
            self._line.append(called)
        if called.wait(self._longest_wait_s):
            return True
        with self._lock:
            if not called.is_set():
                self._line.remove(called)
                self._nobody_waits.notify_all()
            return called.is_set()

    def _take(self) -> bool:
        """Take a place that is free, if there is one; the caller holds the lock."""
        is_free = self._n_free > 0
        self._n_free -= is_free
        return is_free

    def _give_on(self) -> None:
        with self._lock:
            if self._line:
                self._line.popleft().set()
                self._nobody_waits.notify_all()
            else:
                self._n_free += 1


class _Own(threading.local):
    """Where this thread has a place."""

    turnstile: Turnstile | None = None


_own = _Own()


def leave() -> None:
    """Give this thread's place to who is next, if it has one: it will wait for the network now."""
    turnstile, _own.turnstile = _own.turnstile, None
    if turnstile is not None:
        turnstile._give_on()
