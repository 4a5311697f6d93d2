"""The state of each device's link, and what helps, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy

from channels_whatsapp.models import Device

State = Device.State

_OFF_LABEL = gettext_lazy("switched off")
_OFF_ADVICE = gettext_lazy("Nothing that arrives here is answered.")

_ADVICE: Mapping[str, object] = {
    State.UNKNOWN: gettext_lazy(
        "The bridge has not said anything about this device yet. Check its address and token."
    ),
    State.ABSENT: gettext_lazy("The bridge knows the device but has not started it."),
    State.QR: gettext_lazy(
        "On the phone: WhatsApp, Linked devices, Link a device, and scan the QR code."
    ),
    State.PAIRED: gettext_lazy("The phone has accepted; the connection is being made."),
    State.DISCONNECTED: gettext_lazy(
        "The bridge is reconnecting by itself; what arrives meanwhile is answered afterwards."
    ),
    State.LOGGED_OUT: gettext_lazy("The phone has removed this device. Pair it again."),
    State.BANNED: gettext_lazy(
        "WhatsApp has paused this number. Wait until the pause ends and send less afterwards."
    ),
    State.OUTDATED: gettext_lazy("The bridge is too old for WhatsApp; update it."),
    State.FAILED: gettext_lazy("The connection failed; have the bridge configured again."),
}

_TONES: Mapping[str, str] = {
    State.CONNECTED: "good",
    State.UNKNOWN: "warn",
    State.ABSENT: "warn",
    State.QR: "warn",
    State.PAIRED: "warn",
    State.DISCONNECTED: "warn",
}


@dataclass(frozen=True)
class DeviceLink:
    """A device's link, ready to be shown."""

    device_id: int
    name: str
    phone: str
    state: str
    label: str
    tone: str
    advice: str
    since: datetime | None


def link(device: Device) -> DeviceLink:
    """Return a device's link in the active language."""
    if not device.is_enabled:
        label, tone, advice = str(_OFF_LABEL), "", str(_OFF_ADVICE)
    else:
        label = str(State(device.state).label)
        tone = _TONES.get(device.state, "bad")
        advice = str(_ADVICE.get(device.state, ""))
    return DeviceLink(
        device_id=device.pk,
        name=device.name,
        phone=device.phone,
        state=device.state,
        label=label,
        tone=tone,
        advice=advice,
        since=device.state_changed_at,
    )


def links() -> tuple[DeviceLink, ...]:
    """Return every device's link, by name; one query."""
    return tuple(link(device) for device in Device.objects.order_by("name", "pk"))
