"""What the knowledge's own pages in the admin share: their frame, and how a document is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language_info, gettext_lazy
from django.utils.translation import gettext as _

from knowledge.models import Category, Document
from knowledge.services import documents
from tenants.errors import DomainError
from tenants.panel import PanelAdmin, badge
from tenants.sites import tenant_site

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

A_PAGE = 20

TONES = {
    Document.Status.READY: "good",
    Document.Status.FAILED: "bad",
    Document.Status.QUEUED: "warn",
    Document.Status.PROCESSING: "warn",
}
BUSY = (Document.Status.QUEUED, Document.Status.PROCESSING)


@dataclass(frozen=True, slots=True)
class State:
    """How a document is, as its row and the polling of its row show it."""

    id: int
    busy: bool
    label: str
    tone: str
    progress: int
    passages: str
    version: str
    language: str
    problem: str


def state_of(document: Document) -> State:
    """Return how a document is, in words of the active language."""
    status = Document.Status(document.status)
    return State(
        id=document.pk,
        busy=status in BUSY,
        label=str(status.label),
        tone=TONES[status],
        progress=document.progress,
        passages=str(document.n_chunks),
        version=str(document.version),
        language=language_name(document.language),
        problem=document.failure_reason or document.notice,
    )


def state_as_json(document: Document) -> dict[str, object]:
    """Return how a document is for the script that shows progress."""
    return asdict(state_of(document))


def language_name(code: str) -> str:
    """Return a language's name in the active language; its code where it is not a known one."""
    try:
        return str(get_language_info(code)["name_translated"]) if code else "–"
    except KeyError:
        return code


def state_cell(document: Document) -> SafeString:
    """Return the state with its progress, kept up to date by the page's script."""
    state = state_of(document)
    return format_html(
        '<span class="pz-state" data-document="{}" data-field="state" data-busy="{}">{}{}</span>',
        state.id,
        "1" if state.busy else "0",
        badge(state.label, state.tone),
        _progress(state) if state.busy else "",
    )


def _progress(state: State) -> SafeString:
    return format_html(
        ' <progress class="pz-progress" max="100" value="{}" aria-label="{}">{}%</progress>',
        state.progress,
        _("progress"),
        state.progress,
    )


def live_cell(document: Document, field: str) -> SafeString:
    """Return one value of a row that the page's script keeps up to date."""
    state = state_of(document)
    return format_html(
        '<span data-document="{}" data-field="{}" class="{}">{}</span>',
        document.pk,
        field,
        # What was left out of a document that answers is no failure of it.
        "pz-partly" if field == "problem" and state.tone == "good" else "",
        getattr(state, field),
    )


def today() -> date:
    """Return the day in the tenant's time zone, which is the active one."""
    return timezone.localdate()


def validity(document: Document) -> SafeString | str:
    """Return on which days a document may be quoted; clearly so where today is none of them."""
    first, last = document.valid_from, document.valid_until
    if first is None and last is None:
        return _("always")
    if last is not None and last < today():
        return badge(_("expired on %(day)s") % {"day": _short(last)}, "bad")
    if first is not None and first > today():
        return badge(_("from %(day)s") % {"day": _short(first)}, "warn")
    if last is None:
        return _("since %(day)s") % {"day": _short(first)}
    if (last - today()).days <= 7:
        return badge(_("until %(day)s") % {"day": _short(last)}, "warn")
    return _("until %(day)s") % {"day": _short(last)}


def is_expired(document: Document) -> bool:
    """Test whether the last day of validity is over."""
    return document.valid_until is not None and document.valid_until < today()


def _short(day: date | None) -> str:
    return date_format(day, "SHORT_DATE_FORMAT") if day is not None else ""


def kilobytes(n_bytes: int) -> str:
    """Return a size as people read it."""
    if n_bytes >= 1024 * 1024:
        return f"{number_format(n_bytes / 1024 / 1024, 1)} MB"
    return f"{max(1, round(n_bytes / 1024))} kB"


def categories() -> list[Category]:
    """Return all categories in the order of their names."""
    return list(Category.objects.order_by("name", "pk"))


def tell_with_undo(request: HttpRequest, text: str, url: str) -> None:
    """Tell what was done, with a button that takes it back."""
    message = format_html(
        '<form method="post" action="{}" class="pz-undo"><input type="hidden"'
        ' name="csrfmiddlewaretoken" value="{}"><span>{}</span>'
        '<button class="pz-button" type="submit">{}</button></form>',
        url,
        get_token(request),
        text,
        _("Undo"),
    )
    messages.success(request, message)


