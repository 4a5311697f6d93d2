"""Documents: what was given, what the machine read in it, and the passages it was cut into."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from knowledge.types import ChunkKind


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

    def taken(self, now: datetime) -> DocumentQuerySet:
        """Those that a worker holds, or that a doorbell on its way to a worker was rung for."""
        unfinished = [Document.Status.QUEUED, Document.Status.PROCESSING]
        return self.filter(status__in=unfinished, lease_token__isnull=False, lease_until__gte=now)

    def waiting(self, now: datetime) -> DocumentQuerySet:
        """Those to ring for: new, due again, or of a lost doorbell or a dead worker."""
        return self.filter(
            Q(status=Document.Status.QUEUED, lease_until__isnull=True)
            | Q(
                status__in=[Document.Status.QUEUED, Document.Status.PROCESSING],
                lease_until__lt=now,
            )
        )


class WebSource(models.Model):
    """A page, or the pages that a sitemap lists, read again and again; each page is a document."""

    class Kind(models.TextChoices):
        PAGE = "page", _("one page")
        SITEMAP = "sitemap", _("all pages of a sitemap")

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        READING = "reading", _("being read")
        READY = "ready", _("read")
        FAILED = "failed", _("failed")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    category = models.ForeignKey(
        Category, models.PROTECT, related_name="web_sources", verbose_name=_("category")
    )
    url = models.URLField(_("address"), max_length=1000)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.PAGE)
    every_hours = models.PositiveIntegerField(_("read again every (hours)"), default=24)
    max_pages = models.PositiveIntegerField(_("pages at most"), default=50)
    is_active = models.BooleanField(_("read again by itself"), default=True)
    status = models.CharField(
        _("status"), max_length=8, choices=Status.choices, default=Status.WAITING
    )
    progress = models.PositiveSmallIntegerField(_("progress in percent"), default=0)
    n_pages = models.PositiveIntegerField(_("pages"), default=0)
    failure_reason = models.TextField(_("reason of failure"), blank=True)
    # When the reading that is going on began; what was checked since is not read twice.
    started_at = models.DateTimeField(null=True, editable=False)
    synced_at = models.DateTimeField(_("read at"), null=True, blank=True)
    # Thrown away with its documents; adding the same address again takes both out of the bin.
    deleted_at = models.DateTimeField(_("thrown away at"), null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("web source")
        verbose_name_plural = _("web sources")
        constraints = [
            models.UniqueConstraint(fields=["category", "url"], name="web_source_once"),
            models.CheckConstraint(
                condition=Q(every_hours__gte=1) & Q(max_pages__gte=1), name="web_source_sane"
            ),
        ]

    def __str__(self) -> str:
        return self.url


class Document(models.Model):
    """A file that the assistant may answer from; its last good version stays in use meanwhile."""

    class Kind(models.TextChoices):
        MARKDOWN = "md", "Markdown"
        TEXT = "txt", _("plain text")
        CSV = "csv", "CSV"
        PDF = "pdf", "PDF"
        DOCX = "docx", "Word (DOCX)"
        XLSX = "xlsx", "Excel (XLSX)"
        HTML = "html", _("web page (HTML)")
        FAQ = "faq", _("question and answer")

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
    n_bytes = models.PositiveIntegerField(_("size in bytes"), default=0)
    content_sha256 = models.CharField(max_length=64, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1)
    language = models.CharField(_("language"), max_length=8, blank=True)  # of the text, such as pt
    # The first and the last day, in the tenant's time zone, on which it may be quoted.
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    web_source = models.ForeignKey(
        WebSource, models.CASCADE, null=True, editable=False, related_name="documents"
    )
    source_url = models.URLField(_("address"), max_length=1000, blank=True, editable=False)
    # In the bin: found by no search, and removed for good some weeks later.
    deleted_at = models.DateTimeField(_("thrown away at"), null=True, editable=False)
    # The worker that holds the document until `lease_until`; only its token may finish it. A queued
    # document has a token while a doorbell for it is on its way, and none while it waits its turn,
    # or until `lease_until` after the embedder failed.
    lease_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    n_attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    # The version that was last compared with the other documents; 0 asks for it again.
    compared_version = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("updated at"))
    ready_at = models.DateTimeField(_("ready at"), null=True, blank=True)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
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
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_from__lte=models.F("valid_until")),
                name="document_validity_in_order",
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

    @property
    def title(self) -> str:
        """The name as people know it: a typed question or a web page is no file, and has no ending.

        `scanning` gives passages the same title.
        """
        is_file = self.kind != self.Kind.FAQ and self.web_source_id is None
        return self.name if is_file else self.name.rpartition(".")[0] or self.name


class DocumentVersion(models.Model):
    """One upload of a document: the file, and what the machine read in it.

    Answers keep pointing to the version that they were made from.
    """

    document = models.ForeignKey(Document, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    # Empty where it was pruned: of older versions only what was read in them is kept.
    original = models.BinaryField(_("file"), null=True)
    n_bytes = models.PositiveIntegerField(_("size in bytes"))
    content_sha256 = models.CharField(max_length=64, editable=False)
    text = models.TextField(_("what the machine read"), blank=True)
    n_chunks = models.PositiveIntegerField(_("passages"), default=0)
    uploaded_by = models.CharField(_("uploaded by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("created at"))
    ready_at = models.DateTimeField(_("ready at"), null=True, blank=True)

    class Meta:
        verbose_name = _("version of a document")
        verbose_name_plural = _("versions of documents")
        constraints = [
            models.UniqueConstraint(fields=["document", "number"], name="document_version_once"),
        ]

    def __str__(self) -> str:
        return _("version %(n)s") % {"n": self.number}


class Chunk(models.Model):
    """A piece of one version of a document, with the words that a search looks for in it."""

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
    # Other ways of asking for it, such as a FAQ's further wordings; each has a vector of its own.
    phrasings = models.JSONField(_("other wordings"), default=list, blank=True)
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
