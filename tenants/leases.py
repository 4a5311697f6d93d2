"""Renewing the leases of the work that runs in this process, by one thread and one statement."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from django.db import DEFAULT_DB_ALIAS, connection, connections

from tenants import timers
from tenants.context import unpooled_connection

logger = logging.getLogger(__name__)

RENEW_EVERY_S = timers.WORK_LEASE_S / 3


class _Keeper:
    """Holds the tokens of running work; its thread lives as long as there is any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[int, uuid.UUID] = {}
        self._thread: threading.Thread | None = None

    def add(self, claims: Sequence[timers.Claim]) -> None:
        with self._lock:
            self._held.update({claim.timer_id: claim.token for claim in claims})
            # A forked child inherits the object, and its thread as one that has ended.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()

    def remove(self, claims: Sequence[timers.Claim]) -> None:
        with self._lock:
            for claim in claims:
                if self._held.get(claim.timer_id) == claim.token:
                    del self._held[claim.timer_id]

    def _run(self) -> None:
        # A connection of its own: in the pool it would queue behind the work whose leases it keeps,
        # and under load they would run out.
        connections[DEFAULT_DB_ALIAS] = unpooled_connection()
        pause = threading.Event()
        while True:
            pause.wait(RENEW_EVERY_S)
            with self._lock:
                held = dict(self._held)
                if not held:
                    self._thread = None
                    return
            try:
                with closing(connection):
                    timers.renew(held)
            except Exception:
                # Whatever it was, the next round tries again: without this thread all would be lost
                # that this process works on. The fence catches a lease that runs out meanwhile.
                logger.warning("leases not renewed", exc_info=True)


_keeper = _Keeper()


@contextmanager
def keep(*claims: timers.Claim) -> Iterator[None]:
    """Renew the leases of `claims` until the block ends; some may be given back before."""
    _keeper.add(claims)
    try:
        yield
    finally:
        _keeper.remove(claims)
