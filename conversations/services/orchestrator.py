"""A turn: from a gathered burst to one answer, with nothing held while the model thinks.

Claim, call, commit: the first transaction opens the turn and reads what it needs (`opening`), the
runtime then works without transaction, lock or connection, and the last transaction writes
everything at once if the work is still ours and nothing newer came in (`committing`).
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from django.db import transaction

from agents.runtime import loop
from agents.services import assembly
from conversations.models import Turn
from conversations.services import lead_fields, outbox
from conversations.services.committing import Answered, commits
from conversations.services.opening import Open, open_turns
from conversations.types import TurnOutcome
from integrations.models import ModelCall
from integrations.services.calls import Caller
from tenants import parallel, timers
from tenants.context import database_now, release_connection
from tenants.failpoints import reach
from tenants.leases import keep
from tenants.turnstile import Turnstile

logger = logging.getLogger(__name__)

_openings = Turnstile(n_places=1)
"""Where turns that come due together are opened, one task's after the other: several at once would
all be ready when the last is, and no model would be asked before."""

_beginnings = Turnstile(n_places=4)
"""Where each opened turn begins, up to its first model. Four, because a place is mostly waiting for
PostgreSQL, or for the processor that other programs use; with two the last of 200 models was asked
later, and with all at once the first as late as the last."""

LONGEST_BREATH_S = 0.2
"""How long a worker whose turns already wait to be opened takes no more of them, in seconds."""


def take_breath() -> None:
    """Wait while turns wait to be opened here, so that a worker with less to do gets the next ones.

    The broker gives work to whoever asks, and who asks first would get most of a rush.
    """
    _openings.wait_for_calm(longest_s=LONGEST_BREATH_S)


def run_turns(bells: Sequence[tuple[int, uuid.UUID]]) -> list[TurnOutcome]:
    """Answer the bursts that timers (id, token) of the current tenant announce, all at once.

    They are opened together, because the statements then cost little more than for one; each is
    answered and committed by itself.

    Safe to run twice: only the doorbell that begins its timer works, and only the holder of the
    lease may commit.
    """
    with _openings.place():
        claims = timers.begin(bells)
        if claims:
            reach("turn_begun")
        # What has failed before may have killed its worker: it shall not take others with it.
        fresh = [claim for claim in claims if claim.n_attempts == 1]
        with keep(*claims):
            opened = _open_together(fresh) if len(fresh) > 1 else {}
    lost = [TurnOutcome.NOT_OURS] * (len(bells) - len(claims))
    if not claims:
        return lost
    with keep(*claims):
        return parallel.run_all(lambda claim: _run_turn(claim, opened.get(claim)), claims) + lost


def run_turn(*, timer_id: int, token: uuid.UUID) -> TurnOutcome:
    """Answer the burst that one timer announces; see `run_turns`."""
    return run_turns([(timer_id, token)])[0]


def _run_turn(claim: timers.Claim, opened: Open | TurnOutcome | None) -> TurnOutcome:
    """Answer one burst; the caller keeps the lease.

    Args:
        opened: None where the turn has yet to be opened.
    """
    try:
        if opened is None:
            opened = open_turns([claim])[claim]
        if isinstance(opened, TurnOutcome):
            return opened
        release_connection()
        reach("turn_before_llm")
        try:
            with _beginnings.place():
                context = assembly.run_context(
                    caller_of(opened), lead_fields=lead_fields.for_agents
                )
                if opened.live is not None:
                    context = replace(context, told=opened.live.tell)
                result = loop.answer(opened.request, context)
        finally:
            opened.typing.end()
        reach("turn_after_llm")
        return _finish_turn(Answered(claim, opened, result))
    except Exception:
        # Whatever it was, the contact is waiting: the turn is tried again, then left to people.
        logger.exception("turn failed", extra={"conversation_id": claim.ref})
        _postpone(claim)
        return TurnOutcome.FAILED


def caller_of(opened: Open) -> Caller:
    """Return in whose name a turn asks models: what its calls are booked on."""
    conversation = opened.turn.conversation
    return Caller(
        origin=ModelCall.Origin.CUSTOMER,
        zone=opened.request.timezone,
        contact_uuid=conversation.contact.uuid,
        conversation_uuid=conversation.uuid,
        turn_uuid=opened.turn.uuid,
    )


def _finish_turn(answered: Answered) -> TurnOutcome:
    """Commit, and send what was written if this process sends at once."""
    reach("turn_before_commit")
    committed = commits.do(answered)
    if committed.outcome is TurnOutcome.LEASE_LOST:
        return committed.outcome
    reach("turn_after_commit")
    turn = answered.opened.turn
    spent = (turn.finished_at or turn.started_at) - turn.started_at
    logger.info(
        "turn finished",
        extra={
            "turn_id": turn.pk,
            "status": turn.status,
            "outcome": turn.outcome,
            "ms": round(spent.total_seconds() * 1000),
        },
    )
    if committed.handed is not None:
        outbox.send_handed(committed.handed)
    return committed.outcome


def _open_together(claims: Sequence[timers.Claim]) -> dict[timers.Claim, Open | TurnOutcome]:
    """Open turns in one transaction; what could not be opened so is left out, for one by itself."""
    try:
        return open_turns(claims)
    except Exception:
        # One of them is at fault, and must not take the others with it.
        logger.warning("turns not opened together", exc_info=True)
        return {}


def _postpone(claim: timers.Claim) -> None:
    """Give a failed turn back, to be tried again a little later each time."""
    now = database_now()
    with suppress(timers.LeaseLost), transaction.atomic():
        timers.hold(claim)
        Turn.objects.filter(conversation_id=claim.ref, status=Turn.Status.RUNNING).update(
            status=Turn.Status.FAILED, reason="an error, see the log", finished_at=now
        )
        timers.retry(claim, due_at=now + timedelta(seconds=2**claim.n_attempts))
