"""What is kept of contacts and of conversations that are over."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, validate_email
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conversations.models.contacts import Contact
from conversations.models.conversations import Conversation
from conversations.models.messages import InboundMessage

MAX_HOURS = 24 * 365
"""Longest silence that can be set, in hours: a year."""

MAX_DAYS = 3_650
"""Longest time for which files can be kept, in days, other than for ever: ten years."""

MAX_FACT = 200


class ContactFact(models.Model):
    """One thing that a contact has told of themselves; it stands in a message of theirs.

    A CPF is kept masked: the number itself stays in the message.
    """

    class Kind(models.TextChoices):
        NAME = "name", _("name")
        EMAIL = "email", _("e-mail")
        PHONE = "phone", _("phone")
        CPF = "cpf", _("CPF")
        CNPJ = "cnpj", _("CNPJ")
        ADDRESS = "address", _("address")
        BIRTHDAY = "birthday", _("date of birth")
        ORDER = "order", _("order or protocol")

    contact = models.ForeignKey(
        Contact, models.CASCADE, related_name="facts", verbose_name=_("contact")
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    value = models.CharField(_("value"), max_length=MAX_FACT)
    source = models.ForeignKey(
        InboundMessage,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("message"),
    )
    learnt_at = models.DateTimeField(_("learnt at"))
    valid_until = models.DateField(
        _("valid until"),
        null=True,
        blank=True,
        help_text=_("After this day it is not used any more. Empty: it is kept."),
    )
    # Who wrote it in the panel; such a value is not replaced by what the contact says later.
    set_by = models.CharField(_("written by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("known fact")
        verbose_name_plural = _("known facts")
        constraints = [
            # Two turns can learn at once; a contact has one of each.
            models.UniqueConstraint(fields=["contact", "kind"], name="one_fact_per_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    def is_known(self, now: datetime) -> bool:
        """Test whether it is to be used still."""
        return self.valid_until is None or self.valid_until >= now.date()

    def clean(self) -> None:
        """Refuse what is no value of its kind.

        Raises:
            ValidationError: by field.
        """
        super().clean()
        if self.kind == self.Kind.EMAIL and self.value:
            try:
                validate_email(self.value)
            except ValidationError as error:
                raise ValidationError({"value": error}) from error


class Label(models.Model):
    """A word by which people find conversations again."""

    name = models.CharField(_("name"), max_length=40, unique=True)
    conversations: models.ManyToManyField[Conversation, models.Model] = models.ManyToManyField(
        Conversation, related_name="labels", blank=True, verbose_name=_("conversations")
    )

    class Meta:
        verbose_name = _("label")
        verbose_name_plural = _("labels")

    def __str__(self) -> str:
        return self.name


class ConversationSettings(models.Model):
    """When conversations end, and how long their files are kept; one row, made when changed."""

    close_after_h = models.PositiveIntegerField(
        _("closed after (hours of silence)"),
        default=24,
        validators=[MaxValueValidator(MAX_HOURS)],
        help_text=_("0: a conversation stays open until somebody archives it."),
    )
    close_with_people = models.BooleanField(
        _("also those that are with people"),
        default=False,
        help_text=_("Otherwise what a person has, or what waits for one, is never closed by time."),
    )
    reopen_within_h = models.PositiveIntegerField(
        _("reopened within (hours)"),
        default=72,
        validators=[MaxValueValidator(MAX_HOURS)],
        help_text=_(
            "A contact who writes again within this time goes on in the same conversation; later a"
            " new one begins. What a person has archived stays archived. 0: always a new one."
        ),
    )
    keep_files_days = models.PositiveIntegerField(
        _("files are kept for (days)"),
        default=180,
        db_default=180,
        validators=[MaxValueValidator(MAX_DAYS)],
        help_text=_(
            "Images, voice notes and documents of messages are deleted when they are older. The"
            " messages stay, and what was heard or seen in them. 0: they are kept for ever."
        ),
    )

    class Meta:
        verbose_name = _("end of conversations")
        verbose_name_plural = _("end of conversations")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="conversation_settings_one_row"),
            models.CheckConstraint(
                condition=Q(close_after_h__lte=MAX_HOURS) & Q(reopen_within_h__lte=MAX_HOURS),
                name="conversation_settings_hours_in_range",
            ),
            models.CheckConstraint(
                condition=Q(keep_files_days__lte=MAX_DAYS),
                name="conversation_settings_days_in_range",
            ),
        ]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class ArchiveText(models.Model):
    """What an archived conversation is found by: the stems of all that was said and noted."""

    conversation = models.OneToOneField(
        Conversation, models.CASCADE, primary_key=True, related_name="archive_text"
    )
    lexemes = SearchVectorField()

    class Meta:
        indexes = [GinIndex(fields=["lexemes"], name="archive_lexemes")]

    def __str__(self) -> str:
        return f"archive text {self.pk}"


class ArchiveWord(models.Model):
    """A stem that stands in some archived conversation: near misses are looked up here."""

    word = models.CharField(max_length=60, primary_key=True)

    def __str__(self) -> str:
        return self.word


class ArchivedConversation(Conversation):
    """A conversation that is over, as the archive lists it."""

    class Meta:
        proxy = True
        verbose_name = _("archived conversation")
        verbose_name_plural = _("archived conversations")
