"""How deliveries go, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet

from integrations.models import Delivery, DeliveryAttempt

SPAN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Health:
    """What was delivered and given up in the last day, whenever it happened, and what waits."""

    n_delivered: int = 0
    n_waiting: int = 0
    n_failed: int = 0


def health(endpoint_ids: Sequence[int], *, now: datetime) -> dict[int, Health]:
    """Return how endpoints fare, by their ids; two queries."""
    status, since = Delivery.Status, now - SPAN
    # By their calls, of which there is an index: what is given up now happened days ago, and what
    # somebody has sent again may be older than that.
    called = DeliveryAttempt.objects.filter(attempted_at__gt=since).values("delivery")
    counts = _of(endpoint_ids, pk__in=called).annotate(
        delivered=Count("pk", filter=Q(delivered_at__gt=since)),
        failed=Count("pk", filter=Q(status=status.FAILED)),
    )
    ended = {row["endpoint"]: row for row in counts}
    pending = _of(endpoint_ids, status=status.PENDING).annotate(n=Count("pk"))
    waiting = {row["endpoint"]: row["n"] for row in pending}
    none = {"delivered": 0, "failed": 0}
    return {
        one: Health(
            n_delivered=ended.get(one, none)["delivered"],
            n_waiting=waiting.get(one, 0),
            n_failed=ended.get(one, none)["failed"],
        )
        for one in endpoint_ids
    }


def _of(endpoint_ids: Sequence[int], **wanted: Any) -> QuerySet[Delivery, Any]:
    found = Delivery.objects.filter(endpoint__in=endpoint_ids, **wanted)
    return found.order_by().values("endpoint")
