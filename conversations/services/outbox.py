"""The outbox: what is to be sent, in order, with an id that was chosen before the call."""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from django.db import transaction
from django.db.models import prefetch_related_objects

from conversations.channels import ChannelAccount, sender_for
from conversations.models import Conversation, OutboundMessage, Turn
from conversations.services import (
    contents,
    events,
    following,
    identity,
    plans,
    takeover,
    troubles,
    veto,
)
from conversations.types import FILE_KINDS, Address
from conversations.types_sending import Content, Leave
from tenants import parallel, timers
from tenants.combining import Combiner
from tenants.context import database_now, release_connection
from tenants.errors import Permanent, Temporary
from tenants.failpoints import reach
from tenants.leases import keep
from tenants.rows import update_each

logger = logging.getLogger(__name__)

TIMER = troubles.TIMER
MAX_RETRY_S = 15.0
"""The longest pause between two tries, in seconds, and a fifth of it more: it bounds the wait after
an outage, which is to be over within thirty."""

AT_ONCE = 40
"""Replies of one process that are sent at the same time by the threads that wrote them. The others
wait for the dispatcher, which shares between tenants: were there no bound, one tenant whose bridge
hangs would take every thread."""

_places = threading.BoundedSemaphore(AT_ONCE)

MAX_TOGETHER = 25
"""Lines that one transaction carries on at most. Those who write to these conversations meanwhile
wait for it, some tens of milliseconds; at the double it saves little more."""


LINGER_S = 0.05
"""How long what came of calls waits for more of the same before it is written, in seconds. The
contacts have their messages by then; a line that holds another one sends it that much later."""


class SendOutcome(StrEnum):
    """What a doorbell of the outbox led to."""

    NOT_OURS = "not_ours"
    SENT = "sent"
    NOTHING_LEFT = "nothing_left"
    WAITING = "waiting"
    LEASE_LOST = "lease_lost"
    FAILED = "failed"


@dataclass(frozen=True)
class _Call:
    message_id: int
    account: ChannelAccount
    to: Address
    content: Content
    ref: str
    leave: Leave
    before: contents.Before
    account_ref: uuid.UUID
    is_trial: bool


@dataclass(frozen=True, eq=False)
class _Step:
    """A line that is to be carried on: what came of its last call, if there was one."""

    claim: timers.Claim
    called: _Call | None = None
    error: Temporary | Permanent | None = None
    took_s: float = 0.0


@dataclass(frozen=True)
class Handed:
    """A line that this worker has begun in the transaction that wrote a message into it."""

    claim: timers.Claim
    call: _Call


def add_message(
    *,
    conversation: Conversation,
    text: str,
    origin: OutboundMessage.Origin,
    now: datetime,
) -> OutboundMessage:
    """Put a message at the end of the conversation's line; joins the caller's transaction."""
    message = new_message(conversation=conversation, text=text, origin=origin, now=now)
    add_messages([message], now=now)
    return message


def new_message(
    *,
    conversation: Conversation,
    text: str,
    origin: OutboundMessage.Origin,
    now: datetime,
    turn: Turn | None = None,
) -> OutboundMessage:
    """Return a message for `add_messages`."""
    return OutboundMessage(
        conversation=conversation,
        turn=turn,
        channel_account_ref=conversation.channel_account_ref,
        provider_ref=sender_for(conversation.channel_kind).new_ref(),
        origin=origin,
        text=text,
        created_at=now,
    )


def add_messages(messages: Sequence[OutboundMessage], *, now: datetime) -> None:
    """Put each message at the end of its line; joins a transaction that holds their locks."""
    if messages:
        OutboundMessage.objects.bulk_create(messages)
        refs = [message.conversation_id for message in messages]
        timers.arm_all(kind=TIMER, refs=refs, due_at=now)


def send_lines(bells: Sequence[tuple[int, uuid.UUID]]) -> list[SendOutcome]:
    """Send what the lines of several conversations hold; announced by timers (id, token).

    Safe to run twice: only the doorbell that begins its timer sends.
    """
    claims = timers.begin(bells)
    lost = [SendOutcome.NOT_OURS] * (len(bells) - len(claims))
    if not claims:
        return lost
    with keep(*claims):
        return parallel.run_all(_send_line, claims) + lost


def send_next(*, timer_id: int, token: uuid.UUID) -> SendOutcome:
    """Send one conversation's line; see `send_lines`."""
    return send_lines([(timer_id, token)])[0]


