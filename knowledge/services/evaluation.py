"""Evaluation sets and runs: questions with known answers, asked of the search as a contact would.

A run is claimed by one worker under a lease and writes each result by itself, so that a worker that
takes over from a dead one goes on where that one stopped. Searching happens outside transactions.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext

from integrations.models import ModelCall
from integrations.services import calls
from knowledge import question_files, retrieval, scoring, spaces
from knowledge.models import (
    Chunk,
    Document,
    EvaluationQuestion,
    EvaluationResult,
    EvaluationRun,
    EvaluationSet,
)
from knowledge.question_files import BadLine, QuestionLine
from knowledge.services import figures
from knowledge.types import Passage, SearchResult
from tenants.audit.record import record
from tenants.errors import DomainError, Permanent, Temporary
from tenants.queueing import enqueue

TASK = "knowledge.tasks.run_evaluation"

LEASE_S = 60
"""A worker that finished no question for so long is taken for dead, in seconds."""

DOORBELL_S = 60
"""After so long without a worker a queued run is announced again, in seconds."""

SLICE_S = 150.0
"""How long one task asks before it hands over to a new one, in seconds."""

RETRY_S = 60
"""Pause after the embedder failed, in seconds, times the attempts so far."""

MAX_ATTEMPTS = 4
"""Tries that end without progress before a run is given up."""

MAX_BYTES = 10 * 1024 * 1024
MAX_QUESTIONS = 5_000
KEPT_PASSAGES = 3
"""Passages of each question that a run keeps, to show what was found instead."""

KEPT_TEXT = 300
"""Characters of such a passage."""

logger = logging.getLogger(__name__)


class FileUnusable(DomainError):
    """The file has no question in it, or too many."""

    code = "evaluation_file_unusable"
    http_status = 422


class Outcome(StrEnum):
    """How one try at a run ended."""

    READY = "ready"
    FAILED = "failed"
    CONTINUES = "continues"  # a further task goes on where this one stopped
    POSTPONED = "postponed"  # the embedder failed; the sweep tries again
    NOT_DUE = "not_due"  # gone, finished, or in another worker's hands
    LOST = "lost"  # another worker took it over meanwhile


@dataclass(frozen=True, slots=True)
class Stored:
    """A set as it is after a file was read."""

    set: EvaluationSet
    n_questions: int
    bad_lines: tuple[BadLine, ...]


def store_set(*, name: str, content: bytes, actor: str) -> Stored:
    """Store the questions of a file as a set; one of that name is brought up to the file.

    Bad lines are left out and told. Questions that the file no longer has go out of use, unless
    lines were bad: one of those may be theirs.

    Args:
        content: JSON lines in UTF-8, as the evaluation kit has them.

    Raises:
        FileUnusable: no good line, or more than the limits.
    """
    if len(content) > MAX_BYTES:
        raise FileUnusable(gettext("The file is larger than 10 MB."))
    read = question_files.read(content)
    if not read.questions:
        first = read.bad_lines[0] if read.bad_lines else None
        why = f" ({first.number}: {first.reason})" if first else ""
        raise FileUnusable(gettext("No line of the file is a question.") + why)
    if len(read.questions) > MAX_QUESTIONS:
        raise FileUnusable(gettext("The file has more than 5,000 questions."))
    with transaction.atomic():
        made, _ = EvaluationSet.objects.get_or_create(name=name.strip()[:80])
        EvaluationSet.objects.select_for_update().get(pk=made.pk)
        EvaluationQuestion.objects.bulk_create(
            [_row(made, one, position) for position, one in enumerate(read.questions)],
            update_conflicts=True,
            unique_fields=["set", "ref"],
            update_fields=_QUESTION_FIELDS,
        )
        if not read.bad_lines:
            gone = made.questions.exclude(ref__in=[one.id for one in read.questions])
            gone.update(is_active=False)
        record(
            action="evaluation_set.stored",
            actor=actor,
            target=f"evaluation set {made.uuid}",
            data={"n_questions": len(read.questions), "n_bad_lines": len(read.bad_lines)},
        )
    return Stored(set=made, n_questions=len(read.questions), bad_lines=read.bad_lines)


_QUESTION_FIELDS = (
    "position",
    "type",
    "question",
    "history",
    "docs",
    "evidence",
    "key_facts",
    "reason",
    "is_active",
)


def _row(of: EvaluationSet, one: QuestionLine, position: int) -> EvaluationQuestion:
    return EvaluationQuestion(
        set=of,
        ref=one.id,
        position=position,
        type=one.type,
        question=one.question,
        history=[turn.model_dump() for turn in one.history],
        docs=one.docs,
        evidence=[quote.model_dump() for quote in one.evidence],
        key_facts=one.key_facts,
        reason=one.reason,
        is_active=True,
    )


def start_run(
    *, of: EvaluationSet, now: datetime, actor: str, is_announced: bool = True
) -> EvaluationRun:
    """Queue a run of a set; one that is under way is returned instead.

    Args:
        is_announced: whether a worker is told at once; otherwise the caller works on it.
    """
    open_runs = EvaluationRun.objects.filter(set=of, status__in=_OPEN)
    space = spaces.active_space()
    while True:
        if (run := open_runs.first()) is not None:
            return run
        try:
            with transaction.atomic():
                run = EvaluationRun.objects.create(
                    set=of,
                    requested_by=actor[:150],
                    lease_until=now + timedelta(seconds=DOORBELL_S),
                    created_at=now,
                    settings={
                        "model": str(space),
                        "n_documents": Document.objects.filter(deleted_at=None).count(),
                        "n_passages": Chunk.objects.filter(
                            active=True, document__deleted_at=None
                        ).count(),
                    },
                )
                if is_announced:
                    enqueue(TASK, run_id=run.pk)
        except IntegrityError:
            continue  # somebody else was first, and may even be done by now
        return run


_OPEN = (EvaluationRun.Status.QUEUED, EvaluationRun.Status.RUNNING)


@dataclass(frozen=True, slots=True)
class _Claim:
    run_id: int
    set_id: int
    token: uuid.UUID
    n_attempts: int


class _Lost(Exception):
    """Another worker has taken the run over."""


def work_on_run(
    *,
    run_id: int,
    now: datetime,
    slice_s: float = SLICE_S,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Ask the questions of a run that have no result yet, and sum up when all have one.

    Safe to run twice or in two workers at once.

    Args:
        now: our clock when the work begins; it goes on by the monotonic clock.
        slice_s: after so many seconds a further task goes on.
        progress: told how many of how many questions are done.
    """
    began = time.monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - began)

    claim = _claim(run_id=run_id, now=now)
    if claim is None:
        return Outcome.NOT_DUE
    if claim.n_attempts > MAX_ATTEMPTS:
        return _fail(claim, reason=gettext("The worker stopped several times."), now=clock())
    try:
        outcome = _ask_all(claim, clock=clock, slice_s=slice_s, progress=progress)
    except (Temporary, Permanent) as error:
        logger.warning("evaluation search failed", extra={"run_id": run_id}, exc_info=True)
        if isinstance(error, Permanent) or claim.n_attempts >= MAX_ATTEMPTS:
            reason = gettext("The embedding model did not answer.")
            return _fail(claim, reason=reason, now=clock())
        return _postpone(claim, now=clock())
    except _Lost:
        return Outcome.LOST
    logger.info(
        "evaluation worked on",
        extra={
            "run_id": run_id,
            "outcome": outcome.value,
            "duration_ms": round((time.monotonic() - began) * 1000),
        },
    )
    return outcome


