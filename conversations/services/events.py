"""What the tenant's own systems are told of conversations; each joins the caller's transaction.

Programs that follow a conversation live are woken too. Nothing is read or made for an event that
nobody listens to.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from django.db.models import prefetch_related_objects

from conversations.models import Conversation, InboundMessage, OutboundMessage
from conversations.services import following, identity
from integrations import payloads
from integrations.payloads import InConversation
from integrations.services import events
from integrations.services.events import Happened


class _Where(TypedDict):
    conversation_id: UUID
    contact_id: UUID
    contact_name: str
    contact_phone: str | None
    channel: str
    device_id: UUID


def where(conversation: Conversation) -> _Where:
    """Return what all events of a conversation say of it."""
    contact = conversation.contact
    return {
        "conversation_id": conversation.uuid,
        "contact_id": contact.uuid,
        "contact_name": contact.name,
        "contact_phone": identity.address_of(contact).phone or None,
        "channel": conversation.channel_kind,
        "device_id": conversation.channel_account_ref,
    }


def _publish(conversation: Conversation, data: InConversation, *, now: datetime) -> None:
    events.publish(data, occurred_at=now, conversation_uuid=conversation.uuid)


def received(message: InboundMessage, *, conversation: Conversation, now: datetime) -> None:
    """Tell that a contact has written."""
    following.ring([conversation], now=now)
    if events.wanted("message.received"):
        data = payloads.MessageReceived(
            **where(conversation),
            message_id=message.uuid,
            text=payloads.cut(message.text),
            kind=message.kind,
            sent_at=message.sent_at,
        )
        _publish(conversation, data, now=now)


def sent(message_ids: Iterable[int], *, now: datetime) -> None:
    """Tell that messages have left, by a few statements for all of them."""
    if not events.wanted("message.sent"):
        return
    rows = list(
        OutboundMessage.objects.filter(pk__in=list(message_ids))
        .select_related("conversation__contact", "turn")
        .order_by("pk")
    )
    prefetch_related_objects([row.conversation.contact for row in rows], "addresses")
    events.publish_many(
        [
            Happened(
                payloads.MessageSent(
                    **where(row.conversation),
                    message_id=row.uuid,
                    text=payloads.cut(row.text),
                    origin=row.origin,
                    turn_id=row.turn.uuid if row.turn else None,
                ),
                now,
                row.conversation.uuid,
            )
            for row in rows
        ]
    )


def failed(message: OutboundMessage, *, conversation: Conversation, now: datetime) -> None:
    """Tell that a message can't be sent."""
    following.ring([conversation], now=now)
    if events.wanted("message.failed"):
        data = payloads.MessageFailed(
            **where(conversation),
            message_id=message.uuid,
            text=payloads.cut(message.text),
            origin=message.origin,
            reason=message.failure_reason,
        )
        _publish(conversation, data, now=now)


def opened(conversation: Conversation, *, now: datetime) -> None:
    """Tell that a conversation has begun."""
    if events.wanted("conversation.opened"):
        _publish(conversation, payloads.ConversationOpened(**where(conversation)), now=now)


def handed_off(conversation: Conversation, *, reason: str, now: datetime) -> None:
    """Tell that the assistant has left a conversation to people."""
    following.ring([conversation], now=now)
    if events.wanted("conversation.handed_off"):
        data = payloads.ConversationHandedOff(**where(conversation), reason=reason[:200])
        _publish(conversation, data, now=now)


def taken_over(conversation: Conversation, *, person: str, now: datetime) -> None:
    """Tell that a person has taken a conversation over."""
    following.ring([conversation], now=now)
    if events.wanted("conversation.taken_over"):
        data = payloads.ConversationTakenOver(**where(conversation), person=person[:150])
        _publish(conversation, data, now=now)


def returned(conversation: Conversation, *, person: str, now: datetime) -> None:
    """Tell that the assistant answers again; `person` is empty where time did it."""
    following.ring([conversation], now=now)
    if events.wanted("conversation.returned"):
        data = payloads.ConversationReturned(**where(conversation), person=person[:150])
        _publish(conversation, data, now=now)


def closed(conversation: Conversation, *, person: str, reason: str, now: datetime) -> None:
    """Tell that a conversation is over; `person` is empty where time did it."""
    following.ring([conversation], now=now)
    if events.wanted("conversation.closed"):
        data = payloads.ConversationClosed(
            **where(conversation), person=person[:150], reason=reason[:200]
        )
        _publish(conversation, data, now=now)
