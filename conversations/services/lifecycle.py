"""How conversations end by themselves, and how they go on again."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from conversations.models import (
    Contact,
    Conversation,
    ConversationSettings,
    InboundMessage,
    OutboundMessage,
    Turn,
)
from conversations.services import due, events, memory, takeover
from conversations.services.due import DueOutcome
from tenants import timers
from tenants.audit.record import record
from tenants.context import database_now
from tenants.errors import DomainError
from tenants.remembering import Remembered

CLOSE = "close"
"""The kind of timer that ends a silent conversation; its ref is the conversation."""

FIELDS = ("close_after_h", "close_with_people", "reopen_within_h", "keep_files_days")

MAX_AT_ONCE = 1_000
"""Conversations that one sweep has closed: a first sweep after an upgrade may find very many, and
contacts who write meanwhile must not wait behind them."""


UNTOLD_FOR = timedelta(minutes=10)
"""How long the summary of what has ended may take before it is announced again."""


class StillOpen(DomainError):
    """This contact has an open conversation already."""

    code = "still_open"


def settings() -> ConversationSettings:
    """Return the tenant's row as it is stored; one of defaults, unsaved, before the first."""
    return ConversationSettings.objects.filter(pk=1).first() or ConversationSettings(pk=1)


_remembered = Remembered(settings)


def save(*, wanted: dict[str, int | bool]) -> list[str]:
    """Change settings; joins the caller's transaction. Return the names of what changed."""
    row = settings()
    changed = [name for name, value in wanted.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, wanted[name])
    if changed:
        row.save()
        _remembered.forget()
    return changed


def forget() -> None:
    """Have the settings read again: they were changed here."""
    _remembered.forget()


def find_silent(*, now: datetime) -> int:
    """Announce the conversations that have been silent for long; return how many.

    A timer row for each, so that its end is not lost with a worker. Safe to run at any time.
    """
    row = settings()
    if not row.close_after_h:
        return 0
    found = Conversation.objects.filter(
        status=Conversation.Status.OPEN,
        has_draft=False,
        last_message_at__lt=now - timedelta(hours=row.close_after_h),
    )
    if not row.close_with_people:
        found = found.filter(mode=Conversation.Mode.AI)
    ids = list(found.order_by("last_message_at", "pk").values_list("pk", flat=True)[:MAX_AT_ONCE])
    if ids:
        timers.arm_all(kind=CLOSE, refs=ids, due_at=now)
    return len(ids)


def close_due(*, timer_id: int, token: uuid.UUID) -> DueOutcome:
    """Close the conversation that a timer announces, if it is still silent; safe to run twice."""
    return due.run(timer_id=timer_id, token=token, act=_close_if_silent)


def _close_if_silent(conversation: Conversation, now: datetime) -> bool:
    row = _remembered.get()
    is_with_people = conversation.mode == Conversation.Mode.HUMAN
    if conversation.status != Conversation.Status.OPEN or conversation.has_draft:
        return False
    if not row.close_after_h or (is_with_people and not row.close_with_people):
        return False
    since = now - timedelta(hours=row.close_after_h)
    if conversation.last_message_at > since or _is_busy(conversation, since=since):
        return False
    takeover.end(conversation, actor=takeover.TIMER, reason="silent", now=now)
    return True


def _is_busy(conversation: Conversation, *, since: datetime) -> bool:
    """Test whether our side is still at it, or was a moment ago."""
    if Turn.objects.filter(conversation=conversation, status=Turn.Status.RUNNING).exists():
        return True
    sent = OutboundMessage.objects.filter(conversation=conversation)
    return (
        sent.filter(status__in=OutboundMessage.OPEN).exists()
        or sent.filter(created_at__gt=since).exists()
    )


def reopen_for_message(
    *, contact: Contact, account_ref: uuid.UUID, entry_agent_id: int | None, now: datetime
) -> Conversation | None:
    """Open a conversation again whose contact writes soon after time had closed it.

    Joins the caller's transaction; the row is locked then. None where a new one is to begin. It
    begins like a new one, with the entry agent, and remembers what was said.
    """
    within = _remembered.get().reopen_within_h
    if not within:
        return None
    found = (
        Conversation.objects.select_for_update(of=("self",))
        .filter(
            contact=contact,
            channel_account_ref=account_ref,
            status=Conversation.Status.ARCHIVED,
            closed_by="",
            closed_at__gt=now - timedelta(hours=within),
        )
        .order_by("-closed_at", "-pk")
        .first()
    )
    if found is None:
        return None
    found.mode, found.mode_reason = Conversation.Mode.AI, ""
    found.queue_id, found.claimed_by = None, ""
    found.agent_id = entry_agent_id or found.agent_id
    _open(found, now=now)
    return found


def reopen(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> Conversation:
    """Open an archived conversation again, in the hands of who asks.

    Raises:
        StillOpen: the contact has another open conversation on this device.
    """
    with transaction.atomic():
        conversation = (
            Conversation.objects.select_for_update(of=("self",))
            .select_related("contact", "agent")
            .get(uuid=conversation_uuid)
        )
        if conversation.status == Conversation.Status.OPEN:
            return conversation
        conversation.mode = Conversation.Mode.HUMAN
        conversation.mode_reason = f"taken over by {actor}"[:200]
        conversation.queue_id, conversation.claimed_by = None, actor
        try:
            with transaction.atomic():
                _open(conversation, now=now)
        except IntegrityError as error:
            raise StillOpen from error
        record(
            action="conversation.reopened",
            actor=actor,
            target=f"conversation {conversation.uuid}",
            data={},
        )
    return conversation


def _open(conversation: Conversation, *, now: datetime) -> None:
    last = (
        InboundMessage.objects.filter(conversation=conversation)
        .order_by("-pk")
        .values_list("pk", flat=True)
        .first()
    )
    conversation.status = Conversation.Status.OPEN
    conversation.mode_changed_at = now
    conversation.closed_at, conversation.closed_by = None, ""
    conversation.outcome, conversation.topics = "", []
    conversation.n_escalations, conversation.promised_at = 0, None
    conversation.handled_upto = max(conversation.handled_upto, last or 0)
    conversation.first_pending_at, conversation.n_pending, conversation.n_superseded = None, 0, 0
    conversation.last_message_at = now
    conversation.save()
    events.opened(conversation, now=now)


def sweep() -> int:
    """Announce what has been silent for long, by the database's clock; return how many.

    What ended without being summed up is announced again: what was archived before there were
    summaries is found by its words so, too.
    """
    now = database_now()
    untold = Conversation.objects.filter(
        status=Conversation.Status.ARCHIVED, outcome="", closed_at__lt=now - UNTOLD_FOR
    )
    memory.ask(untold.order_by("-closed_at").values_list("pk", flat=True)[:MAX_AT_ONCE], now=now)
    return find_silent(now=now)
