"""How deliveries go, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q

from integrations.models import Delivery

SPAN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Health:
    """How the deliveries of the last day went, and what waits."""

    n_delivered: int = 0
    n_waiting: int = 0
    n_failed: int = 0


def health(endpoint_ids: Sequence[int], *, now: datetime) -> dict[int, Health]:
    """Return how endpoints fare, by their ids; one query."""
    status = Delivery.Status
    is_recent = Q(created_at__gt=now - SPAN)
    rows = (
        Delivery.objects.filter(endpoint__in=endpoint_ids)
        .filter(is_recent | Q(status=status.PENDING))
        .order_by()
        .values("endpoint")
        .annotate(
            delivered=Count("pk", filter=Q(status=status.DELIVERED)),
            waiting=Count("pk", filter=Q(status=status.PENDING)),
            failed=Count("pk", filter=Q(status=status.FAILED)),
        )
    )
    return {
        row["endpoint"]: Health(row["delivered"], row["waiting"], row["failed"]) for row in rows
    }
