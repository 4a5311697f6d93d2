"""Celery's doors to the WhatsApp channel."""

from __future__ import annotations

import uuid

from celery import shared_task
from django.utils import timezone

from channels_whatsapp.services import devices, receiving, retention


@shared_task
def receive_entries(*, entry_ids: list[int], token: str, **_: object) -> str:
    """Write acknowledged webhooks into the tenant's rows."""
    n_written = receiving.receive_entries(entry_ids=entry_ids, token=uuid.UUID(token))
    return f"{n_written}/{len(entry_ids)}"


@shared_task
def provision_device(*, device_id: int, **_: object) -> str:
    """Tell the bridge where its events go and how they are signed."""
    return devices.provision_device(device_id=device_id, now=timezone.now()).summary


@shared_task
def clear_old_events(**_: object) -> str:
    """Forget the bodies of old bridge events."""
    return str(retention.clear_old_events(now=timezone.now()))
