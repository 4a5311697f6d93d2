"""One conversation here and there: its status is read back, and whoever moved it is followed.

One timer for each conversation: every minute, and at once when something changed on either side.
Ours decides what the assistant does, theirs what people see; of two states that differ the one that
differs from the last agreement is the newer.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction

from channels_chatwoot import payloads
from channels_chatwoot.client import Chatwoot, NotForBots, NotThere
from channels_chatwoot.models import Inbox, Thread
from channels_chatwoot.services import inboxes, missed, notes, threads
from channels_chatwoot.services.threads import TIMER
from channels_chatwoot.types import Hands, Where, hands_of
from conversations.models import Conversation
from conversations.services import takeover
from tenants import timers
from tenants.context import database_now, release_connection
from tenants.errors import Permanent, Temporary
from tenants.failpoints import reach
from tenants.leases import keep

logger = logging.getLogger(__name__)

EVERY_S, QUIET_EVERY_S = 60.0, 600.0
"""How often a conversation is compared: of one that has been quiet for an hour less often, or
thousands of them would use up what Chatwoot lets one address ask in a minute (3,000)."""

QUIET_AFTER = timedelta(hours=1)
AGAIN_S, AWAY_S = 1.0, 15.0

NOTE_SETTLES = timedelta(seconds=10)
"""How long a note whose call was not answered is looked for before it is written again."""


_KNOWN = ("status", "status_at", "agreed")
"""The columns of a thread that tell what is known of its conversation there."""


class Outcome(StrEnum):
    """What a doorbell for a conversation led to."""

    NOT_OURS = "not_ours"
    GONE = "gone"
    OVER = "over"
    AGREED = "agreed"
    FOLLOWED = "followed"
    PUSHED = "pushed"
    AGAIN = "again"
    AWAY = "away"
    FAILED = "failed"


@dataclass(frozen=True)
class _Job:
    """A conversation that is to be compared, with what the calls for it need."""

    claim: timers.Claim
    thread: Thread
    inbox: Inbox
    bot: Chatwoot
    reader: Chatwoot | None


@dataclass(frozen=True)
class _Seen:
    """What Chatwoot shows of a conversation; `data` is empty where it shows a bot nothing.

    Attributes:
        at: an instant of ours before it was asked.
    """

    where: Where | None
    data: payloads.Json
    at: datetime


@dataclass(frozen=True)
class _Plan:
    """What was decided, and what is to be called: a note, and a status to be set."""

    outcome: Outcome
    wanted: Hands | None = None
    note: str = ""
    note_ref: str = ""


def reconcile(*, timer_id: int, token: uuid.UUID) -> Outcome:
    """Compare the conversation that a timer announces, and set the timer anew.

    Safe to run twice: only the doorbell that begins its timer works.
    """
    claim = next(iter(timers.begin([(timer_id, token)])), None)
    if claim is None:
        return Outcome.NOT_OURS
    with keep(claim):
        try:
            return _reconcile(claim)
        except timers.LeaseLost:
            return Outcome.NOT_OURS
        except (Temporary, Permanent) as error:
            logger.info("chatwoot not compared", extra={"reason": error.reason})
            asked_s = error.retry_after_s if isinstance(error, Temporary) else None
            wait_s = min(EVERY_S, max(AWAY_S, asked_s or 0.0))
            timers.retry(claim, due_at=database_now() + timedelta(seconds=wait_s))
            return Outcome.AWAY
        except Exception:
            # Whatever it was, the next comparison must not follow without a pause.
            logger.exception("chatwoot not compared", extra={"conversation_id": claim.ref})
            timers.retry(claim, due_at=database_now() + timedelta(seconds=EVERY_S))
            return Outcome.FAILED


def _reconcile(claim: timers.Claim) -> Outcome:
    job = _open(claim)
    if job is None:
        timers.finish(claim)
        return Outcome.GONE
    asked_at = database_now()
    release_connection()
    try:
        seen = _look(job, at=asked_at)
    except NotThere:
        # It was removed there; should it come back, its next event brings the thread back.
        with transaction.atomic():
            timers.hold(claim)
            Thread.objects.filter(pk=job.thread.pk).delete()
            timers.finish(claim)
        return Outcome.GONE
    if missed.is_due(job.thread, seen.data):
        missed.fetch(inbox=job.inbox, thread=job.thread, reader=job.reader, shown=seen.data)
    plan = _decide(job, seen)
    if plan.wanted is None:
        return plan.outcome
    release_connection()
    reach("chatwoot_decided")
    _tell(job, plan)
    reach("chatwoot_told")
    _agree(job, plan.wanted)
    return Outcome.PUSHED


def _open(claim: timers.Claim) -> _Job | None:
    thread = (
        Thread.objects.select_related("inbox")
        .filter(conversation=claim.ref, inbox__is_enabled=True)
        .first()
    )
    if thread is None:
        return None
    inbox = thread.inbox
    return _Job(claim, thread, inbox, inboxes.bot_of(inbox), inboxes.reader_of(inbox))


def _look(job: _Job, *, at: datetime) -> _Seen:
    """Ask Chatwoot for the conversation; without a person's token older servers refuse."""
    try:
        data = (job.reader or job.bot).conversation(job.thread.display_id)
    except NotForBots:
        return _Seen(None, {}, at)
    return _Seen(payloads.where_of(data, system=job.inbox.system), data, at)


