"""Questions that found no answer: gathered by what they mean, and made into FAQs by a person."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext
from numpy.typing import NDArray
from pgvector.django import CosineDistance

from knowledge import likeness, privacy, spaces, text
from knowledge.models import Category, Document, EmbeddingSpace, Search, UnansweredQuestion
from knowledge.services import faqs
from tenants.audit.record import record
from tenants.context import current_schema, release_connection
from tenants.errors import DomainError, Temporary
from tenants.queueing import enqueue

TASK = "knowledge.tasks.gather_unanswered"

BATCH = 20
"""Questions that are embedded before they are written."""

SLICE_S = 100.0
"""How long one task gathers before the sweep goes on, in seconds."""

WAIT_S = 60
"""After so long a question whose doorbell was lost is announced again, in seconds."""

CANDIDATES = 8
"""Nearest clusters that are compared by words as well."""

EXAMPLES = 8
"""Wordings of a cluster that are shown, and that a FAQ made of it begins with."""

NEAR_SHARE = 0.5
"""From this part of the threshold on, what was found is called near: the cut may be too tight."""

Status = UnansweredQuestion.Status
Vector = NDArray[np.float32]

logger = logging.getLogger(__name__)


class AlreadySettled(DomainError):
    """Somebody has settled this question meanwhile; look at the page again."""

    code = "already_settled"

    def __init__(self) -> None:
        super().__init__(gettext("Somebody has settled this meanwhile; look at the page again."))


class Miss(StrEnum):
    """Why a question found no answer."""

    NOTHING = "nothing"  # the documents do not speak of it
    TOO_TIGHT = "too_tight"  # something near was found, below the threshold
    HELD_BACK = "held_back"  # enough was found, and still no answer was given


@dataclass(frozen=True, slots=True)
class NearMiss:
    """The best that the searches of a question found.

    Args:
        confidence: 0 to 1.
        threshold: what would have been needed then.
        passage: as `Search.passages` keeps it; None where nothing was found.
    """

    miss: Miss
    confidence: float
    threshold: float
    passage: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Wording:
    """One way in which a question was asked."""

    text: str
    n_asked: int


def gather_unanswered(*, now: datetime) -> int:
    """Put each question that found no answer into the cluster of its like, or into a new one.

    Returns how many were put somewhere. Safe in several workers at once: vectors are made outside
    any transaction, and clusters are chosen and made by one worker of a tenant at a time.

    Raises:
        Temporary: the embedder failed; the sweep tries again.
    """
    until = time.monotonic() + SLICE_S
    n_gathered = 0
    space = spaces.active_space()
    _move_to(space)
    while time.monotonic() < until:
        waiting = list(_waiting().order_by("created_at", "pk")[:BATCH])
        if not waiting:
            break
        release_connection()
        vectors = [_embed(space, search.normalised) for search in waiting]
        middle = _background(space)
        with transaction.atomic():
            _lock_clusters()
            if spaces.active_space().pk != space.pk:
                break  # the vectors are of a model that is not in use any more
            for search, vector in zip(waiting, vectors, strict=True):
                n_gathered += _gather(search, vector, space=space, middle=middle)
    if n_gathered:
        logger.info("questions gathered", extra={"n_gathered": n_gathered})
    return n_gathered


def _waiting() -> QuerySet[Search]:
    return Search.objects.filter(
        origin=Search.Origin.CHAT, answered=False, unanswered__isnull=True
    ).exclude(normalised="")  # a greeting asks nothing


def requeue_waiting(*, now: datetime) -> bool:
    """Announce the gathering again when a doorbell was lost, and forget what is too old."""
    old = now - timedelta(days=settings.SEARCH_RETENTION_DAYS)
    UnansweredQuestion.objects.filter(last_asked_at__lt=old).delete()
    is_late = _waiting().filter(created_at__lt=now - timedelta(seconds=WAIT_S)).exists()
    if is_late:
        enqueue(TASK)
    return is_late


def _lock_clusters() -> None:
    """Wait until no other worker of this tenant chooses clusters; held until the commit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"{current_schema()}:knowledge.unanswered"],
        )


