"""Who a message is from: one contact for a phone and its LID, whichever arrives first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q

from conversations.models import (
    AwayNotice,
    Contact,
    ContactAddress,
    ContactFact,
    Conversation,
    Draft,
    FollowUp,
    Handoff,
    InboundMessage,
    Label,
    Lead,
    Note,
    OutboundMessage,
    StaffMessage,
    Turn,
)
from conversations.services import bursts, desks, drafts, lead_merging
from conversations.types import Address, Silence
from tenants import timers
from tenants.audit.record import record
from tenants.context import database_now

PHONE, LID = ContactAddress.Kind.PHONE, ContactAddress.Kind.LID

GIVEN_AWAY = "its number belongs to somebody else now"
"""Why a message is not repeated or changed any more."""

_IN_HANDS = (
    "mode",
    "mode_reason",
    "mode_changed_at",
    "queue_id",
    "claimed_by",
    "waiting_since",
    "answer_due_at",
    "n_escalations",
    "promised_at",
    "returns_at",
)
"""What tells in whose hands a conversation is; of two that are joined, people's hands hold."""

_OF_THE_LATEST = ("agent_id", "last_handoff_id", "recent_hops", "thread_ref", "last_message_at")
"""What tells where a conversation stands; of two that are joined, the one that was last written in
goes on."""


def ensure_contact(*, address: Address, name: str, is_from_channel: bool = True) -> Contact:
    """Return the contact of an address, created or completed as needed.

    Where phone and LID are known of two different contacts, they are the same person: the newer one
    is merged into the older, and nothing of either history is lost.

    Args:
        address: a phone, a LID, a group, an id elsewhere, or several. A Brazilian mobile number is
            the same person with its ninth digit and without.
        name: what the contact calls itself; kept only while none is known.
        is_from_channel: the channel itself gave the address. What was typed into a form is no newer
            knowledge of how WhatsApp writes a number that is known in its other form.
    """
    wanted = _wanted(address)
    if not wanted:
        raise ValueError("an address needs a phone or a LID")
    try:
        with transaction.atomic():
            return _find_or_create(wanted=wanted, name=name, adds=is_from_channel)
    except IntegrityError:
        # Another worker created the same contact meanwhile; now it is found.
        with transaction.atomic():
            return _find_or_create(wanted=wanted, name=name, adds=is_from_channel)


def find_contact_id(address: Address) -> int | None:
    """Return the contact of an address; None where nobody is known under it."""
    wanted = _wanted(address)
    if not wanted:
        return None
    rows = ContactAddress.objects.filter(_either(wanted)).order_by("contact_id")
    return rows.values_list("contact_id", flat=True).first()


def find_contact(address: Address) -> Contact | None:
    """Return the contact of an address; None where nobody is known under it."""
    contact_id = find_contact_id(address)
    return None if contact_id is None else Contact.objects.get(pk=contact_id)


def address_of(contact: Contact) -> Address:
    """Return all that is known of where a contact can be reached."""
    return _address(contact.addresses.all())


def address_in(conversation: Conversation) -> Address:
    """Return where the contact of a conversation is written to in it.

    Of several phones it is the one that was last written from, where the channel says so.
    """
    addresses, thread = list(conversation.contact.addresses.all()), conversation.thread_ref
    found = replace(_address(addresses), thread=thread)
    is_phone = any(one.kind == PHONE and one.value == thread for one in addresses)
    return replace(found, phone=thread) if is_phone else found


def address_for(message: OutboundMessage) -> Address:
    """Return where a message goes: where it was handed over first, wherever the contact is by now.

    Only in that chat does the channel know it; at another number it would be a second message. Of
    two names of that chat the one that is somebody else's now is left out.
    """
    current = address_in(message.conversation)
    if message.handed_to is None:
        return current
    first = _first(message)
    is_lid_theirs = _is_of(message, LID, first.lid)
    if _is_of(message, PHONE, first.phone):
        # The channel may keep the same chat under a name that was not known then.
        return first if is_lid_theirs else replace(first, lid=current.lid)
    if is_lid_theirs:
        thread = "" if first.thread == first.phone else first.thread
        return replace(first, phone="", thread=thread)
    return first


