from __future__ import annotations

import uuid

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from agents.models import Agent
from conversations.types import BurstSettings
from tenants import crypto

# Django's own URL validator refuses the bare host names of a container network.
HTTP_ADDRESS = RegexValidator(
    r"^https?://[^\s/?#@]+(/[^\s?#]*)?\Z", _("Use an address such as http://bridge:8080.")
)


class Device(models.Model):
    """One paired WhatsApp number, on one bridge."""

    class State(models.TextChoices):
        UNKNOWN = "unknown", _("unknown")
        ABSENT = "absent", _("not started")
        QR = "qr", _("waiting for the QR code")
        PAIRED = "paired", _("pairing")
        CONNECTED = "connected", _("connected")
        DISCONNECTED = "disconnected", _("reconnecting")
        LOGGED_OUT = "logged_out", _("logged out on the phone")
        BANNED = "banned", _("temporarily banned")
        OUTDATED = "outdated", _("bridge outdated")
        FAILED = "failed", _("connection failed")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=60, unique=True)
    entry_agent = models.ForeignKey(
        Agent,
        models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=_("entry agent"),
        help_text=_("The agent that answers a new conversation."),
    )
    quiet_s = models.FloatField(
        _("quiet window (s)"),
        default=5.0,
        validators=[MinValueValidator(0)],
        help_text=_("How long the contact must be silent before the answer is written."),
    )
    max_wait_s = models.FloatField(
        _("longest wait (s)"), default=60.0, validators=[MinValueValidator(0)]
    )
    max_messages = models.PositiveIntegerField(
        _("most messages"), default=20, validators=[MinValueValidator(1)]
    )
    freshness_s = models.FloatField(
        _("freshness (s)"),
        default=900.0,
        validators=[MinValueValidator(1)],
        help_text=_("Older messages are stored and not answered."),
    )
    bridge_base_url = models.CharField(
        _("bridge address"), max_length=300, validators=[HTTP_ADDRESS]
    )
    bridge_token_encrypted = models.TextField(blank=True, editable=False)
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    state = models.CharField(_("link"), max_length=12, choices=State.choices, default=State.UNKNOWN)
    state_detail = models.CharField(_("detail"), max_length=200, blank=True)
    state_changed_at = models.DateTimeField(_("since"), null=True, blank=True)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_s__gte=0, max_messages__gte=1, max_wait_s__gte=F("quiet_s")),
                name="device_waits_are_sound",
                violation_error_message=_("The longest wait is at least the quiet window."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def burst(self) -> BurstSettings:
        """How this device gathers a burst."""
        return BurstSettings(
            quiet_s=self.quiet_s,
            max_wait_s=self.max_wait_s,
            max_messages=self.max_messages,
            freshness_s=self.freshness_s,
        )

    @property
    def token_context(self) -> str:
        """The place of the bridge token, for encryption."""
        return f"device:{self.uuid}:token"

    def set_bridge_token(self, plain: str) -> None:
        """Keep the bridge's token encrypted; the row is not saved."""
        self.bridge_token_encrypted = crypto.encrypt(plain, context=self.token_context)

    def bridge_token(self) -> str:
        """Return the bridge's token in clear; empty where none is set.

        Raises:
            CannotDecrypt: no key reads it.
        """
        if not self.bridge_token_encrypted:
            return ""
        return crypto.decrypt(self.bridge_token_encrypted, context=self.token_context)


class BridgeEvent(models.Model):
    """One webhook of the bridge as it came, and why the assistant answered it or stayed silent."""

    class Outcome(models.TextChoices):
        STORED = "stored", _("stored")
        APPLIED = "applied", _("applied")
        SILENT = "silent", _("stored, not answered")
        DUPLICATE = "duplicate", _("duplicate")
        IGNORED = "ignored", _("ignored")

    device = models.ForeignKey(
        Device, models.CASCADE, related_name="events", verbose_name=_("device")
    )
    type = models.CharField(_("type"), max_length=40)
    dedup_key = models.CharField(max_length=200)
    outcome = models.CharField(_("outcome"), max_length=9, choices=Outcome.choices)
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    n_repeats = models.PositiveIntegerField(_("repeats"), default=0)
    body = models.BinaryField(default=b"")  # cleared when its retention ends
    received_at = models.DateTimeField(_("received at"))

    class Meta:
        verbose_name = _("bridge event")
        verbose_name_plural = _("bridge events")
        constraints = [
            # What the inbox forgot after its quarter of an hour is still known here.
            models.UniqueConstraint(fields=["device", "dedup_key"], name="bridge_event_once"),
        ]
        indexes = [
            # Read by the events page, the newest first, and by the retention sweep.
            models.Index(fields=["-received_at"], name="bridge_event_newest"),
        ]

    def __str__(self) -> str:
        return _("event %(n)s (%(type)s)") % {"n": self.pk, "type": self.type}
