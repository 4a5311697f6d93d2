"""What the owners of the business are told."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Notice(models.Model):
    """Something that an owner should know, at most once a day for each subject."""

    class Level(models.TextChoices):
        INFO = "info", _("for your information")
        WARNING = "warning", _("needs attention")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=40)
    subject = models.CharField(max_length=100)
    day = models.DateField()  # in the tenant's time zone
    level = models.CharField(_("level"), max_length=7, choices=Level.choices)
    title = models.CharField(_("notice"), max_length=200)
    text = models.TextField(_("what it means"), max_length=1_000)
    page = models.CharField(max_length=100, blank=True)  # the admin page where it is mended
    created_at = models.DateTimeField(_("since"))
    seen_at = models.DateTimeField(_("seen at"), null=True)
    seen_by = models.CharField(_("seen by"), max_length=150, blank=True)
    mailed_at = models.DateTimeField(_("e-mailed at"), null=True)
    # Who sends the e-mail holds the row meanwhile; a lease that ran out is anybody's.
    mail_lease_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject", "day"], name="notice_once_a_day"),
        ]
        indexes = [
            # Read by each page of the panel: what nobody has seen.
            models.Index(fields=["-created_at"], name="notice_unseen", condition=Q(seen_at=None)),
            # Read by the sweep: what no e-mail has told yet.
            models.Index(
                fields=["created_at"], name="notice_unmailed", condition=Q(mailed_at=None)
            ),
        ]

    def __str__(self) -> str:
        return self.title
