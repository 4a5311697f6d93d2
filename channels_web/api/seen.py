"""What a visitor sees of a conversation: what was said, and in whose hands it is. Nothing else.

No step, agent, reason, check or name of anybody; of what goes out only what has left.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from channels_web.services import chats
from conversations.api.paging import Shown
from conversations.models import Conversation, InboundMessage, OutboundMessage
from conversations.services import feed
from conversations.services.cursors import Cursor

_OF_PEOPLE = frozenset({OutboundMessage.Origin.PERSON, OutboundMessage.Origin.PHONE})


@dataclass(frozen=True, slots=True)
class Listener:
    """A visitor who listens; implements `conversations.api.listeners.Listener`.

    Args:
        site: the origin of the page; empty for our own.
    """

    chat_uuid: UUID
    site: str = ""

    leaves_free = 200
    most_alike = 10
    hears_steps = False

    def hears(self, event: feed.Told) -> feed.Told | None:
        """Return the event as a visitor is told it."""
        data = event.data
        match event.type:
            case "gathering":
                said = _said(event.ref, data["text"], data["at"])
                return replace(event, type="message", data=said)
            case "sent":
                shown = _answer(data["message"], data["origin"], data["text"], data["at"])
                return replace(event, type="message", data=shown)
            case "started":
                return replace(event, type="typing", data={"is_on": True})
            case "finished" | "discarded":
                return replace(event, type="typing", data={"is_on": False})
            case "state":
                return replace(event, data=hands(**data))
            case _:
                return None

    @classmethod
    def good(cls, ones: Collection[Listener], *, now: datetime) -> Collection[Listener]:
        """Return those whose chat is switched on, and allowed on the page that shows it."""
        del now
        return [one for one in ones if chats.may_be_shown(one.chat_uuid, site=one.site)]


def hands(*, status: str, mode: str, claimed_by: str, **_: object) -> dict[str, Any]:
    """Return in whose hands a conversation is, without anybody's name."""
    is_human = mode == Conversation.Mode.HUMAN
    return {
        "with": ("person" if claimed_by else "nobody_yet") if is_human else "assistant",
        "is_over": status != Conversation.Status.OPEN,
    }


def state(cursor: Cursor | None) -> dict[str, Any]:
    """Return the same of where a stream goes on, which then tells every later change.

    Of none what a first message would meet.
    """
    if cursor is None:
        return {"with": "assistant", "is_over": False}
    return hands(**cursor.hands())


def _said(ref: str, text: str, at: datetime) -> dict[str, Any]:
    # The page knows its messages by the ids that it chose itself.
    return {"id": ref.partition(":")[2], "from": "visitor", "text": text, "at": at}


def _answer(uuid: UUID, origin: str, text: str, at: datetime) -> dict[str, Any]:
    who = "person" if origin in _OF_PEOPLE else "assistant"
    return {"id": uuid, "from": who, "text": text, "at": at}


def _inbound(row: InboundMessage) -> dict[str, Any]:
    text = "" if row.deleted_at else row.text
    return _marked(_said(row.provider_ref, text, row.received_at), row)


def _outbound(row: OutboundMessage) -> dict[str, Any]:
    text = "" if row.deleted_at else row.text
    return _marked(_answer(row.uuid, row.origin, text, row.acked_at or row.created_at), row)


def _marked(data: Mapping[str, Any], row: InboundMessage | OutboundMessage) -> dict[str, Any]:
    return {
        **data,
        "is_edited": row.edited_at is not None,
        "is_deleted": row.deleted_at is not None,
    }


SHOWN = Shown(_inbound, _outbound, statuses=feed.SENT)
