"""What the tenant's own systems are told: one flat payload for each type of event.

These classes are the one source of `docs/events.md` and of the JSON Schemas beside it
(`manage.py event_schemas` writes both). A field that is there stays: to take one away or to change
its meaning is a new `version`; to add one is not. Flat, because most readers are no programmers.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

EventType = Literal[
    "message.received",
    "message.sent",
    "message.failed",
    "conversation.opened",
    "conversation.handed_off",
    "conversation.taken_over",
    "conversation.returned",
    "conversation.closed",
    "lead.created",
    "lead.qualified",
    "lead.updated",
    "device.status_changed",
    "document.ready",
    "document.failed",
    "budget.warned",
    "budget.exhausted",
    "contact.opted_out",
    "contact.erased",
    "notice.created",
]
"""What an endpoint can ask for."""

TYPES: tuple[EventType, ...] = get_args(EventType)

MAX_TEXT = 2_500
"""Characters of a text that are told. An envelope stays below 20 kB by it, even where each of its
characters takes six bytes in JSON."""


MAX_NAMES = 1_500
"""Characters of a list of fields: all that a business may have, each with the longest name."""


def cut(text: str, *, at: int = MAX_TEXT) -> str:
    """Return a text no longer than a payload takes."""
    return text if len(text) <= at else f"{text[: at - 1]}…"


class Payload(BaseModel):
    """The `data` of an event."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: ClassVar[str]
    version: ClassVar[int] = 1
    explained: ClassVar[str]


class InConversation(Payload):
    """Something that happened in a conversation."""

    conversation_id: uuid.UUID = Field(description="the conversation")
    contact_id: uuid.UUID = Field(description="the contact; stays the same over conversations")
    contact_name: str = Field(
        max_length=200, description="as the contact calls itself on the channel; may be empty"
    )
    contact_phone: str | None = Field(
        max_length=32, description="digits with country code; null where WhatsApp hides it"
    )
    channel: str = Field(max_length=20, description="such as `whatsapp`")
    device_id: uuid.UUID = Field(description="the tenant's number that it came to")


class _Message(InConversation):
    message_id: uuid.UUID = Field(description="the message")
    text: str = Field(
        max_length=MAX_TEXT,
        description=f"its text, of more than {MAX_TEXT} characters the beginning; may be empty",
    )


class MessageReceived(_Message):
    """A contact has written."""

    type: ClassVar[str] = "message.received"
    explained: ClassVar[str] = "A contact has written. One event for each message of a burst."
    kind: str = Field(
        max_length=12, description="`text`, `image`, `audio`, `document`, `location` and others"
    )
    sent_at: datetime = Field(description="by the contact's clock, which may be wrong")


class MessageSent(_Message):
    """A message has left."""

    type: ClassVar[str] = "message.sent"
    explained: ClassVar[str] = "The bridge has taken a message to a contact."
    origin: str = Field(
        max_length=6, description="who wrote it: `agent`, `person`, `phone` or `system`"
    )
    turn_id: uuid.UUID | None = Field(
        default=None, description="the turn that it answers with; null where no agent wrote it"
    )


class MessageFailed(_Message):
    """A message could not be sent."""

    type: ClassVar[str] = "message.failed"
    explained: ClassVar[str] = (
        "A message cannot be sent and will not be tried again. People find the conversation in"
        " their queue."
    )
    origin: str = Field(max_length=6, description="as in `message.sent`")
    reason: str = Field(max_length=300, description="what the bridge said")


class ConversationOpened(InConversation):
    """A conversation has begun."""

    type: ClassVar[str] = "conversation.opened"
    explained: ClassVar[str] = "A contact writes for the first time, or after the last was closed."


class ConversationHandedOff(InConversation):
    """The assistant has left a conversation to people."""

    type: ClassVar[str] = "conversation.handed_off"
    explained: ClassVar[str] = "The assistant has left a conversation to people, and is silent now."
    reason: str = Field(max_length=200, description="why, in a few English words")


class ConversationTakenOver(InConversation):
    """A person has taken a conversation over."""

    type: ClassVar[str] = "conversation.taken_over"
    explained: ClassVar[str] = "A person answers from now on."
    person: str = Field(max_length=150, description="the user name of who took it")


class ConversationReturned(InConversation):
    """The assistant answers again."""

    type: ClassVar[str] = "conversation.returned"
    explained: ClassVar[str] = "The assistant answers again, from the contact's next message on."
    person: str = Field(max_length=150, description="who gave it back; empty where time did")


