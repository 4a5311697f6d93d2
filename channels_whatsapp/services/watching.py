"""The watch over the links: asks each bridge, believes what holds up, and connects again.

One timer for each device; its worker asks, does at most one thing about it, and sets the timer
anew. So a session is never tried by two at once, and never more than once a second.
"""

from __future__ import annotations

import logging
import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from channels_whatsapp.bridge.client import BridgeStatus
from channels_whatsapp.models import Device
from channels_whatsapp.services import (
    catching_up,
    linking,
    pairing,
    provisioning,
    removing,
    selftest,
    states,
)
from channels_whatsapp.services.provisioning import TIMER
from conversations.models import OutboundMessage
from tenants import timers
from tenants.context import current_schema, database_now, release_connection
from tenants.errors import Permanent, Temporary
from tenants.leases import keep
from tenants.models import Timer

logger = logging.getLogger(__name__)

State = Device.State

CALM_S = 60.0
"""How often a link that works is asked for, in seconds: how late a loss is noticed of which nobody
tells. A thousand devices are 17 questions a second."""

TROUBLED_S, PAIRING_S, AT_LEAST_S = 15.0, 2.0, 1.0

FIRST_TRY_S, MAX_TRY_S = 5.0, 30 * 60.0
"""The pause before a lost link is connected again, in seconds: it doubles with each try up to the
longer one, because WhatsApp takes a hail of connections for abuse."""

MAX_UNREACHABLE_S = 20.0
"""The longest pause between two questions to a bridge that is away: it bounds the recovery."""

STEADY = timedelta(minutes=2)
"""A link that holds so long starts the count of tries anew; two programs that fight over one link
lose it sooner each time."""

ACK_LATE = timedelta(minutes=3)
"""How long the oldest message handed over may wait for WhatsApp's word. The bridge itself waits 75
seconds, and a second try has had its time as well."""

_TRIED = frozenset({State.ABSENT, State.REPLACED, State.FAILED, State.OUTDATED})


class Outcome(StrEnum):
    """What a doorbell for a device led to."""

    NOT_OURS = "not_ours"
    GONE = "gone"
    OFF = "off"
    LOOKED = "looked"
    UNREACHABLE = "unreachable"
    CONNECTED_AGAIN = "connected_again"
    REMOVED = "removed"
    FAILED = "failed"


@dataclass(frozen=True)
class _Look:
    """What was done, and in how many seconds the device is looked at again."""

    outcome: Outcome
    next_s: float | None


def watch_device(*, timer_id: int, token: uuid.UUID) -> Outcome:
    """Look at the device that a timer announces, and set the timer anew.

    Safe to run twice: only the doorbell that begins its timer works.
    """
    claim = next(iter(timers.begin([(timer_id, token)])), None)
    if claim is None:
        return Outcome.NOT_OURS
    with keep(claim):
        try:
            look = _look(device_id=claim.ref, now=database_now())
        except Exception:
            # Whatever it was, the next look must not follow without a pause.
            logger.exception("device not watched", extra={"device_id": claim.ref})
            look = _Look(Outcome.FAILED, TROUBLED_S)
        with transaction.atomic():
            try:
                is_armed_again = timers.hold(claim)
            except timers.LeaseLost:
                return look.outcome
            timers.finish(claim)
            if look.next_s is not None and not is_armed_again:
                due_at = database_now() + timedelta(seconds=max(AT_LEAST_S, look.next_s))
                timers.arm(kind=TIMER, ref=claim.ref, due_at=due_at)
    return look.outcome


def sweep(*, now: datetime) -> int:
    """Set the timers that are missing, such as of new devices; return how many."""
    armed = Timer.objects.filter(schema_name=current_schema(), kind=TIMER, ref=OuterRef("pk"))
    found = Device.objects.filter(Q(is_enabled=True) | ~Q(removing_at=None)).exclude(Exists(armed))
    refs = list(found.values_list("pk", flat=True))
    if refs:
        timers.arm_all(kind=TIMER, refs=refs, due_at=now)
    return len(refs)


def check_device(*, device_id: int, now: datetime) -> None:
    """Have a device looked at now: something was said of it that may be late or incomplete."""
    provisioning.watch_now(device_id=device_id, now=now)


def _look(*, device_id: int, now: datetime) -> _Look:
    device = Device.objects.filter(pk=device_id).first()
    if device is None:
        return _Look(Outcome.GONE, None)
    if device.removing_at is not None:
        is_gone = removing.remove_device(device=device, now=now)
        return _Look(Outcome.REMOVED, None) if is_gone else _Look(Outcome.LOOKED, TROUBLED_S)
    if not device.is_enabled:
        return _Look(Outcome.OFF, None)
    wait_s = _since(device.checked_at, now)
    if wait_s is not None and wait_s < AT_LEAST_S:
        return _Look(Outcome.LOOKED, AT_LEAST_S - wait_s)
    Device.objects.filter(pk=device.pk).update(checked_at=now)
    try:
        return _ask(device, now=now)
    except (Temporary, Permanent) as error:
        return _unanswered(device, error, now=now)


