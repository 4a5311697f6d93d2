"""The watch over the inboxes: is the token good, what can be read, and which conversation is new.

One timer for each inbox. A conversation whose very first webhook was lost is known to nobody here;
with a person's token Chatwoot lists those that wait for the bot.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from channels_chatwoot import payloads
from channels_chatwoot.client import Chatwoot, NotForBots, NotThere, TokenRefused
from channels_chatwoot.models import Inbox, Thread
from channels_chatwoot.services import inboxes, missed, threads
from conversations.models import Conversation
from tenants import timers
from tenants.context import current_schema, database_now, release_connection
from tenants.crypto import CannotDecrypt
from tenants.errors import Permanent, Temporary
from tenants.leases import keep
from tenants.models import Timer

logger = logging.getLogger(__name__)

State = Inbox.State

EVERY_S = 60.0
NO_CONVERSATION = 0
"""A number that no conversation has: who may ask for it is told that it is not there, and who may
not is told that instead."""


@dataclass(frozen=True)
class Verdict:
    """What a test found."""

    state: Inbox.State
    detail: str = ""


def watch_inbox(*, timer_id: int, token: uuid.UUID) -> str:
    """Test the inbox that a timer announces, and look for what was missed; sets the timer anew."""
    claim = next(iter(timers.begin([(timer_id, token)])), None)
    if claim is None:
        return "not_ours"
    with keep(claim):
        said = "failed"
        try:
            verdict = test_inbox(inbox_pk=claim.ref, now=database_now())
            said = "gone" if verdict is None else verdict.state.value
            if verdict is not None and verdict.state == State.READY:
                look_for_new(inbox_pk=claim.ref)
        except (Temporary, Permanent) as error:
            logger.info("chatwoot not listed", extra={"reason": error.reason})
        except Exception:
            # Whatever it was, the next look must not follow without a pause.
            logger.exception("chatwoot not watched", extra={"inbox_id": claim.ref})
        with transaction.atomic():
            try:
                is_armed_again = timers.hold(claim)
            except timers.LeaseLost:
                return said
            timers.finish(claim)
            if said != "gone" and not is_armed_again:
                due_at = database_now() + timedelta(seconds=EVERY_S)
                timers.arm(kind=inboxes.TIMER, ref=claim.ref, due_at=due_at)
    return said


def test_inbox(*, inbox_pk: int, now: datetime) -> Verdict | None:
    """Try an inbox's tokens and keep what came of it; None where it is gone or switched off.

    Raises:
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """
    inbox = Inbox.objects.filter(pk=inbox_pk, is_enabled=True).first()
    if inbox is None:
        return None
    try:
        bot, reader = inboxes.bot_of(inbox), inboxes.reader_of(inbox)
    except CannotDecrypt:
        verdict = Verdict(State.REFUSED, "the stored token cannot be read")
    else:
        release_connection()
        verdict = _try(bot, reader, inbox_id=inbox.inbox_id)
    Inbox.objects.filter(pk=inbox.pk).update(
        state=verdict.state, state_detail=verdict.detail[:200], checked_at=now
    )
    return verdict


def look_for_new(*, inbox_pk: int) -> int:
    """Put what the newest waiting conversations begin with into the inbox; return how many.

    Only for conversations that are not known here: the others are compared one by one.
    """
    inbox = Inbox.objects.get(pk=inbox_pk)
    reader = inboxes.reader_of(inbox)
    if reader is None:
        return 0
    release_connection()
    listed = reader.pending(inbox.inbox_id)
    known = set(Thread.objects.filter(inbox=inbox).values_list("display_id", flat=True))
    n_put = 0
    for one in listed:
        where = payloads.where_of(one, system=inbox.system)
        if where is None or where.display_id in known or not missed.is_ours(inbox, one):
            continue
        release_connection()
        messages = reader.messages(where.display_id)
        with transaction.atomic():
            n_put += missed.put(inbox=inbox, conversation=one, messages=messages)
    return n_put


def sweep(*, now: datetime) -> int:
    """Set the timers that are missing, of inboxes and of open conversations; return how many."""
    armed = Timer.objects.filter(schema_name=current_schema(), ref=OuterRef("pk"))
    alone = Inbox.objects.filter(is_enabled=True).exclude(Exists(armed.filter(kind=inboxes.TIMER)))
    of_inboxes = list(alone.values_list("pk", flat=True))
    followed = Thread.objects.filter(inbox__is_enabled=True, conversation=OuterRef("pk"))
    unwatched = Conversation.objects.filter(
        Exists(followed), status=Conversation.Status.OPEN
    ).exclude(Exists(armed.filter(kind=threads.TIMER)))
    of_threads = list(unwatched.values_list("pk", flat=True))
    for kind, refs in ((inboxes.TIMER, of_inboxes), (threads.TIMER, of_threads)):
        if refs:
            timers.arm_all(kind=kind, refs=refs, due_at=now)
    return len(of_inboxes) + len(of_threads)


def _try(bot: Chatwoot, reader: Chatwoot | None, *, inbox_id: int) -> Verdict:
    try:
        can_read = _may_bot_read(bot)
        if reader is None:
            return Verdict(State.READY if can_read else State.BLIND)
        return _try_reader(reader, inbox_id=inbox_id)
    except TokenRefused as error:
        return Verdict(State.REFUSED, error.reason)
    except Temporary as error:
        return Verdict(State.UNREACHABLE, error.reason)
    except Permanent as error:
        is_ours = error.reason.startswith("refused")
        return Verdict(State.FORBIDDEN if is_ours else State.UNREACHABLE, error.reason)


def _may_bot_read(bot: Chatwoot) -> bool:
    """Test whether the bot's token is good and reads too.

    Raises:
        TokenRefused, Temporary, Permanent: as the server says.
    """
    try:
        bot.conversation(NO_CONVERSATION)
    except NotThere:
        return True
    except NotForBots:
        try:
            bot.set_status(NO_CONVERSATION, "pending")
        except NotThere:
            return False
    return True


def _try_reader(reader: Chatwoot, *, inbox_id: int) -> Verdict:
    try:
        reader.inbox(inbox_id)
    except NotThere:
        return Verdict(State.NO_INBOX)
    except TokenRefused as error:
        return Verdict(State.READER_REFUSED, error.reason)
    return Verdict(State.READY)
