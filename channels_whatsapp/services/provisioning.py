"""Making a bridge know a device as it is described here; safe to repeat at any time."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from channels_whatsapp.bridge.client import SUBSCRIBED_EVENTS, Bridge, BridgeStatus
from channels_whatsapp.models import Device
from channels_whatsapp.services import devices, linking, servers, states
from tenants import timers
from tenants.context import current_schema, release_connection
from tenants.errors import Permanent, Temporary
from tenants.models import Tenant
from tenants.services import routes

logger = logging.getLogger(__name__)

State = Device.State

TIMER = "device"

_MAY_START = frozenset({State.UNKNOWN, State.UNREACHABLE, State.ABSENT})
"""States in which a session is started without anybody having asked for a new pairing."""


@dataclass(frozen=True)
class Wanted:
    """What a bridge is to know of a device, for calls without the database."""

    bridge: Bridge
    name: str
    webhook: str
    hmac_key: str
    admin_token: str

    def differences(self, status: BridgeStatus) -> tuple[str, ...]:
        """Return the names of the settings that the bridge has otherwise."""
        checks = (
            ("events", set(SUBSCRIBED_EVENTS) <= status.events or "All" in status.events),
            ("webhook", status.webhook == self.webhook),
            ("hmac", status.is_signing),
            ("media", status.media_delivery in ("base64", "both")),
            ("history", status.n_history > 0),
        )
        return tuple(name for name, is_right in checks if not is_right)


@dataclass(frozen=True)
class Provisioned:
    """What the bridge said; `problem` is empty where it took everything."""

    status: BridgeStatus | None
    problem: str = ""

    @property
    def summary(self) -> str:
        """A short word for a log."""
        return "failed" if self.problem else "provisioned"


def wanted_of(device: Device) -> Wanted:
    """Return what the bridge is to know of a device; some queries."""
    tenant = Tenant.objects.get(schema_name=current_schema())
    return Wanted(
        bridge=devices.bridge_of(device),
        name=f"{tenant.name} ({device.name})",
        webhook=devices.webhook_url(device),
        hmac_key=devices.hmac_key(device),
        admin_token=servers.admin_token(device.bridge_base_url),
    )


def provision_device(*, device_id: int, now: datetime) -> Provisioned:
    """Make the bridge know the device and deliver its events here, signed; safe to repeat.

    Never raises for what the bridge does: the problem is in the result and on the device.
    """
    device = Device.objects.filter(pk=device_id, removing_at=None).first()
    if device is None:
        return Provisioned(status=None, problem="the device was removed")
    wanted = wanted_of(device)
    may_start = device.state in _MAY_START or device.is_pairing(now)
    release_connection()
    try:
        status = configure(wanted, may_start=may_start)
    except (Temporary, Permanent) as error:
        logger.warning("device not provisioned", extra={"reason": error.reason})
        linking.note(device_id=device.pk, verdict=trouble(error), now=now, judged=device)
        watch_now(device_id=device.pk, now=now)
        return Provisioned(status=None, problem=error.reason)
    learn(device_id=device.pk, status=status, now=now)
    verdict = states.judge(
        device=device,
        status=status,
        is_stalled=device.state == State.STALLED,  # the watch looks for itself
        has_restarted=True,
        now=now,
    )
    linking.note(device_id=device.pk, verdict=verdict, now=now, judged=device)
    watch_now(device_id=device.pk, now=now)
    return Provisioned(status=status)


def configure(wanted: Wanted, *, may_start: bool) -> BridgeStatus:
    """Follow the one order in which the bridge's caches keep what they are told.

    Source: the bridge's contract, section 4, "In-memory cache traps".
    """
    bridge = wanted.bridge
    if not bridge.is_known():
        bridge.create_user(
            admin_token=wanted.admin_token,
            name=wanted.name,
            webhook=wanted.webhook,
            hmac_key=wanted.hmac_key,
        )
    bridge.set_hmac_key(wanted.hmac_key)
    bridge.set_webhook(wanted.webhook)
    status = bridge.status()
    # Connecting a device that is about to reconnect by itself would orphan its first client.
    if may_start and not status.is_connected and not status.is_logged_in:
        bridge.connect()
        status = bridge.status()
    return mend(wanted, status)


def mend(wanted: Wanted, status: BridgeStatus) -> BridgeStatus:
    """Set what the bridge has otherwise than it was told, and return what it has then."""
    differences = wanted.differences(status)
    for name in differences:
        if name == "hmac":
            wanted.bridge.set_hmac_key(wanted.hmac_key)
        elif name == "media":
            wanted.bridge.set_media_delivery()
        elif name == "history":
            # Without a session the bridge keeps none, and says so.
            if status.is_connected or status.is_logged_in:
                wanted.bridge.set_history()
        else:
            wanted.bridge.set_webhook(wanted.webhook)
    if not differences:
        return status
    logger.info("bridge settings mended", extra={"settings": ",".join(differences)})
    return wanted.bridge.status()


def learn(*, device_id: int, status: BridgeStatus, now: datetime) -> None:
    """Keep what a bridge says of a device: who it is there, and its number."""
    device = Device.objects.filter(pk=device_id).first()
    if device is None:
        return
    if status.user_ref:
        routes.learn_identity(
            device_ref=device.uuid, user_ref=status.user_ref, instance=status.name
        )
    # A device that is not linked still shows the number that it had.
    if status.phone and status.is_logged_in:
        fields = linking.learn_number(device, number=status.phone, now=now)
        if fields:
            device.save(update_fields=fields)
    routes.learn_place(
        device_ref=device.uuid, bridge_url=device.bridge_base_url, number=device.phone
    )


def trouble(error: Temporary | Permanent) -> states.Verdict:
    """Return the state of a device whose bridge cannot be asked."""
    is_away = isinstance(error, Temporary) and error.reason.startswith(
        ("timed out", "network trouble", "bridge answered 5")
    )
    return states.Verdict(State.UNREACHABLE if is_away else State.UNKNOWN, error.reason[:200])


def watch_now(*, device_id: int, now: datetime) -> None:
    """Have the link looked at at once."""
    timers.arm(kind=TIMER, ref=device_id, due_at=now)
