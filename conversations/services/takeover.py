"""Moving a conversation between the assistant and people."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from conversations.channels import sender_for
from conversations.models import Contact, Conversation, InboundMessage, OutboundMessage, Turn
from conversations.services import (
    accumulator,
    bursts,
    desks,
    drafts,
    due,
    events,
    following,
    telling,
    veto,
    words,
)
from conversations.services.desks import Desk
from conversations.services.due import DueOutcome
from conversations.types import MessageKind, Silence
from tenants import timers
from tenants.audit.record import record
from tenants.errors import DomainError

RETURN = "return"
"""The kind of timer that brings the assistant back; its ref is the conversation."""

PHONE = words.PAIRED_PHONE

TIMER = "timer"
"""Stands in the audit trail for what time did."""

STOPPED = "taken over by a person"
"""Why a message of the assistant was not sent."""

OPEN_QUESTIONS_FOR = timedelta(hours=24)
"""How long a contact's message waits for an answer. When the assistant comes back later than that,
it is no longer a question that somebody is waiting with."""

_WAITING = (Silence.NONE, Silence.HUMAN_MODE, Silence.ARCHIVED)
"""The silences of a message that the assistant answers when it comes back, if nobody else has."""

_COMMAND = re.compile(bursts.COMMAND, re.IGNORECASE)


class AlreadyTaken(DomainError):
    """Another person has this conversation."""

    code = "already_taken"

    def __init__(self, who: str) -> None:
        super().__init__()
        self.who = who


class ConversationClosed(DomainError):
    """This conversation is archived; the contact's next message opens a new one."""

    code = "conversation_closed"


_PEOPLE = (
    "mode",
    "mode_reason",
    "mode_changed_at",
    "queue",
    "claimed_by",
    "waiting_since",
    "answer_due_at",
    "n_escalations",
    "promised_at",
    "returns_at",
    "has_draft",
    "handled_upto",
    *bursts.COUNTS,
)
"""The columns that tell in whose hands a conversation is."""


def leave_to_people(
    *,
    conversation: Conversation,
    reason: str,
    now: datetime,
    agent_id: int | None = None,
    desk: Desk | None = None,
) -> None:
    """Stop the assistant and let the contact wait in a queue.

    Joins the caller's transaction, which holds the conversation's lock. Whoever has the
    conversation already keeps it.

    Args:
        reason: a code or a short text of ours, for people.
        agent_id: the agent of kind `human` that was chosen; None for the nearest.
        desk: its settings, where the caller has read them.
    """
    if conversation.mode == Conversation.Mode.HUMAN and conversation.claimed_by:
        conversation.mode_reason = reason[:200]
        conversation.save(update_fields=["mode_reason"])
        return
    desk = desk or desks.desks_for([(conversation, agent_id)])[conversation.pk]
    if conversation.mode != Conversation.Mode.HUMAN:
        events.handed_off(conversation, reason=reason, now=now)
    _stop_assistant(conversation, reason=reason, now=now)
    conversation.queue_id, conversation.claimed_by, conversation.returns_at = (
        desk.queue_id,
        "",
        None,
    )
    desks.await_answer(conversation, desk, now=now)
    conversation.save(update_fields=_PEOPLE)
    telling.waiting(conversation, desk, now=now)


