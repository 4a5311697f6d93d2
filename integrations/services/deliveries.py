"""Delivering events: an endpoint is a line of its own, so that none waits for another.

Claim, call, commit: who begins the endpoint's timer reads what is due, calls without transaction or
connection, and writes what came of it if the endpoint is still his. What stands in one
conversation's line leaves in order: its head only. A worker that dies between a call and the commit
makes the next one repeat the call, under the same id.
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet

from integrations import http, mapping
from integrations.models import Delivery, DeliveryAttempt, Event, WebhookEndpoint
from integrations.payloads import EndpointTest
from integrations.services import endpoints, events, signing
from tenants import parallel, timers
from tenants.context import current_schema, database_now, release_connection
from tenants.errors import Permanent, Temporary
from tenants.failpoints import reach
from tenants.leases import keep
from tenants.rows import update_each

logger = logging.getLogger(__name__)

DELAYS_S = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The pause before each try, in seconds. Source: Standard Webhooks, "Deliverability": three days
in all, so that a weekend without a receiver loses nothing."""

JITTER = 0.2
TIMEOUT_S = 15.0
"""For one call, in seconds. Source: Standard Webhooks asks for 15 to 30."""

GIVE_UP_AFTER = timedelta(days=5)
"""An endpoint that failed for so long without one success is switched off."""

LONGEST_WISH_S = 3_600.0
"""For how long an endpoint may ask to be left alone (RFC 9110, 10.2.3: Retry-After), in seconds."""

AT_ONCE = 10
"""Calls of one endpoint at once. While it fails it gets one at a time: thousands of waiting events
would else keep that many threads busy with timeouts."""

SLICE_S = 30.0
"""How long one task works for an endpoint before others get their turn, in seconds."""

KEPT_REPLY = 2_000
"""Characters of an answer that are kept for people."""

GONE = 410


class Outcome(StrEnum):
    """What a doorbell of an endpoint led to."""

    NOT_OURS = "not_ours"
    NOTHING_DUE = "nothing_due"
    CONTINUES = "continues"  # its time is over; it is due again at once
    LEASE_LOST = "lease_lost"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class _Target:
    """Where to, without the row: nothing of the database is touched during a call."""

    url: str
    secrets: tuple[str, ...]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Call:
    delivery: Delivery
    message_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of a call; `status` is None where nobody answered."""

    call: _Call
    at: datetime
    status: int | None = None
    error: str = ""
    duration_ms: int = 0
    reply: str = ""
    retry_after_s: float | None = None

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def wish_s(self) -> float:
        """For how long the endpoint wants to be left alone, as far as that is followed."""
        return 0.0 if self.is_good else min(self.retry_after_s or 0.0, LONGEST_WISH_S)


@dataclass(frozen=True, slots=True)
class _Round:
    target: _Target
    calls: tuple[_Call, ...]
    at: datetime


def run(*, timer_id: int, token: uuid.UUID) -> Outcome:
    """Deliver what is due at one endpoint; announced by its timer.

    Safe to run twice: only the doorbell that begins the timer delivers.
    """
    claims = timers.begin([(timer_id, token)])
    if not claims:
        return Outcome.NOT_OURS
    [claim] = claims
    with keep(claim):
        try:
            return _work(claim)
        except Exception:
            # Whatever it was, the endpoint must not be tried without a pause.
            logger.exception("delivering failed", extra={"endpoint_id": claim.ref})
            wait_s = min(300.0, 2.0 ** min(claim.n_attempts, 10))
            timers.retry(claim, due_at=database_now() + timedelta(seconds=wait_s))
            return Outcome.FAILED


def _work(claim: timers.Claim) -> Outcome:
    until = time.monotonic() + SLICE_S
    step = _advance(claim, (), is_over=False)
    while isinstance(step, _Round):
        release_connection()
        reach("delivery_before_call")
        answers = parallel.run_all(partial(_call, step.target, step.at), step.calls)
        reach("delivery_after_call")
        step = _advance(claim, answers, is_over=time.monotonic() > until)
    return step


def _advance(claim: timers.Claim, answers: Sequence[_Answer], *, is_over: bool) -> _Round | Outcome:
    """Write what came of calls, and return the next ones or why there are none."""
    now = database_now()
    with transaction.atomic(durable=True):
        # No key is changed: whoever publishes meanwhile need not wait.
        locked = WebhookEndpoint.objects.select_for_update(no_key=True)
        endpoint = locked.filter(pk=claim.ref).first()
        try:
            timers.hold(claim)
        except timers.LeaseLost:
            return Outcome.LEASE_LOST
        if endpoint is None:
            timers.finish(claim)
            return Outcome.NOTHING_DUE
        _write(endpoint, answers, now=now)
        is_paused = endpoint.paused_until is not None and endpoint.paused_until > now
        is_idle = is_over or is_paused or not endpoint.is_active
        calls = () if is_idle else _due(endpoint, now=now)
        if calls:
            return _Round(_target(endpoint, now=now), calls, now)
        # Not `retry`: it would count each wait as an attempt that failed. Whoever told something
        # meanwhile has committed it before they ring, or waits for this row: nothing is missed.
        timers.finish(claim)
        if endpoint.is_active and (next_at := _next_at(endpoint)) is not None:
            due_at = max(next_at, endpoint.paused_until or next_at)
            timers.arm(kind=events.TIMER, ref=endpoint.pk, due_at=due_at)
    return Outcome.CONTINUES if is_over else Outcome.NOTHING_DUE


_HEADS = """
    from integrations_delivery d
    where d.endpoint_id = %(endpoint)s and d.status = 'pending' {due}
        and not exists (
            select 1 from integrations_delivery before
            where before.endpoint_id = d.endpoint_id and before.status = 'pending'
                and before.line = d.line and before.id < d.id
        )
