"""Celery's doors to the conversations."""

from __future__ import annotations

import uuid
from typing import Protocol

from celery import shared_task
from django.utils import timezone

from conversations.services import (
    approvals,
    changing,
    experiments,
    file_retention,
    file_work,
    follow_ups,
    ladder,
    lead_sources,
    leads,
    lifecycle,
    memory,
    orchestrator,
    outbox,
    queue,
    takeover,
    telling,
    triggering,
)
from tenants import receiving


class _Work(Protocol):
    def __call__(self, *, timer_id: int, token: uuid.UUID) -> str: ...


@shared_task
def receive_entries(*, entry_ids: list[int], token: str, **_: object) -> str:
    """Write acknowledged webhooks into the tenant's rows."""
    n_written = receiving.receive_entries(entry_ids=entry_ids, token=uuid.UUID(token))
    return f"{n_written}/{len(entry_ids)}"


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


@shared_task
def work_on_files(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Fetch and read the files of messages; announced by timers (id, token)."""
    return _each(file_work.work_on, bells)


@shared_task
def return_assistants(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Bring the assistant back where its time has come."""
    return _each(takeover.return_due, bells)


@shared_task
def escalate(*, bells: list[tuple[int, str]], **_: object) -> str:
    """See whether people have answered in time."""
    return _each(queue.escalate_due, bells)


@shared_task
def decide_drafts(*, bells: list[tuple[int, str]], **_: object) -> str:
    """End the wait for approval."""
    return _each(approvals.decide_due, bells)


@shared_task
def tell_staff(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Send a message to the business's own people."""
    return _each(telling.send, bells)


@shared_task
def send_follow_ups(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Send what people have planned."""
    return _each(follow_ups.send_due, bells)


@shared_task
def change_messages(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Edit or take back messages that were sent."""
    return _each(changing.carry_out, bells)


@shared_task
def count_deliveries(**_: object) -> str:
    """Count what became of messages, and wake lines that sleep; rung for each tenant."""
    return str(ladder.reconcile(now=timezone.now()))


@shared_task
def remember(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Sum conversations up."""
    return _each(memory.remember, bells)


@shared_task
def close_silent(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Close what has been silent for long."""
    return _each(lifecycle.close_due, bells)


@shared_task
def find_silent(**_: object) -> str:
    """Announce what has been silent for long; rung every few minutes for each tenant."""
    return f"announced {lifecycle.sweep()}"


@shared_task
def check_experiments(**_: object) -> str:
    """End the experiments that have shown what they can; rung every 5 minutes for each tenant."""
    return str(experiments.check_running(now=timezone.now()))


@shared_task
def score_leads(**_: object) -> str:
    """Score open leads anew: their points have changed."""
    return f"changed {leads.score_all(now=timezone.now())}"


@shared_task
def clear_incoming_leads(**_: object) -> str:
    """Forget under which keys leads were brought in long ago; rung once a day for each tenant."""
    return f"cleared {lead_sources.clear_old(now=timezone.now())}"


@shared_task
def clear_threads(**_: object) -> str:
    """Forget threads of programs whose time is over; rung every hour for each tenant."""
    return f"cleared {triggering.clear_expired(now=timezone.now())}"


def _each(work: _Work, bells: list[tuple[int, str]]) -> str:
    return " ".join(work(timer_id=timer_id, token=uuid.UUID(token)) for timer_id, token in bells)


@shared_task
def delete_old_files(**_: object) -> str:
    """Delete the files of messages that are older than the tenant keeps them."""
    return str(file_retention.delete_old_files(now=timezone.now()))
