"""Reading Chatwoot: from untrusted JSON to the values in `channels_chatwoot.types`.

Every object is open: unknown keys are passed over. What a webhook writes as a word, an answer of
the API may write as a number; both are read here. Source: the contract of the integration, sections
5.2 to 5.4.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from channels_chatwoot.types import (
    REF_NAME,
    ContactMessage,
    Echo,
    Edited,
    Ignored,
    Moved,
    ParsedEvent,
    Part,
    PersonMessage,
    Where,
)
from conversations.types import Address, IncomingFile, MessageKind
from tenants.reading import Unreadable, clean, object_of, read_object, text_of

Json = Mapping[str, Any]

_TYPES = {"0": "incoming", "1": "outgoing", "2": "activity", "3": "template"}
_FILES = {
    "image": MessageKind.IMAGE,
    "audio": MessageKind.AUDIO,
    "video": MessageKind.VIDEO,
    "file": MessageKind.DOCUMENT,
}
MAX_FILES = 10
"""Files of one message that are taken; Chatwoot's own pages send up to fifteen."""

_VOUCHED = frozenset(
    {"Channel::Whatsapp", "Channel::TwilioSms", "Channel::Sms", "Channel::Api", "Channel::Voice"}
)
"""Inboxes whose contacts' phone numbers are the channel's own word. In a chat on a web page anybody
may type any number, and would be taken for whoever it belongs to."""


def read(body: bytes) -> dict[str, Any]:
    """Return the object of a webhook.

    Raises:
        Unreadable: no object that can be kept, or one without an event.
    """
    data = read_object(body)
    if not text_of(data.get("event")):
        raise Unreadable("the body has no event")
    return data


def dedup_key(data: Json, body: bytes) -> str:
    """Return what makes this event the same as a repeat of it.

    A new message is known by its id alone; of a change only the same bytes are a repeat.
    """
    event, ref = text_of(data.get("event"))[:40], text_of(data.get("id"))[:40]
    if event == "message_created" and ref:
        return f"{event}:{ref}"
    return f"{event}:{hashlib.sha256(body).hexdigest()}"


def line(data: Json) -> str:
    """Return what an event must keep its order with: its conversation."""
    return text_of(_conversation(data).get("id"))[:32]


def parse(data: Json, *, system: str, received_at: datetime) -> ParsedEvent:
    """Return what an event says; never raises on any object that `read` has let through.

    Args:
        system: names the account of Chatwoot in the ids of its contacts.
        received_at: stands for an instant that is missing.
    """
    event, where = text_of(data.get("event")), where_of(data, system=system)
    if where is None:
        return Ignored("no_conversation")
    if event in ("conversation_opened", "conversation_resolved", "conversation_status_changed"):
        # Not its last activity, which may be long before somebody moved it.
        return Moved(where, _instant(_conversation(data).get("updated_at")) or received_at)
    if event == "message_created":
        return _message(data, where, received_at=received_at)
    if event == "message_updated":
        return _update(data, where)
    return Ignored(event[:40])


def where_of(data: Json, *, system: str) -> Where | None:
    """Return the conversation of an event, or of an answer of the API; None where it has none."""
    found = _conversation(data)
    display_id = _number(found.get("id"))
    if not display_id:
        return None
    meta = object_of(found.get("meta"))
    contact = object_of(meta.get("sender")) or object_of(data.get("sender"))
    account = object_of(data.get("account")).get("id") or found.get("account_id")
    inbox = found.get("inbox_id") or object_of(data.get("inbox")).get("id")
    return Where(
        display_id=display_id,
        account_id=_number(account),
        inbox_id=_number(inbox),
        status=text_of(found.get("status"))[:10],
        assignee=clean(text_of(object_of(meta.get("assignee")).get("name")))[:80],
        contact=_address(found, contact, system=system, thread=str(display_id)),
        contact_name=clean(text_of(contact.get("name")))[:200],
    )


def message_type(message: Json) -> str:
    """Return ``incoming``, ``outgoing``, ``activity`` or ``template``."""
    said = text_of(message.get("message_type"))
    return _TYPES.get(said, said)


def our_ref(message: Json) -> str:
    """Return the id under which we wrote a message; empty for others'."""
    return text_of(object_of(message.get("content_attributes")).get(REF_NAME))[:100]


def is_persons(message: Json) -> bool:
    """Test whether a person of the business wrote a message to the contact."""
    is_sent = message_type(message) == "outgoing" and not message.get("private")
    return is_sent and text_of(object_of(message.get("sender")).get("type")).lower() == "user"


def _conversation(data: Json) -> Json:
    """Return the conversation: events of a message hold it, those of a conversation are it."""
    return object_of(data.get("conversation")) if "conversation" in data else data


