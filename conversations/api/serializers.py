"""How contacts, conversations, messages and turns look to programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.models import Agent
from conversations.models import (
    Contact,
    ContactAddress,
    Conversation,
    InboundMessage,
    Label,
    Note,
    OutboundMessage,
    Turn,
    TurnStep,
)
from conversations.services import contacts, labels, queue
from conversations.types import MAX_TEXT
from tenants.api.serializers import Input, Instant, Text


def row_of(model: Any, **kwargs: Any) -> serializers.SlugRelatedField[Any]:
    """Return a field that names a row by its UUID."""
    return serializers.SlugRelatedField(slug_field="uuid", queryset=model.objects.all(), **kwargs)


def shown_row(*, allow_null: bool = False) -> serializers.SlugRelatedField[Any]:
    """Return a field that shows a row's UUID."""
    return serializers.SlugRelatedField(slug_field="uuid", read_only=True, allow_null=allow_null)


class AddressData(serializers.ModelSerializer[ContactAddress]):
    """Under which name a channel knows a contact."""

    class Meta:
        model = ContactAddress
        fields = ("kind", "value")
        read_only_fields = fields


class AutomationData(serializers.Serializer[Any]):
    """Whether the assistant answers a contact, until when not, and why not."""

    state = serializers.ChoiceField(choices=["active", "paused"])
    until = serializers.DateTimeField(
        allow_null=True, help_text="Null where nobody knows: until it is given back."
    )
    reason = serializers.CharField(
        allow_blank=True, help_text="`blocked`, `opted_out`, or in whose hands it is."
    )


class ContactData(Input, serializers.ModelSerializer[Contact]):
    """A person who writes to the business."""

    addresses = AddressData(many=True, read_only=True)
    automation = serializers.SerializerMethodField()

    class Meta:
        model = Contact
        fields = (
            "uuid",
            "name",
            "addresses",
            "is_blocked",
            "opted_out_at",
            "automation",
            "created_at",
        )
        read_only_fields = ("uuid", "opted_out_at", "created_at")

    @extend_schema_field(AutomationData)
    def get_automation(self, obj: Contact) -> Any:
        """Return whether the assistant answers."""
        return AutomationData(contacts.automation(obj, now=timezone.now())).data


class Pause(Input):
    """Until when people answer in place of the assistant."""

    until = Instant(
        required=False, allow_null=True, default=None, help_text="Null: until it is resumed."
    )

    def validate_until(self, value: datetime | None) -> datetime | None:
        """Refuse an instant that has passed.

        Raises:
            ValidationError: it has.
        """
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError(gettext("This instant has passed."))
        return value


class ContactRef(serializers.ModelSerializer[Contact]):
    """Who it is with."""

    class Meta:
        model = Contact
        fields = ("uuid", "name")
        read_only_fields = fields


class ConversationData(serializers.ModelSerializer[Conversation]):
    """One contact on one device, from the first message to the archive."""

    contact = ContactRef(read_only=True)
    channel = serializers.CharField(source="channel_kind", read_only=True)
    device = serializers.UUIDField(source="channel_account_ref", read_only=True)
    agent = shown_row(allow_null=True)
    queue = shown_row(allow_null=True)
    labels: Any = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)
    topics = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Conversation
        fields = (
            "uuid",
            "contact",
            "channel",
            "device",
            "status",
            "mode",
            "mode_reason",
            "agent",
            "queue",
            "claimed_by",
            "waiting_since",
            "answer_due_at",
            "returns_at",
            "has_draft",
            "labels",
            "summary",
            "outcome",
            "topics",
            "opened_at",
            "last_message_at",
            "closed_at",
            "closed_by",
        )
        read_only_fields = fields
        extra_kwargs = {"outcome": {"read_only": True, "allow_blank": True}}


