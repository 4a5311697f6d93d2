"""A message in words: what an agent is told of it, and what of it can be searched for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from conversations.models import Attachment, InboundMessage
from conversations.types import MessageKind

MAX_QUOTE = 120
"""Characters of a quoted message that an agent is told: enough to know which one was meant."""

NAMELESS = frozenset({MessageKind.LOCATION, MessageKind.CONTACT_CARD, MessageKind.POLL})
"""Their text names a place, a person or a choice; nobody asked anything by it."""


def attachment_of(message: InboundMessage) -> Attachment | None:
    """Return what came with a message; no query where it was fetched with the message."""
    try:
        return message.attachment
    except ObjectDoesNotExist:
        return None


def plain(message: InboundMessage) -> str:
    """Return the words of a message, typed, spoken or seen, as if the contact had typed them."""
    found = attachment_of(message)
    heard = found.words if found is not None else ""
    typed = "" if message.kind in NAMELESS else message.text
    return "\n".join(part for part in (typed, heard) if part)


def own_words(messages: QuerySet[InboundMessage]) -> dict[str, str]:
    """Return the words of messages by their references, without those of an ad or a quote."""
    return {str(one.uuid): plain(one) for one in messages.select_related("attachment")}


def told(message: InboundMessage) -> str:
    """Return a message as an agent is told of it, in the active language."""
    found = attachment_of(message)
    return describe(
        kind=message.kind,
        text=message.text,
        facts=message.media,
        reading=found.reading if found is not None else Attachment.Reading.NONE,
        words=found.words if found is not None else "",
    )


def describe(
    *,
    kind: str,
    text: str,
    facts: Mapping[str, Any] | None = None,
    reading: str = Attachment.Reading.NONE,
    words: str = "",
) -> str:
    """Return a message as text, in the active language.

    Args:
        facts: what the channel told beside the text; see `InboundMessage.media`.
        reading: how far the reading of its file is; `words` is what came of it.
    """
    known = facts or {}
    label = _label(kind=kind, text=text, facts=known, reading=reading, words=words)
    own_text = "" if kind in NAMELESS or kind == MessageKind.VOTE else text
    said = " ".join(part for part in (label, own_text) if part)
    if known.get("forwarded"):
        said = _("[forwarded] %(text)s") % {"text": said}
    if ad := str(known.get("ad") or ""):
        said = _('[from the ad "%(ad)s"] %(text)s') % {"ad": ad, "text": said}
    if quoted := str(known.get("quoted") or ""):
        said = _('[in reply to "%(quoted)s"] %(text)s') % {
            "quoted": quoted[:MAX_QUOTE],
            "text": said,
        }
    if author := str(known.get("author") or ""):
        said = f"{author}: {said}"
    return said


def _label(*, kind: str, text: str, facts: Mapping[str, Any], reading: str, words: str) -> str:
    """Return what stands in for all that is no text; empty where there is nothing else."""
    if facts.get("view_once"):
        return _("[view-once message, which only the phone can show]")
    match MessageKind(kind):
        case MessageKind.AUDIO:
            return _audio(facts, reading=reading, words=words)
        case MessageKind.IMAGE if words:
            return _("[image: %(words)s]") % {"words": words}
        case MessageKind.LOCATION:
            return _("[location: %(place)s]") % {"place": place(text, facts)}
        case MessageKind.CONTACT_CARD:
            return _("[contact card: %(people)s]") % {"people": people(text, facts)}
        case MessageKind.POLL | MessageKind.VOTE:
            return _ballot(kind, text, facts)
        case MessageKind.DOCUMENT if name := str(facts.get("fileName") or ""):
            return _("[document: %(name)s]") % {"name": name}
    labels = {
        MessageKind.IMAGE: _("[image]"),
        MessageKind.VIDEO: _("[video%(length)s]") % {"length": length(facts)},
        MessageKind.DOCUMENT: _("[document]"),
        MessageKind.STICKER: _("[sticker]"),
        MessageKind.UNREADABLE: _("[message that WhatsApp could not decrypt]"),
        MessageKind.OTHER: _("[message of an unknown kind]"),
    }
    return labels.get(MessageKind(kind), "")


def _ballot(kind: str, text: str, facts: Mapping[str, Any]) -> str:
    if kind == MessageKind.POLL:
        options = " / ".join(str(one) for one in _list(facts.get("options")))
        whole = ": ".join(part for part in (text, options) if part)
        return _("[poll: %(poll)s]") % {"poll": whole} if whole else _("[poll]")
    if text:
        return _("[vote in a poll: %(choice)s]") % {"choice": text}
    return _("[vote in a poll, taken back]") if facts.get("withdrawn") else _("[vote in a poll]")


def _audio(facts: Mapping[str, Any], *, reading: str, words: str) -> str:
    known = {"length": length(facts), "words": words}
    if words:
        return _("[audio%(length)s: %(words)s]") % known
    if reading == Attachment.Reading.DONE:
        return _("[audio%(length)s, in which nothing is said]") % known
    if reading == Attachment.Reading.WAITING:
        return _("[audio%(length)s, not transcribed yet]") % known
    return _("[voice message that could not be heard]")


def place(text: str, facts: Mapping[str, Any]) -> str:
    """Return a place as its name and its coordinates, as far as they are known."""
    latitude, longitude = facts.get("latitude"), facts.get("longitude")
    known = isinstance(latitude, int | float) and isinstance(longitude, int | float)
    return "; ".join(part for part in (text, f"{latitude}, {longitude}" if known else "") if part)


def people(text: str, facts: Mapping[str, Any]) -> str:
    """Return the people on contact cards with their phones."""
    cards = [one for one in _list(facts.get("people")) if isinstance(one, dict)]
    listed = [
        " ".join([str(one.get("name") or ""), *map(str, _list(one.get("phones")))]).strip()
        for one in cards
    ]
    return ", ".join(one for one in listed if one) or text


def length(facts: Mapping[str, Any]) -> str:
    """Return how long a recording is, as it stands behind its kind; empty where nobody knows."""
    seconds = facts.get("seconds")
    return f", {round(seconds)} s" if isinstance(seconds, int | float) and seconds else ""


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list) else []
