"""Devices: making them, and what the bridge must know of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext

from agents.models import Agent
from channels_whatsapp.bridge.client import Bridge
from channels_whatsapp.models import Device
from channels_whatsapp.services import servers
from tenants.audit.record import record
from tenants.errors import DomainError
from tenants.models import InboundRoute
from tenants.queueing import enqueue
from tenants.services import routes


class BadDevice(DomainError):
    """This device cannot be used as it is described."""

    code = "bad_device"
    http_status = 422


def ensure_device(
    *,
    name: str,
    entry_agent: Agent | None,
    quiet_s: float = 5.0,
    max_wait_s: float = 60.0,
    max_messages: int = 20,
    freshness_s: float = 900.0,
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
        raise BadDevice(
            gettext("The longest wait is at least the quiet window, and one message or more.")
        )
    wanted: dict[str, Any] = {
        "entry_agent": entry_agent,
        "quiet_s": quiet_s,
        "max_wait_s": max_wait_s,
        "max_messages": max_messages,
        "freshness_s": freshness_s,
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
        if changed:
            routes.learn_place(
                device_ref=device.uuid, bridge_url=device.bridge_base_url, number=device.phone
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
    return routes.key_of(route)


def ask_to_provision(*, device: Device) -> None:
    """Have a worker tell the bridge about the device once the open transaction commits."""
    enqueue("channels_whatsapp.tasks.provision_device", device_id=device.pk)


def bridge_of(device: Device) -> Bridge:
    """Return the device's user on its bridge, ready for calls without the database."""
    return Bridge(
        base_url=device.bridge_base_url,
        token=device.bridge_token(),
        is_on_platform=servers.is_known(device.bridge_base_url),
    )


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
