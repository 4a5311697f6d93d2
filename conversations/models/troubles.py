"""Numbers whose bridge fails."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class NumberTrouble(models.Model):
    """That the bridge of a number fails; gone as soon as a call gets through."""

    channel_account_ref = models.UUIDField(unique=True)
    since = models.DateTimeField()
    next_try_at = models.DateTimeField()
    # The token under which a worker holds the timer of the line that makes the one call.
    trial_token = models.UUIDField(null=True)

    class Meta:
        verbose_name = _("trouble of a number")
        verbose_name_plural = _("troubles of numbers")

    def __str__(self) -> str:
        return _("trouble %(n)s") % {"n": self.pk}
