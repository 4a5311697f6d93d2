"""Reading WuzAPI's webhooks: from untrusted JSON to the values in `channels_whatsapp.types`.

Every object is open: unknown keys are passed over, and what a message is made of is told by which
key of `Message` is there, not by the hints in `Info`. Source: WuzAPI a55b3159, whatsmeow
b572e5bcb92b; the contract's sections 5 and 6.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from channels_whatsapp.types import (
    ContactMessage,
    Deleted,
    Edited,
    Ignored,
    LinkChange,
    OwnMessage,
    ParsedEvent,
    Receipt,
    Typing,
)
from conversations.types import Address, MessageKind

Json = Mapping[str, Any]

_MESSAGE_TYPES = ("Message", "UndecryptableMessage")
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
_MEDIA = {
    "imageMessage": MessageKind.IMAGE,
    "videoMessage": MessageKind.VIDEO,
    "ptvMessage": MessageKind.VIDEO,
    "audioMessage": MessageKind.AUDIO,
    "documentMessage": MessageKind.DOCUMENT,
    "stickerMessage": MessageKind.STICKER,
}
_KEPT_MEDIA_KEYS = ("mimetype", "fileLength", "seconds", "PTT", "fileName", "height", "width")
_POLLS = ("pollCreationMessage", "pollCreationMessageV2", "pollCreationMessageV3")


class Unreadable(Exception):
    """The body is no event; the bridge would gain nothing from sending it again."""


def read(body: bytes) -> dict[str, Any]:
    """Return the event object of a JSON-mode body.

    Raises:
        Unreadable: not JSON, not an object, nested beyond reason, or without a type and an event.
    """
    try:
        # Decoded here: `json` would guess at other encodings and let halves of characters through.
        data = json.loads(body.decode(), parse_constant=_refuse)
        if b"\\u0000" in body:
            data = _without_nul(data)
        if b"\\ud" in body.lower():
            # Half of a character: the bridge writes none, and no database or model could hold it.
            json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Unreadable("the body holds half of a character") from error
    except (ValueError, RecursionError) as error:
        raise Unreadable("the body is not JSON") from error
    if not isinstance(data, dict):
        raise Unreadable("the body is not a JSON object")
    if not isinstance(data.get("type"), str) or not data["type"] or data.get("event") is None:
        raise Unreadable("the body has no event")
    return data


def dedup_key(data: Json, body: bytes) -> str:
    """Return what makes this event the same as a repeat of it, at most 200 characters.

    A message is known by its id alone: one that comes once under a phone and once under a LID is
    the same. Signs like typing carry no id and repeat to the letter, so each counts.
    """
    kind = _text(data["type"])[:40]
    info = _object(_object(data.get("event")).get("Info"))
    ref = _text(info.get("ID"))
    if kind in _MESSAGE_TYPES and ref:
        return f"{kind}:{ref}"[:200]
    if kind in _MESSAGE_TYPES or kind == "ReadReceipt":
        return f"{kind}:{hashlib.sha256(body).hexdigest()}"
    return f"{kind}:{uuid.uuid4().hex}"


def line(data: Json) -> str:
    """Return what an event must keep its order with: the chat, in a form that names nobody."""
    event = _object(data.get("event"))
    chat = _text(_object(event.get("Info")).get("Chat")) or _text(event.get("Chat"))
    return hashlib.blake2s(chat.encode(), digest_size=12).hexdigest() if chat else ""


def parse(data: Json) -> ParsedEvent:
    """Return what an event says; never raises on any object that `read` has let through."""
    kind, event = _text(data.get("type")), _object(data.get("event"))
    if kind == "Message":
        return _message(event)
    if kind == "UndecryptableMessage":
        return Ignored("undecryptable")
    if kind == "ReadReceipt":
        return _receipt(data, event)
    if kind == "ChatPresence":
        return _typing(event)
    if kind in _LINK_STATES:
        detail = _text(event.get("Reason")) or _text(event.get("Code")) or _text(data.get("error"))
        return LinkChange(state=_LINK_STATES[kind], detail=detail[:200])
    return Ignored("not_a_message")


def _message(event: Json) -> ParsedEvent:
    info, content = _object(event.get("Info")), _object(event.get("Message"))
    chat, ref = _text(info.get("Chat")), _text(info.get("ID"))[:100]
    if refusal := _not_for_us(info=info, content=content, chat=chat, ref=ref):
        return Ignored(refusal)
    protocol = _object(content.get("protocolMessage"))
    if protocol:
        return _protocol(protocol, info=info, chat=chat)
    kind, text, media = _content(content)
    if info.get("IsFromMe") is True:
        recipient = _address(chat, _text(info.get("RecipientAlt")))
        if recipient is None:
            return Ignored("unknown_address")
        return OwnMessage(ref=ref, recipient=recipient, text=text, sent_at=_time(info), kind=kind)
    sender = _address(_text(info.get("Sender")) or chat, _text(info.get("SenderAlt")))
    if sender is None:
        return Ignored("unknown_address")
    return ContactMessage(
        ref=ref,
        sender=sender,
        sender_name=_clean(_text(info.get("PushName")))[:200],
        kind=kind,
        text=text,
        sent_at=_time(info),
        quoted_ref=_quoted(content),
        media=media,
    )


def _not_for_us(*, info: Json, content: Json, chat: str, ref: str) -> str:
    """Return why a message is nobody's question, or nothing."""
    server = chat.partition("@")[2]
    checks = (
        (chat == "status@broadcast", "status_post"),
        (server == "broadcast", "broadcast_list"),
        (server == "newsletter", "newsletter"),
        (info.get("IsGroup") is True or server == "g.us", "group"),
        (_text(info.get("Category")) == "peer", "protocol_noise"),
        (not ref, "no_message_id"),
        (not chat, "unknown_address"),
        (not _has_content(content), "protocol_noise"),
    )
    return next((reason for holds, reason in checks if holds), "")


