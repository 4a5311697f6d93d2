"""Conversations that passed from one agent to another."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from agents.models import Agent
from agents.types import HandoffCause
from conversations.models.conversations import Conversation
from conversations.models.turns import Turn


class Handoff(models.Model):
    """One passing on, with the brief that the next agent or a person starts from."""

    class Cause(models.TextChoices):
        """What made it pass."""

        KEYWORD = HandoffCause.KEYWORD.value, _("keyword")
        EMBEDDING = HandoffCause.EMBEDDING.value, _("like its examples")
        LLM = HandoffCause.LLM.value, _("chosen by the model")
        TOOL = HandoffCause.TOOL.value, _("asked for by the agent")
        RULE = HandoffCause.RULE.value, _("rule")
        PERSON = HandoffCause.PERSON.value, _("person")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="handoffs", verbose_name=_("conversation")
    )
    turn = models.ForeignKey(
        Turn,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="handoffs",
        verbose_name=_("turn"),
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    cause = models.CharField(_("cause"), max_length=9, choices=Cause.choices)
    from_agent = models.ForeignKey(
        Agent, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("from")
    )
    # None is any person, or an agent that was removed.
    to_agent = models.ForeignKey(
        Agent, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("to")
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    score = models.FloatField(_("score"), null=True, blank=True)
    brief = models.JSONField(_("brief"), default=dict)  # see `agents.types.Brief`
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("handoff")
        verbose_name_plural = _("handoffs")
        constraints = [
            # Two workers can finish one turn; its handoffs are written once.
            models.UniqueConstraint(
                fields=["turn", "position"],
                name="one_handoff_per_place",
                condition=~models.Q(turn=None),
            ),
            models.CheckConstraint(
                name="handoff_known_cause",
                condition=models.Q(cause__in=[one.value for one in HandoffCause]),
            ),
        ]

    def __str__(self) -> str:
        return _("handoff %(n)s") % {"n": self.pk}