"""


def _due(endpoint: WebhookEndpoint, *, now: datetime) -> tuple[_Call, ...]:
    """Return the heads of the endpoint's lines that are due, the longest waiting first."""
    at_most = AT_ONCE if endpoint.failing_since is None else 1
    with connection.cursor() as cursor:
        cursor.execute(
            f"select d.id {_HEADS.format(due='and d.next_attempt_at <= %(now)s')}"
            " order by d.next_attempt_at, d.id limit %(most)s",
            {"endpoint": endpoint.pk, "now": now, "most": at_most},
        )
        ids = [row[0] for row in cursor.fetchall()]
    found = Delivery.objects.select_related("event").filter(pk__in=ids).order_by("pk")
    return tuple(_Call(one, str(one.event.uuid), _body(endpoint, one.event)) for one in found)


def _body(endpoint: WebhookEndpoint, event: Event) -> bytes:
    """Return what is sent: the event, or what the endpoint's template makes of it.

    A test is sent as it is, for it has nothing that a template could name.
    """
    if endpoint.template is None or event.type == EndpointTest.type:
        return event.body.encode()
    return mapping.body(endpoint.template, event.body)


def _next_at(endpoint: WebhookEndpoint) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"select min(d.next_attempt_at) {_HEADS.format(due='')}",
            {"endpoint": endpoint.pk},
        )
        found: datetime | None = cursor.fetchone()[0]
        return found


def _target(endpoint: WebhookEndpoint, *, now: datetime) -> _Target:
    secrets = endpoint.secrets(now=now)
    return _Target(endpoint.url, tuple(secrets), endpoint.headers())


def _call(target: _Target, at: datetime, call: _Call) -> _Answer:
    """Post one event; whatever happens is an answer. Touches no row."""
    began = time.monotonic()
    signed = signing.headers(
        message_id=call.message_id, body=call.body, sent_at=at, signing_secrets=target.secrets
    )
    try:
        response = http.request(
            "POST",
            target.url,
            headers={**target.headers, "content-type": "application/json", **signed},
            content=call.body,
            timeout_s=TIMEOUT_S,
            max_bytes=4 * KEPT_REPLY,
            is_cut=True,
        )
    except (Temporary, Permanent) as error:
        return _Answer(call, at, error=error.reason[:200], duration_ms=_ms(began))
    text = response.body.decode("utf-8", "replace").replace("\x00", "")
    return _Answer(
        call,
        at,
        status=response.status,
        duration_ms=_ms(began),
        reply=text[:KEPT_REPLY],
        retry_after_s=_retry_after(response.headers.get("retry-after", "")),
    )


def _ms(began: float) -> int:
    return round(1000 * (time.monotonic() - began))


def _retry_after(value: str) -> float | None:
    """Return the seconds that a header asks for; a date in it is not read."""
    return float(value) if value.isascii() and value.isdigit() and len(value) < 8 else None


