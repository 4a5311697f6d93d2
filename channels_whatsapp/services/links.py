"""The state of each device's link, and what helps, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy

from channels_whatsapp.models import Device
from channels_whatsapp.services import states

State = Device.State

_OFF_LABEL = gettext_lazy("switched off")
_OFF_ADVICE = gettext_lazy("Nothing that arrives here is answered.")

_ADVICE: Mapping[str, object] = {
    State.UNKNOWN: gettext_lazy(
        "The bridge has not said anything about this device yet. Check its address and token."
    ),
    State.ABSENT: gettext_lazy("The bridge knows the device but has not started it."),
    State.QR: gettext_lazy("Open the page of its link and scan the code with the phone."),
    State.PAIRED: gettext_lazy("The phone has accepted; the connection is being made."),
    State.DISCONNECTED: gettext_lazy(
        "The bridge is reconnecting by itself; what arrives meanwhile is answered afterwards."
    ),
    State.LOGGED_OUT: gettext_lazy("The phone has removed this device. Pair it again."),
    State.BANNED: gettext_lazy(
        "WhatsApp has paused this number. Wait until the pause ends and send less afterwards."
    ),
    State.OUTDATED: gettext_lazy("The bridge is too old for WhatsApp; update it."),
    State.FAILED: gettext_lazy("The connection failed. It is being tried again by itself."),
    State.REPLACED: gettext_lazy(
        "Another program uses the same link, or the bridge has lost it. It is being tried again by"
        " itself; if that does not help, pair it again."
    ),
    State.STALLED: gettext_lazy(
        "The bridge calls it connected, but WhatsApp takes no message. If it lasts, open WhatsApp"
        " on the phone, or pair it again."
    ),
    State.UNREACHABLE: gettext_lazy(
        "The bridge does not answer. It is being tried again by itself; what arrives meanwhile is"
        " fetched afterwards."
    ),
}

_TONES: Mapping[str, str] = {
    State.CONNECTED: "good",
    State.UNKNOWN: "warn",
    State.ABSENT: "warn",
    State.QR: "warn",
    State.PAIRED: "warn",
    State.DISCONNECTED: "warn",
    State.UNREACHABLE: "warn",
}

_BAN_CAUSES: Mapping[str, object] = {
    "101": gettext_lazy("It wrote to too many people who do not know it."),
    "102": gettext_lazy("Too many people have blocked it."),
    "103": gettext_lazy("It made too many groups with people who do not know it."),
    "104": gettext_lazy("It sent the same message too often."),
    "106": gettext_lazy("It wrote to a broadcast list too often."),
}
"""Source: whatsmeow's names of the codes of a temporary ban."""

_OWN_WORDS = frozenset({states.NO_ANSWER, "code_expired"})
"""Details that the state's own words say already."""


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


def detail(device: Device) -> str:
    """Return what the bridge said of the cause, where that says more than the state."""
    if device.state_detail in _OWN_WORDS:
        return ""
    if device.state == State.BANNED:
        return str(_BAN_CAUSES.get(device.state_detail, device.state_detail))
    # The bridge's numbers, such as 401, tell its operators something and nobody else.
    return "" if device.state_detail.isdigit() else device.state_detail


def links() -> tuple[DeviceLink, ...]:
    """Return every device's link, by name; one query."""
    return tuple(link(device) for device in Device.objects.order_by("name", "pk"))
