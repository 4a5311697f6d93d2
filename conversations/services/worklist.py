"""What waits for people, as those see it who work on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.utils.text import Truncator

from conversations.models import Attachment, Conversation, InboundMessage
from conversations.services import describing, desks, words

MOST = 200
"""Conversations on the page. Nobody works through more, and the page is asked for every few
seconds; the counts tell how many there are."""

SOON = timedelta(minutes=5)
"""How long before an answer is due its colour warns."""


class View(StrEnum):
    """Which conversations are shown."""

    FREE = "free"
    MINE = "mine"
    ALL = "all"
    DRAFTS = "drafts"


@dataclass(frozen=True)
class Row:
    """One conversation.

    Attributes:
        tone: of the deadline: ``"good"``, ``"warn"``, ``"bad"`` or empty where there is none.
        due: until when or since when, in words; empty where nothing is due.
        holder: who has it; empty for nobody.
    """

    pk: int
    name: str
    queue: str
    cause: str
    said: str
    waiting: str
    due: str
    tone: str
    holder: str
    is_mine: bool
    is_draft: bool
    may_take: bool


@dataclass(frozen=True)
class Worklist:
    """What is shown, and how many each of the views would show."""

    rows: tuple[Row, ...]
    counts: dict[View, int]
    n_late: int


def worklist(*, username: str, view: View, now: datetime, queue_id: int | None = None) -> Worklist:
    """Return what waits, the most urgent first; six queries at most.

    Args:
        username: of who looks.
        queue_id: of one queue only; None for all.
    """
    shown = Conversation.objects.filter(status=Conversation.Status.OPEN)
    if queue_id is not None:
        shown = shown.filter(queue=queue_id)
    human = Q(mode=Conversation.Mode.HUMAN)
    waits = {
        View.FREE: human & Q(claimed_by=""),
        View.MINE: human & Q(claimed_by=username),
        View.ALL: human,
        View.DRAFTS: Q(has_draft=True),
    }
    tally = shown.aggregate(
        **{one.value: Count("pk", filter=which) for one, which in waits.items()},
        late=Count("pk", filter=human & Q(answer_due_at__lt=now)),
    )
    closed = desks.queues_closed_to(username)
    found = _with_last_words(shown.filter(waits[view]))
    rows = found.order_by(F("answer_due_at").asc(nulls_last=True), "waiting_since", "pk")[:MOST]
    return Worklist(
        rows=tuple(_row(one, username=username, closed=closed, now=now) for one in rows),
        counts={one: tally[one.value] for one in View},
        n_late=tally["late"],
    )


def _with_last_words(found: QuerySet[Conversation]) -> QuerySet[Conversation]:
    last = InboundMessage.objects.filter(conversation=OuterRef("pk"), deleted_at=None).order_by(
        "-pk"
    )
    wanted = {"kind": "kind", "text": "text", "facts": "media"}
    wanted |= {"reading": "attachment__reading", "words": "attachment__words"}
    return found.select_related("contact", "queue", "agent").annotate(
        **{f"said_{name}": Subquery(last.values(of)[:1]) for name, of in wanted.items()}
    )


def _said(conversation: Any) -> str:
    """Return the contact's last message in words."""
    if conversation.said_kind is None:
        return ""
    return describing.describe(
        kind=conversation.said_kind,
        text=conversation.said_text,
        facts=conversation.said_facts,
        reading=conversation.said_reading or Attachment.Reading.NONE,
        words=conversation.said_words or "",
    )


def _row(
    conversation: Conversation, *, username: str, closed: set[int | None], now: datetime
) -> Row:
    due, tone = deadline(conversation, now=now)
    is_human = conversation.mode == Conversation.Mode.HUMAN
    return Row(
        pk=conversation.pk,
        name=Truncator(str(conversation.contact)).chars(60),
        queue=conversation.queue.name if conversation.queue else "",
        cause=words.cause(conversation.mode_reason) if is_human else "",
        said=Truncator(" ".join(_said(conversation).split())).chars(140),
        waiting=words.since(conversation.waiting_since, now=now),
        due=due,
        tone=tone,
        holder=words.holder(conversation.claimed_by),
        is_mine=conversation.claimed_by == username,
        is_draft=conversation.has_draft,
        may_take=is_human and not conversation.claimed_by and conversation.queue_id not in closed,
    )


def deadline(conversation: Conversation, *, now: datetime) -> tuple[str, str]:
    """Return until when an answer is due, in words, and how much that presses."""
    due_at = conversation.answer_due_at
    if due_at is None:
        return "", ""
    if due_at < now:
        return words.late(due_at, now=now), "bad"
    return words.left(due_at, now=now), "warn" if due_at - now < SOON else "good"
