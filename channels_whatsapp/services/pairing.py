"""Linking a phone: what a person asks for, what the page shows meanwhile, and what to warn of.

The page writes wishes into the row and reads the row; all calls to the bridge are the watch's.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from channels_whatsapp.bridge.client import BridgeStatus
from channels_whatsapp.models import Device
from channels_whatsapp.services import devices, linking, states
from tenants.audit.record import record
from tenants.context import current_schema, release_connection
from tenants.errors import DomainError, Permanent, Temporary
from tenants.queueing import enqueue
from tenants.services import routes

logger = logging.getLogger(__name__)

State = Device.State

FIRST_CODE = timedelta(seconds=60)
FURTHER_CODE = timedelta(seconds=20)
"""How long WhatsApp's codes are good: the first, and each of the five that follow it."""

ALL_CODES = timedelta(seconds=180)
"""After so long no code of one request is good any more, whether or not the bridge has said so."""

CODE_EXPIRED = "code_expired"

NEW_NUMBER = timedelta(days=7)
"""How long a number is new here: one that writes a lot in its first week is paused most often."""

_PROBLEMS: dict[str, Promise] = {
    "phone number too short": gettext_lazy(
        "The number is too short. Write it with country and area code."
    ),
    "must not start with 0": gettext_lazy(
        "The number begins with 0. Write it with the country code, such as 55."
    ),
    "missing Phone": gettext_lazy("Write the number with country and area code."),
    "already paired": gettext_lazy("This device is linked already."),
    "rate-overlimit": gettext_lazy(
        "WhatsApp refuses for now, because codes were asked for too often. Wait an hour, or scan"
        " the QR code."
    ),
    "code_expired": gettext_lazy("The time for the code ran out."),
    "rejected": gettext_lazy("The phone has refused the link. Try again with a new code."),
}


class BadNumber(DomainError):
    """No number that WhatsApp could know."""

    code = "bad_number"
    http_status = 422


@dataclass(frozen=True)
class Caution:
    """Something to know before or after pairing."""

    text: str
    tone: str = "warn"


def start(*, device: Device, phone: str, actor: str, now: datetime) -> None:
    """Have the bridge show codes for a device; conversations and settings stay as they are.

    Args:
        phone: digits; for a code to be typed on that phone. Empty for the QR code alone.

    Raises:
        BadNumber: no number that WhatsApp could know.
    """
    digits = "".join(sign for sign in phone if sign.isdigit())
    if phone and not (8 <= len(digits) <= 15 and not digits.startswith("0")):
        raise BadNumber(
            gettext(
                "Write the number with country and area code, digits only, such as 5511987654321."
            )
        )
    with transaction.atomic():
        n_changed = Device.objects.filter(pk=device.pk, is_enabled=True, removing_at=None).update(
            pairing_at=now,
            pairing_phone=digits,
            pairing_code="",
            pairing_problem="",
            qr_code="",
            qr_code_at=None,
            n_qr_codes=0,
            is_test_due=True,
        )
        if not n_changed:
            raise DeviceOff(gettext("The device is switched off; switch it on first."))
        # What ended an earlier pairing says nothing of this one.
        Device.objects.filter(pk=device.pk, state=State.ABSENT).update(state_detail="")
        record(action="device.pairing", actor=actor, target=f"device {device.uuid}", data={})
        enqueue("channels_whatsapp.tasks.pair_device", device_id=device.pk)


class DeviceOff(DomainError):
    """The device is switched off, or being removed."""

    code = "device_off"


def cancel(*, device: Device, now: datetime) -> None:
    """Stop waiting for a phone."""
    Device.objects.filter(pk=device.pk).update(
        pairing_at=None, pairing_phone="", pairing_code="", is_test_due=False
    )
    enqueue("channels_whatsapp.tasks.check_device", device_id=device.pk)


def unlink(*, device_id: int, now: datetime) -> None:
    """Take an existing link away, so that the bridge asks for another."""
    device = Device.objects.filter(pk=device_id).first()
    if device is None or not device.is_pairing(now):
        return
    bridge = devices.bridge_of(device)
    release_connection()
    try:
        if bridge.is_known() and bridge.status().is_logged_in:
            bridge.logout()
    except (Temporary, Permanent) as error:
        logger.warning("device not unlinked", extra={"reason": error.reason})
        return
    linking.note(device_id=device.pk, verdict=states.Verdict(State.ABSENT), now=now)


