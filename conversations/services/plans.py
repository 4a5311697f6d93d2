"""Planned messages on their way into the line of their conversation, and out of it again.

One that waits stands outside: in the line it would hold up what comes after it.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Min

from conversations.models import Conversation, FollowUp, OutboundMessage
from conversations.services import contents, veto
from tenants import timers

TIMER = "follow_up"
"""The kind of timer that sends what was planned; its ref is the conversation."""


def waiting(conversation: Conversation) -> models.QuerySet[FollowUp]:
    """Return what is planned for a conversation and not in its line."""
    return FollowUp.objects.filter(conversation=conversation, status=FollowUp.Status.WAITING)


def arm(conversation: Conversation, *, now: datetime) -> None:
    """Note when the next one is due, and set the timer; holds the conversation's lock."""
    earliest = waiting(conversation).aggregate(at=Min("due_at"))["at"]
    if earliest is not None:
        timers.arm(kind=TIMER, ref=conversation.pk, due_at=earliest)
    elif OutboundMessage.objects.filter(
        conversation=conversation, is_unasked=True, status=OutboundMessage.Status.CREATED
    ).exists():
        earliest = now  # who writes calls that one off, too
    conversation.follow_up_at = earliest
    conversation.save(update_fields=["follow_up_at"])


def postpone(one: FollowUp, *, until: datetime, rule: veto.Rule) -> None:
    """Let one wait for a rule; the caller arms the timer."""
    if rule is not veto.Rule.HOURS:
        # Nobody is late while the business is closed.
        one.late_since = one.late_since or one.due_at
    one.status, one.message = FollowUp.Status.WAITING, None
    one.due_at, one.reason = until, veto.REASONS[rule]
    one.save(update_fields=["status", "message", "due_at", "late_since", "reason"])


def put_back(
    head: OutboundMessage,
    *,
    conversation: Conversation,
    until: datetime,
    rule: veto.Rule,
    now: datetime,
) -> None:
    """Take one that has to wait out of the line; joins a transaction that holds its lock.

    One that may have been sent is not repeated: nobody has asked for it.
    """
    one = FollowUp.objects.filter(message=head).first()
    if one is None or contents.unknown_since(head) is not None:
        head.status, head.failure_reason = OutboundMessage.Status.CANCELLED, veto.REASONS[rule]
        head.save(update_fields=["status", "failure_reason"])
        return
    postpone(one, until=until, rule=rule)
    head.delete()
    arm(conversation, now=now)
