"""Removing a device for good: first from the bridge and the phone, then here.

Conversations hang on no device: they stay, with everything in them.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy

from channels_whatsapp.models import Device
from channels_whatsapp.services import devices, servers
from integrations.services import notices
from tenants.audit.record import record
from tenants.context import release_connection
from tenants.errors import Permanent, Temporary
from tenants.queueing import enqueue
from tenants.services import routes

logger = logging.getLogger(__name__)

PATIENCE = timedelta(hours=24)
"""How long a bridge is tried that does not answer; afterwards the device goes without it, and the
owners are asked to take the link away on the phone."""


def ask_to_remove(*, device: Device, actor: str, now: datetime) -> None:
    """Switch a device off and have it removed; nothing more is received on it from now on."""
    with transaction.atomic():
        won = Device.objects.filter(pk=device.pk, removing_at=None).update(
            removing_at=now, is_enabled=False, pairing_at=None, qr_code="", pairing_code=""
        )
        if not won:
            return
        routes.set_enabled(device_ref=device.uuid, is_enabled=False)
        record(action="device.removed", actor=actor, target=f"device {device.uuid}", data={})
        enqueue("channels_whatsapp.tasks.check_device", device_id=device.pk)


def remove_device(*, device: Device, now: datetime) -> bool:
    """Remove a device from its bridge and here; False where it has to be tried again.

    Safe to repeat: each step leaves what is done.
    """
    bridge, token = devices.bridge_of(device), servers.admin_token(device.bridge_base_url)
    release_connection()
    is_off = True
    try:
        if bridge.is_known():
            status = bridge.status()
            if token and status.user_ref:
                bridge.remove_user(admin_token=token, user_ref=status.user_ref)
            else:
                bridge.logout()  # a bridge of the tenant's own: its user is theirs to remove
    except (Temporary, Permanent) as error:
        logger.warning("device not removed", extra={"reason": error.reason})
        is_off = False
    if not is_off and device.removing_at is not None and now - device.removing_at < PATIENCE:
        return False
    with transaction.atomic():
        if not routes.remove_route(device_ref=device.uuid):
            return False
        Device.objects.filter(pk=device.pk).delete()
        if not is_off:
            notices.tell(
                kind="device.left_on_bridge",
                subject=str(device.uuid),
                title=gettext_lazy("%(name)s was removed, but its bridge did not answer"),
                text=gettext_lazy(
                    "On the phone, open Linked devices in WhatsApp and remove the link there."
                ),
                values={"name": device.name},
                now=now,
            )
    return True
