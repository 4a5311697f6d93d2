"""What came in and what goes out."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.contrib.postgres.indexes import BrinIndex
from django.db import connection, models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conversations.models.conversations import Conversation
from conversations.models.turns import Turn
from conversations.types import FILE_KINDS
from tenants.context import current_schema

# Asked for every message, and to put it together takes Django longer than PostgreSQL needs for it.
# Of a call that died with its worker, and of one that another goes on with, its row says nothing:
# it is being made where its timer is held under the token that handed it over.
_HEADS = """
select distinct on (m.conversation_id) m.*,
    exists (
        select from conversations_numbertrouble trouble
        where trouble.channel_account_ref = m.channel_account_ref
    ) as is_troubled,
    exists (
        select from conversations_outboundmessage slow
        join public.tenants_timer timer
            on timer.schema_name = %(schema)s and timer.kind = 'send'
            and timer.ref = slow.conversation_id and timer.lease_token = slow.handed_under
            and timer.lease_until > %(now)s
        where slow.channel_account_ref = m.channel_account_ref and slow.status = 'handed'
            and slow.handed_at < %(slow_since)s and slow.failure_reason = ''
            and slow.kind <> all(%(files)s)
    ) as has_slow
from conversations_outboundmessage m
where m.conversation_id = any(%(ids)s) and m.status in ('created', 'handed')
order by m.conversation_id, m.id
"""


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

    def lines_with_more(self, conversation_ids: Sequence[int]) -> list[int]:
        """Those of some conversations in which a message waits to be sent."""
        with connection.cursor() as cursor:
            cursor.execute(
                "select distinct conversation_id from conversations_outboundmessage"
                " where conversation_id = any(%s) and status in ('created', 'handed')",
                [list(conversation_ids)],
            )
            return [conversation_id for (conversation_id,) in cursor.fetchall()]

    def heads(
        self, conversation_ids: Sequence[int], *, now: datetime, slow_since: datetime
    ) -> list[OutboundMessage]:
        """The first unsent message of each of some conversations, and how its number's bridge does.

        Args:
            slow_since: a call that was begun before and is still being made is a slow one; not that
                of a file, which may wait for a place in this process.
        """
        given = {
            "ids": list(conversation_ids),
            "schema": current_schema(),
            "now": now,
            "slow_since": slow_since,
            "files": [kind.value for kind in FILE_KINDS],
        }
        return list(self.raw(_HEADS, given))

    def note_taken(self, ids: Sequence[int], *, now: datetime) -> None:
        """Note that their channel has taken some messages.

        A receipt may have overtaken the answer to the call; it says more.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                "update conversations_outboundmessage"
                " set status = case when status in ('created', 'handed') then 'acked'"
                " else status end, acked_at = %s, next_attempt_at = null, unknown_at = null,"
                " failure_reason = '' where id = any(%s)",
                [now, list(ids)],
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

    HELD_BY_BRIDGE = "bridge"
    """The value of `held_by` where the number's bridge fails."""

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
    # The token of the claim under which it was handed over last.
    handed_under = models.UUIDField(null=True, blank=True, editable=False)
    # The parts of the `Address` to which it was handed over first: it is asked about and repeated
    # there, though the contact may have another number by then.
    handed_to = models.JSONField(null=True, blank=True, editable=False)
    acked_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)
    read_at = models.DateTimeField(_("read at"), null=True, blank=True)
    # The user who wrote it, where a person did in the panel.
    written_by = models.CharField(_("written by"), max_length=150, blank=True, default="")
    kind = models.CharField(_("kind"), max_length=12, default="text", db_default="text")
    # The channel's id of the contact's message that it answers, where it quotes one.
    quoted_ref = models.CharField(
        _("reply to"), max_length=100, blank=True, default="", db_default=""
    )
    # Of a location its place; of a part of an answer, whether another part follows.
    details = models.JSONField(default=dict, db_default={}, blank=True)
    # The contact did not ask for it: a message that was planned, and not an answer.
    is_unasked = models.BooleanField(_("unasked"), default=False, db_default=False)
    # The rule that makes it wait, see `services.veto`; empty where none does.
    held_by = models.CharField(max_length=20, blank=True, default="", db_default="")
    # Since when nobody knows whether a call has sent it.
    unknown_at = models.DateTimeField(null=True, blank=True)
    # What a person wants done with it after it was sent, and what became of that.
    change = models.CharField(max_length=6, blank=True, default="", db_default="")
    changed_text = models.TextField(blank=True, default="", db_default="")
    change_problem = models.CharField(max_length=300, blank=True, default="", db_default="")
    edited_at = models.DateTimeField(_("edited at"), null=True, blank=True)
    deleted_at = models.DateTimeField(_("deleted at"), null=True, blank=True)
    # When the channel was asked whether it still knows it, and since when it does not.
    compared_at = models.DateTimeField(null=True, blank=True)
    lost_at = models.DateTimeField(_("lost since"), null=True, blank=True)

    # Set by `heads`: its number's bridge fails, or takes long over another message.
    is_troubled = False
    has_slow = False

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
            # Both read by the watch over each device, every minute: what WhatsApp has not taken,
            # and whether it has taken anything since.
            models.Index(
                fields=["channel_account_ref", "handed_at"],
                name="outbound_not_taken",
                condition=Q(status="handed"),
            ),
            models.Index(
                fields=["channel_account_ref", "acked_at"],
                name="outbound_taken",
                condition=Q(acked_at__isnull=False),
            ),
            # Read every few minutes by the count of what was sent: the last two days. Of blocks,
            # because they lie in order of time, and one that costs nothing when a status changes.
            BrinIndex(fields=["created_at"], name="outbound_created", autosummarize=True),
        ]

    def __str__(self) -> str:
        return _("outbound message %(n)s") % {"n": self.pk}

    def is_waiting(self, now: datetime) -> bool:
        """Test whether it is too early for the next attempt.

        One that waits for its number's bridge is asked about whenever its line is woken.
        """
        is_early = self.next_attempt_at is not None and self.next_attempt_at > now
        return is_early and self.held_by != self.HELD_BY_BRIDGE

    @property
    def waits_for_slow(self) -> bool:
        """Test whether it would only stand behind a message over which its bridge takes long.

        What may have been sent is asked about first, and that does not have to wait.
        """
        return self.has_slow and self.status == self.Status.CREATED
