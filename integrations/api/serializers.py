"""How endpoints, deliveries and usage look to programs; secrets and headers never come out."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from integrations.models import Delivery, DeliveryAttempt, WebhookEndpoint
from integrations.payloads import TYPES
from tenants.api.serializers import Input, Instant


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A CRM",
            request_only=True,
            value={
                "name": "crm",
                "url": "https://crm.example/hooks",
                "events": ["lead.qualified", "conversation.closed"],
            },
        )
    ]
)
class EndpointData(Input, serializers.ModelSerializer[WebhookEndpoint]):
    """An address of a system of the business that is told of events."""

    events = serializers.ListField(
        child=serializers.ChoiceField(choices=TYPES), allow_empty=False, max_length=len(TYPES)
    )
    headers = serializers.DictField(
        child=serializers.CharField(max_length=500),
        write_only=True,
        required=False,
        help_text="Sent with each call; they take the place of those there are.",
    )

    class Meta:
        model = WebhookEndpoint
        fields: tuple[str, ...] = (
            "uuid",
            "name",
            "url",
            "events",
            "headers",
            "is_active",
            "disabled_reason",
            "failing_since",
            "last_success_at",
            "created_at",
            "updated_at",
        )
        read_only_fields: tuple[str, ...] = (
            "uuid",
            "disabled_reason",
            "failing_since",
            "last_success_at",
            "created_at",
            "updated_at",
        )
        extra_kwargs = {"disabled_reason": {"read_only": True, "allow_blank": True}}


class EndpointChange(EndpointData):
    """An endpoint as it is changed; its name stays, because files know it by that."""

    class Meta(EndpointData.Meta):
        read_only_fields = (*EndpointData.Meta.read_only_fields, "name")


class EndpointMade(EndpointData):
    """A new endpoint, with the secret that signs what it is told: it is shown this once."""

    secret = serializers.CharField(read_only=True)

    class Meta(EndpointData.Meta):
        fields = (*EndpointData.Meta.fields, "secret")


class Secret(serializers.Serializer[Any]):
    """A signing secret, shown this once; the one before signs beside it for a day."""

    secret = serializers.CharField()


class DeliveryData(serializers.ModelSerializer[Delivery]):
    """One event for one endpoint; its UUID is the event's, which the receiver knows it by."""

    uuid = serializers.UUIDField(source="event.uuid", read_only=True)
    endpoint = serializers.UUIDField(source="endpoint.uuid", read_only=True)
    type = serializers.CharField(source="event.type", read_only=True)
    conversation = serializers.UUIDField(
        source="event.conversation_uuid", read_only=True, allow_null=True
    )
    sequence = serializers.IntegerField(source="event.sequence", read_only=True, allow_null=True)
    occurred_at = serializers.DateTimeField(source="event.occurred_at", read_only=True)

    class Meta:
        model = Delivery
        fields: tuple[str, ...] = (
            "uuid",
            "endpoint",
            "type",
            "conversation",
            "sequence",
            "status",
            "n_attempts",
            "next_attempt_at",
            "occurred_at",
            "created_at",
            "delivered_at",
        )
        read_only_fields = fields


class AttemptData(serializers.ModelSerializer[DeliveryAttempt]):
    """One call, and what was answered."""

    class Meta:
        model = DeliveryAttempt
        fields = ("attempted_at", "status_code", "error", "duration_ms", "reply")
        read_only_fields = fields


class DeliveryWhole(DeliveryData):
    """A delivery with what is sent and every call."""

    body = serializers.SerializerMethodField()
    attempts = serializers.SerializerMethodField()

    class Meta(DeliveryData.Meta):
        fields = (*DeliveryData.Meta.fields, "body", "attempts")

    @extend_schema_field(serializers.DictField())
    def get_body(self, obj: Delivery) -> Any:
        """Return what is sent."""
        return json.loads(obj.event.body)

    @extend_schema_field(AttemptData(many=True))
    def get_attempts(self, obj: Delivery) -> Any:
        """Return the newest calls."""
        return AttemptData(obj.attempts.order_by("-pk")[:50], many=True).data


class Replay(Input):
    """Which events are told again."""

    since = Instant()
    until = Instant()
    only_failed = serializers.BooleanField(default=True)


class Again(serializers.Serializer[Any]):
    """How many events are told again."""

    n = serializers.IntegerField()


class SumsData(serializers.Serializer[Any]):
    """What calls of models took; null where nobody counted."""

    n_calls = serializers.IntegerField()
    n_failed = serializers.IntegerField()
    n_unknown = serializers.IntegerField(help_text="Calls whose cost nobody knows.")
    usd = serializers.DecimalField(max_digits=None, decimal_places=None)
    estimated_usd = serializers.DecimalField(max_digits=None, decimal_places=None)
    brl = serializers.DecimalField(max_digits=None, decimal_places=None, allow_null=True)
    input_tokens = serializers.IntegerField(allow_null=True)
    output_tokens = serializers.IntegerField(allow_null=True)


class RowData(serializers.Serializer[Any]):
    """The sums of one day, model, agent or purpose."""

    label = serializers.CharField()  # type: ignore[assignment]
    sums = SumsData()


class UsageData(serializers.Serializer[Any]):
    """What models cost on some days, both included, in the business's time zone."""

    first = serializers.DateField()
    last = serializers.DateField()
    total = SumsData()
    days = RowData(many=True)
    models = RowData(many=True)
    agents = RowData(many=True)
    purposes = RowData(many=True)


class BudgetData(serializers.Serializer[Any]):
    """How full a budget is."""

    level = serializers.CharField(source="budget.level")
    period = serializers.CharField(source="budget.period")
    limit_usd = serializers.DecimalField(
        source="budget.limit_usd",
        max_digits=None,
        decimal_places=None,
        allow_null=True,
    )
    limit_calls = serializers.IntegerField(source="budget.limit_calls", allow_null=True)
    percent = serializers.IntegerField()
    spent_usd = serializers.DecimalField(max_digits=None, decimal_places=None)
    n_calls = serializers.IntegerField()
