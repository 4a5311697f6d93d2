"""Telling contacts that people are away, each once in a closed period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from agents.types import NeedsHuman, RunOutcome
from conversations.models import AwayNotice


def texts(outcomes: Sequence[tuple[int, RunOutcome]], *, now: datetime) -> list[str]:
    """Return what is said for each outcome, given with its contact's id.

    Joins the transaction that writes the replies: of two that tell the same contact, the later one
    waits for the earlier to commit, and then says what is said to whom knows it already.
    """
    wanted = sorted(
        {
            (contact_id, outcome.away.period)
            for contact_id, outcome in outcomes
            if isinstance(outcome, NeedsHuman) and outcome.away is not None
        }
    )
    untold = _claim(wanted, now=now) if wanted else set()
    said = []
    for contact_id, outcome in outcomes:
        text = outcome.text
        if isinstance(outcome, NeedsHuman) and outcome.away is not None:
            key = (contact_id, outcome.away.period)
            if key in untold:  # the first of several conversations of one contact
                untold.remove(key)
                text = outcome.away.text
        said.append(text)
    return said


def _claim(wanted: Sequence[tuple[int, str]], *, now: datetime) -> set[tuple[int, str]]:
    """Note who is told now; return those who were not told before.

    In order of the contacts, so that two transactions with the same ones do not wait in a circle.
    """
    table = connection.ops.quote_name(AwayNotice._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into {table} (contact_id, period, told_at)"  # noqa: S608 - a name of ours
            " select contact, period, %s from unnest(%s::bigint[], %s::text[])"
            " as given(contact, period) order by contact, period"
            " on conflict (contact_id, period) do nothing returning contact_id, period",
            [now, [contact for contact, _ in wanted], [period for _, period in wanted]],
        )
        return set(cursor.fetchall())
