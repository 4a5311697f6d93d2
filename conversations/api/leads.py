"""Leads for programs: what qualification found out, and where they stand on the board."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.api.serializers import ContactRef, shown_row
from conversations.models import Lead, LeadStage, LeadValue
from conversations.services import lead_fields, lead_stages, leads
from tenants.api.resources import Listed, Need, Resource, Retrieved
from tenants.api.scopes import Scope
from tenants.api.serializers import Input, Instant, Text

MAX_VALUE = 500


class StageData(serializers.ModelSerializer[LeadStage]):
    """A column of the board, and what standing there means."""

    class Meta:
        model = LeadStage
        fields = ("name", "kind", "position")
        read_only_fields = fields


class ValueData(serializers.ModelSerializer[LeadValue]):
    """What a field of a lead says, and the contact's own words for it."""

    message = shown_row(allow_null=True)

    class Meta:
        model = LeadValue
        fields = (
            "key",
            "value",
            "confidence",
            "words",
            "message",
            "origin",
            "set_by",
            "is_current",
            "learnt_at",
        )
        read_only_fields = fields


class LeadData(serializers.ModelSerializer[Lead]):
    """What qualification found out about a contact."""

    contact = ContactRef(read_only=True)
    conversation = shown_row()
    stage = StageData(read_only=True)
    values = serializers.SerializerMethodField(help_text="Those that count.")

    class Meta:
        model = Lead
        fields = (
            "uuid",
            "contact",
            "conversation",
            "stage",
            "score",
            "source",
            "values",
            "qualified_at",
            "created_at",
            "updated_at",
            "closed_at",
        )
        read_only_fields = fields

    @extend_schema_field(ValueData(many=True))
    def get_values(self, obj: Lead) -> Any:
        """Return what counts."""
        return ValueData(obj.current_values, many=True).data  # type: ignore[attr-defined]


class LeadFilters(Input):
    """Which leads."""

    stage = serializers.CharField(max_length=40, required=False, help_text="Its name.")
    contact = serializers.UUIDField(required=False)
    is_qualified = serializers.BooleanField(required=False)
    is_closed = serializers.BooleanField(required=False)
    min_score = serializers.IntegerField(min_value=0, max_value=100, required=False)
    updated_since = Instant(required=False)


class _ByName(serializers.SlugRelatedField[LeadStage]):
    """A stage by its name; one that the database could not even look for is none."""

    def to_internal_value(self, data: Any) -> LeadStage:
        """Return the stage.

        Raises:
            ValidationError: there is none of that name.
        """
        return super().to_internal_value(Text(max_length=40).run_validation(data))


class Move(Input):
    """Which stage."""

    stage = _ByName(slug_field="name", queryset=LeadStage.objects.all())


class Correction(Input):
    """A value written by hand; it counts whatever the contact says later."""

    key = serializers.CharField(max_length=30)
    value = serializers.CharField(
        max_length=MAX_VALUE, allow_blank=True, help_text="Empty: there is none."
    )

    def validate_key(self, value: str) -> str:
        """Refuse a field that there is not.

        Raises:
            ValidationError: there is none of that key.
        """
        if value not in lead_fields.rules().keys:
            raise serializers.ValidationError(gettext("There is no such field."))
        return value


class Leads(Listed, Retrieved, Resource):
    """What is known of those who may buy."""

    reads = Need(Scope.LEADS_READ, "conversations.view_lead")
    writes = Need(Scope.LEADS_WRITE, "conversations.change_lead")
    serializer_class = LeadData
    filters = LeadFilters
    ordering = ("-updated_at", "-pk")
    is_sparse = True

    def get_queryset(self) -> QuerySet[Lead]:
        """Return the leads, with the values that count."""
        values = LeadValue.objects.filter(is_current=True).select_related("message")
        found = Lead.objects.select_related("contact", "conversation", "stage").prefetch_related(
            Prefetch("values", values.order_by("key", "pk"), to_attr="current_values")
        )
        if self.action != "list":
            return found
        known = self.known
        names = {
            "stage": "stage__name",
            "contact": "contact__uuid",
            "min_score": "score__gte",
            "updated_since": "updated_at__gte",
        }
        found = found.filter(**{names[k]: v for k, v in known.items() if k in names})
        if "is_qualified" in known:
            found = found.filter(qualified_at__isnull=not known["is_qualified"])
        if "is_closed" in known:
            found = found.filter(closed_at__isnull=not known["is_closed"])
        return found

    @extend_schema(request=Correction, responses=LeadData)
    def partial_update(self, request: Request, uuid: uuid.UUID) -> Response:
        """Write a value by hand."""
        values, lead = self.taken(Correction), self.get_object()
        leads.correct(
            lead=lead,
            key=values["key"],
            value=values["value"],
            actor=self.caller.actor,
            now=timezone.now(),
        )
        return self.shown(self.get_queryset().get(pk=lead.pk))

    @extend_schema(request=Move, responses=LeadData)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, uuid: uuid.UUID) -> Response:
        """Put it into another stage; won and lost end it."""
        values, lead = self.taken(Move), self.get_object()
        lead_stages.move(
            lead=lead,
            stage_id=values["stage"].pk,
            actor=self.caller.actor,
            now=timezone.now(),
        )
        return self.shown(self.get_queryset().get(pk=lead.pk))

    @extend_schema(responses=ValueData(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def values(self, request: Request, uuid: uuid.UUID) -> Response:
        """Read all that was ever said of it, the newest first."""
        lead = get_object_or_404(Lead, uuid=uuid)
        found = LeadValue.objects.filter(lead=lead).select_related("message").order_by("-pk")
        return Response(ValueData(found[:500], many=True).data)

    @extend_schema(responses=StageData(many=True))
    @action(detail=False, methods=["get"], pagination_class=None)
    def stages(self, request: Request) -> Response:
        """Read the columns of the board, in order."""
        return Response(StageData(lead_stages.stages(), many=True).data)