def is_still_theirs(message: OutboundMessage) -> bool:
    """Test whether its contact is still who is reached where a message was handed over first."""
    wanted = {} if message.handed_to is None else _wanted(_first(message))
    return not wanted or any(_is_of(message, kind, value) for kind, value in wanted.items())


def pinned(address: Address) -> dict[str, str]:
    """Return an address as `OutboundMessage.handed_to` keeps it."""
    return {part: value for part, value in asdict(address).items() if value}


def _first(message: OutboundMessage) -> Address:
    """Read what `pinned` wrote, perhaps in another release, whose addresses have other parts."""
    kept = message.handed_to or {}
    return Address(**{part.name: kept.get(part.name, "") for part in fields(Address)})


def _is_of(message: OutboundMessage, kind: str, value: str) -> bool:
    addresses = message.conversation.contact.addresses.all()
    return any((one.kind, one.value) == (kind, value) for one in addresses)


def _address(rows: Iterable[ContactAddress]) -> Address:
    # Sorted here, so that addresses that were fetched with the contact are used. Of two phones the
    # newest counts: it came from WhatsApp itself, which knows a number in one form only.
    known = {one.kind: one.value for one in sorted(rows, key=lambda one: one.pk)}
    return Address(
        phone=known.get(PHONE, ""),
        lid=known.get(LID, ""),
        group=known.get(ContactAddress.Kind.GROUP, ""),
        external=known.get(ContactAddress.Kind.EXTERNAL, ""),
    )


def _wanted(address: Address) -> dict[str, str]:
    pairs = {
        ContactAddress.Kind.PHONE: address.phone,
        ContactAddress.Kind.LID: address.lid,
        ContactAddress.Kind.GROUP: address.group,
        ContactAddress.Kind.EXTERNAL: address.external,
    }
    return {str(kind): value for kind, value in pairs.items() if value}


def _either(wanted: dict[str, str]) -> Q:
    """Return the condition of being known under any of some addresses."""
    either = Q()
    for kind, value in wanted.items():
        either |= Q(kind=kind, value__in=phone_forms(value) if kind == PHONE else [value])
    return either


def _find_or_create(*, wanted: dict[str, str], name: str, adds: bool) -> Contact:
    found: dict[int, Contact] = {}
    known: set[str] = set()
    rows = list(ContactAddress.objects.select_related("contact").filter(_either(wanted)))
    others = _of_other_accounts(rows) if adds and wanted.keys() >= {PHONE, LID} else set()
    if others:
        _take_number(wanted[PHONE], of=others)
    for row in rows:
        if row.contact_id in others:
            continue
        found[row.contact_id] = row.contact
        if row.value == wanted[row.kind]:
            known.add(row.kind)
    unknown = wanted.keys() - known if adds or not found else set()
    if not found:
        contact = Contact.objects.create(name=name[:200])
    else:
        oldest = found[min(found)]
        is_named = bool(name) and not oldest.name
        if unknown or is_named or len(found) > 1:
            Conversation.objects.hold_of(found)
        contact = found.pop(oldest.pk)
        for twin in found.values():
            merge_contacts(keep=contact, twin=twin, actor="channel")
        if is_named and not contact.name:
            contact.name = name[:200]
            contact.save(update_fields=["name"])
    for kind in unknown:
        ContactAddress.objects.create(contact=contact, kind=kind, value=wanted[kind])
    return contact


def _of_other_accounts(rows: Sequence[ContactAddress]) -> set[int]:
    """Return the contacts of some addresses that WhatsApp knows as others than who writes now.

    A LID names an account for good; a phone number is given to somebody else once its owner has
    given it up.
    """
    by_phone = {row.contact_id for row in rows} - {
        row.contact_id for row in rows if row.kind == LID
    }
    if not by_phone:
        return set()
    found = ContactAddress.objects.filter(contact__in=by_phone, kind=LID)
    return set(found.values_list("contact_id", flat=True))


