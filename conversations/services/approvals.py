"""What people decide on an answer before it is sent, and what is done when they do not."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction

from conversations.models import Conversation, Draft, OutboundMessage, Turn
from conversations.services import drafts, due, outbox, takeover, writing
from conversations.services.due import DueOutcome
from conversations.types import MAX_TEXT
from tenants import timers
from tenants.audit.record import record
from tenants.errors import DomainError


class DraftGone(DomainError):
    """This draft is no longer waiting: a newer message came, or somebody decided already."""

    code = "draft_gone"


class NoAnswer(DomainError):
    """There is no text to send, or too much of it."""

    code = "no_answer"
    http_status = 422


def approve(*, draft_uuid: uuid.UUID, actor: str, now: datetime, text: str = "") -> Draft:
    """Send a draft, as it is or with other words; of several people the first decides.

    Args:
        text: what is sent instead; empty for the draft itself.

    Raises:
        DraftGone: it waits no longer.
        NoAnswer: too much text.
    """
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if len(text) > MAX_TEXT:
        raise NoAnswer
    with transaction.atomic():
        conversation, draft = _lock(draft_uuid)
        is_edited = bool(text) and text != draft.text.strip()
        status = Draft.Status.EDITED if is_edited else Draft.Status.APPROVED
        message = _message(conversation, draft, text=text if is_edited else draft.text, now=now)
        if is_edited:
            message.origin, message.written_by = OutboundMessage.Origin.PERSON, actor
        outbox.add_messages(writing.write_out([message]), now=now)
        draft.message = message
        _decide(conversation, draft, status=status, actor=actor, now=now)
    return draft


def reject(*, draft_uuid: uuid.UUID, actor: str, now: datetime) -> Draft:
    """Throw a draft away; who does so has the conversation and answers it.

    Raises:
        DraftGone: it waits no longer.
    """
    with transaction.atomic():
        conversation, draft = _lock(draft_uuid)
        _decide(conversation, draft, status=Draft.Status.REJECTED, actor=actor, now=now)
        Turn.objects.filter(pk=draft.turn_id).update(reason="a person rejected the draft")
        takeover.hand_to(
            conversation=conversation, actor=actor, reason="a person rejected the draft", now=now
        )
    return draft


def decide_due(*, timer_id: int, token: uuid.UUID) -> DueOutcome:
    """End the wait for approval where its time is up; announced by a timer, safe to run twice."""
    return due.run(timer_id=timer_id, token=token, act=_decide_if_due)


def _decide_if_due(conversation: Conversation, now: datetime) -> bool:
    draft = (
        Draft.objects.filter(conversation=conversation, status=Draft.Status.WAITING)
        .select_related("turn")
        .first()
    )
    if draft is None:
        return False
    if draft.due_at > now:
        timers.arm(kind=drafts.TIMER, ref=conversation.pk, due_at=draft.due_at)
        return False
    if draft.then == "send":
        status = Draft.Status.SENT_LATE
        draft.message = _message(conversation, draft, text=draft.text, now=now)
        outbox.add_messages(writing.write_out([draft.message]), now=now)
        _decide(conversation, draft, status=status, actor="timer", now=now)
    else:
        _decide(conversation, draft, status=Draft.Status.LEFT, actor="timer", now=now)
        takeover.leave_to_people(
            conversation=conversation, reason="nobody approved the answer in time", now=now
        )
    return True


def _lock(draft_uuid: uuid.UUID) -> tuple[Conversation, Draft]:
    """Return a waiting draft and its conversation, locked in everybody's order.

    Raises:
        DraftGone: it waits no longer.
    """
    found = Draft.objects.filter(uuid=draft_uuid).values_list("conversation_id", flat=True).first()
    if found is None:
        raise DraftGone
    conversation = (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("contact", "agent")
        .get(pk=found)
    )
    draft = (
        Draft.objects.filter(uuid=draft_uuid, status=Draft.Status.WAITING)
        .select_related("turn")
        .first()
    )
    if draft is None:
        raise DraftGone
    return conversation, draft


def _message(
    conversation: Conversation, draft: Draft, *, text: str, now: datetime
) -> OutboundMessage:
    return outbox.new_message(
        conversation=conversation,
        text=text,
        origin=OutboundMessage.Origin.AGENT,
        now=now,
        turn=draft.turn,
    )


def _decide(
    conversation: Conversation, draft: Draft, *, status: Draft.Status, actor: str, now: datetime
) -> None:
    draft.status, draft.decided_at, draft.decided_by = status, now, actor
    draft.save(update_fields=["status", "decided_at", "decided_by", "message"])
    conversation.has_draft = False
    conversation.last_message_at = now
    conversation.save(update_fields=["has_draft", "last_message_at"])
    record(
        action=f"draft.{status.value}",
        actor=actor,
        target=f"conversation {conversation.uuid}",
        data={"draft": str(draft.uuid)},
    )
