"""Celery's doors to Chatwoot."""

from __future__ import annotations

import uuid

from celery import shared_task
from django.utils import timezone

from channels_chatwoot.services import reconciling, watching


@shared_task
def reconcile(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Compare conversations with Chatwoot's; announced by timers (id, token)."""
    return " ".join(
        reconciling.reconcile(timer_id=timer_id, token=uuid.UUID(token))
        for timer_id, token in bells
    )


@shared_task
def watch_inboxes(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Test inboxes, and look for conversations that nobody told of."""
    return " ".join(
        watching.watch_inbox(timer_id=timer_id, token=uuid.UUID(token)) for timer_id, token in bells
    )


@shared_task
def watch_all(**_: object) -> str:
    """Set the timers that are missing; rung every half minute for each tenant."""
    return str(watching.sweep(now=timezone.now()))
