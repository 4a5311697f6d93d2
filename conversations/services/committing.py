"""How a turn ends: one transaction that writes many turns with their replies, or none of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from agents.types import HandOff, NeedsHuman, Reply, RunOutcome, RunResult
from conversations.models import Conversation, InboundMessage, OutboundMessage, Turn, TurnStep
from conversations.services import (
    away,
    bursts,
    desks,
    drafts,
    facts,
    following,
    handoffs,
    leads,
    outbox,
    searching,
    takeover,
    writing,
)
from conversations.services.opening import Open
from conversations.types import TurnOutcome
from tenants import timers
from tenants.combining import Combiner
from tenants.context import database_now
from tenants.rows import insert_each, update_each

MAX_SUPERSEDED = 3
"""How often in a row an answer is thrown away for a newer message. Then it is sent all the same, or
who never stops writing would never be answered."""

MAX_TOGETHER = 25
"""Turns that one transaction commits at most. Those who write to these conversations meanwhile wait
for it, some tens of milliseconds; at the double it saves little more."""

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


@dataclass(frozen=True, eq=False)
class Answered:
    """A turn that the runtime has answered and that is to be committed."""

    claim: timers.Claim
    opened: Open
    result: RunResult


@dataclass(frozen=True)
class Committed:
    """What became of a turn; `handed` is a reply that its thread is to send at once."""

    outcome: TurnOutcome
    handed: outbox.Handed | None = None


def commit_turns(items: Sequence[Answered], *, alone: bool) -> dict[Answered, Committed]:
    """Write turns and their replies in one transaction; see `Combiner` for what is left out.

    As many replies as this process may send at once are begun in the same transaction.
    """
    now = database_now()
    learnt = {one: facts.in_turn(one.opened.request, one.result) for one in items}
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
            facts.learn(
                (fact for one in mine if one.opened.turn.outcome for fact in learnt[one]), now=now
            )
            done = (one for one in mine if one.opened.turn.status == Turn.Status.DONE)
            leads.in_turns(((one.result, conversations[one.claim.ref]) for one in done), now=now)
            if mine:
                timers.finish(*(one.claim for one in mine))
            begun = outbox.hand_over(conversations=replying[:n_places], now=now)
            following.ring((conversations[one.claim.ref] for one in mine), now=now)
        handed = begun
    finally:
        outbox.give_places_back(n_places - len(handed))
    committed = {one: Committed(TurnOutcome.LEASE_LOST) for one in ours}
    for one in mine:
        is_done = one.opened.turn.status == Turn.Status.DONE
        outcome = TurnOutcome.ANSWERED if is_done else TurnOutcome.SUPERSEDED
        committed[one] = Committed(outcome, handed.get(one.claim.ref))
    return committed


commits: Combiner[Answered, Committed] = Combiner(commit_turns, most=MAX_TOGETHER)


def _decide(
    answered: Answered, conversation: Conversation, *, has_newer: bool, now: datetime
) -> None:
    """Say what becomes of a turn, of its row and its conversation's; neither is saved."""
    turn, result = answered.opened.turn, answered.result
    describe_turn(turn=turn, result=result, now=now)
    # Dealt with meanwhile: a person took it, answered, and gave it back before this was written.
    is_handled = conversation.handled_upto >= turn.covered_upto
    if conversation.contact.is_blocked:
        turn.status, turn.reason = Turn.Status.SUPERSEDED, "the contact is blocked"
    elif conversation.mode != Conversation.Mode.AI or is_handled:
        turn.status, turn.reason = Turn.Status.SUPERSEDED, "a person took over"
    elif conversation.status != Conversation.Status.OPEN:
        # Only people close while a turn is running, and what it answers was set aside then.
        turn.status, turn.reason = Turn.Status.SUPERSEDED, "archived"
    elif conversation.contact.opted_out_at is not None:
        turn.status = Turn.Status.SUPERSEDED
        turn.reason = "the contact asked not to be written to"
    elif has_newer and (result.approval or conversation.n_superseded < MAX_SUPERSEDED):
        turn.status, turn.reason = Turn.Status.SUPERSEDED, "a newer message arrived"
        conversation.n_superseded += 1
    else:
        turn.status = Turn.Status.DONE
        conversation.agent_id = result.agent_id
        conversation.handled_upto = max(conversation.handled_upto, turn.covered_upto)
        match result.outcome:
            case HandOff(to_agent_id=agent_id):
                conversation.agent_id = agent_id


