"""The link of a device becomes another: the row, the event, and who must be told."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from channels_whatsapp.models import Device
from channels_whatsapp.services import states
from channels_whatsapp.types import LinkChange
from integrations import payloads
from integrations.services import events, notices
from tenants.queueing import enqueue
from tenants.services import routes

logger = logging.getLogger(__name__)

State = Device.State

GRACE = timedelta(minutes=5)
"""How long a number may be away before its owners are told, where it may come back by itself."""

LATE = timedelta(minutes=1)
"""What the bridge said this long before the last change is history: a webhook that waited is looked
at when it is read, those of one moment are not yet in their order."""

PAGE = "channels_whatsapp_device_changelist"

_TEXTS: Mapping[str, tuple[Promise, Promise]] = {
    State.LOGGED_OUT: (
        gettext_lazy("%(name)s was logged out of WhatsApp"),
        gettext_lazy(
            "The phone has removed the link, so nobody is answered on this number. Open the device"
            " and pair it again; conversations and settings stay."
        ),
    ),
    State.BANNED: (
        gettext_lazy("WhatsApp has paused %(name)s"),
        gettext_lazy(
            "The number may not be used for a while, and nobody is answered on it. Wait until the"
            " pause ends, write only to people who wrote first, and send less."
        ),
    ),
    State.OUTDATED: (
        gettext_lazy("%(name)s cannot connect: the bridge is too old"),
        gettext_lazy(
            "WhatsApp refuses this version of the bridge. Ask whoever runs this platform to update"
            " it; the number connects by itself afterwards."
        ),
    ),
    State.REPLACED: (
        gettext_lazy("%(name)s was taken over elsewhere"),
        gettext_lazy(
            "Another program uses the same link, or the bridge has lost it. It is tried again by"
            " itself; if that does not help, pair the device again."
        ),
    ),
}
_OFFLINE = (
    gettext_lazy("%(name)s has been offline for five minutes"),
    gettext_lazy(
        "Nothing is received and nothing is sent on this number. It is being tried again; look at"
        " the phone’s internet connection, then at the device’s page."
    ),
)


def apply_event(*, device: Device, event: LinkChange, received_at: datetime, now: datetime) -> bool:
    """Take in what the bridge says of a link by itself; joins the caller's transaction.

    Returns:
        False for what was said before the last change: the bridge is asked instead.
    """
    with transaction.atomic(savepoint=False):
        row = Device.objects.select_for_update(of=("self",)).get(pk=device.pk)
        if row.state_changed_at is not None and received_at < row.state_changed_at - LATE:
            enqueue("channels_whatsapp.tasks.check_device", device_id=row.pk)
            return False
        verdict = states.after_event(
            device=row, state=State(event.state), detail=event.detail, now=now
        )
        fields = []
        if event.qr_code and verdict.state == State.QR:
            fields += show_code(row, code=event.qr_code, now=now)
        if event.state == State.PAIRED:
            if event.own is not None and event.own.phone:
                fields += learn_number(row, number=event.own.phone, now=now)
            row.paired_at = now
            fields.append("paired_at")
        if event.state == State.BANNED:
            lasts = event.lasts_s
            row.state_until = None if lasts is None else now + timedelta(seconds=lasts)
            fields.append("state_until")
        if fields:
            row.save(update_fields=fields)
        is_changed = _change(row, verdict, now=now)
        if not is_changed and event.state != row.state:
            enqueue("channels_whatsapp.tasks.check_device", device_id=row.pk)
        return True


def note(
    *, device_id: int, verdict: states.Verdict, now: datetime, judged: Device | None = None
) -> bool:
    """Remember what a link was found to be; True where that is new.

    Args:
        judged: the device as it was when its bridge was asked. Where it is another by now, an event
            has said more meanwhile, and has had it looked at again: this verdict is too old.
    """
    with transaction.atomic():
        row = Device.objects.select_for_update(of=("self",)).filter(pk=device_id).first()
        if row is None:
            return False
        if judged is not None and (row.state, row.state_detail) != (
            judged.state,
            judged.state_detail,
        ):
            return False
        return _change(row, verdict, now=now)


def show_code(device: Device, *, code: str, now: datetime) -> list[str]:
    """Put a QR code on the row, which the caller saves; return the changed fields."""
    if device.qr_code == code:
        return []
    device.n_qr_codes = device.n_qr_codes + 1 if device.qr_code else 1
    device.qr_code, device.qr_code_at = code, now
    return ["qr_code", "qr_code_at", "n_qr_codes"]


def learn_number(device: Device, *, number: str, now: datetime) -> list[str]:
    """Put a paired number on the row, which the caller saves; return the changed fields."""
    if device.phone == number:
        return []
    device.phone, device.number_since = number, now
    device.state_until = None  # a ban was of the number before
    routes.learn_place(
        device_ref=device.uuid, bridge_url=device.bridge_base_url, number=device.phone
    )
    return ["phone", "number_since", "state_until"]


def _change(device: Device, verdict: states.Verdict, *, now: datetime) -> bool:
    before = State(device.state)
    if states.Verdict(before, device.state_detail) == verdict:
        return False
    device.state, device.state_detail = verdict.state, verdict.detail[:200]
    fields = ["state", "state_detail"]
    if verdict.state != before:
        device.state_changed_at = now
        fields += ["state_changed_at", *_enter(device, before=before, now=now)]
    device.save(update_fields=fields)
    if verdict.state == before:
        return True
    changed = payloads.DeviceStatusChanged(
        device_id=device.uuid,
        device_name=device.name,
        status=device.state,
        previous_status=before,
        detail=device.state_detail,
    )
    events.publish(changed, occurred_at=now)
    logger.info(
        "device state", extra={"device_id": device.pk, "before": before, "state": device.state}
    )
    # While it pairs, the bridge overwrites its settings with an older copy: they are told again.
    is_up = device.state == State.CONNECTED
    task = "provision_device" if is_up else "check_device"
    enqueue(f"channels_whatsapp.tasks.{task}", device_id=device.pk)
    return True


def _enter(device: Device, *, before: State, now: datetime) -> list[str]:
    """Set what belongs to the state that the device has just come to."""
    if device.state == State.CONNECTED:
        device.online_at, device.offline_since, device.is_told = now, None, False
        # When a ban ended is known for as long as it says something about the number.
        ended_at = device.state_until or (now if before == State.BANNED else None)
        device.state_until = min(ended_at, now) if ended_at else None
        if device.is_pairing(now) and (device.paired_at is None or _is_before_pairing(device)):
            device.paired_at = now  # the event that says so was lost, or comes later
        device.pairing_at, device.pairing_phone, device.pairing_code = None, "", ""
        device.qr_code, device.n_qr_codes, device.pairing_problem = "", 0, ""
        return [
            *("online_at", "offline_since", "is_told", "state_until", "paired_at", "pairing_at"),
            *("pairing_phone", "pairing_code", "qr_code", "n_qr_codes", "pairing_problem"),
        ]
    fields = []
    if device.offline_since is None:
        device.offline_since = now
        fields.append("offline_since")
    if device.state in _TEXTS:
        device.is_told = False  # this is news, whatever was told before
        fields.append("is_told")
    if device.state not in (State.QR, State.PAIRED) and device.qr_code:
        device.qr_code, device.n_qr_codes, device.pairing_code = "", 0, ""
        fields += ["qr_code", "n_qr_codes", "pairing_code"]
    return fields


def _is_before_pairing(device: Device) -> bool:
    return (
        device.paired_at is not None
        and device.pairing_at is not None
        and (device.paired_at < device.pairing_at)
    )


def tell_if_needed(*, device: Device, now: datetime) -> bool:
    """Tell the owners of a number that needs them, or is away for too long, once for each time.

    Called when the bridge has been asked, because an event may be late: what is told is so.
    """
    since = device.offline_since
    if since is None or device.is_told or not device.phone:
        return False
    if device.state not in _TEXTS and now - since < GRACE:
        return False
    if device.is_pairing(now) or device.state == State.CONNECTED:
        return False
    tell_owners(device, now=now)
    return True


def tell_owners(device: Device, *, now: datetime) -> None:
    """Tell the owners what is wrong with a number, in the panel, by e-mail and as an event."""
    if not device.is_enabled or device.removing_at is not None or device.is_pairing(now):
        return
    title, text = _TEXTS.get(device.state, _OFFLINE)
    with transaction.atomic():
        Device.objects.filter(pk=device.pk).update(is_told=True)
        notices.tell(
            kind=f"device.{device.state if device.state in _TEXTS else 'offline'}",
            subject=str(device.uuid),
            title=title,
            text=text,
            values={"name": device.name},
            page=PAGE,
            now=now,
        )
