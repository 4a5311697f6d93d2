"""Timers: rows that say what is due, who works on it, and whether that worker may still commit.

The life of a timer:

1. A service arms it in its own transaction (`arm`).
2. The dispatcher claims it when it is due (`claim_due`) and rings a task with the token. The ring
   may be lost: its short lease runs out and the timer is claimed again.
3. The worker begins (`begin`): it swaps the token for its own, which only one of several workers
   with the same doorbell can do, and `leases.keep` renews the lease while it works. Who has just
   armed a timer may begin it in the same transaction, without a doorbell (`take`).
4. In its last transaction the worker locks the row (`hold`): gone or under another token means
   that the work is somebody else's now, and nothing may be written. A raised generation means that
   the timer was armed again meanwhile.
5. `finish` removes the row, or leaves it armed if it was armed again; `retry` sets a new instant.

The database's clock is the only judge of what is due and which lease has run out.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from tenants import owners
from tenants.context import current_schema

RING_LEASE_S = 4
"""How long a rung doorbell may stay unanswered, in seconds; doubles with each ring up to a minute.
Short, because it bounds the wait after a broker lost its queue; doubling, because a worker pool
with a long queue is not helped by more doorbells."""

TENANT_SHARE = 0.8
"""The part of what may run at once that one tenant may take, so that a tenant whose model or bridge
hangs leaves room for the others."""

WORK_LEASE_S = 6
"""How long a worker that stopped renewing keeps its work, in seconds. Renewed three times in that
span; bounds the wait after a worker was lost with its machine. Of one that was killed `owners`
frees the leases at once."""


@dataclass(frozen=True)
class Doorbell:
    """A claimed timer that is to be rung."""

    timer_id: int
    schema_name: str
    ref: int
    token: uuid.UUID


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a timer; `token` is the fence."""

    timer_id: int
    ref: int
    token: uuid.UUID
    generation: int
    n_attempts: int


def _rows(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def arm(*, kind: str, ref: int, due_at: datetime) -> None:
    """Make `ref` of the current tenant due at `due_at`, replacing an earlier instant.

    Joins the caller's transaction. Safe while a worker holds the timer: it will see the raised
    generation, and the timer stays armed when it is done.
    """
    arm_all(kind=kind, refs=[ref], due_at=due_at)


def arm_all(*, kind: str, refs: Iterable[int], due_at: datetime) -> None:
    """Make several refs of the current tenant due at one instant, as `arm` does."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            insert into public.tenants_timer
                (schema_name, kind, ref, due_at, generation, n_rings, n_attempts)
            select %(schema)s, %(kind)s, ref, %(due_at)s, 0, 0, 0
            from unnest(%(refs)s::bigint[]) as given(ref)
            on conflict (schema_name, kind, ref) do update
                set due_at = excluded.due_at, generation = tenants_timer.generation + 1
            """,
            {
                "schema": current_schema(),
                "kind": kind,
                "refs": sorted(set(refs)),
                "due_at": due_at,
            },
        )


def kinds_due(kinds: Iterable[str]) -> list[str]:
    """Return those of `kinds` of which a timer is due and free, in the order given.

    The dispatcher asks this ten times a second or more and mostly gets nothing: one statement that
    looks into an index is then all, instead of a claim for each kind. What is due is judged by the
    statement's instant, as in `claim_due`: no index can be searched for a clock that moves.
    """
    rows = _rows(
        """
        select kind from unnest(%(kinds)s::text[]) with ordinality as given(kind, place)
        where exists (
            select from public.tenants_timer t
            where t.kind = given.kind and t.due_at <= statement_timestamp()
                and (t.lease_until is null or t.lease_until <= statement_timestamp())
        )
        order by place
        """,
        {"kinds": list(kinds)},
    )
    return [kind for (kind,) in rows]


def due_within(kinds: Iterable[str], *, seconds: float) -> float | None:
    """Return in how many seconds the next free timer of `kinds` becomes due; None for later ones.

    A kind of which one is due and free already says nothing: as many run as may.

    Args:
        seconds: how far it is looked ahead.
    """
    rows = _rows(
        """
        select extract(epoch from min(next.due_at) - clock_timestamp())
        from unnest(%(kinds)s::text[]) as given(kind) cross join lateral (
            select t.due_at from public.tenants_timer t
            where t.kind = given.kind
                and t.due_at <= statement_timestamp() + make_interval(secs => %(seconds)s)
                and (t.lease_until is null or t.lease_until <= statement_timestamp())
            order by t.due_at limit 1
        ) next
        where next.due_at > statement_timestamp()
        """,
        {"kinds": list(kinds), "seconds": seconds},
    )
    return None if rows[0][0] is None else max(0.0, float(rows[0][0]))