def _write(endpoint: WebhookEndpoint, answers: Sequence[_Answer], *, now: datetime) -> None:
    """Note what came of calls; joins the transaction that holds the endpoint."""
    if not answers:
        return
    DeliveryAttempt.objects.bulk_create(
        DeliveryAttempt(
            delivery=one.call.delivery,
            attempted_at=one.at,
            status_code=one.status,
            error=one.error,
            duration_ms=one.duration_ms,
            reply=one.reply,
        )
        for one in answers
    )
    for one in answers:
        _judge(one, now=now)
    fields = ["status", "n_attempts", "next_attempt_at", "delivered_at"]
    update_each([one.call.delivery for one in answers], fields)
    _note_health(endpoint, answers, now=now)
    logger.info(
        "events delivered",
        extra={
            "endpoint_id": endpoint.pk,
            "n_good": sum(one.is_good for one in answers),
            "n_bad": sum(not one.is_good for one in answers),
        },
    )


def _judge(answer: _Answer, *, now: datetime) -> None:
    """Say what becomes of a delivery; it is not saved."""
    delivery = answer.call.delivery
    delivery.n_attempts += 1
    if answer.is_good:
        delivery.status, delivery.delivered_at = Delivery.Status.DELIVERED, now
        delivery.next_attempt_at = None
    elif delivery.n_attempts >= len(DELAYS_S):
        delivery.status, delivery.next_attempt_at = Delivery.Status.FAILED, None
    else:
        delay_s = float(DELAYS_S[delivery.n_attempts])
        wait_s = delay_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - jitter
        if answer.retry_after_s is not None:
            wait_s = max(delay_s, answer.wish_s)
        delivery.next_attempt_at = now + timedelta(seconds=wait_s)


def _note_health(endpoint: WebhookEndpoint, answers: Sequence[_Answer], *, now: datetime) -> None:
    was_failing = endpoint.failing_since is not None
    wish_s = max(one.wish_s for one in answers)
    endpoint.paused_until = now + timedelta(seconds=wish_s) if wish_s else None
    if any(one.is_good for one in answers):
        success_before = endpoint.last_success_at
        endpoint.failing_since, endpoint.last_success_at = None, now
        endpoint.save(update_fields=["failing_since", "paused_until", "last_success_at"])
        if was_failing:
            # It is back: what waits for its next try in some hours need not. What failed twice
            # while others were taken fails by itself: each of those would use up one of its tries.
            # Once says nothing, for an outage begins between calls that are made together.
            waiting = _waiting(endpoint).filter(next_attempt_at__gt=now)
            if success_before is not None:
                before = Count("attempts", filter=Q(attempts__attempted_at__lt=success_before))
                waiting = waiting.annotate(n_before=before).filter(n_before__lt=2)
            waiting.update(next_attempt_at=now)
        return
    endpoint.failing_since = endpoint.failing_since or now
    endpoint.save(update_fields=["failing_since", "paused_until"])
    if not endpoint.is_active:
        return
    if any(one.status == GONE for one in answers):
        endpoints.disable(endpoint=endpoint, reason=WebhookEndpoint.Disabled.GONE, now=now)
    elif now - endpoint.failing_since >= GIVE_UP_AFTER:
        endpoints.disable(endpoint=endpoint, reason=WebhookEndpoint.Disabled.FAILING, now=now)


def _waiting(endpoint: WebhookEndpoint) -> QuerySet[Delivery]:
    return Delivery.objects.filter(endpoint=endpoint, status=Delivery.Status.PENDING)


def wake_forgotten(*, now: datetime) -> int:
    """Ring for endpoints whose doorbell was lost with its process; return for how many."""
    due = Delivery.objects.filter(
        status=Delivery.Status.PENDING, next_attempt_at__lte=now, endpoint__is_active=True
    )
    wanted = set(due.order_by().values_list("endpoint", flat=True).distinct())
    if not wanted:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "select ref from public.tenants_timer where schema_name = %s and kind = %s",
            [current_schema(), events.TIMER],
        )
        wanted -= {row[0] for row in cursor.fetchall()}
    events.wake(sorted(wanted))
    return len(wanted)


def clear_old(*, now: datetime) -> int:
    """Forget events with their deliveries after `EVENT_RETENTION_DAYS`; return how many."""
    before = now - timedelta(days=settings.EVENT_RETENTION_DAYS)
    return Event.objects.filter(occurred_at__lt=before).delete()[0]
