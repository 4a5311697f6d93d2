"""How full the budgets are now, for people."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import connection

from integrations.models import Budget
from integrations.services import subjects
from integrations.services.budgets import WARN_PERCENT

_FULLEST = """
with used as (
    select s.budget_id, s.subject, s.spent_usd, s.reserved_usd, s.n_calls,
        coalesce(greatest(
            case when b.limit_usd > 0 then (s.spent_usd + s.reserved_usd) / b.limit_usd
                 when b.limit_usd = 0 then 1 end,
            case when b.limit_calls > 0 then s.n_calls::numeric / b.limit_calls
                 when b.limit_calls = 0 then 1 end
        ), 0) as share
    from integrations_spend s join integrations_budget b on b.id = s.budget_id
    where s.period_start = case b.period when 'day' then %(day)s::date else %(month)s::date end
)
select distinct on (budget_id) budget_id, subject, spent_usd, reserved_usd, n_calls, share,
    count(*) over (partition by budget_id),
    count(*) filter (where share >= %(warn)s) over (partition by budget_id),
    count(*) filter (where share >= 1) over (partition by budget_id)
from used order by budget_id, share desc, subject
"""


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a budget is used in its present period.

    A budget for each contact or conversation is as full as the one that used most.

    Args:
        subject: the fullest one; None where nothing was used yet.
        n_subjects: how many used anything; one at most for the business and for an agent.
        n_warned: how many of them are at 80 % or more.
        n_full: how many of them may not ask a model any more.
    """

    budget: Budget
    percent: int = 0
    spent_usd: Decimal = Decimal(0)
    reserved_usd: Decimal = Decimal(0)
    n_calls: int = 0
    subject: uuid.UUID | None = None
    n_subjects: int = 0
    n_warned: int = 0
    n_full: int = 0

    @property
    def used_usd(self) -> Decimal:
        """Return what is spent or promised."""
        return self.spent_usd + self.reserved_usd


def uses(*, now: datetime, timezone: str) -> dict[int, Use]:
    """Return how full each budget is, by its id; two queries.

    Args:
        timezone: IANA name, for where days and months begin.
    """
    today = now.astimezone(ZoneInfo(timezone)).date()
    budgets = {one.pk: one for one in Budget.objects.order_by("pk")}
    if not budgets:
        return {}
    found = {pk: Use(one, percent=_when_unused(one)) for pk, one in budgets.items()}
    with connection.cursor() as cursor:
        cursor.execute(
            _FULLEST,
            {"day": today, "month": today.replace(day=1), "warn": Decimal(WARN_PERCENT) / 100},
        )
        for pk, subject, spent, reserved, n_calls, share, n_all, n_warned, n_full in cursor:
            if pk in budgets:
                found[pk] = Use(
                    budget=budgets[pk],
                    percent=int(share * 100),
                    spent_usd=spent,
                    reserved_usd=reserved,
                    n_calls=n_calls,
                    subject=subject,
                    n_subjects=n_all,
                    n_warned=n_warned,
                    n_full=n_full,
                )
    return found


def nearly_used(*, now: datetime, timezone: str) -> list[Use]:
    """Return the active budgets that are at 80 % or more, the fullest first."""
    found = uses(now=now, timezone=timezone).values()
    near = [one for one in found if one.budget.is_active and one.percent >= WARN_PERCENT]
    return sorted(near, key=lambda one: (-one.percent, one.budget.pk))


def whose(budget: Budget, *, agents: Mapping[uuid.UUID, str]) -> str:
    """Return whom a budget is for, with its period: an agent by its name, all else by its level.

    Args:
        agents: their names; see `agent_names`.
    """
    name = agents.get(budget.agent_uuid) if budget.agent_uuid else None
    return f"{name or budget.get_level_display()}, {budget.get_period_display()}"


def agent_names(budgets: Iterable[Budget]) -> dict[uuid.UUID, str]:
    """Return the names of the agents that budgets are for; no query where there is none."""
    wanted = {one.agent_uuid for one in budgets if one.agent_uuid is not None}
    if not wanted:
        return {}
    return {one.uuid: one.name for one in subjects.known().agents() if one.uuid in wanted}


def _when_unused(budget: Budget) -> int:
    """Return how full a budget is of which nothing was used: a limit of nothing is reached."""
    return 100 if budget.limit_usd == 0 or budget.limit_calls == 0 else 0