def _has_content(content: Json) -> bool:
    noise = {"senderKeyDistributionMessage", "messageContextInfo"}
    if set(content) <= noise:
        return False
    protocol = _object(content.get("protocolMessage"))
    if not protocol:
        return True
    is_revoke = protocol.get("type", _REVOKE) == _REVOKE and bool(_object(protocol.get("key")))
    return is_revoke or protocol.get("type") == _EDIT


def _protocol(protocol: Json, *, info: Json, chat: str) -> ParsedEvent:
    if info.get("IsFromMe") is True:
        return Ignored("own_edit_or_delete")
    sender = _address(_text(info.get("Sender")) or chat, _text(info.get("SenderAlt")))
    if sender is None:
        return Ignored("unknown_address")
    target = _text(_object(protocol.get("key")).get("ID"))[:100]
    if not target:
        return Ignored("protocol_noise")
    if protocol.get("type") == _EDIT:
        _, text, _ = _content(_object(protocol.get("editedMessage")))
        return Edited(target_ref=target, sender=sender, text=text)
    return Deleted(target_ref=target, sender=sender)


def _content(content: Json) -> tuple[MessageKind, str, dict[str, object]]:
    """Return the kind, the text and the facts about the media of a message."""
    if text := _text(content.get("conversation")):
        return MessageKind.TEXT, _clean(text), {}
    if extended := _object(content.get("extendedTextMessage")):
        return MessageKind.TEXT, _clean(_text(extended.get("text"))), {}
    for key, kind in _MEDIA.items():
        if media := _object(content.get(key)):
            kept = {name: _fact(media[name]) for name in _KEPT_MEDIA_KEYS if name in media}
            return kind, _clean(_text(media.get("caption"))), kept
    for reader in (_place, _card, _reaction, _poll, _choice):
        if found := reader(content):
            return found
    return MessageKind.OTHER, "", {}


_Content = tuple[MessageKind, str, dict[str, object]]


def _place(content: Json) -> _Content | None:
    place = _object(content.get("locationMessage")) or _object(content.get("liveLocationMessage"))
    if not place:
        return None
    words = [_text(place.get("name")), _text(place.get("address"))]
    where = {
        "latitude": _fact(place.get("degreesLatitude")),
        "longitude": _fact(place.get("degreesLongitude")),
    }
    return MessageKind.LOCATION, _clean(", ".join(word for word in words if word)), where


