"""Documents: stored with their versions, and put in the line of what is to be read."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from knowledge import text
from knowledge.extract import reader
from knowledge.models import Category, Document, DocumentVersion
from knowledge.services import announcing, reasons
from tenants.audit.record import record
from tenants.errors import DomainError

MAX_BYTES = 20 * 1024 * 1024
MAX_NAME = 200


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


def rename_category(*, category: Category, name: str, actor: str) -> None:
    """Call a category something else; joins the caller's transaction, which holds its lock."""
    name = text.one_line(name)[:80]
    if name != category.name:
        category.name = name
        category.save(update_fields=["name"])
        _note_category(category, "changed", actor=actor)


def remove_category(*, category: Category, actor: str) -> None:
    """Remove a category in which nothing stands; joins the caller's transaction.

    Raises:
        ProtectedError: documents stand in it, maybe in the bin.
    """
    category.delete()
    _note_category(category, "deleted", actor=actor)


def _note_category(category: Category, what: str, *, actor: str) -> None:
    target = f"category {category.uuid}"
    record(action=f"category.{what}", actor=actor, target=target, data={"fields": ["name"]})


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
