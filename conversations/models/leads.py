"""Leads: what qualification found out about a contact, each value with the contact's own words."""

from __future__ import annotations

import uuid

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conversations.lead_rules import BUILT_IN, CUSTOM_KEY, MAX_POINTS
from conversations.models.contacts import Contact
from conversations.models.conversations import Conversation
from conversations.models.messages import InboundMessage
from tenants import crypto
from tenants.context import current_schema

MAX_FIELDS = 30
"""Own fields of a business. Each is told to the model in every turn that fills leads."""

MAX_CHOICES = 20


class LeadField(models.Model):
    """Something that this business wants to know beside what every lead has."""

    key = models.CharField(
        _("short name"),
        max_length=30,
        unique=True,
        help_text=_(
            "As other systems see it: small letters, digits and _, such as square_meters. It stays."
        ),
    )
    label = models.CharField(_("name"), max_length=60)
    about = models.CharField(
        _("what belongs there"),
        max_length=200,
        blank=True,
        help_text=_("Told to the assistant, such as: how many square metres the roof has"),
    )
    choices = models.JSONField(_("only these values"), default=list, blank=True)
    points = models.PositiveSmallIntegerField(
        _("points"),
        default=0,
        validators=[MaxValueValidator(MAX_POINTS)],
        help_text=_("What it is worth in the score, 0 to 100."),
    )
    position = models.PositiveSmallIntegerField(_("place"), default=0)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("field of leads")
        verbose_name_plural = _("fields of leads")
        constraints = [
            models.CheckConstraint(
                name="lead_field_points_in_range", condition=Q(points__lte=MAX_POINTS)
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        """Refuse names and choices that cannot be used.

        Raises:
            ValidationError: by field.
        """
        super().clean()
        if not CUSTOM_KEY.fullmatch(self.key) or self.key in BUILT_IN:
            raise ValidationError(
                {"key": _("Use 2 to 30 small letters, digits or _, and none that there is.")}
            )
        are_texts = isinstance(self.choices, list) and all(
            isinstance(one, str) and 0 < len(one) <= 60 for one in self.choices
        )
        if not are_texts or len(self.choices) > MAX_CHOICES:
            raise ValidationError({"choices": _("Up to 20 values of up to 60 characters.")})


class LeadSettings(models.Model):
    """How leads are scored; one row, made when first changed."""

    # By key of `lead_rules.BUILT_IN`; what is left out has its default.
    points = models.JSONField(_("points"), default=dict, blank=True)
    qualified_from = models.PositiveSmallIntegerField(
        _("qualified from"),
        default=60,
        validators=[MaxValueValidator(100)],
        help_text=_("The score from which a lead counts as qualified, 0 to 100."),
    )

    class Meta:
        verbose_name = _("score of leads")
        verbose_name_plural = _("score of leads")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="lead_settings_one_row"),
            models.CheckConstraint(
                condition=Q(qualified_from__lte=100), name="lead_settings_in_range"
            ),
        ]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class LeadStage(models.Model):
    """A column of the board."""

    class Kind(models.TextChoices):
        OPEN = "open", _("in conversation")
        QUALIFIED = "qualified", _("qualified")
        WON = "won", _("won")
        LOST = "lost", _("lost")

    CLOSED = (Kind.WON, Kind.LOST)

    name = models.CharField(_("name"), max_length=40, unique=True)
    kind = models.CharField(
        _("means"),
        max_length=9,
        choices=Kind.choices,
        default=Kind.OPEN,
        help_text=_("Won and lost end a lead: what the contact says later begins a new one."),
    )
    position = models.PositiveSmallIntegerField(_("place"), default=0)

    class Meta:
        verbose_name = _("stage")
        verbose_name_plural = _("stages")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse that where leads stand begins to end them, or ends to: theirs would go on.

        Raises:
            ValidationError: leads stand in it.
        """
        super().clean()
        before = LeadStage.objects.filter(pk=self.pk).values_list("kind", flat=True).first()
        is_other = before is not None and (before in self.CLOSED) != (self.kind in self.CLOSED)
        if is_other and self.leads.exists():
            raise ValidationError({"kind": _("Leads stand in it; move them first.")})


class Lead(models.Model):
    """What qualification found out about a contact, from its first value to won or lost."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    contact = models.ForeignKey(
        Contact, models.CASCADE, related_name="leads", verbose_name=_("contact")
    )
    # Where something was said of it last; its events stand in that conversation's line.
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="leads", verbose_name=_("conversation")
    )
    stage = models.ForeignKey(
        LeadStage, models.PROTECT, related_name="leads", verbose_name=_("stage")
    )
    score = models.PositiveSmallIntegerField(_("lead score"), default=0)
    source = models.CharField(_("came from"), max_length=80, blank=True)
    # Set once; a lead that was told of as qualified stays told of.
    qualified_at = models.DateTimeField(_("qualified at"), null=True, blank=True)
    # A person has put it where it is; the assistant leaves it there.
    is_placed = models.BooleanField(default=False)
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("changed at"))
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("lead")
        verbose_name_plural = _("leads")
        constraints = [
            # Two conversations of a contact can begin one at once; the database keeps the first.
            models.UniqueConstraint(
                fields=["contact"], name="one_open_lead", condition=Q(closed_at=None)
            ),
            models.CheckConstraint(condition=Q(score__lte=100), name="lead_score_in_range"),
        ]
        indexes = [
            # Read by the board: the newest of each column.
            models.Index(fields=["stage", "-updated_at", "-id"], name="lead_board"),
        ]

    def __str__(self) -> str:
        return _("lead %(n)s") % {"n": self.pk}