def _card(content: Json) -> _Content | None:
    card = _object(content.get("contactMessage")) or _object(content.get("contactsArrayMessage"))
    if not card:
        return None
    return MessageKind.CONTACT_CARD, _clean(_text(card.get("displayName"))), {}


def _reaction(content: Json) -> _Content | None:
    reaction = _object(content.get("reactionMessage"))
    if not reaction:
        return None
    target = _text(_object(reaction.get("key")).get("ID"))[:100]
    return MessageKind.REACTION, _clean(_text(reaction.get("text"))), {"target": target}


def _poll(content: Json) -> _Content | None:
    for key in _POLLS:
        if poll := _object(content.get(key)):
            return MessageKind.POLL, _clean(_text(poll.get("name"))), {}
    return (MessageKind.POLL, "", {}) if content.get("pollUpdateMessage") else None


def _choice(content: Json) -> _Content | None:
    """Return the button or list entry that the contact chose, as if it had been typed."""
    buttons = _object(content.get("buttonsResponseMessage"))
    template = _object(content.get("templateButtonReplyMessage"))
    listed = _object(content.get("listResponseMessage"))
    interactive = _object(content.get("interactiveResponseMessage"))
    if not (buttons or template or listed or interactive):
        return None
    texts = (
        _text(_object(buttons.get("Response")).get("SelectedDisplayText")),
        _text(template.get("selectedDisplayText")),
        _text(listed.get("title")),
        _text(_object(interactive.get("body")).get("text")),
        _text(buttons.get("selectedButtonID")),
        _text(_object(listed.get("singleSelectReply")).get("selectedRowID")),
    )
    return MessageKind.CHOICE, _clean(next((text for text in texts if text), "")), {}


def _quoted(content: Json) -> str:
    for part in content.values():
        context = _object(_object(part).get("contextInfo"))
        if stanza := _text(context.get("stanzaID")):
            return stanza[:100]
    return ""


def _receipt(data: Json, event: Json) -> ParsedEvent:
    refs = event.get("MessageIDs")
    state = _text(data.get("state"))
    if event.get("IsFromMe") is True or state == "ReadSelf":
        return Ignored("own_receipt")
    if state not in ("Delivered", "Read") or not isinstance(refs, list):
        return Ignored("unknown_receipt")
    known = tuple(_text(ref)[:100] for ref in refs[:1000] if _text(ref))
    return Receipt(refs=known, is_read=state == "Read", at=_time(event))


def _typing(event: Json) -> ParsedEvent:
    sender = _address(_text(event.get("Sender")), _text(event.get("SenderAlt")))
    if sender is None or event.get("IsGroup") is True or event.get("IsFromMe") is True:
        return Ignored("not_a_message")
    return Typing(sender=sender, is_typing=_text(event.get("State")) == "composing")


def _address(*jids: str) -> Address | None:
    """Return the phone and the LID found in JIDs such as ``5511...:12@s.whatsapp.net``."""
    phone = lid = ""
    for jid in jids:
        user, _, server = jid.partition("@")
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
        at = datetime.fromisoformat(_text(info.get("Timestamp"))).astimezone(UTC)
    except (OverflowError, ValueError):
        return beginning
    # The bridge's language writes "none" as the year 1, which no time zone west of here can show.
    return at if beginning <= at and at.year < 9999 else beginning


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _without_nul(value: object) -> Any:
    """Return what PostgreSQL can store: neither its texts nor its JSON hold a NUL."""
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_nul(part) for part in value]
    return value.replace("\x00", "") if isinstance(value, str) else value


def _fact(value: object) -> object:
    """Return a fact about media as it may be kept: a short text or a finite number, else None."""
    if isinstance(value, str):
        return value[:300]
    if isinstance(value, int | float) and abs(value) < 10**15:  # neither endless nor no number
        return value
    return None


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _clean(text: str) -> str:
    """Return text that PostgreSQL can store: NFC, without NUL."""
    return unicodedata.normalize("NFC", text.replace("\x00", "")).strip()
