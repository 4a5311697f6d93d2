from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from integrations.services import budgets


@shared_task
def settle_abandoned(**_: object) -> str:
    """Book what callers that died had set aside; rung every minute for each tenant."""
    return f"settled {budgets.settle_abandoned(now=timezone.now())}"
