"""What people do with messages on the page of a conversation, beside writing them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    QueryDict,
)
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from conversations.models import Conversation, FollowUp, OutboundMessage
from conversations.services import changing, follow_ups, replying, words
from conversations.types_sending import MAX_FILE_BYTES
from tenants.panel import actor

if TYPE_CHECKING:
    from unfold.admin import ModelAdmin as _Base
else:
    _Base = object


class SendingPages(_Base):
    """What `ConversationAdmin` offers beside texts: undoing, editing, taking back and planning."""

    _find: Callable[..., Conversation]
    _do: Callable[..., HttpResponse]

    def sending_views(self) -> tuple[tuple[str, Callable[..., HttpResponse]], ...]:
        """Return what can be done with messages."""
        return (
            ("take-back", require_POST(self.take_back_view)),
            ("message-edit", require_POST(self.message_edit_view)),
            ("message-delete", require_POST(self.message_delete_view)),
            ("plan", require_POST(self.plan_view)),
            ("plan-off", require_POST(self.plan_off_view)),
        )

    def planning_context(self, request: HttpRequest, conversation: Conversation) -> dict[str, Any]:
        """Return what is planned for a conversation, and whether more may be."""
        can_change = self.has_change_permission(request, conversation)
        contact = conversation.contact
        planned = FollowUp.objects.filter(
            conversation=conversation, status=FollowUp.Status.WAITING
        ).order_by("due_at", "pk")
        return {
            "planned": [(one, words.reason(one.reason)) for one in planned],
            "can_plan": can_change and not contact.is_blocked and contact.opted_out_at is None,
            "plan_least": f"{timezone.localtime():%Y-%m-%dT%H:%M}",
            **_quoting(request, conversation),
        }

    def take_back_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Undo a message that has just been written: call it off, or take it back."""
        message = _message(request, self._find(request, str(pk), may="change"))
        done = changing.undo(message_uuid=message.uuid, actor=actor(request), now=timezone.now())
        if "fetch" in request.GET:
            # What was never sent comes back into the field; what was is gone for good.
            text = message.text if done == "called_off" else ""
            return JsonResponse({"is_back": bool(done), "text": text})
        if not done:
            self.message_user(request, _("It is too late to undo it."), messages.ERROR)
        url = reverse("admin:conversations_conversation_change", args=[pk])
        return HttpResponseRedirect(f"{url}#end")

    def message_edit_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Replace the text of a message that was sent."""

        def edit(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> None:
            message = _of(conversation_uuid, request)
            changing.edit(
                message_uuid=message, text=request.POST.get("text", ""), actor=actor, now=now
            )

        return self._do(request, pk, edit, _("The message is being edited."))

    def message_delete_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take a message that was sent back for everyone."""

        def delete(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> None:
            message = _of(conversation_uuid, request)
            changing.delete(message_uuid=message, actor=actor, now=now)

        return self._do(request, pk, delete, _("The message is being taken back."))

    def plan_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Plan a message for later."""

        def plan(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> object:
            return follow_ups.plan(
                conversation_uuid=conversation_uuid,
                text=request.POST.get("text", ""),
                due_at=_instant(request.POST.get("at", "")),
                actor=actor,
                now=now,
            )

        return self._do(request, pk, plan, _("The message is planned."))

    def plan_off_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Call a planned message off."""
        wanted = _uuid(request.POST.get("plan", ""))

        def call_off(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> object:
            return follow_ups.call_off(
                conversation_uuid=conversation_uuid, follow_up_uuid=wanted, actor=actor, now=now
            )

        return self._do(request, pk, call_off, _("The planned message is called off."))


def quoted_of(values: QueryDict) -> uuid.UUID | None:
    """Return the message that is to be quoted; None for none, or for what names none."""
    try:
        return uuid.UUID(values.get("quoted", ""))
    except ValueError:
        return None


def _quoting(request: HttpRequest, conversation: Conversation) -> dict[str, Any]:
    quoted = quoted_of(request.GET)
    if quoted is None:
        return {}
    said = replying.quoted_words(conversation=conversation, quoted_uuid=quoted)
    return {"quoted": quoted, "quoted_words": said} if said else {}


def file_of(request: HttpRequest) -> tuple[str, bytes] | None:
    """Return the file that a form brings; one that is too large is refused unread.

    Raises:
        BadFile: it is larger than is sent.
    """
    found = request.FILES.get("file")
    if found is None:
        return None
    if (found.size or 0) > MAX_FILE_BYTES:
        raise replying.BadFile
    return found.name or "", found.read()


def place_of(request: HttpRequest) -> tuple[float, float] | None:
    """Return the place that a form names as ``"-22.97, -46.99"``.

    Raises:
        BadFile: it is no such pair.
    """
    text = request.POST.get("place", "").strip()
    if not text:
        return None
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError as error:
        raise replying.BadFile from error
    return latitude, longitude


def _instant(text: str) -> datetime:
    """Return an instant as a form gives it, on the clock of the business.

    Raises:
        BadPlan: it is none.
    """
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise follow_ups.BadPlan
    return timezone.make_aware(found) if timezone.is_naive(found) else found


def _of(conversation_uuid: uuid.UUID, request: HttpRequest) -> uuid.UUID:
    found = OutboundMessage.objects.filter(
        uuid=_uuid(request.POST.get("message", "")), conversation__uuid=conversation_uuid
    )
    if not found.exists():
        raise Http404
    return _uuid(request.POST.get("message", ""))


def _message(request: HttpRequest, conversation: Conversation) -> OutboundMessage:
    """Return the message that a form means, if it is the conversation's.

    Raises:
        Http404: it is not.
    """
    found = OutboundMessage.objects.filter(
        uuid=_uuid(request.POST.get("message", "")), conversation=conversation
    ).first()
    if found is None:
        raise Http404
    return found


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise Http404 from error