def _write_turns(
    answered: Sequence[Answered], conversations: Mapping[int, Conversation], *, now: datetime
) -> list[Conversation]:
    """Write what was decided; joins the transaction of the commit. Return who gets a reply."""
    done = [one for one in answered if one.opened.turn.status == Turn.Status.DONE]
    insert_each([step for one in answered for step in _steps(one)])
    following.place_steps(one.opened.live for one in answered if one.opened.live)
    update_each([one.opened.turn for one in answered], _TURN)
    update_each(
        [
            InboundMessage(pk=message_id, turn=one.opened.turn)
            for one in done
            for message_id in one.opened.message_ids
        ],
        ["turn"],
    )
    handoffs.record(
        [(one.opened.turn, one.result, conversations[one.claim.ref]) for one in done], now=now
    )
    bursts.start_anew([conversations[one.claim.ref] for one in done])
    update_each(
        [conversations[one.claim.ref] for one in answered],
        ["agent", "handled_upto", *bursts.COUNTS, *handoffs.FIELDS],
    )
    leaving = [
        (conversations[one.claim.ref], one.result.outcome.to_agent_id)
        for one in done
        if isinstance(one.result.outcome, NeedsHuman)
    ]
    desk_of = desks.desks_for(leaving) if leaving else {}
    farewell = desks.farewells(desk_of, now=now)
    said = away.texts(
        [
            (
                conversations[one.claim.ref].contact_id,
                _in_words(one, farewell.get(one.claim.ref, "")),
            )
            for one in done
        ],
        now=now,
    )
    held = {one for one in done if one.result.approval and isinstance(one.result.outcome, Reply)}
    replies = [
        outbox.new_message(
            conversation=conversations[one.claim.ref],
            text=text.replace("\x00", ""),
            origin=OutboundMessage.Origin.SYSTEM
            if isinstance(one.result.outcome, NeedsHuman)
            else OutboundMessage.Origin.AGENT,
            now=now,
            turn=one.opened.turn,
        )
        for one, text in zip(done, said, strict=True)
        if text and one not in held
    ]
    asked = {one.claim.ref: one.opened.message_ids for one in done}
    outbox.add_messages(writing.write_out(replies, asked=asked), now=now)
    drafts.hold([(one.opened.turn, one.result) for one in held], conversations, now=now)
    searching.record_turns(((one.opened.turn, one.result) for one in done), now=now)
    for one in done:
        if isinstance(one.result.outcome, NeedsHuman):
            takeover.leave_to_people(
                conversation=conversations[one.claim.ref],
                reason=one.result.outcome.reason,
                now=now,
                desk=desk_of[one.claim.ref],
            )
    return [reply.conversation for reply in replies]


def _in_words(answered: Answered, farewell: str) -> RunOutcome:
    """Return an outcome with its queue's own words, where it has any and the contact is told.

    The away text of the first promise follows them, as it would follow ours.
    """
    outcome = answered.result.outcome
    if not (isinstance(outcome, NeedsHuman) and farewell and outcome.text):
        return outcome
    return replace(outcome, text=farewell, away=outcome.away and outcome.away.after(farewell))


def describe_turn(*, turn: Turn, result: RunResult, now: datetime) -> None:
    """Write into a turn what a run decided; the row is not saved."""
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


def _steps(answered: Answered) -> Iterator[TurnStep]:
    live = answered.opened.live
    for position, step in enumerate(answered.result.steps):
        if live is not None and live.has_written(step, position):
            continue
        yield TurnStep(
            turn=answered.opened.turn,
            position=position,
            kind=step.kind,
            started_at=step.started_at,
            duration_ms=step.duration_ms,
            data=dict(step.data),
        )