def take_places(n_wanted: int) -> int:
    """Take places among those of this process that send at once; return how many there were.

    Each that was used is given back by `send_handed`, the others by `give_places_back`.
    """
    n_taken = 0
    while n_taken < n_wanted and _places.acquire(blocking=False):
        n_taken += 1
    return n_taken


def give_places_back(n_places: int) -> None:
    """Let others send at once."""
    if n_places:
        _places.release(n_places)


def hand_over(*, conversations: Sequence[Conversation], now: datetime) -> dict[int, Handed]:
    """Begin the lines of conversations in the transaction that wrote a message into each.

    Joins that transaction, which holds the conversations' locks. Returns by conversation what the
    caller must pass to `send_handed`; left out are those whose line another worker is sending, who
    will find the message, and those with nothing to be sent now.
    """
    if not conversations:
        return {}
    of_ref = {one.pk: one for one in conversations}
    claims = timers.take(kind=TIMER, refs=list(of_ref))
    watch = troubles.Watch(now=now)
    lines = {claim: of_ref[claim.ref] for claim in claims}
    steps = _next_calls(lines, watch=watch, now=now)
    watch.close()
    _finish([claim for claim, step in steps.items() if step is SendOutcome.NOTHING_LEFT])
    return {
        claim.ref: Handed(claim, step) for claim, step in steps.items() if isinstance(step, _Call)
    }


def send_handed(handed: Handed) -> SendOutcome:
    """Send a line from the message on that `hand_over` gave, and give its place back."""
    try:
        with keep(handed.claim):
            return _send_line(handed.claim, first=handed.call)
    finally:
        give_places_back(1)


def _send_line(claim: timers.Claim, *, first: _Call | None = None) -> SendOutcome:
    """Send head after head until none is left; the caller keeps the lease."""
    try:
        if first is not None:
            reach("send_claimed")
        step = first or _advance(_Step(claim))
        outcome = SendOutcome.NOTHING_LEFT
        while isinstance(step, _Call):
            error, took_s = _call(step)
            step = _advance(_Step(claim, called=step, error=error, took_s=took_s))
            outcome = SendOutcome.SENT
    except Exception:
        # Whatever it was, the line must not be tried without a pause.
        logger.exception("sending failed", extra={"conversation_id": claim.ref})
        wait_s = min(MAX_RETRY_S, 2.0 ** min(claim.n_attempts, 10))
        timers.retry(claim, due_at=database_now() + timedelta(seconds=wait_s))
        return SendOutcome.FAILED
    return outcome if step is SendOutcome.NOTHING_LEFT else step


def _advance(step: _Step) -> _Call | SendOutcome:
    """Write what came of a call, and return the next one or why there is none."""
    found = _advances.do(step)
    if step.called is not None and found is not SendOutcome.LEASE_LOST:
        reach("send_after_commit")
        logger.info(
            "message sent" if step.error is None else "send failed",
            extra={
                "message_id": step.called.message_id,
                "reason": "" if step.error is None else step.error.reason,
            },
        )
    if isinstance(found, _Call):
        reach("send_claimed")
    return found


def _advance_all(items: Sequence[_Step], *, alone: bool) -> dict[_Step, _Call | SendOutcome]:
    """Carry lines on in one transaction; see `Combiner` for what is left out."""
    now = database_now()
    with transaction.atomic(durable=True):
        # Before the timers, as who writes a message does: the other order would be a deadlock.
        refs = [step.claim.ref for step in items]
        locked = Conversation.objects.lock_rows(refs, wait=alone)
        ours = [step for step in items if alone or step.claim.ref in locked]
        held = timers.hold_all([step.claim for step in ours])
        mine = [step for step in ours if step.claim in held]
        _write_results(mine, locked, now=now)
        # Mostly the line has ended, and nothing more of its conversation is needed.
        waiting = OutboundMessage.objects.lines_with_more([step.claim.ref for step in mine])
        conversations = Conversation.objects.select_related("contact").in_bulk(waiting)
        lines = {
            step.claim: conversations[step.claim.ref]
            for step in mine
            if step.claim.ref in conversations
        }
        watch = troubles.Watch(now=now, calls=[_ended(step) for step in mine if step.called])
        calls = _next_calls(lines, watch=watch, now=now)
        woken = watch.close()
        found: dict[_Step, _Call | SendOutcome] = dict.fromkeys(ours, SendOutcome.LEASE_LOST)
        found.update({step: calls.get(step.claim, SendOutcome.NOTHING_LEFT) for step in mine})
        over = [step for step in mine if found[step] is SendOutcome.NOTHING_LEFT]
        _finish([step.claim for step in over])
        following.ring_for([step.claim.ref for step in mine if locked.get(step.claim.ref)])
        # Armed again since it was claimed: what came in meanwhile was just looked for, and whatever
        # commits later arms the row that this leaves behind.
        found.update({step: SendOutcome.WAITING for step in over if held[step.claim]})
    troubles.wake(woken, now=now)
    return found


