"""What is paused after failures, for people: who, since when, why, and trying again at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from integrations.models import Breaker, Credential


@dataclass(frozen=True, slots=True)
class Pause:
    """A model that is not asked for a while.

    Args:
        reason: the last failure, as the adapter told it.
    """

    breaker_id: int
    provider: str
    model: str
    reason: str
    opened_at: datetime | None
    retry_at: datetime | None


def paused() -> list[Pause]:
    """Return what is paused now, the longest pause first; one query."""
    found = Breaker.objects.filter(state=Breaker.State.OPEN).order_by("opened_at", "pk")[:50]
    return [
        Pause(
            breaker_id=one.pk,
            provider=one.provider,
            model=one.model,
            reason=one.reason,
            opened_at=one.opened_at,
            retry_at=one.retry_at,
        )
        for one in found
    ]


def credential_names(refs: Iterable[str]) -> dict[str, str]:
    """Return the names of credentials by their UUIDs as text; what is none of them is left out."""
    known = {ref for ref in refs if ref}
    found = Credential.objects.filter(uuid__in=known).values_list("uuid", "name")
    return {str(ref): name for ref, name in found}


def try_now(*, breaker_id: int, now: datetime) -> bool:
    """Let the next call through instead of at the end of the pause; False where nothing waits."""
    return _let_through(Breaker.objects.filter(pk=breaker_id), now=now) > 0


def try_now_with(*, credential: str, now: datetime) -> int:
    """Do the same for everything that was paused with a key; return how much."""
    return _let_through(Breaker.objects.filter(credential=credential), now=now)


def _let_through(breakers: QuerySet[Breaker], *, now: datetime) -> int:
    # A pause that has ended stays as it is: a probe may be under way, and one is enough.
    return breakers.filter(state=Breaker.State.OPEN, retry_at__gt=now).update(
        retry_at=now, changed_at=now
    )
