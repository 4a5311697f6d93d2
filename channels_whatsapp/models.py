from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from agents.models import Agent
from channels_whatsapp.servers.models import HTTP_ADDRESS
from conversations.types import BurstSettings, MediaRules, MessageKind
from conversations.types_sending import NumberRules
from tenants import crypto

PAIRING_TIME = timedelta(minutes=10)
"""How long a device waits for its phone after a person has asked for a code. The bridge's codes end
after less than three minutes and are asked for again while somebody looks at the page."""


FILE_KINDS = (
    (MessageKind.IMAGE.value, _("images")),
    (MessageKind.AUDIO.value, _("voice notes and sounds")),
    (MessageKind.VIDEO.value, _("videos")),
    (MessageKind.DOCUMENT.value, _("documents")),
    (MessageKind.STICKER.value, _("stickers")),
)


class QuoteChoices(models.TextChoices):
    """See `conversations.types_sending.Quotes`."""

    NEVER = "never", _("never")
    UNCLEAR = "unclear", _("where it would not be clear what is answered")
    ALWAYS = "always", _("always")


class ReadChoices(models.TextChoices):
    """See `conversations.types_sending.Reads`."""

    NEVER = "never", _("never shown by the assistant")
    ANSWER = "answer", _("shown when the answer is sent")


MOST_FILE_MB = 20
"""The largest file that may be allowed, in MB: the bridge hands one over as base64, a third larger,
and of no answer more than `integrations.http.MAX_BYTES` (32 MB) is read."""


