"""The queues of people: who works on what, what happens when nobody does, and what they note."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction
from django.utils.translation import override

from agents.runtime import prompts
from conversations.models import Conversation, Note, OutboundMessage
from conversations.models.people import MAX_ESCALATIONS
from conversations.services import desks, due, hours, memory, outbox, replying, telling
from conversations.services.desks import Desk
from conversations.services.due import DueOutcome
from tenants import timers
from tenants.audit.record import record
from tenants.context import current_schema
from tenants.errors import DomainError
from tenants.models import Tenant

MAX_NOTE = 4000
"""Characters of a note."""


class NotWithPeople(DomainError):
    """The assistant has this conversation; take it over first."""

    code = "not_with_people"


class NoSuchPerson(DomainError):
    """Nobody of that name works here."""

    code = "no_such_person"
    http_status = 422


class NothingToNote(DomainError):
    """There is no text to note, or too much of it."""

    code = "nothing_to_note"
    http_status = 422


def release(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> Conversation:
    """Put a conversation back into the queue, for whoever takes it next.

    A contact who has their answer does not wait there: their next message begins the wait.

    Raises:
        NotWithPeople: the assistant has it, or it is archived.
    """
    with transaction.atomic():
        conversation = _lock(conversation_uuid)
        if conversation.claimed_by:
            is_waiting = conversation.waiting_since is not None
            is_waiting = is_waiting or replying.is_contacts_word_last(conversation)
            _pass_on(conversation, desks.desk_of(conversation), now=now)
            if not is_waiting:
                conversation.waiting_since = conversation.answer_due_at = None
            conversation.save(update_fields=_PASSED)
            _record(conversation, action="conversation.released", actor=actor)
    return conversation


def reassign(
    *,
    conversation_uuid: uuid.UUID,
    actor: str,
    now: datetime,
    person: str = "",
    queue_id: int | None = None,
) -> Conversation:
    """Give a conversation to another person, or put it into another queue.

    Args:
        person: a user name; or
        queue_id: an agent of kind `human`.

    Raises:
        NoSuchPerson: neither is one of this business.
        NotOfThisQueue: the person does not work in the conversation's queue.
        NotWithPeople: the assistant has it, or it is archived.
    """
    with transaction.atomic():
        conversation = _lock(conversation_uuid)
        if person:
            if not desks.workers().filter(username=person).exists():
                raise NoSuchPerson
            desks.require_member(queue_id=conversation.queue_id, username=person)
            conversation.claimed_by = person
            conversation.returns_at = None
        else:
            desk = desks.desks().get(queue_id or 0)
            if desk is None:
                raise NoSuchPerson
            _pass_on(conversation, desk, now=now)
            telling.waiting(conversation, desk, now=now)
        conversation.save(update_fields=_PASSED)
        record(
            action="conversation.reassigned",
            actor=actor,
            target=f"conversation {conversation.uuid}",
            data={"person": person, "queue": conversation.queue_id},
        )
    return conversation


def add_note(*, conversation_uuid: uuid.UUID, text: str, actor: str, now: datetime) -> Note:
    """Note something beside a conversation, for people only.

    Raises:
        NothingToNote: no text, or more than `MAX_NOTE` characters.
    """
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not text or len(text) > MAX_NOTE:
        raise NothingToNote
    with transaction.atomic():
        conversation = Conversation.objects.get(uuid=conversation_uuid)
        note = Note.objects.create(
            conversation=conversation, author=actor, text=text, created_at=now
        )
        memory.reindex_if_archived(conversation)
        _record(conversation, action="conversation.noted", actor=actor)
    return note


def remove_note(*, conversation_uuid: uuid.UUID, note_id: int, actor: str) -> bool:
    """Remove a note of one's own; False where there is none such."""
    with transaction.atomic():
        found = Note.objects.select_related("conversation").filter(
            pk=note_id, conversation__uuid=conversation_uuid, author=actor
        )
        note = found.first()
        if note is None:
            return False
        _record(note.conversation, action="conversation.note_removed", actor=actor)
        note.delete()
        memory.reindex_if_archived(note.conversation)
    return True


