"""A turn: from a gathered burst to one answer, with nothing held while the model thinks.

Claim, call, commit: the first transaction opens the turn and reads what it needs, the runtime then
works without transaction, lock or connection, and the last transaction writes everything at once if
the work is still ours and nothing newer came in.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.utils.translation import override

from agents.models import Agent
from agents.runtime import loop
from agents.services import assembly, profiles
from agents.types import (
    AgentProfile,
    HandOff,
    NeedsHuman,
    Reply,
    RunRequest,
    RunResult,
)
from conversations.channels import Accounts
from conversations.models import (
    Conversation,
    InboundMessage,
    OutboundMessage,
    Turn,
    TurnStep,
)
from conversations.services import bursts, identity, outbox, searching, takeover, typing
from integrations.models import ModelCall
from integrations.services.calls import Caller
from tenants import parallel, timers
from tenants.combining import Combiner
from tenants.context import current_schema, database_now, release_connection
from tenants.failpoints import reach
from tenants.leases import keep
from tenants.models import Tenant
from tenants.rows import update_each

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
"""A burst whose turn died or failed this often is left to a person, and harms nobody else."""

MAX_SUPERSEDED = 3
"""How often in a row an answer is thrown away for a newer message. Then it is sent all the same, or
who never stops writing would never be answered."""

MAX_TOGETHER = 25
"""Turns that one transaction commits at most. Those who write to these conversations meanwhile wait
for it, some tens of milliseconds; at the double it saves little more."""

_BURST = ("n_pending", "n_superseded", "first_pending_at")
_TURN = (
    "status",
    "agent",
    "agent_version",
    "finished_at",
    "outcome",
    "reason",
    "provider",
    "model",
    "input_tokens",
    "output_tokens",
    "model_ms",
    "confidence",
)


class TurnOutcome(StrEnum):
    """What a doorbell for a turn led to."""

    NOT_OURS = "not_ours"
    NOTHING_PENDING = "nothing_pending"
    LEFT_TO_PEOPLE = "left_to_people"
    ANSWERED = "answered"
    SUPERSEDED = "superseded"
    LEASE_LOST = "lease_lost"
    FAILED = "failed"


@dataclass(frozen=True)
class _Open:
    """A turn that has begun, with what its last transaction will need."""

    turn: Turn
    request: RunRequest
    message_ids: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _Answered:
    """A turn that the runtime has answered and that is to be committed."""

    claim: timers.Claim
    opened: _Open
    result: RunResult


@dataclass(frozen=True)
class _Committed:
    """What became of a turn; `handed` is a reply that its thread is to send at once."""

    outcome: TurnOutcome
    handed: outbox.Handed | None = None


def run_turns(bells: Sequence[tuple[int, uuid.UUID]]) -> list[TurnOutcome]:
    """Answer the bursts that timers (id, token) of the current tenant announce, all at once.

    They are opened together, because the statements then cost little more than for one; each is
    answered and committed by itself.

    Safe to run twice: only the doorbell that begins its timer works, and only the holder of the
    lease may commit.
    """
    claims = timers.begin(bells)
    lost = [TurnOutcome.NOT_OURS] * (len(bells) - len(claims))
    if not claims:
        return lost
    reach("turn_begun")
    with keep(*claims):
        # What has failed before may have killed its worker: it shall not take others with it.
        fresh = [claim for claim in claims if claim.n_attempts == 1]
        opened = _open_together(fresh) if len(fresh) > 1 else {}
        return parallel.run_all(lambda claim: _run_turn(claim, opened.get(claim)), claims) + lost


def run_turn(*, timer_id: int, token: uuid.UUID) -> TurnOutcome:
    """Answer the burst that one timer announces; see `run_turns`."""
    return run_turns([(timer_id, token)])[0]


def _run_turn(claim: timers.Claim, opened: _Open | TurnOutcome | None) -> TurnOutcome:
    """Answer one burst; the caller keeps the lease.

    Args:
        opened: None where the turn has yet to be opened.
    """
    try:
        if opened is None:
            opened = _open_turns([claim])[claim]
        if isinstance(opened, TurnOutcome):
            return opened
        release_connection()
        reach("turn_before_llm")
        result = loop.answer(opened.request, assembly.run_context(_caller(opened)))
        reach("turn_after_llm")
        return _finish_turn(_Answered(claim, opened, result))
    except Exception:
        # Whatever it was, the contact is waiting: the turn is tried again, then left to people.
        logger.exception("turn failed", extra={"conversation_id": claim.ref})
        _postpone(claim)
        return TurnOutcome.FAILED


def _caller(opened: _Open) -> Caller:
    conversation = opened.turn.conversation
    return Caller(
        origin=ModelCall.Origin.CUSTOMER,
        zone=opened.request.timezone,
        contact_uuid=conversation.contact.uuid,
        conversation_uuid=conversation.uuid,
        turn_uuid=opened.turn.uuid,
    )


def _finish_turn(answered: _Answered) -> TurnOutcome:
    """Commit, and send what was written if this process sends at once."""
    reach("turn_before_commit")
    committed = _commits.do(answered)
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


def _open_together(claims: Sequence[timers.Claim]) -> dict[timers.Claim, _Open | TurnOutcome]:
    """Open turns in one transaction; what could not be opened so is left out, for one by itself."""
    try:
        return _open_turns(claims)
    except Exception:
        # One of them is at fault, and must not take the others with it.
        logger.warning("turns not opened together", exc_info=True)
        return {}


def _open_turns(claims: Sequence[timers.Claim]) -> dict[timers.Claim, _Open | TurnOutcome]:
    """Open the turns of some claims.

    Of several, those whose conversation is locked elsewhere or gone are left out: waiting for one
    while others are held could be a deadlock.
    """
    now = database_now()
    wait = len(claims) == 1
    refs = [claim.ref for claim in claims]
    opened: dict[timers.Claim, _Open | TurnOutcome] = {}
    with transaction.atomic(durable=True):
        conversations = {
            one.pk: one
            for one in Conversation.objects.lock(refs, wait=wait)
            .select_related("contact", "agent")
            .prefetch_related("contact__addresses")
            .filter(status=Conversation.Status.OPEN)
        }
        # After the conversations, which is everybody's order of locks.
        ours = [claim for claim in claims if wait or claim.ref in conversations]
        held = timers.hold_all(ours)
        opened.update(dict.fromkeys(ours, TurnOutcome.LEASE_LOST))
        # Whoever held these before us is gone, or its lease would still be there.
        Turn.objects.filter(
            conversation__in=[claim.ref for claim in held], status=Turn.Status.RUNNING
        ).update(status=Turn.Status.FAILED, reason="its worker was lost", finished_at=now)
        found = _pending([conversations[one.ref] for one in held if one.ref in conversations])
        profiles_of = _Profiles()
        begun: list[tuple[timers.Claim, Turn, AgentProfile]] = []
        for claim in held:
            conversation = conversations.get(claim.ref)
            turn = _new_turn(claim, conversation, found.get(claim.ref, []), profiles_of, now=now)
            if isinstance(turn, TurnOutcome):
                opened[claim] = turn
                timers.finish(claim)
            else:
                begun.append((claim, *turn))
        Turn.objects.bulk_create(turn for _, turn, _ in begun)
        opened.update(_with_requests(begun, found, now=now))
    return opened


def _new_turn(
    claim: timers.Claim,
    conversation: Conversation | None,
    messages: Sequence[InboundMessage],
    profiles_of: _Profiles,
    *,
    now: datetime,
) -> tuple[Turn, AgentProfile] | TurnOutcome:
    """Return a turn that is to be created, or why there is none."""
    if conversation is None:
        return TurnOutcome.NOTHING_PENDING
    if not messages or conversation.mode != Conversation.Mode.AI:
        _clear_bursts([conversation])
        conversation.save(update_fields=_BURST)
        return TurnOutcome.NOTHING_PENDING
    profile = profiles_of.conversation(conversation)
    if profile is None or claim.n_attempts > MAX_ATTEMPTS:
        reason = "no agent answers here" if profile is None else "answering failed repeatedly"
        takeover.leave_to_people(conversation=conversation, reason=reason, now=now)
        return TurnOutcome.LEFT_TO_PEOPLE
    turn = Turn(
        conversation=conversation,
        agent_id=profile.agent_id,
        agent_version=profile.version_number,
        covered_upto=max(message.pk for message in messages),
        n_messages=len(messages),
        burst_started_at=conversation.first_pending_at or now,
        started_at=now,
    )
    return turn, profile


def _with_requests(
    begun: Sequence[tuple[timers.Claim, Turn, AgentProfile]],
    messages_of: Mapping[int, Sequence[InboundMessage]],
    *,
    now: datetime,
) -> dict[timers.Claim, _Open]:
    """Return what the runtime is asked for each new turn, and show that it is being written."""
    if not begun:
        return {}
    tenant = Tenant.objects.get(schema_name=current_schema())
    accounts = Accounts()
    opened = {}
    with override(tenant.language):
        transcripts = bursts.latest_lines(
            {
                turn.conversation_id: min(one.pk for one in messages_of[turn.conversation_id])
                for _, turn, _ in begun
            }
        )
    for claim, turn, profile in begun:
        conversation, messages = turn.conversation, messages_of[turn.conversation_id]
        request = RunRequest(
            tenant_name=tenant.name,
            language=tenant.language,
            timezone=tenant.timezone,
            agent=profile,
            # What has no words is nothing to search for: alone it goes to a person.
            burst=tuple(message.text for message in messages if message.text),
            transcript=transcripts.get(conversation.pk, ()),
            contact_name=conversation.contact.name,
            now=now,
        )
        opened[claim] = _Open(turn, request, tuple(message.pk for message in messages))
        account = accounts.open(conversation.channel_kind, conversation.channel_account_ref)
        typing.show(account=account, to=identity.address_of(conversation.contact))
    return opened


def pending_messages(conversation: Conversation) -> list[InboundMessage]:
    """Return what waits for an answer, in the order in which the contact wrote it."""
    return _pending([conversation]).get(conversation.pk, [])


def _pending(conversations: Sequence[Conversation]) -> dict[int, list[InboundMessage]]:
    """Return what waits for an answer, by conversation."""
    marks = {one.pk: one.handled_upto for one in conversations}
    found: dict[int, list[InboundMessage]] = {}
    for message in InboundMessage.objects.filter(
        conversation__in=list(marks),
        pk__gt=min(marks.values(), default=0),
        turn=None,
        silence_reason="",
        deleted_at=None,
    ).order_by("sent_at", "pk"):
        if message.pk > marks[message.conversation_id]:
            found.setdefault(message.conversation_id, []).append(message)
    return found


class _Profiles:
    """The published agents of some conversations, each read once."""

    def __init__(self) -> None:
        self._known: dict[int, AgentProfile] = {}

    def conversation(self, conversation: Conversation) -> AgentProfile | None:
        """Return who answers a conversation; None where nobody does."""
        agent = conversation.agent
        if agent is None or not agent.is_active or agent.published_version_id is None:
            return None
        if agent.kind == Agent.Kind.HUMAN:
            return None
        if agent.pk not in self._known:
            self._known[agent.pk] = profiles.profile(agent_id=agent.pk)
        return self._known[agent.pk]


def _commit_turns(items: Sequence[_Answered], *, alone: bool) -> dict[_Answered, _Committed]:
    """Write turns and their replies in one transaction; see `Combiner` for what is left out.

    As many replies as this process may send at once are begun in the same transaction.
    """
    now = database_now()
    n_places = outbox.take_places(len(items))
    handed: dict[int, outbox.Handed] = {}
    try:
        with transaction.atomic(durable=True):
            refs = [one.claim.ref for one in items]
            conversations = {one.pk: one for one in Conversation.objects.lock(refs, wait=alone)}
            ours = [one for one in items if one.claim.ref in conversations]
            held = timers.hold_all([one.claim for one in ours])
            mine = [one for one in ours if one.claim in held]
            for one in mine:
                conversation = conversations[one.claim.ref]
                _decide(one, conversation, has_newer=held[one.claim], now=now)
            replying = _write_turns(mine, conversations, now=now)
            if mine:
                timers.finish(*(one.claim for one in mine))
            begun = outbox.hand_over(conversations=replying[:n_places], now=now)
        handed = begun
    finally:
        outbox.give_places_back(n_places - len(handed))
    committed = {one: _Committed(TurnOutcome.LEASE_LOST) for one in ours}
    for one in mine:
        is_done = one.opened.turn.status == Turn.Status.DONE
        outcome = TurnOutcome.ANSWERED if is_done else TurnOutcome.SUPERSEDED
        committed[one] = _Committed(outcome, handed.get(one.claim.ref))
    return committed


_commits: Combiner[_Answered, _Committed] = Combiner(_commit_turns, most=MAX_TOGETHER)


def _decide(
    answered: _Answered, conversation: Conversation, *, has_newer: bool, now: datetime
) -> None:
    """Say what becomes of a turn, of its row and its conversation's; neither is saved."""
    turn, result = answered.opened.turn, answered.result
    _describe_turn(turn=turn, result=result, now=now)
    if conversation.mode != Conversation.Mode.AI:
        turn.status, turn.reason = Turn.Status.SUPERSEDED, "a person took over"
    elif has_newer and conversation.n_superseded < MAX_SUPERSEDED:
        turn.status, turn.reason = Turn.Status.SUPERSEDED, "a newer message arrived"
        conversation.n_superseded += 1
    else:
        turn.status = Turn.Status.DONE
        conversation.agent_id = result.agent_id
        conversation.handled_upto = max(conversation.handled_upto, turn.covered_upto)
        match result.outcome:
            case HandOff(to_agent_id=agent_id):
                conversation.agent_id = agent_id
            case NeedsHuman(to_agent_id=int(agent_id)):
                conversation.agent_id = agent_id


