"""Celery's doors to what the tenant has to do with the outside."""

from __future__ import annotations

import uuid

from celery import shared_task
from django.utils import timezone

from integrations.services import budgets, deliveries, http_tools, mcp_servers, notices


@shared_task
def settle_abandoned(**_: object) -> str:
    """Book what callers that died had set aside; rung every minute for each tenant."""
    return f"settled {budgets.settle_abandoned(now=timezone.now())}"


@shared_task
def mail_notices(**_: object) -> str:
    """E-mail the owners what they have not been sent yet; rung by each notice and every minute."""
    return f"mailed {notices.mail_due(now=timezone.now())}"


@shared_task
def deliver(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Deliver what is due at the endpoints that timers (id, token) announce."""
    return " ".join(
        deliveries.run(timer_id=timer_id, token=uuid.UUID(token)) for timer_id, token in bells
    )


@shared_task
def wake_deliveries(**_: object) -> str:
    """Ring for what lost its doorbell; rung every minute for each tenant."""
    return f"woke {deliveries.wake_forgotten(now=timezone.now())}"


@shared_task
def settle_lost_calls(**_: object) -> str:
    """Give up calls of tools whose process died; rung every minute for each tenant."""
    return f"settled {http_tools.settle_lost(now=timezone.now())}"


@shared_task
def look_at_servers(**_: object) -> str:
    """Read what MCP servers have; rung every ten minutes for each tenant."""
    return f"looked {mcp_servers.look_at_due(now=timezone.now())}"


@shared_task
def clear_old_events(**_: object) -> str:
    """Forget events and calls that nobody will ask for again; rung every day for each tenant."""
    now = timezone.now()
    return f"cleared {deliveries.clear_old(now=now) + http_tools.clear_old(now=now)}"
