"""A turn: from a gathered burst to one answer, with nothing held while the model thinks.

Claim, call, commit: the first transaction opens the turn and reads what it needs, the runtime then
works without transaction, lock or connection, and the last transaction writes everything at once if
the work is still ours and nothing newer came in.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping
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
    TranscriptLine,
)
from conversations.channels import sender_for
from conversations.models import (
    Conversation,
    InboundMessage,
    OutboundMessage,
    Turn,
    TurnStep,
)
from conversations.services import identity, outbox, takeover, typing
from conversations.services.bursts import describe
from tenants import timers
from tenants.context import current_schema, database_now, release_connection
from tenants.failpoints import reach
from tenants.leases import keep
from tenants.models import Tenant

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
"""A burst whose turn died or failed this often is left to a person, and harms nobody else."""

MAX_SUPERSEDED = 3
"""How often in a row an answer is thrown away for a newer message. Then it is sent all the same, or
who never stops writing would never be answered."""

TRANSCRIPT_LINES = 20


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


def run_turn(*, timer_id: int, token: uuid.UUID) -> TurnOutcome:
    """Answer the burst that a timer announces.

    Safe to run twice: only the doorbell that begins its timer works, and only the holder of the
    lease may commit.
    """
    claim = timers.begin(timer_id=timer_id, token=token)
    if claim is None:
        return TurnOutcome.NOT_OURS
    reach("turn_begun")
    with keep(claim):
        try:
            opened = _open_turn(claim)
            if isinstance(opened, TurnOutcome):
                return opened
            reach("turn_before_llm")
            result = loop.answer(opened.request, assembly.run_context())
            reach("turn_after_llm")
            return _commit_turn(claim=claim, opened=opened, result=result)
        except timers.LeaseLost:
            return TurnOutcome.LEASE_LOST
        except Exception:
            # Whatever it was, the contact is waiting: the turn is tried again, then left to people.
            logger.exception("turn failed", extra={"conversation_id": claim.ref})
            _postpone(claim)
            return TurnOutcome.FAILED


def _open_turn(claim: timers.Claim) -> _Open | TurnOutcome:
    now = database_now()
    with transaction.atomic(durable=True):
        conversation = (
            Conversation.objects.select_for_update(of=("self",))
            .select_related("contact", "agent")
            .filter(pk=claim.ref, status=Conversation.Status.OPEN)
            .first()
        )
        timers.hold(claim)  # after the conversation, which is everybody's order of locks
        if conversation is None:
            timers.finish(claim)
            return TurnOutcome.NOTHING_PENDING
        # Whoever held this before us is gone, or its lease would still be there.
        Turn.objects.filter(conversation=conversation, status=Turn.Status.RUNNING).update(
            status=Turn.Status.FAILED, reason="its worker was lost", finished_at=now
        )
        messages = pending_messages(conversation)
        if not messages or conversation.mode != Conversation.Mode.AI:
            _clear_burst(conversation)
            timers.finish(claim)
            return TurnOutcome.NOTHING_PENDING
        profile = _profile(conversation)
        if profile is None or claim.n_attempts > MAX_ATTEMPTS:
            reason = "no agent answers here" if profile is None else "answering failed repeatedly"
            takeover.leave_to_people(conversation=conversation, reason=reason, now=now)
            timers.finish(claim)
            return TurnOutcome.LEFT_TO_PEOPLE
        turn = Turn.objects.create(
            conversation=conversation,
            agent_id=profile.agent_id,
            agent_version=profile.version_number,
            covered_upto=max(message.pk for message in messages),
            n_messages=len(messages),
            burst_started_at=conversation.first_pending_at or now,
            started_at=now,
        )
        opened = _Open(
            turn=turn,
            request=_request(
                conversation=conversation, profile=profile, messages=messages, now=now
            ),
            message_ids=tuple(message.pk for message in messages),
        )
        typing.show(
            account=sender_for(conversation.channel_kind).open_account(
                conversation.channel_account_ref
            ),
            to=identity.address_of(conversation.contact),
        )
    release_connection()
    return opened


def pending_messages(conversation: Conversation) -> list[InboundMessage]:
    """Return what waits for an answer, in the order in which the contact wrote it."""
    return list(
        InboundMessage.objects.filter(
            conversation=conversation,
            pk__gt=conversation.handled_upto,
            turn=None,
            silence_reason="",
            deleted_at=None,
        ).order_by("sent_at", "pk")
    )


def _profile(conversation: Conversation) -> AgentProfile | None:
    agent = conversation.agent
    if agent is None or not agent.is_active or agent.published_version_id is None:
        return None
    if agent.kind == Agent.Kind.HUMAN:
        return None
    return profiles.profile(agent_id=agent.pk)


def _request(
    *,
    conversation: Conversation,
    profile: AgentProfile,
    messages: list[InboundMessage],
    now: datetime,
) -> RunRequest:
    tenant = Tenant.objects.get(schema_name=current_schema())
    with override(tenant.language):
        transcript = _transcript(conversation, before=min(message.pk for message in messages))
    return RunRequest(
        tenant_name=tenant.name,
        language=tenant.language,
        timezone=tenant.timezone,
        agent=profile,
        # What has no words is nothing to search for: alone it goes to a person.
        burst=tuple(message.text for message in messages if message.text),
        transcript=transcript,
        contact_name=conversation.contact.name,
        now=now,
    )


def _transcript(conversation: Conversation, *, before: int) -> tuple[TranscriptLine, ...]:
    inbound = InboundMessage.objects.filter(
        conversation=conversation, pk__lt=before, deleted_at=None
    ).order_by("-pk")[:TRANSCRIPT_LINES]
    outbound = (
        OutboundMessage.objects.filter(conversation=conversation)
        .exclude(status__in=(OutboundMessage.Status.CANCELLED, OutboundMessage.Status.FAILED))
        .order_by("-pk")[:TRANSCRIPT_LINES]
    )
    people = (OutboundMessage.Origin.PERSON, OutboundMessage.Origin.PHONE)
    lines = [TranscriptLine(role="contact", text=describe(m), at=m.received_at) for m in inbound]
    lines += [
        TranscriptLine(
            role="person" if m.origin in people else "agent", text=m.text, at=m.created_at
        )
        for m in outbound
    ]
    return tuple(sorted(lines, key=lambda line: line.at)[-TRANSCRIPT_LINES:])


def _commit_turn(*, claim: timers.Claim, opened: _Open, result: RunResult) -> TurnOutcome:
    now = database_now()
    reach("turn_before_commit")
    with transaction.atomic(durable=True):
        conversation = Conversation.objects.select_for_update().get(pk=claim.ref)
        has_newer = timers.hold(claim)
        turn = opened.turn
        _describe_turn(turn=turn, result=result, now=now)
        if conversation.mode != Conversation.Mode.AI:
            turn.status, turn.reason = Turn.Status.SUPERSEDED, "a person took over"
        elif has_newer and conversation.n_superseded < MAX_SUPERSEDED:
            turn.status, turn.reason = Turn.Status.SUPERSEDED, "a newer message arrived"
            conversation.n_superseded += 1
            conversation.save(update_fields=["n_superseded"])
        else:
            turn.status = Turn.Status.DONE
            _apply(conversation=conversation, opened=opened, result=result, now=now)
        turn.save()
        timers.finish(claim)
    reach("turn_after_commit")
    logger.info(
        "turn finished",
        extra={
            "turn_id": turn.pk,
            "status": turn.status,
            "outcome": turn.outcome,
            "ms": round((now - turn.started_at).total_seconds() * 1000),
        },
    )
    return TurnOutcome.ANSWERED if turn.status == Turn.Status.DONE else TurnOutcome.SUPERSEDED


def _describe_turn(*, turn: Turn, result: RunResult, now: datetime) -> None:
    turn.finished_at = now
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
    TurnStep.objects.bulk_create(
        TurnStep(
            turn=turn,
            position=position,
            kind=step.kind,
            started_at=step.started_at,
            duration_ms=step.duration_ms,
            data=_storable(step.data),
        )
        for position, step in enumerate(result.steps)
    )


def _storable(data: Mapping[str, object]) -> Any:
    """Return JSON that PostgreSQL takes: a model may write a NUL, jsonb refuses it."""
    return json.loads(json.dumps(dict(data)).replace("\\u0000", ""))


def _apply(*, conversation: Conversation, opened: _Open, result: RunResult, now: datetime) -> None:
    """Write what the runtime decided; joins the transaction of the commit."""
    InboundMessage.objects.filter(pk__in=opened.message_ids).update(turn=opened.turn)
    conversation.agent_id = result.agent_id
    conversation.handled_upto = max(conversation.handled_upto, opened.turn.covered_upto)
    conversation.save(update_fields=["agent", "handled_upto"])
    _clear_burst(conversation)
    if result.outcome.text:
        outbox.add_message(
            conversation=conversation,
            text=result.outcome.text.replace("\x00", ""),
            origin=OutboundMessage.Origin.SYSTEM
            if isinstance(result.outcome, NeedsHuman)
            else OutboundMessage.Origin.AGENT,
            now=now,
            turn=opened.turn,
        )
    match result.outcome:
        case HandOff(to_agent_id=agent_id):
            conversation.agent_id = agent_id
            conversation.save(update_fields=["agent"])
        case NeedsHuman(reason=reason, to_agent_id=agent_id):
            if agent_id is not None:
                conversation.agent_id = agent_id
                conversation.save(update_fields=["agent"])
            takeover.leave_to_people(conversation=conversation, reason=reason, now=now)


def _clear_burst(conversation: Conversation) -> None:
    """Start counting anew: what is still unanswered is the next burst."""
    left = pending_messages(conversation)
    conversation.n_pending, conversation.n_superseded = len(left), 0
    conversation.first_pending_at = min((m.received_at for m in left), default=None)
    conversation.save(update_fields=["n_pending", "n_superseded", "first_pending_at"])


def _postpone(claim: timers.Claim) -> None:
    """Give a failed turn back, to be tried again a little later each time."""
    now = database_now()
    with suppress(timers.LeaseLost), transaction.atomic():
        timers.hold(claim)
        Turn.objects.filter(conversation_id=claim.ref, status=Turn.Status.RUNNING).update(
            status=Turn.Status.FAILED, reason="an error, see the log", finished_at=now
        )
        timers.retry(claim, due_at=now + timedelta(seconds=2**claim.n_attempts))
