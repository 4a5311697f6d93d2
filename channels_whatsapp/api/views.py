"""Devices for programs: their link, pairing, and how they gather messages."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from channels_whatsapp.api.serializers import (
    DeviceChange,
    DeviceData,
    NewDevice,
    PairingData,
    StartPairing,
)
from channels_whatsapp.models import Device
from channels_whatsapp.services import editing, pairing, removing, selftest
from tenants.api.resources import Listed, Need, Resource, Retrieved
from tenants.api.scopes import Scope
from tenants.api.serializers import Input

READS = Need(Scope.DEVICES_READ, "channels_whatsapp.view_device")
WRITES = Need(Scope.DEVICES_WRITE, "channels_whatsapp.change_device")


class DeviceFilters(Input):
    """Which devices."""

    state = serializers.ChoiceField(choices=Device.State.choices, required=False)
    is_enabled = serializers.BooleanField(required=False)


class Devices(Listed, Retrieved, Resource):
    """WhatsApp numbers of the business."""

    reads, writes = READS, WRITES
    needs = {
        "create": Need(Scope.DEVICES_WRITE, "channels_whatsapp.add_device"),
        "destroy": Need(Scope.DEVICES_WRITE, "channels_whatsapp.delete_device"),
    }
    serializer_class = DeviceData
    filters = DeviceFilters
    ordering = ("name", "pk")
    has_etag = is_volatile = True

    def get_queryset(self) -> QuerySet[Device]:
        """Return the devices."""
        found = Device.objects.select_related("entry_agent")
        if self.action != "list":
            return found
        wanted = {name: self.known[name] for name in ("state", "is_enabled") if name in self.known}
        return found.filter(**wanted)

    @extend_schema(request=NewDevice, responses={201: DeviceData})
    def create(self, request: Request) -> Response:
        """Make a device; it is paired afterwards."""
        values = self.taken(NewDevice)
        with transaction.atomic():
            # One of that name is not changed by who means to make one.
            device = self._save(Device(name=values["name"]), values)
        return self.shown(self.get_queryset().get(pk=device.pk), status=201)

    @extend_schema(request=DeviceChange)
    def partial_update(self, request: Request, uuid: uuid.UUID) -> Response:
        """Change who answers and how messages are gathered."""
        with transaction.atomic():
            rows = self.get_queryset().select_for_update(of=("self",))
            device = get_object_or_404(rows, uuid=uuid)
            self.unchanged(device)
            self._save(device, self.taken(DeviceChange, instance=device, partial=True))
        return self.shown(self.get_queryset().get(pk=device.pk))

    def _save(self, device: Device, values: dict[str, Any]) -> Device:
        def of(name: str) -> Any:
            return values.get(name, getattr(device, name))

        return editing.save_device(
            edit=editing.DeviceEdit(
                name=device.name,
                entry_agent=of("entry_agent"),
                quiet_s=of("quiet_s"),
                max_wait_s=of("max_wait_s"),
                max_messages=of("max_messages"),
                freshness_s=of("freshness_s"),
                is_enabled=of("is_enabled"),
                bridge_base_url=values.get("bridge_base_url", ""),
                bridge_token=values.get("bridge_token", ""),
            ),
            actor=self.caller.actor,
            now=timezone.now(),
        )

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, uuid: uuid.UUID) -> Response:
        """Switch it off and have it removed from the bridge and the phone; conversations stay."""
        with transaction.atomic():
            rows = self.get_queryset().select_for_update(of=("self",))
            device = get_object_or_404(rows, uuid=uuid)
            self.unchanged(device)
            removing.ask_to_remove(device=device, actor=self.caller.actor, now=timezone.now())
        return Response(status=204)

    @extend_schema(responses=PairingData)
    @action(detail=True, methods=["get"])
    def pairing(self, request: Request, uuid: uuid.UUID) -> Response:
        """Tell how far the pairing is, with the QR code that is on show."""
        return Response(PairingData(self.get_object()).data)

    @extend_schema(
        operation_id="devices_pairing_start",
        request=StartPairing,
        responses={202: PairingData},
    )
    @pairing.mapping.post
    def start_pairing(self, request: Request, uuid: uuid.UUID) -> Response:
        """Have the bridge show codes; conversations and settings stay as they are."""
        values, device = self.taken(StartPairing), self.get_object()
        pairing.start(
            device=device, phone=values["phone"], actor=self.caller.actor, now=timezone.now()
        )
        return Response(PairingData(self.get_object()).data, status=202)

    @extend_schema(operation_id="devices_pairing_cancel", responses={204: None})
    @pairing.mapping.delete
    def cancel_pairing(self, request: Request, uuid: uuid.UUID) -> Response:
        """Stop waiting for a phone."""
        pairing.cancel(device=self.get_object(), now=timezone.now())
        return Response(status=204)

    @extend_schema(request=None, responses={202: PairingData})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, uuid: uuid.UUID) -> Response:
        """Have a message sent to the device's own number, and tell in `pairing` what came of it."""
        device = self.get_object()
        selftest.ask_for_test(device=device, actor=self.caller.actor, now=timezone.now())
        return Response(PairingData(self.get_object()).data, status=202)
