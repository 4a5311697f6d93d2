"""Admin pages of leads: the board, one lead with everything that bears it out, and the list."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from conversations.admin_contacts import short_name
from conversations.models import Lead, LeadMove, LeadStage
from conversations.services import lead_export, lead_reports, lead_stages, leads
from tenants.audit.record import record
from tenants.errors import DomainError
from tenants.panel import PanelAdmin, actor, badge, muted
from tenants.sites import tenant_site
from tenants.streaming import streamed

_TONES = {
    LeadStage.Kind.QUALIFIED: "person",
    LeadStage.Kind.WON: "good",
    LeadStage.Kind.LOST: "bad",
}


class QualifiedFilter(admin.SimpleListFilter):
    """Whether a lead has qualified."""

    title = _("qualified")
    parameter_name = "qualified"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices."""
        return [("yes", _("Yes")), ("no", _("Not yet"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the leads of the choice."""
        if self.value() in ("yes", "no"):
            return queryset.filter(qualified_at__isnull=self.value() == "no")
        return queryset


@admin.register(Lead, site=tenant_site)
class LeadAdmin(PanelAdmin):
    """Leads: what was found out, who says so, and where each stands."""

    list_display = ("who", "stage_badge", "score", "qualified", "came_from", "updated_at")
    list_select_related = ("contact", "stage")
    list_filter = ("stage", QualifiedFilter)
    search_fields = ("contact__name", "contact__addresses__value", "values__value")
    search_help_text = _("Name or number of the contact, or anything they told")
    date_hierarchy = "created_at"
    ordering = ("-updated_at", "-pk")
    actions = None
    list_before_template = "conversations/_leads.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A lead begins by what a contact says, or by a form."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was found out stays; move it to lost."""
        return False

    def get_urls(self) -> list[Any]:
        """Add the board, the file, and what can be done with a lead."""
        pages = (
            ("board", require_GET(self.board_view)),
            ("export", require_GET(self.export_view)),
        )
        verbs = (
            ("move", self.move_view),
            ("correct", self.correct_view),
            ("settle", self.settle_view),
            ("release", self.release_view),
        )
        view = self.admin_site.admin_view
        return [
            *(
                path(f"{name}/", view(one), name=f"conversations_lead_{name}")
                for name, one in pages
            ),
            path(
                "moves/<uuid:move_uuid>/undo/",
                view(require_POST(self.undo_view)),
                name="conversations_lead_undo",
            ),
            *(
                path(
                    f"<int:pk>/{name}/", view(require_POST(one)), name=f"conversations_lead_{name}"
                )
                for name, one in verbs
            ),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, with the ways to the board and to the file."""
        query = request.GET.urlencode()
        context = {
            "board_url": reverse("admin:conversations_lead_board"),
            "export_url": f"{reverse('admin:conversations_lead_export')}?{query}",
            "may_export": self.has_change_permission(request),
            **(extra_context or {}),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def board_view(self, request: HttpRequest) -> HttpResponse:
        """Show all stages with their newest leads."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        columns = lead_stages.board(now=timezone.now())
        context = {
            **self.admin_site.each_context(request),
            "title": _("Leads"),
            "opts": self.opts,
            "columns": lead_reports.cards(columns),
            "is_empty": not any(one.n for one in columns),
            "may_change": self.has_change_permission(request),
            "may_set_up": request.user.has_perm("conversations.change_leadsettings"),
            "moved": self._moved(request),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "conversations/leads_board.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show a lead with all that was said of it."""
        lead = self._find(request, object_id, may="view")
        context = {
            **self.admin_site.each_context(request),
            "title": short_name(lead.contact),
            "opts": self.opts,
            "lead": lead,
            "stages": lead_stages.stages(),
            "tone": _TONES.get(LeadStage.Kind(lead.stage.kind), ""),
            "may_change": self.has_change_permission(request),
            "moved": self._moved(request),
            **lead_reports.page(lead),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "conversations/lead.html", context)

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """Send what the list shows as a file, while it is being read."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        rows = self.get_changelist_instance(request).get_queryset(request)
        record(action="leads.exported", actor=actor(request), target="leads", data={})
        day = timezone.localdate().isoformat()
        return StreamingHttpResponse(
            streamed(request, lead_export.stream(rows)),
            content_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="leads-{day}.csv"',
                "X-Content-Type-Options": "nosniff",
            },
        )

    def move_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Put a lead into another stage."""
        stage = request.POST.get("stage", "")
        moved: list[LeadMove] = []

        def move(lead: Lead) -> None:
            found = lead_stages.move(
                lead=lead,
                stage_id=int(stage) if stage.isdecimal() else 0,
                actor=actor(request),
                now=timezone.now(),
            )
            moved.extend([found] if found else [])

        self._do(request, pk, move, "")
        return HttpResponseRedirect(
            self._back(request, pk) + (f"?moved={moved[0].uuid}" if moved else "")
        )

    def undo_view(self, request: HttpRequest, move_uuid: uuid.UUID) -> HttpResponse:
        """Take a move back."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        try:
            moved = lead_stages.undo(move_uuid=move_uuid, actor=actor(request), now=timezone.now())
        except DomainError as error:
            self.message_user(request, _refusal(error), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:conversations_lead_board"))
        text = _("It stands in “%(stage)s” again.") % {"stage": moved.from_stage.name}
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(self._back(request, moved.lead_id))

    def correct_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Write a value by hand."""

        def correct(lead: Lead) -> None:
            leads.correct(
                lead=lead,
                key=request.POST.get("key", ""),
                value=request.POST.get("value", ""),
                is_against="against" in request.POST,
                actor=actor(request),
                now=timezone.now(),
            )

        self._do(request, pk, correct, _("Kept. The assistant does not change it any more."))
        return self._page(pk)

    def settle_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Say which of several values is right."""
        given = request.POST.get("value", "")

        def settle(lead: Lead) -> None:
            leads.settle(
                lead=lead,
                value_id=int(given) if given.isdecimal() else 0,
                actor=actor(request),
                now=timezone.now(),
            )

        self._do(request, pk, settle, _("Kept. The assistant does not change it any more."))
        return self._page(pk)

    def release_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let what the contact says count again."""

        def release(lead: Lead) -> None:
            leads.release(
                lead=lead,
                key=request.POST.get("key", ""),
                actor=actor(request),
                now=timezone.now(),
            )

        self._do(request, pk, release, _("What the contact says counts again."))
        return self._page(pk)

    def _do(
        self, request: HttpRequest, pk: int, verb: Callable[[Lead], None], done: object
    ) -> None:
        lead = self._find(request, str(pk), may="change")
        try:
            verb(lead)
        except DomainError as error:
            self.message_user(request, _refusal(error), messages.ERROR)
        else:
            if done:
                self.message_user(request, done, messages.SUCCESS)

    def _find(self, request: HttpRequest, object_id: str, *, may: str) -> Lead:
        if not getattr(self, f"has_{may}_permission")(request):
            raise PermissionDenied
        rows = Lead.objects.select_related("contact", "conversation", "stage")
        found = rows.filter(pk=int(object_id)).first() if object_id.isdecimal() else None
        if found is None:
            raise Http404
        return found

    def _moved(self, request: HttpRequest) -> LeadMove | None:
        """Return the move that this person has just made and can take back."""
        try:
            ref = uuid.UUID(request.GET.get("moved", ""))
        except ValueError:
            return None
        rows = LeadMove.objects.select_related("lead__contact", "to_stage")
        return rows.filter(uuid=ref, by=actor(request), is_undone=False).first()

    def _back(self, request: HttpRequest, pk: int) -> str:
        if request.POST.get("from") == "lead":
            return reverse("admin:conversations_lead_change", args=[pk])
        return reverse("admin:conversations_lead_board")

    def _page(self, pk: int) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:conversations_lead_change", args=[pk]))

    @admin.display(description=_("contact"), ordering="contact__name")
    def who(self, obj: Lead) -> str:
        """Whose lead it is."""
        return short_name(obj.contact)

    @admin.display(description=_("stage"), ordering="stage__position")
    def stage_badge(self, obj: Lead) -> SafeString:
        """Where it stands."""
        return badge(obj.stage.name, _TONES.get(LeadStage.Kind(obj.stage.kind), ""))

    @admin.display(description=_("qualified"), ordering="qualified_at")
    def qualified(self, obj: Lead) -> SafeString:
        """Whether it was told of as qualified."""
        return badge(_("yes"), "good") if obj.qualified_at else muted(_("not yet"))

    @admin.display(description=_("came from"), ordering="source")
    def came_from(self, obj: Lead) -> str:
        """The form that brought it."""
        return obj.source or str(_("conversation"))


def _refusal(error: DomainError) -> object:
    match error:
        case lead_stages.LeadGone():
            return _("It was moved or removed meanwhile; look at it again.")
        case lead_stages.AnotherIsOpen():
            return _("This contact has another open lead; this one stays closed.")
    return _("This value cannot be kept here; choose one of those offered.")
