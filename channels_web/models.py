from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from agents.models import Agent
from conversations.types import BurstSettings
from conversations.types_sending import NumberRules, Quotes, Reads

FRESHNESS_S = 900.0
"""How old a message may be that is answered, in seconds. Its age is the time that it waited with
us, so that after a long outage nobody is answered who has left the page."""


class WebChat(models.Model):
    """A chat on the pages of one or several sites of the business."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(
        _("name"),
        max_length=60,
        unique=True,
        help_text=_("Only you see it, such as the name of the site."),
    )
    # Exact origins as browsers write them, see `types.origin_of`.
    allowed_origins = models.JSONField(_("sites"), default=list, blank=True)
    entry_agent = models.ForeignKey(
        Agent,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("entry agent"),
        help_text=_("The agent that answers a new conversation."),
    )
    title = models.CharField(
        _("title"), max_length=60, help_text=_("Stands at the top of the chat.")
    )
    greeting = models.CharField(
        _("greeting"),
        max_length=300,
        blank=True,
        help_text=_("What a visitor reads before writing anything. No message is sent by it."),
    )
    colour = models.CharField(
        _("colour"),
        max_length=7,
        default="#0f766e",
        validators=[
            RegexValidator(r"^#[0-9a-fA-F]{6}\Z", _("A colour is written like #0f766e.")),
        ],
    )
    language = models.CharField(
        _("language"), max_length=10, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE
    )
    quiet_s = models.FloatField(
        _("quiet window (s)"),
        default=4.0,
        validators=[MinValueValidator(0), MaxValueValidator(60)],
        help_text=_("How long the contact must be silent before the answer is written."),
    )
    max_wait_s = models.FloatField(
        _("longest wait (s)"),
        default=30.0,
        validators=[MinValueValidator(0), MaxValueValidator(600)],
    )
    max_messages = models.PositiveIntegerField(
        _("most messages"), default=20, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    is_active = models.BooleanField(_("switched on"), default=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("web chat")
        verbose_name_plural = _("web chats")
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_s__gte=0, max_messages__gte=1, max_wait_s__gte=F("quiet_s")),
                name="web_chat_waits_are_sound",
                violation_error_message=_("The longest wait is at least the quiet window."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def burst(self) -> BurstSettings:
        """How this chat gathers a burst."""
        return BurstSettings(
            quiet_s=self.quiet_s,
            max_wait_s=self.max_wait_s,
            max_messages=self.max_messages,
            freshness_s=FRESHNESS_S,
        )

    @property
    def number_rules(self) -> NumberRules:
        """How this chat sends: there is no number here that could be banned."""
        return NumberRules(
            warms_up=False, since=self.created_at, quotes=Quotes.NEVER, reads=Reads.NEVER
        )