def _write_turns(
    answered: Sequence[_Answered], conversations: Mapping[int, Conversation], *, now: datetime
) -> list[Conversation]:
    """Write what was decided; joins the transaction of the commit. Return who gets a reply."""
    done = [one for one in answered if one.opened.turn.status == Turn.Status.DONE]
    TurnStep.objects.bulk_create([step for one in answered for step in _steps(one)])
    update_each([one.opened.turn for one in answered], _TURN)
    update_each(
        [
            InboundMessage(pk=message_id, turn=one.opened.turn)
            for one in done
            for message_id in one.opened.message_ids
        ],
        ["turn"],
    )
    _clear_bursts([conversations[one.claim.ref] for one in done])
    update_each(
        [conversations[one.claim.ref] for one in answered], ["agent", "handled_upto", *_BURST]
    )
    replies = [
        outbox.new_message(
            conversation=conversations[one.claim.ref],
            text=one.result.outcome.text.replace("\x00", ""),
            origin=OutboundMessage.Origin.SYSTEM
            if isinstance(one.result.outcome, NeedsHuman)
            else OutboundMessage.Origin.AGENT,
            now=now,
            turn=one.opened.turn,
        )
        for one in done
        if one.result.outcome.text
    ]
    outbox.add_messages(replies, now=now)
    for one in done:
        searching.record_turn(turn=one.opened.turn, result=one.result, now=now)
        if isinstance(one.result.outcome, NeedsHuman):
            takeover.leave_to_people(
                conversation=conversations[one.claim.ref],
                reason=one.result.outcome.reason,
                now=now,
            )
    return [reply.conversation for reply in replies]