def _ended(step: _Step) -> troubles.Called:
    assert step.called is not None  # noqa: S101 - who asks has looked
    return troubles.Called(step.called.account_ref, step.error, step.took_s, step.called.is_trial)


_advances: Combiner[_Step, _Call | SendOutcome] = Combiner(
    _advance_all, most=MAX_TOGETHER, linger_s=LINGER_S
)


def _finish(claims: Sequence[timers.Claim]) -> None:
    if claims:
        timers.finish(*claims)


def _next_calls(
    lines: Mapping[timers.Claim, Conversation], *, watch: troubles.Watch, now: datetime
) -> dict[timers.Claim, _Call | SendOutcome]:
    """Hand the heads of lines over, setting aside what must not be sent; joins a transaction."""
    steps: dict[timers.Claim, _Call | SendOutcome] = {}
    judge = veto.Judge(now=now, troubles=watch)
    ready: list[tuple[timers.Claim, OutboundMessage, ChannelAccount, Leave, bool]] = []
    slow_since = now - timedelta(seconds=troubles.SLOW_S)
    while lines:
        refs = [claim.ref for claim in lines]
        found_heads = OutboundMessage.objects.heads(refs, now=now, slow_since=slow_since)
        heads = {head.conversation_id: head for head in found_heads}
        watch.meet(heads.values())
        judge.meet(
            [
                (head, conversation)
                for conversation in lines.values()
                if (head := heads.get(conversation.pk)) and not head.is_waiting(now)
            ]
        )
        shortened = {}
        for claim, conversation in lines.items():
            head = heads.get(claim.ref)
            if head is None:
                steps[claim] = SendOutcome.NOTHING_LEFT
            elif head.is_waiting(now):
                timers.retry(claim, due_at=head.next_attempt_at or now)
                steps[claim] = SendOutcome.WAITING
            else:
                head.conversation = conversation
                found = _judge(head, conversation, judge, now=now)
                if found is None:
                    shortened[claim] = conversation
                elif isinstance(found, veto.Wait):
                    timers.retry(claim, due_at=found.until)
                    steps[claim] = SendOutcome.WAITING
                else:
                    ready.append((claim, head, *found, watch.take(head, claim)))
        lines = shortened
    judge.close()
    befores = contents.befores([(head, account.number) for _, head, account, *_ in ready], now=now)
    contacts = [head.conversation.contact for _, head, *_ in ready]
    prefetch_related_objects(contacts, "addresses")
    to = {head.pk: identity.address_for(head) for _, head, *_ in ready}
    for claim, head, *_ in ready:
        head.handed_to = identity.pinned(to[head.pk])
        head.unknown_at = contents.unknown_since(head)  # what is handed again is no younger for it
        head.status, head.handed_at = OutboundMessage.Status.HANDED, now
        head.handed_under = claim.token
        head.failure_reason = head.held_by = ""
        head.n_attempts = min(head.n_attempts + 1, 32_000)  # a person's text is tried for ever
    update_each([head for _, head, *_ in ready], _HANDED)
    said = contents.contents([head for _, head, *_ in ready])
    for claim, head, account, leave, is_trial in ready:
        steps[claim] = _Call(
            message_id=head.pk,
            account=account,
            to=to[head.pk],
            content=said[head.pk],
            ref=head.provider_ref,
            leave=leave,
            before=befores[head.pk],
            account_ref=head.channel_account_ref,
            is_trial=is_trial,
        )
    return steps


_HANDED = (
    "status", "handed_at", "handed_under", "handed_to", "unknown_at", "failure_reason", "held_by",
    "n_attempts",
)  # fmt: skip


