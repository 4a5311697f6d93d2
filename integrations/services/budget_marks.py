"""Telling people that a budget has passed a mark, once for each mark and period."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from integrations import payloads
from integrations.models import Budget, Spend
from integrations.services import events, notices

NOBODY = uuid.UUID(int=0)
PAGE = "integrations_budget_changelist"


def tell_warned(*, budget: Budget, spend: Spend, percent: int, now: datetime) -> None:
    """Tell that 80 or 95 % are used; joins the caller's transaction, which keeps the mark."""
    told = payloads.BudgetWarned(
        budget_id=budget.uuid,
        level=budget.level,
        subject_id=_subject(spend),
        period=budget.period,
        percent=percent,
    )
    events.publish(told, occurred_at=now)
    notices.tell(
        kind="budget.warned",
        subject=f"{budget.uuid}:{percent}",
        title=_("A budget is used to %(percent)s%% (%(whose)s)"),
        text=_(
            "From 95%% on the cheaper model answers, and when the budget is used up, approved"
            " answers and people do. Raise the budget if this is too early."
        ),
        values={"percent": percent, "whose": Budget.Level(budget.level).label},
        page=PAGE,
        now=now,
        is_event=True,
    )


def tell_exhausted(*, spend_id: int | None, now: datetime) -> None:
    """Tell that a budget is used up.

    Args:
        spend_id: the counter that was full; None where that was told before.
    """
    if spend_id is None:
        return
    with transaction.atomic():
        # Several calls meet the end at once: who raises the mark tells of it.
        if not Spend.objects.filter(pk=spend_id, warned_at_percent__lt=100).update(
            warned_at_percent=100
        ):
            return
        spend = Spend.objects.select_related("budget").get(pk=spend_id)
        budget = spend.budget
        told = payloads.BudgetExhausted(
            budget_id=budget.uuid,
            level=budget.level,
            subject_id=_subject(spend),
            period=budget.period,
        )
        events.publish(told, occurred_at=now)
        notices.tell(
            kind="budget.exhausted",
            subject=str(budget.uuid),
            title=_("A budget is used up (%(whose)s)"),
            text=_(
                "No model is asked for it any more until its period ends: approved answers and"
                " people take over. Raise the budget to go on."
            ),
            values={"whose": Budget.Level(budget.level).label},
            page=PAGE,
            now=now,
            is_event=True,
        )


def _subject(spend: Spend) -> uuid.UUID | None:
    return None if spend.subject == NOBODY else spend.subject
