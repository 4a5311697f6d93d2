"""Storing what comes in from a contact, once, and waking the assistant where it should wake."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import IntegrityError, transaction

from agents.services import assembly
from conversations.models import (
    Contact,
    Conversation,
    InboundMessage,
    OutboundFile,
    OutboundMessage,
    StaffMessage,
)
from conversations.services import (
    accumulator,
    attaching,
    consent,
    describing,
    desks,
    drafts,
    events,
    follow_ups,
    identity,
    lifecycle,
    takeover,
)
from conversations.types import (
    MAX_HONEST_TEXT,
    MAX_TEXT,
    Address,
    BurstSettings,
    IncomingFile,
    MediaRules,
    MessageKind,
    NewMessage,
    Silence,
)

CLOCK_AHEAD_LIMIT = timedelta(minutes=10)
"""How far a sender's clock may run ahead of ours before its message is taken for a fault."""


@dataclass(frozen=True)
class Received:
    """What became of a message."""

    message: InboundMessage
    is_new: bool
    silence: Silence


def receive_message(
    *, message: NewMessage, now: datetime, contact: Contact | None = None
) -> Received:
    """Store one message and arm the conversation's quiet timer.

    Safe to call twice: a repeat of `provider_ref` returns the stored row and arms nothing. Joins
    the caller's transaction.

    Args:
        contact: who has sent it; None to look for the sender's address.
    """
    stored = InboundMessage.objects.filter(
        channel_account_ref=message.account_ref, provider_ref=message.provider_ref
    ).first()
    if contact is None:
        contact = identity.ensure_contact(address=message.sender, name=message.sender_name)
    earlier = InboundMessage()
    if stored is not None and stored.kind == MessageKind.UNREADABLE != message.kind:
        # What could not be decrypted came again, readable, under the same id. What its sender has
        # changed of it meanwhile stays changed.
        earlier = stored
        stored.delete()
    elif stored is not None:
        return Received(stored, is_new=False, silence=Silence(stored.silence_reason))
    conversation = open_conversation(
        contact=contact,
        channel_kind=message.channel_kind,
        account_ref=message.account_ref,
        entry_agent_id=message.entry_agent_id,
        now=now,
        thread_ref=message.thread_ref,
    )
    silence = _silence(message=message, contact=contact, conversation=conversation, now=now)
    try:
        with transaction.atomic():
            row = InboundMessage.objects.create(
                conversation=conversation,
                channel_account_ref=message.account_ref,
                provider_ref=message.provider_ref,
                kind=message.kind,
                text=earlier.text or cut(message.text),
                media=dict(message.media),
                quoted_ref=message.quoted_ref,
                sent_at=message.sent_at,
                received_at=now,
                silence_reason=silence,
                edited_at=earlier.edited_at,
                deleted_at=earlier.deleted_at,
            )
    except IntegrityError:
        # Another worker stored the same message after we looked.
        row = InboundMessage.objects.get(
            channel_account_ref=message.account_ref, provider_ref=message.provider_ref
        )
        return Received(row, is_new=False, silence=Silence(row.silence_reason))
    conversation.contact = contact
    if silence in consent.HEEDED and (
        heeded := consent.heed(
            conversation=conversation, text=row.text, said_at=row.sent_at, now=now
        )
    ):
        silence = row.silence_reason = heeded
        row.save(update_fields=["silence_reason"])
    conversation.last_message_at = now
    # It may have been opened before the account was given an agent.
    conversation.agent_id = conversation.agent_id or message.entry_agent_id
    is_waiting = not silence and row.deleted_at is None
    if conversation.has_draft and is_waiting:
        freed = drafts.supersede(conversation, reason="a newer message arrived", now=now)
        conversation.n_pending += len(freed)
    conversation.save(
        update_fields=["last_message_at", "agent", "has_draft", "handled_upto", "n_pending"]
    )
    if silence == Silence.HUMAN_MODE:
        desks.note_contact_wrote(conversation, now=now)
    follow_ups.note_contact_wrote(conversation, now=now)
    if message.file is not None and message.rules is not None:
        attaching.attach(message=row, file=message.file, rules=message.rules, now=now)
    events.received(row, conversation=conversation, now=now)
    if is_waiting:
        accumulator.add_message(conversation=conversation, burst=message.burst, now=now)
        transaction.on_commit(partial(assembly.anticipate, row.text))
    return Received(row, is_new=True, silence=silence)


