"""Answering cycles and what they did."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from agents.models import Agent
from conversations.models.conversations import Conversation


class Turn(models.Model):
    """One answering cycle over the burst gathered since the previous one."""

    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        SUPERSEDED = "superseded", _("superseded")  # a newer message came while it was thinking
        FAILED = "failed", _("failed")

    class Outcome(models.TextChoices):
        REPLY = "reply", _("replied")
        HANDOFF = "handoff", _("passed to another agent")
        NEEDS_HUMAN = "needs_human", _("left to a person")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="turns", verbose_name=_("conversation")
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.RUNNING
    )
    agent = models.ForeignKey(
        Agent, models.SET_NULL, null=True, blank=True, verbose_name=_("agent")
    )
    agent_version = models.PositiveIntegerField(_("agent version"), null=True, blank=True)
    covered_upto = models.BigIntegerField()  # the last inbound message that this answers
    n_messages = models.PositiveIntegerField(_("messages in the burst"))
    burst_started_at = models.DateTimeField(_("burst started at"))
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome.choices, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    provider = models.CharField(_("provider"), max_length=40, blank=True)
    model = models.CharField(_("model"), max_length=100, blank=True)
    input_tokens = models.PositiveIntegerField(_("input tokens"), null=True, blank=True)
    output_tokens = models.PositiveIntegerField(_("output tokens"), null=True, blank=True)
    model_ms = models.PositiveIntegerField(_("model time (ms)"), null=True, blank=True)
    confidence = models.FloatField(_("confidence"), null=True, blank=True)

    class Meta:
        verbose_name = _("turn")
        verbose_name_plural = _("turns")
        constraints = [
            # Two workers can race to open a turn; the database picks the winner.
            models.UniqueConstraint(
                fields=["conversation"], name="one_open_turn", condition=Q(status="running")
            ),
            # No message is answered twice, whatever happened to the worker that answered it first.
            models.UniqueConstraint(
                fields=["conversation", "covered_upto"],
                name="one_answer_per_burst",
                condition=Q(status="done"),
            ),
        ]
        indexes = [
            # Read by the dashboard: what happened today.
            models.Index(fields=["started_at"], name="turn_started"),
        ]

    def __str__(self) -> str:
        return _("turn %(n)s") % {"n": self.pk}


class TurnStep(models.Model):
    """One thing that a turn did: what, how long, and the data that explains it."""

    turn = models.ForeignKey(Turn, models.CASCADE, related_name="steps", verbose_name=_("turn"))
    position = models.PositiveSmallIntegerField(_("position"))
    kind = models.CharField(_("kind"), max_length=12)
    started_at = models.DateTimeField(_("started at"))
    duration_ms = models.PositiveIntegerField(_("duration (ms)"))
    data = models.JSONField(_("data"), default=dict)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        constraints = [
            models.UniqueConstraint(fields=["turn", "position"], name="step_position_once"),
        ]

    def __str__(self) -> str:
        return _("step %(n)s of turn %(turn)s") % {"n": self.position, "turn": self.turn_id}
