from __future__ import annotations

import uuid
from datetime import datetime

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

from knowledge.types import ChunkKind

# Of multilingual-e5-small, the model that is built in; another one gets a column of its own.
DIMENSIONS = 384


class Category(models.Model):
    """A shelf of documents; agents are allowed to read some of them."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=80, unique=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")

    def __str__(self) -> str:
        return self.name


class DocumentQuerySet(models.QuerySet["Document"]):
    """Documents by what can be done with them."""

    def claimable(self, now: datetime) -> DocumentQuerySet:
        """Those that a worker may take: waiting, or left by a worker whose lease ran out."""
        return self.filter(
            Q(status=Document.Status.QUEUED)
            | Q(status=Document.Status.PROCESSING, lease_until__lt=now)
        )

    def stalled(self, now: datetime) -> DocumentQuerySet:
        """Those whose doorbell was lost or whose worker died."""
        unfinished = [Document.Status.QUEUED, Document.Status.PROCESSING]
        return self.filter(status__in=unfinished, lease_until__lt=now)


class DocumentManager(models.Manager["Document"]):
    """Documents without the bytes of their files."""

    def get_queryset(self) -> DocumentQuerySet:
        """Leave the file itself in the database until somebody reads it: it may have 20 MiB."""
        return DocumentQuerySet(self.model, using=self._db).defer("original")


class Document(models.Model):
    """A file that the assistant may answer from; its last good version stays in use meanwhile."""

    class Kind(models.TextChoices):
        MARKDOWN = "md", "Markdown"
        TEXT = "txt", _("plain text")
        CSV = "csv", "CSV"
        PDF = "pdf", "PDF"

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        PROCESSING = "processing", _("being read")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    category = models.ForeignKey(
        Category, models.PROTECT, related_name="documents", verbose_name=_("category")
    )
    name = models.CharField(_("file name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=4, choices=Kind.choices)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.QUEUED
    )
    progress = models.PositiveSmallIntegerField(_("progress in percent"), default=0)
    n_chunks = models.PositiveIntegerField(_("passages"), default=0)
    failure_reason = models.TextField(_("reason of failure"), blank=True)
    failure_code = models.CharField(max_length=20, blank=True, editable=False)
    notice = models.TextField(_("notice"), blank=True)  # ready, but not all of it was readable
    original = models.BinaryField(_("file"))
    n_bytes = models.PositiveIntegerField(_("size in bytes"), default=0)
    content_sha256 = models.CharField(max_length=64, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1)
    # The worker that holds the document until `lease_until`; only its token may finish it. Of a
    # queued document `lease_until` is when the doorbell is rung again.
    lease_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    n_attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("updated at"))
    ready_at = models.DateTimeField(_("ready at"), null=True, blank=True)

    objects = DocumentManager.from_queryset(DocumentQuerySet)()

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        base_manager_name = "objects"
        constraints = [
            models.UniqueConstraint(
                fields=["category", "name"], name="document_name_once_per_category"
            ),
            models.CheckConstraint(
                condition=Q(progress__lte=100), name="document_progress_is_percent"
            ),
            models.CheckConstraint(
                condition=~Q(status="processing") | Q(lease_token__isnull=False),
                name="document_processing_has_lease",
            ),
            models.CheckConstraint(
                condition=~Q(status="failed") | ~Q(failure_reason=""),
                name="document_failed_has_reason",
            ),
        ]
        indexes = [
            # Read by the sweep every 30 s: unfinished documents whose lease ran out.
            models.Index(
                fields=["lease_until"],
                name="document_lease",
                condition=Q(status__in=["queued", "processing"]),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Chunk(models.Model):
    """A piece of one version of a document, with all that a search needs of it."""

    class Kind(models.TextChoices):
        TEXT = ChunkKind.TEXT.value, _("text")
        ROW = ChunkKind.ROW.value, _("row of a table")
        FAQ = ChunkKind.FAQ.value, _("question and answer")

    document = models.ForeignKey(Document, models.CASCADE, related_name="chunks")
    version = models.PositiveIntegerField(_("version"))
    # All chunks of a version are switched on, and those before off, by one transaction.
    active = models.BooleanField(_("in use"), default=False)
    position = models.PositiveIntegerField(_("position"))  # from 0, in reading order
    heading_path = models.CharField(_("titles"), max_length=500)
    body = models.TextField(_("text"))
    page = models.PositiveIntegerField(_("page"), null=True)
    kind = models.CharField(_("kind"), max_length=4, choices=Kind.choices)
    lexemes = SearchVectorField()  # folded stems with positions
    grams = SearchVectorField()  # 4-letter pieces with positions
    n_lexemes = models.PositiveIntegerField()  # with repetitions: what BM25 calls the length
    n_grams = models.PositiveIntegerField()
    embedding = VectorField(dimensions=DIMENSIONS)
    embedding_model = models.CharField(max_length=60)
    content_sha256 = models.CharField(max_length=64)  # of the text that was embedded

    class Meta:
        verbose_name = _("passage")
        verbose_name_plural = _("passages")
        constraints = [
            models.UniqueConstraint(
                fields=["document", "version", "position"], name="chunk_position_once_per_version"
            ),
        ]
        indexes = [
            # Both read by the search: chunks that hold any word, or any piece, of the question.
            GinIndex(fields=["lexemes"], name="chunk_lexemes", condition=Q(active=True)),
            GinIndex(fields=["grams"], name="chunk_grams", condition=Q(active=True)),
            # Read by ingestion: texts that are embedded already.
            models.Index(fields=["content_sha256"], name="chunk_content"),
        ]

    def __str__(self) -> str:
        return _("passage %(n)s") % {"n": self.position + 1}


class EmbeddedText(models.Model):
    """A vector that was made for a document that is not finished yet.

    A worker that takes over from a dead one finds here what that one had done. Rows go when their
    document is finished, and the sweep removes what is left of documents that never are.
    """

    content_sha256 = models.CharField(max_length=64)
    embedding_model = models.CharField(max_length=60)
    embedding = VectorField(dimensions=DIMENSIONS)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["content_sha256", "embedding_model"], name="embedded_text_once_per_model"
            ),
        ]

    def __str__(self) -> str:
        return f"embedded text {self.pk}"
