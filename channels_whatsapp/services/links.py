"""The state of each device's link, and what helps, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy

from channels_whatsapp.models import Device

State = Device.State

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
        label, tone, advice = _OFF_LABEL, "", _OFF_ADVICE
    else:
        label = State(device.state).label
        tone = _TONES.get(device.state, "bad")
        advice = _ADVICE.get(device.state, "")
    return DeviceLink(
        device_id=device.pk,
        name=device.name,
        phone=device.phone,
        state=device.state,
        label=str(label),
        tone=tone,
        advice=str(advice),
        since=device.state_changed_at,
    )


def links() -> tuple[DeviceLink, ...]:
    """Return every device's link, by name; one query."""
    return tuple(link(device) for device in Device.objects.order_by("name", "pk"))


_OFF_LABEL = gettext_lazy("switched off")
_OFF_ADVICE = gettext_lazy("Nothing that arrives here is answered.")

_WHY: Mapping[str, object] = {
    "too_old": gettext_lazy("the message was already old when it arrived"),
    "clock_ahead": gettext_lazy("the sender's clock is far in the future"),
    "human_mode": gettext_lazy("a person was answering"),
    "opted_out": gettext_lazy("the contact asked not to be written to"),
    "blocked": gettext_lazy("the contact is blocked"),
    "reaction": gettext_lazy("a reaction needs no answer"),
    "no_agent": gettext_lazy("the device has no agent"),
    "from_the_phone": gettext_lazy("somebody wrote on the paired phone"),
    "own_echo": gettext_lazy("an echo of what was sent from here"),
    "own_edit_or_delete": gettext_lazy("somebody edited or deleted on the paired phone"),
    "own_receipt": gettext_lazy("the paired phone read something"),
    "status_post": gettext_lazy("a status post"),
    "broadcast_list": gettext_lazy("a broadcast list"),
    "newsletter": gettext_lazy("a channel"),
    "group": gettext_lazy("a group"),
    "protocol_noise": gettext_lazy("technical noise of WhatsApp"),
    "no_message_id": gettext_lazy("a message without an id"),
    "unknown_address": gettext_lazy("nobody can tell who sent it"),
    "undecryptable": gettext_lazy("WhatsApp could not decrypt it; it usually comes again"),
    "unknown_receipt": gettext_lazy("a receipt of an unknown kind"),
    "unknown_message": gettext_lazy("it is about a message that is not known here"),
    "message_id_known": gettext_lazy("this message had arrived already"),
    "no_burst": gettext_lazy("nobody was being waited for"),
    "not_a_message": gettext_lazy("not a message"),
}


def why(reason: str) -> str:
    """Say why an event woke nobody; an unknown reason is shown as it is."""
    return str(_WHY[reason]) if reason in _WHY else reason
