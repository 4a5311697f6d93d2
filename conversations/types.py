"""Values that cross the border between a channel and the conversations."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class MessageKind(StrEnum):
    """What a message is made of."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT_CARD = "contact_card"
    POLL = "poll"
    VOTE = "vote"
    CHOICE = "choice"
    REACTION = "reaction"
    UNREADABLE = "unreadable"  # WhatsApp could not decrypt it; it mostly comes again
    OTHER = "other"


FILE_KINDS = frozenset({MessageKind.IMAGE, MessageKind.AUDIO, MessageKind.DOCUMENT})
"""Kinds of messages that are sent with a file."""


class Silence(StrEnum):
    """Why a message did not wake the assistant."""

    NONE = ""
    TOO_OLD = "too_old"
    CLOCK_AHEAD = "clock_ahead"
    HUMAN_MODE = "human_mode"
    OPTED_OUT = "opted_out"
    BLOCKED = "blocked"
    REACTION = "reaction"
    STICKER = "sticker"
    NO_AGENT = "no_agent"
    TOO_LONG = "too_long"
    OPTED_IN = "opted_in"
    UNREADABLE = "unreadable"
    ARCHIVED = "archived"


@dataclass(frozen=True)
class Address:
    """How a channel knows a person: by phone (digits with country code), by LID, or by both.

    A group is known by its id alone, and stands for everybody in it.

    Attributes:
        external: a person's id in another system, with that system's name before it.
        thread: where the conversation goes on, as the channel names it: its own id of it, or the
            one of a contact's phones; says where to write, and not to whom.
    """

    phone: str = ""
    lid: str = ""
    group: str = ""
    external: str = ""
    thread: str = ""


@dataclass(frozen=True)
class BurstSettings:
    """How a device gathers a burst; all in seconds but the count."""

    quiet_s: float
    max_wait_s: float
    max_messages: int
    freshness_s: float


@dataclass(frozen=True)
class IncomingFile:
    """A file that came with a message.

    Attributes:
        source: what the channel needs to fetch it; JSON-safe, and nobody else's business.
        data: the file, where the channel brought it along; None where it is to be fetched.
        n_bytes: its size, at least as its sender announced it.
        media_type: as its sender calls it; not to be trusted.
        seconds: its length, where it has one and the channel told it.
    """

    source: Mapping[str, object] = field(repr=False)
    data: bytes | None = field(repr=False)
    n_bytes: int | None
    media_type: str
    name: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class MediaRules:
    """What a channel's account keeps of the files that contacts send.

    Attributes:
        kinds: values of `MessageKind`; files of others stay where they are.
        max_s: longer recordings are kept and not transcribed.
        wait_s: how long a burst waits for the words of a recording or an image, from its arrival.
    """

    kinds: frozenset[str]
    max_bytes: int
    max_s: float
    wait_s: float


@dataclass(frozen=True)
class NewMessage:
    """A contact's message as a channel hands it over.

    Attributes:
        provider_ref: the channel's id of the message; unique for the account.
        text: NFC, without NUL, at most `MAX_TEXT` characters.
        thread_ref: the channel's own id of the conversation, where it has one.
        sent_at: the sender's clock, aware; may be wrong either way.
    """

    channel_kind: str
    account_ref: uuid.UUID
    sender: Address
    sender_name: str
    provider_ref: str
    kind: MessageKind
    text: str
    sent_at: datetime
    burst: BurstSettings
    entry_agent_id: int | None
    quoted_ref: str = ""
    media: Mapping[str, object] = field(default_factory=dict)
    file: IncomingFile | None = None
    rules: MediaRules | None = None
    thread_ref: str = ""


MAX_TEXT = 4096
"""Characters of a message that are kept: a question is far shorter, and what is longer would fill
the model's context. A cut is marked."""

MAX_HONEST_TEXT = 65_536
"""WhatsApp's own limit in characters. What is longer was typed by nobody, and is not answered."""


class TurnOutcome(StrEnum):
    """What a doorbell for a turn led to."""

    NOT_OURS = "not_ours"
    NOTHING_PENDING = "nothing_pending"
    LEFT_TO_PEOPLE = "left_to_people"
    WAITS_FOR_FILES = "waits_for_files"
    ANSWERED = "answered"
    SUPERSEDED = "superseded"
    LEASE_LOST = "lease_lost"
    FAILED = "failed"
