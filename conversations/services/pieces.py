"""The parts of a bubble that are no text: files, quotes, places, people, marks and reactions."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Q
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from conversations.models import Attachment, Conversation, InboundMessage, OutboundMessage
from conversations.services import attaching, describing, file_types, words
from conversations.types import MessageKind

_TYPED = frozenset({MessageKind.TEXT, MessageKind.CHOICE, MessageKind.REACTION})


@dataclass(frozen=True)
class FileView:
    """A file beside a message.

    Attributes:
        shown_as: ``"image"``, ``"sticker"``, ``"audio"``, ``"video"``, ``"file"``, or empty where
            it is not here.
        state: what is under way or went wrong; empty where all is well.
        words: what is said in it or seen on it.
    """

    uuid: uuid.UUID
    kind: str
    shown_as: str
    name: str
    size: str
    length: str
    state: str
    words: str
    is_under_way: bool
    may_try_again: bool

    @property
    def needs_no_model(self) -> bool:
        """Test whether it is to be fetched, and not only to be read."""
        return not self.shown_as


@dataclass(frozen=True)
class PersonView:
    """A person on a contact card."""

    name: str
    phones: tuple[str, ...]


@dataclass(frozen=True)
class Pieces:
    """What a bubble shows beside its text."""

    text: str
    author: str = ""
    quote: str = ""
    file: FileView | None = None
    place: str = ""
    place_url: str = ""
    people: tuple[PersonView, ...] = ()
    marks: tuple[str, ...] = ()


def pieces(message: InboundMessage) -> Pieces:
    """Return the parts of a contact's message; its attachment is fetched with it."""
    facts: Mapping[str, Any] = message.media if isinstance(message.media, dict) else {}
    kind = MessageKind(message.kind)
    found = describing.attachment_of(message)
    file = None if found is None else file_view(found, kind=kind)
    is_place = kind == MessageKind.LOCATION and facts.get("latitude") is not None
    cards = facts.get("people") if kind == MessageKind.CONTACT_CARD else None
    has_own_shape = file is not None or is_place or bool(cards) or kind in _TYPED
    plain = "" if is_place or cards else message.text
    return Pieces(
        text=plain if has_own_shape else _in_words(message, facts),
        author=str(facts.get("author") or ""),
        quote=str(facts.get("quoted") or ""),
        file=file,
        place=describing.place(message.text, facts) if is_place else "",
        place_url=_map_url(facts) if is_place else "",
        people=tuple(_people(cards)),
        marks=tuple(_marks(facts)),
    )


def outbound_pieces(message: OutboundMessage, *, quote: str = "") -> Pieces:
    """Return the parts of a message of ours; its file is fetched with it.

    Args:
        quote: the contact's message that it answers, in words.
    """
    kind, facts = MessageKind(message.kind), message.details
    if kind == MessageKind.LOCATION:
        place = describing.place(message.text, facts)
        return Pieces(text="", quote=quote, place=place, place_url=_map_url(facts))
    file = None if kind == MessageKind.TEXT else _sent_file(message, kind)
    return Pieces(text=message.text, quote=quote, file=file)


def _sent_file(message: OutboundMessage, kind: MessageKind) -> FileView | None:
    try:
        found = message.file
    except ObjectDoesNotExist:
        return None
    is_gone = found.deleted_at is not None
    return FileView(
        uuid=found.uuid,
        kind=kind,
        shown_as="" if is_gone else _shape(found.media_type, kind),
        name=found.name or _kind_name(kind),
        size=filesizeformat(found.n_bytes),
        length="",
        state=_deleted(found.deleted_at) if found.deleted_at else "",
        words="",
        is_under_way=False,
        may_try_again=False,
    )


def _in_words(message: InboundMessage, facts: Mapping[str, Any]) -> str:
    """Return the message as an agent is told of it, without what stands beside the text."""
    beside = ("forwarded", "quoted", "author", "author_ref", "ad")
    own = {name: value for name, value in facts.items() if name not in beside}
    return describing.describe(kind=message.kind, text=message.text, facts=own)


