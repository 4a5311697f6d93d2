"""Planned messages: a person writes now what a contact shall read later, unless they write first.

They wait outside the line of their conversation, which a message that waits would hold up, and are
put into it when the veto point has nothing against them. There they are judged once more, and put
back where they have to wait after all.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from conversations.models import Conversation, FollowUp, OutboundMessage
from conversations.services import desks, due, outbox, plans, veto
from conversations.services.due import DueOutcome
from conversations.types import MAX_TEXT
from tenants import timers
from tenants.audit.record import record
from tenants.errors import DomainError

MAX_PLANNED = 5
"""Planned messages of one conversation at a time: more is a campaign, and nobody's follow-up."""

MAX_AHEAD = timedelta(days=180)
"""How far ahead a message may be planned; nobody remembers why after that."""

MAX_LATE = timedelta(hours=24)
"""How late a planned message may be sent where a rule or an outage held it back; it speaks of a day
that is over by then. A closed business does not count."""

_CLOSED = "the contact wrote before it was due"
BY_PERSON = "a person called it off"


class BadPlan(DomainError):
    """A planned message has a text, and an instant in the next half year; five wait at most."""

    code = "bad_plan"
    http_status = 422


def plan(
    *, conversation_uuid: uuid.UUID, text: str, due_at: datetime, actor: str, now: datetime
) -> FollowUp:
    """Plan a message to the contact of a conversation, be it open or archived.

    Args:
        due_at: the earliest instant; the rules of the number may move it. One that has passed
            is now.

    Raises:
        BadPlan: no text, too much of it, too far ahead, or too many.
        NotOfThisQueue: it waits for the people of a queue to which the actor does not belong.
    """
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not text or len(text) > MAX_TEXT or due_at > now + MAX_AHEAD:
        raise BadPlan
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update().get(uuid=conversation_uuid)
        if conversation.claimed_by not in ("", actor):
            desks.require_member(queue_id=conversation.queue_id, username=actor)
        if plans.waiting(conversation).count() >= MAX_PLANNED:
            raise BadPlan
        found = FollowUp.objects.create(
            conversation=conversation,
            text=text,
            due_at=max(due_at, now),
            written_by=actor,
            created_at=now,
        )
        plans.arm(conversation, now=now)
        _record("follow_up.planned", conversation, found, actor)
    return found


def write_first(*, conversation: Conversation, text: str, now: datetime) -> None:
    """Plan the first message to a contact who has not written, for now.

    Joins the caller's transaction, which holds the conversation's lock. Nobody has written it, so
    it is called off once a person has the conversation.
    """
    FollowUp.objects.create(conversation=conversation, text=text, due_at=now, created_at=now)
    plans.arm(conversation, now=now)


def call_off(
    *, conversation_uuid: uuid.UUID, follow_up_uuid: uuid.UUID, actor: str, now: datetime
) -> bool:
    """Call a planned message off; False where it was sent or called off before."""
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update().get(uuid=conversation_uuid)
        found = plans.waiting(conversation).filter(uuid=follow_up_uuid).first()
        if found is None:
            return False
        _end(found, FollowUp.Status.CANCELLED, reason=BY_PERSON)
        plans.arm(conversation, now=now)
        _record("follow_up.called_off", conversation, found, actor)
    return True


def note_contact_wrote(conversation: Conversation, *, now: datetime) -> None:
    """Call off what was planned for a contact who has just written.

    Joins the caller's transaction, which holds the conversation's lock. No query where nothing was
    planned. What was planned in another conversation of theirs is called off when it is due.
    """
    if conversation.follow_up_at is None:
        return
    FollowUp.objects.filter(
        Q(status=FollowUp.Status.WAITING) | Q(message__status=OutboundMessage.Status.CREATED),
        conversation=conversation,
    ).update(status=FollowUp.Status.CANCELLED, reason=_CLOSED)
    n_stopped = OutboundMessage.objects.filter(
        conversation=conversation, is_unasked=True, status=OutboundMessage.Status.CREATED
    ).update(
        status=OutboundMessage.Status.CANCELLED, failure_reason=veto.REASONS[veto.Rule.REPLIED]
    )
    if n_stopped:
        timers.arm(kind=outbox.TIMER, ref=conversation.pk, due_at=now)  # for what stands behind it
    conversation.follow_up_at = None
    conversation.save(update_fields=["follow_up_at"])


def send_due(*, timer_id: int, token: uuid.UUID) -> DueOutcome:
    """Send what is due in one conversation; announced by a timer, safe to run twice."""
    return due.run(timer_id=timer_id, token=token, act=_send_if_due)


def _send_if_due(conversation: Conversation, now: datetime) -> bool:
    judge = veto.Judge(now=now)
    did = False
    for one in plans.waiting(conversation).filter(due_at__lte=now).order_by("due_at", "pk"):
        if reason := _moot(one, conversation, now=now):
            _end(one, FollowUp.Status.CANCELLED, reason=reason)
            continue
        match judge.planned(conversation, written_at=one.created_at):
            case veto.Refuse(rule=veto.Rule.REPLIED):
                _end(one, FollowUp.Status.CANCELLED, reason=_CLOSED)
            case veto.Refuse(rule=rule):
                _end(one, FollowUp.Status.CANCELLED, reason=veto.REASONS[rule])
            case veto.Wait(until=until, rule=rule):
                plans.postpone(one, until=until, rule=rule)
            case None:
                message = outbox.new_message(
                    conversation=conversation,
                    text=one.text,
                    origin=_origin(one),
                    now=now,
                )
                message.is_unasked, message.written_by = True, one.written_by
                if one.reason == veto.REASONS[veto.Rule.PACE]:  # this is the place it was given
                    message.held_by, message.next_attempt_at = veto.Rule.PACE, one.due_at
                outbox.add_messages([message], now=now)
                one.message = message
                _end(one, FollowUp.Status.SENT, reason="")
                did = True
    judge.close()
    plans.arm(conversation, now=now)
    return did


def _moot(one: FollowUp, conversation: Conversation, *, now: datetime) -> str:
    """Return why one is not to be sent any more, whatever the rules say; empty where it is."""
    if now - (one.late_since or one.due_at) > MAX_LATE:
        return one.reason or veto.REASONS[veto.Rule.TOO_OLD]
    is_ours = _origin(one) == OutboundMessage.Origin.SYSTEM
    if is_ours and conversation.mode == Conversation.Mode.HUMAN:
        return veto.REASONS[veto.Rule.TAKEN_OVER]
    return ""


def _origin(one: FollowUp) -> OutboundMessage.Origin:
    origins = OutboundMessage.Origin
    return origins.PERSON if one.written_by else origins.SYSTEM


def _end(one: FollowUp, status: FollowUp.Status, *, reason: str) -> None:
    one.status, one.reason = status, reason
    one.save(update_fields=["status", "reason", "message"])


def _record(action: str, conversation: Conversation, one: FollowUp, actor: str) -> None:
    record(
        action=action,
        actor=actor,
        target=f"conversation {conversation.uuid}",
        data={"follow_up": str(one.uuid)},
    )
