"""What an agent is told about a message, whatever it is made of."""

from __future__ import annotations

from django.utils.translation import gettext as _

from conversations.models import InboundMessage
from conversations.types import MessageKind


def describe(message: InboundMessage) -> str:
    """Return a message as text, in the language that is active."""
    labels = {
        MessageKind.IMAGE: _("[image]"),
        MessageKind.AUDIO: _("[voice message that could not be heard]"),
        MessageKind.VIDEO: _("[video]"),
        MessageKind.DOCUMENT: _("[document]"),
        MessageKind.STICKER: _("[sticker]"),
        MessageKind.LOCATION: _("[location]"),
        MessageKind.CONTACT_CARD: _("[contact card]"),
        MessageKind.POLL: _("[poll]"),
        MessageKind.OTHER: _("[message of an unknown kind]"),
    }
    label = labels.get(MessageKind(message.kind), "")
    return " ".join(part for part in (label, message.text) if part)