class ConversationClosed(InConversation):
    """A conversation is over."""

    type: ClassVar[str] = "conversation.closed"
    explained: ClassVar[str] = (
        "A conversation is over. The contact's next message opens it again, or a new one."
    )
    person: str = Field(max_length=150, description="who closed it; empty where time did")
    reason: str = Field(max_length=200, description="why, in a few English words; may be empty")


class ContactOptedOut(Payload):
    """A contact does not want to be written to."""

    type: ClassVar[str] = "contact.opted_out"
    explained: ClassVar[str] = "A contact has asked not to be written to. Honour it in your system."
    contact_id: uuid.UUID = Field(description="the contact")
    contact_phone: str | None = Field(max_length=32, description="digits with country code")


class _Lead(InConversation):
    """What is known of a lead; own fields of the business come as `custom_<short name>`."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, str | None] = Field(init=False)

    lead_id: uuid.UUID = Field(description="the lead; stays the same over its events")
    stage: str = Field(max_length=40, description="the column of the board")
    stage_means: str = Field(max_length=9, description="`open`, `qualified`, `won` or `lost`")
    score: int = Field(description="0 to 100")
    is_qualified: bool = Field(description="whether it was told of as qualified")
    source: str = Field(
        max_length=80, description="the form or system that brought it; empty for a conversation"
    )
    changed: str = Field(
        max_length=MAX_NAMES,
        description="what is new, divided by commas: fields, `stage`, `score`",
    )
    contradictions: str = Field(
        max_length=MAX_NAMES,
        description="fields for which the contact said different things, divided by commas",
    )
    need: str | None = Field(max_length=500, description="what the contact wants to solve or buy")
    need_words: str | None = Field(max_length=500, description="the contact's own words for it")
    need_confidence: int | None = Field(description="0 to 100; 100 where a person wrote it")
    need_message_id: uuid.UUID | None = Field(description="the message that says so")
    budget: str | None = Field(max_length=500, description="how much they can spend")
    budget_words: str | None = Field(max_length=500, description="the contact's own words for it")
    budget_confidence: int | None = Field(description="0 to 100; 100 where a person wrote it")
    budget_message_id: uuid.UUID | None = Field(description="the message that says so")
    authority: str | None = Field(max_length=500, description="whether they decide")
    authority_words: str | None = Field(
        max_length=500, description="the contact's own words for it"
    )
    authority_confidence: int | None = Field(description="0 to 100; 100 where a person wrote it")
    authority_message_id: uuid.UUID | None = Field(description="the message that says so")
    timing: str | None = Field(max_length=500, description="until when")
    timing_words: str | None = Field(max_length=500, description="the contact's own words for it")
    timing_confidence: int | None = Field(description="0 to 100; 100 where a person wrote it")
    timing_message_id: uuid.UUID | None = Field(description="the message that says so")
    name: str | None = Field(
        max_length=500, description="the contact's name; where they told none, as on the channel"
    )
    name_words: str | None = Field(max_length=500, description="the contact's own words for it")
    name_confidence: int | None = Field(description="0 to 100; 100 where a person wrote it")
    name_message_id: uuid.UUID | None = Field(description="the message that says so")
    email: str | None = Field(max_length=500, description="their e-mail")
    email_words: str | None = Field(max_length=500, description="the contact's own words for it")
    email_confidence: int | None = Field(description="0 to 100; 100 where a person wrote it")
    email_message_id: uuid.UUID | None = Field(description="the message that says so")
    phone: str | None = Field(
        max_length=500, description="their phone; where they told none, the one they write from"
    )
    phone_words: str | None = Field(max_length=500, description="the contact's own words for it")
    phone_confidence: int | None = Field(description="0 to 100; 100 where a person wrote it")
    phone_message_id: uuid.UUID | None = Field(description="the message that says so")
    company: str | None = Field(max_length=500, description="their company")
    company_words: str | None = Field(max_length=500, description="the contact's own words for it")
    company_confidence: int | None = Field(description="0 to 100; 100 where a person wrote it")
    company_message_id: uuid.UUID | None = Field(description="the message that says so")


class LeadCreated(_Lead):
    """A contact has become a lead."""

    type: ClassVar[str] = "lead.created"
    explained: ClassVar[str] = (
        "A contact has told the first thing of their project, or came in by a form. Own fields of"
        " the business come beside the others, as `custom_` with their short name."
    )


class LeadQualified(_Lead):
    """A lead has become worth a seller's time."""

    type: ClassVar[str] = "lead.qualified"
    explained: ClassVar[str] = (
        "The score has reached the mark, or a person has moved the lead to a stage that means so."
        " Once for each lead. Own fields as in `lead.created`."
    )


