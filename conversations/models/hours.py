"""When people are there: the week, holidays, other days, and who was told that they are away."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from conversations.models.contacts import Contact


class HoursSettings(models.Model):
    """The week and what goes with it; one row, made when hours are first set.

    Spans are texts such as ``"08:00-12:00"``; one that ends before it starts ends on the next day.
    """

    # Monday to Sunday, each a list of spans.
    week = models.JSONField(_("week"), default=list)
    region = models.CharField(_("holidays of"), max_length=5, blank=True)
    away_text = models.TextField(_("away text"), blank=True, max_length=1000)
    note = models.CharField(_("told with the hours"), max_length=300, blank=True)
    # Changes with every change of any of these rows: processes remember the rules under it. Not a
    # number, which would come again after a rollback or a restored backup.
    revision = models.UUIDField(default=uuid.uuid4, editable=False)

    class Meta:
        verbose_name = _("opening hours")
        verbose_name_plural = _("opening hours")
        constraints = [
            models.CheckConstraint(name="one_row_of_hours", condition=Q(pk=1)),
        ]

    def __str__(self) -> str:
        return str(_("opening hours"))


class HolidayHours(models.Model):
    """What differs from the usual on a holiday: closed, some hours, or a day like any other."""

    name = models.CharField(_("holiday"), max_length=150, unique=True)
    is_usual = models.BooleanField(_("a day like any other"), default=False)
    spans = models.JSONField(_("hours"), default=list, blank=True)

    class Meta:
        verbose_name = _("hours of a holiday")
        verbose_name_plural = _("hours of holidays")

    def __str__(self) -> str:
        return self.name


class SpecialDays(models.Model):
    """Days that are unlike the others: a closure, or an opening of its own where it has spans."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    every_year = models.BooleanField(_("every year"), default=False)
    spans = models.JSONField(_("hours"), default=list, blank=True)
    reason = models.CharField(_("reason"), max_length=100)
    text = models.TextField(_("own away text"), blank=True, max_length=1000)

    class Meta:
        verbose_name = _("special days")
        verbose_name_plural = _("special days")
        constraints = [
            models.CheckConstraint(
                name="special_days_in_order", condition=Q(last_day__gte=F("first_day"))
            ),
            models.UniqueConstraint(
                fields=["first_day", "last_day", "reason"], name="special_days_once"
            ),
        ]

    def __str__(self) -> str:
        return self.reason


class AwayNotice(models.Model):
    """A contact was told that people are away, in one closed period."""

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="away_notices")
    # The opening that ends the period, as `HoursState.period` names it.
    period = models.CharField(max_length=40)
    told_at = models.DateTimeField(_("told at"))

    class Meta:
        verbose_name = _("away notice")
        verbose_name_plural = _("away notices")
        constraints = [
            # Two workers can answer two conversations of one contact; the database picks who tells.
            models.UniqueConstraint(fields=["contact", "period"], name="told_once_in_a_period"),
        ]

    def __str__(self) -> str:
        return str(_("away notice %(n)s") % {"n": self.pk})
