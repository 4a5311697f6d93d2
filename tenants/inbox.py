"""The inbox: webhooks that were acknowledged and not yet written into their tenant's schema."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from tenants import owners
from tenants.audit.record import record

LEASE_S = 5
"""How long a claimed batch may take, in seconds, before another worker gets it; three times as
long after each try that failed, so that a trouble of three minutes parks nothing."""

MAX_CLAIMED = 2000
"""How many entries may be claimed at once, over all tenants: enough for every worker thread, and a
bound on the doorbells that gather in the broker while no worker runs."""

MAX_ATTEMPTS = 5
"""An entry that killed or failed its worker this often is parked, so that the others go on."""

KEEP_DONE_MINUTES = 15
"""How long the key of a written entry answers repeats as duplicates. The bridge repeats for 7.5
minutes; doubling this doubles the table, halving it would let late repeats through to the tenant,
where they are recognised too, only later."""

RECEIVE_SQL = """
    insert into public.tenants_inboxentry (route_id, schema_name, dedup_key, line, encoding, body)
    select * from unnest(%b::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %b::bytea[])
    on conflict (route_id, dedup_key) do nothing
    returning route_id, dedup_key
"""
"""Stores a group of webhooks in one statement; returns the keys of those that are new. The bodies
go in binary form: escaping them as text would be the door's largest cost."""


@dataclass(frozen=True)
class Batch:
    """Claimed entries of one tenant."""

    schema_name: str
    entry_ids: list[int]
    token: uuid.UUID


@dataclass(frozen=True)
class Held:
    """Entries that a worker has begun: the token that holds them, and id -> line, in order."""

    token: uuid.UUID
    lines: dict[int, str]


@dataclass(frozen=True)
class Entry:
    """One webhook to be written into its tenant's schema."""

    entry_id: int
    channel_kind: str
    device_ref: uuid.UUID
    encoding: str
    body: bytes
    received_at: datetime


