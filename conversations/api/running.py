"""Having an agent answer while the program waits or watches, and following a conversation.

Here a call is judged and begun, as any other. Where the server can wait without a thread, the rest
is `conversations.api.streaming`'s, which finds what to follow in the request's scope; elsewhere the
program is told what there is by now.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.api.conversations import READS
from conversations.api.listeners import (
    EVENT_STREAM,
    Follow,
    Program,
    known,
    left_to_server,
    streamed,
)
from conversations.api.serializers import CANCELLED, TurnData
from conversations.api.turns import Trigger, Triggered, Triggers
from conversations.models import Conversation, InboundMessage, OutboundMessage, Turn
from conversations.services import feed, following
from tenants.api.errors import body
from tenants.api.resources import Resource
from tenants.api.serializers import Input
from tenants.context import current_schema

REPLAYED = "Idempotent-Replayed"

DEADLINE_S, MAX_DEADLINE_S = 30, 120
"""How long `execute` waits, in seconds: without a wish, and at most."""


class Deadline(Input):
    """How long to wait."""

    deadline_s = serializers.FloatField(
        min_value=0, max_value=MAX_DEADLINE_S, default=DEADLINE_S, help_text="Seconds to wait."
    )


class Executed(Triggered):
    """A turn that is over. `result.replies` holds what has left, not what was held back."""

    result = TurnData()


class StillWorking(serializers.Serializer[Any]):
    """The deadline has passed; the turn goes on, and is read under `turn`."""

    code = serializers.CharField()
    message = serializers.CharField()
    fields_ = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    turn = serializers.UUIDField()
    conversation = serializers.UUIDField()
    thread = serializers.CharField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """Return the fields under the names that are sent."""
        found = super().get_fields()
        return {name.rstrip("_"): field for name, field in found.items()}


class AnyAccept(BaseContentNegotiation):  # type: ignore[misc, unused-ignore]
    """Refusals are JSON, whatever a program takes: those that stream ask for event streams only."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        """Return the first."""
        return renderers[0], renderers[0].media_type

    def select_parser(self, request: Any, parsers: Any) -> Any:
        """Return the parser of the body's type."""
        return next((one for one in parsers if _is_of(request, one)), None)


def _is_of(request: Any, parser: Any) -> bool:
    return bool(str(request.content_type).partition(";")[0].strip().lower() == parser.media_type)


_EXAMPLE = OpenApiExample(
    "The end of an answer",
    value='id: gAAAAA…\nevent: token\ndata: {"turn": "…", "message": "…", "text": "R$ 220,00."}\n\n'
    'id: gAAAAB…\nevent: finished\ndata: {"turn": "…", "status": "done", "outcome": "reply"}\n\n',
)
_STREAM = {
    (200, EVENT_STREAM): OpenApiResponse(
        OpenApiTypes.STR, "Server-sent events; docs/api.md lists them.", [_EXAMPLE]
    )
}
_LAST = OpenApiParameter(
    "Last-Event-ID",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Of the last event that you have: what came after it follows.",
    required=False,
)