class LeadValue(models.Model):
    """One value that a field of a lead was given; what it had before stays beside it."""

    class Origin(models.TextChoices):
        CONTACT = "contact", _("the contact")
        FORM = "form", _("a form")
        PERSON = "person", _("a person")

    lead = models.ForeignKey(Lead, models.CASCADE, related_name="values")
    key = models.CharField(max_length=30)
    value = models.CharField(max_length=500, blank=True)  # empty: a person says there is none
    confidence = models.PositiveSmallIntegerField()
    # The contact's own, as they stand in the message.
    words = models.CharField(max_length=500, blank=True)
    message = models.ForeignKey(InboundMessage, models.SET_NULL, null=True, related_name="+")
    is_against = models.BooleanField(default=False)
    origin = models.CharField(max_length=7, choices=Origin.choices)
    set_by = models.CharField(max_length=150, blank=True)
    learnt_at = models.DateTimeField()
    is_current = models.BooleanField()
    # A person has looked at it beside the current one: it is no contradiction any more.
    is_settled = models.BooleanField(default=False)

    class Meta:
        constraints = [
            # Two workers can fill the same field; one value is the one that counts.
            models.UniqueConstraint(
                fields=["lead", "key"], name="one_current_value", condition=Q(is_current=True)
            ),
            models.CheckConstraint(
                condition=Q(confidence__lte=100), name="lead_value_confidence_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.pk}"


class LeadMove(models.Model):
    """That a lead went from one stage to another; `by` is empty where the assistant moved it."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    lead = models.ForeignKey(Lead, models.CASCADE, related_name="moves")
    from_stage = models.ForeignKey(LeadStage, models.CASCADE, related_name="+")
    to_stage = models.ForeignKey(LeadStage, models.CASCADE, related_name="+")
    by = models.CharField(max_length=150, blank=True)
    moved_at = models.DateTimeField()
    # How the lead was before, for who takes it back.
    was_placed = models.BooleanField()
    is_undone = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"move {self.pk}"


class LeadSource(models.Model):
    """A form or system that brings leads in by a webhook."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=80, unique=True)
    channel_kind = models.CharField(max_length=20, default="whatsapp", editable=False)
    account_ref = models.UUIDField(
        _("writes from"), help_text=_("The number from which the contact is written to.")
    )
    first_message = models.TextField(
        _("first message"),
        max_length=1_000,
        blank=True,
        help_text=_(
            "What the contact is sent, such as: Hello {{ name|first }}, thank you for your"
            " interest! Empty: nobody is written to, and the lead waits on the board."
        ),
    )
    # Our field -> where it stands in what is sent, as in `contact.phones.0`.
    fields = models.JSONField(_("fields"), default=dict, blank=True)
    secret_encrypted = models.TextField(editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("source of leads")
        verbose_name_plural = _("sources of leads")

    def __str__(self) -> str:
        return self.name

    def _place(self) -> str:
        return f"{current_schema()}:lead_source:{self.uuid}"

    def set_secret(self, plain: str) -> None:
        """Keep the secret encrypted for this row; the caller saves."""
        self.secret_encrypted = crypto.encrypt(plain, context=self._place())

    def secret(self) -> str:
        """Return the secret.

        Raises:
            CannotDecrypt: no key reads it, or it was copied from another row or tenant.
        """
        return crypto.decrypt(self.secret_encrypted, context=self._place())


class IncomingLead(models.Model):
    """That something was brought in under a key; brought in again it does nothing."""

    source = models.ForeignKey(LeadSource, models.CASCADE, related_name="incoming")
    dedup_key = models.CharField(max_length=100)
    lead = models.ForeignKey(Lead, models.SET_NULL, null=True, related_name="incoming")
    outcome = models.CharField(max_length=20, blank=True)  # empty while it is being dealt with
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            # A sender repeats what it is not sure about; the database keeps the first.
            models.UniqueConstraint(fields=["source", "dedup_key"], name="incoming_lead_once"),
        ]

    def __str__(self) -> str:
        return f"incoming lead {self.pk}"