class MayNotAddCategory(DomainError):
    """The person may not make categories."""

    code = "may_not_add_category"
    http_status = 403

    def __init__(self) -> None:
        super().__init__(_("Your role may not make new categories; choose one that is there."))


def shelf_named(request: HttpRequest, name: str) -> Category:
    """Return the category of a typed name, made if there is none and the person may do that.

    Raises:
        MayNotAddCategory: there is none, and the person may not make one.
    """
    if not request.user.has_perm("knowledge.add_category"):
        found = documents.find_category(name=name)
        if found is None:
            raise MayNotAddCategory
        return found
    return documents.ensure_category(name=name)


def received(stored: documents.Stored) -> str:
    """Return what became of a file that was given."""
    told = _received(stored)
    if not is_expired(stored.document):
        return told
    return _("%(received)s It is not quoted, though: its days of validity ended on %(day)s.") % {
        "received": told,
        "day": _short(stored.document.valid_until),
    }


def _received(stored: documents.Stored) -> str:
    if stored.restored:
        return _("It was in the bin; it answers again, with this file.")
    if not stored.changed:
        return _("Nothing new: this very file is here already.")
    if stored.document.deleted_at is not None:
        return _(
            "Received, but it answers nothing: a web page's document of this name is in the bin,"
            " and stays there until it is taken out. Or give the file another name."
        )
    if stored.document.version == 1:
        return _("Received; it is being read.")
    return _("Received as version %(n)s; the one before answers until it is read.") % {
        "n": stored.document.version
    }


def date_widget() -> forms.DateInput:
    """Return the field for a day; the browser brings its own calendar."""
    return forms.DateInput(attrs={"type": "date", "class": "pz-field"}, format="%Y-%m-%d")


class ValidityForm(forms.Form):
    """On which days something may be quoted."""

    valid_from = forms.DateField(
        label=gettext_lazy("Valid from"), required=False, widget=date_widget()
    )
    valid_until = forms.DateField(
        label=gettext_lazy("Valid until"),
        required=False,
        widget=date_widget(),
        help_text=gettext_lazy("The last day on which it is quoted. Empty means: always."),
    )


def ids_in(written: str) -> list[int]:
    """Return the ids of an address, such as ``3-17``; nothing where it holds anything else."""
    parts = written.split("-")
    is_sound = all(part.isdecimal() and len(part) <= 18 for part in parts)  # fits the column
    return [int(part) for part in parts] if is_sound else []


def changelist_of_documents() -> str:
    """Return the address of the list of documents."""
    return reverse("admin:knowledge_document_changelist")


class OwnPages(PanelAdmin):
    """An admin whose pages are templates of ours in the frame of the theme."""

    def show(
        self, request: HttpRequest, template: str, *, title: str, **context: Any
    ) -> HttpResponse:
        """Return one of our pages."""
        request.current_app = tenant_site.name
        everything = {
            **tenant_site.each_context(request),
            "title": title,
            "content_title": title,
            **context,
        }
        return TemplateResponse(request, template, everything)

    def need(self, request: HttpRequest, *permissions: str) -> None:
        """Let through who may do something with the knowledge.

        Args:
            permissions: such as ``"add_document"``.

        Raises:
            PermissionDenied: the role does not allow it.
        """
        if not request.user.has_perms([f"knowledge.{name}" for name in permissions]):
            raise PermissionDenied


class ToSettle(OwnPages):
    """Pages of what the machine found and people settle: a list for each state.

    Attributes:
        states: the value and the label of each, the open one first.
    """

    states: ClassVar[Sequence[tuple[str, StrPromise]]]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The machine finds them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They are settled, not removed."""
        return False

    def status_in(self, request: HttpRequest) -> str:
        """Return the state whose list is asked for; the open one where it is none."""
        asked = request.GET.get("status")
        values = [value for value, _label in self.states]
        return asked if asked in values else values[0]

    def page_of(
        self, request: HttpRequest, found: QuerySet[Any], status: str
    ) -> tuple[Page[Any], dict[str, Any]]:
        """Return one page of a list, and what its template needs besides the rows."""
        page = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
        here = self.list_url()
        return page, {
            "page": page,
            "page_query": f"status={status}&",
            "status": status,
            "states": [(value, label, f"{here}?status={value}") for value, label in self.states],
            "may_change": self.has_change_permission(request),
        }

    def list_url(self) -> str:
        """Return the address of the list."""
        return reverse(f"admin:knowledge_{self.opts.model_name}_changelist")

    def back(self) -> HttpResponseRedirect:
        """Return to the list."""
        return HttpResponseRedirect(self.list_url())