def carry_on(*, device: Device, status: BridgeStatus, now: datetime) -> None:
    """Fetch the code that is on show, and the one to be typed where that was asked for.

    Webhooks bring codes too, but a page must not stay on a dead one because one was lost.
    """
    if not status.is_connected:
        return
    bridge = devices.bridge_of(device)
    release_connection()
    problem = typed = ""
    code = bridge.qr_code()
    if code and device.pairing_phone and not device.pairing_code and not device.pairing_problem:
        try:
            typed = bridge.pairing_code(device.pairing_phone)
        except (Temporary, Permanent) as error:
            problem = error.reason[:200]
    with transaction.atomic():
        row = Device.objects.select_for_update(of=("self",)).get(pk=device.pk)
        fields = linking.show_code(row, code=code, now=now) if code else []
        if typed and row.pairing_phone == device.pairing_phone:
            row.pairing_code = typed[:20]
            fields.append("pairing_code")
        if problem:
            row.pairing_problem = problem
            fields.append("pairing_problem")
        if fields:
            row.save(update_fields=fields)


def has_run_out(device: Device, *, now: datetime) -> bool:
    """Test whether the bridge has shown all its codes and nobody has used one."""
    if not device.is_pairing(now) or device.state != State.ABSENT or device.pairing_at is None:
        return False
    return device.state_detail == CODE_EXPIRED or now - device.pairing_at > ALL_CODES


def code_ends_at(device: Device) -> datetime | None:
    """Return when the code that is on show ends; None where there is none."""
    if not device.qr_code or device.qr_code_at is None:
        return None
    lifetime = FIRST_CODE if device.n_qr_codes <= 1 else FURTHER_CODE
    return device.qr_code_at + lifetime


def problem_in_words(reason: str) -> str:
    """Say what went wrong in words that help; empty for no problem."""
    if not reason:
        return ""
    found = next((text for part, text in _PROBLEMS.items() if part in reason), None)
    if found is not None:
        return str(found)
    return gettext("It did not work: %(reason)s.") % {"reason": reason}


def warnings(device: Device, *, now: datetime) -> list[Caution]:
    """Return what the owners of a device should know of its number."""
    found = _elsewhere(device, routes.number_digest(device.phone))
    if device.entry_agent_id is None:
        text = gettext("No agent answers here. Choose one in the settings of this device.")
        found.append(Caution(text))
    if device.phone and device.number_since and now - device.number_since < NEW_NUMBER:
        text = gettext(
            "This number is new here. In its first week let people write first, and send little by"
            " yourself: WhatsApp pauses numbers that start with many messages."
        )
        found.append(Caution(text, ""))
    return found


def warnings_of_number(device: Device, *, phone: str) -> list[Caution]:
    """Return what is known against pairing a number with a device, before it is done."""
    digits = "".join(sign for sign in phone if sign.isdigit())
    found = _elsewhere(device, routes.number_digest(digits))
    if device.phone and digits and digits != device.phone:
        text = gettext(
            "This device had another number. Conversations stay, and go on from the new number."
        )
        found.append(Caution(text))
    return found


def _elsewhere(device: Device, digest: str) -> list[Caution]:
    others = routes.paired_elsewhere(device_ref=device.uuid, digest=digest)
    own = [ref for schema, ref in others if schema == current_schema()]
    names = Device.objects.filter(uuid__in=own).order_by("name").values_list("name", flat=True)
    found = [
        Caution(
            gettext(
                "The same number is paired with your device “%(name)s” too: customers would get two"
                " answers. Remove one of them."
            )
            % {"name": name},
            "bad",
        )
        for name in names
    ]
    if len(own) < len(others):
        # Whose it is is nobody's business here.
        text = gettext(
            "This number is in use in another account of this platform. If it is yours, unlink it"
            " there; customers would get two answers."
        )
        found.append(Caution(text, "bad"))
    return found
