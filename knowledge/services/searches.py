"""The log of searches: what was asked, what was found, and how sure the product was."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings as django_settings

from knowledge import privacy, text
from knowledge.models import Search
from knowledge.types import Passage, SearchResult
from tenants.queueing import enqueue
from tenants.rows import insert_each

CLUSTER_TASK = "knowledge.tasks.gather_unanswered"

MAX_TEXT = 2_000
"""Characters of a question and of a passage that are kept."""

PRUNE_BATCH = 2_000
"""Rows that one sweep removes at most, so that it stays short after a long pause."""


def new_search(
    *,
    origin: str,
    question: str,
    previous: str,
    result: SearchResult,
    turn_uuid: uuid.UUID | None,
    agent_name: str,
    answered: bool | None,
    asked_by: str,
    settings: Mapping[str, object],
    category_ids: Sequence[int] | None,
    now: datetime,
) -> Search:
    """Return a line of the log, for `record`.

    What identifies a person is masked in questions of conversations.

    Args:
        origin: one of `Search.Origin`.
        question: what was asked, as it was written.
        previous: the message before that was given to the search; may be empty.
        answered: whether the contact got an answer in the end; None for tests.
        asked_by: the user name of who tests; empty for conversations.
        settings: what the test page changed, JSON-safe.
        category_ids: where it looked; None for everywhere.
    """
    is_chat = origin == Search.Origin.CHAT
    keep = privacy.mask if is_chat else str
    return Search(
        origin=origin,
        question=keep(question)[:MAX_TEXT],
        previous=keep(previous)[:MAX_TEXT],
        normalised=keep(result.normalised_query)[:MAX_TEXT],
        decision=result.decision.value,
        answered=answered,
        confidence=result.confidence,
        best_cosine=result.best_cosine,
        threshold=result.threshold,
        passages=[_kept(passage) for passage in result.passages],
        settings={**settings, **({"signals": dict(result.signals)} if result.signals else {})},
        category_ids=None if category_ids is None else list(category_ids),
        turn_uuid=turn_uuid,
        agent_name=agent_name[:80],
        duration_ms=max(0, round(result.duration_ms)),
        asked_by=asked_by[:150],
        created_at=now,
    )


def record(searches: Sequence[Search]) -> None:
    """Keep searches; joins the caller's transaction.

    Questions of conversations that found no answer are gathered with their like in the background.
    """
    insert_each(searches)
    if any(one.origin == Search.Origin.CHAT and one.answered is False for one in searches):
        enqueue(CLUSTER_TASK)


def _kept(passage: Passage) -> dict[str, object]:
    return {
        "ref": f"{passage.document_uuid}/{passage.version}/{passage.chunk_id}",
        "document": passage.document_title,
        "document_uuid": str(passage.document_uuid),
        "version": passage.version,
        "category": passage.category,
        "title": passage.heading_path,
        "text": text.one_line(passage.body)[:MAX_TEXT],
        "page": passage.page,
        "scores": {
            "score": round(passage.score, 4),
            "cosine": round(passage.cosine, 4),
            "lexical": round(passage.lexical, 4),
            "grams": round(passage.grams, 4),
        },
    }


def prune(*, now: datetime) -> int:
    """Remove searches older than the retention; returns how many."""
    limit = now - timedelta(days=django_settings.SEARCH_RETENTION_DAYS)
    old = Search.objects.filter(created_at__lt=limit).order_by("created_at", "pk")
    pks = list(old.values_list("pk", flat=True)[:PRUNE_BATCH])
    return Search.objects.filter(pk__in=pks).delete()[0]
