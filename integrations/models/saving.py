"""Answers that are given again to the same question instead of asking a model once more."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integrations.models.spending import USD_DIGITS, USD_PLACES

MAX_HOURS = 24


class AnswerSaving(models.Model):
    """Whether this tenant gives answers again; one row, made when it is first chosen."""

    is_on = models.BooleanField(
        _("give saved answers again"),
        default=False,
        help_text=_(
            "When a conversation begins with a question that was answered today in the same words,"
            " that answer is sent without asking the model. A changed document or agent makes it"
            " ask again."
        ),
    )
    hours = models.PositiveSmallIntegerField(
        _("for how many hours"),
        default=MAX_HOURS,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_HOURS)],
        help_text=_("From 1 to 24. A new day always begins without saved answers."),
    )
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("saved answers")
        verbose_name_plural = _("saved answers")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="answer_saving_one_row"),
            models.CheckConstraint(
                condition=Q(hours__gte=1, hours__lte=MAX_HOURS), name="answer_saving_hours_sane"
            ),
        ]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class SavedAnswer(models.Model):
    """A model's answer to a question that depends on nobody's conversation.

    Args:
        key: names everything that the model was shown, see `agents.runtime.saving`.
        usd: what the answer cost; None where that is not known.
    """

    key = models.CharField(max_length=64, unique=True)
    text = models.TextField()
    evidence_refs = models.JSONField(default=list)
    provider = models.CharField(max_length=20)
    model = models.CharField(max_length=120)
    usd = models.DecimalField(max_digits=USD_DIGITS, decimal_places=USD_PLACES, null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            # Read whenever an answer is kept: what is too old goes.
            models.Index(fields=["expires_at"], name="saved_answer_expiry"),
        ]

    def __str__(self) -> str:
        return f"saved answer {self.pk}"


class SavedCall(models.Model):
    """A call of a model that was not made because its answer was there; never changed.

    Args:
        usd: what the answer cost when it was made; None where that is not known.
    """

    called_at = models.DateTimeField()
    provider = models.CharField(max_length=20)
    model = models.CharField(max_length=120)
    agent_uuid = models.UUIDField(null=True)
    agent_name = models.CharField(max_length=80, blank=True)
    conversation_uuid = models.UUIDField(null=True)
    turn_uuid = models.UUIDField(null=True)
    usd = models.DecimalField(max_digits=USD_DIGITS, decimal_places=USD_PLACES, null=True)

    class Meta:
        indexes = [
            # Read by the spending page.
            models.Index(fields=["-called_at"], name="saved_call_newest"),
        ]

    def __str__(self) -> str:
        return f"saved call {self.pk}"
