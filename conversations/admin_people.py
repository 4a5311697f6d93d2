"""Pages where people work: the queue, and what they can do in a conversation."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import blake2s
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from conversations.admin_archive import outcome_badge
from conversations.channels import sender_for
from conversations.models import Conversation, Draft, Turn
from conversations.services import (
    approvals,
    attaching,
    changing,
    describing,
    desks,
    explaining,
    follow_ups,
    labels,
    lifecycle,
    queue,
    replying,
    takeover,
    transcripts,
    words,
    worklist,
)
from conversations.services.worklist import View
from conversations.types_sending import MAX_FILE_BYTES
from tenants.errors import DomainError
from tenants.panel import actor

REFRESH_S = 4
"""How often an open page asks whether it is still the newest, in seconds."""

Verb = Callable[..., object]


def refusal(error: DomainError) -> str:
    """Say in the reader's language why something was refused."""
    texts: Mapping[type[DomainError], str] = {
        approvals.DraftGone: _(
            "This draft no longer waits: a newer message came, or somebody has decided already."
        ),
        approvals.NoAnswer: _("This text is too long for WhatsApp."),
        changing.TooLate: _("It is too late for that: WhatsApp no longer lets it be changed."),
        follow_ups.BadPlan: _(
            "Write a text and choose an instant in the next half year; up to %(n)s messages may be"
            " planned for one conversation."
        )
        % {"n": follow_ups.MAX_PLANNED},
        replying.BadFile: _("Send a file of up to %(n)s MB, or a place with both numbers.")
        % {"n": MAX_FILE_BYTES // 1024**2},
        desks.NotOfThisQueue: _("Only the people of this queue may do that."),
        queue.NoSuchPerson: _("Choose a person or a queue of this business."),
        queue.NothingToNote: _("Write up to %(n)s characters.") % {"n": queue.MAX_NOTE},
        takeover.ConversationClosed: _("This conversation is archived."),
        lifecycle.StillOpen: _("This contact has an open conversation already; answer there."),
        labels.BadLabels: _("Up to %(n)s labels of up to %(most)s characters, divided by commas.")
        % {"n": labels.MAX_LABELS, "most": labels.MAX_LABEL},
    }
    return texts.get(type(error), str(error))


if TYPE_CHECKING:
    from unfold.admin import ModelAdmin as _Base
else:
    _Base = object


class PeoplePages(_Base):
    """What `ConversationAdmin` offers to those who answer contacts."""

    _find: Callable[..., Conversation]
    _do: Callable[..., HttpResponse]

    def queue_urls(self) -> list[Any]:
        """Return the addresses of the queue's page."""
        wrap = self.admin_site.admin_view
        return [
            path("queue/", wrap(self.queue_view), name="conversations_conversation_queue"),
            path(
                "queue/rows/",
                wrap(require_GET(self.queue_rows_view)),
                name="conversations_conversation_queue_rows",
            ),
        ]

    def people_views(self) -> tuple[tuple[str, Callable[..., HttpResponse]], ...]:
        """Return what can be done in one conversation, beside what always could."""
        return (
            ("live", require_GET(self.live_view)),
            ("release", require_POST(self.release_view)),
            ("reassign", require_POST(self.reassign_view)),
            ("stay", require_POST(self.stay_view)),
            ("note", require_POST(self.note_view)),
            ("note-remove", require_POST(self.note_remove_view)),
            ("approve", require_POST(self.approve_view)),
            ("reject", require_POST(self.reject_view)),
            ("reopen", require_POST(self.reopen_view)),
            ("label", require_POST(self.label_view)),
        )

    def queue_view(self, request: HttpRequest) -> HttpResponse:
        """Show what waits for people."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("Queue"),
            "rows_url": f"{reverse('admin:conversations_conversation_queue_rows')}"
            f"?{request.GET.urlencode()}",
            "refresh_s": REFRESH_S,
            **self._queue_context(request),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "conversations/queue.html", context)

    def queue_rows_view(self, request: HttpRequest) -> HttpResponse:
        """Return the part of the queue's page that changes; nothing where it has not."""
        html = render_to_string("conversations/_queue.html", self._queue_context(request), request)
        # The form tokens differ each time, and mean nothing.
        tag = f'"{blake2s(_without_tokens(html).encode(), digest_size=12).hexdigest()}"'
        return _tagged(request, tag, lambda: HttpResponse(html))

    def _queue_context(self, request: HttpRequest) -> dict[str, Any]:
        if not self.has_view_permission(request):
            raise PermissionDenied
        wanted = request.GET.get("view", "")
        known = desks.desks()
        queue_id = int(chosen) if (chosen := request.GET.get("queue", "")).isdecimal() else None
        view = View(wanted) if wanted in set(View) else View.FREE
        found = worklist.worklist(
            username=actor(request), view=view, now=timezone.now(), queue_id=queue_id
        )
        names = {
            View.FREE: _("Without anybody"),
            View.MINE: _("Mine"),
            View.ALL: _("All conversations"),
            View.DRAFTS: _("To approve"),
        }
        suffix = f"&queue={queue_id}" if queue_id is not None else ""
        tabs = [
            (one.value, name, found.counts[one], f"?view={one.value}{suffix}")
            for one, name in names.items()
            if one is not View.DRAFTS or found.counts[one] or view is one
        ]
        return {
            "found": found,
            "view": view.value,
            "tabs": tabs,
            "queues": [(one.queue_id, one.name) for one in known.values()],
            "queue_id": queue_id,
            "may_work": self.has_change_permission(request),
        }

    def live_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the part of the page that changes; nothing where it has not."""
        conversation = self._find(request, str(pk), may="view")
        # Spans of time are told in minutes, so each minute is another page.
        minute = f"{timezone.now():%H%M}"
        tag = f'"{transcripts.fingerprint(conversation)}-{minute}"'

        def page() -> HttpResponse:
            context = self.live_context(request, conversation, before=None)
            return HttpResponse(render_to_string("conversations/_live.html", context, request))

        return _tagged(request, tag, page)

    def live_context(
        self, request: HttpRequest, conversation: Conversation, *, before: datetime | None
    ) -> dict[str, Any]:
        """Return what the changing part of the page shows."""
        now = timezone.now()
        can_change = self.has_change_permission(request, conversation)
        is_open = conversation.status == Conversation.Status.OPEN
        is_human = is_open and conversation.mode == Conversation.Mode.HUMAN
        is_mine = conversation.claimed_by == actor(request)
        due, tone = worklist.deadline(conversation, now=now) if is_human else ("", "")
        back = conversation.returns_at if is_human else None
        return {
            "conversation": conversation,
            "contact_name": str(conversation.contact),
            "channel": sender_for(conversation.channel_kind).title,
            "contact_addresses": conversation.contact.shown_addresses(),
            "contact_url": reverse(
                "admin:conversations_contact_change", args=[conversation.contact_id]
            ),
            "reason": words.cause(conversation.mode_reason) if is_human else "",
            "holder": words.holder(conversation.claimed_by) if is_human else "",
            "is_mine": is_mine,
            "since": words.since(
                conversation.waiting_since or conversation.mode_changed_at, now=now
            ),
            "due": due,
            "due_tone": tone,
            "returns_in": words.left(back, now=now) if back is not None and back > now else "",
            "page": transcripts.transcript(conversation=conversation, before=before),
            "viewer": actor(request),
            "is_open": is_open,
            "is_human": is_human,
            # From another person it is passed on, by name: nobody takes it by a slip.
            "can_take_over": can_change and is_open and takeover.may_be_taken(conversation),
            "can_give_back": can_change and is_human,
            "can_release": can_change and is_human and bool(conversation.claimed_by),
            "can_archive": can_change and is_open,
            "can_note": can_change,
            "can_change": can_change,
            "can_write": can_change
            and is_human
            and takeover.may_be_taken(conversation, by=actor(request)),
            "readable": attaching.readable_kinds(conversation),
            # What the lower part of the page depends on: when it changes, all is loaded anew.
            "state": "|".join(
                str(part)
                for part in (
                    conversation.status,
                    conversation.mode,
                    conversation.claimed_by,
                    conversation.has_draft,
                )
            ),
        }

    def desk_context(self, request: HttpRequest, conversation: Conversation) -> dict[str, Any]:
        """Return what stands beside and below the transcript."""
        can_change = self.has_change_permission(request, conversation)
        is_open = conversation.status == Conversation.Status.OPEN
        is_human = is_open and conversation.mode == Conversation.Mode.HUMAN
        draft = (
            Draft.objects.filter(conversation=conversation, status=Draft.Status.WAITING).first()
            if conversation.has_draft and is_open
            else None
        )
        left = (
            Turn.objects.filter(conversation=conversation, outcome=Turn.Outcome.NEEDS_HUMAN)
            .select_related("agent")
            .order_by("-pk")
            .first()
            if is_human
            else None
        )
        asked = (
            left.messages.select_related("attachment").order_by("sent_at", "pk")
            if left is not None
            else ()
        )
        people = desks.workers().order_by("username")
        contact = conversation.contact
        return {
            "draft": draft,
            "draft_left": words.left(draft.due_at, now=timezone.now()) if draft else "",
            "can_approve": can_change and draft is not None,
            "left_turn": explaining.explain_turn(left) if left is not None else None,
            "left_question": "\n".join(describing.told(one) for one in asked),
            "n_conversations": contact.conversations.count(),
            "people": [one for one in people if one.username != conversation.claimed_by]
            if can_change and is_human
            else [],
            "queues": [
                one for one in desks.desks().values() if one.queue_id != conversation.queue_id
            ]
            if can_change and is_human
            else [],
            "max_note": queue.MAX_NOTE,
            "refresh_s": REFRESH_S,
            "can_reopen": can_change and not is_open,
            "outcome": outcome_badge(conversation),
            "closed_at": conversation.closed_at,
            "facts": [one for one in contact.facts.order_by("pk") if one.is_known(timezone.now())],
            "labels": ", ".join(sorted(one.name for one in conversation.labels.all())),
            "known_labels": labels.names(),
        }

    def release_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Put the conversation back into its queue."""
        return self._do(request, pk, queue.release, _("It waits in the queue again."))

    def reassign_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Give the conversation to another person or queue."""
        kind, _dot, wanted = request.POST.get("to", "").partition(":")
        queue_id = int(wanted) if kind == "queue" and wanted.isdecimal() else None

        def reassign(**given: Any) -> object:
            person = wanted if kind == "person" else ""
            return queue.reassign(**given, person=person, queue_id=queue_id)

        return self._do(request, pk, reassign, _("The conversation has been passed on."))

    def stay_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let the assistant wait until it is called."""
        done = _("The assistant waits until you give the conversation back.")
        return self._do(request, pk, takeover.stay, done)

    def note_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Keep a note."""

        def note(**given: Any) -> object:
            return queue.add_note(**given, text=request.POST.get("text", ""))

        return self._do(request, pk, note, "")

    def note_remove_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Remove a note of one's own."""
        note_id = request.POST.get("note", "")

        def remove(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> object:
            del now
            return queue.remove_note(
                conversation_uuid=conversation_uuid,
                note_id=int(note_id) if note_id.isdecimal() else 0,
                actor=actor,
            )

        return self._do(request, pk, remove, "")

    def reopen_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Open an archived conversation again."""
        done = _("The conversation is open again, and you answer it.")
        return self._do(request, pk, lifecycle.reopen, done)

    def label_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Give the conversation its labels."""

        def label(**given: Any) -> object:
            return labels.set_labels(**given, text=request.POST.get("labels", ""))

        return self._do(request, pk, label, _("The labels are kept."))

    def approve_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send a draft, as it is or with other words."""

        def approve(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> object:
            return approvals.approve(
                draft_uuid=_draft_of(request, conversation_uuid),
                actor=actor,
                now=now,
                text=request.POST.get("text", ""),
            )

        return self._do(request, pk, approve, _("The answer is on its way."))

    def reject_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Throw a draft away and answer oneself."""

        def reject(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> object:
            draft_uuid = _draft_of(request, conversation_uuid)
            return approvals.reject(draft_uuid=draft_uuid, actor=actor, now=now)

        return self._do(request, pk, reject, _("The draft is gone. You answer now."))


def _draft_of(request: HttpRequest, conversation_uuid: uuid.UUID) -> uuid.UUID:
    """Return the draft that a form means, if it is the conversation's.

    Raises:
        DraftGone: it is not.
    """
    found = Draft.objects.filter(
        uuid=_uuid(request.POST.get("draft", "")), conversation__uuid=conversation_uuid
    ).first()
    if found is None:
        raise approvals.DraftGone
    return found.uuid


def _uuid(text: str) -> uuid.UUID:
    """Return what a form gave as an id.

    Raises:
        Http404: it is none.
    """
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise Http404 from error


def _without_tokens(html: str) -> str:
    """Return a page's part without the lines that hold a form's token."""
    return "\n".join(line for line in html.splitlines() if "csrfmiddlewaretoken" not in line)


def _tagged(request: HttpRequest, tag: str, page: Callable[[], HttpResponse]) -> HttpResponse:
    """Return a part of a page under its tag, or that the reader has it already."""
    answer = HttpResponse(status=304) if request.headers.get("if-none-match") == tag else page()
    answer["ETag"], answer["Cache-Control"] = tag, "no-store"
    return answer
