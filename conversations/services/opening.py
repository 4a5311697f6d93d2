"""How a turn begins: one transaction that claims bursts and reads what their answers need."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import override

from agents.services import business
from agents.types import AgentProfile, Identity, RunRequest
from conversations.channels import Accounts
from conversations.models import Conversation, InboundMessage, Turn
from conversations.services import (
    answerers,
    attaching,
    bursts,
    consent,
    describing,
    facts,
    following,
    handoffs,
    hours,
    identity,
    memory,
    pacing,
    takeover,
    typing,
)
from conversations.types import TurnOutcome
from tenants import timers
from tenants.context import current_schema, database_now
from tenants.models import Tenant

MAX_ATTEMPTS = 5
"""A burst whose turn died or failed this often is left to a person, and harms nobody else."""


@dataclass(frozen=True)
class Open:
    """A turn that has begun, with what its last transaction will need.

    Args:
        live: writes its steps as they end; None where no program follows the conversation.
    """

    turn: Turn
    request: RunRequest
    message_ids: tuple[int, ...]
    typing: typing.Indicator
    live: following.LiveSteps | None = None


def open_turns(claims: Sequence[timers.Claim]) -> dict[timers.Claim, Open | TurnOutcome]:
    """Open the turns of some claims.

    Of several, those whose conversation is locked elsewhere are left out: waiting for one while
    others are held could be a deadlock.
    """
    now = database_now()
    wait = len(claims) == 1
    refs = [claim.ref for claim in claims]
    opened: dict[timers.Claim, Open | TurnOutcome] = {}
    with transaction.atomic(durable=True):
        conversations = {
            one.pk: one
            for one in Conversation.objects.lock(refs, wait=wait)
            .select_related("contact", "agent", "last_handoff")
            .prefetch_related("contact__addresses", "contact__facts")
            .filter(status=Conversation.Status.OPEN)
        }
        # After the conversations, which is everybody's order of locks.
        locked = set() if wait else _locked_elsewhere(set(refs) - set(conversations))
        ours = [claim for claim in claims if claim.ref not in locked]
        held = timers.hold_all(ours)
        opened.update(dict.fromkeys(ours, TurnOutcome.LEASE_LOST))
        # Whoever held these before us is gone, or its lease would still be there.
        if again := [claim.ref for claim in held if claim.n_attempts > 1]:
            Turn.objects.filter(conversation__in=again, status=Turn.Status.RUNNING).update(
                status=Turn.Status.FAILED, reason="its worker was lost", finished_at=now
            )
        found = bursts.pending([conversations[one.ref] for one in held if one.ref in conversations])
        begun: list[tuple[timers.Claim, Turn, AgentProfile]] = []
        over: list[timers.Claim] = []
        for claim in held:
            conversation = conversations.get(claim.ref)
            turn = _new_turn(claim, conversation, found.get(claim.ref, []), now=now)
            if isinstance(turn, TurnOutcome):
                opened[claim] = turn
                over.append(claim)
            else:
                begun.append((claim, *turn))
        if over:
            timers.finish(*over)
        Turn.objects.bulk_create(turn for _, turn, _ in begun)
        opened.update(_with_requests(begun, found, now=now))
        following.ring(conversations.values(), now=now)
    return opened


def _locked_elsewhere(refs: set[int]) -> set[int]:
    """Return those that are open conversations: who did not get these would have to wait."""
    if not refs:
        return set()
    found = Conversation.objects.filter(pk__in=refs, status=Conversation.Status.OPEN)
    return set(found.values_list("pk", flat=True))


def _new_turn(
    claim: timers.Claim,
    conversation: Conversation | None,
    messages: Sequence[InboundMessage],
    *,
    now: datetime,
) -> tuple[Turn, AgentProfile] | TurnOutcome:
    """Return a turn that is to be created, or why there is none."""
    if conversation is None:
        return TurnOutcome.NOTHING_PENDING
    contact = conversation.contact
    is_left_alone = contact.opted_out_at is not None or contact.is_blocked
    if not messages or is_left_alone or conversation.mode != Conversation.Mode.AI:
        bursts.start_anew([conversation])
        conversation.save(update_fields=bursts.COUNTS)
        return TurnOutcome.NOTHING_PENDING
    # "pare de" and "me mandar mensagem" in two messages are one wish.
    burst = "\n".join(describing.plain(message) for message in messages)
    if len(messages) > 1 and consent.heed(
        conversation=conversation, text=burst, said_at=messages[-1].sent_at, now=now
    ):
        return TurnOutcome.NOTHING_PENDING
    if attaching.hold_burst(conversation=conversation, messages=messages, now=now):
        return TurnOutcome.WAITS_FOR_FILES
    profile = answerers.profile_of(conversation)
    if profile is None or claim.n_attempts > MAX_ATTEMPTS:
        reason = "no agent answers here" if profile is None else "answering failed repeatedly"
        takeover.leave_to_people(conversation=conversation, reason=reason, now=now)
        return TurnOutcome.LEFT_TO_PEOPLE
    turn = Turn(
        uuid=_promised(conversation) or uuid.uuid4(),
        conversation=conversation,
        agent_id=profile.agent_id,
        agent_version=profile.version_number,
        covered_upto=max(message.pk for message in messages),
        n_messages=len(messages),
        burst_started_at=conversation.first_pending_at or now,
        started_at=now,
    )
    return turn, profile


def _promised(conversation: Conversation) -> uuid.UUID | None:
    """Return the id that a program knows the turn by already; each is used once."""
    promised = conversation.next_turn_uuid
    if promised is not None:
        conversation.next_turn_uuid = None
        conversation.save(update_fields=["next_turn_uuid"])
    return promised


def _with_requests(
    begun: Sequence[tuple[timers.Claim, Turn, AgentProfile]],
    messages_of: Mapping[int, Sequence[InboundMessage]],
    *,
    now: datetime,
) -> dict[timers.Claim, Open]:
    """Return what the runtime is asked for each new turn, and show that it is being written."""
    if not begun:
        return {}
    tenant = Tenant.objects.get(schema_name=current_schema())
    state = hours.state_at(now=now, zone=tenant.timezone)
    paces = pacing.paces([turn for _, turn, _ in begun], now=now)
    accounts, of_business = Accounts(), business.current()
    opened = {}
    with override(tenant.language):
        transcripts = bursts.latest_lines(
            {
                turn.conversation_id: min(one.pk for one in messages_of[turn.conversation_id])
                for _, turn, _ in begun
            }
        )
    memory.ask_where_outgrown(transcripts, (turn.conversation for _, turn, _ in begun), now=now)
    for claim, turn, profile in begun:
        conversation, messages = turn.conversation, messages_of[turn.conversation_id]
        with override(tenant.language):
            told = tuple(describing.told(message) for message in messages)
        worded = [(one, text) for one in messages if (text := describing.plain(one))]
        request = RunRequest(
            tenant_name=tenant.name,
            language=tenant.language,
            timezone=tenant.timezone,
            agent=profile,
            # What has no words is nothing to search for: alone it goes to a person.
            burst=tuple(text for _, text in worded),
            told=told,
            transcript=transcripts.get(conversation.pk, ()),
            contact_name=conversation.contact.name,
            now=now,
            hours=state,
            pace=paces[turn.pk],
            arrived_at=turn.burst_started_at,
            burst_refs=tuple(str(message.uuid) for message, _ in worded),
            contact_ids=handoffs.contact_ids(conversation.contact),
            brief=handoffs.brief_of(conversation, now=now),
            hops=handoffs.hops_of(conversation, now=now),
            business=of_business,
            contact_facts=facts.known(conversation.contact, now=now),
            summary=conversation.summary,
            summarised_until=conversation.summarised_until,
            identity=_identity(conversation, messages),
            handed_at=conversation.last_handoff.created_at if conversation.last_handoff else None,
        )
        account = accounts.open(conversation.channel_kind, conversation.channel_account_ref)
        opened[claim] = Open(
            turn,
            request,
            tuple(message.pk for message in messages),
            typing.show(account=account, to=identity.address_in(conversation)),
            following.LiveSteps(turn) if following.are_steps_heard(conversation, now=now) else None,
        )
    return opened


def _identity(conversation: Conversation, messages: Sequence[InboundMessage]) -> Identity:
    return Identity(
        contact_uuid=str(conversation.contact.uuid),
        conversation_uuid=str(conversation.uuid),
        phone=identity.address_in(conversation).phone,
        # The oldest stays in the burst until it is answered, however often that is begun anew.
        burst=str(min(messages, key=lambda one: one.pk).uuid),
    )
