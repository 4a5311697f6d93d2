"""Reading WuzAPI's webhooks: from untrusted JSON to the values in `channels_whatsapp.types`.

Every object is open: unknown keys are passed over, and what a message is made of is told by which
key of `Message` is there, not by the hints in `Info`. Source: WuzAPI a55b3159, whatsmeow
b572e5bcb92b; the contract's sections 5 and 6.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from typing import Any

from channels_whatsapp.bridge import contents
from channels_whatsapp.bridge.contents import Json
from channels_whatsapp.types import (
    ContactMessage,
    Deleted,
    Edited,
    Ignored,
    InGroup,
    LinkChange,
    OwnMessage,
    ParsedEvent,
    Receipt,
    Typing,
)
from conversations.types import Address, MessageKind
from tenants.reading import Unreadable, clean, object_of, read_object, text_of

_MESSAGE_TYPES = ("Message", "UndecryptableMessage")
_WHATSAPP_ITSELF = ("0@s.whatsapp.net", "0@c.us")  # news of its own, which takes no answer
_REVOKE, _EDIT = 0, 14  # values of protocolMessage.type
_LINK_STATES = {
    "Connected": "connected",
    "PairSuccess": "paired",
    "Disconnected": "disconnected",
    "KeepAliveTimeout": "disconnected",
    "KeepAliveRestored": "connected",
    "LoggedOut": "logged_out",
    "QR": "qr",
    "QRTimeout": "absent",
    "PairError": "absent",
    "TemporaryBan": "banned",
    "ClientOutdated": "outdated",
    "ConnectFailure": "failed",
    "StreamError": "failed",
}
# What says more than the event itself does.
_LINK_DETAILS = {"KeepAliveTimeout": "no_answer", "QRTimeout": "code_expired"}


def read(body: bytes) -> dict[str, Any]:
    """Return the event object of a JSON-mode body.

    Raises:
        Unreadable: no object that can be kept, or one without a type and an event.
    """
    data = read_object(body)
    if not isinstance(data.get("type"), str) or not data["type"] or data.get("event") is None:
        raise Unreadable("the body has no event")
    return data


def dedup_key(data: Json, body: bytes) -> str:
    """Return what makes this event the same as a repeat of it, at most 200 characters.

    A message is known by its id alone: one that comes once under a phone and once under a LID is
    the same. Signs like typing carry no id and repeat to the letter, so each counts.
    """
    kind = text_of(data["type"])[:40]
    info = object_of(object_of(data.get("event")).get("Info"))
    ref = text_of(info.get("ID"))
    if kind in _MESSAGE_TYPES and ref:
        return f"{kind}:{ref}"[:200]
    if kind in _MESSAGE_TYPES or kind == "ReadReceipt":
        return f"{kind}:{hashlib.sha256(body).hexdigest()}"
    return f"{kind}:{uuid.uuid4().hex}"


def line(data: Json) -> str:
    """Return what an event must keep its order with: the chat, in a form that names nobody."""
    event = object_of(data.get("event"))
    chat = text_of(object_of(event.get("Info")).get("Chat")) or text_of(event.get("Chat"))
    return hashlib.blake2s(chat.encode(), digest_size=12).hexdigest() if chat else ""


def parse(data: Json) -> ParsedEvent:
    """Return what an event says; never raises on any object that `read` has let through."""
    kind, event = text_of(data.get("type")), object_of(data.get("event"))
    if kind in _MESSAGE_TYPES:
        return _message(data, contents.unwrapped(event))
    if kind == "ReadReceipt":
        return _receipt(data, event)
    if kind == "ChatPresence":
        return _typing(event)
    if kind in _LINK_STATES:
        return _link_change(kind, data, event)
    return Ignored("not_a_message")


def _link_change(kind: str, data: Json, event: Json) -> LinkChange:
    given = (event.get("Reason"), event.get("Code"), data.get("error"))
    detail = next((text for value in given if (text := text_of(value))), "")
    qr_code = text_of(data.get("qrCodeBase64")) if kind == "QR" else ""
    return LinkChange(
        state=_LINK_STATES[kind],
        detail=clean(_LINK_DETAILS.get(kind, detail))[:200],
        own=_address(text_of(event.get("ID")), text_of(event.get("LID"))),
        lasts_s=_span_s(event.get("Expire")) if kind == "TemporaryBan" else None,
        qr_code=qr_code if qr_code.startswith("data:image/png;base64,") else "",
    )


def _message(data: Json, event: Json) -> ParsedEvent:
    info, content = object_of(event.get("Info")), object_of(event.get("Message"))
    chat, ref = text_of(info.get("Chat")), text_of(info.get("ID"))[:100]
    is_readable = text_of(data.get("type")) == "Message"
    if refusal := _not_for_us(info=info, content=content, chat=chat, ref=ref):
        return Ignored(refusal)
    if is_readable and "protocolMessage" in content:
        return _protocol(object_of(content.get("protocolMessage")), info=info, chat=chat)
    if is_readable and (refusal := contents.refusal(content)):
        return Ignored(refusal)
    found = contents.read(data, event) if is_readable else _unreadable(event)
    if info.get("IsFromMe") is True:
        return _own(found, info=info, chat=chat, ref=ref)
    is_group = info.get("IsGroup") is True
    person = _address(text_of(info.get("Sender")) or chat, text_of(info.get("SenderAlt")))
    sender = _address(chat) if is_group else person
    if sender is None or person is None:
        return Ignored("unknown_address")
    name = clean(text_of(info.get("PushName")))[:200]
    user, _, server = text_of(info.get("Sender")).partition("@")
    member = f"{user.partition(':')[0]}@{server}"[:100]  # on whichever of their devices
    return ContactMessage(
        ref=ref,
        sender=sender,
        sender_name="" if is_group else name,
        kind=found.kind,
        text=found.text,
        sent_at=_time(info),
        quoted_ref=found.quoted_ref,
        media=found.facts,
        file=found.file,
        group=InGroup(name or person.phone or person.lid, member, found.mentions)
        if is_group
        else None,
    )


def _unreadable(event: Json) -> contents.Content:
    """Return what stands in for a message that WhatsApp could not decrypt."""
    is_view_once = text_of(event.get("UnavailableType")) == "view_once"
    facts = {"view_once": True} if is_view_once else {}
    return contents.Content(MessageKind.UNREADABLE, "", facts)


def _own(found: contents.Content, *, info: Json, chat: str, ref: str) -> ParsedEvent:
    """Return what the owner wrote on the paired phone; their reactions say nothing to answer."""
    if info.get("IsGroup") is True:
        return Ignored("group")
    if found.kind in (MessageKind.REACTION, MessageKind.UNREADABLE):
        return Ignored("own_reaction" if found.kind == MessageKind.REACTION else "undecryptable")
    recipient = _address(chat, text_of(info.get("RecipientAlt")))
    if recipient is None:
        return Ignored("unknown_address")
    return OwnMessage(
        ref=ref,
        recipient=recipient,
        kind=found.kind,
        text=found.text,
        sent_at=_time(info),
        own=_address(text_of(info.get("Sender")), text_of(info.get("SenderAlt"))),
        facts=found.facts,
        file=found.file,
    )


def _not_for_us(*, info: Json, content: Json, chat: str, ref: str) -> str:
    """Return why a message is nobody's question, or nothing."""
    server = chat.partition("@")[2]
    checks = (
        (chat == "status@broadcast", "status_post"),
        (server == "broadcast", "broadcast_list"),
        (chat in _WHATSAPP_ITSELF, "from_whatsapp"),
        (server == "newsletter", "newsletter"),
        (text_of(info.get("Category")) == "peer", "protocol_noise"),
        (not ref, "no_message_id"),
        (not chat, "unknown_address"),
        ("protocolMessage" in content and not _has_content(content), "protocol_noise"),
    )
    return next((reason for holds, reason in checks if holds), "")


