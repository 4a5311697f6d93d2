"""Who is not asked for a while because asking has failed again and again."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class Breaker(models.Model):
    """The state of one provider, key and model, shared by all workers.

    Closed: asked as usual. Open: not asked until `retry_at`; then one worker at a time may probe
    (half open), and the first success closes it.
    """

    class State(models.TextChoices):
        CLOSED = "closed", _("works")
        OPEN = "open", _("paused")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    provider = models.CharField(_("provider"), max_length=20)
    credential = models.CharField(_("credential"), max_length=36, blank=True)  # its uuid
    model = models.CharField(_("model"), max_length=120, blank=True)
    state = models.CharField(_("state"), max_length=6, choices=State.choices, default=State.CLOSED)
    n_failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    n_openings = models.PositiveIntegerField(_("times paused in a row"), default=0)
    reason = models.CharField(_("last failure"), max_length=200, blank=True)
    opened_at = models.DateTimeField(_("paused since"), null=True, blank=True)
    retry_at = models.DateTimeField(_("tried again at"), null=True, blank=True)
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("pause after failures")
        verbose_name_plural = _("pauses after failures")
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "credential", "model"], name="breaker_once_per_target"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"
