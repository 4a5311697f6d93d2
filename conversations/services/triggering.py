"""Programs that have an agent answer: the same path that a contact's message takes.

The answer goes nowhere but back to the program: it reads the turn, or is told by webhook. To write
to somebody on WhatsApp is another verb (`replying`), behind the rules for that.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from agents.models import Agent
from agents.services.profiles import AgentNotPublished
from conversations import threads
from conversations.models import Contact, Conversation, InboundMessage, Thread
from conversations.services import intake
from conversations.types import Address, BurstSettings, MessageKind, NewMessage
from tenants.errors import DomainError

BURST = BurstSettings(quiet_s=0.0, max_wait_s=0.0, max_messages=20, freshness_s=900.0)
"""A program has said all that it means to say: its burst is complete at once."""

MIN_TTL, TTL, MAX_TTL = timedelta(minutes=1), timedelta(days=7), timedelta(days=365)
"""How long a thread is remembered after its last message: the shortest, usual and longest."""

FORGOTTEN_AT_ONCE = 200

FORGETTING_S = 60.0
"""After how many seconds of forgetting the rest is left to the next hour."""


class CannotTrigger(DomainError):
    """This agent answers nobody over the API: it is a queue of people, or somebody's own."""

    code = "cannot_trigger"
    http_status = 422


class WithPeople(DomainError):
    """People have this conversation; give it back to the assistant first."""

    code = "with_people"


class NotAnswered(DomainError):
    """Nobody answers this contact: it is blocked, or has asked not to be written to."""

    code = "not_answered"


@dataclass(frozen=True, slots=True)
class Triggered:
    """A turn that will begin.

    Args:
        turn_uuid: its id from now on; several messages that are answered together share one.
        thread: None where it is a contact's conversation.
    """

    turn_uuid: uuid.UUID
    message: InboundMessage
    conversation: Conversation
    thread: Thread | None


def trigger(
    *,
    agent: Agent,
    text: str,
    now: datetime,
    thread_ref: str = "",
    contact: Contact | None = None,
    name: str = "",
    ttl: timedelta = TTL,
) -> Triggered:
    """Have an agent answer a text in a thread; joins the caller's transaction, if there is one.

    Args:
        thread_ref: the program's name for the thread; empty for a new one.
        contact: whose own conversation with the API it is, in place of a thread.
        name: what the agent calls whom it speaks with.
        ttl: how long the thread is remembered after this.

    Raises:
        AgentNotPublished: nothing answers yet.
        CannotTrigger: of a kind that answers no program.
        WithPeople: the conversation was left to people, or one of them has taken it.
        NotAnswered: the contact is left alone.
    """
    if not agent.is_active or agent.published_version_id is None:
        raise AgentNotPublished
    if agent.kind in (Agent.Kind.HUMAN, Agent.Kind.PERSONAL):
        raise CannotTrigger
    with transaction.atomic():
        thread = None
        if contact is None:
            thread = _thread(thread_ref, name=name, expires_at=now + ttl, now=now)
            contact = thread.contact
        conversation = intake.open_conversation(
            contact=contact,
            channel_kind=threads.KIND,
            account_ref=threads.ACCOUNT_REF,
            entry_agent_id=agent.pk,
            now=now,
        )
        if conversation.mode != Conversation.Mode.AI:
            raise WithPeople
        conversation.agent_id = agent.pk
        conversation.next_turn_uuid = conversation.next_turn_uuid or uuid.uuid4()
        conversation.save(update_fields=["agent", "next_turn_uuid"])
        received = intake.receive_message(
            message=_message(text, agent=agent, now=now), now=now, contact=contact
        )
        if received.silence:
            raise NotAnswered
    return Triggered(conversation.next_turn_uuid, received.message, conversation, thread)


def clear_expired(*, now: datetime) -> int:
    """Forget threads whose time is over, with all that was said there; return how many."""
    old = Thread.objects.filter(expires_at__lt=now).order_by("expires_at", "pk")
    until, n_forgotten = time.monotonic() + FORGETTING_S, 0
    while True:
        contacts = list(old.values_list("contact", flat=True)[:FORGOTTEN_AT_ONCE])
        n_forgotten += _forget(contacts, now=now)
        if len(contacts) < FORGOTTEN_AT_ONCE or time.monotonic() > until:
            return n_forgotten


def _forget(contacts: list[int], *, now: datetime) -> int:
    """Forget those whose thread's time is over now that nobody else holds it; return how many."""
    with transaction.atomic():
        # Conversations, threads, contacts: in this order, as everybody locks them.
        Conversation.objects.hold_of(contacts)
        old = Thread.objects.select_for_update().filter(contact__in=contacts, expires_at__lt=now)
        gone = list(old.order_by("pk").values_list("contact", flat=True))
        Contact.objects.filter(pk__in=gone).delete()
    return len(gone)


def _thread(ref: str, *, name: str, expires_at: datetime, now: datetime) -> Thread:
    """Return a thread, locked, that is remembered until then; one that has expired begins anew."""
    ref = ref or str(uuid.uuid4())
    while True:
        found = _held(ref)
        if found is not None and found.expires_at < now:
            _forget([found.contact_id], now=now)
            found = None
        if found is None:
            contact = Contact.objects.create(name=name[:200])
            found, is_new = Thread.objects.get_or_create(
                ref=ref, defaults={"contact": contact, "expires_at": expires_at, "created_at": now}
            )
            if is_new:
                return found
            contact.delete()
            continue  # another call made it meanwhile
        if found.expires_at < expires_at:
            found.expires_at = expires_at
            found.save(update_fields=["expires_at"])
        return found


def _held(ref: str) -> Thread | None:
    """Return the thread of that name, locked after its contact's conversations."""
    rows = Thread.objects.filter(ref=ref)
    contact_id = rows.values_list("contact", flat=True).first()
    if contact_id is None:
        return None
    Conversation.objects.hold_of([contact_id])
    locked = rows.select_for_update(of=("self",)).select_related("contact")
    return locked.filter(contact=contact_id).first()


def _message(text: str, *, agent: Agent, now: datetime) -> NewMessage:
    return NewMessage(
        channel_kind=threads.KIND,
        account_ref=threads.ACCOUNT_REF,
        sender=Address(),
        sender_name="",
        provider_ref=threads.ThreadSender().new_ref(),
        kind=MessageKind.TEXT,
        text=text.replace("\x00", ""),
        sent_at=now,
        burst=BURST,
        entry_agent_id=agent.pk,
    )
