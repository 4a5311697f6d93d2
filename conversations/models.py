from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from agents.models import Agent


class Contact(models.Model):
    """A person who writes to the tenant; known by phone, by LID, or by both."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=200, blank=True)
    is_blocked = models.BooleanField(_("blocked"), default=False)
    opted_out_at = models.DateTimeField(_("opted out at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")

    def __str__(self) -> str:
        return self.name or _("Contact %(n)s") % {"n": self.pk}


class ContactAddress(models.Model):
    """One name under which a channel knows a contact."""

    class Kind(models.TextChoices):
        PHONE = "phone", _("phone")
        LID = "lid", _("LID")

    contact = models.ForeignKey(
        Contact, models.CASCADE, related_name="addresses", verbose_name=_("contact")
    )
    kind = models.CharField(_("kind"), max_length=5, choices=Kind.choices)
    value = models.CharField(_("address"), max_length=32)

    class Meta:
        verbose_name = _("address")
        verbose_name_plural = _("addresses")
        constraints = [
            # Two deliveries can race to create a contact; the database keeps one.
            models.UniqueConstraint(fields=["kind", "value"], name="one_contact_per_address"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.value}"


class ConversationQuerySet(models.QuerySet["Conversation"]):
    """Questions that are asked of conversations."""

    def waiting_for_a_person(self) -> ConversationQuerySet:
        """Open ones that the assistant has left to people."""
        return self.filter(status=Conversation.Status.OPEN, mode=Conversation.Mode.HUMAN)

    def lock(self, ids: Sequence[int], *, wait: bool) -> ConversationQuerySet:
        """Some by their ids, with their contacts, locked until the open transaction ends.

        Args:
            wait: for those that are locked elsewhere, else they are left out. Who locks several
                must not wait for one while it holds others: that could be a deadlock.
        """
        return (
            self.select_for_update(of=("self",), skip_locked=not wait)
            .select_related("contact")
            .filter(pk__in=ids)
            .order_by("pk")
        )


class Conversation(models.Model):
    """One contact on one device, from the first message to the archive."""

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        ARCHIVED = "archived", _("archived")

    class Mode(models.TextChoices):
        AI = "ai", _("assistant")
        HUMAN = "human", _("person")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    contact = models.ForeignKey(
        Contact, models.CASCADE, related_name="conversations", verbose_name=_("contact")
    )
    channel_kind = models.CharField(_("channel"), max_length=20)
    channel_account_ref = models.UUIDField(_("channel account"))
    status = models.CharField(
        _("status"), max_length=8, choices=Status.choices, default=Status.OPEN
    )
    mode = models.CharField(_("answered by"), max_length=5, choices=Mode.choices, default=Mode.AI)
    mode_reason = models.CharField(_("reason"), max_length=200, blank=True)
    mode_changed_at = models.DateTimeField(_("since"), null=True, blank=True)
    agent = models.ForeignKey(
        Agent, models.SET_NULL, null=True, blank=True, verbose_name=_("agent")
    )
    # The burst that is being gathered: its first message's arrival, how many, and how often an
    # answer to it was thrown away because another message came.
    first_pending_at = models.DateTimeField(null=True, blank=True)
    n_pending = models.PositiveIntegerField(default=0)
    n_superseded = models.PositiveSmallIntegerField(default=0)
    # Inbound messages up to this id are dealt with.
    handled_upto = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField(_("opened at"))
    last_message_at = models.DateTimeField(_("last message at"))

    objects = ConversationQuerySet.as_manager()

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        constraints = [
            # Two messages can race to open a conversation; the database picks the winner.
            models.UniqueConstraint(
                fields=["contact", "channel_account_ref"],
                name="one_open_conversation",
                condition=Q(status="open"),
            ),
        ]
        indexes = [
            # Read by the conversations page: the newest first.
            models.Index(fields=["-last_message_at"], name="conversation_newest"),
        ]

    def __str__(self) -> str:
        return _("conversation %(n)s") % {"n": self.pk}


class Turn(models.Model):
    """One answering cycle over the burst gathered since the previous one."""

    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        SUPERSEDED = "superseded", _("superseded")  # a newer message came while it was thinking
        FAILED = "failed", _("failed")

    class Outcome(models.TextChoices):
        REPLY = "reply", _("replied")
        HANDOFF = "handoff", _("passed to another agent")
        NEEDS_HUMAN = "needs_human", _("left to a person")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="turns", verbose_name=_("conversation")
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.RUNNING
    )
    agent = models.ForeignKey(
        Agent, models.SET_NULL, null=True, blank=True, verbose_name=_("agent")
    )
    agent_version = models.PositiveIntegerField(_("agent version"), null=True, blank=True)
    covered_upto = models.BigIntegerField()  # the last inbound message that this answers
    n_messages = models.PositiveIntegerField(_("messages in the burst"))
    burst_started_at = models.DateTimeField(_("burst started at"))
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome.choices, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    provider = models.CharField(_("provider"), max_length=40, blank=True)
    model = models.CharField(_("model"), max_length=100, blank=True)
    input_tokens = models.PositiveIntegerField(_("input tokens"), null=True, blank=True)
    output_tokens = models.PositiveIntegerField(_("output tokens"), null=True, blank=True)
    model_ms = models.PositiveIntegerField(_("model time (ms)"), null=True, blank=True)
    confidence = models.FloatField(_("confidence"), null=True, blank=True)

    class Meta:
        verbose_name = _("turn")
        verbose_name_plural = _("turns")
        constraints = [
            # Two workers can race to open a turn; the database picks the winner.
            models.UniqueConstraint(
                fields=["conversation"], name="one_open_turn", condition=Q(status="running")
            ),
            # No message is answered twice, whatever happened to the worker that answered it first.
            models.UniqueConstraint(
                fields=["conversation", "covered_upto"],
                name="one_answer_per_burst",
                condition=Q(status="done"),
            ),
        ]
        indexes = [
            # Read by the dashboard: what happened today.
            models.Index(fields=["started_at"], name="turn_started"),
        ]

    def __str__(self) -> str:
        return _("turn %(n)s") % {"n": self.pk}


class TurnStep(models.Model):
    """One thing that a turn did: what, how long, and the data that explains it."""

    turn = models.ForeignKey(Turn, models.CASCADE, related_name="steps", verbose_name=_("turn"))
    position = models.PositiveSmallIntegerField(_("position"))
    kind = models.CharField(_("kind"), max_length=12)
    started_at = models.DateTimeField(_("started at"))
    duration_ms = models.PositiveIntegerField(_("duration (ms)"))
    data = models.JSONField(_("data"), default=dict)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        constraints = [
            models.UniqueConstraint(fields=["turn", "position"], name="step_position_once"),
        ]

    def __str__(self) -> str:
        return _("step %(n)s of turn %(turn)s") % {"n": self.position, "turn": self.turn_id}


class InboundMessage(models.Model):
    """What came in from a contact."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="inbound", verbose_name=_("conversation")
    )
    channel_account_ref = models.UUIDField(_("channel account"))
    provider_ref = models.CharField(_("channel's id"), max_length=100)
    kind = models.CharField(_("kind"), max_length=12, default="text")
    text = models.TextField(_("text"), blank=True)
    media = models.JSONField(_("media"), default=dict, blank=True)
    quoted_ref = models.CharField(_("reply to"), max_length=100, blank=True)
    sent_at = models.DateTimeField(_("sent at"))
    received_at = models.DateTimeField(_("received at"))
    silence_reason = models.CharField(_("why it stayed silent"), max_length=20, blank=True)
    edited_at = models.DateTimeField(_("edited at"), null=True, blank=True)
    deleted_at = models.DateTimeField(_("deleted at"), null=True, blank=True)
    turn = models.ForeignKey(
        Turn,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="messages",
        verbose_name=_("answered by"),
    )

    class Meta:
        verbose_name = _("inbound message")
        verbose_name_plural = _("inbound messages")
        constraints = [
            # The bridge may deliver a message again, even under another address of the sender.
            models.UniqueConstraint(
                fields=["channel_account_ref", "provider_ref"], name="inbound_message_once"
            ),
        ]
        indexes = [
            # Read by the dashboard: what came in today and in the last week.
            models.Index(fields=["received_at"], name="inbound_received"),
        ]

    def __str__(self) -> str:
        return _("inbound message %(n)s") % {"n": self.pk}


