"""The dispatcher: finds due rows and rings the tasks that do the work; holds no state."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from itertools import chain

from django.conf import settings
from django.db import Error, connection

from tenants import inbox, timers
from tenants.models import Tenant
from tenants.queueing import ring

logger = logging.getLogger(__name__)

TICK_S = 0.1
"""How often due rows are looked for at least, in seconds: the lateness that a contact could
notice."""

LEAST_WAIT_S = 0.005
"""Pause between two ticks at least, in seconds."""

HOUSEKEEPING_EVERY_S = 10
ENTRIES_A_TICK, ENTRIES_A_TASK = 500, 25

BELLS_A_TASK = 10
"""Timers of one tenant that one task of the message path announces at most. A task costs the worker
as much as the SQL of a turn, and what comes together is opened by the same statements; at the
double a burst is shared less evenly between the workers."""


class BrokerAway(Exception):
    """No doorbell can be rung now; the rows wait."""


def tick() -> int:
    """Ring everything that is due now; return how many doorbells were rung.

    Raises:
        BrokerAway: the first ring failed; what was claimed for this round is free again.
    """
    n_rung = 0
    batches = inbox.claim_batches(limit=ENTRIES_A_TICK, per_batch=ENTRIES_A_TASK)
    for place, batch in enumerate(batches):
        kwargs: dict[str, object] = {"entry_ids": batch.entry_ids, "token": str(batch.token)}
        if not ring(path=settings.INBOX_TASK, schema=batch.schema_name, kwargs=kwargs):
            for unrung in batches[place:]:
                inbox.release(unrung)
            raise BrokerAway
        n_rung += 1
    for kind in timers.kinds_due(settings.TIMER_TASKS):
        path = settings.TIMER_TASKS[kind]
        bells = timers.claim_due(kind=kind, max_running=settings.TIMER_MAX_RUNNING[kind], limit=500)
        at_most = BELLS_A_TASK if kind in settings.TIMERS_TOGETHER else 1
        together = _by_tenant(bells, at_most=at_most)
        for place, part in enumerate(together):
            kwargs = {"bells": [[bell.timer_id, str(bell.token)] for bell in part]}
            if not ring(path=path, schema=part[0].schema_name, kwargs=kwargs):
                timers.release(list(chain.from_iterable(together[place:])))
                raise BrokerAway
            n_rung += 1
    return n_rung


def _by_tenant(bells: Sequence[timers.Doorbell], *, at_most: int) -> list[list[timers.Doorbell]]:
    """Return doorbells in parts of one tenant each, of `at_most` doorbells."""
    of_tenant: dict[str, list[timers.Doorbell]] = {}
    for bell in bells:
        of_tenant.setdefault(bell.schema_name, []).append(bell)
    return [
        some[start : start + at_most]
        for some in of_tenant.values()
        for start in range(0, len(some), at_most)
    ]


def keep_house(*, last_run: dict[str, float]) -> None:
    """Clear what is done, park what is hopeless, and ring the tenants' sweeps.

    Args:
        last_run: when each sweep was last rung, in seconds of the monotonic clock; written to.
    """
    inbox.purge_done()
    if n_parked := inbox.park_hopeless():
        logger.error("inbox entries parked", extra={"n_parked": n_parked})
    for path, every_s in settings.TENANT_SWEEPS.items():
        if time.monotonic() - last_run.get(path, -every_s) < every_s:
            continue
        last_run[path] = time.monotonic()
        for schema_name in Tenant.objects.ready().values_list("schema_name", flat=True):
            ring(path=path, schema=schema_name, kwargs={}, expires_s=every_s)


def run(*, stop: threading.Event) -> None:
    """Tick until `stop` is set; a database that is away is waited for.

    After a tick that rang nothing the next one comes at the instant at which something becomes due.
    After others it does not: what becomes due within a tick costs less together.
    """
    last_run: dict[str, float] = {}
    next_housekeeping = 0.0
    while not stop.is_set():
        started = time.monotonic()
        next_s: float | None = None
        try:
            try:
                if not tick():
                    next_s = timers.due_within(settings.TIMER_TASKS, seconds=TICK_S)
            except BrokerAway:
                stop.wait(1)
            if started >= next_housekeeping:
                next_housekeeping = started + HOUSEKEEPING_EVERY_S
                keep_house(last_run=last_run)
        except Error:
            logger.warning("database unreachable, trying again", exc_info=settings.DEBUG)
            connection.close()
            stop.wait(0.5)
        rest_s = TICK_S - (time.monotonic() - started)
        stop.wait(max(LEAST_WAIT_S, rest_s if next_s is None else min(rest_s, next_s)))
