"""What a webhook of Chatwoot does to a tenant's rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from django.db.models import Q

from channels_chatwoot import payloads
from channels_chatwoot.models import Inbox, Thread
from channels_chatwoot.services import threads
from channels_chatwoot.types import (
    KIND,
    ContactMessage,
    Echo,
    Edited,
    Ignored,
    Moved,
    Part,
    PersonMessage,
)
from conversations.models import Conversation, InboundMessage, OutboundMessage
from conversations.services import contact_changes, identity, intake, ladder
from conversations.types import NewMessage
from tenants import inbox as public_inbox
from tenants.context import database_now

NOTED_EVERY = timedelta(seconds=10)
"""How exact the instant of the last event is: written for each, one row would hold up all that
comes in at the same time."""


def receive(entry: public_inbox.Entry) -> str:
    """Write one webhook into the current tenant and say what became of it, in a word.

    Joins a transaction, and is safe to run twice; see `tenants.receiving`.
    """
    now = database_now()
    inbox = Inbox.objects.select_related("entry_agent").filter(uuid=entry.device_ref).first()
    if inbox is None:
        return "gone"
    Inbox.objects.filter(
        Q(last_event_at=None) | Q(last_event_at__lt=now - NOTED_EVERY), pk=inbox.pk
    ).update(last_event_at=now)
    event = payloads.parse(
        payloads.read(entry.body), system=inbox.system, received_at=entry.received_at
    )
    if isinstance(event, Ignored):
        return event.reason
    # One bot may serve several inboxes, and this address is for one.
    if (event.where.account_id, event.where.inbox_id) != (inbox.account_id, inbox.inbox_id):
        return "other_inbox"
    match event:
        case ContactMessage():
            return _contact_message(inbox, event, now=now)
        case PersonMessage():
            return _person_message(inbox, event, now=now)
        case Echo():
            return _echo(inbox, event, now=now)
        case Edited():
            return _edited(inbox, event, now=now)
        case Moved():
            return _moved(inbox, event, now=now)
        case _:
            assert_never(event)


def _contact_message(inbox: Inbox, event: ContactMessage, *, now: datetime) -> str:
    where = event.where
    known = InboundMessage.objects.filter(
        channel_account_ref=inbox.uuid, provider_ref=event.parts[0].ref
    )
    if known.exists():
        return "duplicate"
    contact = identity.ensure_contact(address=where.contact, name=where.contact_name)
    conversation = intake.open_conversation(
        contact=contact,
        channel_kind=KIND,
        account_ref=inbox.uuid,
        entry_agent_id=inbox.entry_agent_id,
        now=now,
        thread_ref=where.contact.thread,
    )
    # Before the message, which is answered or not by whose the conversation is.
    threads.note(inbox=inbox, conversation=conversation, where=where, at=event.sent_at, now=now)
    for part in event.parts:
        intake.receive_message(message=_new_message(inbox, event, part), now=now)
    return "stored"


def _new_message(inbox: Inbox, event: ContactMessage, part: Part) -> NewMessage:
    return NewMessage(
        channel_kind=KIND,
        account_ref=inbox.uuid,
        sender=event.where.contact,
        sender_name=event.where.contact_name,
        provider_ref=part.ref,
        kind=part.kind,
        text=part.text,
        sent_at=event.sent_at,
        burst=inbox.burst,
        entry_agent_id=inbox.entry_agent_id,
        quoted_ref=event.quoted_ref,
        media=part.facts,
        file=part.file,
        rules=inbox.rules,
        thread_ref=event.where.contact.thread,
    )


def _person_message(inbox: Inbox, event: PersonMessage, *, now: datetime) -> str:
    conversation = intake.record_person_message(
        channel_kind=KIND,
        account_ref=inbox.uuid,
        recipient=event.where.contact,
        provider_ref=event.ref,
        text=event.text,
        entry_agent_id=inbox.entry_agent_id,
        person=event.person or inbox.name,
        holder=threads.holder(event.person or inbox.name),
        now=now,
        is_old=(now - event.sent_at).total_seconds() > inbox.freshness_s,
    )
    if conversation is None:
        return "duplicate"
    threads.note(
        inbox=inbox, conversation=conversation, where=event.where, at=event.sent_at, now=now
    )
    return "taken_over"


def _echo(inbox: Inbox, event: Echo, *, now: datetime) -> str:
    """Note that Chatwoot has what we wrote, whatever its answer to the call was."""
    if not inbox.is_echoing:
        Inbox.objects.filter(pk=inbox.pk).update(is_echoing=True)
    ladder.apply_receipt(
        account_ref=inbox.uuid, refs=[event.ref], status=OutboundMessage.Status.ACKED, at=now
    )
    Thread.objects.filter(inbox=inbox, note_ref=event.ref).update(is_noted=True)
    return "own_echo"


def _edited(inbox: Inbox, event: Edited, *, now: datetime) -> str:
    if event.is_deleted:
        parts = InboundMessage.objects.filter(
            channel_account_ref=inbox.uuid, provider_ref__in=payloads.refs_of(event.ref)
        )
        known = False
        for ref in parts.order_by("pk").values_list("provider_ref", flat=True):
            known |= contact_changes.delete_message(
                account_ref=inbox.uuid, sender=event.where.contact, provider_ref=ref, now=now
            )
    else:
        known = contact_changes.edit_message(
            account_ref=inbox.uuid,
            sender=event.where.contact,
            provider_ref=event.ref,
            text=event.text,
            burst=inbox.burst,
            now=now,
        )
    return "applied" if known else "unknown_message"


def _moved(inbox: Inbox, event: Moved, *, now: datetime) -> str:
    where = event.where
    found = Conversation.objects.filter(
        pk__in=Thread.objects.filter(inbox=inbox, display_id=where.display_id).values(
            "conversation"
        )
    )
    conversation = found.select_for_update(of=("self",)).select_related("contact", "agent").first()
    if conversation is None:
        return "unknown_conversation"
    threads.note(inbox=inbox, conversation=conversation, where=where, at=event.at, now=now)
    return "applied"
