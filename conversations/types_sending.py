"""Values of what goes out: what is said, by which rules of a number, and who let it leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from conversations.types import MessageKind

MAX_FILE_BYTES = 16 * 1024 * 1024
"""The largest file that is sent, in bytes: WhatsApp's own limit for images and sounds, and each is
held in memory while it is sent."""


class Quotes(StrEnum):
    """When an answer quotes the message that it answers."""

    NEVER = "never"
    UNCLEAR = "unclear"  # where it would not be seen which one it answers
    ALWAYS = "always"


class Reads(StrEnum):
    """When a contact sees that a message was read."""

    NEVER = "never"
    ANSWER = "answer"


@dataclass(frozen=True)
class NumberRules:
    """How a number sends.

    Attributes:
        gap_s: least time between two messages of the number, in seconds, with up to two thirds of
            it more at random; 0 for none.
        day_cap: messages of a day; 0 for no bound.
        unasked_cap: messages of a day to contacts who have not just written.
        warms_up: whether a new number may write fewer of those at first.
        since: since when the number is here; None where nobody knows.
        bubble_chars: an answer that is longer is divided; 0 for never.
        health: 0 to 100, see `conversations.services.health`.
        is_cut_off: WhatsApp takes nothing from it now: it was logged out or banned.
        cut_off_until: when a ban ends; None where nobody knows.
    """

    gap_s: float = 0.0
    day_cap: int = 0
    unasked_cap: int = 50
    warms_up: bool = True
    since: datetime | None = None
    bubble_chars: int = 600
    quotes: str = Quotes.UNCLEAR
    reads: str = Reads.NEVER
    health: int = 100
    is_cut_off: bool = False
    cut_off_until: datetime | None = None


@dataclass(frozen=True)
class Leave:
    """That something may be sent. Only `conversations.services.veto` gives it."""

    purpose: str


@dataclass(frozen=True)
class Quote:
    """The message that a message answers.

    Attributes:
        author: the member of a group who wrote it, as the channel knows them; empty in a chat of
            two.
    """

    ref: str
    text: str
    author: str = ""


@dataclass(frozen=True)
class Content:
    """What is sent.

    Attributes:
        text: of a file, what stands below it.
        data: the file itself.
        media_type: as its own bytes tell.
        place: ``latitude`` and ``longitude`` in degrees, and a ``name``.
    """

    text: str
    kind: str = MessageKind.TEXT
    data: bytes = field(default=b"", repr=False)
    media_type: str = ""
    file_name: str = ""
    place: Mapping[str, object] = field(default_factory=dict)
    quote: Quote | None = None
