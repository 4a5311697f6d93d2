"""Agents as their owner edits them, and the versions that answer contacts."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

from agents import validators
from agents.models_experiments import Experiment as Experiment
from agents.models_experiments import Variant as Variant
from agents.types import AgentKind, History, OutsideHours
from agents.types_leads import LeadsMode
from integrations.models import Credential
from knowledge.models import EmbeddingSpace

if TYPE_CHECKING:
    from integrations.models import HttpTool
    from knowledge.models import Category

MAX_WAIT_MIN = 7 * 24 * 60
"""Longest wait for a person that can be set, in minutes: a week. Beyond it nobody is waiting."""


class ApprovalThen(models.TextChoices):
    """What becomes of an answer that nobody approved in time."""

    SEND = "send", _("it is sent all the same")
    PEOPLE = "people", _("the conversation is left to people")


class Agent(models.Model):
    """A configured persona. Edits reach contacts only when they are published."""

    class Kind(models.TextChoices):
        """What an agent is for."""

        GENERAL = AgentKind.GENERAL.value, _("General: front desk, routes")
        SPECIALIST = AgentKind.SPECIALIST.value, _("Specialist: one subject")
        INTEGRATION = AgentKind.INTEGRATION.value, _("Integration: acts on another system")
        HUMAN = AgentKind.HUMAN.value, _("Human: a queue of people")
        PERSONAL = AgentKind.PERSONAL.value, _("Personal: only for its owner's numbers")

    class Outside(models.TextChoices):
        """What it does while people are away."""

        ANSWER = OutsideHours.ANSWER.value, _("Answer as usual")
        TELL = (
            OutsideHours.TELL.value,
            _("Answer, and send the away text when something is left to people"),
        )
        AWAY = OutsideHours.AWAY.value, _("Only the away text; people answer when they are back")

    class Leads(models.TextChoices):
        """When its conversations fill the fields of a lead."""

        OFF = LeadsMode.OFF.value, _("No")
        END = LeadsMode.END.value, _("When the conversation is over, from what was said")
        LIVE = (
            LeadsMode.LIVE.value,
            _("While it answers: it asks what is missing, and keeps what is told"),
        )

    class HistoryMode(models.TextChoices):
        """What it is told of what was said before."""

        WHOLE = History.WHOLE.value, _("The whole conversation, the older part as a summary")
        HANDOFF = (
            History.HANDOFF.value,
            _("Only since it was handed the conversation, and the brief"),
        )
        NONE = History.NONE.value, _("Nothing but the new messages and the brief")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=80, unique=True)
    kind = models.CharField(
        _("kind"), max_length=12, choices=Kind.choices, default=Kind.GENERAL.value
    )
    instructions = models.TextField(_("instructions"), blank=True, max_length=20_000)
    keywords = models.JSONField(
        _("keywords"),
        default=list,
        blank=True,
        help_text=_("Words that lead a contact here from an agent that may hand off to this one."),
    )
    categories: models.ManyToManyField[Category, models.Model] = models.ManyToManyField(
        "knowledge.Category",
        verbose_name=_("knowledge"),
        blank=True,
        related_name="agents",
        help_text=_("What this agent may search. Without any it answers nothing but greetings."),
    )
    handoffs: models.ManyToManyField[Agent, models.Model] = models.ManyToManyField(
        "self",
        verbose_name=_("may hand off to"),
        symmetrical=False,
        blank=True,
        related_name="handed_from",
    )
    tools: models.ManyToManyField[HttpTool, models.Model] = models.ManyToManyField(
        "integrations.HttpTool", verbose_name=_("tools"), blank=True, related_name="agents"
    )
    chat_credential = models.ForeignKey(
        Credential,
        models.PROTECT,
        verbose_name=_("credential"),
        null=True,
        blank=True,
        related_name="agents",
        help_text=_("Empty: the model that the business chose for answers, if it chose one."),
    )
    chat_model = models.CharField(_("model"), max_length=120, blank=True)
    timeout_s = models.PositiveSmallIntegerField(
        _("time limit (s)"),
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(validators.MAX_TIMEOUT_S)],
        help_text=_("Seconds for one answer, fallbacks included."),
    )
    fallbacks = models.JSONField(_("fallbacks"), default=list, blank=True)
    # By purpose, without that of the answers; see `validators.validate_purposes`.
    purposes = models.JSONField(
        _("models for other tasks"), default=dict, db_default={}, blank=True
    )
    outside_hours = models.CharField(
        _("outside opening hours"),
        max_length=6,
        choices=Outside.choices,
        default=Outside.ANSWER.value,
        help_text=_("The hours and the away text are on the page “Opening hours”."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    guards = models.JSONField(_("checks"), default=dict, blank=True)
    published_version = models.ForeignKey(
        "AgentVersion",
        models.PROTECT,
        verbose_name=_("published version"),
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)
    role = models.CharField(_("role"), max_length=validators.MAX_LINE, blank=True, db_default="")
    tone = models.CharField(_("tone"), max_length=validators.MAX_LINE, blank=True, db_default="")
    dos = models.JSONField(_("always"), default=list, db_default=[], blank=True)
    donts = models.JSONField(_("never"), default=list, db_default=[], blank=True)
    policies = models.JSONField(_("policies"), default=list, db_default=[], blank=True)
    examples = models.JSONField(_("example messages"), default=list, db_default=[], blank=True)
    owner_numbers = models.JSONField(_("owner's numbers"), default=list, db_default=[], blank=True)
    needs_approval = models.BooleanField(
        _("a person approves each answer"),
        default=False,
        help_text=_("What this agent writes waits for a person before it is sent."),
    )
    approval_within_min = models.PositiveSmallIntegerField(
        _("approval within (minutes)"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_WAIT_MIN)],
    )
    approval_then = models.CharField(
        _("when nobody approves in time"),
        max_length=6,
        choices=ApprovalThen.choices,
        default=ApprovalThen.PEOPLE,
    )
    return_after_min = models.PositiveSmallIntegerField(
        _("comes back after (minutes)"),
        default=30,
        validators=[MaxValueValidator(MAX_WAIT_MIN)],
        help_text=_(
            "How long after a person's last message this agent answers again. 0: only when it is"
            " given back. It holds at once, without publishing."
        ),
    )
    history = models.CharField(
        _("remembers"),
        max_length=7,
        choices=HistoryMode.choices,
        default=HistoryMode.WHOLE,
        db_default=HistoryMode.WHOLE.value,
    )
    leads = models.CharField(
        _("fills leads"),
        max_length=4,
        choices=Leads.choices,
        default=Leads.OFF,
        db_default=Leads.OFF.value,
    )

    class Meta:
        verbose_name = _("agent")
        verbose_name_plural = _("agents")
        constraints = [
            models.CheckConstraint(
                name="agent_known_kind",
                condition=models.Q(kind__in=[kind.value for kind in AgentKind]),
            ),
            models.CheckConstraint(
                name="agent_timeout_in_range",
                condition=models.Q(timeout_s__range=(1, validators.MAX_TIMEOUT_S)),
            ),
            models.CheckConstraint(
                name="agent_known_history",
                condition=models.Q(history__in=[one.value for one in History]),
            ),
            models.CheckConstraint(
                name="agent_known_leads",
                condition=models.Q(leads__in=[one.value for one in LeadsMode]),
            ),
            models.CheckConstraint(
                name="agent_known_outside_hours",
                condition=models.Q(outside_hours__in=[one.value for one in OutsideHours]),
            ),
            models.CheckConstraint(
                name="agent_waits_in_range",
                condition=models.Q(
                    approval_within_min__range=(1, MAX_WAIT_MIN),
                    return_after_min__lte=MAX_WAIT_MIN,
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse keywords and fallbacks of the wrong form.

        Raises:
            ValidationError: by field.
        """
        super().clean()
        problems = {}
        for field, validate in validators.OF_FIELDS.items():
            try:
                validate(getattr(self, field))
            except ValidationError as error:
                problems[field] = error
        if problems:
            raise ValidationError(problems)