def _embed(space: EmbeddingSpace, question: str) -> Vector:
    vector = spaces.embed_query(space, question.lower())
    if vector is None:
        raise Temporary("the embedding model cannot be reached")
    return _unit(np.asarray(vector, dtype=np.float32))


def _unit(vector: Vector) -> Vector:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _background(space: EmbeddingSpace) -> float:
    key = (space.provider, space.model, space.dimensions)
    if key not in _backgrounds:
        made = [_embed(space, question) for question in likeness.BACKGROUND]
        _backgrounds[key] = likeness.background(made)
    return _backgrounds[key]


# How alike unrelated questions are to each model, by its name; a dozen of numbers at most.
_backgrounds: dict[tuple[str, str, int], float] = {}


def _gather(search: Search, vector: Vector, *, space: EmbeddingSpace, middle: float) -> int:
    held = Search.objects.select_for_update().filter(pk=search.pk, unanswered__isnull=True)
    if held.first() is None:
        return 0  # another worker was first, or it was pruned
    cluster = _nearest(search, vector, space=space, middle=middle)
    if cluster is None:
        cluster = UnansweredQuestion.objects.create(
            question=shown(search),
            n_asked=1,
            first_asked_at=search.created_at,
            last_asked_at=search.created_at,
            space=space,
            embedding=vector,
        )
    else:
        _join(cluster, search, vector)
    Search.objects.filter(pk=search.pk).update(unanswered=cluster)
    return 1


def shown(search: Search) -> str:
    """Return a question as it is shown: on one line, and without what identifies a person."""
    return text.one_line(privacy.mask(search.question))[:500]


def _nearest(
    search: Search, vector: Vector, *, space: EmbeddingSpace, middle: float
) -> UnansweredQuestion | None:
    # What a person dismissed stays dismissed; what was answered is asked anew if it is asked
    # after that, because then the answer was not found.
    alive = Q(status__in=[Status.OPEN, Status.DISMISSED]) | Q(settled_at__gte=search.created_at)
    near = (
        UnansweredQuestion.objects.filter(alive, space=space, embedding__isnull=False)
        .annotate(distance=CosineDistance("embedding", vector))
        .order_by("distance", "pk")[:CANDIDATES]
    )
    words = text.lexemes(search.normalised)
    best: tuple[float, UnansweredQuestion] | None = None
    for cluster in near:
        score = likeness.score(
            1 - float(cluster.distance),
            words,
            text.lexemes(cluster.question),
            background=middle,
        )
        if score >= likeness.SAME and (best is None or score > best[0]):
            best = (score, cluster)
    return best[1] if best else None


def _join(cluster: UnansweredQuestion, search: Search, vector: Vector) -> None:
    n = cluster.n_asked
    middle: Vector = np.asarray(cluster.embedding, dtype=np.float32) * np.float32(n) + vector
    cluster.embedding = _unit(middle)
    cluster.n_asked = n + 1
    cluster.last_asked_at = max(cluster.last_asked_at, search.created_at)
    cluster.first_asked_at = min(cluster.first_asked_at, search.created_at)
    wording = shown(search)
    if likeness.clarity(wording, search.previous) > likeness.clarity(cluster.question):
        cluster.question = wording
    cluster.save(
        update_fields=["embedding", "n_asked", "last_asked_at", "first_asked_at", "question"]
    )


def _move_to(space: EmbeddingSpace) -> None:
    """Give clusters of a model that is no longer used a place in the space that is."""
    elsewhere = UnansweredQuestion.objects.exclude(space=space)
    for pk, question in list(elsewhere.values_list("pk", "question")):
        release_connection()
        vector = _embed(space, question)
        UnansweredQuestion.objects.filter(pk=pk).update(space=space, embedding=vector)