def _claim(*, run_id: int, now: datetime) -> _Claim | None:
    token = uuid.uuid4()
    due = Q(status=EvaluationRun.Status.QUEUED) | Q(
        status=EvaluationRun.Status.RUNNING, lease_until__lt=now
    )
    won = EvaluationRun.objects.filter(due, pk=run_id).update(
        status=EvaluationRun.Status.RUNNING,
        lease_token=token,
        lease_until=now + timedelta(seconds=LEASE_S),
        n_attempts=F("n_attempts") + 1,
    )
    if not won:
        return None
    held = EvaluationRun.objects.filter(pk=run_id, lease_token=token)
    row = held.values_list("set_id", "n_attempts").first()
    return _Claim(run_id, row[0], token, row[1]) if row else None


def _update_held(claim: _Claim, **changes: object) -> None:
    held = EvaluationRun.objects.filter(
        pk=claim.run_id, lease_token=claim.token, status=EvaluationRun.Status.RUNNING
    )
    if not held.update(**changes):
        raise _Lost


def _ask_all(
    claim: _Claim,
    *,
    clock: Callable[[], datetime],
    slice_s: float,
    progress: Callable[[int, int], None] | None,
) -> Outcome:
    asked = EvaluationQuestion.objects.filter(set_id=claim.set_id, is_active=True)
    done = EvaluationResult.objects.filter(run_id=claim.run_id)
    waiting = list(asked.exclude(pk__in=done.values("question_id")).order_by("position", "pk"))
    n_done = done.count()
    n_total = n_done + len(waiting)
    began = clock()
    for question in waiting:
        result = _search(question)
        n_done += 1
        with transaction.atomic():
            _update_held(
                claim,
                progress=99 * n_done // n_total,
                lease_until=clock() + timedelta(seconds=LEASE_S),
                n_attempts=0,
            )
            _write(claim, question, result)
        if progress is not None:
            progress(n_done, n_total)
        if (clock() - began).total_seconds() > slice_s and n_done < n_total:
            return _hand_over(claim, now=clock())
    return _finish(claim, now=clock())


