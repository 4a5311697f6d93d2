"""What belongs to sending beside the messages: files, planned messages, paces and counts."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conversations.models.conversations import Conversation
from conversations.models.messages import OutboundMessage


class OutboundFile(models.Model):
    """A file that a person sends, apart from its message so that no list reads it.

    What was sent from the paired phone has one, too, where the channel brought it along.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    message = models.OneToOneField(
        OutboundMessage, models.CASCADE, related_name="file", verbose_name=_("message")
    )
    media_type = models.CharField(_("type"), max_length=100)
    name = models.CharField(_("file name"), max_length=200)
    n_bytes = models.PositiveIntegerField(_("size (bytes)"))
    data = models.BinaryField()  # empty once it was deleted
    deleted_at = models.DateTimeField(_("deleted at"), null=True, blank=True)

    class Meta:
        verbose_name = _("sent file")
        verbose_name_plural = _("sent files")

    def __str__(self) -> str:
        return _("file of message %(n)s") % {"n": self.message_id}


class FollowUp(models.Model):
    """A message that a person has planned; called off when the contact writes before it is due."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("planned")
        SENT = "sent", _("sent")
        CANCELLED = "cancelled", _("called off")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="follow_ups", verbose_name=_("conversation")
    )
    text = models.TextField(_("text"))
    due_at = models.DateTimeField(_("planned for"))
    status = models.CharField(
        _("status"), max_length=9, choices=Status.choices, default=Status.WAITING
    )
    # When it was due before rules made it wait, other than the opening hours.
    late_since = models.DateTimeField(null=True, blank=True)
    # Why it was called off, or why it waits although it is due.
    reason = models.CharField(_("reason"), max_length=100, blank=True)
    message = models.OneToOneField(
        OutboundMessage, models.SET_NULL, null=True, blank=True, related_name="follow_up"
    )
    # Empty for the first message to a lead that a form brought.
    written_by = models.CharField(_("written by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("planned message")
        verbose_name_plural = _("planned messages")
        indexes = [
            # Read when a conversation's timer is due, and by its page: what is still planned.
            models.Index(
                fields=["conversation", "due_at"],
                name="follow_up_waiting",
                condition=Q(status="waiting"),
            ),
        ]

    def __str__(self) -> str:
        return _("planned message %(n)s") % {"n": self.pk}


class NumberPace(models.Model):
    """How much a number has sent; only of numbers that keep a pace, and locked by who sends."""

    channel_account_ref = models.UUIDField(unique=True)
    next_at = models.DateTimeField(null=True)  # when its next message may leave at the earliest
    day = models.DateField(null=True)
    n_sent = models.PositiveIntegerField(default=0)
    n_unasked = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("pace of a number")
        verbose_name_plural = _("paces of numbers")

    def __str__(self) -> str:
        return _("pace %(n)s") % {"n": self.pk}


class VetoCount(models.Model):
    """How often a rule made messages of a number wait on a day, or kept them from being sent."""

    channel_account_ref = models.UUIDField(_("channel account"))
    day = models.DateField(_("day"))
    reason = models.CharField(_("reason"), max_length=20)
    n_waited = models.PositiveIntegerField(_("waited"), default=0)
    n_refused = models.PositiveIntegerField(_("not sent"), default=0)

    class Meta:
        verbose_name = _("rule that was applied")
        verbose_name_plural = _("rules that were applied")
        constraints = [
            models.UniqueConstraint(
                fields=["channel_account_ref", "day", "reason"], name="veto_counted_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.day}"


class DeliveryDay(models.Model):
    """What became of the messages that a number wrote on a day, as it was last counted."""

    channel_account_ref = models.UUIDField(_("channel account"))
    day = models.DateField(_("day"))
    n_created = models.PositiveIntegerField(_("written"), default=0)
    n_acked = models.PositiveIntegerField(_("sent"), default=0)
    n_delivered = models.PositiveIntegerField(_("delivered"), default=0)
    n_read = models.PositiveIntegerField(_("read"), default=0)
    n_failed = models.PositiveIntegerField(_("failed"), default=0)
    n_cancelled = models.PositiveIntegerField(_("not sent"), default=0)
    n_waiting = models.PositiveIntegerField(_("waiting"), default=0)
    # Neither sent nor given up for a reason that somebody was told, past their time.
    n_lost = models.PositiveIntegerField(_("lost"), default=0)
    counted_at = models.DateTimeField(_("counted at"))

    class Meta:
        verbose_name = _("day of deliveries")
        verbose_name_plural = _("days of deliveries")
        constraints = [
            models.UniqueConstraint(
                fields=["channel_account_ref", "day"], name="delivery_day_counted_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day}"
