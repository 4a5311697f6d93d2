"""Conversations of programs: somebody outside the channels, under a name that the program gives."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.contacts import Contact


class Thread(models.Model):
    """Who a program speaks for, and until when that is remembered without a word."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # The program's own name for it, such as an order's number.
    ref = models.CharField(_("name"), max_length=200, unique=True)
    contact = models.OneToOneField(
        Contact, models.CASCADE, related_name="thread", verbose_name=_("contact")
    )
    expires_at = models.DateTimeField(_("expires at"))
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("thread")
        verbose_name_plural = _("threads")
        indexes = [
            # Read by the hourly clean-up.
            models.Index(fields=["expires_at"], name="thread_expiry"),
        ]

    def __str__(self) -> str:
        return _("thread %(n)s") % {"n": self.pk}
