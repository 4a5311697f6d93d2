"""What people change about messages that were sent: another text, or taken back for everyone.

The wish is written into the message and carried out by a timer: claim, call, commit. A repeat after
an unknown outcome does no harm, because the second edit or deletion changes nothing.
"""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from django.db import transaction
from django.db.models import QuerySet

from conversations.channels import ChannelAccount, sender_for
from conversations.models import Conversation, OutboundMessage
from conversations.services import due, identity, intake, replying, troubles, veto
from conversations.services.describing import describe
from conversations.services.due import DueOutcome
from conversations.services.takeover import AlreadyTaken
from conversations.services.veto import Purpose
from conversations.types import MAX_TEXT, Address, MessageKind
from conversations.types_sending import Leave
from tenants import timers
from tenants.audit.record import record
from tenants.context import database_now, release_connection
from tenants.errors import DomainError, Permanent, Temporary
from tenants.failpoints import reach
from tenants.leases import keep

logger = logging.getLogger(__name__)

TIMER = "change"
"""The kind of timer that carries a change out; its ref is the message."""

UNDO_S = 30
"""Seconds in which a person's message can be undone by one click: called off while it waits, taken
back for everyone once it was sent. A wrong recipient or price is seen at once or much later."""

EDIT_FOR = timedelta(minutes=15)
"""How long a message may be edited; WhatsApp takes no edit after about twenty minutes."""

DELETE_FOR = timedelta(hours=48)
"""How long a message may be taken back; WhatsApp lets it vanish for about two days and a half."""

MAX_RETRY_S = 60.0

_SENT = (
    OutboundMessage.Status.ACKED,
    OutboundMessage.Status.DELIVERED,
    OutboundMessage.Status.READ,
)


class TooLate(DomainError):
    """This message can no longer be changed."""

    code = "too_late_to_change"


@dataclass(frozen=True)
class _Call:
    account: ChannelAccount
    account_ref: uuid.UUID
    to: Address
    ref: str
    purpose: Purpose
    text: str
    leave: Leave


def may_edit(message: OutboundMessage, *, now: datetime) -> bool:
    """Test whether a message's text may still be replaced; reads nothing."""
    is_text = message.kind == MessageKind.TEXT
    return is_text and _is_ours(message) and _age(message, now) < EDIT_FOR


def may_delete(message: OutboundMessage, *, now: datetime) -> bool:
    """Test whether a message may still be taken back; reads nothing."""
    return _is_ours(message) and _age(message, now) < DELETE_FOR


def edit(*, message_uuid: uuid.UUID, text: str, actor: str, now: datetime) -> None:
    """Replace the text of a message that was sent.

    Raises:
        NothingToSend: no text, or too much of it.
        TooLate: it is too old, was taken back, or was never sent.
        AlreadyTaken: another person is answering this contact.
    """
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not text or len(text) > MAX_TEXT:
        raise replying.NothingToSend
    with transaction.atomic():
        message = _lock(message_uuid, actor=actor)
        if not may_edit(message, now=now):
            raise TooLate
        if text != message.text:
            _want(message, change="edit", text=text, actor=actor, now=now)


def delete(*, message_uuid: uuid.UUID, actor: str, now: datetime) -> None:
    """Take a message that was sent back for everyone.

    Raises:
        TooLate: it is too old, was taken back before, or was never sent.
        AlreadyTaken: another person is answering this contact.
    """
    with transaction.atomic():
        message = _lock(message_uuid, actor=actor)
        if not may_delete(message, now=now):
            raise TooLate
        _want(message, change="delete", text="", actor=actor, now=now)


def undo(*, message_uuid: uuid.UUID, actor: str, now: datetime) -> str:
    """Undo a message of one's own: call it off, or take it back where it has left.

    Returns:
        ``"called_off"``, ``"deleted"``, or empty where it is too late.
    """
    if replying.take_back(message_uuid=message_uuid, actor=actor, now=now):
        return "called_off"
    with transaction.atomic():
        found = OutboundMessage.objects.filter(uuid=message_uuid, written_by=actor).first()
        if found is None or _age(found, now) > timedelta(seconds=UNDO_S + replying.UNDO_S):
            return ""
        try:
            message = _lock(message_uuid, actor=actor)
        except TooLate:
            return ""
        if not _is_ours(message, is_under_way=True):
            return ""
        _want(message, change="delete", text="", actor=actor, now=now)
    return "deleted"


