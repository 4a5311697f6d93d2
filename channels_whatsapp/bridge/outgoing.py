"""What is sent as WuzAPI wants it; source: the bridge's contract, section 7. Pure functions."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from conversations.types import Address, MessageKind
from conversations.types_sending import Content

_OPUS = "audio/ogg; codecs=opus"
"""What WhatsApp shows as a voice note; other sounds are sent as files that can be played."""


@dataclass(frozen=True)
class Order:
    """One call of the bridge that a contact sees."""

    path: str
    body: dict[str, Any] = field(repr=False)


def jid(to: Address) -> str:
    """Return an address as WhatsApp writes it."""
    if to.group:
        return f"{to.group}@g.us"
    return f"{to.phone}@s.whatsapp.net" if to.phone else f"{to.lid}@lid"


def jids(to: Address) -> list[str]:
    """Return every name under which the bridge may keep a chat."""
    if to.group:
        return [jid(to)]
    known = (f"{to.phone}@s.whatsapp.net" if to.phone else "", f"{to.lid}@lid" if to.lid else "")
    return [one for one in known if one]


def phone_of(to: Address) -> str:
    """Return whom to send to: a phone is resolved to its LID by the bridge, which knows better."""
    return to.phone or jid(to)


def message(content: Content, *, to: Address, ref: str) -> Order:
    """Return the call that sends a message under an id of ours."""
    body: dict[str, Any] = {"Phone": phone_of(to), "Id": ref}
    if content.quote is not None:
        body["ContextInfo"] = {
            "StanzaId": content.quote.ref,
            "Participant": content.quote.author or jid(to),
        }
        # Without its words the quote shows empty; the short form is for texts alone.
        body["QuotedMessage"] = {"conversation": content.quote.text}
    match MessageKind(content.kind):
        case MessageKind.IMAGE:
            body |= {"Image": _data(content), "Caption": content.text}
            return Order("/chat/send/image", body)
        case MessageKind.AUDIO:
            is_note = content.media_type == "audio/ogg"
            media_type = _OPUS if is_note else content.media_type
            body |= {"Audio": _data(content), "ptt": is_note, "mimetype": media_type}
            return Order("/chat/send/audio", body)
        case MessageKind.DOCUMENT:
            body |= {
                "Document": _data(content),
                "FileName": content.file_name,
                "MimeType": content.media_type,
                "Caption": content.text,
            }
            return Order("/chat/send/document", body)
        case MessageKind.LOCATION:
            place = content.place
            body |= {
                "Latitude": place.get("latitude"),
                "Longitude": place.get("longitude"),
                "Name": content.text,
            }
            return Order("/chat/send/location", body)
    if content.quote is not None:
        body["QuotedText"] = body.pop("QuotedMessage")["conversation"]
    return Order("/chat/send/text", {**body, "Body": content.text})


def edit(*, to: Address, ref: str, text: str) -> Order:
    """Return the call that replaces the text of a message of ours."""
    return Order("/chat/send/edit", {"Phone": jid(to), "Id": ref, "Body": text})


def delete(*, to: Address, ref: str) -> Order:
    """Return the call that takes a message of ours back; it wants the full address."""
    return Order("/chat/delete", {"Phone": jid(to), "Id": ref})


def typing(*, to: Address) -> Order:
    """Return the call that shows that we are typing."""
    return Order("/chat/presence", {"Phone": jid(to), "State": "composing"})


def read(*, to: Address, refs: Sequence[str]) -> Order:
    """Return the call that shows a contact's messages as read."""
    return Order("/chat/markread", {"Id": list(refs), "ChatPhone": jid(to)})


def _data(content: Content) -> str:
    # A data URI holds no parameters here: WuzAPI wants `;base64,` right after the type.
    media_type = content.media_type
    if content.kind == MessageKind.DOCUMENT:
        media_type = "application/octet-stream"
    return f"data:{media_type};base64,{base64.b64encode(content.data).decode()}"