class Device(models.Model):
    """One paired WhatsApp number, on one bridge."""

    class Groups(models.TextChoices):
        IGNORE = "ignore", _("are ignored")
        MENTION = "mention", _("are answered where the number is mentioned or quoted")

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
        REPLACED = "replaced", _("taken over elsewhere")
        STALLED = "stalled", _("connected, but nothing gets through")
        UNREACHABLE = "unreachable", _("bridge unreachable")

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
    # What of that which arrives is kept and answered; see `services.reception`.
    groups = models.CharField(
        _("messages in groups"), max_length=8, choices=Groups.choices, default=Groups.IGNORE
    )
    unkept_files = models.JSONField(_("files that are not kept"), default=list, blank=True)
    file_max_mb = models.PositiveSmallIntegerField(
        _("largest file (MB)"),
        default=16,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_FILE_MB)],
    )
    sound_max_s = models.PositiveSmallIntegerField(
        _("longest recording that is transcribed (s)"),
        default=300,
        validators=[MinValueValidator(1), MaxValueValidator(3600)],
    )
    file_wait_s = models.PositiveSmallIntegerField(
        _("longest wait for a transcription (s)"),
        default=25,
        validators=[MaxValueValidator(120)],
        help_text=_("The answer waits so long for the words of a voice note or an image."),
    )
    own_lid = models.CharField(max_length=32, blank=True, editable=False)
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
    # What the watch over the link remembers; see `services/watching.py`.
    state_until = models.DateTimeField(_("until"), null=True, blank=True)  # the end of a ban
    checked_at = models.DateTimeField(_("last asked at"), null=True, blank=True)
    online_at = models.DateTimeField(_("last seen connected"), null=True, blank=True)
    offline_since = models.DateTimeField(_("offline since"), null=True, blank=True)
    is_told = models.BooleanField(
        default=False, db_default=False
    )  # the owners know of this time offline
    n_tries = models.PositiveIntegerField(_("tries to connect"), default=0, db_default=0)
    tried_at = models.DateTimeField(null=True, blank=True)
    # A pairing under way, started by a person; see `services/pairing.py`.
    pairing_at = models.DateTimeField(null=True, blank=True)
    pairing_phone = models.CharField(max_length=32, blank=True, default="", db_default="")
    pairing_code = models.CharField(max_length=20, blank=True, default="", db_default="")
    pairing_problem = models.CharField(max_length=200, blank=True, default="", db_default="")
    qr_code = models.TextField(blank=True, default="", db_default="")
    qr_code_at = models.DateTimeField(null=True, blank=True)
    n_qr_codes = models.PositiveSmallIntegerField(default=0, db_default=0)
    paired_at = models.DateTimeField(_("paired at"), null=True, blank=True)
    number_since = models.DateTimeField(_("number here since"), null=True, blank=True)
    # The test after each pairing; see `services/selftest.py`.
    is_test_due = models.BooleanField(default=False, db_default=False)
    selftest_ref = models.CharField(max_length=100, blank=True, default="", db_default="")
    selftest_sent_at = models.DateTimeField(null=True, blank=True)
    selftest_acked_at = models.DateTimeField(null=True, blank=True)
    selftest_received_at = models.DateTimeField(null=True, blank=True)
    selftest_problem = models.CharField(max_length=200, blank=True, default="", db_default="")
    # How far the bridge's own history has been compared; see `services/catching_up.py`.
    caught_up_at = models.DateTimeField(_("compared at"), null=True, blank=True)
    caught_up_chat = models.CharField(max_length=200, blank=True, default="", db_default="")
    n_caught_up = models.PositiveIntegerField(_("messages recovered"), default=0, db_default=0)
    removing_at = models.DateTimeField(null=True, blank=True)
    # How it sends; see `services.sending` and `conversations.services.veto`.
    gap_s = models.FloatField(
        _("pause between two messages (s)"),
        default=0.0,
        db_default=0.0,
        validators=[MinValueValidator(0), MaxValueValidator(60)],
        help_text=_("At least so long, and up to two thirds more at random. 0: no pause."),
    )
    day_cap = models.PositiveIntegerField(
        _("most messages a day"),
        default=0,
        db_default=0,
        help_text=_("Answers too; what is beyond it goes to people. 0: no limit."),
    )
    unasked_cap = models.PositiveIntegerField(
        _("most planned messages a day"),
        default=50,
        db_default=50,
        validators=[MaxValueValidator(2_000)],
        help_text=_("Messages to contacts who have not just written. 0: none."),
    )
    warms_up = models.BooleanField(
        _("begin slowly with a new number"),
        default=True,
        db_default=True,
        help_text=_(
            "At most 20 planned messages a day at first, 50 from the 5th day on, 100 from the"
            " 9th, 200 from the 16th; without this limit after a month."
        ),
    )
    bubble_chars = models.PositiveSmallIntegerField(
        _("divide answers longer than (characters)"),
        default=600,
        db_default=600,
        validators=[MaxValueValidator(4_000)],
        help_text=_("Into up to four messages, with typing in between. 0: never."),
    )
    quotes = models.CharField(
        _("quote the question"),
        max_length=8,
        choices=QuoteChoices.choices,
        default=QuoteChoices.UNCLEAR,
        db_default=QuoteChoices.UNCLEAR.value,
    )
    reads = models.CharField(
        _("blue ticks"),
        max_length=8,
        choices=ReadChoices.choices,
        default=ReadChoices.NEVER,
        db_default=ReadChoices.NEVER.value,
    )
    # How WhatsApp seems to see it; see `services.health`.
    health = models.PositiveSmallIntegerField(_("health"), default=100, db_default=100)
    health_causes = models.JSONField(default=list, db_default=[], blank=True)
    health_at = models.DateTimeField(null=True, blank=True)

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
    def kept_files(self) -> list[str]:
        """The kinds of files that are kept, in their order."""
        return [kind for kind, _label in FILE_KINDS if kind not in self.unkept_files]

    @property
    def rules(self) -> MediaRules:
        """What is kept of the files that contacts send here."""
        return MediaRules(
            kinds=frozenset(self.kept_files),
            max_bytes=self.file_max_mb * 1024 * 1024,
            max_s=self.sound_max_s,
            wait_s=self.file_wait_s,
        )

    @property
    def number_rules(self) -> NumberRules:
        """How this device sends."""
        is_cut_off = self.state in (Device.State.LOGGED_OUT, Device.State.BANNED)
        return NumberRules(
            gap_s=self.gap_s,
            day_cap=self.day_cap,
            unasked_cap=self.unasked_cap,
            warms_up=self.warms_up,
            since=self.number_since or self.created_at,
            bubble_chars=self.bubble_chars,
            quotes=self.quotes,
            reads=self.reads,
            health=self.health,
            is_cut_off=is_cut_off,
            cut_off_until=self.state_until if is_cut_off else None,
        )

    @property
    def token_context(self) -> str:
        """The place of the bridge token, for encryption."""
        return f"device:{self.uuid}:token"

    def is_pairing(self, now: datetime) -> bool:
        """Test whether a person is pairing this device now."""
        return self.pairing_at is not None and now - self.pairing_at < PAIRING_TIME

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


class Reception(Device):
    """A device, as far as it says what of that which arrives is kept and answered."""

    class Meta:
        proxy = True
        verbose_name = _("reception")
        verbose_name_plural = _("what is received")


class Sending(Device):
    """A device, as far as it says how it sends."""

    class Meta:
        proxy = True
        verbose_name = _("sending")
        verbose_name_plural = _("how it is sent")


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
    # Of a message that could not be decrypted: see `services/asking_again.py`.
    asked_at = models.DateTimeField(_("asked for again at"), null=True, blank=True)
    asked_outcome = models.CharField(max_length=8, blank=True, default="", db_default="")

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
            # Read for each new message: what was changed of it before it came.
            models.Index(
                fields=["device", "received_at"],
                name="bridge_event_of_no_message",
                condition=Q(reason="unknown_message"),
            ),
        ]

    def __str__(self) -> str:
        return _("event %(n)s (%(type)s)") % {"n": self.pk, "type": self.type}