def _search(question: EvaluationQuestion) -> SearchResult:
    said = [turn["text"] for turn in question.history if turn.get("role") == "user"]
    return retrieval.search(
        query=question.question,
        category_ids=None,
        previous=said[-1] if said else "",
        k=scoring.DEPTH,
        caller=calls.caller_of(ModelCall.Origin.EVALUATION),
    )


def _write(claim: _Claim, question: EvaluationQuestion, result: SearchResult) -> None:
    placed = scoring.place(result.passages, question.evidence)
    EvaluationResult.objects.create(
        run_id=claim.run_id,
        question=question,
        rank=placed.rank,
        n_characters=placed.n_characters,
        confidence=result.confidence,
        decision=result.decision.value,
        passages=[_kept(passage) for passage in result.passages[:KEPT_PASSAGES]],
    )


def _kept(passage: Passage) -> dict[str, object]:
    return {
        "document": passage.document_name,
        "title": passage.heading_path,
        "text": passage.body[:KEPT_TEXT],
        "cosine": round(passage.cosine, 4),
        "score": round(passage.score, 4),
    }


def _finish(claim: _Claim, *, now: datetime) -> Outcome:
    metrics = figures.of_run(claim.run_id)
    _update_held(
        claim,
        status=EvaluationRun.Status.READY,
        progress=100,
        metrics=metrics,
        failure_reason="",
        lease_token=None,
        lease_until=None,
        finished_at=now,
    )
    return Outcome.READY


def _hand_over(claim: _Claim, *, now: datetime) -> Outcome:
    with transaction.atomic():
        _update_held(
            claim,
            status=EvaluationRun.Status.QUEUED,
            lease_token=None,
            lease_until=now + timedelta(seconds=DOORBELL_S),
        )
        enqueue(TASK, run_id=claim.run_id)
    return Outcome.CONTINUES


def _postpone(claim: _Claim, *, now: datetime) -> Outcome:
    try:
        _update_held(
            claim,
            status=EvaluationRun.Status.QUEUED,
            lease_token=None,
            lease_until=now + timedelta(seconds=RETRY_S * claim.n_attempts),
        )
    except _Lost:
        return Outcome.LOST
    return Outcome.POSTPONED


def _fail(claim: _Claim, *, reason: str, now: datetime) -> Outcome:
    try:
        _update_held(
            claim,
            status=EvaluationRun.Status.FAILED,
            failure_reason=reason,
            lease_token=None,
            lease_until=None,
            finished_at=now,
        )
    except _Lost:
        return Outcome.LOST
    return Outcome.FAILED


def requeue_stalled(*, now: datetime) -> int:
    """Announce runs again whose doorbell was lost or whose worker died; returns how many."""
    n_announced = 0
    stalled = EvaluationRun.objects.filter(status__in=_OPEN, lease_until__lt=now)
    for pk, lease_until in list(stalled.order_by("pk").values_list("pk", "lease_until")):
        with transaction.atomic():
            won = EvaluationRun.objects.filter(
                pk=pk, lease_until=lease_until, status__in=_OPEN
            ).update(
                status=EvaluationRun.Status.QUEUED,
                lease_token=None,
                lease_until=now + timedelta(seconds=DOORBELL_S),
            )
            if won:
                enqueue(TASK, run_id=pk)
                n_announced += 1
    return n_announced


def find_before(run: EvaluationRun) -> EvaluationRun | None:
    """Return the run of the same set that was finished before this one, if there is any."""
    ready: QuerySet[EvaluationRun] = EvaluationRun.objects.filter(
        set_id=run.set_id, status=EvaluationRun.Status.READY, created_at__lt=run.created_at
    )
    return ready.exclude(pk=run.pk).order_by("-created_at", "-pk").first()
