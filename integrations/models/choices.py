"""Which model this tenant uses for what, where an agent does not say otherwise."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integrations.llm.types import Purpose
from integrations.models.credentials import Credential


class ModelChoice(models.Model):
    """The model for one purpose, who answers when it fails, and who when money runs out."""

    class PurposeKind(models.TextChoices):
        CHAT = Purpose.CHAT.value, _("answer")
        CLASSIFY = Purpose.CLASSIFY.value, _("classify")
        REWRITE = Purpose.REWRITE.value, _("rewrite questions")
        SUMMARISE = Purpose.SUMMARISE.value, _("summarise")
        TRANSCRIBE = Purpose.TRANSCRIBE.value, _("transcribe voice notes")
        VISION = Purpose.VISION.value, _("look at images")

    purpose = models.CharField(
        _("purpose"), max_length=12, choices=PurposeKind.choices, unique=True
    )
    credential = models.ForeignKey(
        Credential,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("credential"),
        help_text=_("Empty: no model; the best passage is quoted."),
    )
    model = models.CharField(_("model"), max_length=120, blank=True)
    timeout_s = models.PositiveSmallIntegerField(
        _("time limit (s)"),
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(60)],
    )
    fallback_credential = models.ForeignKey(
        Credential,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("credential when the first fails"),
    )
    fallback_model = models.CharField(_("model when the first fails"), max_length=120, blank=True)
    cheaper_credential = models.ForeignKey(
        Credential,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("credential from 95 % of a budget"),
    )
    cheaper_model = models.CharField(_("model from 95 % of a budget"), max_length=120, blank=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("model by purpose")
        verbose_name_plural = _("models by purpose")
        constraints = [
            models.CheckConstraint(
                condition=Q(credential__isnull=True) | ~Q(model="") | Q(purpose="chat"),
                name="model_choice_names_its_model",
                violation_error_message=_("Name the model."),
            ),
        ]

    def __str__(self) -> str:
        return self.get_purpose_display()
