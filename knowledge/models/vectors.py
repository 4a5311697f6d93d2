"""Vectors: one space for each embedding model, built beside the one in use and switched to."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

from integrations.models import Credential
from knowledge.models.documents import Chunk


class EmbeddingSpace(models.Model):
    """The vectors of one embedding model; a search uses the active one and no other.

    Vectors of two models cannot be compared, so a new model gets a space of its own, which is
    filled while the old one answers.
    """

    class Status(models.TextChoices):
        BUILDING = "building", _("being built")
        ACTIVE = "active", _("in use")
        RETIRED = "retired", _("no longer used")
        FAILED = "failed", _("failed")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    provider = models.CharField(_("provider"), max_length=20)  # `local` or one of `Provider`
    model = models.CharField(_("model"), max_length=100)
    dimensions = models.PositiveIntegerField(_("dimensions"))
    credential = models.ForeignKey(
        Credential, models.PROTECT, null=True, blank=True, verbose_name=_("credential")
    )
    status = models.CharField(
        _("status"), max_length=8, choices=Status.choices, default=Status.BUILDING
    )
    n_total = models.PositiveIntegerField(_("texts"), default=0)
    n_done = models.PositiveIntegerField(_("texts done"), default=0)
    n_tokens = models.PositiveBigIntegerField(_("tokens"), default=0)
    failure_reason = models.TextField(_("reason of failure"), blank=True)
    # The model refused us: until then work that nobody waits for leaves it alone.
    rests_until = models.DateTimeField(null=True, editable=False)
    requested_by = models.CharField(_("requested by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("created at"))
    activated_at = models.DateTimeField(_("in use since"), null=True, blank=True)

    class Meta:
        verbose_name = _("embedding model")
        verbose_name_plural = _("embedding models")
        constraints = [
            models.UniqueConstraint(
                fields=["status"],
                condition=Q(status="active"),
                name="embedding_space_one_active",
            ),
            models.UniqueConstraint(
                fields=["status"],
                condition=Q(status="building"),
                name="embedding_space_one_building",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


class ChunkVector(models.Model):
    """Where a chunk, or one of its phrasings, lies in a space."""

    chunk = models.ForeignKey(Chunk, models.CASCADE, related_name="vectors")
    space = models.ForeignKey(EmbeddingSpace, models.CASCADE, related_name="vectors")
    # 0 is the chunk itself, from 1 its phrasings in order.
    position = models.PositiveSmallIntegerField(default=0)
    content_sha256 = models.CharField(max_length=64)  # of the texts that were embedded
    # Of length 1, or less where it is the mean of two texts; `EmbeddingSpace.dimensions` numbers.
    # Indexes are made for each space.
    embedding = VectorField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["chunk", "space", "position"], name="chunk_vector_once"
            ),
        ]
        indexes = [
            # Read by ingestion: texts that are embedded already.
            models.Index(fields=["space", "content_sha256"], name="chunk_vector_content"),
        ]

    def __str__(self) -> str:
        return f"vector {self.pk}"


class EmbeddedText(models.Model):
    """A vector that was made for a document that is not finished yet.

    A worker that takes over from a dead one finds here what that one had done. Rows go when their
    document is finished, and the sweep removes what is left of documents that never are.
    """

    space = models.ForeignKey(EmbeddingSpace, models.CASCADE)
    content_sha256 = models.CharField(max_length=64)
    embedding = VectorField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["space", "content_sha256"], name="embedded_text_once_per_space"
            ),
        ]

    def __str__(self) -> str:
        return f"embedded text {self.pk}"