class Runs(Triggers):
    """Having an agent answer, and waiting for it."""

    repeatable = frozenset({"execute", "stream"})
    content_negotiation_class = AnyAccept
    replayed: str | None = None

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Tell a repeat that it is one."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.replayed is not None:
            response.headers[REPLAYED] = self.replayed
        return response

    @classmethod
    def parameters(cls, action: str | None) -> list[type[Input]]:
        """Return what an action takes in its address."""
        return [Deadline] if action == "execute" else []

    @extend_schema(
        operation_id="agents_execute",
        request=Trigger,
        responses={200: Executed, 504: StillWorking},
    )
    def execute(self, request: Request, agent_uuid: uuid.UUID) -> Any:
        """Have an agent answer a text, and wait for the answer.

        Where the deadline passes the turn goes on; its id is in the refusal, and the same call with
        the same `Idempotency-Key` goes on waiting.
        """
        follow = self._begun(request, agent_uuid, deadline_s=self.known["deadline_s"])
        if left_to_server(request._request, follow):
            return Response(status=200)
        status, text = outcome_of(follow)
        return HttpResponse(text, status=status, content_type="application/json")

    @extend_schema(
        operation_id="agents_stream", request=Trigger, responses=_STREAM, parameters=[_LAST]
    )
    def stream(self, request: Request, agent_uuid: uuid.UUID) -> Any:
        """Have an agent answer a text, and watch it do so; ends with the answer.

        Texts come once they have passed every check. With the same `Idempotency-Key` and
        `Last-Event-ID` a stream that broke off goes on where it was.
        """
        return streamed(request._request, self._begun(request, agent_uuid))

    def _begun(
        self, request: Request, agent_uuid: uuid.UUID, *, deadline_s: float | None = None
    ) -> Follow:
        with transaction.atomic():
            triggered = self.trigger(request, agent_uuid)
            made: Mapping[str, Any] = triggered.data
            message = get_object_or_404(InboundMessage, uuid=made["message"])
            # In the same transaction: the worker that begins the turn knows that it is followed.
            following.mark(message.conversation_id, now=timezone.now())
        self.replayed = triggered.headers.get(REPLAYED)
        conversation_uuid = uuid.UUID(str(made["conversation"]))
        ask = feed.Ask(
            conversation_id=message.conversation_id,
            conversation_uuid=conversation_uuid,
            cursor=known(request, conversation_uuid)
            or feed.from_message(message.conversation_id, message.pk),
            message_id=message.pk,
            promised=uuid.UUID(str(made["turn"])),
        )
        return _follow(self, ask, ready=made, deadline_s=deadline_s)


class Events(Resource):
    """What happens in a conversation, live."""

    reads = writes = READS
    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="conversations_events", responses=_STREAM, parameters=[_LAST])
    def events(self, request: Request, uuid: uuid.UUID) -> Any:
        """Follow a conversation from now on, or from the event that you have last."""
        conversation = get_object_or_404(Conversation, uuid=uuid)
        following.mark(conversation.pk, now=timezone.now())
        cursor = known(request, conversation.uuid) or feed.from_now(conversation.pk)
        ask = feed.Ask(conversation.pk, conversation.uuid, cursor)
        return streamed(request._request, _follow(self, ask, ready={"conversation": str(uuid)}))


def _follow(
    view: Resource,
    ask: feed.Ask,
    *,
    ready: Mapping[str, Any],
    deadline_s: float | None = None,
) -> Follow:
    key, login = view.caller.key, view.caller.login
    program = Program(key.pk if key else None, login.pk if login else None, view.reads)
    return Follow(
        schema=current_schema(),
        language=translation.get_language(),
        ask=ask,
        ready=ready,
        ready_id=ask.cursor.text(ask.conversation_uuid),
        listener=program,
        deadline_s=deadline_s,
    )


def outcome_of(follow: Follow) -> tuple[int, bytes]:
    """Return status and body of `execute`: the result, or that it is not there yet."""
    with translation.override(follow.language):
        page = feed.look([follow.ask])[0]
        shown = {**follow.ready}
        if page.is_over:
            shown["result"] = TurnData(_turn_of(follow.ask)).data
            status = 200
        else:
            refused = body(
                code="still_working",
                message=_("The answer takes longer; read the turn later."),
            )
            names = ("turn", "conversation", "thread")
            shown = {**refused, **{name: follow.ready[name] for name in names}}
            status = 504
        return status, json.dumps(shown, cls=DjangoJSONEncoder, ensure_ascii=False).encode()


def _turn_of(ask: feed.Ask) -> Turn:
    sent = OutboundMessage.objects.filter(status__in=feed.SENT).order_by("position")
    rows = Turn.objects.select_related("conversation", "agent")
    rows = rows.prefetch_related(Prefetch("replies", sent))
    found = rows.filter(messages=ask.message_id).first()
    if found is not None:
        return found
    conversation = Conversation.objects.select_related("agent").get(pk=ask.conversation_id)
    began: Any = {"burst_started_at": None}
    promised = ask.promised or uuid.uuid4()
    return Turn(
        pk=0,
        uuid=promised,
        conversation=conversation,
        status=CANCELLED,
        agent=conversation.agent,
        n_messages=0,
        **began,
    )
