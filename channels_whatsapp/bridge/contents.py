"""What a message holds: from the bridge's `Message` object to a kind, a text, facts and a file.

Decided by which key is there, never by the hints in `Info`. Source: WuzAPI a55b3159, whatsmeow
b572e5bcb92b; the contract's section 6.2.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conversations.types import IncomingFile, MessageKind
from tenants.reading import clean, object_of, text_of

Json = Mapping[str, Any]

_FILES = {
    "imageMessage": (MessageKind.IMAGE, "image"),
    "videoMessage": (MessageKind.VIDEO, "video"),
    "ptvMessage": (MessageKind.VIDEO, "video"),
    "audioMessage": (MessageKind.AUDIO, "audio"),
    "documentMessage": (MessageKind.DOCUMENT, "document"),
    "stickerMessage": (MessageKind.STICKER, "sticker"),
}
_SOURCE_KEYS = (
    "URL",
    "directPath",
    "mediaKey",
    "mimetype",
    "fileEncSHA256",
    "fileSHA256",
    "fileLength",
)
"""What the bridge must be given back to fetch a file."""

_KEPT_FACTS = ("mimetype", "fileLength", "seconds", "PTT", "fileName", "height", "width")
_POLL = "pollCreationMessage"  # and V2, V3 and so on: each year has brought another
_VIEW_ONCE = ("IsViewOnce", "IsViewOnceV2", "IsViewOnceV2Extension")
_BESIDE = frozenset({"senderKeyDistributionMessage", "messageContextInfo"})

_COPIES = (5, 10, 12, 19)
"""Values of messageAssociation.associationType: a video or a picture in HD, the film of a moving
photo, a video in another format. The message that they belong to has come by itself."""

MAX_LAYERS = 8
"""Messages within messages that are looked through; WhatsApp needs two or three."""

_NOISE = frozenset(
    {
        "pinInChatMessage",
        "keepInChatMessage",
        "encReactionMessage",
        "encCommentMessage",
        "encEventResponseMessage",
        "stickerSyncRmrMessage",
        "callLogMesssage",
        "botInvokeMessage",
    }
)
"""Messages of the phones among themselves, and what only they can decrypt: nobody wrote anything
that could be answered."""

MAX_QUOTE = 300
"""Characters of a quoted message or an ad that are kept: enough to know which one was meant."""

MAX_CARDS = 10
MAX_OPTIONS = 12
"""People in one contact card and choices in one poll that are kept; WhatsApp allows 12 choices."""


@dataclass(frozen=True)
class Content:
    """What a message holds.

    Attributes:
        facts: JSON-safe; what a person or an agent is told beside the text.
        mentions: user parts of the JIDs that it names, or whose message it answers.
    """

    kind: MessageKind
    text: str
    facts: Mapping[str, object]
    quoted_ref: str = ""
    mentions: frozenset[str] = frozenset()
    file: IncomingFile | None = None


def unwrapped(event: Json) -> Json:
    """Return an event with what its message holds in the place of what it lies in.

    The bridge takes off the layers that it knows; of an album each picture comes in another one.
    """
    content, is_view_once = object_of(event.get("Message")), False
    for _ in range(MAX_LAYERS):
        layers = (
            (name, object_of(object_of(part).get("message")))
            for name, part in content.items()
            if name not in _NOISE
        )
        name, inner = next(((name, inner) for name, inner in layers if inner), ("", {}))
        if not inner:
            break
        is_view_once = is_view_once or name.startswith("viewOnce")
        beside = {name: content[name] for name in _BESIDE if name in content}
        content = {**beside, **inner}
    return {**event, "Message": content, **({"IsViewOnce": True} if is_view_once else {})}


def refusal(content: Json) -> str:
    """Return why a message is nobody's words, or nothing."""
    keys = set(content) - _BESIDE
    if not keys or keys <= _NOISE:
        return "protocol_noise"
    if keys == {"albumMessage"}:
        return "album_header"  # its pictures come as messages of their own
    if keys == {"secretEncryptedMessage"}:
        return "undecryptable_edit"
    about = object_of(content.get("messageContextInfo"))
    if object_of(about.get("messageAssociation")).get("associationType") in _COPIES:
        return "another_copy"
    return ""


