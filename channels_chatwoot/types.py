"""What a webhook of Chatwoot says, once it is read: values without any of its own shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from conversations.types import Address, IncomingFile, MessageKind

KIND = "chatwoot"
"""The name of this channel."""

REF_NAME = "prosa_ref"
"""Under which our own id stands among the attributes of what we write there. Not `source_id`, which
would make Chatwoot take the message for one that has been delivered already."""


class Hands(StrEnum):
    """In whose hands a conversation is."""

    AI = "ai"
    HUMAN = "human"
    CLOSED = "closed"


_HANDS = {"pending": Hands.AI, "open": Hands.HUMAN, "snoozed": Hands.HUMAN}


@dataclass(frozen=True)
class Where:
    """A conversation of Chatwoot as an event or an answer shows it.

    Attributes:
        display_id: its number in the account, which the addresses of the API bear.
        status: ``pending``, ``open``, ``snoozed`` or ``resolved``; empty where it is not told.
        assignee: the name of the person who has it there.
        contact: under what we know its contact.
    """

    display_id: int
    account_id: int
    inbox_id: int
    status: str
    assignee: str = field(repr=False)
    contact: Address = field(repr=False)
    contact_name: str = field(repr=False)

    @property
    def hands(self) -> Hands | None:
        """In whose hands it is there; None where that is not told."""
        return hands_of(self.status)


def hands_of(status: str) -> Hands | None:
    """Return in whose hands a conversation of a status is; None for an unknown one."""
    return Hands.CLOSED if status == "resolved" else _HANDS.get(status)


@dataclass(frozen=True)
class Part:
    """One of our messages of which a message there consists: it may have several files."""

    ref: str
    kind: MessageKind
    text: str
    facts: Mapping[str, object] = field(default_factory=dict)
    file: IncomingFile | None = None


@dataclass(frozen=True)
class ContactMessage:
    """A contact wrote."""

    where: Where
    parts: tuple[Part, ...]
    sent_at: datetime
    quoted_ref: str = ""


@dataclass(frozen=True)
class PersonMessage:
    """A person of the business answered in Chatwoot."""

    where: Where
    ref: str
    person: str
    text: str
    sent_at: datetime


@dataclass(frozen=True)
class Echo:
    """What we wrote ourselves, under our own id."""

    where: Where
    ref: str


@dataclass(frozen=True)
class Edited:
    """A contact's message is shown again, perhaps with another text, or was taken back."""

    where: Where
    ref: str
    text: str
    is_deleted: bool


@dataclass(frozen=True)
class Moved:
    """The status of a conversation changed."""

    where: Where
    at: datetime


@dataclass(frozen=True)
class Ignored:
    """Nothing for us, and why."""

    reason: str


ParsedEvent = ContactMessage | PersonMessage | Echo | Edited | Moved | Ignored
