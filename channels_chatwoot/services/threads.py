"""Conversations there and ours: which belong together, and who has moved which.

Both sides know three states: with the assistant, with people, over. `Thread.agreed` is the one in
which they last were together; whoever differs from it has moved the conversation.
"""

from __future__ import annotations

from datetime import datetime

from channels_chatwoot.models import Inbox, Thread
from channels_chatwoot.services import inboxes
from channels_chatwoot.types import Hands, Where
from conversations.models import Conversation
from conversations.services import desks, takeover
from tenants import timers

TIMER = "chatwoot"
"""The kind of timer that compares a conversation with Chatwoot's; its ref is our conversation."""


def holder(name: str) -> str:
    """Return who has a conversation where a person answers in Chatwoot."""
    return f"Chatwoot: {name}"


def hands(conversation: Conversation) -> Hands:
    """Return in whose hands a conversation of ours is."""
    if conversation.status != Conversation.Status.OPEN:
        return Hands.CLOSED
    return Hands(conversation.mode)


def note(
    *, inbox: Inbox, conversation: Conversation, where: Where, at: datetime, now: datetime
) -> None:
    """Note what an event says of a conversation; joins a transaction that holds its lock.

    An event may be minutes old; one from before what is known tells no status. That people have
    taken the conversation is believed at once, for the assistant must not talk over them;
    everything else is first asked about (the timer does).

    Args:
        at: when that happened of which the event tells.
    """
    thread = _of(inbox, conversation, where, now=now)
    thread.n_events += 1
    thread.last_event_at = now
    at = min(at, now)  # a clock that is fast must not silence all that follows
    is_news = thread.status_at is None or at >= thread.status_at
    if is_news:
        thread.status, thread.status_at = where.status, at
    ours = hands(conversation)
    is_taken = is_news and where.hands is Hands.HUMAN
    if is_taken and ours is Hands.AI and thread.agreed == Hands.AI:
        take(conversation, inbox=inbox, where=where, now=now)
        thread.agreed = Hands.HUMAN
    thread.save()
    if where.hands != hands(conversation) or thread.agreed != where.hands:
        timers.arm(kind=TIMER, ref=conversation.pk, due_at=now)


def take(conversation: Conversation, *, inbox: Inbox, where: Where, now: datetime) -> None:
    """Let the people in Chatwoot have a conversation; joins a transaction that holds its lock."""
    who = holder(where.assignee or inbox.name)
    takeover.take_outside(conversation, holder=who, now=now)


def wants_note(thread: Thread, conversation: Conversation) -> bool:
    """Test whether people there must be told why they have a conversation, and what it is about.

    A new handing over gets an id for its note; the row is not saved. Who answers in Chatwoot has
    taken it there, and knows.
    """
    if conversation.mode != Conversation.Mode.HUMAN or desks.is_outside(conversation.claimed_by):
        return False
    if thread.note_for != conversation.mode_changed_at:
        thread.note_for, thread.note_ref = conversation.mode_changed_at, inboxes.new_ref()
        thread.note_tried_at, thread.is_noted = None, False
    return not thread.is_noted


def _of(inbox: Inbox, conversation: Conversation, where: Where, *, now: datetime) -> Thread:
    """Return the thread of a conversation, locked; a new one is the assistant's at first."""
    found = Thread.objects.select_for_update().filter(inbox=inbox, display_id=where.display_id)
    thread = found.first()
    if thread is not None and thread.conversation_id == conversation.pk:
        return thread
    # Chatwoot goes on with one conversation where we began another, and the other way round.
    Thread.objects.filter(conversation=conversation).delete()
    thread = thread or Thread(inbox=inbox, display_id=where.display_id)
    thread.conversation, thread.agreed = conversation, Hands.AI
    thread.note_for, thread.last_event_at, thread.status_at = None, now, None
    timers.arm(kind=TIMER, ref=conversation.pk, due_at=now)
    return thread
