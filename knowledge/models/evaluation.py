"""Evaluation: questions whose answers are known, and how a search did on them."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class EvaluationSet(models.Model):
    """Questions of this tenant with the passages that answer them."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=80, unique=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("evaluation set")
        verbose_name_plural = _("evaluation sets")

    def __str__(self) -> str:
        return self.name


class EvaluationQuestion(models.Model):
    """One question with what is known of its answer."""

    class Type(models.TextChoices):
        ANSWERABLE = "answerable", _("has an answer")
        UNANSWERABLE = "unanswerable", _("has no answer")
        FOLLOWUP = "followup", _("follows another one")

    set = models.ForeignKey(EvaluationSet, models.CASCADE, related_name="questions")
    ref = models.CharField(_("id"), max_length=80)  # of the file it came from
    position = models.PositiveIntegerField(_("position"))
    type = models.CharField(_("type"), max_length=12, choices=Type.choices)
    question = models.TextField(_("question"))
    history = models.JSONField(_("history"), default=list)  # [{"role", "text"}]
    docs = models.JSONField(_("documents"), default=list)  # names
    evidence = models.JSONField(_("evidence"), default=list)  # [{"doc", "quote"}], any is enough
    key_facts = models.JSONField(_("key facts"), default=list)  # all of these, each in any wording
    reason = models.CharField(_("reason"), max_length=40, blank=True)  # why it has no answer
    # A newer file no longer has it; it stays for the runs that asked it.
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("evaluation question")
        verbose_name_plural = _("evaluation questions")
        constraints = [
            models.UniqueConstraint(fields=["set", "ref"], name="evaluation_question_once"),
        ]

    def __str__(self) -> str:
        return self.question[:80]


class EvaluationRun(models.Model):
    """One pass over a set, with the settings and the state of the knowledge at that time."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    set = models.ForeignKey(EvaluationSet, models.CASCADE, related_name="runs")
    status = models.CharField(
        _("status"), max_length=8, choices=Status.choices, default=Status.QUEUED
    )
    progress = models.PositiveSmallIntegerField(_("progress in percent"), default=0)
    failure_reason = models.TextField(_("reason of failure"), blank=True)
    # Figures over all questions and per category; shares from 0 to 1.
    metrics = models.JSONField(_("figures"), default=dict)
    settings = models.JSONField(_("settings"), default=dict)
    requested_by = models.CharField(_("requested by"), max_length=150, blank=True)
    lease_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    n_attempts = models.PositiveSmallIntegerField(default=0, editable=False)  # without progress
    created_at = models.DateTimeField(_("created at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("evaluation run")
        verbose_name_plural = _("evaluation runs")
        constraints = [
            # Two clicks, or a click and the command, can race to start one.
            models.UniqueConstraint(
                fields=["set"],
                condition=Q(status__in=["queued", "running"]),
                name="evaluation_run_one_open_per_set",
            ),
        ]
        indexes = [
            # Read by the sweep every 30 s: unfinished runs whose lease ran out.
            models.Index(
                fields=["lease_until"],
                name="evaluation_run_lease",
                condition=Q(status__in=["queued", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return _("run of %(day)s") % {"day": self.created_at.date()}

    @property
    def is_over(self) -> bool:
        """Test whether nothing more will happen to it."""
        return self.status in (self.Status.READY, self.Status.FAILED)


class EvaluationResult(models.Model):
    """How one question went in one run."""

    run = models.ForeignKey(EvaluationRun, models.CASCADE, related_name="results")
    question = models.ForeignKey(EvaluationQuestion, models.CASCADE)
    rank = models.PositiveSmallIntegerField(_("rank"), null=True)  # of the first right passage
    n_characters = models.PositiveIntegerField(null=True)  # of context up to and with that passage
    confidence = models.FloatField(_("confidence"))
    decision = models.CharField(_("decision"), max_length=7)
    passages = models.JSONField(_("passages"), default=list)

    class Meta:
        verbose_name = _("evaluation result")
        verbose_name_plural = _("evaluation results")
        constraints = [
            models.UniqueConstraint(fields=["run", "question"], name="evaluation_result_once"),
        ]

    def __str__(self) -> str:
        return f"result {self.pk}"
