"""How often the rules of the veto point were applied to each number, by day."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date

from django.db import connection


def read(ref: uuid.UUID, *, since: date) -> list[tuple[str, int, int]]:
    """Return by rule how often messages of a number waited for it, and were not sent."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select reason, sum(n_waited), sum(n_refused) from conversations_vetocount"
            " where channel_account_ref = %s and day >= %s"
            " group by reason order by sum(n_waited) + sum(n_refused) desc, reason",
            [ref, since],
        )
        found = cursor.fetchall()
    return [(code, int(n_waited), int(n_refused)) for code, n_waited, n_refused in found]


def write(counted: Mapping[tuple[uuid.UUID, str, bool], int], *, day: date) -> None:
    """Add to a day's counts, by number, rule and whether it refused; joins a transaction."""
    rows = sorted(counted.items(), key=lambda row: (row[0][0], row[0][1], row[0][2]))
    with connection.cursor() as cursor:
        for (ref, rule, is_refused), n in rows:
            cursor.execute(
                """
                insert into conversations_vetocount as old
                    (channel_account_ref, day, reason, n_waited, n_refused)
                values (%s, %s, %s, %s, %s)
                on conflict (channel_account_ref, day, reason) do update
                    set n_waited = old.n_waited + excluded.n_waited,
                        n_refused = old.n_refused + excluded.n_refused
                """,
                [ref, day, str(rule), 0 if is_refused else n, n if is_refused else 0],
            )
