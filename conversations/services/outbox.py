"""The outbox: what is to be sent, in order, with an id that was chosen before the call."""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction

from conversations.channels import ChannelAccount, sender_for
from conversations.models import Conversation, OutboundMessage, Turn
from conversations.services import identity, takeover
from conversations.types import Address
from tenants import timers
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


def send_next(*, timer_id: int, token: uuid.UUID) -> SendOutcome:
    """Send the messages of one conversation, head of the line first, until none is left.

    Safe to run twice: only the doorbell that begins its timer sends.
    """
    claim = timers.begin(timer_id=timer_id, token=token)
    if claim is None:
        return SendOutcome.NOT_OURS
    outcome = SendOutcome.NOTHING_LEFT
    with keep(claim):
        try:
            while True:
                step = _claim_head(claim)
                if isinstance(step, SendOutcome):
                    return outcome if step is SendOutcome.NOTHING_LEFT else step
                if step is not None:
                    _commit(claim, step, error=_call(step))
                    outcome = SendOutcome.SENT
        except timers.LeaseLost:
            return SendOutcome.LEASE_LOST
        except Exception:
            # Whatever it was, the line must not be tried without a pause.
            logger.exception("sending failed", extra={"conversation_id": claim.ref})
            wait_s = min(MAX_RETRY_S, 2.0 ** min(claim.n_attempts, 10))
            timers.retry(claim, due_at=database_now() + timedelta(seconds=wait_s))
            return SendOutcome.FAILED


def _claim_head(claim: timers.Claim) -> _Call | SendOutcome | None:
    """Return the call to make next, why there is none, or None where the head was set aside."""
    now = database_now()
    with transaction.atomic(durable=True):
        # Before the timer, as who writes a message does: the other order would be a deadlock.
        conversation = Conversation.objects.select_for_update().filter(pk=claim.ref).first()
        is_armed_again = timers.hold(claim)
        head = (
            OutboundMessage.objects.filter(conversation_id=claim.ref, status__in=_OPEN)
            .order_by("pk")
            .first()
        )
        if conversation is None or head is None:
            # Armed again since it was claimed: what came in meanwhile was just looked for, and
            # whatever commits later arms the row that this leaves behind.
            timers.finish(claim)
            return SendOutcome.WAITING if is_armed_again else SendOutcome.NOTHING_LEFT
        if head.is_waiting(now):
            timers.retry(claim, due_at=head.next_attempt_at or now)
            return SendOutcome.WAITING
        if refusal := _veto(head=head, conversation=conversation, now=now):
            head.status, head.failure_reason = OutboundMessage.Status.CANCELLED, refusal
            head.save(update_fields=["status", "failure_reason"])
            return None
        try:
            account = sender_for(conversation.channel_kind).open_account(
                conversation.channel_account_ref
            )
        except Permanent as error:
            _fail(head=head, conversation=conversation, reason=error.reason, now=now)
            return None
        head.status, head.handed_at = OutboundMessage.Status.HANDED, now
        head.n_attempts = min(head.n_attempts + 1, 32_000)  # a person's text is tried for ever
        head.save(update_fields=["status", "handed_at", "n_attempts"])
        call = _Call(
            message_id=head.pk,
            account=account,
            to=identity.address_of(conversation.contact),
            text=head.text,
            ref=head.provider_ref,
        )
    reach("send_claimed")
    return call


def _call(call: _Call) -> Temporary | Permanent | None:
    release_connection()
    reach("send_before_call")
    try:
        call.account.send_text(to=call.to, text=call.text, ref=call.ref)
    except (Temporary, Permanent) as error:
        return error
    reach("send_after_call")
    return None


def _commit(claim: timers.Claim, call: _Call, *, error: Temporary | Permanent | None) -> None:
    now = database_now()
    with transaction.atomic(durable=True):
        Conversation.objects.select_for_update().filter(pk=claim.ref).first()
        timers.hold(claim)
        message = OutboundMessage.objects.select_for_update().get(pk=call.message_id)
        if error is None:
            # A receipt may have overtaken the answer to the call; it says more.
            if message.status in _OPEN:
                message.status = OutboundMessage.Status.ACKED
            message.acked_at, message.next_attempt_at, message.failure_reason = now, None, ""
            message.save(update_fields=["status", "acked_at", "next_attempt_at", "failure_reason"])
        elif message.status in _OPEN:
            _postpone_or_fail(message=message, error=error, now=now)
    reach("send_after_commit")
    logger.info(
        "message sent" if error is None else "send failed",
        extra={
            "message_id": call.message_id,
            "reason": "" if error is None else error.reason,
        },
    )


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