class OutboundMessageQuerySet(models.QuerySet["OutboundMessage"]):
    """Questions that are asked of what goes out."""

    def heads(self, conversation_ids: Sequence[int]) -> OutboundMessageQuerySet:
        """The first unsent message of each of some conversations."""
        return (
            self.filter(conversation__in=conversation_ids, status__in=OutboundMessage.OPEN)
            .order_by("conversation_id", "pk")
            .distinct("conversation_id")
        )


class OutboundMessage(models.Model):
    """What goes out to a contact: the outbox and, afterwards, the record of what was sent."""

    class Origin(models.TextChoices):
        AGENT = "agent", _("agent")
        PERSON = "person", _("person")
        PHONE = "phone", _("paired phone")
        SYSTEM = "system", _("system")

    class Status(models.TextChoices):
        CREATED = "created", _("waiting")
        HANDED = "handed", _("handed to the bridge")
        ACKED = "acked", _("sent")
        DELIVERED = "delivered", _("delivered")
        READ = "read", _("read")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("not sent")

    OPEN = (Status.CREATED, Status.HANDED)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="outbound", verbose_name=_("conversation")
    )
    turn = models.ForeignKey(
        Turn,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="replies",
        verbose_name=_("turn"),
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    channel_account_ref = models.UUIDField(_("channel account"))
    # Chosen before the call, so that a repeat after an unknown outcome carries the same id.
    provider_ref = models.CharField(_("channel's id"), max_length=100)
    origin = models.CharField(_("origin"), max_length=6, choices=Origin.choices)
    text = models.TextField(_("text"))
    status = models.CharField(
        _("status"), max_length=9, choices=Status.choices, default=Status.CREATED
    )
    n_attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt at"), null=True, blank=True)
    failure_reason = models.CharField(_("failure"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created at"))
    handed_at = models.DateTimeField(_("handed at"), null=True, blank=True)
    acked_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)
    read_at = models.DateTimeField(_("read at"), null=True, blank=True)

    objects = OutboundMessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("outbound message")
        verbose_name_plural = _("outbound messages")
        constraints = [
            models.UniqueConstraint(
                fields=["channel_account_ref", "provider_ref"], name="outbound_message_once"
            ),
            # A turn's reply is written once, even by two workers.
            models.UniqueConstraint(
                fields=["turn", "position"], name="one_reply_per_place", condition=~Q(turn=None)
            ),
        ]
        indexes = [
            # Read by the sender: the head of a conversation's line.
            models.Index(
                fields=["conversation", "id"],
                name="outbound_line",
                condition=Q(status__in=["created", "handed"]),
            ),
        ]

    def __str__(self) -> str:
        return _("outbound message %(n)s") % {"n": self.pk}

    def is_waiting(self, now: datetime) -> bool:
        """Test whether it is too early for the next attempt."""
        return self.next_attempt_at is not None and self.next_attempt_at > now
