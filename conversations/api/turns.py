"""Turns for programs, and having an agent answer."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.models import Agent
from conversations.api.serializers import CANCELLED, QUEUED, TurnData, TurnWhole, row_of
from conversations.models import Contact, Conversation, InboundMessage, OutboundMessage, Turn
from conversations.services import triggering
from conversations.types import MAX_TEXT
from tenants.api.idempotency import once
from tenants.api.resources import Listed, Need, Resource
from tenants.api.scopes import Scope
from tenants.api.serializers import Input, Instant, Text


class TurnFilters(Input):
    """Which turns."""

    conversation = serializers.UUIDField(required=False)
    agent = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(choices=Turn.Status.choices, required=False)
    outcome = serializers.ChoiceField(choices=Turn.Outcome.choices, required=False)
    since = Instant(required=False, help_text="Begun not before.")
    until = Instant(required=False, help_text="Begun before.")


_NAMES = {
    "conversation": "conversation__uuid",
    "agent": "agent__uuid",
    "status": "status",
    "outcome": "outcome",
    "since": "started_at__gte",
    "until": "started_at__lt",
}


class Turns(Listed, Resource):
    """Answers of agents, each with the steps that explain it."""

    reads = writes = Need(Scope.CONVERSATIONS_READ, "conversations.view_turn")
    serializer_class = TurnData
    filters = TurnFilters
    is_sparse = True

    def get_queryset(self) -> QuerySet[Turn]:
        """Return the turns, with their replies, and what went on where one was thrown away."""
        covered = InboundMessage.objects.filter(
            conversation=OuterRef("conversation"), pk=OuterRef("covered_upto")
        )
        found = (
            Turn.objects.select_related("conversation", "agent")
            .prefetch_related(Prefetch("replies", OutboundMessage.objects.order_by("position")))
            .annotate(continued_uuid=Subquery(covered.values("turn__uuid")[:1]))
        )
        if self.action != "list":
            return found
        return found.filter(**{_NAMES[k]: v for k, v in self.known.items() if k in _NAMES})

    @extend_schema(responses=TurnWhole)
    def retrieve(self, request: Request, uuid: uuid.UUID) -> Response:
        """Read a turn with its steps; one that was promised and has not begun is `queued`."""
        found = self.get_queryset().prefetch_related("steps").filter(uuid=uuid).first()
        if found is None:
            found = self._promised(uuid)
        self.serializer_class = TurnWhole
        return self.shown(found)

    def _promised(self, wanted: uuid.UUID) -> Turn:
        rows = Conversation.objects.select_related("agent")
        conversation = get_object_or_404(rows, next_turn_uuid=wanted)
        is_gathered = conversation.mode == Conversation.Mode.AI and conversation.n_pending > 0
        began: Any = {"burst_started_at": conversation.first_pending_at}
        return Turn(
            pk=0,
            uuid=wanted,
            conversation=conversation,
            status=QUEUED if is_gathered else CANCELLED,
            agent=conversation.agent,
            n_messages=conversation.n_pending,
            **began,
        )


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A question of a caller",
            request_only=True,
            value={"text": "Quanto custa a limpeza?", "thread": "pedido-1042"},
        )
    ]
)
class Trigger(Input):
    """What an agent is to answer, and in which thread."""

    text = Text(max_length=MAX_TEXT)
    thread = serializers.CharField(
        max_length=200,
        required=False,
        help_text="Your name for it, such as an order's number; without one a thread begins.",
    )
    contact = row_of(
        Contact,
        required=False,
        help_text="In place of a thread: a contact, whose facts the agent knows. Nothing is sent"
        " to them. Takes the scope `conversations:write` too.",
    )
    name = serializers.CharField(
        max_length=200, required=False, help_text="What the agent calls whom it speaks with."
    )
    ttl_s = serializers.IntegerField(
        min_value=round(triggering.MIN_TTL.total_seconds()),
        max_value=round(triggering.MAX_TTL.total_seconds()),
        default=round(triggering.TTL.total_seconds()),
        help_text="Seconds after this message for which the thread is remembered.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take a thread or a contact.

        Raises:
            ValidationError: both.
        """
        if "thread" in attrs and "contact" in attrs:
            raise serializers.ValidationError(gettext("Give a thread or a contact."))
        return attrs


class Triggered(serializers.Serializer[Any]):
    """A turn that will begin. Its result is told as `message.sent`, and stands in the turn."""

    turn = serializers.UUIDField()
    conversation = serializers.UUIDField()
    message = serializers.UUIDField()
    thread = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)


class Triggers(Resource):
    """Having an agent answer."""

    reads = writes = Need(Scope.AGENTS_RUN, "conversations.change_conversation")
    serializer_class = Triggered
    repeatable = frozenset({"trigger"})

    @extend_schema(operation_id="agents_trigger", request=Trigger, responses={202: Triggered})
    def trigger(self, request: Request, agent_uuid: uuid.UUID) -> Response:
        """Have an agent answer a text, and return at once with the id of the turn.

        The answer goes nowhere but back to you: by the webhook `message.sent`, whose `turn_id` is
        this one, or by `GET /turns/{uuid}/`. To write on WhatsApp send a message.
        """
        values = self.taken(Trigger)
        if "contact" in values:
            # It is a conversation of somebody whom people know, with what is known of them.
            self.caller.require(scope=Scope.CONVERSATIONS_WRITE)
        agent = get_object_or_404(Agent, uuid=agent_uuid)
        now = timezone.now()

        def work() -> Response:
            done = triggering.trigger(
                agent=agent,
                text=values["text"],
                thread_ref=values.get("thread", ""),
                contact=values.get("contact"),
                name=values.get("name", ""),
                ttl=timedelta(seconds=values["ttl_s"]),
                now=now,
            )
            shown = {
                "turn": done.turn_uuid,
                "conversation": done.conversation.uuid,
                "message": done.message.uuid,
                "thread": done.thread.ref if done.thread else None,
                "expires_at": done.thread.expires_at if done.thread else None,
            }
            return Response(Triggered(shown).data, status=202)

        return once(request, now=now, work=work)
