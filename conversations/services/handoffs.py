"""Handoffs as rows, written with the turns that made them, and read with their conversations."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from agents import owners
from agents.runtime import handing
from agents.types import Brief, Hop, RunResult
from conversations.models import Contact, ContactAddress, Conversation, Handoff, Turn

HOUR = timedelta(hours=1)

BRIEF_AGE = timedelta(hours=12)
"""How long a brief is shown to the agent that got it: the day on which the matter came up. Later
its goal is done with, and would be taken for the present one."""

FIELDS = ("last_handoff", "recent_hops")
"""The columns of a conversation that `record` changes; its caller saves them."""


def record(ended: Iterable[tuple[Turn, RunResult, Conversation]], *, now: datetime) -> None:
    """Write the handoffs of turns that are done; joins the commit's transaction.

    No statement where nothing was handed.
    """
    rows = [
        Handoff(
            conversation=conversation,
            turn=turn,
            position=position,
            cause=one.cause.value,
            from_agent_id=one.from_agent_id,
            to_agent_id=one.to_agent_id,
            reason=one.reason.replace("\x00", "")[:200],
            score=one.score,
            brief=handing.brief_as_data(one.brief),
            created_at=now,
        )
        for turn, result, conversation in ended
        for position, one in enumerate(result.handoffs)
    ]
    if not rows:
        return
    for row in Handoff.objects.bulk_create(rows):
        conversation = row.conversation
        conversation.last_handoff = row
        hop = (row.from_agent_id, row.to_agent_id, now.isoformat())
        conversation.recent_hops = [*_fresh(conversation, now=now), hop]


def brief_of(conversation: Conversation, *, now: datetime) -> Brief | None:
    """Return what the present agent was handed with; None where nothing was, or long ago.

    `last_handoff` has to be fetched with the conversation.
    """
    last = conversation.last_handoff
    if last is None or last.created_at < now - BRIEF_AGE:
        return None
    return handing.brief_from_data(last.brief)


def hops_of(conversation: Conversation, *, now: datetime) -> tuple[Hop, ...]:
    """Return the handoffs of the last hour."""
    return tuple(
        Hop(from_id, to_id, datetime.fromisoformat(at))
        for from_id, to_id, at in _fresh(conversation, now=now)
        if from_id is not None
    )


def contact_ids(contact: Contact) -> frozenset[str]:
    """Return under what a contact is known, as `agents.owners` compares it."""
    return owners.identities(
        f"{one.value}@lid" if one.kind == ContactAddress.Kind.LID else one.value
        for one in contact.addresses.all()
    )


def _fresh(conversation: Conversation, *, now: datetime) -> list[tuple[Any, Any, str]]:
    return [
        (from_id, to_id, at)
        for from_id, to_id, at in conversation.recent_hops
        if datetime.fromisoformat(at) > now - HOUR
    ]
