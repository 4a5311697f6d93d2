"""Messages that the bridge could not decrypt: the number's own phone is asked for them, once.

The sender's phone mostly sends such a message again by itself within seconds. Where it does not,
the bridge can ask the business's phone, which has it. What comes then is a message as any other,
under the same id; nobody waits for it. What is to be seen once the phone keeps to itself.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta
from enum import StrEnum

from channels_whatsapp.bridge import payloads
from channels_whatsapp.models import BridgeEvent
from channels_whatsapp.services import devices
from conversations.models import InboundMessage
from conversations.services import troubles
from conversations.types import MessageKind
from tenants import timers
from tenants.context import database_now, release_connection
from tenants.errors import Permanent, Temporary
from tenants.leases import keep
from tenants.reading import Unreadable, object_of, text_of

logger = logging.getLogger(__name__)

TIMER = "unreadable"
"""The kind of timer that asks for a message; its ref is the event."""

AFTER = timedelta(seconds=15)
"""How long the sender's phone has to send it again by itself."""

MAX_TRIES = 6
"""Tries to reach a bridge that is away; the pauses between them add up to about two minutes."""


class Outcome(StrEnum):
    """What became of a message that could not be decrypted; stored, but for `NOT_OURS` and
    `WAITING`."""

    NOT_OURS = "not_ours"
    CAME = "came"  # by itself, before anybody asked
    ASKED = "asked"
    UNKNOWN = "unknown"  # the answer to the question was lost, and it is not asked twice
    REFUSED = "refused"
    AWAY = "away"
    WAITING = "waiting"  # the number's bridge fails, and those who wait for an answer go first


def plan(event: BridgeEvent, *, now: datetime) -> None:
    """Have a message asked for in a while; joins the caller's transaction."""
    timers.arm(kind=TIMER, ref=event.pk, due_at=now + AFTER)


def ask(*, timer_id: int, token: uuid.UUID) -> Outcome:
    """Ask for one message: claim, call, commit; announced by a timer, safe to run twice."""
    claim = next(iter(timers.begin([(timer_id, token)])), None)
    if claim is None:
        return Outcome.NOT_OURS
    with keep(claim):
        events = BridgeEvent.objects.select_related("device")
        event = events.filter(pk=claim.ref, device__is_enabled=True).first()
        found: Outcome | datetime = Outcome.NOT_OURS
        if event is not None and event.asked_at is None:
            found = _ask(event, is_last=claim.n_attempts >= MAX_TRIES)
        if isinstance(found, datetime):
            timers.retry(claim, due_at=found, is_counted=False)
            return Outcome.WAITING
        if found is Outcome.AWAY and claim.n_attempts < MAX_TRIES:
            pause = timedelta(seconds=2.0**claim.n_attempts)
            timers.retry(claim, due_at=database_now() + pause)
        else:
            timers.finish(claim)
    return found


def _ask(event: BridgeEvent, *, is_last: bool) -> Outcome | datetime:
    """Ask for a message; return what came of it, or until when its number's bridge is let alone."""
    try:
        data = payloads.read(bytes(event.body))
    except Unreadable:
        return Outcome.NOT_OURS  # its retention has ended
    info = object_of(object_of(data.get("event")).get("Info"))
    ref = text_of(info.get("ID"))
    readable = InboundMessage.objects.exclude(kind=MessageKind.UNREADABLE)
    if readable.filter(channel_account_ref=event.device.uuid, provider_ref=ref).exists():
        _note(event, Outcome.CAME)
        return Outcome.CAME
    if (until := troubles.wait(event.device.uuid, now=database_now())) is not None:
        return until
    # Before the call: a worker that dies in it must not ask twice.
    won = BridgeEvent.objects.filter(pk=event.pk, asked_at=None).update(
        asked_at=database_now(), asked_outcome=Outcome.UNKNOWN
    )
    if not won:
        return Outcome.NOT_OURS
    bridge = devices.bridge_of(event.device)
    release_connection()
    try:
        bridge.ask_again(
            chat=text_of(info.get("Chat")), sender=text_of(info.get("Sender")), ref=ref
        )
    except Temporary as error:
        logger.info("message not asked for", extra={"reason": error.reason})
        if error.is_unknown:
            return Outcome.UNKNOWN
        _note(event, Outcome.AWAY, is_over=is_last)
        return Outcome.AWAY
    except Permanent as error:
        logger.info("message not asked for", extra={"reason": error.reason})
        _note(event, Outcome.REFUSED)
        return Outcome.REFUSED
    _note(event, Outcome.ASKED)
    return Outcome.ASKED


def _note(event: BridgeEvent, outcome: Outcome, *, is_over: bool = True) -> None:
    asked_at = database_now() if is_over else None
    BridgeEvent.objects.filter(pk=event.pk).update(asked_outcome=outcome, asked_at=asked_at)
