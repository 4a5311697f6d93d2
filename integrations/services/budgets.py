"""Budgets: money is set aside before a call and settled after it, so that none is spent twice.

The marks: from 80 % people are warned, from 95 % the cheaper model answers, at 100 % no model is
asked. The counters are rows; parallel calls queue for them only as long as one update takes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F

from integrations.llm.errors import BudgetExhausted
from integrations.models import Budget, Reservation, Spend
from integrations.services import budget_marks
from integrations.services.budget_marks import NOBODY
from tenants.remembering import Remembered

WARN_PERCENT, CHEAPER_PERCENT = 80, 95

RESERVED_FOR = timedelta(minutes=5)
"""Longer than any call may take. A reservation that is still there then belonged to a process that
died; its call was probably paid for, so it counts as spent."""

SWEEP_BATCH = 500


_active = Remembered(lambda: list(Budget.objects.filter(is_active=True)))
"""The limits of the current schema; what is used of them is always read."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a call is made for; what is None has no budget of its own."""

    agent_uuid: uuid.UUID | None = None
    contact_uuid: uuid.UUID | None = None
    conversation_uuid: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """Money set aside.

    Args:
        reservation: None where no budget watches this call.
        percent: of the tightest budget, with this call, 0 to 100.
        warned: budgets that have just passed a mark that nobody was told of: name -> percent.
    """

    reservation: uuid.UUID | None = None
    percent: int = 0
    warned: tuple[tuple[str, int], ...] = ()

    @property
    def wants_cheaper(self) -> bool:
        """Tell whether the cheaper model is to answer."""
        return self.percent >= CHEAPER_PERCENT


def period_start(budget: Budget, *, now: datetime, timezone: str) -> date:
    """Return the first day of the budget's present period, in the tenant's time zone."""
    today = now.astimezone(ZoneInfo(timezone)).date()
    return today if budget.period == Budget.Period.DAY else today.replace(day=1)


def reserve(
    *, subject: Subject, usd: Decimal | None, now: datetime, timezone: str, n_calls: int = 1
) -> Promise:
    """Set aside what a call will cost at most.

    Args:
        usd: the estimate; None where nobody knows the price: then only calls are counted.
        timezone: IANA name, for where days and months begin.
        n_calls: how many it counts as against a limit of calls; 0 for what is no answer.

    Raises:
        BudgetExhausted: it does not fit into one of the budgets.
    """
    budgets = [one for one in _active.get() if _holds(one, subject)]
    if not budgets:
        return Promise()
    amount = usd or Decimal(0)
    with transaction.atomic():
        spends = _locked(budgets, subject=subject, now=now, timezone=timezone)
        percents = {one.pk: _percent(budget, one, amount, n_calls) for budget, one in spends}
        full = next((both for both in spends if percents[both[1].pk] > 100), None)
        if full is None:
            Spend.objects.filter(pk__in=percents).update(
                reserved_usd=F("reserved_usd") + amount, n_calls=F("n_calls") + n_calls
            )
            kept = Reservation.objects.create(
                spend_ids=list(percents), usd=amount, expires_at=now + RESERVED_FOR
            )
            warned = _mark(spends, percents, now=now)
            return Promise(kept.uuid, max(percents.values()), warned)
    # Raised after the commit: of a budget that was full at once the counter is new, and who is told
    # of its end is kept there.
    budget, spend = full
    is_told = spend.warned_at_percent >= 100
    raise BudgetExhausted(budget.level, spend_id=None if is_told else spend.pk)


def settle(*, reservation: uuid.UUID | None, usd: Decimal | None, n_unused: int = 0) -> None:
    """Book what a call really cost in place of what was set aside; safe to repeat.

    Args:
        usd: None where it is not known; then the estimate counts.
        n_unused: how many of its calls were never made.
    """
    if reservation is None:
        return
    with transaction.atomic():
        held = Reservation.objects.select_for_update().filter(uuid=reservation).first()
        if held is not None:
            _settle(held, spent=held.usd if usd is None else usd, n_unused=n_unused)


