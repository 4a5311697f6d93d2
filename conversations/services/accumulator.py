"""Gathering a burst: when has the contact finished writing?

The answer is an instant in the conversation's timer row, never a countdown in memory or broker, so
it survives every restart.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from conversations.models import Conversation
from conversations.types import BurstSettings
from tenants import timers

TYPING_GRACE_S = 10.0
"""How much longer the window stays open once the contact is seen typing, in seconds. WhatsApp
repeats the sign about every ten seconds while the typing goes on; the hard cap bounds it."""

STOPPED_TYPING_SHARE = 0.5
"""The share of the quiet window that is still waited for after the contact stopped typing."""

TIMER = "turn"


def due_at(
    *,
    now: datetime,
    first_pending_at: datetime,
    n_pending: int,
    burst: BurstSettings,
    wait_s: float | None = None,
) -> datetime:
    """Return when the burst counts as complete.

    Args:
        first_pending_at: when the burst's first message arrived.
        n_pending: how many messages have arrived, the newest included.
        wait_s: how long to wait from `now`, in seconds; None for the quiet window.
    """
    if n_pending >= burst.max_messages:
        return now
    quiet_ends = now + timedelta(seconds=burst.quiet_s if wait_s is None else wait_s)
    cap = first_pending_at + timedelta(seconds=burst.max_wait_s)
    return max(now, min(quiet_ends, cap))


def add_message(*, conversation: Conversation, burst: BurstSettings, now: datetime) -> datetime:
    """Count one more message and arm the conversation's timer; return when it is due.

    Joins the caller's transaction, which holds the conversation's row lock.
    """
    conversation.n_pending += 1
    conversation.first_pending_at = conversation.first_pending_at or now
    conversation.waits_until = None  # the quiet window opens anew, and the turn looks again
    conversation.save(update_fields=["n_pending", "first_pending_at", "waits_until"])
    due = due_at(
        now=now,
        first_pending_at=conversation.first_pending_at,
        n_pending=conversation.n_pending,
        burst=burst,
    )
    timers.arm(kind=TIMER, ref=conversation.pk, due_at=due)
    return due


def note_typing(
    *, conversation: Conversation, is_typing: bool, burst: BurstSettings, now: datetime
) -> datetime | None:
    """Lengthen or shorten the window of a burst that is being gathered; None where there is none.

    Joins the caller's transaction, which holds the conversation's row lock.
    """
    if conversation.first_pending_at is None or conversation.n_pending == 0:
        return None
    due = due_at(
        now=now,
        first_pending_at=conversation.first_pending_at,
        n_pending=conversation.n_pending,
        burst=burst,
        wait_s=max(TYPING_GRACE_S, burst.quiet_s)
        if is_typing
        else burst.quiet_s * STOPPED_TYPING_SHARE,
    )
    timers.postpone(kind=TIMER, ref=conversation.pk, due_at=due)
    return due
