"""What people change about a device in the panel."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from agents.models import Agent
from channels_whatsapp.models import Device
from channels_whatsapp.services import devices, servers
from integrations.egress import leads_elsewhere
from tenants.audit.record import record
from tenants.queueing import enqueue
from tenants.services import routes


@dataclass(frozen=True)
class DeviceEdit:
    """A device as a form describes it.

    Attributes:
        name: says which device; it stays as it is once the device is there.
        bridge_base_url: empty keeps the one there is, or takes the platform's bridge with the most
            room.
        bridge_token: empty keeps the one there is, or makes a random one; so does a bridge of the
            platform, whatever is typed. Another bridge than before needs its own.
        hmac_key: empty keeps the one there is, or makes a random one, as for another bridge.
    """

    name: str
    entry_agent: Agent | None
    quiet_s: float
    max_wait_s: float
    max_messages: int
    freshness_s: float
    is_enabled: bool
    bridge_base_url: str
    bridge_token: str = field(default="", repr=False)
    hmac_key: str = field(default="", repr=False)


def save_device(*, edit: DeviceEdit, actor: str, now: datetime) -> Device:
    """Create or change a device, and have the bridge told once this is committed.

    Speaks to no network: the bridge is told by a task.

    Raises:
        BadDevice: a value out of range, or another bridge and the token was left.
        BadRoute: an HMAC key that is too short.
        PlatformBridge: the address typed is that of a bridge of the platform.
        NoRoom: no bridge was named, and none of the platform's takes another device.
    """
    with transaction.atomic():
        before = Device.objects.select_for_update(of=("self",)).filter(name=edit.name).first()
        address = edit.bridge_base_url
        key = edit.hmac_key
        if before is not None and not is_elsewhere(before, address):
            key = key or devices.hmac_key(before)
        elif before is not None and not edit.bridge_token:
            raise devices.BadDevice(token_for_another())
        key = key or secrets.token_hex(32)
        if address and (before is None or address.rstrip("/") != before.bridge_base_url):
            servers.require_own(address)
        if not address:
            # Held until this commits with the device's route: the last place is given once.
            address = before.bridge_base_url if before else servers.choose_server().base_url
        # There a token alone says whose session it is, so nobody may type one.
        typed = "" if servers.is_platforms(address) else edit.bridge_token
        token = typed or (before.bridge_token() if before else secrets.token_hex(24))
        device, changed = devices.ensure_device(
            name=edit.name,
            entry_agent=edit.entry_agent,
            quiet_s=edit.quiet_s,
            max_wait_s=edit.max_wait_s,
            max_messages=edit.max_messages,
            freshness_s=edit.freshness_s,
            bridge_base_url=address,
            bridge_token=token,
            hmac_key=key,
            now=now,
            actor=actor,
        )
        if device.is_enabled != edit.is_enabled:
            device.is_enabled = edit.is_enabled
            device.save(update_fields=["is_enabled"])
            record(
                action="device.changed",
                actor=actor,
                target=f"device {device.uuid}",
                data={"fields": ["is_enabled"]},
            )
            routes.set_enabled(device_ref=device.uuid, is_enabled=device.is_enabled)
        if {"device", "bridge_base_url", "bridge_token", "route"} & set(changed):
            enqueue("channels_whatsapp.tasks.provision_device", device_id=device.pk)
    return device


def is_elsewhere(device: Device, address: str) -> bool:
    """Test whether a typed address is of another bridge, whose owner could read the token there.

    Args:
        device: as it is stored.
        address: empty keeps the one there is.
    """
    return bool(address) and leads_elsewhere(device.bridge_base_url, address)


def token_for_another() -> str:
    """Say what is missing where only the address was changed."""
    return _("The stored token was entered for another bridge: enter the token of this one.")


def configure_again(*, device: Device, actor: str) -> None:
    """Have the bridge told again where this device's events go and how they are signed."""
    with transaction.atomic():
        record(
            action="device.configured_again",
            actor=actor,
            target=f"device {device.uuid}",
            data={},
        )
        enqueue("channels_whatsapp.tasks.provision_device", device_id=device.pk)