def _describe_turn(*, turn: Turn, result: RunResult, now: datetime) -> None:
    turn.finished_at, turn.reason = now, ""
    turn.agent_id, turn.agent_version = result.agent_id, result.version_number
    turn.provider, turn.model = result.provider, result.model[:100]
    turn.input_tokens = result.usage.input_tokens
    turn.output_tokens = result.usage.output_tokens
    turn.confidence = result.confidence
    turn.model_ms = sum(step.duration_ms for step in result.steps if step.kind == "generate")
    match result.outcome:
        case Reply():
            turn.outcome = Turn.Outcome.REPLY
        case HandOff(reason=reason):
            turn.outcome, turn.reason = Turn.Outcome.HANDOFF, reason[:200]
        case NeedsHuman(reason=reason):
            turn.outcome, turn.reason = Turn.Outcome.NEEDS_HUMAN, reason[:200]


def _steps(answered: _Answered) -> Iterator[TurnStep]:
    for position, step in enumerate(answered.result.steps):
        yield TurnStep(
            turn=answered.opened.turn,
            position=position,
            kind=step.kind,
            started_at=step.started_at,
            duration_ms=step.duration_ms,
            data=_storable(step.data),
        )


def _storable(data: Mapping[str, object]) -> Any:
    """Return JSON that PostgreSQL takes: a model may write a NUL, jsonb refuses it."""
    return json.loads(json.dumps(dict(data)).replace("\\u0000", ""))


def _clear_bursts(conversations: Sequence[Conversation]) -> None:
    """Start counting anew: what is still unanswered is the next burst. No row is saved."""
    left_of = _pending(conversations)
    for conversation in conversations:
        left = left_of.get(conversation.pk, [])
        conversation.n_pending, conversation.n_superseded = len(left), 0
        conversation.first_pending_at = min((m.received_at for m in left), default=None)


def _postpone(claim: timers.Claim) -> None:
    """Give a failed turn back, to be tried again a little later each time."""
    now = database_now()
    with suppress(timers.LeaseLost), transaction.atomic():
        timers.hold(claim)
        Turn.objects.filter(conversation_id=claim.ref, status=Turn.Status.RUNNING).update(
            status=Turn.Status.FAILED, reason="an error, see the log", finished_at=now
        )
        timers.retry(claim, due_at=now + timedelta(seconds=2**claim.n_attempts))
