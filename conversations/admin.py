"""Admin pages of conversations, of what came in and what went out."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from conversations import admin_files, admin_sending
from conversations.admin_contacts import short_name
from conversations.admin_people import PeoplePages, refusal
from conversations.admin_playground import PlaygroundPages
from conversations.admin_sending import SendingPages
from conversations.channels import sender_for
from conversations.models import (
    Conversation,
    InboundMessage,
    OutboundMessage,
    Turn,
)
from conversations.services import (
    attaching,
    changing,
    explaining,
    queue,
    replying,
    takeover,
    veto,
    words,
)
from conversations.services.lead_reports import lead_of
from conversations.types import MAX_TEXT
from tenants.errors import DomainError
from tenants.panel import PanelAdmin, ReadOnlyAdmin, actor, badge
from tenants.sites import tenant_site

_VIEW_LEAD = "conversations.view_lead"
_SENT_TONES = {
    OutboundMessage.Status.ACKED: "good",
    OutboundMessage.Status.DELIVERED: "good",
    OutboundMessage.Status.READ: "good",
    OutboundMessage.Status.FAILED: "bad",
    OutboundMessage.Status.CANCELLED: "",
}
_TURN_TONES = {Turn.Status.DONE: "good", Turn.Status.FAILED: "bad", Turn.Status.RUNNING: "warn"}


class WhoAnswersFilter(admin.SimpleListFilter):
    """Who answers the contact now."""

    title = _("who answers")
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices."""
        return [
            ("waiting", _("Waiting for a person")),
            ("assistant", _("The assistant")),
            ("archived", _("Archived")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the conversations of the choice."""
        is_open = queryset.filter(status=Conversation.Status.OPEN)
        match self.value():
            case "waiting":
                return is_open.filter(mode=Conversation.Mode.HUMAN)
            case "assistant":
                return is_open.filter(mode=Conversation.Mode.AI)
            case "archived":
                return queryset.filter(status=Conversation.Status.ARCHIVED)
        return queryset


@admin.register(Conversation, site=tenant_site)
class ConversationAdmin(PeoplePages, SendingPages, PlaygroundPages, PanelAdmin):
    """Conversations: who waits for a person comes first; each opens as a transcript."""

    list_display = (
        "contact_name",
        "channel",
        "who_answers",
        "agent",
        "last_text",
        "last_message_at",
    )
    list_select_related = ("contact", "agent")
    list_filter = (WhoAnswersFilter, "agent")
    search_fields = ("contact__name", "contact__addresses__value")
    search_help_text = _("Name or number of the contact")
    date_hierarchy = "last_message_at"
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A conversation begins by its contact writing."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was said stays; archive the conversation."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        """Bring the last words along."""
        last = InboundMessage.objects.filter(conversation=OuterRef("pk")).order_by("-pk")
        found: QuerySet[Conversation] = super().get_queryset(request)
        return found.annotate(said=Subquery(last.values("text")[:1]))

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        """Return the order of the list."""
        with_people = Q(status=Conversation.Status.OPEN, mode=Conversation.Mode.HUMAN)
        taken = ~Q(claimed_by="")
        place = Case(
            When(with_people & ~taken, then=Value(0)),
            When(with_people, then=Value(1)),
            default=Value(2),
            output_field=IntegerField(),
        )
        return (place.asc(), "-last_message_at", "-pk")

    @admin.display(description=_("contact"), ordering="contact__name")
    def contact_name(self, obj: Conversation) -> str:
        """Who is writing."""
        return short_name(obj.contact)

    @admin.display(description=_("channel"), ordering="channel_kind")
    def channel(self, obj: Conversation) -> str:
        """Where the contact writes."""
        return sender_for(obj.channel_kind).title

    @admin.display(description=_("who answers"), ordering="mode")
    def who_answers(self, obj: Conversation) -> SafeString:
        """Who answers the contact now."""
        if obj.status == Conversation.Status.ARCHIVED:
            return badge(_("archived"))
        if obj.mode == Conversation.Mode.HUMAN:
            return self._with_people(obj)
        return badge(_("assistant"), "good")

    def _with_people(self, obj: Conversation) -> SafeString:
        who = words.holder(obj.claimed_by)
        if who:
            return badge(_("with a person: %(who)s") % {"who": who}, "person")
        return badge(_("waiting for a person"), "warn")

    @admin.display(description=_("last words"))
    def last_text(self, obj: Any) -> str:
        """What the contact wrote last, shortened."""
        return Truncator(obj.said or "").chars(60) or self.empty_value_display

    def get_urls(self) -> list[Any]:
        """Add what can be done on the page of a conversation."""
        views: tuple[tuple[str, Callable[..., HttpResponse]], ...] = (
            ("take-over", require_POST(self.take_over_view)),
            ("give-back", require_POST(self.give_back_view)),
            ("archive", require_POST(self.archive_view)),
            ("reply", require_POST(self.reply_view)),
            *self.people_views(),
            *self.sending_views(),
        )
        files: tuple[tuple[str, str, Callable[..., HttpResponse]], ...] = (
            ("file", "", self.file_view),
            ("file_again", "again/", require_POST(self.file_again_view)),
        )
        own = [
            path(
                f"<int:pk>/files/<uuid:file_uuid>/{end}",
                self.admin_site.admin_view(view, cacheable=True),
                name=f"conversations_conversation_{name}",
            )
            for name, end, view in files
        ]
        own += [
            path(
                f"<int:pk>/{name}/",
                self.admin_site.admin_view(view),
                name=f"conversations_conversation_{name.replace('-', '_')}",
            )
            for name, view in views
        ]
        return [*self.queue_urls(), *own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the conversation as a transcript."""
        conversation = self._find(request, object_id, may="view")
        before = parse_datetime(request.GET.get("before", "").replace(" ", "+"))
        if before is not None and timezone.is_naive(before):
            before = None
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": self.contact_name(conversation),
            "opts": self.opts,
            "is_last_page": before is None,
            "max_text": MAX_TEXT,
            **self.live_context(request, conversation, before=before),
            **self.desk_context(request, conversation),
            **self.planning_context(request, conversation),
            "lead": lead_of(conversation) if request.user.has_perm(_VIEW_LEAD) else None,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "conversations/conversation.html", context)

    def take_over_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let a person answer from now on."""
        return self._do(request, pk, takeover.take_over, _("You answer this conversation now."))

    def give_back_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let the assistant answer again."""
        done = _("The assistant answers again.")
        return self._do(request, pk, takeover.give_back, done)

    def archive_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Close the conversation."""
        return self._do(request, pk, takeover.archive, _("The conversation is archived."))

    def reply_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send what a person wrote, a moment later, so that it can be taken back."""
        sent: list[OutboundMessage] = []

        def reply(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> None:
            message = replying.reply_as_person(
                conversation_uuid=conversation_uuid,
                text=request.POST.get("text", ""),
                actor=actor,
                now=now,
                may_undo=True,
                file=admin_sending.file_of(request),
                place=admin_sending.place_of(request),
                quoted_uuid=admin_sending.quoted_of(request.POST),
            )
            sent.append(message)

        answer = self._do(request, pk, reply, "")
        if "fetch" not in request.GET:
            return answer
        if sent:
            told = {"message": str(sent[0].uuid), "held_s": replying.UNDO_S}
            return JsonResponse({**told, "undo_s": changing.UNDO_S})
        refused = " ".join(str(one) for one in messages.get_messages(request))
        return JsonResponse({"refused": refused})

    def file_view(self, request: HttpRequest, pk: int, file_uuid: uuid.UUID) -> HttpResponse:
        """Give out a file that the contact sent."""
        conversation = self._find(request, str(pk), may="view")
        return admin_files.answer(request, admin_files.any_file(conversation, file_uuid))

    def file_again_view(self, request: HttpRequest, pk: int, file_uuid: uuid.UUID) -> HttpResponse:
        """Have a file fetched or put into words once more."""
        found = admin_files.attachment(self._find(request, str(pk), may="change"), file_uuid)

        def again(*, conversation_uuid: uuid.UUID, actor: str, now: datetime) -> object:
            return attaching.try_again(attachment_uuid=found.uuid, actor=actor, now=now)

        return self._do(request, pk, again, _("It is being tried again."))

    def _do(
        self, request: HttpRequest, pk: int, verb: Callable[..., object], done: object
    ) -> HttpResponse:
        conversation = self._find(request, str(pk), may="change")
        try:
            verb(conversation_uuid=conversation.uuid, actor=actor(request), now=timezone.now())
        except (replying.NotInPeoplesHands, queue.NotWithPeople):
            self.message_user(request, _("Take the conversation over first."), messages.ERROR)
        except takeover.AlreadyTaken as error:
            text = _("%(who)s has this conversation already.") % {"who": words.holder(error.who)}
            self.message_user(request, text, messages.ERROR)
        except replying.NothingToSend:
            text = _("Write up to %(n)s characters.") % {"n": MAX_TEXT}
            self.message_user(request, text, messages.ERROR)
        except DomainError as error:
            self.message_user(request, refusal(error), messages.ERROR)
        else:
            if done:
                self.message_user(request, done, messages.SUCCESS)
        url = reverse("admin:conversations_conversation_change", args=[pk])
        return HttpResponseRedirect(f"{url}#end")

    def _find(self, request: HttpRequest, object_id: str, *, may: str) -> Conversation:
        """Return the conversation, if the person may do that with it.

        Raises:
            PermissionDenied: the role does not allow it.
            Http404: there is none.
        """
        if not getattr(self, f"has_{may}_permission")(request):
            raise PermissionDenied
        rows = Conversation.objects.select_related("contact", "agent", "queue").prefetch_related(
            "contact__addresses"
        )
        found = rows.filter(pk=int(object_id)).first() if object_id.isdecimal() else None
        if found is None:
            raise Http404
        return found


@admin.register(Turn, site=tenant_site)
class TurnAdmin(ReadOnlyAdmin):
    """Answering cycles: what came of each and how long it took."""

    list_display = (
        "started_at",
        "conversation_link",
        "agent",
        "status_badge",
        "shown_outcome",
        "n_messages",
        "duration",
        "model",
    )
    list_select_related = ("conversation__contact", "agent")
    list_filter = ("status", "outcome", "agent", "provider")
    date_hierarchy = "started_at"
    ordering = ("-started_at", "-pk")
    fields = ("conversation_page", "started_at", "status_badge", "shown_outcome", "panel")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Turn]:
        """Bring along whose burst it was and who answered."""
        found: QuerySet[Turn] = super().get_queryset(request)
        return found.select_related("conversation__contact", "agent")

    @admin.display(description=_("contact"))
    def conversation_link(self, obj: Turn) -> str:
        """Whose burst it was."""
        return short_name(obj.conversation.contact)

    @admin.display(description=_("conversation"))
    def conversation_page(self, obj: Turn) -> SafeString:
        """The way to the conversation, at the place of this turn."""
        url = reverse("admin:conversations_conversation_change", args=[obj.conversation_id])
        name = short_name(obj.conversation.contact)
        return format_html('<a class="pz-link" href="{}#turn-{}">{}</a>', url, obj.pk, name)

    @admin.display(description=_("status"), ordering="status")
    def status_badge(self, obj: Turn) -> SafeString:
        """The status as a label."""
        return badge(obj.get_status_display(), _TURN_TONES.get(Turn.Status(obj.status), ""))

    @admin.display(description=_("outcome"), ordering="outcome")
    def shown_outcome(self, obj: Turn) -> str:
        """What came of it, and why."""
        # What a turn had found that was superseded came to nobody.
        is_shown = obj.outcome and obj.status != Turn.Status.SUPERSEDED
        parts = (obj.get_outcome_display() if is_shown else "", words.reason(obj.reason))
        return ": ".join(part for part in parts if part) or self.empty_value_display

    @admin.display(description=_("took"))
    def duration(self, obj: Turn) -> str:
        """From its beginning to its end."""
        if obj.finished_at is None:
            return self.empty_value_display
        return words.seconds(round((obj.finished_at - obj.started_at).total_seconds() * 1000))

    @admin.display(description=_("what happened"))
    def panel(self, obj: Turn) -> SafeString:
        """Its steps, as on the page of the conversation."""
        return render_to_string(
            "conversations/_turn.html", {"turn": explaining.explain_turn(obj), "is_unfolded": True}
        )


@admin.register(OutboundMessage, site=tenant_site)
class OutboundMessageAdmin(ReadOnlyAdmin):
    """The outbox: what waits, what was sent and what could not be."""

    list_display = ("created_at", "to", "origin", "beginning", "status_badge", "n_attempts", "why")
    list_select_related = ("conversation__contact",)
    list_filter = ("status", "origin")
    date_hierarchy = "created_at"
    ordering = ("-pk",)
    fields = (
        "to",
        "origin",
        "text",
        "status_badge",
        "why",
        "n_attempts",
        "next_attempt_at",
        "created_at",
        "handed_at",
        "acked_at",
        "delivered_at",
        "read_at",
        "provider_ref",
    )

    @admin.display(description=_("to"))
    def to(self, obj: OutboundMessage) -> str:
        """To whom it goes."""
        return short_name(obj.conversation.contact)

    @admin.display(description=_("text"))
    def beginning(self, obj: OutboundMessage) -> str:
        """How it begins."""
        return Truncator(obj.text).chars(60)

    @admin.display(description=_("status"), ordering="status")
    def status_badge(self, obj: OutboundMessage) -> SafeString:
        """The rung of the delivery ladder."""
        status = OutboundMessage.Status(obj.status)
        return badge(obj.get_status_display(), _SENT_TONES.get(status, "warn"))

    @admin.display(description=_("why"))
    def why(self, obj: OutboundMessage) -> str:
        """Why it was not sent, or not yet."""
        held = words.reason(veto.reason_of(obj.held_by)) if obj.held_by else ""
        return held or words.reason(obj.failure_reason) or self.empty_value_display


# Registers the pages of comparisons, which have a module of their own.
from conversations import admin_experiments as admin_experiments  # noqa: E402

# Registers the page of the hours, which has a module of its own.
from conversations import admin_hours as admin_hours  # noqa: E402

# Registers the pages of leads.
from conversations import admin_lead_setup as admin_lead_setup  # noqa: E402
from conversations import admin_leads as admin_leads  # noqa: E402

# It registers its page on the tenant's site when it is imported.
from conversations import admin_queues as admin_queues  # noqa: E402
