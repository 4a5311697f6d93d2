"""What was asked of the knowledge and how it went."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

from knowledge.models.documents import Category, Document
from knowledge.models.vectors import EmbeddingSpace


class KnowledgeSettings(models.Model):
    """How this tenant's knowledge is searched; one row, made when it is first looked at."""

    # Empty fields take the product's default, which the evaluation justifies.
    answer_threshold = models.FloatField(_("answer from (0 to 1)"), null=True, blank=True)
    ask_threshold = models.FloatField(_("ask back from (0 to 1)"), null=True, blank=True)
    n_passages = models.PositiveSmallIntegerField(_("passages for an answer"), default=5)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("knowledge settings")
        verbose_name_plural = _("knowledge settings")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="knowledge_settings_one_row"),
            models.CheckConstraint(
                condition=Q(answer_threshold__isnull=True)
                | Q(answer_threshold__gte=0, answer_threshold__lte=1),
                name="knowledge_answer_threshold_is_share",
            ),
            models.CheckConstraint(
                condition=Q(ask_threshold__isnull=True)
                | Q(ask_threshold__gte=0, ask_threshold__lte=1),
                name="knowledge_ask_threshold_is_share",
            ),
            models.CheckConstraint(
                condition=Q(n_passages__gte=1, n_passages__lte=20),
                name="knowledge_n_passages_sane",
            ),
        ]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class UnansweredQuestion(models.Model):
    """Questions that mean the same and found no answer; one click makes a FAQ of them."""

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        ANSWERED = "answered", _("answered")
        DISMISSED = "dismissed", _("dismissed")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    question = models.TextField(_("question"))  # the clearest of its searches
    status = models.CharField(
        _("status"), max_length=9, choices=Status.choices, default=Status.OPEN
    )
    n_asked = models.PositiveIntegerField(_("times asked"), default=0)
    first_asked_at = models.DateTimeField(_("first asked"))
    last_asked_at = models.DateTimeField(_("last asked"))
    # The middle of its wordings, of unit length; a space that is not in use makes it anew.
    space = models.ForeignKey(EmbeddingSpace, models.SET_NULL, null=True, editable=False)
    embedding = VectorField(null=True, editable=False)
    faq = models.ForeignKey(Document, models.SET_NULL, null=True, blank=True, verbose_name=_("FAQ"))
    settled_by = models.CharField(_("settled by"), max_length=150, blank=True)
    settled_at = models.DateTimeField(_("settled at"), null=True, blank=True)

    class Meta:
        verbose_name = _("unanswered question")
        verbose_name_plural = _("unanswered questions")
        indexes = [
            models.Index(
                fields=["-n_asked", "-last_asked_at"],
                name="unanswered_open",
                condition=Q(status="open"),
            ),
        ]

    def __str__(self) -> str:
        return self.question[:80]


class Search(models.Model):
    """One question to the knowledge: what was found, how sure, and what was decided.

    The best score is kept also where nothing passed the threshold, so that "we have nothing" and
    "the cut is too tight" look different.
    """

    class Origin(models.TextChoices):
        CHAT = "chat", _("conversation")
        TEST = "test", _("test page")

    class Decision(models.TextChoices):
        ANSWER = "answer", _("answer")
        ASK = "ask", _("ask back")
        UNKNOWN = "unknown", _("not known")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    origin = models.CharField(_("origin"), max_length=4, choices=Origin.choices)
    question = models.TextField(_("question"))
    previous = models.TextField(_("message before"), blank=True)
    normalised = models.TextField(_("as searched"), blank=True)
    decision = models.CharField(_("decision"), max_length=7, choices=Decision.choices)
    # Whether the contact got an answer in the end; empty for tests.
    answered = models.BooleanField(_("answered"), null=True)
    confidence = models.FloatField(_("confidence"))  # 0 to 1
    best_cosine = models.FloatField(_("best similarity"), null=True)
    threshold = models.FloatField(_("threshold"))  # the one that was in force
    # The passages as they were: ref, document, version, category, title, text, scores.
    passages = models.JSONField(_("passages"), default=list)
    settings = models.JSONField(_("settings"), default=dict)  # what the test page changed
    category_ids = models.JSONField(null=True)
    turn_uuid = models.UUIDField(null=True)
    agent_name = models.CharField(_("agent"), max_length=80, blank=True)
    duration_ms = models.PositiveIntegerField(_("duration in ms"), default=0)
    asked_by = models.CharField(_("asked by"), max_length=150, blank=True)
    unanswered = models.ForeignKey(
        UnansweredQuestion, models.SET_NULL, null=True, related_name="searches"
    )
    created_at = models.DateTimeField(_("asked at"))

    class Meta:
        verbose_name = _("search")
        verbose_name_plural = _("searches")
        indexes = [
            models.Index(fields=["origin", "-created_at"], name="search_recent"),
            models.Index(fields=["turn_uuid"], name="search_turn"),
            # Read by the clustering: what found no answer and belongs to no question yet.
            models.Index(
                fields=["created_at"],
                name="search_unclustered",
                condition=Q(origin="chat", answered=False, unanswered__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.question[:80]


class Finding(models.Model):
    """Two passages that say the same thing twice, or two things of the same; a person settles it.

    `subject` is what both speak of; the values are what differs.
    """

    class Kind(models.TextChoices):
        CONTRADICTION = "contradiction", _("contradiction")
        DUPLICATE = "duplicate", _("duplicate")

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        SETTLED = "settled", _("settled")
        DISMISSED = "dismissed", _("dismissed")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=13, choices=Kind.choices)
    status = models.CharField(
        _("status"), max_length=9, choices=Status.choices, default=Status.OPEN
    )
    category = models.ForeignKey(
        Category, models.CASCADE, null=True, blank=True, verbose_name=_("category")
    )
    document = models.ForeignKey(
        Document, models.CASCADE, related_name="findings", verbose_name=_("document")
    )
    other = models.ForeignKey(
        Document,
        models.CASCADE,
        related_name="findings_of_others",
        verbose_name=_("other document"),
    )
    # The passages by their text: chunks are made anew with each version.
    text = models.TextField(_("says"))
    other_text = models.TextField(_("the other says"))
    subject = models.CharField(_("about"), max_length=300)
    values = models.JSONField(_("values"), default=list)  # of `document`, as written
    other_values = models.JSONField(_("other values"), default=list)
    fingerprint = models.CharField(max_length=64, unique=True, editable=False)
    # What settling changed, so that it can be undone.
    settlement = models.JSONField(default=dict, editable=False)
    found_at = models.DateTimeField(_("found at"))
    settled_by = models.CharField(_("settled by"), max_length=150, blank=True)
    settled_at = models.DateTimeField(_("settled at"), null=True, blank=True)

    class Meta:
        verbose_name = _("contradiction or duplicate")
        verbose_name_plural = _("contradictions and duplicates")

    def __str__(self) -> str:
        return self.subject
