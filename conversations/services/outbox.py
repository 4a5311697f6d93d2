"""The outbox: what is to be sent, in order, with an id that was chosen before the call."""

from __future__ import annotations

import logging
import random
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import Case, F, Value, When

from conversations.channels import ChannelAccount, sender_for
from conversations.models import Conversation, OutboundMessage, Turn
from conversations.services import identity, takeover
from conversations.types import Address
from tenants import parallel, timers
from tenants.context import database_now, release_connection
from tenants.errors import Permanent, Temporary
from tenants.failpoints import reach
from tenants.leases import keep

logger = logging.getLogger(__name__)

TIMER = "send"
STALE_AFTER = timedelta(minutes=15)
"""An answer older than this goes to a person instead of the contact, who has moved on by then."""

MAX_RETRY_S = 30.0
"""The longest pause between two tries, in seconds; doubling it doubles the wait after an outage."""

AT_ONCE = 40
"""Replies of one process that are sent at the same time by the threads that wrote them. The others
wait for the dispatcher, which shares between tenants: were there no bound, one tenant whose bridge
hangs would take every thread."""

_at_once = threading.BoundedSemaphore(AT_ONCE)

_OPEN = (OutboundMessage.Status.CREATED, OutboundMessage.Status.HANDED)


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
    text: str
    ref: str


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
    turn: Turn | None = None,
    position: int = 0,
) -> OutboundMessage:
    """Put a message at the end of the conversation's line; joins the caller's transaction."""
    message = OutboundMessage.objects.create(
        conversation=conversation,
        turn=turn,
        position=position,
        channel_account_ref=conversation.channel_account_ref,
        provider_ref=sender_for(conversation.channel_kind).new_ref(),
        origin=origin,
        text=text,
        created_at=now,
    )
    timers.arm(kind=TIMER, ref=conversation.pk, due_at=now)
    return message


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


@contextmanager
def sending_at_once() -> Iterator[bool]:
    """Say whether this process may send what it is about to write, without a doorbell."""
    may_send = _at_once.acquire(blocking=False)
    try:
        yield may_send
    finally:
        if may_send:
            _at_once.release()


def hand_over(*, conversation: Conversation, now: datetime) -> Handed | None:
    """Begin the line of a conversation in the transaction that wrote a message into it.

    Joins that transaction, which holds the conversation's lock. None where another worker is
    sending the line, which will find the message, or where nothing is to be sent now.
    """
    claim = timers.take(kind=TIMER, ref=conversation.pk)
    if claim is None:
        return None
    call = _next_call(claim=claim, conversation=conversation, now=now)
    if isinstance(call, _Call):
        return Handed(claim, call)
    if call is SendOutcome.NOTHING_LEFT:
        timers.finish(claim)
    return None


def send_handed(handed: Handed) -> SendOutcome:
    """Send a line from the message on that `hand_over` gave, after its transaction."""
    with keep(handed.claim):
        return _send_line(handed.claim, first=handed.call)


def _send_line(claim: timers.Claim, *, first: _Call | None = None) -> SendOutcome:
    """Send head after head until none is left; the caller keeps the lease."""
    try:
        if first is not None:
            reach("send_claimed")
        step = first or _advance(claim)
        outcome = SendOutcome.NOTHING_LEFT
        while isinstance(step, _Call):
            step = _advance(claim, called=step, error=_call(step))
            outcome = SendOutcome.SENT
    except timers.LeaseLost:
        return SendOutcome.LEASE_LOST
    except Exception:
        # Whatever it was, the line must not be tried without a pause.
        logger.exception("sending failed", extra={"conversation_id": claim.ref})
        wait_s = min(MAX_RETRY_S, 2.0 ** min(claim.n_attempts, 10))
        timers.retry(claim, due_at=database_now() + timedelta(seconds=wait_s))
        return SendOutcome.FAILED
    return outcome if step is SendOutcome.NOTHING_LEFT else step


def _advance(
    claim: timers.Claim, *, called: _Call | None = None, error: Temporary | Permanent | None = None
) -> _Call | SendOutcome:
    """Write what came of a call, and return the next one or why there is none; one transaction."""
    now = database_now()
    with transaction.atomic(durable=True):
        # Before the timer, as who writes a message does: the other order would be a deadlock.
        conversation = (
            Conversation.objects.select_for_update(of=("self",))
            .select_related("contact")
            .filter(pk=claim.ref)
            .first()
        )
        is_armed_again = timers.hold(claim)
        if called is not None:
            _write_result(called, error=error, now=now)
        step: _Call | SendOutcome = SendOutcome.NOTHING_LEFT
        if conversation is not None:
            step = _next_call(claim=claim, conversation=conversation, now=now)
        if step is SendOutcome.NOTHING_LEFT:
            # Armed again since it was claimed: what came in meanwhile was just looked for, and
            # whatever commits later arms the row that this leaves behind.
            timers.finish(claim)
            if is_armed_again:
                step = SendOutcome.WAITING
    if called is not None:
        reach("send_after_commit")
        logger.info(
            "message sent" if error is None else "send failed",
            extra={
                "message_id": called.message_id,
                "reason": "" if error is None else error.reason,
            },
        )
    if isinstance(step, _Call):
        reach("send_claimed")
    return step


