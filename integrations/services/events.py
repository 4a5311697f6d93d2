"""Telling the tenant's own systems what happened: the row first, the doorbell after the commit.

Most tenants have no endpoint, and a turn must not pay for that: a process remembers for `FRESH_S`
who listens, and where nobody does, nothing is asked and nothing is written.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from django.db import connection, transaction
from django_tenants.utils import schema_context

from integrations.models import Event, WebhookEndpoint
from integrations.payloads import Payload
from tenants import timers
from tenants.context import current_schema, database_now

TIMER = "delivery"
"""The kind of the timers that deliver; each stands for an endpoint."""

FRESH_S = 10.0
"""How long a process believes what it read of the endpoints, in seconds: so late a new endpoint
hears its first event from a process that has just looked."""

MAX_BODY = 20_000
"""Bytes of a body at most. Source: Standard Webhooks, "Payload size"."""

_Listeners = dict[str, tuple[int, ...]]  # type of event -> ids of endpoints

_known: dict[str, tuple[float, _Listeners]] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing to tell.

    Args:
        conversation_uuid: gives the event its place among those of that conversation, whose lock
            the caller holds like all who write to it; None where no conversation is concerned.
    """

    data: Payload
    occurred_at: datetime
    conversation_uuid: uuid.UUID | None = None


def wanted(*types: str) -> bool:
    """Test whether anybody listens to one of these types; asks nobody while it is remembered."""
    listeners = _listeners()
    return any(one in listeners for one in types)


def publish(
    data: Payload, *, occurred_at: datetime, conversation_uuid: uuid.UUID | None = None
) -> Event | None:
    """Tell one thing; None where nobody listens. Joins the caller's transaction."""
    told = publish_many([Happened(data, occurred_at, conversation_uuid)])
    return told[0] if told else None


def publish_many(happened: Sequence[Happened]) -> list[Event]:
    """Tell several things, in their order, by three statements; return those that are told.

    Joins the caller's transaction. The doorbell is rung when it commits; a sweep rings for a
    process that died before.
    """
    listeners = _listeners()
    told = [one for one in happened if one.data.type in listeners]
    if not told:
        return []
    with transaction.atomic(savepoint=False):
        made = _new_events(told)
        pairs = [(one, to) for one in made for to in listeners[one.type]]
        deliver(pairs, now=max(one.occurred_at for one in told))
    return made


def publish_to(endpoint: WebhookEndpoint, data: Payload, *, now: datetime) -> Event:
    """Tell one endpoint something that it need not have asked for."""
    with transaction.atomic(savepoint=False):
        [event] = _new_events([Happened(data, now)])
        deliver([(event, endpoint.pk)], now=now)
    return event


def deliver(pairs: Sequence[tuple[Event, int]], *, now: datetime) -> None:
    """Have events delivered to endpoints (by id); those that are off or gone get nothing."""
    with connection.cursor() as cursor:
        # The lock keeps an endpoint from being removed under us; it stops nobody else.
        cursor.execute(
            """
            with there as materialized (
                select id from integrations_webhookendpoint
                where id = any(%(endpoints)s) and is_active order by id for key share
            )
            insert into integrations_delivery
                (event_id, endpoint_id, line, status, n_attempts, next_attempt_at, created_at)
            select given.event, given.endpoint, given.line, 'pending', 0, %(now)s, %(now)s
            from unnest(%(events)s::bigint[], %(to)s::bigint[], %(lines)s::uuid[])
                with ordinality as given(event, endpoint, line, place)
            join there on there.id = given.endpoint
            order by place
            on conflict (event_id, endpoint_id) do nothing
            returning endpoint_id
            """,
            {
                "now": now,
                "endpoints": sorted({to for _, to in pairs}),
                "events": [event.pk for event, _ in pairs],
                "to": [to for _, to in pairs],
                "lines": [event.conversation_uuid or event.uuid for event, _ in pairs],
            },
        )
        rung = sorted({row[0] for row in cursor.fetchall()})
    if rung:
        wake(rung)


def wake(endpoint_ids: Sequence[int]) -> None:
    """Have endpoints worked on once the open transaction commits.

    Not in it: the timer of an endpoint is one row, and who writes it would keep everybody else
    waiting until the end of a long transaction.
    """
    ring = partial(_arm, schema=current_schema(), endpoint_ids=tuple(endpoint_ids))
    transaction.on_commit(ring, robust=True)


def _arm(*, schema: str, endpoint_ids: Sequence[int]) -> None:
    with schema_context(schema):
        timers.arm_all(kind=TIMER, refs=endpoint_ids, due_at=database_now())


def forget() -> None:
    """Drop what this process remembers: an endpoint has changed."""
    with _lock:
        _known.clear()


def _listeners() -> _Listeners:
    """Return who listens to what in the current schema."""
    schema = current_schema()
    with _lock:
        seen = _known.get(schema)
    if seen is not None and time.monotonic() - seen[0] < FRESH_S:
        return seen[1]
    found: dict[str, list[int]] = {}
    rows = WebhookEndpoint.objects.filter(is_active=True).values_list("pk", "events")
    for pk, types in rows.order_by("pk"):
        for one in types:
            found.setdefault(str(one), []).append(pk)
    listeners = {one: tuple(ids) for one, ids in found.items()}
    with _lock:
        _known[schema] = (time.monotonic(), listeners)
    return listeners


def _new_events(told: Sequence[Happened]) -> list[Event]:
    """Write events; each of a conversation gets the next number of its line."""
    numbers = _take_numbers(
        Counter(one.conversation_uuid for one in told if one.conversation_uuid is not None)
    )
    made = []
    for one in told:
        sequence = None
        if one.conversation_uuid is not None:
            sequence = numbers[one.conversation_uuid]
            numbers[one.conversation_uuid] += 1
        event = Event(
            type=one.data.type,
            conversation_uuid=one.conversation_uuid,
            sequence=sequence,
            occurred_at=one.occurred_at,
        )
        event.body = _body(event, one.data)
        made.append(event)
    return Event.objects.bulk_create(made)


def _take_numbers(counts: Counter[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return the first free number of each conversation, taking as many as asked for.

    The rows stay locked until the transaction ends, so that numbers are in the order of commits.
    """
    if not counts:
        return {}
    with connection.cursor() as cursor:
        # One order for everybody: two that tell of the same conversations cannot block each other.
        cursor.execute(
            """
            insert into integrations_eventline as l (conversation_uuid, last_sequence)
            select line, n from unnest(%(lines)s::uuid[], %(counts)s::bigint[]) as given(line, n)
            order by line
            on conflict (conversation_uuid) do update
                set last_sequence = l.last_sequence + excluded.last_sequence
            returning conversation_uuid, last_sequence
            """,
            {"lines": list(counts), "counts": list(counts.values())},
        )
        return {line: last - counts[line] + 1 for line, last in cursor.fetchall()}


def _body(event: Event, data: Payload) -> str:
    """Return what is sent, the same bytes at each try."""
    fields = data.model_dump(mode="json")
    envelope = {
        "id": str(event.uuid),
        "type": event.type,
        "version": data.version,
        "occurred_at": event.occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "tenant": current_schema().removeprefix("t_"),
        "sequence": event.sequence,
        "data": fields,
    }
    while len((body := json.dumps(envelope, ensure_ascii=False)).encode()) >= MAX_BODY:
        # A payload bounds its texts; where they are too long together, the longest one gives way.
        longest = max(fields, key=lambda name: len(str(fields[name])))
        text = str(fields[longest])
        fields[longest] = f"{text[: len(text) // 2]}…"
    return body
