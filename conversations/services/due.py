"""Work that is due for one conversation and needs nothing but the database: claim, act, finish."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction

from conversations.models import Conversation
from tenants import timers
from tenants.context import database_now
from tenants.failpoints import reach

logger = logging.getLogger(__name__)

MAX_PAUSE_S = 300.0
"""The longest pause between two tries of what fails, in seconds; it doubles from two."""


class DueOutcome(StrEnum):
    """What a doorbell led to."""

    NOT_OURS = "not_ours"
    LEASE_LOST = "lease_lost"
    GONE = "gone"
    DONE = "done"
    NOT_DUE = "not_due"
    FAILED = "failed"


Act = Callable[[Conversation, datetime], bool]
"""Does what is due, at an instant, in an open transaction; False where nothing is. What is due
later it arms itself."""


def run(*, timer_id: int, token: uuid.UUID, act: Act) -> DueOutcome:
    """Do what a timer announces, once, however often its doorbell was rung.

    One short transaction, so that its lease needs no keeping. It asks the row what is due, never
    the timer: that may be left over from before a person answered.
    """
    claims = timers.begin([(timer_id, token)])
    if not claims:
        return DueOutcome.NOT_OURS
    claim = claims[0]
    reach("people_begun")
    try:
        return _act(claim, act)
    except Exception:
        # Whatever it was, it is not tried without a pause, nor keeps back what was rung with it.
        logger.exception("due work failed", extra={"conversation_id": claim.ref})
        pause_later(claim)
        return DueOutcome.FAILED


def pause_later(claim: timers.Claim) -> None:
    """Give work that failed back, to be tried again a little later each time."""
    pause_s = min(MAX_PAUSE_S, 2.0 ** min(claim.n_attempts, 10))
    timers.retry(claim, due_at=database_now() + timedelta(seconds=pause_s))


def _act(claim: timers.Claim, act: Act) -> DueOutcome:
    with transaction.atomic(durable=True):
        # The conversation first, which is everybody's order of locks.
        conversation = (
            Conversation.objects.select_for_update(of=("self",))
            .select_related("contact", "agent")
            .filter(pk=claim.ref)
            .first()
        )
        try:
            timers.hold(claim)
        except timers.LeaseLost:
            return DueOutcome.LEASE_LOST
        now = database_now()
        did = conversation is not None and act(conversation, now)
        timers.finish(claim)
        reach("people_before_commit")
    if conversation is None:
        return DueOutcome.GONE
    return DueOutcome.DONE if did else DueOutcome.NOT_DUE
