"""Questions that found no answer: gathered by what they mean, and made into FAQs by a person."""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
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
from tenants.context import current_schema
from tenants.errors import DomainError, Temporary
from tenants.queueing import enqueue

TASK = "knowledge.tasks.gather_unanswered"

BATCH = 20
"""Questions that are embedded before they are written."""

REST = timedelta(hours=1)
"""How long questions wait after their embedding model refused us: a wrong key mends itself by a
person only, and each try is a call to somebody else's server."""

KEPT_BACKGROUNDS = 256
"""Spaces, over all tenants, of which a process keeps how alike unrelated questions are."""

SHOWN_SEARCHES = 200
"""Newest searches of a cluster that its wordings are counted in."""

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
    any transaction, and clusters are chosen and made by one worker of a tenant at a time. While
    the embedding model cannot be reached the questions wait, and longer where it refused us.
    """
    n_gathered = 0
    space = spaces.active_space()
    if resting_until(space, now=now) is not None:
        return 0
    try:
        for n in _batches(space, until=time.monotonic() + SLICE_S):
            n_gathered += n
    except Temporary:
        if spaces.is_refused(space):
            EmbeddingSpace.objects.filter(pk=space.pk).update(rests_until=now + REST)
        logger.warning("questions wait for the embedding model", extra={"space_id": space.pk})
    if n_gathered:
        logger.info("questions gathered", extra={"n_gathered": n_gathered})
    return n_gathered


def resting_until(space: EmbeddingSpace, *, now: datetime) -> datetime | None:
    """Return when a model that refused us is asked again; None where it need not wait.

    After a change of the credential it is asked at once.
    """
    until = space.rests_until
    if until is None or until <= now:
        return None
    changed_at = space.credential.updated_at if space.credential is not None else None
    return None if changed_at is not None and changed_at > until - REST else until


def _batches(space: EmbeddingSpace, *, until: float) -> Iterator[int]:
    """Gather in a space until a time of the monotonic clock; yields how many at a time.

    Raises:
        Temporary: its model cannot be reached.
    """
    is_moved = _move_to(space, until=until)
    while is_moved and time.monotonic() < until:
        waiting = list(_waiting().order_by("created_at", "pk")[:BATCH])
        if not waiting:
            break
        vectors = [_embed(space, search.normalised) for search in waiting]
        middle = _background(space)
        with transaction.atomic():
            _lock_clusters()
            if spaces.active_space().pk != space.pk:
                break  # the vectors are of a model that is not in use any more
            n_gathered = sum(
                _gather(search, vector, space=space, middle=middle)
                for search, vector in zip(waiting, vectors, strict=True)
            )
        yield n_gathered


def _waiting() -> QuerySet[Search]:
    return Search.objects.filter(
        origin=Search.Origin.CHAT, answered=False, unanswered__isnull=True
    ).exclude(normalised="")  # a greeting asks nothing


def requeue_waiting(*, now: datetime) -> bool:
    """Announce the gathering again when a doorbell was lost, and forget what is too old."""
    old = now - timedelta(days=settings.SEARCH_RETENTION_DAYS)
    UnansweredQuestion.objects.filter(last_asked_at__lt=old).delete()
    is_late = _waiting().filter(created_at__lt=now - timedelta(seconds=WAIT_S)).exists()
    if not is_late or resting_until(spaces.active_space(), now=now) is not None:
        return False
    enqueue(TASK)
    return True


def _lock_clusters() -> None:
    """Wait until no other worker of this tenant chooses clusters; held until the commit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"{current_schema()}:knowledge.unanswered"],
        )


def _embed(space: EmbeddingSpace, question: str) -> Vector:
    """Return the unit vector of a question.

    Raises:
        Temporary: the model cannot be reached.
        RuntimeError: a transaction is open.
    """
    vector = spaces.embed_query(space, question.lower())
    if vector is None:
        raise Temporary("the embedding model cannot be reached")
    return _unit(np.asarray(vector, dtype=np.float32))


def _unit(vector: Vector) -> Vector:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _background(space: EmbeddingSpace) -> float:
    key = (current_schema(), space.uuid)
    known = _backgrounds.get(key)
    if known is None:
        known = likeness.background([_embed(space, one) for one in likeness.BACKGROUND])
        _backgrounds[key] = known
        while len(_backgrounds) > KEPT_BACKGROUNDS:
            _backgrounds.popitem(last=False)
    return known


# How alike unrelated questions are in each space. Not by the model's name: what answers under a
# name is what a tenant's own server says, and must not move the questions of another tenant.
_backgrounds: OrderedDict[tuple[str, uuid.UUID], float] = OrderedDict()


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


def _move_to(space: EmbeddingSpace, *, until: float) -> bool:
    """Give clusters of a model that is no longer used a place in the space that is.

    Returns False when another model came into use meanwhile, or when the time was over (of the
    monotonic clock): a further task then goes on.

    Raises:
        Temporary: the model cannot be reached.
    """
    elsewhere = UnansweredQuestion.objects.exclude(space=space)
    while batch := list(elsewhere.order_by("pk").values_list("pk", "question")[:BATCH]):
        if time.monotonic() >= until:
            enqueue(TASK)
            return False
        made = [(pk, question, _embed(space, question)) for pk, question in batch]
        with transaction.atomic():
            _lock_clusters()
            if spaces.active_space().pk != space.pk:
                return False
            for pk, question, vector in made:
                # One whose question was made clearer meanwhile is embedded once more.
                held = elsewhere.filter(pk=pk, question=question)
                held.update(space=space, embedding=vector)
    return True


def newest_searches() -> QuerySet[Search]:
    """Return searches, newest first, without the passages and settings that each drags along."""
    return Search.objects.order_by("-created_at", "-pk").defer("passages", "settings")


def best_searches(clusters: Iterable[UnansweredQuestion]) -> dict[int, Search]:
    """Return the search of each question that found most, by the question's id; by one query."""
    of_these = Search.objects.filter(unanswered__in=[one.pk for one in clusters])
    ranked = of_these.order_by("unanswered_id", "-confidence", "-pk").distinct("unanswered_id")
    best = Search.objects.filter(pk__in=ranked.values("pk"))
    return {search.unanswered_id: search for search in best if search.unanswered_id is not None}


def wordings(cluster: UnansweredQuestion) -> list[Wording]:
    """Return how the question was asked, most often first, at most `EXAMPLES`."""
    return wordings_of(newest_searches().filter(unanswered=cluster)[:SHOWN_SEARCHES])


def wordings_of(searches: Iterable[Search]) -> list[Wording]:
    """Return how some searches were asked, most often first, at most `EXAMPLES`."""
    counted = Counter(shown(search) for search in searches)
    return [Wording(one, n) for one, n in counted.most_common(EXAMPLES)]


def near_miss(best: Search | None) -> NearMiss | None:
    """Return what the best search of a question found; None of no search."""
    if best is None:
        return None
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
    return rows.defer("embedding").order_by(F("n_asked").desc(), "-last_asked_at", "pk")