class BusinessFacts(models.Model):
    """What every agent may say of the business: one row, made when it is first needed."""

    name = models.CharField(_("name"), max_length=120, blank=True)
    about = models.CharField(_("what the business does"), max_length=500, blank=True)
    address = models.CharField(_("address"), max_length=validators.MAX_LINE, blank=True)
    site = models.CharField(_("site"), max_length=200, blank=True)
    phone = models.CharField(_("phone"), max_length=60, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    facts = models.JSONField(_("other facts"), default=list, blank=True)

    class Meta:
        verbose_name = _("business facts")
        verbose_name_plural = _("business facts")
        constraints = [
            # Two people can save the first one at once; there is one business.
            models.CheckConstraint(name="one_row_of_business_facts", condition=models.Q(pk=1)),
        ]

    def __str__(self) -> str:
        return str(_("business facts"))

    def clean(self) -> None:
        """Refuse facts of the wrong form.

        Raises:
            ValidationError: by field.
        """
        super().clean()
        try:
            validators.validate_lines(self.facts)
        except ValidationError as error:
            raise ValidationError({"facts": error}) from error


class ExampleVector(models.Model):
    """Where an example message lies in a space; one for all agents that have the same."""

    space = models.ForeignKey(EmbeddingSpace, models.CASCADE, related_name="+")
    content_sha256 = models.CharField(max_length=64)
    embedding = VectorField()  # of length 1; `EmbeddingSpace.dimensions` numbers
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["space", "content_sha256"], name="example_vector_once_per_space"
            ),
        ]

    def __str__(self) -> str:
        return f"example vector {self.pk}"


class AgentVersion(models.Model):
    """What an agent was when it was published, or kept to be compared; never changed afterwards.

    The snapshot holds names and references, and no key.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    agent = models.ForeignKey(
        Agent, models.CASCADE, verbose_name=_("agent"), related_name="versions"
    )
    number = models.PositiveIntegerField(_("number"))
    snapshot = models.JSONField(_("snapshot"))
    published_at = models.DateTimeField(_("published at"))
    published_by = models.CharField(_("published by"), max_length=150)
    # Whether it answers everybody or has; else it was only kept, for a comparison.
    is_published = models.BooleanField(default=True, db_default=True, editable=False)

    class Meta:
        verbose_name = _("agent version")
        verbose_name_plural = _("agent versions")
        constraints = [
            # Two people can publish at once; each gets a number of its own.
            models.UniqueConstraint(fields=["agent", "number"], name="agent_version_number"),
            models.CheckConstraint(
                name="agent_version_number_from_one", condition=models.Q(number__gte=1)
            ),
        ]

    def __str__(self) -> str:
        return _("version %(number)s") % {"number": self.number}


class GuardSettings(models.Model):
    """What this tenant sets of the checks around its agents; one row, made when first changed."""

    # By check, as `agents.guards.checked` returns it; what is left out is the platform's.
    checks = models.JSONField(_("checks"), default=dict, blank=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("safety settings")
        verbose_name_plural = _("safety settings")
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="guard_settings_one_row"),
        ]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)

    def clean(self) -> None:
        """Refuse settings that cannot be taken.

        Raises:
            ValidationError: by field.
        """
        super().clean()
        try:
            validators.validate_guards(self.checks)
        except ValidationError as error:
            raise ValidationError({"checks": error}) from error
