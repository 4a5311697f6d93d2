"""Celery's doors to the WhatsApp channel."""

from __future__ import annotations

import uuid

from celery import shared_task
from django.utils import timezone

from channels_whatsapp.services import (
    asking_again,
    health,
    pairing,
    provisioning,
    retention,
    watching,
)


@shared_task
def provision_device(*, device_id: int, **_: object) -> str:
    """Tell the bridge where its events go and how they are signed."""
    return provisioning.provision_device(device_id=device_id, now=timezone.now()).summary


@shared_task
def pair_device(*, device_id: int, **_: object) -> str:
    """Take an old link away and have the bridge show codes for a new one."""
    pairing.unlink(device_id=device_id, now=timezone.now())
    return provisioning.provision_device(device_id=device_id, now=timezone.now()).summary


@shared_task
def check_device(*, device_id: int, **_: object) -> str:
    """Have a device looked at now."""
    watching.check_device(device_id=device_id, now=timezone.now())
    return "armed"


@shared_task
def watch_devices(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Look at the links of devices."""
    outcomes = [
        watching.watch_device(timer_id=timer_id, token=uuid.UUID(token))
        for timer_id, token in bells
    ]
    return " ".join(outcomes)


@shared_task
def ask_again(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Ask phones for messages that could not be decrypted."""
    outcomes = [
        asking_again.ask(timer_id=timer_id, token=uuid.UUID(token)) for timer_id, token in bells
    ]
    return " ".join(outcomes)


@shared_task
def watch_all(**_: object) -> str:
    """Set the timers of devices that have none; rung every half minute for each tenant."""
    return str(watching.sweep(now=timezone.now()))


@shared_task
def clear_old_events(**_: object) -> str:
    """Forget the bodies of old bridge events."""
    return str(retention.clear_old_events(now=timezone.now()))


@shared_task
def judge_numbers(**_: object) -> str:
    """Judge the health of every number; rung every quarter of an hour for each tenant."""
    return str(health.judge_numbers(now=timezone.now()))
