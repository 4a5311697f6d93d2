"""A visitor's message: into the inbox, which is durable, and from there into the tenant's rows."""

from __future__ import annotations

import json
import re
import unicodedata

from channels_web.models import WebChat
from channels_web.services.visitors import Visitor, address_of
from channels_web.types import KIND
from conversations.services import intake
from conversations.types import MAX_TEXT, MessageKind, NewMessage
from tenants import inbox
from tenants.context import database_now
from tenants.errors import DomainError

MESSAGE_ID = re.compile(r"[A-Za-z0-9-]{16,40}")
"""Chosen by the visitor's page, so that a repeat is recognised."""


class BadMessage(DomainError):
    """A message has an id and a text of up to 4096 characters."""

    code = "bad_message"
    http_status = 422


def take_message(*, visitor: Visitor, message_id: object, text: object) -> bool:
    """Put a message into the inbox; False where it waits or was written already.

    It is committed when this returns, unless the caller holds a transaction. Two that bear one id
    are one message, the first.

    Raises:
        BadMessage: no id, no text, or too much of it.
    """
    if not isinstance(message_id, str) or not MESSAGE_ID.fullmatch(message_id):
        raise BadMessage
    said = unicodedata.normalize("NFC", text).strip() if isinstance(text, str) else ""
    said = said.replace("\x00", "").replace("\r\n", "\n").strip()
    try:
        kept = json.dumps({"visitor": visitor.ref, "id": message_id, "text": said}).encode()
        said.encode()  # half of a pair of surrogates can't be stored
    except UnicodeEncodeError as error:
        raise BadMessage from error
    if not said or len(said) > MAX_TEXT:
        raise BadMessage
    entry = (f"{visitor.ref}:{message_id}", visitor.ref, kept)
    return inbox.put(device_ref=visitor.chat.uuid, entries=[entry]) == 1


def receive(entry: inbox.Entry) -> str:
    """Write one message into the current tenant and say what became of it, in a word.

    Joins a transaction, and is safe to run twice; see `tenants.receiving`.
    """
    chat = WebChat.objects.filter(uuid=entry.device_ref).first()
    if chat is None:
        return "gone"
    said = json.loads(entry.body)
    received = intake.receive_message(
        message=NewMessage(
            channel_kind=KIND,
            account_ref=chat.uuid,
            sender=address_of(said["visitor"]),
            sender_name="",
            provider_ref=f"{said['visitor']}:{said['id']}",
            kind=MessageKind.TEXT,
            text=said["text"],
            sent_at=entry.received_at,
            burst=chat.burst,
            entry_agent_id=chat.entry_agent_id,
        ),
        now=database_now(),
    )
    return "stored" if received.is_new else "duplicate"
