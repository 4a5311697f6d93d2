"""Background work of the API."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from tenants.api import idempotency, tokens


@shared_task
def clear_old(**_: object) -> str:
    """Remove logins that have expired and answers that are not repeated any more."""
    now = timezone.now()
    return f"{tokens.clear_old(now=now)} logins, {idempotency.clear_old(now=now)} answers"