def _next_call(
    *, claim: timers.Claim, conversation: Conversation, now: datetime
) -> _Call | SendOutcome:
    """Hand the head of the line over, setting aside what must not be sent; joins a transaction."""
    while True:
        head = (
            OutboundMessage.objects.filter(conversation=conversation, status__in=_OPEN)
            .order_by("pk")
            .first()
        )
        if head is None:
            return SendOutcome.NOTHING_LEFT
        if head.is_waiting(now):
            timers.retry(claim, due_at=head.next_attempt_at or now)
            return SendOutcome.WAITING
        if refusal := _veto(head=head, conversation=conversation, now=now):
            head.status, head.failure_reason = OutboundMessage.Status.CANCELLED, refusal
            head.save(update_fields=["status", "failure_reason"])
            continue
        try:
            account = sender_for(conversation.channel_kind).open_account(
                conversation.channel_account_ref
            )
        except Permanent as error:
            _fail(head=head, conversation=conversation, reason=error.reason, now=now)
            continue
        head.status, head.handed_at = OutboundMessage.Status.HANDED, now
        head.n_attempts = min(head.n_attempts + 1, 32_000)  # a person's text is tried for ever
        head.save(update_fields=["status", "handed_at", "n_attempts"])
        return _Call(
            message_id=head.pk,
            account=account,
            to=identity.address_of(conversation.contact),
            text=head.text,
            ref=head.provider_ref,
        )


def _call(call: _Call) -> Temporary | Permanent | None:
    release_connection()
    reach("send_before_call")
    try:
        call.account.send_text(to=call.to, text=call.text, ref=call.ref)
    except (Temporary, Permanent) as error:
        return error
    reach("send_after_call")
    return None


def _write_result(call: _Call, *, error: Temporary | Permanent | None, now: datetime) -> None:
    """Note what came of a call; joins the caller's transaction."""
    messages = OutboundMessage.objects.filter(pk=call.message_id)
    if error is None:
        # A receipt may have overtaken the answer to the call; it says more.
        is_open = When(status__in=_OPEN, then=Value(OutboundMessage.Status.ACKED))
        messages.update(
            status=Case(is_open, default=F("status")),
            acked_at=now,
            next_attempt_at=None,
            failure_reason="",
        )
        return
    message = messages.select_for_update().get()
    if message.status in _OPEN:
        _postpone_or_fail(message=message, error=error, now=now)


def _postpone_or_fail(
    *, message: OutboundMessage, error: Temporary | Permanent, now: datetime
) -> None:
    if isinstance(error, Permanent):
        conversation = Conversation.objects.select_for_update().get(pk=message.conversation_id)
        _fail(head=message, conversation=conversation, reason=error.reason, now=now)
        return
    wait_s = min(MAX_RETRY_S, 2.0 ** min(message.n_attempts - 1, 10)) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
    if error.retry_after_s is not None:
        wait_s = max(wait_s, min(error.retry_after_s, 2 * MAX_RETRY_S))
    message.next_attempt_at = now + timedelta(seconds=wait_s)
    message.failure_reason = error.reason[:300]
    message.save(update_fields=["next_attempt_at", "failure_reason"])


def _fail(*, head: OutboundMessage, conversation: Conversation, reason: str, now: datetime) -> None:
    head.status, head.failure_reason = OutboundMessage.Status.FAILED, reason[:300]
    head.save(update_fields=["status", "failure_reason"])
    takeover.leave_to_people(
        conversation=conversation, reason=f"an answer could not be sent: {reason}", now=now
    )


def _veto(*, head: OutboundMessage, conversation: Conversation, now: datetime) -> str:
    """Return why this message must not be sent, or nothing; every send passes here."""
    contact = conversation.contact
    if contact.is_blocked:
        return "the contact is blocked"
    if contact.opted_out_at is not None:
        return "the contact asked not to be written to"
    is_unsent = head.status == OutboundMessage.Status.CREATED
    is_of_agent = head.origin == OutboundMessage.Origin.AGENT
    if is_of_agent and is_unsent and conversation.mode == Conversation.Mode.HUMAN:
        return "a person has taken the conversation over"
    is_of_person = head.origin == OutboundMessage.Origin.PERSON
    if not is_of_person and now - head.created_at > STALE_AFTER:
        takeover.leave_to_people(
            conversation=conversation, reason="an answer could not be sent in time", now=now
        )
        return "it became too old to be sent"
    return ""


_RANK = {
    OutboundMessage.Status.DELIVERED: ("created", "handed", "acked"),
    OutboundMessage.Status.READ: ("created", "handed", "acked", "delivered"),
}


def apply_receipt(
    *, account_ref: uuid.UUID, refs: Sequence[str], status: OutboundMessage.Status, at: datetime
) -> int:
    """Climb the delivery ladder for messages of ours; return how many climbed. Never downwards.

    Args:
        status: `DELIVERED` or `READ`.
        at: when the contact's phone said so.
    """
    messages = OutboundMessage.objects.filter(
        channel_account_ref=account_ref, provider_ref__in=refs
    )
    stamp = f"{status.value}_at"
    n_climbed = 0
    for message in messages.filter(status__in=_RANK[status]).order_by("pk"):
        n_climbed += messages.filter(pk=message.pk, status__in=_RANK[status]).update(
            status=status, **{stamp: at}
        )
    return n_climbed