def _decide(job: _Job, seen: _Seen) -> _Plan:
    """Follow Chatwoot, or say what it is to be told; one transaction."""
    with transaction.atomic(durable=True):
        conversation, thread = _lock(job)
        now = database_now()
        if thread.n_events != job.thread.n_events:
            return _later(job, now, Outcome.AGAIN, AGAIN_S)  # what was seen may be older
        if seen.where is not None:
            thread.status, thread.status_at = seen.where.status, seen.at
        theirs, ours = hands_of(thread.status), threads.hands(conversation)
        if ours is Hands.CLOSED or theirs is None:
            thread.agreed = ours
            thread.save(update_fields=_KNOWN)
            timers.finish(job.claim)
            return _Plan(Outcome.OVER)
        if ours != theirs and theirs == thread.agreed:
            return _push(job, conversation, thread, seen, now=now)
        outcome = Outcome.AGREED
        if ours != theirs:
            _follow(job, conversation, theirs, seen, now=now)
            outcome = Outcome.FOLLOWED
        thread.agreed = theirs
        thread.save(update_fields=_KNOWN)
        if theirs is Hands.CLOSED:
            timers.finish(job.claim)
            return _Plan(outcome)
        return _later(job, now, outcome, _pause_s(thread, now))


def _push(
    job: _Job, conversation: Conversation, thread: Thread, seen: _Seen, *, now: datetime
) -> _Plan:
    """Say what Chatwoot is to be told of a conversation that was moved here."""
    ours = threads.hands(conversation)
    if not threads.wants_note(thread, conversation):
        return _Plan(Outcome.PUSHED, ours)
    tried_at = thread.note_tried_at
    if tried_at is not None and missed.shows(seen.data, thread.note_ref):
        thread.is_noted = True
        thread.save(update_fields=["is_noted"])
        return _Plan(Outcome.PUSHED, ours)
    if tried_at is not None and now - tried_at < NOTE_SETTLES:
        return _later(job, now, Outcome.AGAIN, AGAIN_S)  # its echo may be on its way
    # Written before the call: who finds it does not write a second note without looking.
    thread.note_tried_at = now
    thread.save(update_fields=["note_for", "note_ref", "note_tried_at", "is_noted"])
    return _Plan(Outcome.PUSHED, ours, notes.text(conversation, now=now), thread.note_ref)


def _follow(
    job: _Job, conversation: Conversation, theirs: Hands, seen: _Seen, *, now: datetime
) -> None:
    """Do here what was done there."""
    assignee = seen.where.assignee if seen.where is not None else ""
    who = threads.holder(assignee or job.inbox.name)
    if theirs is Hands.AI:
        takeover.return_to_assistant(conversation, actor=who, now=now)
    elif theirs is Hands.HUMAN:
        takeover.take_outside(conversation, holder=who, now=now)
    else:
        takeover.end(conversation, actor=who, reason="resolved in Chatwoot", now=now)


def _tell(job: _Job, plan: _Plan) -> None:
    """Make the calls: first the note, so that who opens the conversation finds it."""
    display_id = job.thread.display_id
    if plan.note:
        own = Thread.objects.filter(pk=job.thread.pk, note_ref=plan.note_ref)
        try:
            job.bot.note(display_id, text=plan.note, ref=plan.note_ref)
        except Temporary as error:
            if not error.is_unknown:
                own.update(note_tried_at=None)
            raise
        own.update(is_noted=True)
        release_connection()
        reach("chatwoot_noted")
    if plan.wanted is Hands.AI:
        # The person first: a conversation that somebody has is not the bot's, even when pending.
        job.bot.clear_assignee(display_id)
        job.bot.set_status(display_id, "pending")
    else:
        job.bot.set_status(display_id, "open")


def _agree(job: _Job, wanted: Hands) -> None:
    """Note what Chatwoot was told; what has changed since is the next comparison's."""
    with transaction.atomic(durable=True):
        _, thread = _lock(job)
        now = database_now()
        if thread.n_events != job.thread.n_events:
            # An event came in between, and may tell of before the call or of after it.
            _later(job, now, Outcome.PUSHED, AGAIN_S)
            return
        thread.agreed = wanted
        thread.status = "pending" if wanted is Hands.AI else "open"
        thread.status_at = now
        thread.save(update_fields=_KNOWN)
        _later(job, now, Outcome.PUSHED, _pause_s(thread, now))


def _lock(job: _Job) -> tuple[Conversation, Thread]:
    """Lock a conversation, its timer and its thread, in everybody's order.

    Raises:
        LeaseLost: another worker has it now, or it is gone.
    """
    conversation = (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("contact", "agent", "last_handoff")
        .filter(pk=job.claim.ref)
        .first()
    )
    timers.hold(job.claim)
    thread = Thread.objects.select_for_update().filter(pk=job.thread.pk).first()
    if conversation is None or thread is None or thread.conversation_id != conversation.pk:
        raise timers.LeaseLost
    return conversation, thread


def _later(job: _Job, now: datetime, outcome: Outcome, wait_s: float) -> _Plan:
    """Set the timer anew, unless it was armed meanwhile; joins a transaction that holds it."""
    is_armed_again = timers.hold(job.claim)
    timers.finish(job.claim)
    if not is_armed_again:
        timers.arm(kind=TIMER, ref=job.claim.ref, due_at=now + timedelta(seconds=wait_s))
    return _Plan(outcome)


def _pause_s(thread: Thread, now: datetime) -> float:
    return QUIET_EVERY_S if now - thread.last_event_at > QUIET_AFTER else EVERY_S
