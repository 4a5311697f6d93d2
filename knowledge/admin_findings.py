"""The page of passages that contradict or repeat each other, for a person to settle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from knowledge import admin_pages as pages
from knowledge.models import Document, Finding
from knowledge.services import findings
from tenants.errors import DomainError
from tenants.panel import actor
from tenants.sites import tenant_site

Status = Finding.Status

_SETTLED = {
    "both": gettext_lazy("both are right"),
    "end": gettext_lazy("one has a last day now"),
    "bin": gettext_lazy("one was moved to the bin"),
}


class LastDayForm(forms.Form):
    """The last day on which a document is quoted."""

    last_day = forms.DateField(label=gettext_lazy("Last day"), widget=pages.date_widget())


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two passages; the values that differ are marked in its text."""

    document: Document
    text: SafeString
    validity: SafeString | str
    is_first: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A finding as the page shows it."""

    finding: Finding
    sides: tuple[Side, Side]
    settled: str


@admin.register(Finding, site=tenant_site)
class FindingAdmin(pages.ToSettle):
    """Contradictions and repetitions between documents."""

    states = (
        (Status.OPEN, gettext_lazy("To be settled")),
        (Status.SETTLED, gettext_lazy("Settled")),
        (Status.DISMISSED, gettext_lazy("Both are right")),
    )

    def get_urls(self) -> list[Any]:
        """Add what can be done with a finding."""
        view = self.admin_site.admin_view
        own = [
            path("<int:pk>/both/", view(self.both_view), name="knowledge_finding_both"),
            path("<int:pk>/end/<int:document>/", view(self.end_view), name="knowledge_finding_end"),
            path("<int:pk>/bin/<int:document>/", view(self.bin_view), name="knowledge_finding_bin"),
            path("<int:pk>/undo/", view(self.undo_view), name="knowledge_finding_undo"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the findings of one state."""
        self.need(request, "view_finding")
        status = self.status_in(request)
        found = findings.visible(status=status, on=pages.today())
        return self._list(request, found, status)

    def _list(self, request: HttpRequest, found: QuerySet[Finding], status: str) -> HttpResponse:
        page, listed = self.page_of(request, found, status)
        return self.show(
            request,
            "knowledge/findings.html",
            title=_("Contradictions and repetitions"),
            rows=[_row(one) for one in page.object_list],
            today=f"{pages.today():%Y-%m-%d}",
            may_edit=request.user.has_perm("knowledge.change_document"),
            may_bin=request.user.has_perm("knowledge.delete_document"),
            **listed,
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one finding as the list does."""
        self.need(request, "view_finding")
        one = Finding.objects.filter(pk=object_id) if object_id.isdecimal() else None
        first = one.first() if one is not None else None
        if one is None or first is None:
            raise Http404
        rows = one.select_related("document", "other").order_by("pk")
        return self._list(request, rows, first.status)

    def both_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Settle that both are right."""
        self.need(request, "change_finding")
        return self._settle(
            request,
            pk,
            lambda finding: findings.keep_both(
                finding=finding, now=timezone.now(), actor=actor(request)
            ),
            _("Both stay as they are."),
        )

    def end_view(self, request: HttpRequest, pk: int, document: int) -> HttpResponse:
        """Give one of the two documents a last day."""
        self.need(request, "change_finding", "change_document")
        form = LastDayForm(request.POST)
        if request.method == "POST" and not form.is_valid():
            messages.error(request, _("Choose the last day on which the document is valid."))
            return self.back()

        def end(finding: Finding) -> None:
            findings.end_document(
                finding=finding,
                document=_of(finding, document),
                last_day=form.cleaned_data["last_day"],
                now=timezone.now(),
                actor=actor(request),
            )

        return self._settle(request, pk, end, _("The document is quoted up to that day."))

    def bin_view(self, request: HttpRequest, pk: int, document: int) -> HttpResponse:
        """Move one of the two documents to the bin."""
        self.need(request, "change_finding", "delete_document")

        def throw_away(finding: Finding) -> None:
            findings.throw_away(
                finding=finding,
                document=_of(finding, document),
                now=timezone.now(),
                actor=actor(request),
            )

        return self._settle(request, pk, throw_away, _("The document is in the bin."))

    def _settle(
        self, request: HttpRequest, pk: int, settle: Callable[[Finding], None], told: str
    ) -> HttpResponse:
        finding = _find(pk)
        if request.method != "POST":
            return self.back()
        try:
            settle(finding)
        except DomainError as error:
            messages.error(request, str(error))
        else:
            pages.tell_with_undo(request, told, reverse("admin:knowledge_finding_undo", args=[pk]))
        return self.back()

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take back how a finding was settled."""
        self.need(request, "change_finding")
        finding = _find(pk)
        if finding.settlement.get("action") == "bin":
            self.need(request, "delete_document")
        if finding.settlement.get("action") == "end":
            self.need(request, "change_document")
        if request.method != "POST":
            return self.back()
        try:
            if findings.undo(finding=finding, now=timezone.now(), actor=actor(request)):
                messages.success(request, _("It is as it was before."))
        except DomainError as error:
            messages.error(request, str(error))
        return self.back()


def _find(pk: int) -> Finding:
    finding = Finding.objects.filter(pk=pk).select_related("document", "other").first()
    if finding is None:
        raise Http404
    return finding


def _of(finding: Finding, document_id: int) -> Document:
    for document in (finding.document, finding.other):
        if document.pk == document_id:
            return document
    raise Http404


def _row(finding: Finding) -> Row:
    sides = (
        _side(finding.document, finding.text, finding.values, is_first=True),
        _side(finding.other, finding.other_text, finding.other_values, is_first=False),
    )
    settled = _SETTLED.get(finding.settlement.get("action", ""), "")
    return Row(finding=finding, sides=sides, settled=str(settled))


def _side(document: Document, text: str, values: list[str], *, is_first: bool) -> Side:
    return Side(
        document=document,
        text=marked(text, values),
        validity=pages.validity(document),
        is_first=is_first,
    )


def marked(text: str, values: list[str]) -> SafeString:
    """Return a text as HTML in which some values are marked."""
    pieces: list[tuple[str, str]] = []
    rest = text
    while rest:
        found = [(rest.find(value), -len(value), value) for value in values if value in rest]
        if not found:
            break
        at, _length, value = min(found)
        pieces.append((rest[:at], value))
        rest = rest[at + len(value) :]
    return format_html("{}{}", format_html_join("", "{}<mark>{}</mark>", pieces), rest)
