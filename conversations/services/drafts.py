"""Answers that wait for a person's consent: keeping them, and what makes them pointless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from agents.types import RunResult
from conversations.models import Conversation, Draft, InboundMessage, Turn
from tenants import timers

TIMER = "draft"
"""The kind of timer that ends the wait for approval; its ref is the conversation."""


def hold(
    held: Sequence[tuple[Turn, RunResult]],
    conversations: Mapping[int, Conversation],
    *,
    now: datetime,
) -> None:
    """Keep replies as drafts; joins a transaction that locked the conversations and saves them.

    Whoever answered before left none: a new message has superseded it.
    """
    rows = [
        Draft(
            conversation_id=turn.conversation_id,
            turn=turn,
            text=result.outcome.text.replace("\x00", ""),
            then=result.approval.then,
            due_at=now + timedelta(minutes=result.approval.within_min),
            created_at=now,
        )
        for turn, result in held
        if result.approval is not None
    ]
    if not rows:
        return
    Draft.objects.bulk_create(rows)
    for row in rows:
        conversation = conversations[row.conversation_id]
        conversation.has_draft = True
        conversation.save(update_fields=["has_draft"])
        timers.arm(kind=TIMER, ref=row.conversation_id, due_at=row.due_at)


def supersede(conversation: Conversation, *, reason: str, now: datetime) -> list[int]:
    """Drop the draft that waits, if one does; return the messages that it would have answered.

    They wait for an answer again. Joins the caller's transaction, which holds the conversation's
    lock and saves `has_draft`, `handled_upto` and the counts of the burst.
    """
    if not conversation.has_draft:
        return []
    conversation.has_draft = False
    draft = Draft.objects.filter(conversation=conversation, status=Draft.Status.WAITING).first()
    if draft is None:
        return []
    Draft.objects.filter(pk=draft.pk).update(status=Draft.Status.SUPERSEDED, decided_at=now)
    Turn.objects.filter(pk=draft.turn_id).update(status=Turn.Status.SUPERSEDED, reason=reason)
    freed = list(
        InboundMessage.objects.filter(turn_id=draft.turn_id)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    InboundMessage.objects.filter(pk__in=freed).update(turn=None)
    if freed:
        conversation.handled_upto = min(conversation.handled_upto, freed[0] - 1)
    return freed
