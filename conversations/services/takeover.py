"""Moving a conversation between the assistant and people."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction

from conversations.models import Conversation, InboundMessage, OutboundMessage
from conversations.services import events
from tenants.audit.record import record


def leave_to_people(*, conversation: Conversation, reason: str, now: datetime) -> None:
    """Stop the assistant; joins the caller's transaction, which holds the conversation's lock."""
    if conversation.mode != Conversation.Mode.HUMAN:
        events.handed_off(conversation, reason=reason, now=now)
    _stop_assistant(conversation, reason=reason, now=now)


def _stop_assistant(conversation: Conversation, *, reason: str, now: datetime) -> None:
    conversation.mode = Conversation.Mode.HUMAN
    conversation.mode_reason = reason[:200]
    conversation.mode_changed_at = now
    conversation.first_pending_at, conversation.n_pending, conversation.n_superseded = None, 0, 0
    conversation.save(
        update_fields=[
            "mode",
            "mode_reason",
            "mode_changed_at",
            "first_pending_at",
            "n_pending",
            "n_superseded",
        ]
    )


def take_over(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> Conversation:
    """Let a person answer from now on; what the assistant was about to send is not sent."""
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update().get(uuid=conversation_uuid)
        if conversation.mode != Conversation.Mode.HUMAN:
            _stop_assistant(conversation, reason=f"taken over by {actor}", now=now)
            events.taken_over(conversation, person=actor, now=now)
            OutboundMessage.objects.filter(
                conversation=conversation,
                status=OutboundMessage.Status.CREATED,
                origin=OutboundMessage.Origin.AGENT,
            ).update(
                status=OutboundMessage.Status.CANCELLED, failure_reason="taken over by a person"
            )
            _record(conversation, action="conversation.taken_over", actor=actor)
    return conversation


def give_back(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> Conversation:
    """Let the assistant answer again, from the contact's next message on."""
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update().get(uuid=conversation_uuid)
        if conversation.mode != Conversation.Mode.AI:
            last = InboundMessage.objects.filter(conversation=conversation).order_by("-pk").first()
            conversation.mode, conversation.mode_reason = Conversation.Mode.AI, ""
            conversation.mode_changed_at = now
            conversation.handled_upto = last.pk if last else 0
            conversation.save(
                update_fields=["mode", "mode_reason", "mode_changed_at", "handled_upto"]
            )
            events.returned(conversation, person=actor, now=now)
            _record(conversation, action="conversation.returned", actor=actor)
    return conversation


def archive(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> Conversation:
    """Close a conversation; the contact's next message opens a new one."""
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update().get(uuid=conversation_uuid)
        if conversation.status != Conversation.Status.ARCHIVED:
            conversation.status = Conversation.Status.ARCHIVED
            conversation.mode_changed_at = now
            conversation.save(update_fields=["status", "mode_changed_at"])
            events.closed(conversation, person=actor, reason="archived", now=now)
            _record(conversation, action="conversation.archived", actor=actor)
    return conversation


def _record(conversation: Conversation, *, action: str, actor: str) -> None:
    record(action=action, actor=actor, target=f"conversation {conversation.uuid}", data={})