def _has_content(content: Json) -> bool:
    protocol = object_of(content.get("protocolMessage"))
    is_revoke = protocol.get("type", _REVOKE) == _REVOKE and bool(object_of(protocol.get("key")))
    return is_revoke or protocol.get("type") == _EDIT


def _protocol(protocol: Json, *, info: Json, chat: str) -> ParsedEvent:
    is_group, is_own = info.get("IsGroup") is True, info.get("IsFromMe") is True
    if is_group and is_own:
        return Ignored("group")
    alt = "" if is_group else text_of(info.get("SenderAlt"))
    sender = _address(chat if is_group else text_of(info.get("Sender")) or chat, alt)
    if sender is None:
        return Ignored("unknown_address")
    target = text_of(object_of(protocol.get("key")).get("ID"))[:100]
    if not target:
        return Ignored("protocol_noise")
    if protocol.get("type") == _EDIT:
        edited = contents.edited(object_of(protocol.get("editedMessage")))
        if edited is None:
            return Ignored("unknown_edit")
        kind, text = edited
        return Edited(target, sender, text, _time(info), kind=kind, is_own=is_own)
    return Deleted(target_ref=target, sender=sender, is_own=is_own)


def _receipt(data: Json, event: Json) -> ParsedEvent:
    refs = event.get("MessageIDs")
    state = text_of(data.get("state"))
    if event.get("IsFromMe") is True or state == "ReadSelf":
        return Ignored("own_receipt")
    if state not in ("Delivered", "Read") or not isinstance(refs, list):
        return Ignored("unknown_receipt")
    known = tuple(text_of(ref)[:100] for ref in refs[:1000] if text_of(ref))
    return Receipt(refs=known, is_read=state == "Read", at=_time(event))


def _typing(event: Json) -> ParsedEvent:
    sender = _address(text_of(event.get("Sender")), text_of(event.get("SenderAlt")))
    if sender is None or event.get("IsGroup") is True or event.get("IsFromMe") is True:
        return Ignored("not_a_message")
    return Typing(sender=sender, is_typing=text_of(event.get("State")) == "composing")


def _address(*jids: str) -> Address | None:
    """Return the phone, LID or group found in JIDs such as ``5511...:12@s.whatsapp.net``."""
    phone = lid = ""
    for jid in jids:
        user, _, server = jid.partition("@")
        if server == "g.us" and user.isascii() and user.replace("-", "").isdigit():
            return Address(group=user) if len(user) <= 32 else None
        user = user.partition(":")[0].partition(".")[0]
        if not user.isascii() or not user.isdigit() or len(user) > 32:
            continue
        if server in ("s.whatsapp.net", "hosted", "c.us"):
            phone = phone or user
        elif server in ("lid", "hosted.lid"):
            lid = lid or user
    return Address(phone=phone, lid=lid) if phone or lid else None


def _time(info: Json) -> datetime:
    """Return the sender's time; the beginning of time where there is none, which is never fresh."""
    beginning = datetime.fromtimestamp(0, UTC)
    try:
        at = datetime.fromisoformat(text_of(info.get("Timestamp"))).astimezone(UTC)
    except (OverflowError, ValueError):
        return beginning
    # The bridge's language writes "none" as the year 1, which no time zone west of here can show.
    return at if beginning <= at and at.year < 9999 else beginning


def _span_s(value: object) -> float | None:
    """Return a span in seconds; the bridge's language counts in nanoseconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return min(max(0.0, value / 1e9), 366 * 86_400.0)  # longer than a year is no pause
