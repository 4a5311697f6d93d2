"""How devices look to programs; tokens and keys never come out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.models import Agent
from channels_whatsapp.models import Device
from channels_whatsapp.services import links, pairing, selftest
from channels_whatsapp.services.selftest import Result
from tenants.api.serializers import Input


class DeviceData(Input, serializers.ModelSerializer[Device]):
    """A WhatsApp number and how it gathers messages."""

    entry_agent = serializers.SlugRelatedField(
        slug_field="uuid", queryset=Agent.objects.all(), allow_null=True, required=False
    )
    quiet_s = serializers.FloatField(min_value=0, max_value=60, required=False)
    max_wait_s = serializers.FloatField(min_value=0, max_value=600, required=False)
    max_messages = serializers.IntegerField(min_value=1, max_value=100, required=False)
    freshness_s = serializers.FloatField(min_value=1, max_value=7 * 86400, required=False)
    advice = serializers.SerializerMethodField(help_text="What helps, for people.")

    class Meta:
        model = Device
        fields: tuple[str, ...] = (
            "uuid",
            "name",
            "phone",
            "entry_agent",
            "quiet_s",
            "max_wait_s",
            "max_messages",
            "freshness_s",
            "is_enabled",
            "state",
            "state_changed_at",
            "advice",
            "health",
            "paired_at",
            "online_at",
            "created_at",
        )
        read_only_fields: tuple[str, ...] = (
            "uuid",
            "phone",
            "state",
            "state_changed_at",
            "health",
            "paired_at",
            "online_at",
            "created_at",
        )

    def get_advice(self, obj: Device) -> str:
        """Return what helps."""
        return links.link(obj).advice


class DeviceChange(DeviceData):
    """A device as it is changed; its name stays, because the bridge knows it by that."""

    class Meta(DeviceData.Meta):
        read_only_fields = (*DeviceData.Meta.read_only_fields, "name")


class NewDevice(DeviceData):
    """A new device; without a bridge the platform's own is taken."""

    bridge_base_url = serializers.CharField(
        max_length=300, required=False, default="", allow_blank=True, write_only=True
    )
    bridge_token = serializers.CharField(
        max_length=200, required=False, default="", allow_blank=True, write_only=True
    )

    class Meta(DeviceData.Meta):
        fields = (*DeviceData.Meta.fields, "bridge_base_url", "bridge_token")


class StartPairing(Input):
    """How the phone is linked."""

    phone = serializers.CharField(
        max_length=40,
        required=False,
        default="",
        allow_blank=True,
        help_text="For a code to be typed on that phone; empty for the QR code alone.",
    )


class Caution(serializers.Serializer[Any]):
    """Something to know before or after pairing."""

    text = serializers.CharField()
    tone = serializers.CharField(allow_blank=True)


class PairingData(serializers.Serializer[Device]):
    """How far a pairing is. Ask every two seconds while a person looks at the code."""

    state = serializers.ChoiceField(choices=Device.State.choices)
    is_pairing = serializers.SerializerMethodField()
    qr_code = serializers.CharField(
        allow_blank=True, help_text="A data URL of a PNG; may be empty."
    )
    qr_code_ends_at = serializers.SerializerMethodField()
    code = serializers.CharField(
        source="pairing_code", allow_blank=True, help_text="To be typed on the phone."
    )
    has_run_out = serializers.SerializerMethodField()
    problem = serializers.SerializerMethodField()
    cautions = serializers.SerializerMethodField()
    test = serializers.SerializerMethodField()

    def get_is_pairing(self, obj: Device) -> bool:
        """Return whether a phone is waited for."""
        return obj.is_pairing(timezone.now())

    def get_qr_code_ends_at(self, obj: Device) -> datetime | None:
        """Return until when the code on show is good."""
        return pairing.code_ends_at(obj)

    def get_has_run_out(self, obj: Device) -> bool:
        """Return whether all codes were shown and none was used."""
        return pairing.has_run_out(obj, now=timezone.now())

    def get_problem(self, obj: Device) -> str:
        """Return what went wrong, for people."""
        return pairing.problem_in_words(obj.pairing_problem)

    @extend_schema_field(Caution(many=True))
    def get_cautions(self, obj: Device) -> Any:
        """Return what the owners should know of its number."""
        return Caution(pairing.warnings(obj, now=timezone.now()), many=True).data

    @extend_schema_field(serializers.ChoiceField(choices=[one.value for one in Result]))
    def get_test(self, obj: Device) -> str:
        """Return how the test after the pairing stands."""
        return selftest.report(obj, now=timezone.now()).result.value