def _judge(
    head: OutboundMessage, conversation: Conversation, judge: veto.Judge, *, now: datetime
) -> tuple[ChannelAccount, Leave] | veto.Wait | None:
    """Return what a head may be sent with, or until when it waits; else it is set aside.

    Nobody waits for what nobody asked for: where that has to wait, the line goes on without it.
    """
    verdict = judge.verdict(head, conversation)
    match verdict:
        case veto.Refuse(rule=rule):
            if rule in veto.LEFT_TO_PEOPLE:
                reason = "an answer could not be sent in time"
                takeover.leave_to_people(conversation=conversation, reason=reason, now=now)
            head.status, head.failure_reason = OutboundMessage.Status.CANCELLED, veto.REASONS[rule]
            head.save(update_fields=["status", "failure_reason"])
            return None
        case veto.Wait(until=until, rule=rule) if head.is_unasked:
            plans.put_back(head, conversation=conversation, until=until, rule=rule, now=now)
            return None
        case veto.Wait(until=until, rule=rule):
            head.next_attempt_at, head.held_by = until, rule
            head.save(update_fields=["next_attempt_at", "held_by"])
            return verdict
        case veto.Allow(leave=leave):
            if not identity.is_still_theirs(head):
                # Nor elsewhere: perhaps the first call has sent it.
                _fail(head=head, conversation=conversation, reason=identity.GIVEN_AWAY, now=now)
                return None
            account = judge.account(conversation)
            if isinstance(account, Permanent):
                _fail(head=head, conversation=conversation, reason=account.reason, now=now)
                return None
            return account, leave
        case _:
            assert_never(verdict)


def _call(call: _Call) -> tuple[Temporary | Permanent | None, float]:
    """Make a call; return how it ended and what the bridge took, in seconds: 0 for a file.

    A file takes as long as it is large, which says nothing of the bridge.
    """
    with contents.room(call.content):
        began = time.monotonic()
        error = _called(call)
        took_s = time.monotonic() - began
    return error, 0.0 if call.content.kind in FILE_KINDS else took_s


def _called(call: _Call) -> Temporary | Permanent | None:
    content = contents.complete(call.message_id, call.content)
    release_connection()
    reach("send_before_call")
    try:
        if contents.was_sent(call.account, to=call.to, ref=call.ref, before=call.before):
            return None
        call.account.send(to=call.to, content=content, ref=call.ref, leave=call.leave)
        contents.after(call.account, to=call.to, before=call.before)
    except (Temporary, Permanent) as error:
        return error
    reach("send_after_call")
    return None


def _write_results(steps: Sequence[_Step], locked: Collection[int], *, now: datetime) -> None:
    """Note what came of calls; joins the caller's transaction, which locked the conversations."""
    errors = {step.called.message_id: step.error for step in steps if step.called and step.error}
    sent = [step.called.message_id for step in steps if step.called and not step.error]
    if sent:
        OutboundMessage.objects.note_taken(sent, now=now)
        events.sent(sent, now=now)
    if errors:
        # One whose conversation was merged meanwhile is found again by the other's line.
        failed = OutboundMessage.objects.select_for_update(of=("self",)).filter(
            pk__in=list(errors), status__in=OutboundMessage.OPEN, conversation__in=locked
        )
        for message in failed.select_related("conversation__contact").order_by("pk"):
            _postpone_or_fail(
                message=message,
                conversation=message.conversation,
                error=errors[message.pk],
                now=now,
            )


def _postpone_or_fail(
    *,
    message: OutboundMessage,
    conversation: Conversation,
    error: Temporary | Permanent,
    now: datetime,
) -> None:
    if isinstance(error, Permanent):
        _fail(head=message, conversation=conversation, reason=error.reason, now=now)
        return
    wait_s = min(MAX_RETRY_S, 2.0 ** min(message.n_attempts - 1, 10)) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
    if error.retry_after_s is not None:
        wait_s = max(wait_s, min(error.retry_after_s, 2 * MAX_RETRY_S))
    unknown_from = message.unknown_at or contents.unknown_from(error, now=now)
    message.unknown_at = unknown_from if error.is_unknown else None
    if message.unknown_at is None:
        message.handed_to = None  # nothing has left: it goes where the contact is by then
    message.next_attempt_at = now + timedelta(seconds=wait_s)
    message.failure_reason = error.reason[:300]
    message.save(update_fields=["next_attempt_at", "failure_reason", "unknown_at", "handed_to"])


def _fail(*, head: OutboundMessage, conversation: Conversation, reason: str, now: datetime) -> None:
    head.status, head.failure_reason = OutboundMessage.Status.FAILED, reason[:300]
    head.save(update_fields=["status", "failure_reason"])
    events.failed(head, conversation=conversation, now=now)
    takeover.leave_to_people(
        conversation=conversation, reason=f"an answer could not be sent: {reason}", now=now
    )
