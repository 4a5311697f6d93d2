"""Experiments: versions of one agent that answer side by side until one is shown to be better."""

from __future__ import annotations

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

MAX_WEIGHT = 100


class Experiment(models.Model):
    """A trial of versions of one agent; each contact meets one of them, always the same."""

    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        STOPPED = "stopped", _("ended")

    class Ending(models.TextChoices):
        PERSON = "person", _("ended by a person")
        ENOUGH = "enough", _("enough conversations")
        SIGNIFICANT = "significant", _("the difference is clear")
        PUBLISHED = "published", _("something else was published")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    agent = models.ForeignKey(
        "agents.Agent", models.CASCADE, verbose_name=_("agent"), related_name="experiments"
    )
    status = models.CharField(
        _("status"), max_length=7, choices=Status.choices, default=Status.RUNNING.value
    )
    max_conversations = models.PositiveIntegerField(
        _("conversations"), validators=[MinValueValidator(20), MaxValueValidator(100_000)]
    )
    stops_when_clear = models.BooleanField(_("ends as soon as the difference is clear"))
    publishes_winner = models.BooleanField(_("the winner is published by itself"))
    started_at = models.DateTimeField(_("started at"))
    started_by = models.CharField(_("started by"), max_length=150)
    stopped_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    stopped_by = models.CharField(_("ended by"), max_length=150, blank=True)
    ending = models.CharField(_("why it ended"), max_length=11, choices=Ending.choices, blank=True)
    winner = models.ForeignKey(
        "agents.AgentVersion", models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("experiment")
        verbose_name_plural = _("experiments")
        constraints = [
            # Two people can start one at once; a contact must not be in two.
            models.UniqueConstraint(
                fields=["agent"], name="one_running_experiment", condition=Q(status="running")
            ),
            models.CheckConstraint(
                name="experiment_ended_at_some_instant",
                condition=Q(status="running", stopped_at=None)
                | Q(status="stopped", stopped_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return _("experiment %(n)s") % {"n": self.pk}


class Variant(models.Model):
    """One version in an experiment; the first one is what the others are compared with."""

    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="variants")
    version = models.ForeignKey("agents.AgentVersion", models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    # Of all weights together, the part of the contacts that meet it.
    weight = models.PositiveSmallIntegerField(
        _("weight"), validators=[MinValueValidator(1), MaxValueValidator(MAX_WEIGHT)]
    )

    class Meta:
        verbose_name = _("variant")
        verbose_name_plural = _("variants")
        constraints = [
            models.UniqueConstraint(fields=["experiment", "version"], name="variant_once"),
            models.UniqueConstraint(fields=["experiment", "position"], name="variant_position"),
            models.CheckConstraint(
                name="variant_weight_in_range", condition=Q(weight__range=(1, MAX_WEIGHT))
            ),
        ]

    def __str__(self) -> str:
        return _("variant %(n)s") % {"n": self.position + 1}
