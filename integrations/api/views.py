"""Webhook endpoints, deliveries and usage for programs."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.serializers import (
    Again,
    BudgetData,
    DeliveryData,
    DeliveryWhole,
    EndpointChange,
    EndpointData,
    EndpointMade,
    Replay,
    Secret,
    UsageData,
)
from integrations.models import Delivery, WebhookEndpoint
from integrations.payloads import TYPES
from integrations.services import budget_use, endpoints, spending
from tenants.api.resources import Listed, Need, Resource, Retrieved
from tenants.api.scopes import Scope
from tenants.api.serializers import Day, Input
from tenants.audit.record import record

MAX_DAYS = 366


class Endpoints(Listed, Retrieved, Resource):
    """Systems of the business that are told of events."""

    reads = Need(Scope.WEBHOOKS_READ, "integrations.view_webhookendpoint")
    writes = Need(Scope.WEBHOOKS_WRITE, "integrations.change_webhookendpoint")
    needs = {
        "create": Need(Scope.WEBHOOKS_WRITE, "integrations.add_webhookendpoint"),
        "destroy": Need(Scope.WEBHOOKS_WRITE, "integrations.delete_webhookendpoint"),
        "replay": Need(Scope.WEBHOOKS_WRITE, "integrations.change_delivery"),
    }
    serializer_class = EndpointData
    ordering = ("name", "pk")
    has_etag = is_volatile = True

    def get_queryset(self) -> QuerySet[WebhookEndpoint]:
        """Return the endpoints."""
        return WebhookEndpoint.objects.all()

    @extend_schema(request=EndpointData, responses={201: EndpointMade})
    def create(self, request: Request) -> Response:
        """Make an endpoint; the secret that signs is in the answer, and nowhere else."""
        values = self.taken(EndpointData)
        with transaction.atomic():
            ensured = self._ensure(values["name"], values)
            self._record(ensured.endpoint, "created", fields=sorted(values))
        data = EndpointData(ensured.endpoint).data
        return Response({**data, "secret": ensured.secret}, status=201)

    @extend_schema(request=EndpointChange)
    def partial_update(self, request: Request, uuid: uuid.UUID) -> Response:
        """Change what it is told and where; headers that are not sent stay."""
        with transaction.atomic():
            rows = WebhookEndpoint.objects.select_for_update(no_key=True)
            found = get_object_or_404(rows, uuid=uuid)
            self.unchanged(found)
            values = self.taken(EndpointChange, instance=found, partial=True)
            kept = {name: getattr(found, name) for name in ("url", "events", "is_active")}
            ensured = self._ensure(found.name, {**kept, **values})
            if ensured.changed:
                self._record(found, "changed", fields=list(ensured.changed))
        return self.shown(ensured.endpoint)

    def _ensure(self, name: str, values: dict[str, Any]) -> endpoints.Ensured:
        return endpoints.ensure_endpoint(
            name=name,
            url=values["url"],
            types=values["events"],
            headers=values.get("headers"),
            is_active=values.get("is_active", True),
            actor=self.caller.actor,
            now=timezone.now(),
        )

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, uuid: uuid.UUID) -> Response:
        """Remove an endpoint with its deliveries."""
        with transaction.atomic():
            rows = WebhookEndpoint.objects.select_for_update(no_key=True)
            found = get_object_or_404(rows, uuid=uuid)
            self.unchanged(found)
            endpoints.remove_endpoint(endpoint=found)
            self._record(found, "deleted")
        return Response(status=204)

    @extend_schema(request=None, responses=Secret)
    @action(detail=True, methods=["post"])
    def rotate_secret(self, request: Request, uuid: uuid.UUID) -> Response:
        """Make a new signing secret; the one before signs beside it for a day."""
        found = self.get_object()
        with transaction.atomic():
            secret = endpoints.rotate_secret(endpoint_id=found.pk, now=timezone.now())
            self._record(found, "secret_changed")
        return Response({"secret": secret})

    @extend_schema(request=None, responses={202: DeliveryData})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, uuid: uuid.UUID) -> Response:
        """Have a test event sent."""
        delivery = endpoints.send_test(endpoint_id=self.get_object().pk, now=timezone.now())
        return Response(DeliveryData(delivery).data, status=202)

    @extend_schema(request=Replay, responses={202: Again})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, uuid: uuid.UUID) -> Response:
        """Tell what happened in a span of time again."""
        values, found = self.taken(Replay), self.get_object()
        n_again = endpoints.replay(endpoint=found, now=timezone.now(), **values)
        target = f"webhook {found.uuid}"
        record(
            action="delivery.replayed", actor=self.caller.actor, target=target, data={"n": n_again}
        )
        return Response({"n": n_again}, status=202)

    def _record(self, endpoint: WebhookEndpoint, what: str, **data: object) -> None:
        record(
            action=f"webhookendpoint.{what}",
            actor=self.caller.actor,
            target=f"webhookendpoint {endpoint.uuid}",
            data=data,
        )


class DeliveryFilters(Input):
    """Which deliveries."""

    status = serializers.ChoiceField(choices=Delivery.Status.choices, required=False)
    type = serializers.ChoiceField(choices=TYPES, required=False)
    conversation = serializers.UUIDField(required=False)


class Deliveries(Resource):
    """What one endpoint was told, the newest first, under the UUIDs of the events."""

    reads = Need(Scope.WEBHOOKS_READ, "integrations.view_delivery")
    writes = Need(Scope.WEBHOOKS_WRITE, "integrations.change_delivery")
    serializer_class = DeliveryData
    filters = DeliveryFilters

    def get_queryset(self) -> QuerySet[Delivery]:
        """Return the deliveries to the endpoint of the address."""
        if getattr(self, "swagger_fake_view", False):
            return Delivery.objects.none()
        endpoint = get_object_or_404(WebhookEndpoint, uuid=self.kwargs["endpoint_uuid"])
        found = Delivery.objects.filter(endpoint=endpoint).select_related("event", "endpoint")
        if self.action != "list":
            return found
        names = {
            "status": "status",
            "type": "event__type",
            "conversation": "event__conversation_uuid",
        }
        return found.filter(**{names[k]: v for k, v in self.known.items() if k in names})

    def list(self, request: Request, endpoint_uuid: uuid.UUID) -> Response:
        """Answer with a page."""
        return self.list_of(self.get_queryset())

    @extend_schema(responses=DeliveryWhole)
    def retrieve(self, request: Request, endpoint_uuid: uuid.UUID, uuid: uuid.UUID) -> Response:
        """Answer with a delivery, what is sent, and every call."""
        found = get_object_or_404(self.get_queryset(), event__uuid=uuid)
        return Response(DeliveryWhole(found).data)

    @extend_schema(request=None, responses={202: Again})
    def replay(self, request: Request, endpoint_uuid: uuid.UUID, uuid: uuid.UUID) -> Response:
        """Tell it again; it keeps its id, by which the receiver knows a repeat."""
        found = get_object_or_404(self.get_queryset(), event__uuid=uuid)
        n_again = endpoints.replay_deliveries(delivery_ids=[found.pk], now=timezone.now())
        target = f"deliveries {found.event.uuid}"
        record(
            action="delivery.replayed", actor=self.caller.actor, target=target, data={"n": n_again}
        )
        return Response({"n": n_again}, status=202)


class UsageFilters(Input):
    """Which days; the last thirty without any."""

    first = Day(required=False)
    last = Day(required=False)


class Usage(Resource):
    """What models cost."""

    reads = writes = Need(Scope.USAGE_READ, "integrations.view_modelcall")
    serializer_class = UsageData
    filters = UsageFilters
    pagination_class = None

    @classmethod
    def parameters(cls, action: str | None) -> list[type[Input]]:
        """Return what the address takes."""
        return [UsageFilters] if action == "retrieve" else []

    @extend_schema(operation_id="usage", responses=UsageData)
    def retrieve(self, request: Request) -> Response:
        """Answer with sums by day, model, agent and purpose."""
        zone = _zone()
        last = self.known.get("last") or timezone.now().astimezone(zone).date()
        first = self.known.get("first") or last - timedelta(days=29)
        if not timedelta() <= last - first < timedelta(days=MAX_DAYS):
            raise ValidationError({"first": [gettext("Choose 1 to 366 days.")]})
        return Response(UsageData(spending.report(first=first, last=last, zone=zone)).data)

    @extend_schema(operation_id="usage_budgets", responses=BudgetData(many=True))
    def budgets(self, request: Request) -> Response:
        """Answer with how full each budget is."""
        found = budget_use.uses(now=timezone.now(), timezone=_zone().key)
        return Response(BudgetData(list(found.values()), many=True).data)


def _zone() -> ZoneInfo:
    """Return the business's time zone, which the middleware has made the present one."""
    return timezone.get_current_timezone()
