"""Documents: stored, read by one worker at a time, picked up again when that worker dies."""

from __future__ import annotations

import hashlib
import logging
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext

from integrations import payloads
from integrations.llm.errors import BudgetExhausted
from integrations.services import events
from knowledge import chunking, spaces, text
from knowledge.extract import reader, sandbox
from knowledge.models import Category, Chunk, Document, DocumentVersion, EmbeddedText
from knowledge.services import announcing, indexing, reasons
from knowledge.types import Draft, Extracted, Problem, Unreadable
from tenants.context import release_connection
from tenants.errors import DomainError, Permanent, Temporary
from tenants.queueing import enqueue

MAX_BYTES = 20 * 1024 * 1024
MAX_NAME = 200
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


class FileTooLarge(DomainError):
    """The file is larger than 20 MB; split it into smaller files."""

    code = "file_too_large"

    def __init__(self) -> None:
        super().__init__(gettext("The file is larger than 20 MB; split it into smaller files."))


class UnsupportedFile(DomainError):
    """Files of this kind cannot be read; the message names those that can."""

    code = "unsupported_file"

    def __init__(self, name: str = "") -> None:
        super().__init__(reasons.unsupported(name))


class Outcome(StrEnum):
    """How one run of `ingest_document` ended."""

    READY = "ready"
    FAILED = "failed"
    CONTINUES = "continues"  # a further task goes on where this one stopped
    POSTPONED = "postponed"  # the embedder failed; the sweep tries again
    NOT_DUE = "not_due"  # gone, finished, or in another worker's hands
    LOST = "lost"  # another worker, or a newer file, took it over meanwhile


@dataclass(frozen=True, slots=True)
class Stored:
    """A document, whether there is anything new to read, and whether it came out of the bin."""

    document: Document
    changed: bool
    restored: bool = False


def ensure_category(*, name: str) -> Category:
    """Return the category of that name, made if there is none."""
    category, _ = Category.objects.get_or_create(name=text.one_line(name)[:80])
    return category


def find_category(*, name: str) -> Category | None:
    """Return the category of that name, as `ensure_category` would find it."""
    return Category.objects.filter(name=text.one_line(name)[:80]).first()


def store_document(
    *, category: Category, name: str, content: bytes, now: datetime, actor: str = ""
) -> Stored:
    """Store a file and have it read; the same bytes under the same name are no work.

    A changed file becomes the next version; the one before answers until the new one is ready.
    A document of that name in the bin comes out of it; a page of a web source stays there, because
    it is stored again and again by itself.

    Args:
        name: the file's name; a path before it is dropped.
        actor: the user name of who uploads; empty for the system.

    Raises:
        FileTooLarge: more than `MAX_BYTES`.
        UnsupportedFile: not a kind that is read here, or a name that climbs out of its folder.
    """
    typed, name = name, file_name(name)
    kind = reader.find_kind(name)
    if kind is None or ".." in re.split(r"[\\/]", typed):
        raise UnsupportedFile(typed)
    if len(content) > MAX_BYTES:
        raise FileTooLarge
    digest = hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        document, is_new = Document.objects.get_or_create(
            category=category,
            name=name,
            defaults={
                "kind": kind,
                "n_bytes": len(content),
                "content_sha256": digest,
                "created_at": now,
                "updated_at": now,
            },
        )
        if is_new:
            _keep_version(document, content=content, now=now, actor=actor)
            announcing.announce_on_commit(now=now)
            return Stored(document=document, changed=True)
        document = Document.objects.select_for_update().get(pk=document.pk)
        restored = document.deleted_at is not None and document.web_source_id is None
        if restored:
            document.deleted_at = None
            document.save(update_fields=["deleted_at"])
        is_same = document.content_sha256 == digest
        if is_same and document.status != Document.Status.FAILED:
            return Stored(document=document, changed=False, restored=restored)
        if not is_same:
            document.n_bytes = len(content)
            document.content_sha256 = digest
            document.version += 1
            _keep_version(document, content=content, now=now, actor=actor)
        _queue(document, now=now)
        document.save(
            update_fields=[
                *(() if is_same else ("n_bytes", "content_sha256", "version")),
                *_QUEUE_FIELDS,
            ]
        )
        announcing.announce_on_commit(now=now)
    return Stored(document=document, changed=True, restored=restored)


def _keep_version(document: Document, *, content: bytes, now: datetime, actor: str) -> None:
    DocumentVersion.objects.create(
        document=document,
        number=document.version,
        original=content,
        n_bytes=len(content),
        content_sha256=document.content_sha256,
        uploaded_by=actor,
        created_at=now,
    )


def original_of(document: Document) -> bytes:
    """Return the file as it was uploaded, in its newest version."""
    versions = DocumentVersion.objects.filter(document=document, number=document.version)
    return bytes(versions.values_list("original", flat=True).get() or b"")  # never pruned


def retry_document(*, document: Document, now: datetime, is_forced: bool = False) -> bool:
    """Read a failed document again; False when it is not a failed one.

    Args:
        is_forced: one that was read without failure is read again as well.
    """
    finished = {Document.Status.FAILED, *([Document.Status.READY] if is_forced else [])}
    with transaction.atomic():
        held = Document.objects.select_for_update().filter(pk=document.pk).first()
        if held is None or held.status not in finished:
            return False
        _queue(held, now=now)
        held.save(update_fields=_QUEUE_FIELDS)
        announcing.announce_on_commit(now=now)
    return True


def read_all_again(*, now: datetime) -> int:
    """Read every document anew, one after the other; returns how many were not waiting already.

    What was read before answers meanwhile. For documents that an older release has read.
    """
    with transaction.atomic():
        n = Document.objects.filter(
            deleted_at=None, status__in=[Document.Status.READY, Document.Status.FAILED]
        ).update(
            status=Document.Status.QUEUED,
            progress=0,
            failure_reason="",
            failure_code="",
            notice="",
            lease_token=None,
            lease_until=None,
            n_attempts=0,
            updated_at=now,
        )
        announcing.announce_on_commit(now=now)
    return n


def file_name(name: str) -> str:
    """Return the last part of an upload's name, without signs that nobody sees."""
    last = re.split(r"[\\/]", text.one_line(text.clean(name)))[-1].strip(". ")
    stem, dot, extension = last.rpartition(".")
    return f"{stem[: MAX_NAME - 20]}{dot}{extension[:19]}" if dot else last[:MAX_NAME]


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


def _queue(document: Document, *, now: datetime) -> None:
    """Set what a document has that waits for a worker; `_QUEUE_FIELDS` are to be saved."""
    document.status = Document.Status.QUEUED
    document.progress = 0
    document.failure_reason = ""
    document.failure_code = ""
    document.notice = ""
    document.lease_token = None
    document.lease_until = None
    document.n_attempts = 0
    document.updated_at = now


_QUEUE_FIELDS = (
    "status",
    "progress",
    "failure_reason",
    "failure_code",
    "notice",
    "lease_token",
    "lease_until",
    "n_attempts",
    "updated_at",
)
