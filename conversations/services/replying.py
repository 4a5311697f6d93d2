"""What people write to a contact from the panel, and what they change about one."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max

from conversations.models import Conversation, InboundMessage, OutboundMessage
from conversations.services import desks, outbox, takeover
from conversations.types import MAX_TEXT
from tenants.audit.record import record
from tenants.errors import DomainError

UNDO_S = 5
"""Seconds in which a person's message can still be taken back. Longer, and a contact who is there
waits visibly; shorter, and nobody is quick enough."""


class NotInPeoplesHands(DomainError):
    """The assistant is answering this conversation, or it is archived; take it over first."""

    code = "not_in_peoples_hands"


class NothingToSend(DomainError):
    """There is no text to send."""

    code = "nothing_to_send"
    http_status = 422


def reply_as_person(
    *,
    conversation_uuid: uuid.UUID,
    text: str,
    actor: str,
    now: datetime,
    may_undo: bool = False,
) -> OutboundMessage:
    """Put a person's message at the end of the conversation's line.

    Args:
        text: up to `MAX_TEXT` characters; what is longer is refused and not cut.
        actor: the user name of who writes.
        may_undo: wait `UNDO_S` before it is sent, so that it can still be taken back.

    Raises:
        NothingToSend: no text, or too much of it.
        NotInPeoplesHands: nobody has taken the conversation over, or it is archived.
        AlreadyTaken: another person is answering it.
        NotOfThisQueue: it waits for the people of a queue to which the actor does not belong.
    """
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not text or len(text) > MAX_TEXT:
        raise NothingToSend
    with transaction.atomic():
        conversation = (
            Conversation.objects.select_for_update(of=("self",))
            .select_related("contact", "agent")
            .get(uuid=conversation_uuid)
        )
        is_open = conversation.status == Conversation.Status.OPEN
        if not is_open or conversation.mode != Conversation.Mode.HUMAN:
            raise NotInPeoplesHands
        if conversation.claimed_by not in ("", actor, takeover.PHONE):
            raise takeover.AlreadyTaken(conversation.claimed_by)
        if not conversation.claimed_by:
            desks.require_member(queue_id=conversation.queue_id, username=actor)
            conversation.claimed_by = actor
        message = outbox.new_message(
            conversation=conversation, text=text, origin=OutboundMessage.Origin.PERSON, now=now
        )
        message.written_by = actor
        if may_undo:
            message.next_attempt_at = now + timedelta(seconds=UNDO_S)
        outbox.add_messages([message], now=message.next_attempt_at or now)
        conversation.last_message_at = now
        conversation.save(update_fields=["last_message_at"])
        takeover.note_person_spoke(conversation, now=now)
        record(
            action="conversation.replied",
            actor=actor,
            target=f"conversation {conversation.uuid}",
            data={"message": str(message.uuid)},
        )
    return message


def take_back(*, message_uuid: uuid.UUID, actor: str, now: datetime) -> bool:
    """Call off a message of one's own that has not left yet; False where it has."""
    with transaction.atomic():
        found = OutboundMessage.objects.filter(uuid=message_uuid, written_by=actor)
        message = found.first()
        if message is None:
            return False
        # In everybody's order of locks: the sender looks at the line under this one.
        conversation = Conversation.objects.select_for_update().get(pk=message.conversation_id)
        n_stopped = found.filter(status=OutboundMessage.Status.CREATED).update(
            status=OutboundMessage.Status.CANCELLED, failure_reason="a person took it back"
        )
        if n_stopped:
            if _is_contacts_word_last(conversation):
                takeover.note_contact_wrote(conversation, now=now)
            record(
                action="conversation.reply_taken_back",
                actor=actor,
                target=f"conversation {conversation.uuid}",
                data={"message": str(message.uuid)},
            )
    return bool(n_stopped)


def _is_contacts_word_last(conversation: Conversation) -> bool:
    """Test whether what the contact wrote last is later than any answer."""
    asked = InboundMessage.objects.filter(conversation=conversation).aggregate(
        at=Max("received_at")
    )["at"]
    answers = OutboundMessage.objects.filter(conversation=conversation).exclude(
        status__in=(OutboundMessage.Status.CANCELLED, OutboundMessage.Status.FAILED)
    )
    answered = answers.exclude(origin=OutboundMessage.Origin.SYSTEM).aggregate(
        at=Max("created_at")
    )["at"]
    return asked is not None and (answered is None or asked > answered)
