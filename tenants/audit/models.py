from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditEntry(models.Model):
    """Who changed what and when, in the schema where it was; a trigger keeps it append-only."""

    occurred_at = models.DateTimeField(_("occurred at"), auto_now_add=True)
    actor = models.CharField(_("actor"), max_length=150)
    action = models.CharField(_("action"), max_length=80)
    target = models.CharField(_("target"), max_length=200)
    data = models.JSONField(_("data"), default=dict)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes = [
            # Read by the audit page: the newest first.
            models.Index(fields=["-occurred_at"], name="audit_newest"),
        ]

    def __str__(self) -> str:
        return _("audit entry %(n)s") % {"n": self.pk}
