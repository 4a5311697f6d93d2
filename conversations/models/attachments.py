"""Files that came with messages, and what was made of them."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conversations.models.messages import InboundMessage


class Attachment(models.Model):
    """A file that came with a message: whether it is here, and what it says.

    Two things can be under way with it, one after the other: the file is fetched, and it is read,
    which is to say transcribed or described by a model.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("being fetched")
        STORED = "stored", _("stored")
        REFUSED = "refused", _("left where it is")  # by a rule; nobody tried
        FAILED = "failed", _("not fetched")
        DELETED = "deleted", _("deleted by retention")

    class Reading(models.TextChoices):
        NONE = "none", _("not read")
        WAITING = "waiting", _("being read")
        DONE = "done", _("read")
        FAILED = "failed", _("could not be read")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    message = models.OneToOneField(
        InboundMessage, models.CASCADE, related_name="attachment", verbose_name=_("message")
    )
    # Of a short list, told by the bytes themselves; empty as long as the file is not here.
    media_type = models.CharField(_("type"), max_length=60, blank=True)
    # What its sender calls it; only for whoever reads it to a model.
    declared_type = models.CharField(max_length=100, blank=True)
    name = models.CharField(_("file name"), max_length=200, blank=True)
    n_bytes = models.BigIntegerField(_("size (bytes)"), null=True, blank=True)
    seconds = models.FloatField(_("length (s)"), null=True, blank=True)
    status = models.CharField(
        _("status"), max_length=8, choices=Status.choices, default=Status.WAITING
    )
    reading = models.CharField(
        _("reading"), max_length=8, choices=Reading.choices, default=Reading.NONE
    )
    # A code, see `services.words.file_problem`; of whichever of the two failed last.
    problem = models.CharField(_("problem"), max_length=20, blank=True)
    # What is said in it or seen on it, as a model told.
    words = models.TextField(_("what it says"), blank=True)
    # What the channel needs to fetch it; cleared once it is here, for there is a key in it.
    source = models.JSONField(default=dict, blank=True)
    # Until then the burst of its message waits for its words; None where nobody waits.
    wait_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(_("created at"))
    deleted_at = models.DateTimeField(_("deleted at"), null=True, blank=True)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        constraints = [
            models.CheckConstraint(
                name="stored_attachment_has_type", condition=~Q(status="stored", media_type="")
            ),
        ]

    def __str__(self) -> str:
        return _("attachment %(n)s") % {"n": self.pk}

    @property
    def is_under_way(self) -> bool:
        """Test whether something is still to be done with it."""
        is_fetched = self.status == Attachment.Status.STORED
        return self.status == Attachment.Status.WAITING or (
            is_fetched and self.reading == Attachment.Reading.WAITING
        )


class AttachmentContent(models.Model):
    """The bytes of an attachment, apart from it so that no list reads them."""

    attachment = models.OneToOneField(
        Attachment, models.CASCADE, primary_key=True, related_name="content"
    )
    data = models.BinaryField()

    class Meta:
        verbose_name = _("content of an attachment")
        verbose_name_plural = _("contents of attachments")

    def __str__(self) -> str:
        return _("content of attachment %(n)s") % {"n": self.pk}