def _take_number(phone: str, *, of: Collection[int]) -> None:
    """Take a number from who had it before; their conversations stay theirs."""
    Conversation.objects.hold_of(of)
    ContactAddress.objects.filter(contact__in=of, kind=PHONE, value__in=phone_forms(phone)).delete()
    for contact in Contact.objects.filter(pk__in=of).order_by("pk"):
        record(
            action="contact.number_taken",
            actor="channel",
            target=f"contact {contact.uuid}",
            data={},
        )


def phone_forms(phone: str) -> list[str]:
    """Return a phone with its other form, where it is a Brazilian mobile number.

    Mobile numbers got a ninth digit between 2012 and 2016; WhatsApp still knows older accounts
    without it, and people write them either way. Source: Anatel, resolution 553/2010.
    """
    if not phone.startswith("55"):
        return [phone]
    area, number = phone[2:4], phone[4:]
    if len(number) == 9 and number[0] == "9" and number[1] in "6789":
        return [phone, f"55{area}{number[1:]}"]
    if len(number) == 8 and number[0] in "6789":
        return [phone, f"55{area}9{number}"]
    return [phone]


def merge_contacts(*, keep: Contact, twin: Contact, actor: str) -> None:
    """Move everything of `twin` to `keep` and remove it; joins the caller's transaction.

    The caller holds the conversations of both (`Conversation.objects.hold_of`).

    Args:
        actor: a user name, or ``"channel"`` where the channel told that they are one person.
    """
    record(
        action="contact.merged",
        actor=actor,
        target=f"contact {keep.uuid}",
        data={
            "twin": str(twin.uuid),
            "conversations": [
                str(one) for one in twin.conversations.values_list("uuid", flat=True)
            ],
            "addresses": [one.pk for one in twin.addresses.all()],
        },
    )
    for conversation in Conversation.objects.select_for_update().filter(contact=twin):
        target = (
            Conversation.objects.select_for_update()
            .filter(
                contact=keep,
                channel_account_ref=conversation.channel_account_ref,
                status=Conversation.Status.OPEN,
            )
            .first()
        )
        if target is None or conversation.status != Conversation.Status.OPEN:
            conversation.contact = keep
            conversation.save(update_fields=["contact"])
            continue
        _merge_conversations(target=target, source=conversation)
    ContactAddress.objects.filter(contact=twin).update(contact=keep)
    told = AwayNotice.objects.filter(contact=keep).values("period")
    AwayNotice.objects.filter(contact=twin).exclude(period__in=told).update(contact=keep)
    _merge_facts(keep=keep, twin=twin)
    lead_merging.merge(keep=keep, twin=twin, now=database_now())
    if twin.opted_out_at and not keep.opted_out_at:
        keep.opted_out_at = twin.opted_out_at
    keep.is_blocked = keep.is_blocked or twin.is_blocked
    keep.name = keep.name or twin.name
    keep.save(update_fields=["opted_out_at", "is_blocked", "name"])
    twin.delete()


def _merge_facts(*, keep: Contact, twin: Contact) -> None:
    """Keep of each kind what a person wrote, else what was said last."""

    def weight(fact: ContactFact) -> tuple[bool, int, datetime]:
        return bool(fact.set_by), fact.source_id or 0, fact.learnt_at

    found = {one.kind: one for one in ContactFact.objects.filter(contact=keep)}
    for theirs in ContactFact.objects.filter(contact=twin):
        if (ours := found.get(theirs.kind)) is not None:
            if weight(theirs) <= weight(ours):
                continue
            ours.delete()
        theirs.contact = keep
        theirs.save(update_fields=["contact"])


