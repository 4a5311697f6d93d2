"""What happened, who is told of it, and how each telling went."""

from __future__ import annotations

import json
import uuid
from datetime import datetime

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenants import crypto
from tenants.context import current_schema


class WebhookEndpoint(models.Model):
    """An address of a customer's system that is told of events."""

    class Disabled(models.TextChoices):
        BY_HAND = "by_hand", _("switched off")
        GONE = "gone", _("it answered that it is gone (410)")
        FAILING = "failing", _("it failed for five days")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=80, unique=True)
    url = models.CharField(
        _("address"),
        max_length=500,
        # The host is judged when it is connected to and not here.
        validators=[
            RegexValidator(
                r"\Ahttps?://[^\s@\\]+\Z", _("An address such as https://crm.example/hooks")
            )
        ],
        help_text=_("Where events are posted to, such as https://crm.example/hooks"),
    )
    events = models.JSONField(_("events"), default=list)
    secret_encrypted = models.TextField(editable=False)
    # Both secrets sign until the old one ends, so that a receiver changes it without a loss.
    previous_secret_encrypted = models.TextField(blank=True, editable=False)
    previous_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    headers_encrypted = models.TextField(blank=True, editable=False)
    # The body in the words of the receiving system, see `integrations.mapping`; none: the event.
    template = models.JSONField(null=True, blank=True, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    disabled_reason = models.CharField(
        _("why it is off"), max_length=8, choices=Disabled.choices, blank=True, editable=False
    )
    # The first failure since the last success: five days after it the endpoint is switched off.
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True, editable=False)
    # Until then its system has asked to be left alone.
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    last_success_at = models.DateTimeField(_("last success"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")

    def __str__(self) -> str:
        return self.name

    def _place(self, what: str) -> str:
        return f"{current_schema()}:webhook:{self.uuid}:{what}"

    def set_secret(self, plain: str) -> None:
        """Keep the signing secret encrypted for this row; the caller saves."""
        self.secret_encrypted = crypto.encrypt(plain, context=self._place("secret"))

    def secret(self) -> str:
        """Return the signing secret.

        Raises:
            CannotDecrypt: no key reads it, or it was copied from another row or tenant.
        """
        return crypto.decrypt(self.secret_encrypted, context=self._place("secret"))

    def secrets(self, *, now: datetime) -> list[str]:
        """Return the secrets that sign now, the newest first."""
        found = [self.secret()]
        until = self.previous_secret_until
        if self.previous_secret_encrypted and until is not None and now < until:
            place = self._place("secret")
            found.append(crypto.decrypt(self.previous_secret_encrypted, context=place))
        return found

    def set_headers(self, headers: dict[str, str]) -> None:
        """Keep headers, which may hold a key, encrypted for this row; the caller saves."""
        plain = json.dumps(headers)
        place = self._place("headers")
        self.headers_encrypted = crypto.encrypt(plain, context=place) if headers else ""

    def headers(self) -> dict[str, str]:
        """Return the headers of the customer's own."""
        if not self.headers_encrypted:
            return {}
        plain = crypto.decrypt(self.headers_encrypted, context=self._place("headers"))
        return {str(name): str(value) for name, value in json.loads(plain).items()}


class EventLine(models.Model):
    """How many events of a conversation were told; its row keeps their order."""

    conversation_uuid = models.UUIDField(primary_key=True)
    last_sequence = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"{self.conversation_uuid}: {self.last_sequence}"


class Event(models.Model):
    """Something that somebody outside wanted to know; its body is what is sent, byte by byte."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    type = models.CharField(_("event"), max_length=40)
    conversation_uuid = models.UUIDField(null=True)
    sequence = models.PositiveBigIntegerField(_("sequence"), null=True)
    body = models.TextField(_("body"))
    occurred_at = models.DateTimeField(_("happened at"))

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            # Two workers can tell of one conversation at once; each event has a place of its own.
            models.UniqueConstraint(
                fields=["conversation_uuid", "sequence"],
                name="event_sequence_once",
                condition=~Q(conversation_uuid=None),
            ),
        ]
        indexes = [
            # Read by replay and by the sweep that forgets old events.
            models.Index(fields=["occurred_at"], name="event_when"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"


class Delivery(models.Model):
    """One event for one endpoint, from the first try to the last."""

    class Status(models.TextChoices):
        PENDING = "pending", _("waiting")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("given up")

    event = models.ForeignKey(
        Event, models.CASCADE, related_name="deliveries", verbose_name=_("event")
    )
    endpoint = models.ForeignKey(
        WebhookEndpoint, models.CASCADE, related_name="deliveries", verbose_name=_("endpoint")
    )
    # The conversation, or the event itself: what stands in one line leaves in order.
    line = models.UUIDField()
    status = models.CharField(
        _("status"), max_length=9, choices=Status.choices, default=Status.PENDING
    )
    n_attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True)
    created_at = models.DateTimeField(_("created at"))
    delivered_at = models.DateTimeField(_("delivered at"), null=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="delivery_once"),
        ]
        indexes = [
            # Read by the worker of an endpoint: what is due, and what stands before it.
            models.Index(
                fields=["endpoint", "next_attempt_at", "id"],
                name="delivery_due",
                condition=Q(status="pending"),
            ),
            models.Index(
                fields=["endpoint", "line", "id"],
                name="delivery_line",
                condition=Q(status="pending"),
            ),
            # Read by the pages of an endpoint.
            models.Index(fields=["endpoint", "-created_at"], name="delivery_newest"),
        ]

    def __str__(self) -> str:
        return _("delivery %(n)s") % {"n": self.pk}


class DeliveryAttempt(models.Model):
    """One call of an endpoint, and what it answered."""

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="attempts")
    attempted_at = models.DateTimeField(_("at"))
    status_code = models.PositiveSmallIntegerField(_("answer"), null=True)
    error = models.CharField(_("error"), max_length=200, blank=True)
    duration_ms = models.PositiveIntegerField(_("duration in ms"))
    reply = models.TextField(_("beginning of the answer"), blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        indexes = [
            # Read by the plot of deliveries over time, which needs nothing else of a row.
            models.Index(
                fields=["attempted_at"],
                include=["status_code", "duration_ms"],
                name="delivery_attempt_when",
            ),
        ]

    def __str__(self) -> str:
        return str(self.status_code or self.error)