def settle_abandoned(*, now: datetime) -> int:
    """Book what callers that died had set aside; return how many there were."""
    with transaction.atomic():
        expired = list(
            Reservation.objects.select_for_update(skip_locked=True)
            .filter(expires_at__lt=now)
            .order_by("pk")[:SWEEP_BATCH]
        )
        _lock({pk for held in expired for pk in held.spend_ids})
        for held in expired:
            _settle(held, spent=held.usd)
    return len(expired)


def _settle(held: Reservation, *, spent: Decimal, n_unused: int = 0) -> None:
    _lock(held.spend_ids)
    Spend.objects.filter(pk__in=held.spend_ids).update(
        reserved_usd=F("reserved_usd") - held.usd,
        spent_usd=F("spent_usd") + spent,
        n_calls=F("n_calls") - n_unused,
    )
    held.delete()


def _lock(spend_ids: Iterable[int]) -> None:
    """Lock counters in the order of their ids, like every other writer: none can block another."""
    list(Spend.objects.select_for_update().filter(pk__in=spend_ids).order_by("pk"))


def _holds(budget: Budget, subject: Subject) -> bool:
    return _subject_of(budget, subject) is not None


def _subject_of(budget: Budget, subject: Subject) -> uuid.UUID | None:
    match budget.level:
        case Budget.Level.TENANT:
            return NOBODY
        case Budget.Level.AGENT:
            return subject.agent_uuid if subject.agent_uuid == budget.agent_uuid else None
        case Budget.Level.CONTACT:
            return subject.contact_uuid
        case _:
            return subject.conversation_uuid


def _locked(
    budgets: Sequence[Budget], *, subject: Subject, now: datetime, timezone: str
) -> list[tuple[Budget, Spend]]:
    """Return the counters of the present period, made where missing, locked in one order."""
    by_id = {budget.pk: budget for budget in budgets}
    starts = {pk: period_start(one, now=now, timezone=timezone) for pk, one in by_id.items()}
    subjects = {pk: _subject_of(one, subject) or NOBODY for pk, one in by_id.items()}
    Spend.objects.bulk_create(
        [Spend(budget_id=pk, subject=subjects[pk], period_start=starts[pk]) for pk in by_id],
        ignore_conflicts=True,
    )
    found = Spend.objects.select_for_update().filter(
        budget_id__in=by_id, subject__in=set(subjects.values()), period_start__in=starts.values()
    )
    return [
        (by_id[spend.budget_id], spend)
        for spend in found.order_by("pk")
        if spend.subject == subjects[spend.budget_id]
        and spend.period_start == starts[spend.budget_id]
    ]


def _percent(budget: Budget, spend: Spend, amount: Decimal, n_more: int) -> int:
    """Return how full a budget is with this call; more than 100 where it does not fit."""
    shares = [Decimal(0)]
    if budget.limit_usd is not None:
        used = spend.spent_usd + spend.reserved_usd
        fits = used + amount <= budget.limit_usd
        share = (used + amount) / budget.limit_usd if budget.limit_usd else Decimal(1)
        shares.append(share if fits and budget.limit_usd else Decimal(2))
    if budget.limit_calls is not None:
        n_calls = spend.n_calls + n_more
        fits = n_calls <= budget.limit_calls
        share = Decimal(n_calls) / budget.limit_calls if budget.limit_calls else Decimal(1)
        shares.append(share if fits and budget.limit_calls else Decimal(2))
    return int(max(shares) * 100)


def _mark(
    spends: Sequence[tuple[Budget, Spend]], percents: Mapping[int, int], *, now: datetime
) -> tuple[tuple[str, int], ...]:
    """Keep which marks were passed, and tell people of the new ones; return them."""
    warned = []
    for budget, spend in spends:
        passed = [mark for mark in (WARN_PERCENT, CHEAPER_PERCENT) if percents[spend.pk] >= mark]
        mark = max(passed, default=0)
        if mark > spend.warned_at_percent:
            Spend.objects.filter(pk=spend.pk).update(warned_at_percent=mark)
            budget_marks.tell_warned(budget=budget, spend=spend, percent=mark, now=now)
            warned.append((str(budget.level), mark))
    return tuple(warned)