def take_over(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> Conversation:
    """Let a person answer from now on; what the assistant was about to send is not sent.

    From the assistant it is taken with a timed return, from a queue without: the assistant has
    given that one up. Of two who ask at once the first gets it.

    Raises:
        AlreadyTaken: another person has it.
        NotOfThisQueue: it waits for the people of a queue to which the actor does not belong.
        ConversationClosed: it is archived.
    """
    with transaction.atomic():
        conversation = _lock(conversation_uuid)
        if conversation.status != Conversation.Status.OPEN:
            raise ConversationClosed
        if conversation.claimed_by == actor:
            return conversation
        if not may_be_taken(conversation, by=actor):
            raise AlreadyTaken(conversation.claimed_by)
        if conversation.mode == Conversation.Mode.HUMAN:
            desks.require_member(queue_id=conversation.queue_id, username=actor)
            conversation.claimed_by = actor
            conversation.save(update_fields=["claimed_by"])
            following.ring([conversation], now=now)
            _record(conversation, action="conversation.claimed", actor=actor)
            return conversation
        _take(conversation, reason=f"taken over by {actor}", holder=actor, now=now)
        _come_back(conversation, now=now)
        conversation.save(update_fields=_PEOPLE)
        _record(conversation, action="conversation.taken_over", actor=actor)
    return conversation


def hand_to(*, conversation: Conversation, actor: str, reason: str, now: datetime) -> None:
    """Let a person have a conversation whose contact the assistant has just left unanswered.

    Joins the caller's transaction, which holds the conversation's lock.
    """
    _take(conversation, reason=reason, holder=actor, now=now)
    desk = desks.desks_for([(conversation, None)])[conversation.pk]
    conversation.queue_id = desk.queue_id
    desks.await_answer(conversation, desk, now=now)
    conversation.save(update_fields=_PEOPLE)


def may_be_taken(conversation: Conversation, *, by: str = "") -> bool:
    """Test whether somebody of the panel may answer: nobody of it has the conversation but `by`."""
    holder = conversation.claimed_by
    return not holder or holder == by or desks.is_outside(holder)


def give_back(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> Conversation:
    """Let the assistant answer again; what nobody has answered yet it answers now."""
    with transaction.atomic():
        conversation = _lock(conversation_uuid)
        if conversation.mode != Conversation.Mode.AI:
            _return(conversation, actor=actor, now=now)
    return conversation


def archive(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> Conversation:
    """Close a conversation; the contact's next message opens a new one."""
    with transaction.atomic():
        conversation = _lock(conversation_uuid)
        if conversation.status != Conversation.Status.ARCHIVED:
            end(conversation, actor=actor, reason="archived", now=now)
            _record(conversation, action="conversation.archived", actor=actor)
    return conversation


def end(conversation: Conversation, *, actor: str, reason: str, now: datetime) -> None:
    """Close a conversation, and have told in the background what became of it.

    Joins the caller's transaction, which holds the conversation's lock.

    Args:
        actor: a user name, or `TIMER` where time did it.
    """
    drafts.supersede(conversation, reason="archived", now=now)
    _note_silence(conversation, Silence.ARCHIVED)
    conversation.status = Conversation.Status.ARCHIVED
    conversation.mode_changed_at = conversation.closed_at = now
    conversation.closed_by = "" if actor == TIMER else actor
    conversation.waiting_since = conversation.answer_due_at = None
    conversation.returns_at = None
    conversation.save(update_fields=[*_PEOPLE, "status", "closed_at", "closed_by"])
    events.closed(conversation, person=conversation.closed_by, reason=reason, now=now)
    timers.arm(kind="memory", ref=conversation.pk, due_at=now)
    _hands_changed(conversation, now=now)


def set_aside(contact: Contact, *, silence: Silence, now: datetime) -> None:
    """Note why what waits in a contact's open conversations is not answered, now or later.

    To be called when what is not sent any more has been cancelled: a person's answer, too.

    One statement for all of them, which asks for no lock of a conversation: whoever notes it has
    one already, and may have to keep to the order of locks.
    """
    InboundMessage.objects.filter(
        ~Exists(
            _spoken().filter(
                conversation=OuterRef("conversation"), created_at__gte=OuterRef("received_at")
            )
        ),
        conversation__contact=contact,
        conversation__status=Conversation.Status.OPEN,
        received_at__gt=now - OPEN_QUESTIONS_FOR,
        turn=None,
        silence_reason__in=_WAITING,
        deleted_at=None,
    ).update(silence_reason=silence)


def stay(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> Conversation:
    """Let the assistant wait until it is given the conversation back, however long that takes."""
    del now
    with transaction.atomic():
        conversation = _lock(conversation_uuid)
        if conversation.returns_at is not None:
            conversation.returns_at = None
            conversation.save(update_fields=["returns_at"])
            _record(conversation, action="conversation.held", actor=actor)
    return conversation


def hold(
    *, conversation_uuid: uuid.UUID, until: datetime, actor: str, now: datetime
) -> Conversation:
    """Take a conversation over, if the assistant has it, and let it come back at an instant."""
    conversation = take_over(conversation_uuid=conversation_uuid, actor=actor, now=now)
    with transaction.atomic():
        conversation = _lock(conversation_uuid)
        if conversation.claimed_by == actor and conversation.returns_at != until:
            conversation.returns_at = until
            conversation.save(update_fields=["returns_at"])
            timers.arm(kind=RETURN, ref=conversation.pk, due_at=until)
            _record(conversation, action="conversation.held", actor=actor)
    return conversation


def note_person_spoke(conversation: Conversation, *, now: datetime) -> None:
    """Note that a person has answered: nobody waits any more, and the assistant comes back later.

    Joins the caller's transaction, which holds the conversation's lock.
    """
    conversation.waiting_since = conversation.answer_due_at = conversation.promised_at = None
    conversation.n_escalations = 0
    if conversation.returns_at is not None:
        _come_back(conversation, now=now)
    conversation.save(update_fields=_PEOPLE)


def note_phone(conversation: Conversation, *, text: str, now: datetime) -> str:
    """Take a conversation for the phone's owner, who has typed in it, or do what they ordered.

    Joins the caller's transaction, which holds the conversation's lock. ``#ia`` lets the assistant
    answer again, ``#pausa`` holds it back, for as many minutes as follow or until ``#ia``.

    Returns:
        ``"ia"``, ``"pausa"``, or an empty text where it was a message.
    """
    command = _COMMAND.match(text)
    if command and command["word"].lower() == "ia":
        if conversation.mode != Conversation.Mode.AI:
            _return(conversation, actor=PHONE, now=now)
        return "ia"
    if _let_have(conversation, holder=PHONE, now=now):
        _come_back(conversation, now=now)
    if command:
        minutes = int(command["minutes"] or 0)
        _hold(conversation, minutes=minutes, now=now)
        conversation.save(update_fields=_PEOPLE)
        _record(conversation, action="conversation.held", actor=PHONE)
        return "pausa"
    note_person_spoke(conversation, now=now)
    return ""


def take_outside(conversation: Conversation, *, holder: str, now: datetime) -> None:
    """Let somebody have a conversation who answers in another system, until it is given back.

    Joins the caller's transaction, which holds the conversation's lock. Whoever has it keeps it,
    but no clock brings the assistant back any more.

    Args:
        holder: see `desks.is_outside`.
    """
    if _let_have(conversation, holder=holder, now=now) or conversation.returns_at is not None:
        conversation.returns_at = None
        conversation.save(update_fields=_PEOPLE)


def return_to_assistant(conversation: Conversation, *, actor: str, now: datetime) -> None:
    """Let the assistant answer again, as `give_back` does, in the caller's transaction.

    It holds the conversation's lock.
    """
    if conversation.mode != Conversation.Mode.AI:
        _return(conversation, actor=actor, now=now)


def return_due(*, timer_id: int, token: uuid.UUID) -> DueOutcome:
    """Bring the assistant back where its time has come; announced by a timer, safe to run twice."""
    return due.run(timer_id=timer_id, token=token, act=_return_if_due)


def _return_if_due(conversation: Conversation, now: datetime) -> bool:
    is_human = conversation.mode == Conversation.Mode.HUMAN
    if not is_human or conversation.returns_at is None:
        return False
    if conversation.status != Conversation.Status.OPEN:
        return False
    if conversation.returns_at > now:  # a person has spoken since
        timers.arm(kind=RETURN, ref=conversation.pk, due_at=conversation.returns_at)
        return False
    _return(conversation, actor=TIMER, now=now)
    return True


def _let_have(conversation: Conversation, *, holder: str, now: datetime) -> bool:
    """Let somebody have a conversation that no person has; False where one has. Not saved."""
    if conversation.mode == Conversation.Mode.AI:
        _take(conversation, reason=f"{words.TAKEN_OVER}{holder}", holder=holder, now=now)
        _record(conversation, action="conversation.taken_over", actor=holder)
    elif not conversation.claimed_by:
        conversation.claimed_by = holder
        _record(conversation, action="conversation.claimed", actor=holder)
    else:
        return False
    return True


def _lock(conversation_uuid: uuid.UUID) -> Conversation:
    return (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("contact", "agent")
        .get(uuid=conversation_uuid)
    )


def _stop_assistant(conversation: Conversation, *, reason: str, now: datetime) -> None:
    """Put a conversation into people's hands; the row is not saved."""
    drafts.supersede(conversation, reason="a person took over", now=now)
    conversation.mode = Conversation.Mode.HUMAN
    conversation.mode_reason = reason[:200]
    conversation.mode_changed_at = now
    conversation.n_escalations, conversation.promised_at = 0, None
    conversation.first_pending_at, conversation.n_pending, conversation.n_superseded = None, 0, 0
    _hands_changed(conversation, now=now)


def _hands_changed(conversation: Conversation, *, now: datetime) -> None:
    """Tell the channel, which may have people of its own."""
    sender_for(conversation.channel_kind).hands_changed(conversation_id=conversation.pk, now=now)


def _take(conversation: Conversation, *, reason: str, holder: str, now: datetime) -> None:
    """Let somebody have a conversation that the assistant had; the row is not saved."""
    _stop_assistant(conversation, reason=reason, now=now)
    _note_silence(conversation, Silence.HUMAN_MODE)
    conversation.queue_id, conversation.claimed_by = None, holder
    conversation.waiting_since = conversation.answer_due_at = None
    events.taken_over(conversation, person=holder, now=now)
    # Notices too: "a person will answer you" is no news once one has.
    n_stopped = OutboundMessage.objects.filter(
        conversation=conversation,
        status=OutboundMessage.Status.CREATED,
        origin__in=(OutboundMessage.Origin.AGENT, OutboundMessage.Origin.SYSTEM),
    ).update(status=OutboundMessage.Status.CANCELLED, failure_reason=STOPPED)
    if n_stopped:
        timers.arm(kind="send", ref=conversation.pk, due_at=now)  # for what stands behind them


def _come_back(conversation: Conversation, *, now: datetime) -> None:
    """Let the assistant come back its agent's time from now on, never earlier than it would.

    The row is not saved.
    """
    agent = conversation.agent
    minutes = agent.return_after_min if agent is not None else 0
    if minutes:
        returns_at = max(now + timedelta(minutes=minutes), conversation.returns_at or now)
        conversation.returns_at = returns_at
        timers.arm(kind=RETURN, ref=conversation.pk, due_at=returns_at)


def _hold(conversation: Conversation, *, minutes: int, now: datetime) -> None:
    """Hold the assistant back for some minutes, or with 0 until it is let in; not saved."""
    conversation.returns_at = now + timedelta(minutes=minutes) if minutes else None
    if conversation.returns_at is not None:
        timers.arm(kind=RETURN, ref=conversation.pk, due_at=conversation.returns_at)


def _return(conversation: Conversation, *, actor: str, now: datetime) -> None:
    """Let the assistant answer again; what nobody has answered is its next burst.

    What the person wrote is in the transcript that its agent gets.

    Args:
        actor: a user name, the paired phone, or `TIMER` where time did it.
    """
    events.returned(conversation, person="" if actor == TIMER else actor, now=now)
    _record(conversation, action="conversation.returned", actor=actor)
    conversation.mode, conversation.mode_reason = Conversation.Mode.AI, ""
    conversation.mode_changed_at = now
    conversation.queue_id, conversation.claimed_by = None, ""
    conversation.waiting_since = conversation.answer_due_at = conversation.promised_at = None
    conversation.returns_at, conversation.n_escalations = None, 0
    unanswered = _unanswered(conversation, now=now)
    InboundMessage.objects.filter(pk__in=unanswered).update(silence_reason="")
    last = InboundMessage.objects.filter(conversation=conversation).order_by("-pk").first()
    conversation.handled_upto = unanswered[0] - 1 if unanswered else last.pk if last else 0
    bursts.start_anew([conversation])
    conversation.save(update_fields=_PEOPLE)
    if unanswered:
        timers.arm(kind=accumulator.TIMER, ref=conversation.pk, due_at=now)
    _hands_changed(conversation, now=now)


def _unanswered(conversation: Conversation, *, now: datetime) -> list[int]:
    """Return the contact's messages since a person spoke last that still want an answer."""
    spoken = (
        _spoken()
        .filter(conversation=conversation)
        .order_by("-created_at")
        .values_list("created_at", flat=True)
        .first()
    )
    since = max(spoken or now - OPEN_QUESTIONS_FOR, now - OPEN_QUESTIONS_FOR)
    _drop_unsent_answers(conversation, since=since)
    return list(
        InboundMessage.objects.filter(
            conversation=conversation,
            received_at__gt=since,
            turn=None,
            silence_reason__in=_WAITING,
            deleted_at=None,
        )
        .exclude(kind__in=(MessageKind.REACTION, MessageKind.STICKER))
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def _spoken() -> QuerySet[OutboundMessage]:
    """Return what people wrote to contacts."""
    return (
        OutboundMessage.objects.filter(
            origin__in=(OutboundMessage.Origin.PERSON, OutboundMessage.Origin.PHONE)
        )
        .exclude(status__in=(OutboundMessage.Status.FAILED, OutboundMessage.Status.CANCELLED))
        .exclude(origin=OutboundMessage.Origin.PHONE, text__iregex=bursts.COMMAND_SQL)
    )


def _note_silence(conversation: Conversation, silence: Silence) -> None:
    """Note why what the assistant was about to answer is not answered."""
    InboundMessage.objects.filter(
        conversation=conversation,
        pk__gt=conversation.handled_upto,
        turn=None,
        silence_reason=Silence.NONE,
        deleted_at=None,
    ).update(silence_reason=silence)


def _drop_unsent_answers(conversation: Conversation, *, since: datetime) -> None:
    """Let the messages since an instant wait again whose answers a person's taking over stopped.

    An answer of which a part went out stays one, and what was left to people is not asked again.
    """
    answers = OutboundMessage.objects.filter(turn=OuterRef("pk"))
    is_sent = answers.exclude(status=OutboundMessage.Status.CANCELLED)
    is_stopped = answers.filter(failure_reason__in=(STOPPED, veto.REASONS[veto.Rule.TAKEN_OVER]))
    dropped = list(
        Turn.objects.filter(~Exists(is_sent), Exists(is_stopped), conversation=conversation)
        .filter(status=Turn.Status.DONE, messages__received_at__gt=since)
        .exclude(outcome=Turn.Outcome.NEEDS_HUMAN)
        .values_list("pk", flat=True)
        .distinct()
    )
    if dropped:
        Turn.objects.filter(pk__in=dropped).update(
            status=Turn.Status.SUPERSEDED, reason="a person took over"
        )
        InboundMessage.objects.filter(turn__in=dropped).update(turn=None)


def _record(conversation: Conversation, *, action: str, actor: str) -> None:
    record(action=action, actor=actor, target=f"conversation {conversation.uuid}", data={})
