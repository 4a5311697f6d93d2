"""Admin pages of the knowledge: shelves, documents, and what the machine read in them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget

from knowledge.extract import reader
from knowledge.models import Category, Chunk, Document
from knowledge.services import documents
from tenants.panel import PanelAdmin, badge
from tenants.sites import tenant_site

_TONES = {
    Document.Status.READY: "good",
    Document.Status.FAILED: "bad",
    Document.Status.QUEUED: "warn",
    Document.Status.PROCESSING: "warn",
}


@admin.register(Category, site=tenant_site)
class CategoryAdmin(PanelAdmin):
    """Shelves of documents; agents may read some of them."""

    list_display = ("name", "n_documents", "created_at")
    search_fields = ("name",)
    ordering = ("name", "pk")
    fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        """Count the documents along."""
        found: QuerySet[Category] = super().get_queryset(request)
        return found.annotate(n_of_documents=Count("documents"))

    @admin.display(description=_("documents"), ordering="n_of_documents")
    def n_documents(self, obj: Any) -> int:
        """How many documents stand there."""
        return int(obj.n_of_documents)


class DocumentForm(forms.ModelForm):  # type: ignore[type-arg]
    """A file that is uploaded, or replaced by a newer one under the same name."""

    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("PDF, CSV, TXT or MD, at most 20 MB."),
    )

    class Meta:
        model = Document
        fields = ("category",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "file" in self.fields:
            self.fields["file"].required = False
            self.fields["file"].label = _("Newer file")
            self.fields["file"].help_text = _(
                "It takes the place of this one once it has been read; until then this one answers."
            )

    def clean_file(self) -> Any:
        """Refuse what cannot be read, before it is stored.

        Raises:
            ValidationError: too large, or not a kind that is read here.
        """
        upload = self.cleaned_data["file"]
        if upload is None:
            return None
        if upload.size > documents.MAX_BYTES:
            raise ValidationError(str(documents.FileTooLarge()))
        kind = reader.find_kind(documents.file_name(upload.name))
        if kind is None:
            raise ValidationError(str(documents.UnsupportedFile()))
        if self.instance.pk and kind != self.instance.kind:
            raise ValidationError(_("The newer file must be of the same kind as this one."))
        return upload


class ChunkInline(TabularInline):
    """What the machine read in the version that answers."""

    model = Chunk
    fields = ("place", "heading_path", "text")
    readonly_fields = fields
    extra = 0
    per_page = 20
    hide_title = True
    can_delete = False
    tab = True
    verbose_name_plural = _("What the machine read")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Chunk]:
        """Only what is in use, without what searching needs of it."""
        found: QuerySet[Chunk] = super().get_queryset(request)
        shown = found.filter(active=True).order_by("position")
        return shown.defer("embedding", "lexemes", "grams")

    @admin.display(description=_("place"))
    def place(self, obj: Chunk) -> str:
        """Which passage it is, and on what page."""
        number = str(obj.position + 1)
        return (
            number
            if obj.page is None
            else _("%(n)s · p. %(page)s")
            % {
                "n": number,
                "page": obj.page,
            }
        )

    @admin.display(description=_("text"))
    def text(self, obj: Chunk) -> SafeString:
        """The passage as it is searched."""
        return format_html('<div class="pz-read">{}</div>', obj.body)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Passages come from reading."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Passages come from reading."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Passages go with their document."""
        return False


@admin.register(Document, site=tenant_site)
class DocumentAdmin(PanelAdmin):
    """Files that the assistant answers from."""

    form = DocumentForm
    inlines = (ChunkInline,)
    list_display = ("name", "category", "progress_bar", "n_chunks", "version", "updated_at")
    list_select_related = ("category",)
    list_filter = ("status", "category", "kind")
    search_fields = ("name",)
    ordering = ("name", "pk")
    actions = ("read_again",)
    autocomplete_fields = ("category",)
    readonly_fields = (
        "name",
        "kind",
        "progress_bar",
        "problem",
        "n_chunks",
        "version",
        "size",
        "ready_at",
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Ask for the file alone where a document is made."""
        if obj is None:
            return ("category", "file")
        about = ("name", "category", "progress_bar", "problem")
        return (*about, "n_chunks", "version", "size", "ready_at", "file")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep a document on its shelf, which is part of its name."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "category")

    def get_inlines(self, request: HttpRequest, obj: Any) -> tuple[type[TabularInline], ...]:
        """Show what was read of a document that is there."""
        return () if obj is None else self.inlines

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store the file and have it read."""
        upload = form.cleaned_data.get("file")
        if upload is None:
            return
        stored = documents.store_document(
            category=Document.objects.get(pk=obj.pk).category if change else obj.category,
            name=obj.name if change else upload.name,
            content=upload.read(),
            now=timezone.now(),
        )
        obj.pk, obj.uuid, obj.name = stored.document.pk, stored.document.uuid, stored.document.name
        if not stored.changed:
            self.message_user(request, _("This file is stored already."), messages.INFO)

    def delete_model(self, request: HttpRequest, obj: Document) -> None:
        """Remove the document with all that was made of it."""
        documents.delete_document(document=obj)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Name the documents alone: their passages may be thousands."""
        names = [document.name for document in objs]
        return names, {str(self.opts.verbose_name_plural): len(names)}, set(), []

    @action(description=_("Read the selected documents again"), permissions=["change"])
    def read_again(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        """Give failed documents another try."""
        again = [
            document
            for document in queryset
            if documents.retry_document(document=document, now=timezone.now())
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
            self.message_user(request, _("None of them has failed."), messages.INFO)

    def get_urls(self) -> list[Any]:
        """Add the download of the file."""
        own = path(
            "<int:pk>/file/",
            self.admin_site.admin_view(self.download),
            name="knowledge_document_file",
        )
        return [own, *super().get_urls()]

    def download(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Give the file back as it was uploaded; it is never shown by the browser itself."""
        document = Document.objects.defer(None).filter(pk=pk).first()
        if document is None or not self.has_view_permission(request, document):
            raise Http404
        disposition = content_disposition_header(as_attachment=True, filename=document.name)
        return HttpResponse(
            bytes(document.original),
            content_type="application/octet-stream",
            headers={"Content-Disposition": disposition or "attachment"},
        )

    @admin.display(description=_("state"), ordering="status")
    def progress_bar(self, obj: Document) -> SafeString:
        """How far the reading is."""
        status = Document.Status(obj.status)
        label = badge(obj.get_status_display(), _TONES[status])
        if status not in (Document.Status.QUEUED, Document.Status.PROCESSING):
            return label
        return format_html(
            '{} <progress class="pz-progress" max="100" value="{}">{}%</progress>',
            label,
            obj.progress,
            obj.progress,
        )

    @admin.display(description=_("remarks"))
    def problem(self, obj: Document) -> str:
        """Why it failed, or what of it could not be read."""
        return obj.failure_reason or obj.notice or self.empty_value_display

    @admin.display(description=_("file"))
    def size(self, obj: Document) -> SafeString:
        """The file as it was uploaded."""
        return format_html(
            '<a class="pz-link" href="{}">{}</a> · {} kB · {}',
            reverse("admin:knowledge_document_file", args=[obj.pk]),
            _("Download"),
            max(1, round(obj.n_bytes / 1024)),
            date_format(timezone.localtime(obj.created_at), "SHORT_DATETIME_FORMAT"),
        )
