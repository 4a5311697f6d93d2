"""Numbers whose bridge fails: one call at a time then, never two within a second.

A failure is written into a row of the number (`NumberTrouble`), in the transaction that writes what
came of the call. As long as the row is there, only one line of the number calls, and the others
wait; the first call that gets through removes the row and wakes them. So an outage of ten minutes
costs the bridge a few hundred calls, however many contacts wait, and ends for all at once.

What fails may be one message and not the bridge. So who has not been tried comes first, at the
instant from which on the number may be tried, and what keeps failing holds nobody up for longer.

A slow bridge is one that fails: it sends one message after the other, so whoever calls meanwhile
only stands in its line until the call times out, and nobody knows what became of it.

Numbers that work cost nothing: whether there is a row is asked with the heads of the lines.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from conversations.models import NumberTrouble, OutboundMessage
from tenants import timers
from tenants.context import database_now
from tenants.errors import Permanent, Temporary

TIMER = "send"
"""The kind of timer that sends a line; its ref is the conversation."""

TRY_EVERY = timedelta(seconds=2)
"""Pause between two calls of a number whose bridge fails. One a second is promised, and between the
choice of an instant and the call a loaded machine needs some tenths."""

SPREAD_S = 15.0
"""Within how many seconds a line that waits looks again, at random: the recovery of a number where
the line that was to try is gone. One look is a row of a transaction that does many."""

SLOW_S = 5.0
"""How long a call may take before the bridge counts as slow, in seconds. WhatsApp takes a text in
less than one, and a bridge that is as slow as this sends a dozen a minute whoever calls."""

QUIET = timedelta(seconds=5)
"""For how long no line must have taken its turn before what has no line may be the one that tries.
A line that waits takes it within a second."""

LOST = timedelta(seconds=60)
"""The same where a line is trying: so long takes none, and what knows of dead workers are lines."""

LONGEST_WISH_S = 30.0
"""How long a bridge may ask us to leave it alone, in seconds: it bounds the recovery."""


class Unsettled(Temporary):
    """Whether the message was sent is still not known."""

    def __init__(self) -> None:
        super().__init__("nobody knows yet whether it was sent", is_unknown=True)


@dataclass(frozen=True)
class Called:
    """How a call ended.

    Attributes:
        error: None where it was taken.
        took_s: its time, in seconds.
        is_trial: it was the one call that the number was allowed; False for what has no line.
    """

    account_ref: uuid.UUID
    error: Temporary | Permanent | None
    took_s: float
    is_trial: bool

    @property
    def has_failed(self) -> bool:
        """Test whether the bridge did not do what it should; a refusal is an answer."""
        return isinstance(self.error, Temporary) and not isinstance(self.error, Unsettled)

    @property
    def was_slow(self) -> bool:
        """Test whether the bridge did it, too late."""
        return not self.has_failed and self.took_s > SLOW_S

    @property
    def got_through(self) -> bool:
        """Test whether the bridge did what it should, and in time."""
        return not isinstance(self.error, Temporary) and not self.was_slow


class Watch:
    """The troubles of the numbers from which one transaction sends.

    Args:
        now: the database's clock.
        calls: what has just come back.
    """

    def __init__(self, *, now: datetime, calls: Iterable[Called] = ()) -> None:
        self._now = now
        self._calls = [one for one in calls if one.is_trial or one.has_failed or one.was_slow]
        self._rows: dict[uuid.UUID, NumberTrouble] = {}
        self._gone: set[uuid.UUID] = set()
        self._woken: dict[uuid.UUID, datetime | None] = {}
        self._has_met = False

    def meet(self, heads: Iterable[OutboundMessage]) -> None:
        """Lock what is known of the heads' numbers, and note what came of calls; the first time.

        Before any pace is locked, and all in one order. No query where nothing is wrong.
        """
        if self._has_met:
            return
        self._has_met = True
        slow = {one.channel_account_ref for one in heads if one.waits_for_slow}
        refs = slow | {one.channel_account_ref for one in heads if one.is_troubled}
        bad = slow | {one.account_ref for one in self._calls if one.has_failed or one.was_slow}
        refs |= bad | {one.account_ref for one in self._calls}
        if not refs:
            return
        NumberTrouble.objects.bulk_create(
            [
                NumberTrouble(channel_account_ref=ref, since=self._now, next_try_at=self._now)
                for ref in sorted(bad)
            ],
            ignore_conflicts=True,
        )
        rows = NumberTrouble.objects.select_for_update().filter(channel_account_ref__in=refs)
        self._rows = {one.channel_account_ref: one for one in rows.order_by("channel_account_ref")}
        # One that failed beside a trial that got through is news: the trouble goes on.
        for call in sorted(self._calls, key=lambda one: one.has_failed):
            self._note(call)
        _forget_the_dead(self._rows.values())

    def _note(self, call: Called) -> None:
        row = self._rows.get(call.account_ref)
        if row is None:
            return
        if call.is_trial:
            row.trial_token = None
        if call.is_trial and call.got_through:
            self._gone.add(call.account_ref)
            self._woken[call.account_ref] = None
            return
        self._gone.discard(call.account_ref)
        if call.was_slow:
            self._woken[call.account_ref] = None  # it began long ago: the next may begin at once
            return
        wish_s = call.error.retry_after_s if isinstance(call.error, Temporary) else None
        pause = max(TRY_EVERY, timedelta(seconds=min(wish_s or 0.0, LONGEST_WISH_S)))
        row.next_try_at = max(row.next_try_at, self._now + pause)
        self._woken[call.account_ref] = row.next_try_at

    def until(self, head: OutboundMessage) -> datetime | None:
        """Return until when a head waits for its number's bridge; None where it may be tried."""
        ref = head.channel_account_ref
        row = self._rows.get(ref)
        if row is None or ref in self._gone:
            return None
        is_early = row.trial_token is not None or row.next_try_at > self._now
        if not is_early and not head.waits_for_slow:
            return None
        is_new = not head.n_attempts and head.held_by != OutboundMessage.HELD_BY_BRIDGE
        if is_new and row.next_try_at > self._now:
            return row.next_try_at
        return _later(row.next_try_at, self._now)

    def take(self, head: OutboundMessage, claim: timers.Claim) -> bool:
        """Note that a head is tried now; True where that is the one call its number may make."""
        row = self._rows.get(head.channel_account_ref)
        if row is None or head.channel_account_ref in self._gone:
            return False
        row.trial_token = claim.token
        row.next_try_at = self._now + TRY_EVERY
        return True

    def close(self) -> dict[uuid.UUID, datetime | None]:
        """Write it, in the same transaction; return the numbers whose lines `wake` is to wake."""
        self.meet(())
        for ref, row in self._rows.items():
            if ref not in self._gone:
                row.save(update_fields=["next_try_at", "trial_token"])
        if self._gone:
            NumberTrouble.objects.filter(channel_account_ref__in=self._gone).delete()
        return self._woken


