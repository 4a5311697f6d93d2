"""Pages of web sources: what a server said about each, so that the same page is no work."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from knowledge.models.documents import Document, WebSource


class WebPage(models.Model):
    """One address of a web source and how the last reading of it went."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        READ = "read", _("read")
        SKIPPED = "skipped", _("left out")  # the site or a person does not want it read
        FAILED = "failed", _("failed")
        GONE = "gone", _("gone")

    source = models.ForeignKey(WebSource, models.CASCADE, related_name="pages")
    url = models.URLField(_("address"), max_length=1000)
    document = models.ForeignKey(
        Document, models.SET_NULL, null=True, related_name="web_pages", verbose_name=_("document")
    )
    status = models.CharField(
        _("status"), max_length=8, choices=Status.choices, default=Status.WAITING
    )
    reason = models.TextField(_("reason"), blank=True)
    # As the server gave them; sent back, they tell it that the same page need not be sent again.
    etag = models.CharField(max_length=300, blank=True)
    last_modified = models.CharField(max_length=100, blank=True)
    checked_at = models.DateTimeField(_("read at"), null=True)
    # When we, and not a person, put its document into the bin.
    gone_at = models.DateTimeField(null=True)
    # A person threw its document away, so it is not read again; also once the bin was emptied.
    is_unwanted = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("page of a web source")
        verbose_name_plural = _("pages of web sources")
        constraints = [
            models.UniqueConstraint(fields=["source", "url"], name="web_page_once_per_source"),
            models.CheckConstraint(
                condition=~Q(status="gone") | Q(gone_at__isnull=False),
                name="web_page_gone_has_instant",
            ),
        ]

    def __str__(self) -> str:
        return self.url