class Assign(Input):
    """Who is to answer: a person, or the people of a queue."""

    person = serializers.CharField(max_length=150, required=False, help_text="A user name.")
    queue = row_of(Agent, required=False, help_text="An agent of kind `human`.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take one of the two.

        Raises:
            ValidationError: both or none.
        """
        if len(attrs) != 1:
            raise serializers.ValidationError(gettext("Give a person or a queue."))
        return attrs


class LabelNames(Input):
    """All labels of a conversation."""

    labels = serializers.ListField(
        child=serializers.RegexField(r"^[^,]*\S[^,]*$", max_length=labels.MAX_LABEL),
        max_length=labels.MAX_LABELS,
    )


class LabelData(serializers.ModelSerializer[Label]):
    """A word by which conversations are found again."""

    class Meta:
        model = Label
        fields = ("name",)
        read_only_fields = fields


class NewNote(Input):
    """Something for people only."""

    text = Text(max_length=queue.MAX_NOTE)


class NoteData(serializers.ModelSerializer[Note]):
    """What a person noted beside a conversation."""

    class Meta:
        model = Note
        fields = ("author", "text", "created_at")
        read_only_fields = fields


class MessageData(serializers.Serializer[Any]):
    """A message of the contact (`in`) or to the contact (`out`)."""

    uuid = serializers.UUIDField()
    direction = serializers.ChoiceField(choices=["in", "out"])
    kind = serializers.CharField()
    text = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField(help_text="When it came in, or was written.")
    origin = serializers.ChoiceField(choices=["contact", *OutboundMessage.Origin.values])
    written_by = serializers.CharField(allow_blank=True, help_text="The user who wrote it.")
    status = serializers.ChoiceField(
        choices=["received", *OutboundMessage.Status.values],
        help_text="How far an outgoing one is; `received` of the contact's.",
    )
    failure_reason = serializers.CharField(allow_blank=True)
    silence_reason = serializers.CharField(
        allow_blank=True, help_text="Why the assistant did not answer it."
    )
    turn = serializers.UUIDField(allow_null=True)
    edited_at = serializers.DateTimeField(allow_null=True)
    deleted_at = serializers.DateTimeField(allow_null=True)


class NewMessageData(Input):
    """What a person sends."""

    text = Text(max_length=MAX_TEXT)
    quoted = serializers.UUIDField(
        required=False, help_text="The contact's message that it answers."
    )


class StepData(serializers.ModelSerializer[TurnStep]):
    """One thing that a turn did, with what explains it."""

    data = serializers.DictField()  # type: ignore[assignment]

    class Meta:
        model = TurnStep
        fields = ("position", "kind", "started_at", "duration_ms", "data")
        read_only_fields = fields


QUEUED = "queued"
CANCELLED = "cancelled"


class TurnData(serializers.ModelSerializer[Turn]):
    """One answer of an agent to the messages gathered since the one before."""

    conversation = shown_row()
    agent = shown_row(allow_null=True)
    status = serializers.ChoiceField(
        choices=[QUEUED, CANCELLED, *Turn.Status.values], read_only=True
    )
    continued_by = serializers.SerializerMethodField(
        help_text="The turn that took its messages over, where this one was thrown away."
    )
    replies = serializers.SerializerMethodField()

    class Meta:
        model = Turn
        fields: tuple[str, ...] = (
            "uuid",
            "conversation",
            "status",
            "outcome",
            "reason",
            "agent",
            "agent_version",
            "n_messages",
            "burst_started_at",
            "started_at",
            "finished_at",
            "provider",
            "model",
            "input_tokens",
            "output_tokens",
            "model_ms",
            "confidence",
            "continued_by",
            "replies",
        )
        read_only_fields = fields
        # Of a turn that has not begun there is less.
        extra_kwargs = {
            "started_at": {"read_only": True, "allow_null": True},
            "burst_started_at": {"read_only": True, "allow_null": True},
            "outcome": {"read_only": True, "allow_blank": True},
        }

    def get_continued_by(self, obj: Turn) -> str | None:
        """Return the turn that went on."""
        found = getattr(obj, "continued_uuid", None)
        return None if found is None or found == obj.uuid else str(found)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_replies(self, obj: Turn) -> list[str]:
        """Return what was answered, as it was written."""
        return [one.text for one in sorted(obj.replies.all(), key=lambda one: one.position)]


class TurnWhole(TurnData):
    """A turn with its steps: why it was answered so."""

    steps = StepData(many=True, read_only=True)

    class Meta(TurnData.Meta):
        fields = (*TurnData.Meta.fields, "steps")


def inbound(row: InboundMessage) -> dict[str, Any]:
    """Return a contact's message as `MessageData` shows it."""
    return {
        "uuid": row.uuid,
        "direction": "in",
        "kind": row.kind,
        "text": row.text,
        "at": row.received_at,
        "origin": "contact",
        "written_by": "",
        "status": "received",
        "failure_reason": "",
        "silence_reason": row.silence_reason,
        "turn": row.turn.uuid if row.turn else None,
        "edited_at": row.edited_at,
        "deleted_at": row.deleted_at,
    }


def outbound(row: OutboundMessage) -> dict[str, Any]:
    """Return an outgoing message as `MessageData` shows it."""
    return {
        "uuid": row.uuid,
        "direction": "out",
        "kind": row.kind,
        "text": row.text,
        "at": row.created_at,
        "origin": row.origin,
        "written_by": row.written_by,
        "status": row.status,
        "failure_reason": row.failure_reason,
        "silence_reason": "",
        "turn": row.turn.uuid if row.turn else None,
        "edited_at": row.edited_at,
        "deleted_at": row.deleted_at,
    }
