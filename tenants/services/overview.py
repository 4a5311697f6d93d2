"""How the platform is doing, in numbers that say nothing of what any tenant's contacts write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q
from django.db.models.functions import Coalesce

from tenants.models import InboxEntry, Tenant, Timer


@dataclass(frozen=True)
class TimerLine:
    """The due work of one kind.

    Attributes:
        oldest_due_at: of what is due and not being worked on; None where nothing is.
    """

    kind: str
    n_armed: int
    n_due: int
    n_running: int
    oldest_due_at: datetime | None


@dataclass(frozen=True)
class Platform:
    """The platform at one instant."""

    n_ready: int
    n_creating: int
    n_suspended: int
    n_waiting: int
    oldest_waiting_at: datetime | None
    n_parked: int
    timers: tuple[TimerLine, ...]

    @property
    def oldest_due_at(self) -> datetime | None:
        """When the most overdue work of any kind was due."""
        return min((t.oldest_due_at for t in self.timers if t.oldest_due_at), default=None)


def platform(*, now: datetime) -> Platform:
    """Count the tenants, the inbox and the due work; three queries."""
    tenants = Tenant.objects.exclude(schema_name="public").aggregate(
        ready=Count("pk", filter=Q(status=Tenant.Status.READY)),
        creating=Count("pk", filter=Q(status=Tenant.Status.CREATING)),
        suspended=Count("pk", filter=Q(status=Tenant.Status.SUSPENDED)),
    )
    waiting = Q(done_at=None, parked_reason="")
    inbox = InboxEntry.objects.filter(done_at=None).aggregate(
        waiting=Count("pk", filter=waiting),
        oldest=Min(Coalesce("tried_again_at", "received_at"), filter=waiting),
        parked=Count("pk", filter=~Q(parked_reason="")),
    )
    is_free = Q(lease_until=None) | Q(lease_until__lte=now)
    is_due = Q(due_at__lte=now) & is_free
    lines = (
        Timer.objects.values("kind")
        .annotate(
            armed=Count("pk"),
            due=Count("pk", filter=is_due),
            running=Count("pk", filter=Q(lease_until__gt=now)),
            oldest=Min("due_at", filter=is_due),
        )
        .order_by("kind")
    )
    return Platform(
        n_ready=tenants["ready"],
        n_creating=tenants["creating"],
        n_suspended=tenants["suspended"],
        n_waiting=inbox["waiting"],
        oldest_waiting_at=inbox["oldest"],
        n_parked=inbox["parked"],
        timers=tuple(
            TimerLine(
                kind=line["kind"],
                n_armed=line["armed"],
                n_due=line["due"],
                n_running=line["running"],
                oldest_due_at=line["oldest"],
            )
            for line in lines
        ),
    )
