"""What models cost: each call, the limits, and what is spent and promised of them."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integrations.llm.types import Purpose

USD_DIGITS, USD_PLACES = 14, 8


class ModelCall(models.Model):
    """One call of a model: the ledger. Rows are written once and never changed."""

    class PurposeKind(models.TextChoices):
        CHAT = Purpose.CHAT.value, _("answer")
        CLASSIFY = Purpose.CLASSIFY.value, _("classify")
        REWRITE = Purpose.REWRITE.value, _("rewrite")
        SUMMARISE = Purpose.SUMMARISE.value, _("summarise")
        EMBED = Purpose.EMBED.value, _("embed")
        TRANSCRIBE = Purpose.TRANSCRIBE.value, _("transcribe")
        VISION = Purpose.VISION.value, _("look at an image")

    class Origin(models.TextChoices):
        CUSTOMER = "customer", _("customers")
        KNOWLEDGE = "knowledge", _("knowledge")
        PLAYGROUND = "playground", _("playground")
        EVALUATION = "evaluation", _("evaluation")
        TEST = "test", _("test of a key")

    class CostKind(models.TextChoices):
        EXACT = "exact", _("measured")
        ESTIMATED = "estimated", _("estimated")
        UNKNOWN = "unknown", _("not measured")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    called_at = models.DateTimeField(_("called at"))
    purpose = models.CharField(_("purpose"), max_length=12, choices=PurposeKind.choices)
    origin = models.CharField(_("origin"), max_length=10, choices=Origin.choices)
    provider = models.CharField(_("provider"), max_length=20)
    model = models.CharField(_("model"), max_length=120, blank=True)
    credential = models.CharField(_("credential"), max_length=36, blank=True)  # its uuid
    agent_uuid = models.UUIDField(null=True)
    agent_name = models.CharField(_("agent"), max_length=80, blank=True)
    contact_uuid = models.UUIDField(null=True)
    conversation_uuid = models.UUIDField(null=True)
    turn_uuid = models.UUIDField(null=True)
    hop = models.PositiveSmallIntegerField(_("hop"), default=0)  # 0 is the first choice
    failure = models.CharField(_("failure"), max_length=200, blank=True)
    degraded = models.CharField(_("degraded because of"), max_length=40, blank=True)
    # None is "not measured", never 0.
    input_tokens = models.PositiveIntegerField(_("input tokens"), null=True)
    output_tokens = models.PositiveIntegerField(_("output tokens"), null=True)
    cached_input_tokens = models.PositiveIntegerField(_("cached input tokens"), null=True)
    cache_write_tokens = models.PositiveIntegerField(_("kept input tokens"), null=True)
    reasoning_tokens = models.PositiveIntegerField(_("reasoning tokens"), null=True)
    seconds = models.FloatField(_("seconds of sound"), null=True)
    latency_ms = models.PositiveIntegerField(_("duration in ms"), default=0)
    cost_kind = models.CharField(_("cost is"), max_length=9, choices=CostKind.choices)
    cost_usd = models.DecimalField(
        _("cost in US$"), max_digits=USD_DIGITS, decimal_places=USD_PLACES, null=True
    )
    usd_brl = models.DecimalField(
        _("R$ for a US$"), max_digits=10, decimal_places=4, null=True
    )  # of that day
    price = models.JSONField(_("price"), default=dict)  # as it was then

    class Meta:
        verbose_name = _("call of a model")
        verbose_name_plural = _("calls of models")
        constraints = [
            models.CheckConstraint(
                condition=Q(cost_kind="unknown", cost_usd__isnull=True)
                | (~Q(cost_kind="unknown") & Q(cost_usd__isnull=False)),
                name="model_call_unknown_has_no_cost",
            ),
        ]
        indexes = [
            # Read by the spending page and by the budgets' own check.
            models.Index(fields=["-called_at"], name="model_call_newest"),
            models.Index(fields=["conversation_uuid"], name="model_call_conversation"),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


class Budget(models.Model):
    """A limit on money or calls; of a contact or conversation it holds for each one by itself."""

    class Level(models.TextChoices):
        TENANT = "tenant", _("the whole business")
        AGENT = "agent", _("an agent")
        CONTACT = "contact", _("each contact")
        CONVERSATION = "conversation", _("each conversation")

    class Period(models.TextChoices):
        DAY = "day", _("a day")
        MONTH = "month", _("a month")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    level = models.CharField(_("for"), max_length=12, choices=Level.choices)
    agent_uuid = models.UUIDField(_("agent"), null=True, blank=True)
    period = models.CharField(_("per"), max_length=5, choices=Period.choices, default=Period.MONTH)
    limit_usd = models.DecimalField(
        _("limit in US$"), max_digits=USD_DIGITS, decimal_places=2, null=True, blank=True
    )
    limit_calls = models.PositiveIntegerField(_("limit of calls"), null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        constraints = [
            models.UniqueConstraint(
                fields=["level", "agent_uuid", "period"],
                name="budget_once",
                nulls_distinct=False,
                violation_error_message=_("There is a budget for this and this period already."),
            ),
            models.CheckConstraint(
                condition=Q(limit_usd__isnull=False) | Q(limit_calls__isnull=False),
                name="budget_has_a_limit",
                violation_error_message=_("Give a limit in US$, a limit of calls, or both."),
            ),
            models.CheckConstraint(
                condition=Q(level="agent", agent_uuid__isnull=False)
                | (~Q(level="agent") & Q(agent_uuid__isnull=True)),
                name="budget_of_agent_names_it",
                violation_error_message=_("Only the budget of an agent names one, and it must."),
            ),
            models.CheckConstraint(
                condition=Q(limit_usd__isnull=True) | Q(limit_usd__gte=0),
                name="budget_limit_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_level_display()} / {self.get_period_display()}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store it; what was told of other limits says nothing of these."""
        limits = type(self).objects.filter(pk=self.pk).values_list("limit_usd", "limit_calls")
        before = limits.first()
        super().save(*args, **kwargs)
        if before not in (None, (self.limit_usd, self.limit_calls)):
            self.spends.exclude(warned_at_percent=0).update(warned_at_percent=0)


class Spend(models.Model):
    """What of one budget is used in one period, by one of those that it holds for."""

    budget = models.ForeignKey(Budget, models.CASCADE, related_name="spends")
    subject = models.UUIDField()  # contact, conversation or agent; the nil UUID for the tenant
    period_start = models.DateField(_("since"))
    spent_usd = models.DecimalField(
        _("spent in US$"), max_digits=USD_DIGITS, decimal_places=USD_PLACES, default=0
    )
    reserved_usd = models.DecimalField(
        _("reserved in US$"), max_digits=USD_DIGITS, decimal_places=USD_PLACES, default=0
    )
    n_calls = models.PositiveIntegerField(_("calls"), default=0)
    # The highest mark that was told to people: 0, 80, 95 or 100.
    warned_at_percent = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("spending")
        verbose_name_plural = _("spending")
        constraints = [
            models.UniqueConstraint(
                fields=["budget", "subject", "period_start"], name="spend_once_per_period"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.budget} {self.period_start}"


class Reservation(models.Model):
    """Money set aside before a call; settled after it, or by the sweep where the caller died."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    spend_ids = models.JSONField(default=list)
    usd = models.DecimalField(max_digits=USD_DIGITS, decimal_places=USD_PLACES)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="reservation_expiry")]

    def __str__(self) -> str:
        return f"reservation {self.pk}"