def _unanswered(device: Device, error: Temporary | Permanent, *, now: datetime) -> _Look:
    verdict = provisioning.trouble(error)
    linking.note(device_id=device.pk, verdict=verdict, now=now, judged=device)
    device.refresh_from_db()
    linking.tell_if_needed(device=device, now=now)
    n_tries = device.n_tries + 1
    Device.objects.filter(pk=device.pk).update(n_tries=min(n_tries, 10_000))
    pause_s = min(MAX_UNREACHABLE_S, 2.0 ** min(n_tries, 10)) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
    return _Look(Outcome.UNREACHABLE, pause_s)


def _ask(device: Device, *, now: datetime) -> _Look:
    wanted = provisioning.wanted_of(device)
    is_stalled = _is_stalled(device, now=now)
    was_away = device.state in (State.UNREACHABLE, State.UNKNOWN)
    has_restarted = False
    release_connection()
    if was_away or not wanted.bridge.is_known():
        # Its bridge may have forgotten everything meanwhile, and begun anew.
        status, has_restarted = provisioning.configure(wanted, may_start=was_away), True
    else:
        status = provisioning.mend(wanted, wanted.bridge.status())
        is_lost = not status.is_connected and not status.is_logged_in
        if is_lost and device.state in states.UP:
            up_s = wanted.bridge.health().uptime_s
            seen_s = _since(device.online_at, now)
            has_restarted = seen_s is None or up_s < seen_s
    provisioning.learn(device_id=device.pk, status=status, now=now)
    verdict = states.judge(
        device=device, status=status, is_stalled=is_stalled, has_restarted=has_restarted, now=now
    )
    linking.note(device_id=device.pk, verdict=verdict, now=now, judged=device)
    device.refresh_from_db()
    if device.state in (State.CONNECTED, State.STALLED):
        return _look_after(device, status, now=now)
    linking.tell_if_needed(device=device, now=now)
    if device.is_pairing(now):
        pairing.carry_on(device=device, status=status, now=now)
        return _Look(Outcome.LOOKED, PAIRING_S)
    return _connect_again(device, now=now)


def _look_after(device: Device, status: BridgeStatus, *, now: datetime) -> _Look:
    """Do what a link that works allows: the test after a pairing, and what was missed."""
    changed_s = _since(device.state_changed_at, now)
    known: dict[str, object] = {"online_at": now}
    if device.n_tries and changed_s is not None and changed_s > STEADY.total_seconds():
        known["n_tries"] = 0
    Device.objects.filter(pk=device.pk).update(**known)
    if device.state == State.STALLED:
        linking.tell_if_needed(device=device, now=now)
    selftest.run_if_due(device=device, now=now)
    next_s = CALM_S
    if catching_up.is_due(device=device, now=now):
        try:
            is_done = catching_up.catch_up(device=device, status=status, now=now)
        except (Temporary, Permanent) as error:
            # That says nothing of the link, which has just been found to work.
            logger.warning("device not compared", extra={"reason": error.reason})
            return _Look(Outcome.LOOKED, TROUBLED_S)
        next_s = CALM_S if is_done else AT_LEAST_S
    return _Look(Outcome.LOOKED, next_s)


def _connect_again(device: Device, *, now: datetime) -> _Look:
    """Start a lost session anew, later each time; one that comes back by itself is left alone."""
    is_free = device.state == State.BANNED and states.is_ban_over(device, now=now)
    if not device.phone or not (device.state in _TRIED or is_free):
        return _Look(Outcome.LOOKED, TROUBLED_S if device.phone else CALM_S)
    pause_s = min(MAX_TRY_S, FIRST_TRY_S * 2.0 ** min(device.n_tries, 12))
    waited_s = _since(device.tried_at or device.state_changed_at, now)
    if device.n_tries and waited_s is not None and waited_s < pause_s:
        return _Look(Outcome.LOOKED, min(TROUBLED_S, pause_s - waited_s))
    tried = {"n_tries": min(device.n_tries + 1, 10_000), "tried_at": now}
    Device.objects.filter(pk=device.pk).update(**tried)
    logger.info("device tried", extra={"device_id": device.pk, "n_tries": tried["n_tries"]})
    wanted = provisioning.wanted_of(device)
    release_connection()
    provisioning.configure(wanted, may_start=True)
    return _Look(Outcome.CONNECTED_AGAIN, PAIRING_S)


def _is_stalled(device: Device, *, now: datetime) -> bool:
    """Test whether messages leave here and WhatsApp takes none."""
    sent = OutboundMessage.objects.filter(channel_account_ref=device.uuid)
    waiting = sent.filter(status=OutboundMessage.Status.HANDED, handed_at__lt=now - ACK_LATE)
    oldest = waiting.order_by("handed_at").values_list("handed_at", flat=True).first()
    return oldest is not None and not sent.filter(acked_at__gt=oldest).exists()


def _since(instant: datetime | None, now: datetime) -> float | None:
    return None if instant is None else (now - instant).total_seconds()