def _rows(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def claim_batches(*, limit: int, per_batch: int) -> list[Batch]:
    """Lease waiting entries, those of each tenant's head of the line first, grouped by tenant.

    A claim is no attempt: a broker or the workers may be away for long, and nothing is parked for
    that. What was tried before comes alone, so that it harms no other entry of its batch.

    Nothing overtakes within a line: while an entry is held by a worker, perhaps a dead one, or has
    to be tried again, those behind it wait. Those of a line come in one batch, in order. One that
    was parked meets others of its line under way, and waits for them: two at a time have no order.

    Args:
        limit: how many entries to claim now at most.
        per_batch: how many entries one task gets at most.
    """
    token = uuid.uuid4()
    with transaction.atomic():
        # Of two dispatchers one claims: the other would pass over what the first is locking.
        if not _rows("select pg_try_advisory_xact_lock(hashtext('inbox'))", {})[0][0]:
            return []
        rows = _claim(token=token, limit=limit)
    batches: list[Batch] = []
    filling: dict[str, Batch] = {}
    of_line: dict[tuple[int, str], Batch] = {}
    for schema_name, entry_id, n_attempts, route_id, line in sorted(rows):
        batch = of_line.get((route_id, line)) if line else None
        if batch is None and not n_attempts:
            batch = filling.get(schema_name)
            batch = batch if batch is not None and len(batch.entry_ids) < per_batch else None
        if batch is None:
            batch = Batch(schema_name, [], token)
            batches.append(batch)
            if not n_attempts:
                filling[schema_name] = batch
        batch.entry_ids.append(entry_id)
        of_line[route_id, line] = batch
    return batches


def _claim(*, token: uuid.UUID, limit: int) -> list[tuple[Any, ...]]:
    return _rows(
        """
        with claimed as (
            select count(*) as n from public.tenants_inboxentry
            where done_at is null and parked_reason = '' and lease_until > clock_timestamp()
                -- What is only kept back until its next try is no doorbell.
                and lease_until <= clock_timestamp() + make_interval(secs => %(lease)s)
        ), head as (
            select id, schema_name, n_attempts, route_id,
                case when line = '' then id::text else line end as line,
                coalesce(lease_until > clock_timestamp(), false) as is_held
            from public.tenants_inboxentry where done_at is null and parked_reason = ''
            order by id limit 20000
        ), lined_up as (
            select id, schema_name, n_attempts, is_held,
                bool_or(is_held) over (partition by route_id, line) or coalesce(
                    bool_or(n_attempts > 0) over (
                        partition by route_id, line order by id
                        rows between unbounded preceding and 1 preceding
                    ), false) as must_wait
            from head
        ), waiting as (
            select id, row_number() over (partition by schema_name order by id) as place
            from lined_up where not is_held and not must_wait
                and n_attempts < %(most)s -- else the clean-up would never find its lease expired
        ), locked as (
            select e.id from public.tenants_inboxentry e
            join (
                select id from waiting order by place, id
                limit least(%(limit)s, greatest(0, %(max)s - (select n from claimed)))
            ) chosen using (id)
            where e.done_at is null
                and (e.lease_until is null or e.lease_until <= clock_timestamp())
            for update of e skip locked
        )
        update public.tenants_inboxentry e
        set lease_token = %(token)s,
            lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
        from locked where e.id = locked.id
        returning e.schema_name, e.id, e.n_attempts, e.route_id, e.line
        """,
        {
            "limit": limit,
            "token": token,
            "lease": LEASE_S,
            "max": MAX_CLAIMED,
            "most": MAX_ATTEMPTS,
        },
    )


def put(*, device_ref: uuid.UUID, entries: Sequence[tuple[str, str, bytes]]) -> int:
    """Add what did not come through the door: (dedup key, line, JSON body); return how many.

    Joins the caller's transaction. What waits already under its key is not counted as added.
    """
    rows = _rows(
        """
        insert into public.tenants_inboxentry
            (route_id, schema_name, dedup_key, line, encoding, body)
        select r.id, r.schema_name, given.key, given.line, 'json', given.body
        from public.tenants_inboundroute r, unnest(%(keys)s::text[], %(lines)s::text[],
            %(bodies)s::bytea[]) with ordinality as given(key, line, body, place)
        where r.device_ref = %(device)s
        order by place
        on conflict (route_id, dedup_key) do nothing
        returning id
        """,
        {
            "device": device_ref,
            "keys": [key for key, _, _ in entries],
            "lines": [line for _, line, _ in entries],
            "bodies": [body for _, _, body in entries],
        },
    )
    return len(rows)


def release(batch: Batch) -> None:
    """Give a claim back that could not be rung."""
    _rows(
        "update public.tenants_inboxentry set lease_token = null, lease_until = null"
        " where id = any(%(ids)s) and lease_token = %(token)s returning id",
        {"ids": batch.entry_ids, "token": batch.token},
    )


def begin(*, entry_ids: Sequence[int], token: uuid.UUID) -> Held | None:
    """Take the work that a doorbell announces; None when it is no longer this doorbell's.

    The attempt is counted here, before the work, so that work that kills its worker is counted too.
    """
    own = owners.new_token()
    rows = _rows(
        """
        update public.tenants_inboxentry
        set lease_token = %(own)s, n_attempts = least(n_attempts + 1, 1000),
            lease_until = clock_timestamp()
                + make_interval(secs => %(lease)s * 3 ^ least(n_attempts, 3))
        where id = any(%(ids)s) and lease_token = %(token)s and done_at is null
        returning id, line
        """,
        {"ids": list(entry_ids), "token": token, "own": own, "lease": LEASE_S},
    )
    return Held(own, dict(sorted(rows))) if rows else None


def lock_entry(*, entry_id: int, token: uuid.UUID) -> Entry | None:
    """Lock an entry that was begun until the transaction ends; None if it is another's now."""
    rows = _rows(
        """
        select e.id, r.channel_kind, r.device_ref, e.encoding, e.body, e.received_at
        from public.tenants_inboxentry e join public.tenants_inboundroute r on r.id = e.route_id
        where e.id = %(id)s and e.lease_token = %(token)s and e.done_at is null
        for update of e
        """,
        {"id": entry_id, "token": token},
    )
    if not rows:
        return None
    row = rows[0]
    return Entry(row[0], row[1], row[2], row[3], bytes(row[4]), row[5])


def mark_done(*, entry_id: int) -> None:
    """Clear the entry in the caller's transaction, which wrote what it held."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update public.tenants_inboxentry set done_at = clock_timestamp(), body = ''::bytea,"
            " lease_token = null, lease_until = null where id = %s",
            [entry_id],
        )


def park(*, entry_id: int, token: uuid.UUID, reason: str) -> None:
    """Set aside at once what no other try could write."""
    _rows(
        """
        update public.tenants_inboxentry
        set parked_reason = %(reason)s, lease_token = null, lease_until = null
        where id = %(id)s and lease_token = %(token)s and done_at is null
        returning id
        """,
        {"id": entry_id, "token": token, "reason": reason[:200]},
    )


def park_hopeless() -> int:
    """Set aside what failed too often, and return how many; staff see them on the public site."""
    rows = _rows(
        """
        update public.tenants_inboxentry
        set parked_reason = 'failed ' || n_attempts || ' times', lease_token = null,
            lease_until = null
        where done_at is null and parked_reason = '' and n_attempts >= %(max)s
            and (lease_until is null or lease_until <= clock_timestamp())
        returning id
        """,
        {"max": MAX_ATTEMPTS},
    )
    return len(rows)


def try_again(*, entry_ids: Sequence[int], actor: str) -> int:
    """Let parked entries wait as if they had just come; return how many were parked.

    They keep their places: of a line the older one is written first. What was written or is waiting
    is left as it is, so that two who ask at once change nothing twice.

    Args:
        actor: a user name.
    """
    with transaction.atomic():
        rows = _rows(
            """
            update public.tenants_inboxentry
            set parked_reason = '', n_attempts = 0, lease_token = null, lease_until = null,
                tried_again_at = clock_timestamp()
            where id = any(%(ids)s) and parked_reason <> '' and done_at is null
            returning schema_name, id
            """,
            {"ids": list(entry_ids)},
        )
        of_tenant: dict[str, list[int]] = {}
        for schema_name, entry_id in sorted(rows):
            of_tenant.setdefault(schema_name, []).append(entry_id)
        for schema_name, ids in of_tenant.items():
            record(
                action="inbox.tried_again",
                actor=actor,
                target=f"inbox of {schema_name}",
                data={"entries": ids},
            )
    return len(rows)


def purge_done() -> int:
    """Remove the keys of entries that were written long enough ago."""
    rows = _rows(
        "delete from public.tenants_inboxentry where done_at < statement_timestamp()"
        " - make_interval(mins => %(minutes)s) returning id",
        {"minutes": KEEP_DONE_MINUTES},
    )
    return len(rows)


def oldest_waiting_s() -> float:
    """Return for how many seconds the entry waits that waits longest; 0 where none does.

    The time for which one was parked is no waiting: else `/readyz` would turn red for what is tried
    again.
    """
    rows = _rows(
        "select coalesce(extract(epoch from clock_timestamp()"
        " - min(coalesce(tried_again_at, received_at))), 0)"
        " from public.tenants_inboxentry where done_at is null and parked_reason = ''",
        {},
    )
    return float(rows[0][0])
