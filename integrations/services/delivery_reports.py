"""How deliveries go, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, OuterRef, Q

from integrations.models import Delivery, DeliveryAttempt

SPAN = timedelta(days=1)

LONGEST = timedelta(days=5)
"""How long after an event it may be delivered or given up: its tries take up to four days."""


@dataclass(frozen=True, slots=True)
class Health:
    """What was delivered and given up in the last day, whenever it happened, and what waits."""

    n_delivered: int = 0
    n_waiting: int = 0
    n_failed: int = 0


def health(endpoint_ids: Sequence[int], *, now: datetime) -> dict[int, Health]:
    """Return how endpoints fare, by their ids; one query."""
    status = Delivery.Status
    # By its last try: what is given up now happened days ago.
    is_tried = Exists(
        DeliveryAttempt.objects.filter(delivery=OuterRef("pk"), attempted_at__gt=now - SPAN)
    )
    rows = (
        Delivery.objects.filter(endpoint__in=endpoint_ids)
        .filter(Q(created_at__gt=now - SPAN - LONGEST) | Q(status=status.PENDING))
        .order_by()
        .values("endpoint")
        .annotate(
            delivered=Count("pk", filter=Q(delivered_at__gt=now - SPAN)),
            waiting=Count("pk", filter=Q(status=status.PENDING)),
            failed=Count("pk", filter=Q(status=status.FAILED) & Q(is_tried)),
        )
    )
    return {
        row["endpoint"]: Health(row["delivered"], row["waiting"], row["failed"]) for row in rows
    }
