"""Giving an answer again instead of asking a model; chosen by the tenant, off by default."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, Q, Sum

from integrations.llm.types import ChatResult, FinishReason, Usage
from integrations.models import AnswerSaving, SavedAnswer, SavedCall
from integrations.services import prices
from integrations.services.ledger import Caller
from tenants.remembering import Remembered

SWEPT_AT_ONCE = 200
"""Answers past their time that go whenever one is kept."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether answers are given again, and for how many hours."""

    is_on: bool = False
    hours: int = 24


@dataclass(frozen=True, slots=True)
class Saved:
    """What was not asked on some days.

    Args:
        usd: of those whose cost was known.
        n_unknown: how many had none.
    """

    n_calls: int
    usd: Decimal
    n_unknown: int


NOTHING_SAVED = Saved(0, Decimal(0), 0)


def _load() -> Choice:
    row = AnswerSaving.objects.filter(pk=1).values_list("is_on", "hours").first()
    return Choice(*row) if row else Choice()


_choice = Remembered(_load)


def choice() -> Choice:
    """Return what the tenant chose; each turn asks, so it may be a moment late."""
    return _choice.get()


def choose(*, is_on: bool, hours: int) -> list[str]:
    """Keep the choice; switched off, nothing saved is left. Return the names of what changed."""
    with transaction.atomic():
        AnswerSaving.objects.get_or_create(pk=1)
        row = AnswerSaving.objects.select_for_update().get(pk=1)
        given = {"is_on": is_on, "hours": hours}
        changed = [name for name, value in given.items() if getattr(row, name) != value]
        row.is_on, row.hours = is_on, hours
        if changed:
            row.save(update_fields=[*changed, "updated_at"])
        if not is_on:
            SavedAnswer.objects.all().delete()
    return changed


def find(key: str, *, caller: Caller, now: datetime) -> ChatResult | None:
    """Return the answer that is kept under a key, and note that no model was asked for it."""
    row = SavedAnswer.objects.filter(key=key, expires_at__gt=now).first()
    if row is None:
        return None
    SavedCall.objects.create(
        called_at=now,
        provider=row.provider,
        model=row.model,
        agent_uuid=caller.agent_uuid,
        agent_name=caller.agent_name[:80],
        conversation_uuid=caller.conversation_uuid,
        turn_uuid=caller.turn_uuid,
        usd=row.usd,
    )
    return ChatResult(
        text=row.text,
        finish_reason=FinishReason.STOP,
        usage=Usage(0, 0),
        model=row.model,
        provider=row.provider,
        latency_ms=0,
        evidence_refs=tuple(row.evidence_refs),
        saved=True,
    )


def keep(key: str, result: ChatResult, *, caller: Caller, now: datetime) -> None:
    """Keep an answer; of two workers that do the last one's stays, both are good."""
    price = prices.price_of_answer(
        provider=result.provider,
        model=result.model,
        asked=result.asked_model,
        on=caller.day(now),
    )
    row = SavedAnswer(
        key=key,
        text=result.text,
        evidence_refs=list(result.evidence_refs),
        provider=result.provider,
        model=result.model[:120],
        usd=prices.cost_of(usage=result.usage, price=price).usd,
        created_at=now,
        expires_at=now + timedelta(hours=choice().hours),
    )
    old = SavedAnswer.objects.filter(expires_at__lte=now).values("pk")[:SWEPT_AT_ONCE]
    SavedAnswer.objects.filter(pk__in=old).delete()
    changed = ("text", "evidence_refs", "provider", "model", "usd", "created_at", "expires_at")
    SavedAnswer.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["key"], update_fields=changed
    )


def saved_between(first: date, last: date, *, zone: ZoneInfo) -> Saved:
    """Return what was not asked on some days, both ends included."""
    begin = datetime.combine(first, clock_time.min, tzinfo=zone)
    end = datetime.combine(last + timedelta(days=1), clock_time.min, tzinfo=zone)
    sums = SavedCall.objects.filter(called_at__gte=begin, called_at__lt=end).aggregate(
        n=Count("pk"), n_unknown=Count("pk", filter=Q(usd=None)), sum=Sum("usd")
    )
    return Saved(sums["n"], sums["sum"] or Decimal(0), sums["n_unknown"])
