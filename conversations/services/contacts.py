"""What people decide about a contact: leaving it unanswered, and that two are one person."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from conversations.models import Contact, Conversation, InboundMessage, OutboundMessage
from conversations.services import bursts, drafts, identity
from tenants.audit.record import record
from tenants.errors import DomainError


class NotTwo(DomainError):
    """Choose exactly two contacts; groups are joined with nobody."""

    code = "not_two_contacts"

    def __init__(self) -> None:
        super().__init__(gettext("Choose exactly two contacts; groups are joined with nobody."))


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


def merge(*, first: Contact, second: Contact, actor: str) -> Contact:
    """Make one contact of two that are the same person; the older one stays, with both histories.

    Raises:
        NotTwo: they are one already, or one of them is a group.
    """
    with transaction.atomic():
        ids = {first.pk, second.pk}
        Conversation.objects.hold_of(ids)
        held = list(Contact.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
        if len(held) != 2 or any(identity.address_of(one).group for one in held):
            raise NotTwo
        keep, twin = held
        identity.merge_contacts(keep=keep, twin=twin, actor=actor)
    return keep
