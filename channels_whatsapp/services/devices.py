"""Devices: making them, telling the bridge about them, and knowing the state of their link."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from agents.models import Agent
from channels_whatsapp.bridge.client import Bridge, BridgeStatus
from channels_whatsapp.models import Device
from integrations import payloads
from integrations.services import events
from tenants import crypto
from tenants.audit.record import record
from tenants.context import current_schema, release_connection
from tenants.errors import DomainError, Permanent, Temporary
from tenants.models import InboundRoute, Tenant
from tenants.queueing import enqueue
from tenants.services import routes

logger = logging.getLogger(__name__)


class BadDevice(DomainError):
    """This device cannot be used as it is described."""

    code = "bad_device"
    http_status = 422


@dataclass(frozen=True)
class Provisioned:
    """What the bridge said; `problem` is empty where it took everything."""

    status: BridgeStatus | None
    problem: str = ""

    @property
    def summary(self) -> str:
        """A short word for a log."""
        return "failed" if self.problem else "provisioned"


def ensure_device(
    *,
    name: str,
    entry_agent: Agent | None,
    quiet_s: float = 5.0,
    max_wait_s: float = 60.0,
    max_messages: int = 20,
    route_key: str | None = None,
    bridge_base_url: str,
    bridge_token: str,
    hmac_key: str,
    now: datetime,
    actor: str = "system",
) -> tuple[Device, list[str]]:
    """Create or change a device and its route; return it with the names of what changed.

    Args:
        route_key: the secret part of its webhook address; None makes or keeps a random one.
        hmac_key: signs the bridge's webhooks, at least 32 characters.

    Raises:
        BadDevice: a value out of range.
        BadRoute: an unusable route or HMAC key.
    """
    if not (0 <= quiet_s <= max_wait_s) or max_messages < 1:
        raise BadDevice("The longest wait is at least the quiet window, and one message or more.")
    wanted: dict[str, Any] = {
        "entry_agent": entry_agent,
        "quiet_s": quiet_s,
        "max_wait_s": max_wait_s,
        "max_messages": max_messages,
        "bridge_base_url": bridge_base_url.rstrip("/"),
    }
    with transaction.atomic():
        device = Device.objects.select_for_update(of=("self",)).filter(name=name).first()
        is_new = device is None
        device = device or Device(name=name)
        changed = ["device"] if is_new else []
        changed += [f for f, v in wanted.items() if not is_new and getattr(device, f) != v]
        for field, value in wanted.items():
            setattr(device, field, value)
        if is_new or device.bridge_token() != bridge_token:
            device.set_bridge_token(bridge_token)
            changed += [] if is_new else ["bridge_token"]
        if changed:
            device.save()
        _, is_route_changed = routes.ensure_route(
            device_ref=device.uuid, route_key=route_key, hmac_key=hmac_key, now=now
        )
        if is_route_changed and not is_new:
            changed.append("route")
        if changed:
            record(
                action="device.changed",
                actor=actor,
                target=f"device {device.uuid}",
                data={"fields": changed},
            )
    return device, changed


def webhook_url(device: Device) -> str:
    """Return the address to which the bridge posts this device's events; it is a secret."""
    route = InboundRoute.objects.get(device_ref=device.uuid)
    return f"{settings.PUBLIC_BASE_URL}/hooks/whatsapp/{route.route_key}/"


def hmac_key(device: Device) -> str:
    """Return the key that signs this device's webhooks, in clear."""
    route = InboundRoute.objects.get(device_ref=device.uuid)
    return crypto.decrypt(route.hmac_key_encrypted, context=routes.key_context(device.uuid))


def ask_to_provision(*, device: Device) -> None:
    """Have a worker tell the bridge about the device once the open transaction commits."""
    enqueue("channels_whatsapp.tasks.provision_device", device_id=device.pk)


def provision_device(*, device_id: int, now: datetime) -> Provisioned:
    """Make the bridge know the device and deliver its events here, signed; safe to repeat.

    Never raises for what the bridge does: the problem is in the result and on the device.
    """
    device = Device.objects.get(pk=device_id)
    tenant = Tenant.objects.get(schema_name=current_schema())
    name = f"{tenant.name} ({device.name})"
    url, key = webhook_url(device), hmac_key(device)
    bridge = Bridge(base_url=device.bridge_base_url, token=device.bridge_token())
    release_connection()
    try:
        status = _provision(bridge=bridge, name=name, url=url, key=key)
    except (Temporary, Permanent) as error:
        logger.warning("device not provisioned", extra={"reason": error.reason})
        note_state(device=device, state=Device.State.UNKNOWN, detail=error.reason, now=now)
        return Provisioned(status=None, problem=error.reason)
    is_online = status.is_connected and status.is_logged_in
    state = (
        Device.State.CONNECTED
        if is_online
        else (Device.State.QR if status.is_connected else Device.State.ABSENT)
    )
    note_state(device=device, state=state, detail="", now=now)
    if status.phone and device.phone != status.phone:
        Device.objects.filter(pk=device.pk).update(phone=status.phone)
    routes.learn_identity(device_ref=device.uuid, user_ref=status.user_ref, instance=status.name)
    return Provisioned(status=status)


def _provision(*, bridge: Bridge, name: str, url: str, key: str) -> BridgeStatus:
    """Follow the one order in which the bridge's caches keep what they are told.

    Source: the bridge's contract, section 4, "In-memory cache traps".
    """
    if not bridge.is_known():
        bridge.create_user(
            admin_token=settings.BRIDGE_ADMIN_TOKEN, name=name, webhook=url, hmac_key=key
        )
    bridge.set_hmac_key(key)
    bridge.set_webhook(url)
    status = bridge.status()
    # Connecting a device that is about to reconnect by itself would orphan its first client.
    if not status.is_connected and not status.is_logged_in:
        bridge.connect()
        status = bridge.status()
    return status


def note_state(*, device: Device, state: Device.State, detail: str, now: datetime) -> None:
    """Remember the state of the link; a new connection tells the bridge its settings again."""
    if device.state == state and device.state_detail == detail[:200]:
        return
    before = Device.State(device.state)
    device.state, device.state_detail, device.state_changed_at = state, detail[:200], now
    with transaction.atomic(savepoint=False):
        device.save(update_fields=["state", "state_detail", "state_changed_at"])
        if state != before:
            _tell_state(device, before=before, now=now)
    if state == Device.State.CONNECTED and before != Device.State.CONNECTED:
        # While it pairs, the bridge overwrites its settings with an older copy.
        enqueue("channels_whatsapp.tasks.provision_device", device_id=device.pk)


def _tell_state(device: Device, *, before: Device.State, now: datetime) -> None:
    changed = payloads.DeviceStatusChanged(
        device_id=device.uuid,
        device_name=device.name,
        status=device.state,
        previous_status=before,
        detail=device.state_detail,
    )
    events.publish(changed, occurred_at=now)


def learn_identity(*, device: Device, data: Mapping[str, Any]) -> None:
    """Remember which bridge user signs for this device, from its first event."""
    user_ref, instance = str(data.get("userID") or ""), str(data.get("instanceName") or "")
    if not user_ref or not instance:
        return
    route = InboundRoute.objects.get(device_ref=device.uuid)
    if not route.bridge_user_ref:
        routes.learn_identity(device_ref=device.uuid, user_ref=user_ref, instance=instance)


def new_message_ref() -> str:
    """Return a WhatsApp message id as the bridge would make one."""
    return "3EB0" + uuid.uuid4().hex[:18].upper()