def claim_due(*, kind: str, max_running: int, limit: int) -> list[Doorbell]:
    """Lease due timers of `kind` for ringing, those of the least busy tenants first.

    Args:
        max_running: how many timers of this kind may be leased at once, over all tenants.
        limit: how many to claim now at most.
    """
    rows = _rows(
        """
        with running as (
            select schema_name, count(*) as n
            from public.tenants_timer
            where kind = %(kind)s and lease_until > statement_timestamp()
            group by schema_name
        ), due as (
            select id, due_at, coalesce(n, 0)
                + row_number() over (partition by schema_name order by due_at, id) as place
            from public.tenants_timer left join running using (schema_name)
            where kind = %(kind)s and due_at <= statement_timestamp()
                and (lease_until is null or lease_until <= statement_timestamp())
        ), chosen as (
            select id from due where place <= ceil(%(max)s * %(share)s)
            order by place, due_at
            limit least(%(limit)s,
                        greatest(0, %(max)s - (select coalesce(sum(n), 0) from running)))
        ), locked as (
            select t.id from public.tenants_timer t join chosen using (id)
            where t.due_at <= statement_timestamp()
                and (t.lease_until is null or t.lease_until <= statement_timestamp())
            for update of t skip locked
        )
        update public.tenants_timer t
        set lease_token = gen_random_uuid(),
            lease_until = clock_timestamp()
                + make_interval(secs => least(60, %(ring)s * power(2, least(t.n_rings, 8)))),
            n_rings = least(t.n_rings + 1, 1000)
        from locked where t.id = locked.id
        returning t.id, t.schema_name, t.ref, t.lease_token
        """,
        {
            "kind": kind,
            "limit": limit,
            "max": max_running,
            "ring": RING_LEASE_S,
            "share": TENANT_SHARE,
        },
    )
    return [Doorbell(*row) for row in rows]


def release(bells: Sequence[Doorbell]) -> None:
    """Give claims back that could not be rung, as if they had never been made."""
    _rows(
        """
        update public.tenants_timer t
        set lease_token = null, lease_until = null, n_rings = greatest(t.n_rings - 1, 0)
        from unnest(%(ids)s::bigint[], %(tokens)s::uuid[]) as held(id, token)
        where t.id = held.id and t.lease_token = held.token
        returning t.id
        """,
        {"ids": [bell.timer_id for bell in bells], "tokens": [bell.token for bell in bells]},
    )


def begin(bells: Sequence[tuple[int, uuid.UUID]]) -> list[Claim]:
    """Take the work that doorbells (timer id, token) announce; what is not theirs now is left out.

    The attempt is counted here, before the work, so that work that kills its worker is counted too.
    """
    rows = _rows(
        """
        update public.tenants_timer t
        set lease_token = rung.own, n_attempts = n_attempts + 1, n_rings = 0,
            lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
        from unnest(%(ids)s::bigint[], %(tokens)s::uuid[], %(own)s::uuid[])
            as rung(id, token, own)
        where t.id = rung.id and t.lease_token = rung.token
        returning t.id, t.ref, t.lease_token, t.generation, t.n_attempts
        """,
        {
            "ids": [timer_id for timer_id, _ in bells],
            "tokens": [token for _, token in bells],
            "own": [owners.new_token() for _ in bells],
            "lease": WORK_LEASE_S,
        },
    )
    return [Claim(*row) for row in rows]


def take(*, kind: str, refs: Sequence[int]) -> list[Claim]:
    """Begin timers of the current tenant that are due and that nobody holds, without a doorbell.

    Joins the caller's transaction, which has just armed them: the dispatcher never sees them free,
    and finds them like any other if this worker dies.
    """
    rows = _rows(
        """
        update public.tenants_timer t
        set lease_token = given.own, n_attempts = n_attempts + 1, n_rings = 0,
            lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
        from unnest(%(refs)s::bigint[], %(own)s::uuid[]) as given(ref, own)
        where t.schema_name = %(schema)s and t.kind = %(kind)s and t.ref = given.ref
            and t.lease_token is null and t.due_at <= clock_timestamp()
        returning t.id, t.ref, t.lease_token, t.generation, t.n_attempts
        """,
        {
            "schema": current_schema(),
            "kind": kind,
            "refs": list(refs),
            "own": [owners.new_token() for _ in refs],
            "lease": WORK_LEASE_S,
        },
    )
    return [Claim(*row) for row in rows]


