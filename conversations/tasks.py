"""Celery's doors to the conversations."""

from __future__ import annotations

import uuid

from celery import shared_task

from conversations.services import orchestrator, outbox


@shared_task
def run_turns(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Answer the bursts that timers (id, token) announce."""
    outcomes = orchestrator.run_turns([(timer_id, uuid.UUID(token)) for timer_id, token in bells])
    return " ".join(outcomes)


@shared_task
def send_lines(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Send what the outboxes of conversations hold; announced by timers (id, token)."""
    outcomes = outbox.send_lines([(timer_id, uuid.UUID(token)) for timer_id, token in bells])
    return " ".join(outcomes)
