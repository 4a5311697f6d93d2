"""Celery's doors to the conversations."""

from __future__ import annotations

import uuid

from celery import shared_task

from conversations.services import orchestrator, outbox


@shared_task
def run_turn(*, timer_id: int, token: str, **_: object) -> str:
    """Answer the burst that a timer announces."""
    return orchestrator.run_turn(timer_id=timer_id, token=uuid.UUID(token)).value


@shared_task
def send_next(*, timer_id: int, token: str, **_: object) -> str:
    """Send what one conversation's outbox holds."""
    return outbox.send_next(timer_id=timer_id, token=uuid.UUID(token)).value