def renew(tokens: dict[int, uuid.UUID]) -> None:
    """Prolong the leases held under `tokens` (timer id -> token).

    A row that is locked is passed over until the next round: to wait for it while others are held
    could be a deadlock with a transaction that commits several.
    """
    _rows(
        """
        update public.tenants_timer t
        set lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
        from (
            select id from public.tenants_timer
            join unnest(%(ids)s::bigint[], %(tokens)s::uuid[]) as held(id, token) using (id)
            where lease_token = token
            for update skip locked
        ) as mine
        where t.id = mine.id
        returning t.id
        """,
        {"ids": list(tokens), "tokens": list(tokens.values()), "lease": WORK_LEASE_S},
    )


class LeaseLost(Exception):
    """Another worker has taken this work over; nothing may be written for it."""


def hold(claim: Claim) -> bool:
    """Lock the timer until the open transaction ends; True when it was armed again meanwhile.

    Raises:
        LeaseLost: the work is another worker's now.
    """
    held = hold_all([claim])
    if not held:
        raise LeaseLost
    return held[claim]


def hold_all(claims: Sequence[Claim]) -> dict[Claim, bool]:
    """Lock the timers as `hold` does; what is another worker's now is left out."""
    rows = _rows(
        """
        select id, generation from public.tenants_timer
        join unnest(%(ids)s::bigint[], %(tokens)s::uuid[]) as held(id, token) using (id)
        where lease_token = token order by id for update of tenants_timer
        """,
        {
            "ids": [claim.timer_id for claim in claims],
            "tokens": [claim.token for claim in claims],
        },
    )
    generations = dict(rows)
    return {
        claim: generations[claim.timer_id] != claim.generation
        for claim in claims
        if claim.timer_id in generations
    }


def finish(*claims: Claim) -> None:
    """Give work back as done, in the caller's transaction; a timer armed again stays armed."""
    _rows(
        """
        with held as (
            select * from unnest(%(ids)s::bigint[], %(tokens)s::uuid[], %(generations)s::int[])
                as held(id, token, generation)
        ), gone as (
            delete from public.tenants_timer t using held
            where t.id = held.id and t.lease_token = held.token and t.generation = held.generation
        )
        update public.tenants_timer t
        set lease_token = null, lease_until = null, n_attempts = 0
        from held
        where t.id = held.id and t.lease_token = held.token and t.generation <> held.generation
        returning t.id
        """,
        {
            "ids": [claim.timer_id for claim in claims],
            "tokens": [claim.token for claim in claims],
            "generations": [claim.generation for claim in claims],
        },
    )


def retry(claim: Claim, *, due_at: datetime, is_counted: bool = True) -> None:
    """Give the work back as not done, to be tried at `due_at`; the attempts stay counted.

    Args:
        is_counted: False where this one only looked, and did not try.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "update public.tenants_timer set lease_token = null, lease_until = null,"
            " due_at = %(due_at)s, n_attempts = n_attempts - %(n_uncounted)s"
            " where id = %(id)s and lease_token = %(token)s",
            {
                "id": claim.timer_id,
                "token": claim.token,
                "due_at": due_at,
                "n_uncounted": 0 if is_counted else 1,
            },
        )


def postpone(*, kind: str, ref: int, due_at: datetime) -> None:
    """Move an armed timer that nobody works on; what is running or gone stays as it is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update public.tenants_timer set due_at = %(due_at)s where schema_name = %(schema)s"
            " and kind = %(kind)s and ref = %(ref)s and lease_token is null",
            {"schema": current_schema(), "kind": kind, "ref": ref, "due_at": due_at},
        )


def hasten(*, kind: str, refs: Sequence[int], due_at: datetime) -> None:
    """Bring armed timers forward that nobody works on; waits for none that is locked.

    Not armed again: whoever works on one looks for itself, and loses nothing by it.
    """
    _rows(
        """
        update public.tenants_timer t set due_at = %(due_at)s
        from (
            select id from public.tenants_timer
            where schema_name = %(schema)s and kind = %(kind)s and ref = any(%(refs)s::bigint[])
                and lease_token is null and due_at > %(due_at)s
            for update skip locked
        ) as waiting
        where t.id = waiting.id
        returning t.id
        """,
        {"schema": current_schema(), "kind": kind, "refs": list(refs), "due_at": due_at},
    )


def alive(*, kind: str, tokens: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Return those tokens of the current tenant under which a worker that lives holds a timer."""
    rows = _rows(
        """
        select lease_token from public.tenants_timer
        where schema_name = %(schema)s and kind = %(kind)s and lease_until > clock_timestamp()
            and lease_token = any(%(tokens)s::uuid[])
        """,
        {"schema": current_schema(), "kind": kind, "tokens": list(tokens)},
    )
    return {token for (token,) in rows}
