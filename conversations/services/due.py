"""Work that is due for one conversation and needs nothing but the database: claim, act, finish."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from django.db import transaction

from conversations.models import Conversation
from tenants import timers
from tenants.context import database_now
from tenants.failpoints import reach


class DueOutcome(StrEnum):
    """What a doorbell led to."""

    NOT_OURS = "not_ours"
    LEASE_LOST = "lease_lost"
    GONE = "gone"
    DONE = "done"
    NOT_DUE = "not_due"


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
