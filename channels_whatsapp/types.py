"""What a bridge event says, once it is read: values without any of the bridge's own shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from conversations.types import Address, IncomingFile, MessageKind


@dataclass(frozen=True)
class InGroup:
    """Who wrote in a group, and whom it speaks to.

    Attributes:
        author: as the group sees their name.
        author_ref: as WhatsApp knows them in this group.
        mentions: user parts of the JIDs that it names, or whose message it answers.
    """

    author: str
    author_ref: str = ""
    mentions: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ContactMessage:
    """A contact wrote, in a chat of their own with us or in a group, which is the sender then."""

    ref: str
    sender: Address
    sender_name: str
    kind: MessageKind
    text: str
    sent_at: datetime
    quoted_ref: str = ""
    media: Mapping[str, object] = field(default_factory=dict)
    file: IncomingFile | None = None
    group: InGroup | None = None


@dataclass(frozen=True)
class OwnMessage:
    """The paired phone's owner wrote to a contact, or it is an echo of what we sent.

    Attributes:
        own: the device's own addresses, where the event tells them.
        facts: what the event tells beside the text.
    """

    ref: str
    recipient: Address
    kind: MessageKind
    text: str
    sent_at: datetime
    own: Address | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    file: IncomingFile | None = None


@dataclass(frozen=True)
class Edited:
    """Somebody replaced the text of an earlier message.

    Attributes:
        kind: what the message is whose text was replaced.
        is_own: the owner of the paired phone did, of what was sent from the number.
    """

    target_ref: str
    sender: Address
    text: str
    sent_at: datetime
    kind: MessageKind = MessageKind.TEXT
    is_own: bool = False


@dataclass(frozen=True)
class Deleted:
    """Somebody took an earlier message back for everyone; see `Edited`."""

    target_ref: str
    sender: Address
    is_own: bool = False


@dataclass(frozen=True)
class Receipt:
    """A contact's phone received or showed messages of ours."""

    refs: tuple[str, ...]
    is_read: bool
    at: datetime


@dataclass(frozen=True)
class Typing:
    """A contact began or stopped writing."""

    sender: Address
    is_typing: bool


@dataclass(frozen=True)
class LinkChange:
    """The state of the device's link to WhatsApp changed.

    Attributes:
        own: the device's own addresses, where the event tells them.
        lasts_s: how long the state lasts, in seconds; None where nobody knows.
        qr_code: the code to be scanned, a data URI of a PNG; empty where there is none.
    """

    state: str
    detail: str = ""
    own: Address | None = None
    lasts_s: float | None = None
    qr_code: str = field(default="", repr=False)


@dataclass(frozen=True)
class Ignored:
    """Nothing for us, and why."""

    reason: str


ParsedEvent = (
    ContactMessage | OwnMessage | Edited | Deleted | Receipt | Typing | LinkChange | Ignored
)
