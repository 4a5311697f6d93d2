"""Documents are read by one worker at a time, and picked up again when that worker dies."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import F

from integrations import payloads
from integrations.llm.errors import BudgetExhausted
from integrations.services import events
from knowledge import chunking, spaces
from knowledge.extract import reader, sandbox
from knowledge.models import Chunk, Document, DocumentVersion, EmbeddedText
from knowledge.services import announcing, indexing, reasons
from knowledge.types import Draft, Extracted, Problem, Unreadable
from tenants.context import release_connection
from tenants.errors import Permanent, Temporary
from tenants.queueing import enqueue

COMPARE_TASK = "knowledge.tasks.compare_document"

LEASE_S = 120
"""A worker that shows no progress for so long is taken for dead, in seconds. Longer than the most
that reading one file may take, during which nothing is renewed."""

SLICE_S = 150.0
"""How long one task embeds before it hands over to a new one, in seconds; well below the time
limit of a task, after which the worker process is killed."""

MAX_ATTEMPTS = 4
"""Tries that end without progress before a document is given up."""

RETRY_S = 60
"""Pause after the embedder failed, in seconds, times the attempts so far."""

KEEP_EMBEDDED = timedelta(days=2)
"""How long vectors of documents that were never finished are kept."""

logger = logging.getLogger(__name__)


class Outcome(StrEnum):
    """How one run of `ingest_document` ended."""

    READY = "ready"
    FAILED = "failed"
    CONTINUES = "continues"  # a further task goes on where this one stopped
    POSTPONED = "postponed"  # the embedder failed; the sweep tries again
    NOT_DUE = "not_due"  # gone, finished, or in another worker's hands
    LOST = "lost"  # another worker, or a newer file, took it over meanwhile


def requeue_stalled(now: datetime) -> int:
    """Announce the next document where a doorbell was lost or a worker died.

    Returns how many, 0 or 1. Safe to run in several places at once: one of them announces it.
    """
    EmbeddedText.objects.filter(created_at__lt=now - KEEP_EMBEDDED).delete()
    return int(announcing.announce_next(now=now))


def ingest_document(*, document_id: int, now: datetime, slice_s: float = SLICE_S) -> Outcome:
    """Read, cut, embed and switch on the newest version of a document; ring for the next.

    Safe to run twice or in two workers at once: one claims it, and only who still holds it may
    finish. Embedding happens outside any transaction.

    Args:
        now: our clock when the run begins; it goes on by the monotonic clock.
        slice_s: after so many seconds of embedding a further task goes on.
    """
    began = time.monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - began)

    claim = _claim(document_id=document_id, now=now)
    if claim is None:
        outcome = Outcome.NOT_DUE
    elif claim.n_attempts > MAX_ATTEMPTS:
        outcome = _fail(claim, problem=Problem.WORKER_STOPPED, now=clock())
    else:
        outcome = _ingest(claim, clock=clock, slice_s=slice_s)
    announcing.announce_next(now=clock())
    logger.info(
        "document ingested",
        extra={
            "document_id": document_id,
            "outcome": outcome.value,
            "duration_ms": round((time.monotonic() - began) * 1000),
        },
    )
    return outcome


@dataclass(frozen=True, slots=True)
class _Claim:
    """A document that this worker holds."""

    document_id: int
    token: uuid.UUID
    uuid: uuid.UUID
    version: int
    name: str
    kind: str
    n_attempts: int


def _claim(*, document_id: int, now: datetime) -> _Claim | None:
    token = uuid.uuid4()
    won = (
        Document.objects.filter(pk=document_id)
        .claimable(now)
        .update(
            status=Document.Status.PROCESSING,
            lease_token=token,
            lease_until=now + timedelta(seconds=LEASE_S),
            n_attempts=F("n_attempts") + 1,
            updated_at=now,
        )
    )
    if not won:
        return None
    held = Document.objects.filter(pk=document_id, lease_token=token).values_list(
        "uuid", "version", "name", "kind", "n_attempts"
    )
    row = held.first()  # None: a newer file came between the two statements
    return _Claim(document_id, token, *row) if row else None


def _ingest(claim: _Claim, *, clock: Callable[[], datetime], slice_s: float) -> Outcome:
    try:
        _renew(claim, progress=2, now=clock())
        original = DocumentVersion.objects.values_list("original", flat=True)
        content = bytes(original.get(document_id=claim.document_id, number=claim.version) or b"")
        release_connection()
        extracted = sandbox.extract_limited(content, kind=claim.kind)
        del content
        _renew(claim, progress=10, now=clock())
        _keep_text(claim, extracted)
        drafts = chunking.cut(
            extracted.blocks,
            name=claim.name,
            phrasings=extracted.phrasings,
            is_faq=claim.kind == Document.Kind.FAQ,
        )
        work = _embed(claim, drafts, clock=clock, slice_s=slice_s)
        if work.missing:
            return _hand_over(claim, now=clock())
        return _commit(
            claim,
            drafts=drafts,
            work=work,
            extracted=extracted,
            now=clock(),
        )
    except Unreadable as error:
        return _fail(claim, problem=error.problem, now=clock())
    except BudgetExhausted:
        return _fail(claim, problem=Problem.BUDGET_USED, now=clock())
    except (Temporary, Permanent) as error:
        logger.warning("embedder failed", extra={"document_id": claim.document_id}, exc_info=True)
        if isinstance(error, Permanent) or claim.n_attempts >= MAX_ATTEMPTS:
            return _fail(claim, problem=Problem.EMBEDDING_FAILED, now=clock())
        return _postpone(claim, now=clock())
    except (_Lost, DocumentVersion.DoesNotExist):
        return Outcome.LOST


def _keep_text(claim: _Claim, extracted: Extracted) -> None:
    """Show what was read, even where nothing comes of it: that is when people look."""
    versions = DocumentVersion.objects.filter(document_id=claim.document_id, number=claim.version)
    versions.update(text=reader.as_text(extracted.blocks))


class _Lost(Exception):
    """Another worker, or a newer file, has taken the document over."""


def _renew(claim: _Claim, *, progress: int, now: datetime, **changes: object) -> None:
    """Show progress and hold the document longer.

    Raises:
        _Lost: it is no longer ours.
    """
    lease_until = now + timedelta(seconds=LEASE_S)
    _update_held(claim, progress=progress, lease_until=lease_until, updated_at=now, **changes)


def _update_held(claim: _Claim, **changes: object) -> None:
    held = Document.objects.filter(
        pk=claim.document_id, version=claim.version, lease_token=claim.token
    )
    if not held.update(**changes):
        raise _Lost


def _embed(
    claim: _Claim, drafts: list[Draft], *, clock: Callable[[], datetime], slice_s: float
) -> indexing.Work:
    """Return a vector for each draft; some are missing when the time of this task is over."""
    work = indexing.begin(drafts)
    until = clock() + timedelta(seconds=slice_s)
    while work.missing:
        release_connection()
        batch = indexing.embed_next(work)
        indexing.keep(work, batch, now=clock())
        _renew(claim, progress=10 + int(85 * work.share_done()), now=clock(), n_attempts=0)
        if work.missing and clock() > until:
            break
    return work


def _commit(
    claim: _Claim,
    *,
    drafts: list[Draft],
    work: indexing.Work,
    extracted: Extracted,
    now: datetime,
) -> Outcome:
    """Switch to the new version, if the document is still ours."""
    with transaction.atomic():
        if not spaces.is_active(work.space):  # another model came into use meanwhile
            return _hand_over(claim, now=now)
        _update_held(
            claim,
            status=Document.Status.READY,
            progress=100,
            n_chunks=len(drafts),
            failure_reason="",
            failure_code="",
            notice=reasons.notice(extracted),
            language=extracted.language,
            lease_token=None,
            lease_until=None,
            n_attempts=0,
            ready_at=now,
            updated_at=now,
        )
        # The update above holds the row, so that nobody else writes chunks of this document.
        indexing.replace_chunks(
            document_id=claim.document_id, version=claim.version, drafts=drafts, work=work
        )
        DocumentVersion.objects.filter(document_id=claim.document_id, number=claim.version).update(
            n_chunks=len(drafts), ready_at=now
        )
        enqueue(COMPARE_TASK, document_id=claim.document_id)
        ready = payloads.DocumentReady(
            document_id=claim.uuid,
            document_name=claim.name,
            document_version=claim.version,
            n_passages=len(drafts),
        )
        events.publish(ready, occurred_at=now)
    return Outcome.READY


def _hand_over(claim: _Claim, *, now: datetime) -> Outcome:
    """Let a new task go on when it is its turn again; what is embedded is kept."""
    _update_held(
        claim,
        status=Document.Status.QUEUED,
        lease_token=None,
        lease_until=None,
        n_attempts=0,
        updated_at=now,
    )
    return Outcome.CONTINUES


def _postpone(claim: _Claim, *, now: datetime) -> Outcome:
    _update_held(
        claim,
        status=Document.Status.QUEUED,
        lease_token=None,
        lease_until=now + timedelta(seconds=RETRY_S * claim.n_attempts),
        updated_at=now,
    )
    return Outcome.POSTPONED


def _fail(claim: _Claim, *, problem: Problem, now: datetime) -> Outcome:
    words = reasons.reason(problem)
    if Chunk.objects.filter(document_id=claim.document_id, active=True).exists():
        words = f"{words} {reasons.kept_version()}"
    failed = payloads.DocumentFailed(
        document_id=claim.uuid,
        document_name=claim.name,
        document_version=claim.version,
        code=problem.value,
        reason=payloads.cut(words, at=1_000),
    )
    try:
        with transaction.atomic():
            _update_held(
                claim,
                status=Document.Status.FAILED,
                failure_reason=words,
                failure_code=problem.value,
                lease_token=None,
                lease_until=None,
                updated_at=now,
            )
            events.publish(failed, occurred_at=now)
    except _Lost:
        return Outcome.LOST
    return Outcome.FAILED
