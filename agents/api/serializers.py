"""How agents look to programs."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from agents.models import Agent, AgentVersion
from agents.validators import MAX_EXAMPLES, MAX_KEYWORDS, MAX_LINE, MAX_LINES, MAX_OWNERS
from integrations.models import Credential, HttpTool
from knowledge.models import Category
from tenants.api.serializers import Input, Text


def _texts(most: int, longest: int) -> serializers.ListField:
    child = serializers.CharField(max_length=longest)
    return serializers.ListField(child=child, max_length=most, required=False)


def _rows(model: Any, **kwargs: Any) -> serializers.SlugRelatedField[Any]:
    return serializers.SlugRelatedField(
        slug_field="uuid", queryset=model.objects.all(), required=False, **kwargs
    )


class Fallback(Input):
    """Another model to ask when this one fails."""

    credential = serializers.UUIDField()
    model = serializers.CharField(max_length=120, allow_blank=True)

    def to_internal_value(self, data: Any) -> Any:
        """Return it as it is stored."""
        found = super().to_internal_value(data)
        if len(found) < len(self.fields):  # of a change, in which each field may be left out
            raise serializers.ValidationError(gettext("A credential and a model are needed."))
        return {**found, "credential": str(found["credential"])}


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A specialist",
            request_only=True,
            value={
                "name": "Orçamentos",
                "kind": "specialist",
                "role": "tells prices and ways of paying",
                "instructions": "Responda em duas frases.",
                "keywords": ["preço", "valor"],
            },
        )
    ]
)
class AgentData(Input, serializers.ModelSerializer[Agent]):
    """An agent as it is edited; what answers contacts is its published version."""

    instructions = Text(max_length=20_000, required=False, allow_blank=True)
    keywords = _texts(MAX_KEYWORDS, 60)
    dos = _texts(MAX_LINES, MAX_LINE)
    donts = _texts(MAX_LINES, MAX_LINE)
    policies = _texts(MAX_LINES, MAX_LINE)
    examples = _texts(MAX_EXAMPLES, MAX_LINE)
    owner_numbers = _texts(MAX_OWNERS, 40)
    categories = _rows(Category, many=True)
    handoffs = _rows(Agent, many=True)
    tools = _rows(HttpTool, many=True)
    chat_credential = _rows(Credential, allow_null=True)
    fallbacks = Fallback(many=True, required=False, max_length=5)  # type: ignore[call-arg]
    guards = serializers.DictField(required=False, help_text="By check; see docs/agents.md.")
    published_version = serializers.IntegerField(
        source="published_version.number", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = Agent
        fields = (
            "uuid",
            "name",
            "kind",
            "role",
            "tone",
            "instructions",
            "dos",
            "donts",
            "policies",
            "keywords",
            "examples",
            "owner_numbers",
            "categories",
            "handoffs",
            "tools",
            "chat_credential",
            "chat_model",
            "timeout_s",
            "fallbacks",
            "guards",
            "outside_hours",
            "history",
            "leads",
            "is_active",
            "return_after_min",
            "needs_approval",
            "approval_within_min",
            "approval_then",
            "published_version",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("uuid", "created_at", "updated_at")


class VersionData(serializers.ModelSerializer[AgentVersion]):
    """What an agent was when it was published."""

    class Meta:
        model = AgentVersion
        fields = ("uuid", "number", "published_at", "published_by", "snapshot")
        read_only_fields = fields


class Changed(serializers.Serializer[Any]):
    """A line of a field, and whether it stayed, came or went."""

    sign = serializers.ChoiceField(choices=["same", "added", "removed"])
    text = serializers.CharField()


class Differs(serializers.Serializer[Any]):
    """A field of the draft that is not as it was published."""

    field = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    lines = Changed(many=True)


class Draft(serializers.Serializer[Any]):
    """What publishing would change."""

    is_published = serializers.BooleanField()
    differences = Differs(many=True)


class Restore(Input):
    """Which version to go back to."""

    number = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    publish = serializers.BooleanField(
        default=False, help_text="Let it answer at once; else it only takes the draft's place."
    )


class Restored(serializers.Serializer[Any]):
    """What came of going back."""

    agent = AgentData()
    left_out = serializers.ListField(
        child=serializers.CharField(), help_text="What is gone since and could not come along."
    )
