"""Conversations and messages for programs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.api.paging import messages
from conversations.api.serializers import (
    Assign,
    ConversationData,
    LabelData,
    LabelNames,
    MessageData,
    NewMessageData,
    NewNote,
    NoteData,
    outbound,
)
from conversations.models import Conversation, InboundMessage, Label, Note, OutboundMessage
from conversations.services import archive, labels, lifecycle, queue, replying, takeover
from tenants.api.idempotency import once
from tenants.api.resources import Listed, Need, Resource, Retrieved
from tenants.api.scopes import Scope
from tenants.api.serializers import Input, Instant, Nothing, Page

READS = Need(Scope.CONVERSATIONS_READ, "conversations.view_conversation")
WRITES = Need(Scope.CONVERSATIONS_WRITE, "conversations.change_conversation")


class ConversationFilters(Input):
    """Which conversations."""

    status = serializers.ChoiceField(choices=Conversation.Status.choices, required=False)
    mode = serializers.ChoiceField(choices=Conversation.Mode.choices, required=False)
    is_waiting = serializers.BooleanField(
        required=False, help_text="Left to people and taken by nobody."
    )
    agent = serializers.UUIDField(required=False)
    queue = serializers.UUIDField(required=False)
    contact = serializers.UUIDField(required=False)
    device = serializers.UUIDField(required=False)
    thread = serializers.CharField(max_length=200, required=False)
    label = serializers.CharField(max_length=40, required=False)  # type: ignore[assignment]
    outcome = serializers.ChoiceField(choices=Conversation.Outcome.choices, required=False)
    since = Instant(required=False, help_text="Last message not before.")
    until = Instant(required=False, help_text="Last message before.")
    q = serializers.CharField(
        max_length=200,
        required=False,
        help_text="Words that were said; accents, endings and slips of typing do not matter in"
        " the archive.",
    )


_NAMES = {
    "status": "status",
    "mode": "mode",
    "agent": "agent__uuid",
    "queue": "queue__uuid",
    "contact": "contact__uuid",
    "device": "channel_account_ref",
    "thread": "contact__thread__ref",
    "label": "labels__name",
    "outcome": "outcome",
    "since": "last_message_at__gte",
    "until": "last_message_at__lt",
}


class MessageFilters(Page):
    """Which messages of a conversation."""

    q = serializers.CharField(max_length=200, required=False, help_text="Words that were said.")


class MessagePage(serializers.Serializer[Any]):
    """Messages, the newest first."""

    results = MessageData(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class Conversations(Listed, Retrieved, Resource):
    """Contacts on devices, from the first message to the archive."""

    reads, writes = READS, WRITES
    serializer_class = ConversationData
    filters = ConversationFilters
    ordering = ("-last_message_at", "-pk")
    is_sparse = True
    repeatable = frozenset({"send"})

    @classmethod
    def parameters(cls, action: str | None) -> list[type[Input]]:
        """Return what an action takes in its address."""
        return [MessageFilters] if action == "messages" else super().parameters(action)

    def get_queryset(self) -> QuerySet[Conversation]:
        """Return the conversations, with what is shown of their links."""
        found = Conversation.objects.select_related("contact", "agent", "queue")
        found = found.prefetch_related("labels")
        if self.action != "list":
            return found
        known = self.known
        found = found.filter(**{_NAMES[k]: v for k, v in known.items() if k in _NAMES})
        if "is_waiting" in known:
            waiting = Conversation.objects.waiting_for_a_person().values("pk")
            is_asked = Q(pk__in=waiting)
            found = found.filter(is_asked if known["is_waiting"] else ~is_asked)
        return found.filter(_said(known["q"])) if "q" in known else found

    # In whose hands it is

    @extend_schema(request=Nothing, responses=ConversationData)
    @action(detail=True, methods=["post"])
    def take_over(self, request: Request, uuid: uuid.UUID) -> Response:
        """Answer in place of the assistant from now on."""
        return self._do(uuid, takeover.take_over)

    @extend_schema(request=Nothing, responses=ConversationData)
    @action(detail=True, methods=["post"])
    def give_back(self, request: Request, uuid: uuid.UUID) -> Response:
        """Let the assistant answer again; what nobody has answered it answers now."""
        return self._do(uuid, takeover.give_back)

    @extend_schema(request=Nothing, responses=ConversationData)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, uuid: uuid.UUID) -> Response:
        """Put it back into the queue, for whoever takes it next."""
        return self._do(uuid, queue.release)

    @extend_schema(request=Nothing, responses=ConversationData)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, uuid: uuid.UUID) -> Response:
        """Archive it; the contact's next message opens a new one."""
        return self._do(uuid, takeover.archive)

    @extend_schema(request=Nothing, responses=ConversationData)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, uuid: uuid.UUID) -> Response:
        """Open an archived one again, in one's own hands."""
        return self._do(uuid, lifecycle.reopen)

    @extend_schema(request=Assign, responses=ConversationData)
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, uuid: uuid.UUID) -> Response:
        """Give it to another person, or put it into another queue."""
        values = self.taken(Assign)
        queue_id = values["queue"].pk if "queue" in values else None

        def reassign(**kwargs: Any) -> object:
            person = values.get("person", "")
            return queue.reassign(person=person, queue_id=queue_id, **kwargs)

        return self._do(uuid, reassign)

    @extend_schema(request=LabelNames, responses=ConversationData)
    @action(detail=True, methods=["put"])
    def labels(self, request: Request, uuid: uuid.UUID) -> Response:
        """Give it these labels and no other; new ones are made."""
        text = ",".join(self.taken(LabelNames)["labels"])

        def label(**kwargs: Any) -> object:
            return labels.set_labels(text=text, **kwargs)

        return self._do(uuid, label)

    def _do(self, wanted: uuid.UUID, verb: Callable[..., object]) -> Response:
        found = get_object_or_404(Conversation, uuid=wanted)
        verb(conversation_uuid=found.uuid, actor=self.caller.actor, now=timezone.now())
        return self.shown(self.get_queryset().get(pk=found.pk))

    # What was said

    @extend_schema(operation_id="conversations_messages_list", responses=MessagePage)
    @action(detail=True, methods=["get"])
    def messages(self, request: Request, uuid: uuid.UUID) -> Response:
        """Read what was said, the newest first."""
        known = self.known
        results, following = messages(
            get_object_or_404(Conversation, uuid=uuid),
            limit=known["limit"],
            cursor=known.get("cursor", ""),
            words=known.get("q", ""),
        )
        return Response(MessagePage({"results": results, "next_cursor": following}).data)

    @extend_schema(
        operation_id="conversations_messages_send",
        request=NewMessageData,
        responses={202: MessageData},
    )
    @messages.mapping.post
    def send(self, request: Request, uuid: uuid.UUID) -> Response:
        """Send a message as a person; take the conversation over first.

        It is put at the end of the conversation's line and leaves when the rules of sending allow
        it: opt-out, blocks, pauses, limits of the number. `status` tells how far it is.
        """
        values = self.taken(NewMessageData)
        found = get_object_or_404(Conversation, uuid=uuid)
        quoted = values.get("quoted")
        if quoted is not None:
            get_object_or_404(InboundMessage, uuid=quoted, conversation=found)
        now = timezone.now()

        def send() -> Response:
            message = replying.reply_as_person(
                conversation_uuid=found.uuid,
                text=values["text"],
                actor=self.caller.actor,
                now=now,
                quoted_uuid=quoted,
            )
            return Response(MessageData(outbound(message)).data, status=202)

        return once(request, now=now, work=send)

    @extend_schema(operation_id="conversations_notes_list", responses=NoteData(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def notes(self, request: Request, uuid: uuid.UUID) -> Response:
        """Read what people noted, the newest first."""
        found = Note.objects.filter(conversation=self.get_object()).order_by("-pk")[:100]
        return Response(NoteData(found, many=True).data)

    @extend_schema(
        operation_id="conversations_notes_add", request=NewNote, responses={201: NoteData}
    )
    @notes.mapping.post
    def add_note(self, request: Request, uuid: uuid.UUID) -> Response:
        """Note something for people only."""
        values, found = self.taken(NewNote), self.get_object()
        note = queue.add_note(
            conversation_uuid=found.uuid,
            text=values["text"],
            actor=self.caller.actor,
            now=timezone.now(),
        )
        return Response(NoteData(note).data, status=201)


class Messages(Resource):
    """Single messages, whatever conversation they are of."""

    reads, writes = READS, WRITES
    serializer_class = MessageData

    @extend_schema(operation_id="messages_get", responses=MessageData)
    def retrieve(self, request: Request, uuid: uuid.UUID) -> Response:
        """Read an outgoing message: how far it is."""
        rows = OutboundMessage.objects.select_related("turn")
        return Response(MessageData(outbound(get_object_or_404(rows, uuid=uuid))).data)


class Labels(Listed, Resource):
    """The labels that there are."""

    reads = Need(Scope.CONVERSATIONS_READ, "conversations.view_label")
    writes = WRITES
    serializer_class = LabelData
    ordering = ("name", "pk")

    def get_queryset(self) -> QuerySet[Label]:
        """Return the labels."""
        return Label.objects.all()


def _said(text: str) -> Q:
    """Return the condition of holding some words: the archive by its index, what is open as it is.

    Few conversations are open, so that no index over all messages is worth its keep.
    """
    is_archived = Conversation.objects.filter(status=Conversation.Status.ARCHIVED)
    found = Q(pk__in=archive.search(is_archived, text).values("pk"))
    query = SearchQuery(text, search_type="websearch", config="portuguese")
    for model in (InboundMessage, OutboundMessage):
        rows: QuerySet[Any] = model.objects.filter(conversation__status=Conversation.Status.OPEN)
        rows = rows.annotate(said=SearchVector("text", config="portuguese")).filter(said=query)
        found |= Q(pk__in=rows.values("conversation"))
    return found
