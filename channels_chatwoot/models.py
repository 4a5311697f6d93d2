from __future__ import annotations

import hashlib
import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from agents.models import Agent
from channels_chatwoot.types import Hands
from conversations.models import Conversation
from conversations.types import BurstSettings, MediaRules, MessageKind
from conversations.types_sending import NumberRules
from tenants import crypto

KEPT_FILES = frozenset(
    {
        MessageKind.IMAGE.value,
        MessageKind.AUDIO.value,
        MessageKind.VIDEO.value,
        MessageKind.DOCUMENT.value,
    }
)

MAX_FILE_BYTES = 16 * 1024 * 1024
"""Largest file of a contact that is kept; WhatsApp's own limit for most of them."""


class Inbox(models.Model):
    """One inbox of a Chatwoot account, in which the assistant is the agent bot."""

    class State(models.TextChoices):
        UNKNOWN = "unknown", _("not tested yet")
        READY = "ready", _("ready")
        BLIND = "blind", _("answers, but cannot read back")
        REFUSED = "refused", _("token refused")
        READER_REFUSED = "reader_refused", _("agent's token refused")
        NO_INBOX = "no_inbox", _("inbox not found")
        UNREACHABLE = "unreachable", _("not reached")
        FORBIDDEN = "forbidden", _("not allowed")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=60, unique=True)
    base_url = models.CharField(
        _("address of Chatwoot"),
        max_length=300,
        help_text=_("Such as https://app.chatwoot.com, without anything behind it."),
    )
    account_id = models.PositiveBigIntegerField(
        _("account number"),
        validators=[MinValueValidator(1)],
        help_text=_("In Chatwoot's address bar: the number after /accounts/."),
    )
    inbox_id = models.PositiveBigIntegerField(
        _("inbox number"),
        validators=[MinValueValidator(1)],
        help_text=_("In Chatwoot, Settings, Inboxes: the number at the end of the address."),
    )
    entry_agent = models.ForeignKey(
        Agent,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("entry agent"),
        help_text=_("The agent that answers a new conversation."),
    )
    quiet_s = models.FloatField(
        _("quiet window (s)"),
        default=5.0,
        validators=[MinValueValidator(0), MaxValueValidator(60)],
        help_text=_("How long the contact must be silent before the answer is written."),
    )
    max_wait_s = models.FloatField(
        _("longest wait (s)"),
        default=60.0,
        validators=[MinValueValidator(0), MaxValueValidator(600)],
    )
    max_messages = models.PositiveIntegerField(
        _("most messages"), default=20, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    freshness_s = models.FloatField(
        _("freshness (s)"),
        default=900.0,
        validators=[MinValueValidator(1), MaxValueValidator(7 * 86_400)],
        help_text=_("Older messages are stored and not answered."),
    )
    # The agent bot's token writes; that of a person there, where one was given, only reads.
    token_encrypted = models.TextField(editable=False)
    reader_token_encrypted = models.TextField(blank=True, default="", editable=False)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    # What the watch found; see `services/watching.py`.
    state = models.CharField(_("state"), max_length=14, choices=State.choices, default="unknown")
    state_detail = models.CharField(_("detail"), max_length=200, blank=True, default="")
    checked_at = models.DateTimeField(_("last tested at"), null=True, blank=True)
    last_event_at = models.DateTimeField(_("last event at"), null=True, blank=True)
    n_recovered = models.PositiveIntegerField(_("messages recovered"), default=0)
    # An event has shown our own id, so this server keeps it: what lacks it was not written by us.
    is_echoing = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = _("Chatwoot inbox")
        verbose_name_plural = _("Chatwoot inboxes")
        constraints = [
            # Two rows for one inbox would answer everybody twice.
            models.UniqueConstraint(
                fields=["base_url", "account_id", "inbox_id"],
                name="chatwoot_inbox_once",
                violation_error_message=_("This inbox of Chatwoot is here already."),
            ),
            models.CheckConstraint(
                condition=Q(quiet_s__gte=0, max_messages__gte=1, max_wait_s__gte=F("quiet_s")),
                name="chatwoot_waits_are_sound",
                violation_error_message=_("The longest wait is at least the quiet window."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def system(self) -> str:
        """The account of Chatwoot as it stands in the ids of its contacts: several inboxes of one
        account know the same contacts.
        """
        named = f"{self.base_url}/{self.account_id}".encode()
        return "cw" + hashlib.blake2s(named, digest_size=5).hexdigest()

    @property
    def burst(self) -> BurstSettings:
        """How this inbox gathers a burst."""
        return BurstSettings(
            quiet_s=self.quiet_s,
            max_wait_s=self.max_wait_s,
            max_messages=self.max_messages,
            freshness_s=self.freshness_s,
        )

    @property
    def rules(self) -> MediaRules:
        """What is kept of the files that contacts send here."""
        return MediaRules(kinds=KEPT_FILES, max_bytes=MAX_FILE_BYTES, max_s=300, wait_s=25)

    @property
    def number_rules(self) -> NumberRules:
        """How this inbox sends: what guards a number of WhatsApp is Chatwoot's part here."""
        return NumberRules(warms_up=False, since=self.created_at)

    def set_token(self, plain: str) -> None:
        """Keep the agent bot's token encrypted; the row is not saved."""
        self.token_encrypted = crypto.encrypt(plain, context=f"chatwoot:{self.uuid}:token")

    def token(self) -> str:
        """Return the agent bot's token in clear.

        Raises:
            CannotDecrypt: no key reads it.
        """
        return crypto.decrypt(self.token_encrypted, context=f"chatwoot:{self.uuid}:token")

    def set_reader_token(self, plain: str) -> None:
        """Keep the reading person's token encrypted, or none; the row is not saved."""
        context = f"chatwoot:{self.uuid}:reader"
        self.reader_token_encrypted = crypto.encrypt(plain, context=context) if plain else ""

    def reader_token(self) -> str:
        """Return the reading person's token in clear; empty where none was given.

        Raises:
            CannotDecrypt: no key reads it.
        """
        if not self.reader_token_encrypted:
            return ""
        return crypto.decrypt(self.reader_token_encrypted, context=f"chatwoot:{self.uuid}:reader")


class Thread(models.Model):
    """A conversation there and ours, and in whose hands both sides last agreed that it is.

    Whoever differs from that has moved it, and the other side follows; see
    `services/reconciling.py`.
    """

    AGREED = [(one.value, one.value) for one in Hands]

    inbox = models.ForeignKey(Inbox, models.CASCADE, related_name="threads")
    display_id = models.BigIntegerField()
    conversation = models.OneToOneField(Conversation, models.CASCADE, related_name="+")
    status = models.CharField(max_length=10, blank=True)
    # Of which instant that status tells: an event of an earlier one says nothing new.
    status_at = models.DateTimeField(null=True)
    agreed = models.CharField(max_length=6, choices=AGREED)
    # Raised by each event: an answer of the API that was asked for before one is not believed.
    n_events = models.PositiveIntegerField(default=0)
    last_event_at = models.DateTimeField()
    # The newest message there when all of them were last compared with ours.
    seen_message_id = models.BigIntegerField(default=0)
    # The note with the brief: its id, chosen before the call, and the handing over that it is for.
    note_ref = models.CharField(max_length=40, blank=True, default="")
    note_for = models.DateTimeField(null=True)
    note_tried_at = models.DateTimeField(null=True)
    is_noted = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("conversation in Chatwoot")
        verbose_name_plural = _("conversations in Chatwoot")
        constraints = [
            models.UniqueConstraint(fields=["inbox", "display_id"], name="chatwoot_thread_once"),
        ]

    def __str__(self) -> str:
        return _("conversation %(n)s in Chatwoot") % {"n": self.display_id}
