"""One contact on one device, from the first message to the archive."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence

from django.db import connection, models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from agents.models import Agent
from conversations.models.contacts import Contact

_LOCKED = (
    "select id, followed_until > clock_timestamp() from conversations_conversation"
    " where id = any(%s) order by id for update"
)


class ConversationQuerySet(models.QuerySet["Conversation"]):
    """Questions that are asked of conversations."""

    def waiting_for_a_person(self) -> ConversationQuerySet:
        """Open ones that the assistant has left to people, and that nobody has taken."""
        return self.filter(
            status=Conversation.Status.OPEN, mode=Conversation.Mode.HUMAN, claimed_by=""
        )

    # The order of locks, everybody's: conversations by their ids, then their contacts, then timers.
    # Whoever took a contact first could meet the commit of a turn or an opt-out in a deadlock.

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

    def lock_rows(self, ids: Sequence[int], *, wait: bool) -> dict[int, bool]:
        """Lock as `lock` does, for those who need no more of them.

        Returns the ids that were there, each with whether a program follows the conversation.

        Asked for every message, and to put such a statement together takes Django longer than
        PostgreSQL needs for it.
        """
        statement = _LOCKED if wait else f"{_LOCKED} skip locked"
        with connection.cursor() as cursor:
            cursor.execute(statement, [list(ids)])
            return {pk: bool(is_followed) for pk, is_followed in cursor.fetchall()}

    def hold_of(self, contact_ids: Collection[int]) -> None:
        """Lock all of some contacts: before the contacts themselves are written."""
        found = self.select_for_update().filter(contact__in=contact_ids).order_by("pk")
        list(found.values_list("pk", flat=True))


class Conversation(models.Model):
    """One contact on one device, from the first message to the archive."""

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        ARCHIVED = "archived", _("archived")

    class Mode(models.TextChoices):
        AI = "ai", _("assistant")
        HUMAN = "human", _("person")

    class Outcome(models.TextChoices):
        """How it ended."""

        RESOLVED = "resolved", _("answered")
        PERSON = "person", _("by a person")
        UNRESOLVED = "unresolved", _("unanswered")
        ABANDONED = "abandoned", _("contact gone")
        NOTHING = "nothing", _("nothing asked")
        OPTED_OUT = "opted_out", _("opted out")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    contact = models.ForeignKey(
        Contact, models.CASCADE, related_name="conversations", verbose_name=_("contact")
    )
    channel_kind = models.CharField(_("channel"), max_length=20)
    channel_account_ref = models.UUIDField(_("channel account"))
    # The channel's own id of it, where it has one: of several the one that was written in last.
    thread_ref = models.CharField(max_length=64, default="", db_default="", blank=True)
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
    # The burst is complete but for the words of a recording or an image; waited for until then.
    waits_until = models.DateTimeField(null=True, blank=True)
    # Inbound messages up to this id are dealt with.
    handled_upto = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField(_("opened at"))
    last_message_at = models.DateTimeField(_("last message at"))
    # The brief that the present agent started from, and the handoffs of the last hour, each as
    # [from, to, instant]: here, so that a turn needs no query of its own for them.
    last_handoff = models.ForeignKey(
        "conversations.Handoff", models.SET_NULL, null=True, blank=True, related_name="+"
    )
    recent_hops = models.JSONField(default=list, db_default=[], blank=True)
    # In people's hands: whose queue it is in, who has taken it (a user name, or the paired phone),
    # since when the contact waits, until when an answer is due, how often it was passed on for want
    # of one, when the contact was told so, and when the assistant comes back by itself.
    queue = models.ForeignKey(
        Agent, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("queue")
    )
    claimed_by = models.CharField(_("with"), max_length=150, blank=True)
    waiting_since = models.DateTimeField(_("waiting since"), null=True, blank=True)
    answer_due_at = models.DateTimeField(_("answer due at"), null=True, blank=True)
    n_escalations = models.PositiveSmallIntegerField(default=0)
    promised_at = models.DateTimeField(null=True, blank=True)
    returns_at = models.DateTimeField(_("assistant returns at"), null=True, blank=True)
    # Whether a draft waits for approval: a look at this row is free, one at the drafts is not.
    has_draft = models.BooleanField(default=False)
    # What was said up to an instant, in short: here, so that a turn needs no query for it. Once the
    # conversation is over it tells of the whole.
    summary = models.TextField(_("summary"), default="", db_default="", blank=True)
    summarised_until = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    # Empty where time did it; such a conversation goes on when its contact writes again soon.
    closed_by = models.CharField(
        _("closed by"), max_length=150, default="", db_default="", blank=True
    )
    outcome = models.CharField(
        _("outcome"),
        max_length=10,
        choices=Outcome.choices,
        default="",
        db_default="",
        blank=True,
    )
    topics = models.JSONField(_("topics"), default=list, db_default=[], blank=True)
    # When the next planned message is due, or was put into the line: here, so that what comes in
    # needs no query for it. It may stay after the message was sent, until the contact writes.
    follow_up_at = models.DateTimeField(null=True, blank=True)
    # The id of the turn that will answer the burst, where a program was promised one.
    next_turn_uuid = models.UUIDField(null=True, blank=True, editable=False)
    # Until when a program follows it live: a look at this row tells everybody for free whether to
    # ring, see `services.following`.
    followed_until = models.DateTimeField(null=True, blank=True, editable=False)
    # The same for who hears steps of turns as well: only then they are written one by one.
    steps_followed_until = models.DateTimeField(null=True, blank=True, editable=False)

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
            # Read by a program that asks for a turn which has not begun.
            models.UniqueConstraint(
                fields=["next_turn_uuid"],
                name="one_promised_turn",
                condition=Q(next_turn_uuid__isnull=False),
            ),
        ]
        indexes = [
            # Read by the conversations page: the newest first.
            models.Index(fields=["-last_message_at"], name="conversation_newest"),
            # Read by the queue's page every few seconds: what is in people's hands.
            models.Index(
                fields=["waiting_since"],
                name="conversation_with_people",
                condition=Q(status="open", mode="human"),
            ),
            # Read by the archive: what was closed last first.
            models.Index(
                fields=["-closed_at"],
                name="conversation_archive",
                condition=Q(status="archived"),
            ),
            # Read every few minutes: what has ended and was not summed up yet.
            models.Index(
                fields=["closed_at"],
                name="conversation_untold",
                condition=Q(status="archived", outcome=""),
            ),
            # Read every few minutes: what has been silent for long.
            models.Index(
                fields=["last_message_at"],
                name="conversation_silent",
                condition=Q(status="open"),
            ),
        ]

    def __str__(self) -> str:
        return _("conversation %(n)s") % {"n": self.pk}
