"""How much a contact has had answered lately, counted by code: no text talks it away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from agents.types import Pace
from conversations.models import Turn

_COUNT = """
select asked.turn_id,
       count(*) filter (where old.started_at > %(now)s - interval '1 minute'),
       count(old.id)
from unnest(%(turns)s::bigint[], %(conversations)s::bigint[]) as asked(turn_id, conversation_id)
join conversations_conversation own on own.id = asked.conversation_id
join conversations_conversation any_of on any_of.contact_id = own.contact_id
     and any_of.channel_account_ref = own.channel_account_ref
join conversations_turn old on old.conversation_id = any_of.id and old.id <> asked.turn_id
     and old.started_at > %(now)s - interval '1 day'
group by asked.turn_id
"""


def paces(turns: Sequence[Turn], *, now: datetime) -> dict[int, Pace]:
    """Return the pace before each of some turns that have just begun; one query.

    Joins the caller's transaction, which holds the locks of the turns' conversations. One contact
    has one open conversation on a device, and every other turn of theirs there has been committed:
    two workers cannot both be the last that is let through.
    """
    found = {turn.pk: Pace() for turn in turns}
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {
                "turns": list(found),
                "conversations": [turn.conversation_id for turn in turns],
                "now": now,
            },
        )
        for turn_id, n_minute, n_day in cursor.fetchall():
            found[turn_id] = Pace(n_minute, n_day)
    return found