def _forget_the_dead(rows: Iterable[NumberTrouble]) -> None:
    """Take the one call away from workers that are gone."""
    tried = {one.trial_token: one for one in rows if one.trial_token is not None}
    if not tried:
        return
    for token in tried.keys() - timers.alive(kind=TIMER, tokens=list(tried)):
        tried[token].trial_token = None


def _later(at: datetime, now: datetime) -> datetime:
    spread_s = random.uniform(0.0, SPREAD_S)  # noqa: S311 - so that not all look at once
    return max(at, now) + timedelta(seconds=spread_s)


def are_known(ref: uuid.UUID) -> bool:
    """Test whether a number's bridge fails, or is slow."""
    return NumberTrouble.objects.filter(channel_account_ref=ref).exists()


def wait(ref: uuid.UUID, *, now: datetime) -> datetime | None:
    """Return until when what stands in no line waits for its number's bridge; None for now.

    It leaves the trying to lines. Where for long none has tried, there is none, and it does.
    """
    row = NumberTrouble.objects.filter(channel_account_ref=ref).first()
    if row is None:
        return None
    is_free = Q(trial_token=None, next_try_at__lte=now - QUIET) | Q(next_try_at__lte=now - LOST)
    found = NumberTrouble.objects.filter(is_free, pk=row.pk)
    if found.update(next_try_at=now + TRY_EVERY):
        return None
    return _later(row.next_try_at, now)


def note(call: Called) -> None:
    """Note what came of a call that stood in no line; outside any transaction.

    One that got through ends a trouble that is older than it, unless a line is trying just now.
    """
    now = database_now()
    woken: Mapping[uuid.UUID, datetime | None] = {}
    if call.got_through:
        over = NumberTrouble.objects.filter(
            channel_account_ref=call.account_ref,
            trial_token=None,
            since__lte=now - timedelta(seconds=call.took_s),
        )
        if over.delete()[0]:
            woken = {call.account_ref: None}
    elif call.has_failed or call.was_slow:
        with transaction.atomic():
            woken = Watch(now=now, calls=[call]).close()
    wake(woken, now=now)


_WAITING = """
select channel_account_ref, conversation_id from conversations_outboundmessage
where status in ('created', 'handed') and held_by = %s and channel_account_ref = any(%s)
order by n_attempts, id
"""


def wake(numbers: Mapping[uuid.UUID, datetime | None], *, now: datetime) -> None:
    """Have lines go on that waited for their number's bridge; outside any transaction.

    Args:
        numbers: when the one that was tried least goes on; all of them do, now, where it is None.
    """
    if not numbers:
        return
    waiting: dict[uuid.UUID, list[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [OutboundMessage.HELD_BY_BRIDGE, list(numbers)])
        for ref, conversation_id in cursor.fetchall():
            waiting.setdefault(ref, []).append(conversation_id)
    for ref, lines in waiting.items():
        at = numbers[ref]
        timers.hasten(kind=TIMER, refs=lines if at is None else lines[:1], due_at=at or now)