def file_view(found: Attachment, *, kind: MessageKind) -> FileView:
    """Return a file as a page shows it."""
    facts = {"seconds": found.seconds}
    return FileView(
        uuid=found.uuid,
        kind=kind,
        shown_as=_shown_as(found, kind),
        name=found.name or _kind_name(kind),
        size=filesizeformat(found.n_bytes) if found.n_bytes else "",
        length=describing.length(facts).removeprefix(", "),
        state=_state(found),
        words=found.words,
        is_under_way=found.is_under_way,
        may_try_again=attaching.can_try_again(found),
    )


def _kind_name(kind: MessageKind) -> str:
    names = {
        MessageKind.IMAGE: _("Image"),
        MessageKind.AUDIO: _("Voice note"),
        MessageKind.VIDEO: _("Video"),
        MessageKind.DOCUMENT: _("Document"),
        MessageKind.STICKER: _("Sticker"),
    }
    return names.get(kind, _("File"))


def _shown_as(found: Attachment, kind: MessageKind) -> str:
    return _shape(found.media_type, kind) if found.status == Attachment.Status.STORED else ""


def _shape(media_type: str, kind: MessageKind) -> str:
    if media_type in file_types.IMAGES and kind != MessageKind.DOCUMENT:
        return "sticker" if kind == MessageKind.STICKER else "image"
    if media_type in file_types.SOUNDS and kind == MessageKind.AUDIO:
        return "audio"
    if media_type in file_types.VIDEOS and kind == MessageKind.VIDEO:
        return "video"
    return "file"


def _deleted(at: datetime) -> str:
    # Translators: where a file was; the date is written as everywhere.
    return _("File deleted on %(date)s: files are not kept for longer.") % {
        "date": date_format(timezone.localtime(at), "SHORT_DATE_FORMAT")
    }


def _state(found: Attachment) -> str:
    if found.deleted_at is not None:
        return _deleted(found.deleted_at)
    if found.status == Attachment.Status.WAITING:
        return _("The file is being fetched …")
    if found.is_under_way:
        return _("It is being put into words …")
    return words.file_problem(found.problem)


def _map_url(facts: Mapping[str, Any]) -> str:
    where = f"{facts.get('latitude')},{facts.get('longitude')}"
    return f"https://www.google.com/maps/search/?api=1&query={where}"


def _people(cards: object) -> Iterable[PersonView]:
    for card in cards if isinstance(cards, list) else []:
        if isinstance(card, dict):
            phones = card.get("phones")
            listed = phones if isinstance(phones, list) else []
            yield PersonView(str(card.get("name") or ""), tuple(str(one) for one in listed))


def _marks(facts: Mapping[str, Any]) -> Iterable[str]:
    if facts.get("forwarded"):
        yield _("forwarded")
    if ad := str(facts.get("ad") or ""):
        # Translators: before a message; the contact has come from this ad.
        yield _("ad: %(ad)s") % {"ad": ad}
    if facts.get("expires_s"):
        yield _("disappearing")
    if facts.get("view_once"):
        yield _("view once")
    if facts.get("live"):
        yield _("live location")


def reactions(conversation: Conversation, refs: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the reactions that hold now, by the channel's id of what they are about; one query.

    Of one person the last counts, and one that was taken back is none.
    """
    about = [ref for ref in refs if ref]
    if not about:
        return {}
    rows = (
        InboundMessage.objects.filter(conversation=conversation, kind=MessageKind.REACTION)
        .filter(Q(media__target__in=about))
        .order_by("pk")
        .values_list("media__target", "media__author", "text")
    )
    latest: dict[str, dict[str, str]] = {}
    for target, author, emoji in rows:
        latest.setdefault(target, {})[author or ""] = emoji
    return {ref: shown for ref, by in latest.items() if (shown := tuple(filter(None, by.values())))}