def note_edited(
    *,
    account_ref: uuid.UUID,
    provider_ref: str,
    text: str,
    kind: MessageKind,
    sent_at: datetime,
    now: datetime,
) -> bool:
    """Note what the owner edited on the paired phone; False where no such message was sent.

    Joins the caller's transaction. Of two edits the later one counts, whichever arrives first.

    Args:
        kind: of the message; words stand in for a file that is not kept here.
        sent_at: when it was edited, by the channel's clock.
    """
    message = _sent_by_number(account_ref, provider_ref).select_for_update().first()
    if message is None:
        return False
    at = intake.said_at(sent_at, now)
    if message.edited_at is None or at >= message.edited_at:
        is_text = message.kind == MessageKind.TEXT
        message.text = intake.cut(describe(kind=kind, text=text) if is_text else text)
        message.edited_at = at
        message.save(update_fields=["text", "edited_at"])
    return True


def note_deleted(*, account_ref: uuid.UUID, provider_ref: str, now: datetime) -> bool:
    """Note what the owner took back on the paired phone; False where no such message was sent."""
    return bool(_sent_by_number(account_ref, provider_ref).update(deleted_at=now))


def _sent_by_number(account_ref: uuid.UUID, provider_ref: str) -> QuerySet[OutboundMessage]:
    return OutboundMessage.objects.filter(
        channel_account_ref=account_ref, provider_ref=provider_ref, deleted_at=None
    )


def _age(message: OutboundMessage, now: datetime) -> timedelta:
    return now - (message.acked_at or message.created_at)


def _is_ours(message: OutboundMessage, *, is_under_way: bool = False) -> bool:
    sent = (*_SENT, OutboundMessage.Status.HANDED) if is_under_way else _SENT
    return (
        message.status in sent
        and message.deleted_at is None
        and message.change != "delete"
        and message.origin != OutboundMessage.Origin.PHONE
        and sender_for(message.conversation.channel_kind).changes_messages
    )


def _lock(message_uuid: uuid.UUID, *, actor: str) -> OutboundMessage:
    """Return a message, locked after its conversation, which is everybody's order.

    Raises:
        TooLate: it is gone: planned, and put back among what waits.
        AlreadyTaken: another person is answering this contact.
    """
    found = OutboundMessage.objects.filter(uuid=message_uuid)
    rows = Conversation.objects.select_for_update(of=("self",))
    conversation = rows.filter(outbound__in=found).first()
    if conversation is not None and conversation.claimed_by not in ("", actor):
        raise AlreadyTaken(conversation.claimed_by)
    message = found.select_for_update().first()
    if message is None:
        raise TooLate
    return message


def _want(message: OutboundMessage, *, change: str, text: str, actor: str, now: datetime) -> None:
    message.change, message.changed_text, message.change_problem = change, text, ""
    message.save(update_fields=["change", "changed_text", "change_problem"])
    timers.arm(kind=TIMER, ref=message.pk, due_at=now)
    record(
        action=f"message.{change}_wanted",
        actor=actor,
        target=f"conversation {message.conversation.uuid}",
        data={"message": str(message.uuid)},
    )


def carry_out(*, timer_id: int, token: uuid.UUID) -> DueOutcome:
    """Carry one change out; announced by a timer, safe to run twice."""
    claims = timers.begin([(timer_id, token)])
    if not claims:
        return DueOutcome.NOT_OURS
    claim = claims[0]
    with keep(claim):
        try:
            return _carry_out(claim)
        except Exception:
            logger.exception("message not changed", extra={"message_id": claim.ref})
            due.pause_later(claim)
            return DueOutcome.FAILED