def open_conversation(
    *,
    contact: Contact,
    channel_kind: str,
    account_ref: uuid.UUID,
    entry_agent_id: int | None,
    now: datetime,
    thread_ref: str = "",
) -> Conversation:
    """Return a contact's open conversation on an account, locked until the transaction ends."""
    conversation = _open_conversation(
        contact=contact,
        channel_kind=channel_kind,
        account_ref=account_ref,
        entry_agent_id=entry_agent_id,
        now=now,
        thread_ref=thread_ref,
    )
    if thread_ref and conversation.thread_ref != thread_ref:
        conversation.thread_ref = thread_ref
        conversation.save(update_fields=["thread_ref"])
    return conversation


def _open_conversation(
    *,
    contact: Contact,
    channel_kind: str,
    account_ref: uuid.UUID,
    entry_agent_id: int | None,
    now: datetime,
    thread_ref: str,
) -> Conversation:
    wanted = {
        "contact": contact,
        "channel_account_ref": account_ref,
        "status": Conversation.Status.OPEN,
    }
    conversation = Conversation.objects.select_for_update().filter(**wanted).first()
    if conversation is not None:
        return conversation
    try:
        with transaction.atomic():
            if again := lifecycle.reopen_for_message(
                contact=contact, account_ref=account_ref, entry_agent_id=entry_agent_id, now=now
            ):
                return again
            conversation = Conversation.objects.create(
                **wanted,
                channel_kind=channel_kind,
                agent_id=entry_agent_id,
                opened_at=now,
                last_message_at=now,
                thread_ref=thread_ref,
            )
    except IntegrityError:
        return Conversation.objects.select_for_update().get(**wanted)
    events.opened(conversation, now=now)
    return conversation


def note_typing(
    *,
    sender: Address,
    account_ref: uuid.UUID,
    is_typing: bool,
    burst: BurstSettings,
    now: datetime,
) -> bool:
    """Let the contact's typing move the end of the burst; False where no burst is gathered."""
    conversation = _find_conversation(sender=sender, account_ref=account_ref)
    if conversation is None:
        return False
    return (
        accumulator.note_typing(
            conversation=conversation, is_typing=is_typing, burst=burst, now=now
        )
        is not None
    )


def record_phone_message(
    *,
    channel_kind: str,
    account_ref: uuid.UUID,
    recipient: Address,
    provider_ref: str,
    text: str,
    entry_agent_id: int | None,
    now: datetime,
    kind: MessageKind = MessageKind.TEXT,
    is_old: bool = False,
    sent_at: datetime | None = None,
    facts: Mapping[str, object] | None = None,
    file: IncomingFile | None = None,
    rules: MediaRules | None = None,
) -> str:
    """Store what the owner sent from the paired phone, and let the owner have the conversation.

    Safe to call twice. A file is kept where the channel has brought it along and the account keeps
    such files; nobody waits for it, so it is not fetched. Otherwise words stand in for it.

    Args:
        is_old: it was typed long ago and only arrives now; it is a record and takes nothing over.
        sent_at: when it was sent, by the channel's clock; None where the channel does not say.
        facts: what the channel told beside the text.

    Returns:
        Why the assistant stays silent: ``"own_echo"`` for a message of our own,
        ``"from_the_phone"``, or ``"command_ia"`` and ``"command_pausa"``.
    """
    kept = attaching.from_phone(file, kind=kind, facts=facts or {}, rules=rules)
    found = _record_outside(
        channel_kind=channel_kind,
        account_ref=account_ref,
        recipient=recipient,
        provider_ref=provider_ref,
        text=text if kept else describing.describe(kind=kind, text=text),
        entry_agent_id=entry_agent_id,
        person="",
        now=now,
        # What it is compared with bears the instant of its arrival, and mostly came with it.
        sent_at=sent_at if is_old else None,
        kind=kind,
        kept=kept,
    )
    if found is None:
        return "own_echo"
    if is_old or kind == MessageKind.REACTION:
        return "from_the_phone"
    command = takeover.note_phone(found, text=text, now=now)
    return f"command_{command}" if command else "from_the_phone"


