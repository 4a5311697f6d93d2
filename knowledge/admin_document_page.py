"""The page of one document: its days of validity, what the machine read, its versions, the bin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from knowledge import admin_pages as pages
from knowledge.extract import reader
from knowledge.models import Chunk, Document, DocumentVersion
from knowledge.services import bin as paper_bin
from knowledge.services import documents, versions
from tenants.errors import DomainError
from tenants.panel import actor

PASSAGES_A_PAGE = 20
MAX_SHOWN_TEXT = 150_000
"""Characters of the preview; a browser shows more, but nobody reads it there."""


class DocumentPage(pages.OwnPages):
    """What can be seen of one document and done with it."""

    def get_urls(self) -> list[Any]:
        """Add what is done by buttons."""
        view = self.admin_site.admin_view
        posts: tuple[tuple[str, str, Callable[..., HttpResponse]], ...] = (
            ("<int:pk>/validity/", "validity", self.validity_view),
            ("<int:pk>/replace/", "replace", self.replace_view),
            ("<int:pk>/read-again/", "read_again", self.read_again_view),
            ("<int:pk>/bin/", "bin", self.bin_view),
            ("<int:pk>/restore/", "restore", self.restore_view),
            ("<int:pk>/erase/", "erase", self.erase_view),
            ("<int:pk>/versions/<int:number>/use/", "use", self.use_view),
            ("undo/", "undo", self.undo_view),
        )
        gets: tuple[tuple[str, str, Callable[..., HttpResponse]], ...] = (
            ("<int:pk>/file/", "file", self.download),
            ("<int:pk>/versions/<int:number>/file/", "version_file", self.download),
        )
        name = "knowledge_document_{}".format
        return [
            *(path(at, view(require_POST(do)), name=name(end)) for at, end, do in posts),
            *(path(at, view(do), name=name(end)) for at, end, do in gets),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the document."""
        self.need(request, "view_document")
        document = _find(int(object_id) if object_id.isdecimal() else 0)
        if document.kind == Document.Kind.FAQ and document.deleted_at is None:
            return HttpResponseRedirect(reverse("admin:knowledge_faq_edit", args=[document.pk]))
        stored = document.versions.defer("original", "text").order_by("-number")
        stored = stored.annotate(has_file=Q(original__isnull=False))
        shown = _shown_version(document, request.GET.get("version", ""))
        can_change = self.has_change_permission(request)
        return self.show(
            request,
            "knowledge/document.html",
            title=document.name,
            opts=self.opts,
            document=document,
            state=pages.state_of(document),
            validity=pages.validity(document),
            is_expired=pages.is_expired(document),
            validity_form=pages.ValidityForm(
                initial={"valid_from": document.valid_from, "valid_until": document.valid_until}
            ),
            rows=[(one, pages.kilobytes(one.n_bytes)) for one in stored],
            size=pages.kilobytes(document.n_bytes),
            accepted=",".join(f".{one}" for one in _same_kind(document.kind)),
            can_change=can_change and document.deleted_at is None,
            can_delete=self.has_delete_permission(request),
            bin_days=paper_bin.KEEP.days,
            **_reading(document, shown, request.GET.get("page", "1")),
        )

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Throw the document away; removing for good is done in the bin."""
        pk = int(object_id) if object_id.isdecimal() else 0
        if request.method == "POST":
            return self.bin_view(request, pk)
        return HttpResponseRedirect(_page(_find(pk)))

    def validity_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Set the days on which it may be quoted."""
        self.need(request, "change_document")
        document = _find(pk)
        form = pages.ValidityForm(request.POST)
        if not form.is_valid():
            self.message_user(request, _("Write days as 31/12/2026."), messages.ERROR)
            return HttpResponseRedirect(_page(document))

        def change() -> str:
            days = {name: form.cleaned_data[name] for name in ("valid_from", "valid_until")}
            if not versions.set_validity(document=document, now=timezone.now(), **days):
                return ""
            self.audit(request, document, "changed", [{"fields": list(days)}])
            return _("The days of validity are kept.")

        return self._do(request, document, change)

    def replace_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take a newer file under the same name."""
        self.need(request, "change_document")
        document = _find(pk)
        upload: UploadedFile[Any] | None = request.FILES.get("file")

        def change() -> str:
            if upload is None:
                raise NoFile
            if (upload.size or 0) > documents.MAX_BYTES:
                raise documents.FileTooLarge
            if reader.find_kind(documents.file_name(upload.name or "")) != document.kind:
                raise OtherKind
            stored = documents.store_document(
                category=document.category,
                name=document.name,
                content=upload.read(),
                now=timezone.now(),
                actor=actor(request),
            )
            if not stored.changed:
                return _("Nothing new: this very file is here already.")
            self.audit(request, document, "changed", [{"fields": ["file"]}])
            return pages.received(stored)

        return self._do(request, document, change)

    def use_view(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        """Make an older file the newest version."""
        self.need(request, "change_document")
        document = _find(pk)

        def change() -> str:
            stored = versions.use_again(
                document=document, number=number, now=timezone.now(), actor=actor(request)
            )
            if not stored.changed:
                return _("That version is the newest one already.")
            self.audit(request, document, "version_used_again", None)
            return _("The file of version %(old)s is read again, as version %(new)s.") % {
                "old": number,
                "new": stored.document.version,
            }

        return self._do(request, document, change)

    def read_again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Read the newest file once more."""
        self.need(request, "change_document")
        document = _find(pk)

        def change() -> str:
            if not documents.retry_document(document=document, now=timezone.now(), is_forced=True):
                return _("It is being read already.")
            self.audit(request, document, "read_again", None)
            return _("The file is read again.")

        return self._do(request, document, change)

    def bin_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Throw the document away, and offer to take that back."""
        self.need(request, "delete_document")
        document = _find(pk)
        if self.throw_away(request, document):
            text = _("“%(name)s” is in the bin and answers nothing any more.") % {
                "name": document.name
            }
            undo = reverse("admin:knowledge_document_undo") + f"?ids={document.pk}"
            pages.tell_with_undo(request, text, undo)
        is_faq = document.kind == Document.Kind.FAQ
        after = "admin:knowledge_faq_list" if is_faq else "admin:knowledge_document_changelist"
        return HttpResponseRedirect(reverse(after))

    def restore_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take the document out of the bin."""
        self.need(request, "delete_document")
        document = _find(pk)
        if self.take_out(request, document):
            self.message_user(request, _("It answers again."), messages.SUCCESS)
        return HttpResponseRedirect(_page(document))

    def undo_view(self, request: HttpRequest) -> HttpResponse:
        """Take back what was just thrown away."""
        self.need(request, "delete_document")
        pks = pages.ids_in(request.GET.get("ids", ""))
        found = list(Document.objects.filter(pk__in=pks, deleted_at__isnull=False))
        n_out = sum(self.take_out(request, one) for one in found)
        text = ngettext("%(n)s document answers again.", "%(n)s documents answer again.", n_out)
        self.message_user(request, text % {"n": n_out}, messages.SUCCESS)
        if len(found) == 1:
            return HttpResponseRedirect(_page(found[0]))
        return HttpResponseRedirect(pages.changelist_of_documents())

    def erase_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Remove a document of the bin for good."""
        self.need(request, "delete_document")
        document = _find(pk)
        if paper_bin.erase(document=document):
            self.audit(request, document, "erased", None)
            self.message_user(request, _("It is removed for good."), messages.SUCCESS)
        return HttpResponseRedirect(f"{pages.changelist_of_documents()}?bin=1")

    def throw_away(self, request: HttpRequest, document: Document) -> bool:
        """Move a document to the bin, on record; False when it is there."""
        if not paper_bin.throw_away(document=document, now=timezone.now()):
            return False
        self.audit(request, document, "deleted", None)
        return True

    def take_out(self, request: HttpRequest, document: Document) -> bool:
        """Take a document out of the bin, on record; False when it is not there."""
        try:
            if not paper_bin.take_out(document=document, now=timezone.now()):
                return False
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
            return False
        self.audit(request, document, "restored", None)
        return True

    def download(self, request: HttpRequest, pk: int, number: int | None = None) -> HttpResponse:
        """Give a file back as it was uploaded; it is never shown by the browser itself."""
        if not self.has_view_permission(request):
            raise Http404
        document = _find(pk)
        try:
            content = versions.file_of(document=document, number=number or document.version)
        except versions.NoSuchVersion as error:
            raise Http404 from error
        except versions.FileNotKept as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(_page(document))
        disposition = content_disposition_header(as_attachment=True, filename=document.name)
        return HttpResponse(
            content,
            content_type="application/octet-stream",
            headers={
                "Content-Disposition": disposition or "attachment",
                "X-Content-Type-Options": "nosniff",
            },
        )

    def _do(
        self, request: HttpRequest, document: Document, change: Callable[[], str]
    ) -> HttpResponse:
        try:
            done = change()
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            if done:
                self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(_page(document))


class NoFile(DomainError):
    """No file was chosen."""

    code = "no_file"
    http_status = 422

    def __init__(self) -> None:
        super().__init__(_("Choose at least one file."))


class OtherKind(DomainError):
    """The newer file is of another kind."""

    code = "other_kind"
    http_status = 422

    def __init__(self) -> None:
        super().__init__(_("The newer file must be of the same kind as this one."))


def _find(pk: int) -> Document:
    """Return the document.

    Raises:
        Http404: there is none.
    """
    found = Document.objects.select_related("category").filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _page(document: Document) -> str:
    return reverse("admin:knowledge_document_change", args=[document.pk])


def _same_kind(kind: str) -> list[str]:
    return list(reader.KINDS[kind].extensions)


def _shown_version(document: Document, asked: str) -> DocumentVersion | None:
    """Return the version whose reading is shown: the one asked for, or the one that answers."""
    rows = document.versions.defer("original")
    if asked.isdecimal():
        return rows.filter(number=int(asked)).first()
    in_use = Chunk.objects.filter(document=document, active=True).values_list("version", flat=True)
    return rows.filter(number=in_use.first() or document.version).first()


def _reading(
    document: Document, version: DocumentVersion | None, page_number: str
) -> dict[str, Any]:
    """Return what the machine read in a version: its text and its passages."""
    number = version.number if version is not None else 0
    chunks = Chunk.objects.filter(document=document, version=number).order_by("position")
    paginator = Paginator(chunks.defer("lexemes", "grams"), PASSAGES_A_PAGE)
    page = paginator.get_page(page_number)
    text = version.text if version is not None else ""
    return {
        "shown": version,
        "passages": page,
        "n_passages": paginator.count,
        "page_query": f"version={number}&",
        "text": text[:MAX_SHOWN_TEXT],
        "is_cut": len(text) > MAX_SHOWN_TEXT,
    }