def _address(found: Json, contact: Json, *, system: str, thread: str) -> Address:
    inbox = object_of(found.get("contact_inbox"))
    contact_id = _number(contact.get("id")) or _number(inbox.get("contact_id"))
    meta = object_of(found.get("meta"))
    is_verified = meta.get("hmac_verified") is True or inbox.get("hmac_verified") is True
    channel = text_of(found.get("channel")) or text_of(meta.get("channel"))
    phone = ""
    if is_verified or channel in _VOUCHED:
        digits = re.sub(r"\D", "", text_of(contact.get("phone_number")))
        phone = digits if 8 <= len(digits) <= 15 else ""
    # Without either, the conversation itself is who we write with.
    own = str(contact_id) if contact_id else f"c{thread}"
    return Address(phone=phone, external=f"{system}:{own}"[:32], thread=thread)


def _message(data: Json, where: Where, *, received_at: datetime) -> ParsedEvent:
    ref, kind = text_of(data.get("id"))[:40], message_type(data)
    if not ref:
        return Ignored("no_id")
    if kind == "outgoing" and (ours := our_ref(data)):
        return Echo(where, ours)
    if data.get("private"):
        return Ignored("private")
    if kind == "incoming":
        return ContactMessage(
            where=where,
            parts=_parts(data, ref=ref),
            sent_at=_instant(data.get("created_at")) or received_at,
            quoted_ref=text_of(object_of(data.get("content_attributes")).get("in_reply_to"))[:100],
        )
    if is_persons(data):
        files = data.get("attachments")
        text = clean(text_of(data.get("content"))) or ("📎" if files else "")
        name = clean(text_of(object_of(data.get("sender")).get("name")))[:80]
        sent_at = _instant(data.get("created_at")) or received_at
        return PersonMessage(where, ref, name, text, sent_at)
    return Ignored("not_a_persons" if kind == "outgoing" else kind[:40])


def _update(data: Json, where: Where) -> ParsedEvent:
    ref = text_of(data.get("id"))[:40]
    if not ref or message_type(data) != "incoming":
        return Ignored("not_a_contacts")
    is_deleted = object_of(data.get("content_attributes")).get("deleted") is True
    text = clean(text_of(data.get("content")))
    if not text and not is_deleted:
        return Ignored("no_text")  # of a place or a card, whose title stands for its text
    return Edited(where, ref, text, is_deleted)


def refs_of(ref: str) -> list[str]:
    """Return the ids that our messages have of which one of theirs may consist."""
    return [ref, *(f"{ref}/{place}" for place in range(1, MAX_FILES))]


def _parts(data: Json, *, ref: str) -> tuple[Part, ...]:
    """Return a message as ours: the first file bears its text, each further one stands alone."""
    text = clean(text_of(data.get("content")))
    listed = data.get("attachments")
    files = [object_of(one) for one in listed] if isinstance(listed, list) else []
    if not files:
        return (Part(ref, MessageKind.TEXT if text else MessageKind.OTHER, text),)
    return tuple(
        _part(one, ref=ref if place == 0 else f"{ref}/{place}", text=text if place == 0 else "")
        for place, one in enumerate(files[:MAX_FILES])
    )


def _part(one: Json, *, ref: str, text: str) -> Part:
    file_type = text_of(one.get("file_type"))
    if file_type == "location":
        place = {
            "latitude": _degrees(one.get("coordinates_lat")),
            "longitude": _degrees(one.get("coordinates_long")),
        }
        named = text or clean(text_of(one.get("fallback_title")))[:300]
        return Part(ref, MessageKind.LOCATION, named, place)
    if file_type == "contact":
        named = text or clean(text_of(one.get("fallback_title")))[:300]
        return Part(ref, MessageKind.CONTACT_CARD, named)
    url = text_of(one.get("data_url"))[:2_000]
    if file_type not in _FILES or not url:
        return Part(ref, MessageKind.OTHER, text)
    file = IncomingFile(
        source={"url": url},
        data=None,
        n_bytes=_number(one.get("file_size")) or None,
        media_type=text_of(one.get("content_type"))[:100],
        name=clean(unquote(_path(url)).rpartition("/")[2])[:200],
    )
    return Part(ref, _FILES[file_type], text, {}, file)


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _number(value: object) -> int:
    """Return a whole number that a column of the database holds; 0 for anything else."""
    text = text_of(value)
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else 0


def _degrees(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -180 <= value <= 180 else None


def _instant(value: object) -> datetime | None:
    """Return an instant that is told in words or in unix seconds; None for none."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        found = datetime.fromisoformat(text_of(value))
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