class LeadUpdated(_Lead):
    """A lead has changed."""

    type: ClassVar[str] = "lead.updated"
    explained: ClassVar[str] = (
        "A field, the score or the stage of a lead has changed. Own fields as in `lead.created`."
    )


class DeviceStatusChanged(Payload):
    """A device's link to WhatsApp is another."""

    type: ClassVar[str] = "device.status_changed"
    explained: ClassVar[str] = "The link of one of the tenant's numbers to WhatsApp has changed."
    device_id: uuid.UUID = Field(description="the device")
    device_name: str = Field(max_length=60, description="its name")
    status: str = Field(
        max_length=20, description="`connected`, `qr` (to be scanned), `absent`, `unknown`, …"
    )
    previous_status: str = Field(max_length=20, description="what it was before")
    detail: str = Field(max_length=200, description="what the bridge said; may be empty")


class _Document(Payload):
    document_id: uuid.UUID = Field(description="the document")
    document_name: str = Field(max_length=200, description="its file name or the page's title")
    document_version: int = Field(description="which version of it, from 1")


class DocumentReady(_Document):
    """A document can be quoted."""

    type: ClassVar[str] = "document.ready"
    explained: ClassVar[str] = "A version of a document was read, and answers are made from it."
    n_passages: int = Field(description="into how many passages it was cut")


class DocumentFailed(_Document):
    """A document could not be read."""

    type: ClassVar[str] = "document.failed"
    explained: ClassVar[str] = "A document could not be read. A version read before still answers."
    code: str = Field(max_length=40, description="the cause as one word that stays the same")
    reason: str = Field(max_length=1_000, description="the cause in words, for people")


class _Budget(Payload):
    budget_id: uuid.UUID = Field(description="the budget")
    level: str = Field(
        max_length=12, description="whose: `tenant`, `agent`, `contact` or `conversation`"
    )
    subject_id: uuid.UUID | None = Field(
        description="which agent, contact or conversation; null for the whole business"
    )
    period: str = Field(max_length=5, description="`day` or `month`")


class BudgetWarned(_Budget):
    """A budget has passed a mark."""

    type: ClassVar[str] = "budget.warned"
    explained: ClassVar[str] = (
        "A budget has passed 80 %, or 95 %, from where the cheaper model answers. Once for each"
        " mark and period."
    )
    percent: int = Field(description="the mark: 80 or 95")


class BudgetExhausted(_Budget):
    """A budget is used up."""

    type: ClassVar[str] = "budget.exhausted"
    explained: ClassVar[str] = (
        "A budget is used up; approved answers and people take over until its period ends."
    )


class NoticeCreated(Payload):
    """The owner was told something."""

    type: ClassVar[str] = "notice.created"
    explained: ClassVar[str] = (
        "Something that the owners were told by e-mail and in the panel, such as a provider that is"
        " paused."
    )
    kind: str = Field(max_length=40, description="such as `breaker.opened`; stays the same")
    title: str = Field(max_length=200, description="one line, in the tenant's language")
    text: str = Field(max_length=1_000, description="what it means, in the tenant's language")


class EndpointTest(Payload):
    """Sent by the button that tests an endpoint."""

    type: ClassVar[str] = "endpoint.test"
    explained: ClassVar[str] = (
        "Sent to one endpoint by the button that tests it, whatever it asks for."
    )
    endpoint_name: str = Field(max_length=80, description="the endpoint's name")


def known() -> list[type[Payload]]:
    """Return every payload that is published, in the order of this module."""
    found: list[type[Payload]] = []
    waiting: list[type[Payload]] = [Payload]
    while waiting:
        for one in waiting.pop(0).__subclasses__():
            waiting.append(one)
            if "type" in one.__dict__:
                found.append(one)
    order = [*TYPES, EndpointTest.type]
    return sorted(found, key=lambda one: order.index(one.type))


def schema_of(payload: type[Payload]) -> dict[str, Any]:
    """Return the JSON Schema of the whole body that is sent for a payload."""
    data = payload.model_json_schema()
    data.pop("title", None)
    data.pop("description", None)
    for field in data["properties"].values():
        field.pop("title", None)
    has_order = issubclass(payload, InConversation)
    sequence: dict[str, Any] = {"type": "integer", "minimum": 1} if has_order else {"type": "null"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": payload.type,
        "description": payload.explained,
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "type": {"const": payload.type},
            "version": {"const": payload.version},
            "occurred_at": {"type": "string", "format": "date-time"},
            "tenant": {"type": "string"},
            "sequence": sequence,
            "data": data,
        },
        "required": ["id", "type", "version", "occurred_at", "tenant", "sequence", "data"],
    }