def read(data: Json, event: Json) -> Content:
    """Return what the message of an event holds; never raises."""
    content = object_of(event.get("Message"))
    kind, text, facts = _body(content, data)
    context = _context(content)
    is_view_once = any(event.get(name) is True for name in _VIEW_ONCE)
    quote = _quote(context)
    marks = {
        "view_once": is_view_once,
        "forwarded": context.get("isForwarded") is True,
        "expires_s": _count(context.get("expiration")),
        "quoted": quote,
        "ad": _ad(context),
    }
    return Content(
        kind=kind,
        text=text,
        facts={**facts, **{name: value for name, value in marks.items() if value}},
        quoted_ref=text_of(context.get("stanzaID"))[:100],
        mentions=frozenset(_mentions(context)),
        file=_file(content, data),
    )


def edited(content: Json) -> tuple[MessageKind, str] | None:
    """Return kind and words of a message that replaces another; None where nobody can tell."""
    kind, text, _ = _body(object_of(unwrapped({"Message": content})["Message"]), {})
    return None if kind == MessageKind.OTHER else (kind, text)


def without_file(data: Json) -> bytes | None:
    """Return an event's body without the file in it, which has a row of its own; None without."""
    if not isinstance(data.get("base64"), str):
        return None
    kept = {name: value for name, value in data.items() if name != "base64"}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


_Body = tuple[MessageKind, str, dict[str, object]]


def _body(content: Json, data: Json) -> _Body:
    if text := text_of(content.get("conversation")):
        return MessageKind.TEXT, clean(text), {}
    if extended := object_of(content.get("extendedTextMessage")):
        return MessageKind.TEXT, clean(text_of(extended.get("text"))), {}
    for key, (kind, _) in _FILES.items():
        if media := object_of(content.get(key)):
            facts = {name: _fact(media[name]) for name in _KEPT_FACTS if name in media}
            return kind, clean(text_of(media.get("caption"))), facts
    for reader in (_place, _cards, _reaction, _poll, _choice):
        if found := reader(content):
            return found
    if "pollUpdateMessage" in content:
        return _vote(data)
    return MessageKind.OTHER, "", {}


def _place(content: Json) -> _Body | None:
    live = object_of(content.get("liveLocationMessage"))
    place = object_of(content.get("locationMessage")) or live
    if not place:
        return None
    words = [text_of(place.get("name")), text_of(place.get("address"))]
    words = words if any(words) else [text_of(place.get("caption"))]
    where: dict[str, object] = {
        "latitude": _degrees(place.get("degreesLatitude"), 90),
        "longitude": _degrees(place.get("degreesLongitude"), 180),
    }
    if live:
        where["live"] = True
    return MessageKind.LOCATION, clean(", ".join(word for word in words if word)), where


def _cards(content: Json) -> _Body | None:
    one = object_of(content.get("contactMessage"))
    many = object_of(content.get("contactsArrayMessage"))
    if not (one or many):
        return None
    listed = many.get("contacts")
    cards = [object_of(card) for card in listed] if isinstance(listed, list) else []
    people = [_person(card) for card in cards[:MAX_CARDS]] or [_person(one or many)]
    named = text_of((one or many).get("displayName"))
    text = named or ", ".join(str(person["name"]) for person in people if person["name"])
    return MessageKind.CONTACT_CARD, clean(text)[:300], {"people": people}


_PHONE_LINE = re.compile(r"^(?:item\d+\.)?TEL[^:\r\n]*:([^\r\n]{1,60})", re.MULTILINE | re.I)


def _person(card: Json) -> dict[str, object]:
    """Return the name and the phones of a vCard, which is read and never kept whole."""
    vcard = text_of(card.get("vcard"))[:20_000]
    phones = [re.sub(r"[^\d+]", "", number)[:20] for number in _PHONE_LINE.findall(vcard)]
    return {
        "name": clean(text_of(card.get("displayName")))[:200],
        "phones": [phone for phone in phones if len(phone) > 2][:5],
    }


def _reaction(content: Json) -> _Body | None:
    reaction = object_of(content.get("reactionMessage"))
    if not reaction:
        return None
    target = text_of(object_of(reaction.get("key")).get("ID"))[:100]
    return MessageKind.REACTION, clean(text_of(reaction.get("text")))[:40], {"target": target}


def _poll(content: Json) -> _Body | None:
    for key, part in content.items():
        if key.startswith(_POLL) and (poll := object_of(part)):
            options = poll.get("options")
            named = [
                clean(text_of(object_of(option).get("optionName")))[:100]
                for option in (options if isinstance(options, list) else [])[:MAX_OPTIONS]
            ]
            facts: dict[str, object] = {"options": [name for name in named if name]}
            return MessageKind.POLL, clean(text_of(poll.get("name"))), facts
    return None


