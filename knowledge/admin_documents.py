"""The list of documents: many files at once, what became of each, and how far the reading is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, cast

from django.contrib import admin, messages
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q, QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseRedirect,
    JsonResponse,
)
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import action

from knowledge import admin_pages as pages
from knowledge.admin_document_page import DocumentPage
from knowledge.admin_faqs import FaqPages
from knowledge.extract import reader
from knowledge.models import Category, Document
from knowledge.services import bin as paper_bin
from knowledge.services import documents, uploading, versions
from tenants.errors import DomainError
from tenants.panel import actor
from tenants.sites import tenant_site

MAX_POLLED = 200
"""Documents of one question for progress; more than a page of the list holds."""


class BinFilter(admin.SimpleListFilter):
    """Documents in use, or those thrown away."""

    title = _("bin")
    parameter_name = "bin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices."""
        return [("1", _("In the bin"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the documents of the choice; questions and answers have a page of their own."""
        if self.value() == "1":
            return queryset.filter(deleted_at__isnull=False)
        return queryset.filter(deleted_at__isnull=True).exclude(kind=Document.Kind.FAQ)


class ValidityFilter(admin.SimpleListFilter):
    """Documents by whether they may be quoted today."""

    title = _("validity")
    parameter_name = "validity"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices."""
        return [
            ("now", _("Valid today")),
            ("expired", _("Expired")),
            ("later", _("Not valid yet")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the documents of the choice."""
        day = pages.today()
        over, later = Q(valid_until__lt=day), Q(valid_from__gt=day)
        match self.value():
            case "expired":
                return queryset.filter(over)
            case "later":
                return queryset.filter(later)
            case "now":
                # Each side apart: "not (an empty day is over)" is unknown in SQL, not true.
                began = Q(valid_from__isnull=True) | Q(valid_from__lte=day)
                return queryset.filter(Q(valid_until__isnull=True) | Q(valid_until__gte=day), began)
        return queryset


@dataclass(frozen=True, slots=True)
class Received:
    """What became of one file."""

    name: str
    tone: str
    text: str
    id: int | None = None
    url: str = ""
    busy: bool = False


@admin.register(Document, site=tenant_site)
class DocumentAdmin(DocumentPage, FaqPages):
    """Files that the assistant answers from."""

    change_list_template = "knowledge/documents.html"
    list_before_template = "knowledge/_upload.html"
    list_display = (
        "shown_name",
        "category",
        "state",
        "passages",
        "shown_version",
        "shown_validity",
        "shown_language",
    )
    list_select_related = ("category",)
    list_filter = (BinFilter, "status", "category", ValidityFilter, "kind", "language")
    search_fields = ("name",)
    search_help_text = _("Name of the file")
    ordering = ("name", "pk")
    actions = ("read_again", "move_to_bin", "take_out_of_bin")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        """Leave out what no list shows."""
        found: QuerySet[Document] = super().get_queryset(request)
        return found.select_related("category")

    def get_actions(self, request: HttpRequest) -> Any:
        """Offer the bin instead of removing for good, and what makes sense in either place."""
        found = super().get_actions(request)
        found.pop("delete_selected", None)
        in_bin = request.GET.get("bin") == "1"
        for name in ("read_again", "move_to_bin") if in_bin else ("take_out_of_bin",):
            found.pop(name, None)
        return found

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list below the place where files are dropped."""
        may_add = self.has_add_permission(request)
        shelves = pages.categories() if may_add else []
        chosen = request.GET.get("category__id__exact", "")
        in_bin = request.GET.get("bin") == "1"
        context = {
            "title": gettext("Bin") if in_bin else gettext("Documents"),
            "subtitle": None,
            "may_upload": may_add and not in_bin,
            "in_bin": in_bin,
            "bin_days": paper_bin.KEEP.days,
            "shelves": shelves,
            "chosen_shelf": int(chosen) if chosen.isdecimal() else None,
            "max_bytes": documents.MAX_BYTES,
            "accepted": reader.ACCEPT,
            "validity_form": pages.ValidityForm(auto_id="pz-upload-%s"),
            **(extra_context or {}),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Lead to the place where files are dropped."""
        self.need(request, "add_document")
        return HttpResponseRedirect(f"{pages.changelist_of_documents()}#pz-upload")

    def get_urls(self) -> list[Any]:
        """Add the taking of files and the telling of progress."""
        view = self.admin_site.admin_view
        own = [
            path(
                "upload/",
                view(require_POST(self.upload_view)),
                name="knowledge_document_upload",
            ),
            path("states/", view(self.states_view), name="knowledge_document_states"),
        ]
        return [*own, *super().get_urls()]

    def upload_view(self, request: HttpRequest) -> HttpResponse:
        """Take files; each is stored or refused by itself."""
        self.need(request, "add_document")
        as_json = "application/json" in request.headers.get("Accept", "")
        days = pages.ValidityForm(request.POST)
        try:
            category = self._shelf(request)
            if not days.is_valid():
                raise versions.ValidityOutOfOrder
            valid = {name: days.cleaned_data[name] for name in ("valid_from", "valid_until")}
            versions.check_validity(**valid)
        except DomainError as error:
            if as_json:
                return JsonResponse({"error": str(error)}, status=error.http_status)
            messages.error(request, str(error))
            return HttpResponseRedirect(pages.changelist_of_documents())
        results = [
            self._receive(request, upload, category=category, valid=valid)
            for upload in cast("list[UploadedFile[Any]]", request.FILES.getlist("files"))
        ]
        if as_json:
            return JsonResponse({"results": [asdict(one) for one in results]})
        if not results:
            messages.error(request, gettext("Choose at least one file."))
            return HttpResponseRedirect(pages.changelist_of_documents())
        return self.show(
            request,
            "knowledge/received.html",
            title=gettext("Files received"),
            results=results,
            category=category,
        )

    def _shelf(self, request: HttpRequest) -> Category:
        """Return the category that the files go to, made if it was typed.

        Raises:
            NoCategory: none was chosen.
        """
        typed = request.POST.get("new_category", "").strip()
        if typed and self.has_add_shelf_permission(request):
            return documents.ensure_category(name=typed)
        chosen = request.POST.get("category", "")
        found = Category.objects.filter(pk=int(chosen)).first() if chosen.isdecimal() else None
        if found is None:
            raise NoCategory
        return found

    def has_add_shelf_permission(self, request: HttpRequest) -> bool:
        """Test whether the person may make a category."""
        return request.user.has_perm("knowledge.add_category")

    def _receive(
        self,
        request: HttpRequest,
        upload: UploadedFile[Any],
        *,
        category: Category,
        valid: dict[str, Any],
    ) -> Received:
        shown = documents.file_name(upload.name or "") or gettext("(without a name)")
        now = timezone.now()
        try:
            if (upload.size or 0) > documents.MAX_BYTES:
                raise documents.FileTooLarge
            stored = uploading.receive_upload(
                category=category,
                name=upload.name or "",
                content=upload.read(),
                actor=actor(request),
                now=now,
                **valid,
            )
        except DomainError as error:
            return Received(name=shown, tone="bad", text=str(error))
        document = stored.document
        return Received(
            name=document.name,
            tone=_tone(stored),
            text=pages.received(stored),
            id=document.pk,
            url=reverse("admin:knowledge_document_change", args=[document.pk]),
            busy=document.status in pages.BUSY,
        )

    def states_view(self, request: HttpRequest) -> HttpResponse:
        """Say how far the reading of some documents is."""
        self.need(request, "view_document")
        asked = pages.ids_in(request.GET.get("ids", ""))
        if not asked or len(asked) > MAX_POLLED:
            return HttpResponseBadRequest()
        found = Document.objects.filter(pk__in=asked)
        return JsonResponse({"documents": [pages.state_as_json(one) for one in found]})

    @action(description=_("Read the selected documents again"), permissions=["change"])
    def read_again(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        """Give documents another try."""
        again = [
            document
            for document in queryset
            if documents.retry_document(document=document, now=timezone.now(), is_forced=True)
        ]
        for document in again:
            self.audit(request, document, "read_again", None)
        n_again = len(again)
        if n_again:
            text = ngettext(
                "%(n)s document is read again.", "%(n)s documents are read again.", n_again
            )
            self.message_user(request, text % {"n": n_again}, messages.SUCCESS)
        else:
            self.message_user(request, _("They are being read already."), messages.INFO)

    @action(description=_("Move the selected documents to the bin"), permissions=["delete"])
    def move_to_bin(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        """Throw documents away."""
        thrown = [one for one in queryset if self.throw_away(request, one)]
        text = ngettext(
            "%(n)s document is in the bin.", "%(n)s documents are in the bin.", len(thrown)
        ) % {"n": len(thrown)}
        pages.tell_with_undo(
            request,
            text,
            reverse("admin:knowledge_document_undo") + _ids(thrown),
        ) if thrown else self.message_user(request, text, messages.INFO)

    @action(description=_("Take the selected documents out of the bin"), permissions=["delete"])
    def take_out_of_bin(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        """Take documents out of the bin."""
        n_out = sum(self.take_out(request, one) for one in queryset)
        text = ngettext("%(n)s document answers again.", "%(n)s documents answer again.", n_out)
        self.message_user(request, text % {"n": n_out}, messages.SUCCESS)

    @admin.display(description=_("name"), ordering="name")
    def shown_name(self, obj: Document) -> SafeString:
        """The file, with what is wrong with it."""
        problem = pages.live_cell(obj, "problem")
        return format_html('<span class="pz-doc">{}</span><br>{}', obj.name, problem)

    @admin.display(description=_("state"), ordering="status")
    def state(self, obj: Document) -> SafeString:
        """How far the reading is."""
        return pages.state_cell(obj)

    @admin.display(description=_("passages"), ordering="n_chunks")
    def passages(self, obj: Document) -> SafeString:
        """How many passages answer."""
        return pages.live_cell(obj, "passages")

    @admin.display(description=_("version"), ordering="version")
    def shown_version(self, obj: Document) -> SafeString:
        """Its newest version."""
        return pages.live_cell(obj, "version")

    @admin.display(description=_("validity"), ordering="valid_until")
    def shown_validity(self, obj: Document) -> SafeString | str:
        """On which days it may be quoted."""
        return pages.validity(obj)

    @admin.display(description=_("language"), ordering="language")
    def shown_language(self, obj: Document) -> SafeString:
        """In what language it is written."""
        return pages.live_cell(obj, "language")


class NoCategory(DomainError):
    """A file needs a category."""

    code = "no_category"
    http_status = 422

    def __init__(self) -> None:
        super().__init__(gettext("Choose a category for the files, or type the name of a new one."))


def _ids(found: list[Document]) -> str:
    return "?ids=" + "-".join(str(one.pk) for one in found)


def _tone(stored: documents.Stored) -> str:
    if pages.is_expired(stored.document):
        return "warn"
    if not stored.changed and not stored.restored:
        return ""
    return "good" if stored.document.deleted_at is None else "warn"
