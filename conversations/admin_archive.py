"""The archive, its labels, and when conversations end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET
from unfold.admin import TabularInline

from conversations.models import (
    ArchivedConversation,
    ContactFact,
    Conversation,
    ConversationSettings,
    Label,
    OutboundMessage,
)
from conversations.services import archive, desks, exporting, labels, lifecycle
from tenants.audit.record import record
from tenants.panel import OneRowAdmin, PanelAdmin, actor, badge, muted
from tenants.sites import tenant_site
from tenants.streaming import streamed

_TONES = {
    Conversation.Outcome.RESOLVED: "good",
    Conversation.Outcome.PERSON: "person",
    Conversation.Outcome.UNRESOLVED: "bad",
    Conversation.Outcome.ABANDONED: "warn",
    Conversation.Outcome.OPTED_OUT: "warn",
}


def outcome_badge(conversation: Conversation) -> SafeString:
    """Return how a conversation ended."""
    if not conversation.outcome:
        return muted(_("being summed up"))
    outcome = Conversation.Outcome(conversation.outcome)
    return badge(outcome.label, _TONES.get(outcome, ""))


class WhoAnsweredFilter(admin.SimpleListFilter):
    """Who answered the contact."""

    title = _("who answered")
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices."""
        people = desks.workers().order_by("username").values_list("username", flat=True)
        return [
            ("assistant", _("Only the assistant")),
            ("people", _("People, too")),
            ("phone", _("On the paired phone")),
            *((f"user:{one}", one) for one in people),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the conversations of the choice."""
        sent = OutboundMessage.objects.filter(conversation=OuterRef("pk"))
        people = (OutboundMessage.Origin.PERSON, OutboundMessage.Origin.PHONE)
        value = self.value() or ""
        match value.partition(":"):
            case ("assistant", _, _):
                return queryset.exclude(Exists(sent.filter(origin__in=people)))
            case ("people", _, _):
                return queryset.filter(Exists(sent.filter(origin__in=people)))
            case ("phone", _, _):
                return queryset.filter(Exists(sent.filter(origin=OutboundMessage.Origin.PHONE)))
            case ("user", _, name):
                return queryset.filter(Exists(sent.filter(written_by=name)))
        return queryset


class LabelFilter(admin.SimpleListFilter):
    """Which label a conversation bears."""

    title = _("label")
    parameter_name = "label"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices."""
        return [(one, one) for one in labels.names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the conversations of the choice."""
        return queryset.filter(labels__name=self.value()) if self.value() else queryset


@admin.register(ArchivedConversation, site=tenant_site)
class ArchiveAdmin(PanelAdmin):
    """Conversations that are over: found by words, filtered, taken away as files."""

    list_display = ("closed_at", "who", "ended", "about", "agent", "shown_labels")
    list_select_related = ("contact", "agent")
    list_filter = ("outcome", "agent", LabelFilter, WhoAnsweredFilter)
    search_fields = ("summary",)  # what is searched is `archive.search`
    search_help_text = _("Any words of it, or a name or number; accents and typos do not matter")
    date_hierarchy = "closed_at"
    ordering = ("-closed_at", "-pk")
    actions = None
    list_before_template = "conversations/_archive.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A conversation comes here when it ends."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was said stays."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ArchivedConversation]:
        """Leave out what goes on."""
        found: QuerySet[ArchivedConversation] = super().get_queryset(request)
        return found.filter(status=Conversation.Status.ARCHIVED).prefetch_related("labels")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by words, not by pieces of columns."""
        return archive.search(queryset, search_term), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, with the ways to take it away."""
        query = request.GET.urlencode()
        files = [
            (kind.upper(), f"{reverse(f'admin:conversations_archive_{kind}')}?{query}")
            for kind in exporting.MOST
        ]
        context = {
            "files": files if self.has_change_permission(request) else [],
            "labels_url": reverse("admin:conversations_label_changelist"),
            "settings_url": reverse("admin:conversations_conversationsettings_changelist"),
            "hours": lifecycle.settings().close_after_h,
            **(extra_context or {}),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the conversation's own page."""
        page: HttpResponse = self.admin_site.get_model_admin(Conversation).change_view(
            request, object_id
        )
        return page

    def get_urls(self) -> list[Any]:
        """Add the files."""
        own = [
            path(
                f"export/{kind}/",
                self.admin_site.admin_view(require_GET(self._exporter(kind))),
                name=f"conversations_archive_{kind}",
            )
            for kind in exporting.MOST
        ]
        return [*own, *super().get_urls()]

    def _exporter(self, kind: str) -> Callable[[HttpRequest], HttpResponseBase]:
        def view(request: HttpRequest) -> HttpResponseBase:
            return self._export(request, kind)

        return view

    def _export(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """Return what the list shows as a file."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        rows = self.get_changelist_instance(request).get_queryset(request)
        try:
            made = exporting.export(rows, kind=kind)
        except exporting.TooMany as error:
            text = _("A file of this kind takes up to %(n)s conversations: narrow the filter.")
            self.message_user(request, text % {"n": error.most}, messages.ERROR)
            page = reverse("admin:conversations_archivedconversation_changelist")
            return HttpResponseRedirect(f"{page}?{request.GET.urlencode()}")
        record(
            action="archive.exported",
            actor=actor(request),
            target="archive",
            data={"kind": kind, "n_conversations": made.n_conversations},
        )
        day = timezone.localdate().isoformat()
        return StreamingHttpResponse(
            streamed(request, made.parts),
            content_type=exporting.CONTENT_TYPES[kind],
            headers={
                "Content-Disposition": f'attachment; filename="conversations-{day}.{kind}"',
                "X-Content-Type-Options": "nosniff",
            },
        )

    @admin.display(description=_("contact"), ordering="contact__name")
    def who(self, obj: Conversation) -> str:
        """Who wrote."""
        return Truncator(str(obj.contact)).chars(60)

    @admin.display(description=_("outcome"), ordering="outcome")
    def ended(self, obj: Conversation) -> SafeString:
        """How it ended."""
        return outcome_badge(obj)

    @admin.display(description=_("about"))
    def about(self, obj: Conversation) -> str:
        """What it was about, in a few words."""
        text = ", ".join(obj.topics) or obj.summary
        return Truncator(text).chars(80) or self.empty_value_display

    @admin.display(description=_("labels"))
    def shown_labels(self, obj: ArchivedConversation) -> SafeString | str:
        """Its labels."""
        found = [(badge(one.name),) for one in obj.labels.all()]
        return format_html_join(" ", "{}", found) if found else self.empty_value_display


@admin.register(Label, site=tenant_site)
class LabelAdmin(PanelAdmin):
    """Labels; they are given on the page of a conversation."""

    list_display = ("name", "used")
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name",)
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Label]:
        """Count along where each is used."""
        found: QuerySet[Label] = super().get_queryset(request)
        return found.annotate(n_used=Count("conversations"))

    @admin.display(description=_("conversations"))
    def used(self, obj: Any) -> SafeString:
        """How many conversations bear it."""
        page = reverse("admin:conversations_archivedconversation_changelist")
        return format_html(
            '<a class="pz-link" href="{}?label={}">{}</a>',
            page,
            obj.name,
            obj.n_used,
        )


class FactInline(TabularInline):
    """What is known of a contact; what is written here is not replaced by what they say later."""

    model = ContactFact
    fields = ("kind", "value", "valid_until", "origin")
    readonly_fields = ("origin",)
    extra = 0
    hide_title = True
    verbose_name_plural = _("What the assistant knows")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContactFact]:
        """Bring the messages along."""
        found: QuerySet[ContactFact] = super().get_queryset(request)
        return found.select_related("source").order_by("pk")

    @admin.display(description=_("where it stands"))
    def origin(self, obj: ContactFact) -> SafeString | str:
        """The message that it stands in, or who wrote it."""
        if obj.set_by:
            return obj.set_by
        if obj.source is None:
            return "–"
        page = reverse("admin:conversations_conversation_change", args=[obj.source.conversation_id])
        return format_html(
            '<a class="pz-link" href="{}#i{}">{}</a>',
            page,
            obj.source_id,
            Truncator(obj.source.text).chars(60) or _("message"),
        )


def keep_facts(request: HttpRequest, formset: Any) -> None:
    """Store what a person wrote of a contact, under their name."""
    for fact in formset.save(commit=False):
        fact.set_by = actor(request)
        fact.learnt_at, fact.source = timezone.now(), None
        fact.save()
    for fact in formset.deleted_objects:
        fact.delete()


@admin.register(ConversationSettings, site=tenant_site)
class ConversationSettingsAdmin(OneRowAdmin):
    """One row, opened at once."""

    fieldsets = (
        (_("When a conversation ends"), {"fields": ("close_after_h", "close_with_people")}),
        (_("When the contact writes again"), {"fields": ("reopen_within_h",)}),
        (_("Files of messages"), {"fields": ("keep_files_days",)}),
    )

    def row(self) -> ConversationSettings:
        """Return the settings, the defaults before the first are saved."""
        return lifecycle.settings()

    def forget(self) -> None:
        """Have the next conversation follow them."""
        lifecycle.forget()
