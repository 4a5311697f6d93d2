"""Prices of models and the rate of the day, each valid from a day on.

The tables stand in `public` with the platform's values, and in each tenant's schema with what that
tenant pays instead.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.core.validators import MinValueValidator, URLValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


def _usd(label: Any, **more: Any) -> Any:
    zero = MinValueValidator(0)
    return models.DecimalField(label, max_digits=12, decimal_places=6, validators=[zero], **more)


class ModelPrice(models.Model):
    """What a provider takes for a model, from a day on."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    provider = models.CharField(_("provider"), max_length=20)
    model = models.CharField(
        _("model"),
        max_length=120,
        help_text=_("As the provider names it; a dated version is found by its beginning."),
    )
    valid_from = models.DateField(_("valid from"))
    input_usd = _usd(_("US$ for a million input tokens"))
    output_usd = _usd(_("US$ for a million output tokens"))
    cached_input_usd = _usd(
        _("US$ for a million cached input tokens"),
        null=True,
        blank=True,
        help_text=_("Empty: the same as other input."),
    )
    cache_write_usd = _usd(
        _("US$ for a million input tokens that are kept"),
        null=True,
        blank=True,
        help_text=_(
            "Where the provider takes more for what it keeps for later calls, as Anthropic does."
            " Empty: reckoned as other input, and its costs are estimates."
        ),
    )
    minute_usd = _usd(_("US$ for a minute of sound"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    # The provider's own page, and when it said so; of shipped prices without them nobody is sure.
    source = models.CharField(
        _("source"),
        max_length=200,
        blank=True,
        db_default="",
        validators=[URLValidator(schemes=["https", "http"])],
    )
    checked_on = models.DateField(_("checked on"), null=True, blank=True)
    is_shipped = models.BooleanField(_("came with the product"), default=False, editable=False)

    class Meta:
        verbose_name = _("price of a model")
        verbose_name_plural = _("prices of models")
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "model", "valid_from"],
                name="model_price_once_per_day",
                violation_error_message=_("There is a price for this model from this day already."),
            ),
            models.CheckConstraint(
                condition=Q(input_usd__gte=0) & Q(output_usd__gte=0),
                name="model_price_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} {self.valid_from}"


class ExchangeRate(models.Model):
    """How many reais a dollar is worth, from a day on."""

    valid_from = models.DateField(_("valid from"), unique=True)
    usd_brl = models.DecimalField(
        _("R$ for a US$"), max_digits=10, decimal_places=4, validators=[MinValueValidator(0)]
    )

    class Meta:
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        constraints = [
            models.CheckConstraint(condition=Q(usd_brl__gt=0), name="exchange_rate_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.valid_from}: {self.usd_brl}"