def _carry_out(claim: timers.Claim) -> DueOutcome:
    call = _prepare(claim.ref, now=database_now())
    if isinstance(call, datetime):
        timers.retry(claim, due_at=call)
        return DueOutcome.NOT_DUE
    if not isinstance(call, _Call):
        return _finish(claim, None, reason=call)
    release_connection()
    reach("people_begun")
    began = time.monotonic()
    error = _called(call)
    took_s = time.monotonic() - began
    troubles.note(troubles.Called(call.account_ref, error, took_s, is_trial=False))
    if isinstance(error, Temporary):
        wait_s = min(MAX_RETRY_S, 2.0 ** min(claim.n_attempts, 10))
        timers.retry(claim, due_at=database_now() + timedelta(seconds=wait_s))
        return DueOutcome.NOT_DUE
    return _finish(claim, call, reason="" if error is None else error.reason)


def _called(call: _Call) -> Temporary | Permanent | None:
    try:
        if call.purpose is Purpose.EDIT:
            call.account.edit(to=call.to, ref=call.ref, text=call.text, leave=call.leave)
        else:
            call.account.delete(to=call.to, ref=call.ref, leave=call.leave)
    except (Temporary, Permanent) as error:
        return error
    return None


def _prepare(message_id: int, *, now: datetime) -> _Call | datetime | str:
    """Return what is to be called, when to look again, or why nothing is to be done."""
    message = (
        OutboundMessage.objects.select_related("conversation__contact")
        .filter(pk=message_id)
        .exclude(change="")
        .first()
    )
    if message is None:
        return "it is gone"
    if message.status in OutboundMessage.OPEN:
        return now + timedelta(seconds=2)  # it is on its way
    if message.status not in _SENT:
        return "it was never sent"
    purpose = Purpose(message.change)
    limit = EDIT_FOR if purpose is Purpose.EDIT else DELETE_FOR
    if _age(message, now) > limit + timedelta(minutes=5):
        return "WhatsApp no longer lets it be changed"
    conversation = message.conversation
    with transaction.atomic():
        judge = veto.Judge(now=now)
        account = judge.account(conversation)
        verdict = judge.change(message, conversation, purpose=purpose)
        judge.close()
    match verdict:
        case veto.Wait(until=until):
            return until
        case veto.Refuse(rule=rule):
            return veto.REASONS[rule]
        case veto.Allow(leave=leave):
            if isinstance(account, Permanent):
                return account.reason
            if not identity.is_still_theirs(message):
                return identity.GIVEN_AWAY
            return _Call(
                account=account,
                account_ref=message.channel_account_ref,
                to=identity.address_for(message),
                ref=message.provider_ref,
                purpose=purpose,
                text=message.changed_text,
                leave=leave,
            )
        case _:
            assert_never(verdict)


def _finish(claim: timers.Claim, call: _Call | None, *, reason: str) -> DueOutcome:
    """Note what came of a change; `reason` is why it was not done."""
    with transaction.atomic():
        # Before the timer, as who wants a change does: the other order would be a deadlock.
        message = OutboundMessage.objects.select_for_update().filter(pk=claim.ref).first()
        try:
            is_armed_again = timers.hold(claim)
        except timers.LeaseLost:
            return DueOutcome.LEASE_LOST
        now = database_now()
        if message is not None:
            _note(message, call, reason=reason, is_over=not is_armed_again, now=now)
        timers.finish(claim)
    return DueOutcome.DONE


def _note(
    message: OutboundMessage, call: _Call | None, *, reason: str, is_over: bool, now: datetime
) -> None:
    if reason:
        message.change_problem = reason[:300]
    elif call is not None and call.purpose is Purpose.EDIT:
        message.text, message.edited_at = call.text, now
    else:
        message.deleted_at = now
    if is_over:
        message.change, message.changed_text = "", ""
    message.save(
        update_fields=[
            "change",
            "changed_text",
            "change_problem",
            "text",
            "edited_at",
            "deleted_at",
        ]
    )
