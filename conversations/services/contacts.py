"""What people decide about a contact: leaving it unanswered, and that two are one person."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from conversations.models import Contact, Conversation, InboundMessage, OutboundMessage, Thread
from conversations.services import archive, bursts, drafts, identity, takeover
from conversations.types import Silence
from tenants.audit.record import record
from tenants.errors import DomainError


class NotTwo(DomainError):
    """Choose exactly two contacts; groups are joined with nobody."""

    code = "not_two_contacts"

    def __init__(self) -> None:
        super().__init__(gettext("Choose exactly two contacts; groups are joined with nobody."))


class OfAProgram(DomainError):
    """One of the contacts is a program's thread, which is forgotten with all that was said there
    when its time is over; it is joined with nobody."""

    code = "contact_of_a_program"

    def __init__(self) -> None:
        super().__init__(
            gettext(
                "One of them is a program's thread, which is forgotten when its time is over; it is"
                " joined with nobody."
            )
        )


@dataclass(frozen=True, slots=True)
class Automation:
    """Whether the assistant answers a contact.

    Args:
        state: ``"active"`` or ``"paused"``.
        until: None where it does, or where nobody knows.
        reason: ``"blocked"``, ``"opted_out"``, or in whose hands a conversation is.
    """

    state: str
    until: datetime | None = None
    reason: str = ""


def automation(contact: Contact, *, now: datetime) -> Automation:
    """Return whether the assistant answers a contact; paused where one conversation is.

    No query where `open_conversations` were fetched with the contact.
    """
    if contact.is_blocked:
        return Automation("paused", reason="blocked")
    if contact.opted_out_at is not None:
        return Automation("paused", reason="opted_out")
    found = getattr(contact, "open_conversations", None)
    if found is None:
        found = list(contact.conversations.filter(status=Conversation.Status.OPEN))
    held = [one for one in found if one.mode == Conversation.Mode.HUMAN]
    if not held:
        return Automation("active")
    ends = [one.returns_at for one in held]
    until = max((at for at in ends if at is not None), default=None) if all(ends) else None
    return Automation("paused", until, held[0].mode_reason)


def pause(*, contact: Contact, until: datetime | None, actor: str, now: datetime) -> int:
    """Have people answer a contact's open conversations; return how many there are.

    Args:
        until: when the assistant comes back; None for when it is let in.

    Raises:
        AlreadyTaken: another person has one of them.
        NotOfThisQueue: one waits for people of a queue to which the actor does not belong.
    """
    found = _open_ids(contact)
    with transaction.atomic():
        for one in found:
            if until is None:
                takeover.take_over(conversation_uuid=one, actor=actor, now=now)
                takeover.stay(conversation_uuid=one, actor=actor, now=now)
            else:
                takeover.hold(conversation_uuid=one, until=until, actor=actor, now=now)
    return len(found)


def resume(*, contact: Contact, actor: str, now: datetime) -> int:
    """Have the assistant answer a contact's open conversations again; return how many there are."""
    found = _open_ids(contact)
    with transaction.atomic():
        for one in found:
            takeover.give_back(conversation_uuid=one, actor=actor, now=now)
    return len(found)


def _open_ids(contact: Contact) -> list[uuid.UUID]:
    rows = Conversation.objects.filter(contact=contact, status=Conversation.Status.OPEN)
    return list(rows.order_by("pk").values_list("uuid", flat=True))


def rename(*, contact: Contact, name: str, actor: str) -> None:
    """Call a contact something else."""
    contact.name = name
    with transaction.atomic():
        contact.save(update_fields=["name"])
        archive.add_name(contact)
        target = f"contact {contact.uuid}"
        record(action="contact.changed", actor=actor, target=target, data={"fields": ["name"]})


def set_blocked(*, contact: Contact, is_blocked: bool, actor: str, now: datetime) -> bool:
    """Leave a contact unanswered from now on, or answer again; False where it is so already.

    What they write is stored. What waits for an answer or for its sending is set aside; it is not
    answered later either, because the answer would come out of nowhere.
    """
    with transaction.atomic():
        Conversation.objects.hold_of([contact.pk])
        won = Contact.objects.filter(pk=contact.pk, is_blocked=not is_blocked)
        if not won.update(is_blocked=is_blocked):
            return False
        contact.is_blocked = is_blocked
        if is_blocked:
            _set_aside(contact, now=now)
        record(
            action="contact.blocked" if is_blocked else "contact.unblocked",
            actor=actor,
            target=f"contact {contact.uuid}",
            data={},
        )
    return True


def _set_aside(contact: Contact, *, now: datetime) -> None:
    for conversation in Conversation.objects.filter(
        contact=contact, status=Conversation.Status.OPEN
    ):
        drafts.supersede(conversation, reason="the contact is blocked", now=now)
        last = InboundMessage.objects.filter(conversation=conversation).order_by("-pk").first()
        conversation.handled_upto = last.pk if last else conversation.handled_upto
        conversation.n_pending, conversation.n_superseded = 0, 0
        conversation.first_pending_at = conversation.waits_until = None
        conversation.waiting_since = conversation.answer_due_at = None
        conversation.save(
            update_fields=[
                "handled_upto",
                "waits_until",
                "has_draft",
                "waiting_since",
                "answer_due_at",
                *bursts.COUNTS,
            ]
        )
    OutboundMessage.objects.filter(
        conversation__contact=contact, status=OutboundMessage.Status.CREATED
    ).update(status=OutboundMessage.Status.CANCELLED, failure_reason="the contact is blocked")
    takeover.set_aside(contact, silence=Silence.BLOCKED, now=now)


def merge(*, first: Contact, second: Contact, actor: str) -> Contact:
    """Make one contact of two that are the same person; the older one stays, with both histories.

    Raises:
        NotTwo: they are one already, or one of them is a group.
        OfAProgram: one of them is.
    """
    with transaction.atomic():
        ids = {first.pk, second.pk}
        Conversation.objects.hold_of(ids)
        held = list(Contact.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
        if len(held) != 2 or any(identity.address_of(one).group for one in held):
            raise NotTwo
        if Thread.objects.filter(contact__in=ids).exists():
            raise OfAProgram
        keep, twin = held
        identity.merge_contacts(keep=keep, twin=twin, actor=actor)
    return keep