def escalate_due(*, timer_id: int, token: uuid.UUID) -> DueOutcome:
    """See whether somebody has answered in time; announced by a timer, safe to run twice."""
    return due.run(timer_id=timer_id, token=token, act=_escalate_if_due)


_PASSED = (
    "queue",
    "claimed_by",
    "waiting_since",
    "answer_due_at",
    "n_escalations",
    "promised_at",
    "returns_at",
)


def _escalate_if_due(conversation: Conversation, now: datetime) -> bool:
    due_at = conversation.answer_due_at
    is_open = conversation.status == Conversation.Status.OPEN
    if not is_open or conversation.mode != Conversation.Mode.HUMAN or due_at is None:
        return False
    if conversation.contact.opted_out_at is not None:
        # Nobody may write to them, so nobody is late, whichever of their numbers they wrote to.
        conversation.waiting_since = conversation.answer_due_at = None
        conversation.save(update_fields=["waiting_since", "answer_due_at"])
        return False
    known = desks.desks()
    desk = known.get(conversation.queue_id or 0, Desk())
    state = hours.state_at(now=now)
    if due_at <= now and not state.is_open:
        # Nobody is late while nobody is expected to be there.
        due_at = conversation.answer_due_at = desk.due_at(now)
        conversation.save(update_fields=["answer_due_at"])
    if due_at > now:
        timers.arm(kind=desks.ESCALATE, ref=conversation.pk, due_at=due_at)
        return False
    conversation.n_escalations += 1
    target = known.get(desk.escalate_to_id or 0)
    if target is not None and conversation.n_escalations <= MAX_ESCALATIONS:
        waiting_since = conversation.waiting_since
        _pass_on(conversation, target, now=now)
        conversation.waiting_since = waiting_since  # the contact has waited all the time
        telling.waiting(conversation, target, now=now)
        conversation.save(update_fields=_PASSED)
    else:
        _give_up(conversation, desk, now=now)
    _record(conversation, action="conversation.escalated", actor="timer")
    return True


def _give_up(conversation: Conversation, desk: Desk, *, now: datetime) -> None:
    """Tell the owners, and once the contact, that nobody has come."""
    if desk.tells_owners:
        telling.nobody_came(conversation, desk, now=now)
    if conversation.promised_at is None:
        conversation.promised_at = now
        tenant = Tenant.objects.get(schema_name=current_schema())
        language = "pt" if tenant.language.lower().startswith("pt") else "en"
        ours = prompts.render(prompts.PromiseText(language, "nobody"))
        with override(tenant.language):
            outbox.add_message(
                conversation=conversation,
                text=desk.promise_text or ours,
                origin=OutboundMessage.Origin.SYSTEM,
                now=now,
            )
    conversation.save(update_fields=_PASSED)


def _pass_on(conversation: Conversation, desk: Desk, *, now: datetime) -> None:
    """Let a conversation wait in a queue, with nobody; the row is not saved."""
    conversation.queue_id, conversation.claimed_by = desk.queue_id, ""
    conversation.returns_at = None
    desks.await_answer(conversation, desk, now=now)


def _lock(conversation_uuid: uuid.UUID) -> Conversation:
    """Return a conversation that people have, locked.

    Raises:
        NotWithPeople: the assistant has it, or it is archived.
    """
    conversation = (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("contact", "agent")
        .get(uuid=conversation_uuid)
    )
    is_open = conversation.status == Conversation.Status.OPEN
    if not is_open or conversation.mode != Conversation.Mode.HUMAN:
        raise NotWithPeople
    return conversation


def _record(conversation: Conversation, *, action: str, actor: str) -> None:
    record(action=action, actor=actor, target=f"conversation {conversation.uuid}", data={})
