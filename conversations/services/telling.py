"""Telling the business's own people that a contact waits for them, on their own WhatsApp.

The numbers are settings of a queue, never an answer of a model and never a contact's. What is told
holds no message of the contact: a number that was mistyped must not read the conversation.
"""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from conversations.channels import ChannelAccount, sender_for
from conversations.models import ContactAddress, Conversation, StaffMessage
from conversations.services import desks, due, identity, troubles, veto, words
from conversations.services.desks import Desk
from conversations.services.due import DueOutcome
from conversations.types import Address
from conversations.types_sending import Content, Leave
from integrations.services import notices
from tenants import timers
from tenants.context import current_schema, database_now, release_connection
from tenants.errors import Permanent, Temporary
from tenants.failpoints import reach
from tenants.leases import keep
from tenants.models import Tenant

logger = logging.getLogger(__name__)

TIMER = "tell"
"""The kind of timer that sends a message to staff; its ref is the message."""

MAX_RETRY_S = 60.0


def waiting(conversation: Conversation, desk: Desk, *, now: datetime) -> int:
    """Tell a queue's numbers that a contact waits; return how many are told.

    Joins the caller's transaction, which holds the conversation's lock.
    """
    if not desk.staff_phones or desk.queue_id is None:
        return 0
    tenant = Tenant.objects.get(schema_name=current_schema())
    theirs = ContactAddress.objects.filter(
        contact=conversation.contact_id, kind=ContactAddress.Kind.PHONE
    )
    contacts = set(theirs.values_list("value", flat=True))
    with override(tenant.language), timezone.override(tenant.timezone):
        text = _text(conversation, desk)
    rows = [
        StaffMessage(
            conversation=conversation,
            channel_kind=conversation.channel_kind,
            channel_account_ref=conversation.channel_account_ref,
            provider_ref=sender_for(conversation.channel_kind).new_ref(),
            queue_id=desk.queue_id,
            phone=phone,
            text=text,
            created_at=now,
        )
        for phone in desk.staff_phones
        if phone not in contacts  # who waits is not told that they wait
    ]
    StaffMessage.objects.bulk_create(rows)
    timers.arm_all(kind=TIMER, refs=[row.pk for row in rows], due_at=now)
    return len(rows)


def _text(conversation: Conversation, desk: Desk) -> str:
    named = {
        "contact": Truncator(str(conversation.contact)).chars(60),
        "queue": desk.name,
        "reason": words.reason(conversation.mode_reason),
    }
    lines = [
        _("%(contact)s is waiting for a person (%(queue)s).") % named,
        _("Reason: %(reason)s.") % named,
    ]
    if conversation.answer_due_at is not None:
        at = timezone.localtime(conversation.answer_due_at)
        # Translators: an instant in a WhatsApp message to staff, in Django's date format.
        lines.append(_("Answer until %(at)s.") % {"at": date_format(at, _("m/d, H:i"))})
    return "\n".join(lines)


def nobody_came(conversation: Conversation, desk: Desk, *, now: datetime) -> None:
    """Tell the owners, and the queue's numbers again, that a contact has waited too long.

    Joins the caller's transaction, which holds the conversation's lock.
    """
    waiting(conversation, desk, now=now)
    notices.tell(
        kind="queue.late",
        subject=str(conversation.uuid),
        title=gettext_lazy("Nobody has answered in time: %(contact)s"),
        text=gettext_lazy("The conversation still waits in the queue. Take it, or pass it on."),
        values={"contact": Truncator(str(conversation.contact)).chars(60)},
        page="conversations_conversation_queue",
        now=now,
    )


@dataclass(frozen=True)
class _Call:
    account: ChannelAccount
    account_ref: uuid.UUID
    phone: str
    text: str
    ref: str
    leave: Leave


def send(*, timer_id: int, token: uuid.UUID) -> DueOutcome:
    """Send one message to staff: claim, call, commit; safe to run twice.

    A repeat after an unknown outcome carries the same id. It is tried until it is stale.
    """
    claims = timers.begin([(timer_id, token)])
    if not claims:
        return DueOutcome.NOT_OURS
    claim = claims[0]
    with keep(claim):
        try:
            return _send(claim)
        except Exception:
            logger.exception("staff not told", extra={"message_id": claim.ref})
            due.pause_later(claim)
            return DueOutcome.FAILED


def _send(claim: timers.Claim) -> DueOutcome:
    call = _prepare(claim.ref)
    if isinstance(call, veto.Wait):
        timers.retry(claim, due_at=call.until)
        return DueOutcome.NOT_DUE
    if not isinstance(call, _Call):
        return _finish(claim, reason=call)
    release_connection()
    reach("people_begun")
    began = time.monotonic()
    error = _called(call, is_repeat=claim.n_attempts > 1)
    took_s = time.monotonic() - began
    troubles.note(troubles.Called(call.account_ref, error, took_s, is_trial=False))
    if isinstance(error, Temporary):
        wait_s = min(MAX_RETRY_S, 2.0 ** min(claim.n_attempts, 10))
        timers.retry(claim, due_at=database_now() + timedelta(seconds=wait_s))
        return DueOutcome.NOT_DUE
    return _finish(claim, reason="" if error is None else error.reason)


def _called(call: _Call, *, is_repeat: bool) -> Temporary | Permanent | None:
    to = Address(phone=call.phone)
    try:
        # Of an earlier try nobody may know whether it sent; where the channel cannot say, a notice
        # that comes twice under its id is better than none.
        if not is_repeat or not call.account.was_sent(to=to, ref=call.ref):
            call.account.send(to=to, content=Content(call.text), ref=call.ref, leave=call.leave)
    except (Temporary, Permanent) as error:
        return error
    return None


def _prepare(message_id: int) -> _Call | veto.Wait | str:
    """Return what is to be called, until when it waits, or why nothing is."""
    message = StaffMessage.objects.filter(pk=message_id, status=StaffMessage.Status.CREATED).first()
    if message is None:
        return "it is gone"
    desk = desks.desks().get(message.queue_id)
    if desk is None or message.phone not in desk.staff_phones:
        return "the number is no longer told"
    now = database_now()
    if now - message.created_at > veto.STALE_AFTER:
        return "it became too old to be sent"
    with transaction.atomic():
        judge = veto.Judge(now=now)
        account = judge.account_of(message.channel_kind, message.channel_account_ref)
        verdict = judge.staff(
            channel_kind=message.channel_kind,
            ref=message.channel_account_ref,
            contact=identity.find_contact(Address(phone=message.phone)),
        )
        judge.close()
    match verdict:
        case veto.Wait():
            return verdict
        case veto.Refuse(rule=rule):
            return veto.REASONS[rule]
        case veto.Allow(leave=leave):
            if isinstance(account, Permanent):
                return account.reason
            ref = message.channel_account_ref
            return _Call(account, ref, message.phone, message.text, message.provider_ref, leave)
        case _:
            assert_never(verdict)


def _finish(claim: timers.Claim, *, reason: str) -> DueOutcome:
    """Note what came of a message; `reason` is why it was not sent."""
    with transaction.atomic():
        try:
            timers.hold(claim)
        except timers.LeaseLost:
            return DueOutcome.LEASE_LOST
        now = database_now()
        status = StaffMessage.Status.FAILED if reason else StaffMessage.Status.SENT
        StaffMessage.objects.filter(pk=claim.ref, status=StaffMessage.Status.CREATED).update(
            status=status, failure_reason=reason[:300], sent_at=None if reason else now
        )
        timers.finish(claim)
    if reason:
        logger.warning("staff not told", extra={"message_id": claim.ref, "reason": reason})
    return DueOutcome.DONE