def record_person_message(
    *,
    channel_kind: str,
    account_ref: uuid.UUID,
    recipient: Address,
    provider_ref: str,
    text: str,
    entry_agent_id: int | None,
    person: str,
    holder: str,
    now: datetime,
    is_old: bool = False,
) -> Conversation | None:
    """Store what a person wrote in the channel's own system, and let that person go on.

    Safe to call twice; None where it is known. Its conversation is locked.

    Args:
        person: who wrote, as that system calls them.
        holder: who has the conversation then; see `desks.is_outside`.
        is_old: it was written long ago and only arrives now; it takes nothing over.
    """
    found = _record_outside(
        channel_kind=channel_kind,
        account_ref=account_ref,
        recipient=recipient,
        provider_ref=provider_ref,
        text=text,
        entry_agent_id=entry_agent_id,
        person=person,
        now=now,
    )
    if found is not None and not is_old:
        takeover.take_outside(found, holder=holder, now=now)
        takeover.note_person_spoke(found, now=now)
    return found


def _record_outside(
    *,
    channel_kind: str,
    account_ref: uuid.UUID,
    recipient: Address,
    provider_ref: str,
    text: str,
    entry_agent_id: int | None,
    person: str,
    now: datetime,
    sent_at: datetime | None = None,
    kind: MessageKind = MessageKind.TEXT,
    kept: OutboundFile | None = None,
) -> Conversation | None:
    """Store what somebody of the business sent past us; None where it is known, or our own.

    Args:
        kind: what it is where a file of it is kept; anything else is told by `text`.
    """
    ours = {"channel_account_ref": account_ref, "provider_ref": provider_ref}
    if (
        OutboundMessage.objects.filter(**ours).exists()
        or StaffMessage.objects.filter(**ours).exists()
    ):
        return None
    conversation = open_conversation(
        contact=identity.ensure_contact(address=recipient, name=""),
        channel_kind=channel_kind,
        account_ref=account_ref,
        entry_agent_id=entry_agent_id,
        now=now,
        thread_ref=recipient.thread,
    )
    origin = OutboundMessage.Origin.PERSON if person else OutboundMessage.Origin.PHONE
    message, created = OutboundMessage.objects.get_or_create(
        **ours,
        defaults={
            "conversation": conversation,
            "origin": origin,
            "written_by": person[:150],
            "status": OutboundMessage.Status.ACKED,
            "kind": MessageKind.TEXT if kept is None else kind,
            "text": cut(text),
            "created_at": said_at(sent_at, now),
            "acked_at": now,
        },
    )
    if not created:
        return None
    if kept is not None:
        kept.message = message
        kept.save(force_insert=True)
    return conversation


def _find_conversation(*, sender: Address, account_ref: uuid.UUID) -> Conversation | None:
    contact_id = identity.find_contact_id(sender)
    if contact_id is None:
        return None
    return (
        Conversation.objects.select_for_update()
        .filter(
            contact_id=contact_id,
            channel_account_ref=account_ref,
            status=Conversation.Status.OPEN,
        )
        .first()
    )


def _silence(
    *, message: NewMessage, contact: Contact, conversation: Conversation, now: datetime
) -> Silence:
    age = now - message.sent_at
    reasons = (
        (contact.is_blocked, Silence.BLOCKED),
        (contact.opted_out_at is not None, Silence.OPTED_OUT),
        (message.kind == MessageKind.REACTION, Silence.REACTION),
        (message.kind == MessageKind.STICKER, Silence.STICKER),
        (
            message.kind == MessageKind.UNREADABLE and not message.media.get("view_once"),
            Silence.UNREADABLE,
        ),
        (age > timedelta(seconds=message.burst.freshness_s), Silence.TOO_OLD),
        (-age > CLOCK_AHEAD_LIMIT, Silence.CLOCK_AHEAD),
        (len(message.text) > MAX_HONEST_TEXT, Silence.TOO_LONG),
        (conversation.mode == Conversation.Mode.HUMAN, Silence.HUMAN_MODE),
        (conversation.agent_id is None and message.entry_agent_id is None, Silence.NO_AGENT),
    )
    return next((reason for holds, reason in reasons if holds), Silence.NONE)


def said_at(sent_at: datetime | None, now: datetime) -> datetime:
    """Return when something was said by the channel's clock; now where that tells no time."""
    return now if sent_at is None or sent_at.year <= 1970 else min(sent_at, now)


def cut(text: str) -> str:
    """Return what is kept of a text."""
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 2] + " …"
