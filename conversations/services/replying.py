"""What people write to a contact from the panel, and what they change about one."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction

from conversations.models import Conversation, OutboundMessage
from conversations.services import outbox
from conversations.types import MAX_TEXT
from tenants.audit.record import record
from tenants.errors import DomainError


class NotInPeoplesHands(DomainError):
    """The assistant is answering this conversation, or it is archived; take it over first."""

    code = "not_in_peoples_hands"


class NothingToSend(DomainError):
    """There is no text to send."""

    code = "nothing_to_send"
    http_status = 422


def reply_as_person(
    *, conversation_uuid: uuid.UUID, text: str, actor: str, now: datetime
) -> OutboundMessage:
    """Put a person's message at the end of the conversation's line.

    Args:
        text: up to `MAX_TEXT` characters; what is longer is refused and not cut.
        actor: the user name of who writes.

    Raises:
        NothingToSend: no text, or too much of it.
        NotInPeoplesHands: nobody has taken the conversation over, or it is archived.
    """
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not text or len(text) > MAX_TEXT:
        raise NothingToSend
    with transaction.atomic():
        conversation = (
            Conversation.objects.select_for_update(of=("self",))
            .select_related("contact")
            .get(uuid=conversation_uuid)
        )
        is_open = conversation.status == Conversation.Status.OPEN
        if not is_open or conversation.mode != Conversation.Mode.HUMAN:
            raise NotInPeoplesHands
        message = outbox.add_message(
            conversation=conversation,
            text=text,
            origin=OutboundMessage.Origin.PERSON,
            now=now,
        )
        conversation.last_message_at = now
        conversation.save(update_fields=["last_message_at"])
        record(
            action="conversation.replied",
            actor=actor,
            target=f"conversation {conversation.uuid}",
            data={"message": str(message.uuid)},
        )
    return message
