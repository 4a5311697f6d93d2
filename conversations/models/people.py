"""People who answer: their queues, what they note, what they approve, and how they are told."""

from __future__ import annotations

import re
import uuid
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from agents.models import MAX_WAIT_MIN, Agent
from conversations.models.conversations import Conversation
from conversations.models.messages import OutboundMessage
from conversations.models.turns import Turn

MAX_STAFF_PHONES = 10
"""Numbers that one queue tells: each notice is a message of the paired number, and WhatsApp
looks at numbers that send much."""

MAX_ESCALATIONS = 5
"""How often a conversation is passed on for want of an answer: more queues are no more likely to
answer, and the owner should hear of it."""

_PHONE = re.compile(r"[1-9]\d{7,14}")


class PeopleQueue(models.Model):
    """How the people behind an agent of kind `human` work. It holds at once, without publishing."""

    agent = models.OneToOneField(
        Agent,
        models.CASCADE,
        related_name="people_queue",
        verbose_name=_("agent"),
        limit_choices_to={"kind": "human"},
    )
    members: models.ManyToManyField[Any, models.Model] = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("people"),
        blank=True,
        related_name="people_queues",
        help_text=_("Who may take a conversation of this queue. Nobody chosen: everybody may."),
    )
    groups: models.ManyToManyField[Any, models.Model] = models.ManyToManyField(
        "auth.Group",
        verbose_name=_("roles"),
        blank=True,
        related_name="people_queues",
        help_text=_("Everybody of these roles may, too."),
    )
    text_open = models.TextField(
        _("text within hours"),
        max_length=1000,
        blank=True,
        help_text=_("What the contact is told when the conversation comes here. Empty: our text."),
    )
    text_closed = models.TextField(
        _("text outside hours"), max_length=1000, blank=True, help_text=_("Empty: the same.")
    )
    answer_within_min = models.PositiveIntegerField(
        _("answer within (minutes)"),
        default=15,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_WAIT_MIN)],
        help_text=_("Outside hours the time starts to count when you open."),
    )
    escalate_to = models.ForeignKey(
        Agent,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("then pass to"),
        limit_choices_to={"kind": "human"},
        help_text=_("Another queue that gets what nobody here has answered in time."),
    )
    tells_owners = models.BooleanField(
        _("tell the owners"),
        default=True,
        help_text=_("When nobody answers in time and there is no other queue."),
    )
    staff_phones = models.JSONField(_("WhatsApp numbers that are told"), default=list, blank=True)
    promise_text = models.TextField(
        _("text when nobody came in time"),
        max_length=1000,
        blank=True,
        help_text=_("Sent to the contact once. Empty: our text."),
    )

    class Meta:
        verbose_name = _("queue")
        verbose_name_plural = _("queues")
        constraints = [
            models.CheckConstraint(
                name="queue_answer_in_range",
                condition=Q(answer_within_min__range=(1, MAX_WAIT_MIN)),
            ),
        ]

    def __str__(self) -> str:
        return self.agent.name

    def clean(self) -> None:
        """Refuse numbers of the wrong form, and queues that pass to themselves.

        Raises:
            ValidationError: by field.
        """
        super().clean()
        problems = {}
        try:
            validate_phones(self.staff_phones)
        except ValidationError as error:
            problems["staff_phones"] = error
        if self.escalate_to_id is not None and self.escalate_to_id == self.agent_id:
            problems["escalate_to"] = ValidationError(_("A queue cannot pass to itself."))
        if problems:
            raise ValidationError(problems)


def validate_phones(value: object) -> None:
    """Refuse what is not a list of phone numbers in digits, with the country's code.

    Raises:
        ValidationError: says which entry is wrong.
    """
    if not isinstance(value, list) or len(value) > MAX_STAFF_PHONES:
        raise ValidationError(
            _("A list of at most %(n)s numbers is needed."), params={"n": MAX_STAFF_PHONES}
        )
    for phone in value:
        if not isinstance(phone, str) or not _PHONE.fullmatch(phone):
            raise ValidationError(
                _("“%(phone)s” is no number such as 5511988887777."), params={"phone": phone}
            )


class Note(models.Model):
    """What people tell each other beside a conversation; no contact and no model ever sees it."""

    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="notes", verbose_name=_("conversation")
    )
    author = models.CharField(_("author"), max_length=150)
    text = models.TextField(_("text"))
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")

    def __str__(self) -> str:
        return _("note %(n)s") % {"n": self.pk}


class Draft(models.Model):
    """An answer of an agent that waits for a person's consent."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting for approval")
        APPROVED = "approved", _("approved")
        EDITED = "edited", _("approved with changes")
        REJECTED = "rejected", _("rejected")
        SUPERSEDED = "superseded", _("superseded")
        SENT_LATE = "sent_late", _("sent without approval")
        LEFT = "left", _("left to people")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="drafts", verbose_name=_("conversation")
    )
    turn = models.OneToOneField(Turn, models.CASCADE, related_name="draft", verbose_name=_("turn"))
    text = models.TextField(_("text"))
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.WAITING
    )
    then = models.CharField(_("when nobody approves in time"), max_length=6)
    due_at = models.DateTimeField(_("due at"))
    created_at = models.DateTimeField(_("created at"))
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    message = models.OneToOneField(
        OutboundMessage, models.SET_NULL, null=True, blank=True, related_name="draft"
    )

    class Meta:
        verbose_name = _("draft")
        verbose_name_plural = _("drafts")
        constraints = [
            # Two turns can race to leave one; a person decides on the newest only.
            models.UniqueConstraint(
                fields=["conversation"], name="one_waiting_draft", condition=Q(status="waiting")
            ),
        ]

    def __str__(self) -> str:
        return _("draft %(n)s (%(status)s)") % {"n": self.pk, "status": self.status}


class StaffMessage(models.Model):
    """A WhatsApp message to one of the business's own people; the number is the queue's setting."""

    class Status(models.TextChoices):
        CREATED = "created", _("waiting")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")

    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="+", verbose_name=_("conversation")
    )
    channel_kind = models.CharField(_("channel"), max_length=20)
    channel_account_ref = models.UUIDField(_("channel account"))
    # Chosen before the call: a repeat carries the same id, and our own echo is known by it.
    provider_ref = models.CharField(_("channel's id"), max_length=100)
    queue = models.ForeignKey(Agent, models.CASCADE, related_name="+", verbose_name=_("queue"))
    phone = models.CharField(_("phone"), max_length=15)
    text = models.TextField(_("text"))
    status = models.CharField(
        _("status"), max_length=7, choices=Status.choices, default=Status.CREATED
    )
    failure_reason = models.CharField(_("failure"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created at"))
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)

    class Meta:
        verbose_name = _("message to staff")
        verbose_name_plural = _("messages to staff")
        constraints = [
            models.UniqueConstraint(
                fields=["channel_account_ref", "provider_ref"], name="staff_message_once"
            ),
        ]

    def __str__(self) -> str:
        return _("message to staff %(n)s") % {"n": self.pk}