def _vote(data: Json) -> _Body:
    """Return what was voted for; the options are in clear only where the bridge made the poll."""
    vote = object_of(data.get("pollVote"))
    chosen = vote.get("selectedOptions")
    words = [clean(text_of(one)) for one in (chosen if isinstance(chosen, list) else [])]
    hashes = vote.get("selectedHashesB64")
    facts: dict[str, object] = {"poll": text_of(vote.get("pollCreationMsgID"))[:100]}
    if vote and not words and not hashes:
        facts["withdrawn"] = True
    return MessageKind.VOTE, ", ".join(word for word in words if word)[:300], facts


def _choice(content: Json) -> _Body | None:
    """Return the button or list entry that the contact chose, as if it had been typed."""
    buttons = object_of(content.get("buttonsResponseMessage"))
    template = object_of(content.get("templateButtonReplyMessage"))
    listed = object_of(content.get("listResponseMessage"))
    interactive = object_of(content.get("interactiveResponseMessage"))
    if not (buttons or template or listed or interactive):
        return None
    texts = (
        text_of(object_of(buttons.get("Response")).get("SelectedDisplayText")),
        text_of(template.get("selectedDisplayText")),
        text_of(listed.get("title")),
        text_of(object_of(interactive.get("body")).get("text")),
        *_native_flow(interactive),
        text_of(buttons.get("selectedButtonID")),
        text_of(template.get("selectedID")),
        text_of(object_of(listed.get("singleSelectReply")).get("selectedRowID")),
    )
    return MessageKind.CHOICE, clean(next((text for text in texts if text), "")), {}


def _native_flow(interactive: Json) -> tuple[str, ...]:
    """Return what a newer menu says of a choice: a title, or at least its id."""
    inner = object_of(interactive.get("InteractiveResponseMessage"))
    flow = object_of(inner.get("NativeFlowResponseMessage"))
    flow = flow or object_of(interactive.get("nativeFlowResponseMessage"))
    try:
        params = object_of(json.loads(text_of(flow.get("paramsJSON"))[:10_000] or "{}"))
    except (ValueError, RecursionError):
        return ()
    return tuple(text_of(params.get(name)) for name in ("title", "display_text", "id"))


def _file(content: Json, data: Json) -> IncomingFile | None:
    for key, (_, route) in _FILES.items():
        if media := object_of(content.get(key)):
            source: dict[str, object] = {
                "route": route,
                "message": {name: _fact(media[name]) for name in _SOURCE_KEYS if name in media},
            }
            if url := text_of(object_of(data.get("s3")).get("url")):
                source["url"] = url[:2_000]
            brought = _decoded(data.get("base64"))
            return IncomingFile(
                source=source,
                data=brought,
                n_bytes=len(brought) if brought is not None else _count(media.get("fileLength")),
                # The sender's word; the bridge's own guess calls a voice note `application/ogg`.
                media_type=text_of(media.get("mimetype"))[:100],
                name=clean(text_of(media.get("fileName")) or text_of(media.get("title")))[:200],
                seconds=_count(media.get("seconds")),
            )
    return None


def _decoded(value: object) -> bytes | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        # A form that was encoded carelessly turns each plus sign into a space.
        return base64.b64decode(value.replace(" ", "+"), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _context(content: Json) -> Json:
    """Return the context of whatever the message is made of; empty where it has none."""
    found = (object_of(object_of(part).get("contextInfo")) for part in content.values())
    return next((context for context in found if context), {})


def _quote(context: Json) -> str:
    quoted = object_of(context.get("quotedMessage"))
    if not quoted:
        return ""
    _, text, _ = _body(quoted, {})
    return text[:MAX_QUOTE]


def _ad(context: Json) -> str:
    """Return the words of the ad from which the contact came; empty where it was none."""
    ad = object_of(context.get("externalAdReply"))
    if text_of(ad.get("sourceType")) != "ad" and not text_of(ad.get("ctwaClid")):
        return ""
    words = (clean(text_of(ad.get(name))).strip() for name in ("title", "body"))
    return " – ".join(word for word in words if word)[:MAX_QUOTE]


def _mentions(context: Json) -> Iterator[str]:
    named = context.get("mentionedJID")
    for jid in [*(named if isinstance(named, list) else [])[:50], context.get("participant")]:
        if user := text_of(jid).partition("@")[0].partition(":")[0]:
            yield user


def _degrees(value: object, most: int) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -most <= value <= most else None


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 < value < 10**12 else None


def _fact(value: object) -> object:
    """Return a fact about media as it may be kept: a short text or a finite number, else None."""
    if isinstance(value, str):
        return clean(value)[:500]
    if isinstance(value, int | float) and abs(value) < 10**15:  # neither endless nor no number
        return value
    return None