def _merge_conversations(*, target: Conversation, source: Conversation) -> None:
    """Join two open conversations of one person on one device.

    The ids of inbound messages are one sequence, so what was handled on either side must stay
    handled: it is marked on the messages themselves before the marks are joined.
    """
    # The target's as well: what waits on the source's side is answered with it, by one new draft.
    for one in (source, target):
        drafts.supersede(one, reason="contacts merged", now=database_now())
    unhandled = InboundMessage.objects.filter(silence_reason="", turn=None, deleted_at=None)
    pending_of = {
        one: list(
            unhandled.filter(conversation=one, pk__gt=one.handled_upto).values_list("pk", flat=True)
        )
        for one in (target, source)
    }
    pending = [*pending_of[target], *pending_of[source]]
    asked_assistant = any(
        found for one, found in pending_of.items() if one.mode == Conversation.Mode.AI
    )
    # A turn that is running for the source loses its conversation and with it the right to commit.
    Turn.objects.filter(conversation=source, status=Turn.Status.RUNNING).update(
        status=Turn.Status.SUPERSEDED, reason="contacts merged"
    )
    Turn.objects.filter(conversation=source).update(conversation=target)
    Handoff.objects.filter(conversation=source).update(conversation=target)
    InboundMessage.objects.filter(conversation=source).update(conversation=target)
    OutboundMessage.objects.filter(conversation=source).update(conversation=target)
    for model in (Note, StaffMessage, FollowUp):
        model._default_manager.filter(conversation=source).update(conversation=target)
    Draft.objects.filter(conversation=source).update(conversation=target)
    Lead.objects.filter(conversation=source).update(conversation=target)
    target.labels.add(*Label.objects.filter(conversations=source))
    if Conversation.Mode.HUMAN in (target.mode, source.mode):
        pending = []  # people have what waits on either side
    # Handled without a turn: a person dealt with it before the assistant was let in again.
    unhandled.filter(conversation=target).exclude(pk__in=pending).update(
        silence_reason=Silence.HUMAN_MODE
    )
    _join_states(target, source)
    target.n_pending = len(pending)
    # The target's running turn begins anew: its mark lies behind what waits on the source's side.
    target.n_superseded = 0
    starts = [c.first_pending_at for c in (target, source) if c.first_pending_at is not None]
    target.first_pending_at = min(starts) if pending and starts else None
    target.handled_upto = (
        (min(pending) - 1) if pending else max(target.handled_upto, source.handled_upto)
    )
    target.save(
        update_fields=[
            *bursts.COUNTS,
            "handled_upto",
            "has_draft",
            "follow_up_at",
            "opened_at",
            "summary",
            "summarised_until",
            "waits_until",
            *(name.removesuffix("_id") for name in (*_OF_THE_LATEST, *_IN_HANDS)),
        ]
    )
    source.delete()
    timers.arm(kind="send", ref=target.pk, due_at=database_now())
    if target.follow_up_at is not None:
        timers.arm(kind="follow_up", ref=target.pk, due_at=target.follow_up_at)
    if target.mode == Conversation.Mode.HUMAN:
        # Both look at the row for what is due, and when.
        for kind in ("return", "escalate"):
            timers.arm(kind=kind, ref=target.pk, due_at=database_now())
        if asked_assistant or source.waiting_since is not None:
            desks.note_contact_wrote(target, now=database_now())
    if pending:
        # The source's timer finds nothing any more, and what led here may be no message that wakes.
        timers.arm(kind="turn", ref=target.pk, due_at=database_now())


def _join_states(target: Conversation, source: Conversation) -> None:
    """Write into `target`, which is not saved, where the two of them stand together."""
    both = (target, source)
    taken: tuple[str, ...] = ()
    if source.last_message_at > target.last_message_at:
        taken += _OF_THE_LATEST
    if source.mode == Conversation.Mode.HUMAN and target.mode != Conversation.Mode.HUMAN:
        taken += _IN_HANDS
    for name in taken:
        setattr(target, name, getattr(source, name))
    target.opened_at = min(one.opened_at for one in both)
    # Each summary tells of its own side up to some instant. They stay until the next one is made,
    # from the beginning of both.
    target.summary = "\n".join(one.summary for one in both if one.summary)
    target.summarised_until = None
    target.waits_until = max((one.waits_until for one in both if one.waits_until), default=None)
    target.follow_up_at = min((one.follow_up_at for one in both if one.follow_up_at), default=None)