def wordings(cluster: UnansweredQuestion) -> list[Wording]:
    """Return how the question was asked, most often first, at most `EXAMPLES`."""
    return wordings_of(cluster.searches.order_by("-created_at", "-pk")[:200])


def wordings_of(searches: Iterable[Search]) -> list[Wording]:
    """Return how some searches were asked, most often first, at most `EXAMPLES`."""
    counted = Counter(shown(search) for search in searches)
    return [Wording(one, n) for one, n in counted.most_common(EXAMPLES)]


def near_miss(searches: Sequence[Search]) -> NearMiss | None:
    """Return the best that any of some searches found; None of no search."""
    if not searches:
        return None
    best = max(searches, key=lambda search: (search.confidence, search.pk))
    passage = best.passages[0] if best.passages else None
    if passage is None:
        miss = Miss.NOTHING
    elif best.decision == Search.Decision.ANSWER:
        miss = Miss.HELD_BACK
    elif best.decision == Search.Decision.ASK or best.confidence >= NEAR_SHARE * best.threshold:
        miss = Miss.TOO_TIGHT
    else:
        miss = Miss.NOTHING
    return NearMiss(
        miss=miss, confidence=best.confidence, threshold=best.threshold, passage=passage
    )


def answer_with_faq(
    *,
    cluster: UnansweredQuestion,
    category: Category,
    question: str,
    answer: str,
    phrasings: Sequence[str],
    valid_from: date | None = None,
    valid_until: date | None = None,
    now: datetime,
    actor: str,
) -> Document:
    """Make a FAQ of an open question and mark it answered.

    Raises:
        AlreadySettled: somebody was faster.
        DomainError: what `faqs.save_faq` refuses.
    """
    with transaction.atomic():
        _settle(cluster, status=Status.ANSWERED, now=now, actor=actor)
        document = faqs.save_faq(
            category=category,
            question=question,
            answer=answer,
            phrasings=phrasings,
            valid_from=valid_from,
            valid_until=valid_until,
            now=now,
            actor=actor,
        )
        UnansweredQuestion.objects.filter(pk=cluster.pk).update(faq=document)
    return document


def dismiss(*, cluster: UnansweredQuestion, now: datetime, actor: str) -> None:
    """Put an open question aside; those of its like are counted there and not shown.

    Raises:
        AlreadySettled: somebody was faster.
    """
    with transaction.atomic():
        _settle(cluster, status=Status.DISMISSED, now=now, actor=actor)


def _settle(cluster: UnansweredQuestion, *, status: str, now: datetime, actor: str) -> None:
    won = UnansweredQuestion.objects.filter(pk=cluster.pk, status=Status.OPEN).update(
        status=status, settled_by=actor[:150], settled_at=now
    )
    if not won:
        raise AlreadySettled
    record(
        action=f"unanswered_question.{status}",
        actor=actor,
        target=f"unanswered question {cluster.uuid}",
        data={},
    )


def reopen(*, cluster: UnansweredQuestion, actor: str) -> bool:
    """Undo the settling of a question; False when it is open. A FAQ made of it stays."""
    with transaction.atomic():
        settled = UnansweredQuestion.objects.filter(pk=cluster.pk).exclude(status=Status.OPEN)
        won = settled.update(status=Status.OPEN, settled_by="", settled_at=None, faq=None)
        if won:
            record(
                action="unanswered_question.reopened",
                actor=actor,
                target=f"unanswered question {cluster.uuid}",
                data={},
            )
    return bool(won)


def n_open() -> int:
    """Return how many questions wait for an answer."""
    return UnansweredQuestion.objects.filter(status=Status.OPEN).count()


def most_asked(*, status: str) -> QuerySet[UnansweredQuestion]:
    """Return the questions of a state, most asked first."""
    rows = UnansweredQuestion.objects.filter(status=status).select_related("faq")
    return rows.order_by(F("n_asked").desc(), "-last_asked_at", "pk")
