"""Questions and answers that people type: the list, one of them, and many pasted at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from knowledge import admin_pages as pages
from knowledge.models import Category, Document
from knowledge.services import faqs
from tenants.errors import DomainError
from tenants.panel import actor

A_PAGE = 25
MAX_PASTED = 500_000
"""Characters of one paste: more than `faqs.MAX_PAIRS` pairs of usual length."""


class ShelfForm(pages.ValidityForm):
    """Something that stands in a category, which may be made on the way."""

    category = forms.ModelChoiceField(
        label=gettext_lazy("Category"),
        queryset=Category.objects.none(),
        required=False,
        empty_label=gettext_lazy("Choose …"),
        widget=forms.Select(attrs={"class": "pz-field"}),
    )
    new_category = forms.CharField(
        label=gettext_lazy("or a new category"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs={"class": "pz-field"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shelf: Any = self.fields["category"]
        shelf.queryset = Category.objects.order_by("name", "pk")

    def clean(self) -> dict[str, Any]:
        """Refuse days out of order, and nowhere to stand.

        Raises:
            ValidationError: neither a category nor the name of a new one.
        """
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("category") and not cleaned.get("new_category", "").strip():
            raise forms.ValidationError(_("Choose a category, or type the name of a new one."))
        return cleaned

    def shelf(self, request: HttpRequest) -> Category:
        """Return the category, made if it was typed.

        Raises:
            MayNotAddCategory: it was typed, there is none, and the person may not make one.
        """
        typed = self.cleaned_data["new_category"].strip()
        found: Category = (
            pages.shelf_named(request, typed) if typed else self.cleaned_data["category"]
        )
        return found


class FaqForm(ShelfForm):
    """A question with its answer."""

    question = forms.CharField(
        label=gettext_lazy("Question"),
        max_length=faqs.MAX_QUESTION,
        help_text=gettext_lazy("As customers ask it."),
        widget=forms.TextInput(attrs={"class": "pz-field"}),
    )
    answer = forms.CharField(
        label=gettext_lazy("Answer"),
        max_length=faqs.MAX_ANSWER,
        help_text=gettext_lazy(
            "The assistant says nothing beyond this. Write prices and days in full."
        ),
        widget=forms.Textarea(attrs={"class": "pz-field", "rows": 5}),
    )
    phrasings = forms.CharField(
        label=gettext_lazy("Other ways of asking it"),
        required=False,
        help_text=gettext_lazy(
            "One a line. The more ways customers really ask, the surer it is found."
        ),
        widget=forms.Textarea(attrs={"class": "pz-field", "rows": 4}),
    )
    field_order = ("question", "answer", "phrasings", "category", "new_category")


class PasteForm(ShelfForm):
    """Many pairs at once."""

    pasted = forms.CharField(
        label=gettext_lazy("Questions and answers"),
        max_length=MAX_PASTED,
        widget=forms.Textarea(attrs={"class": "pz-field pz-mono", "rows": 12}),
    )
    field_order = ("pasted", "category", "new_category")


class FaqPages(pages.OwnPages):
    """The pages of the questions and answers, beside those of the documents."""

    def get_urls(self) -> list[Any]:
        """Add the pages."""
        view = self.admin_site.admin_view
        own: tuple[tuple[str, str, Callable[..., HttpResponse]], ...] = (
            ("faqs/", "list", self.faq_list_view),
            ("faqs/add/", "add", self.faq_add_view),
            ("faqs/paste/", "paste", self.faq_paste_view),
            ("faqs/<int:pk>/", "edit", self.faq_edit_view),
        )
        found = [path(at, view(do), name=f"knowledge_faq_{end}") for at, end, do in own]
        return [*found, *super().get_urls()]

    def faq_list_view(self, request: HttpRequest) -> HttpResponse:
        """Show the questions with their answers."""
        self.need(request, "view_document")
        found, query, chosen = _filtered(request)
        paginator = Paginator(found, A_PAGE)
        page = paginator.get_page(request.GET.get("page"))
        rows = [
            {
                "entry": entry,
                "state": pages.state_cell(entry.document),
                "validity": pages.validity(entry.document),
                "problem": entry.document.failure_reason,
                "name": entry.document.title,
            }
            for entry in faqs.entries(page.object_list)
        ]
        shelves = pages.categories()
        return self.show(
            request,
            "knowledge/faqs.html",
            title=_("Questions and answers"),
            rows=rows,
            page=page,
            query=query,
            chosen=chosen,
            shelves=shelves,
            is_filtered=bool(query or chosen),
            page_query=_query(query, chosen),
            may_add=self.has_add_permission(request),
            may_delete=self.has_delete_permission(request),
            form=FaqForm(
                initial={"category": chosen or (shelves[0].pk if len(shelves) == 1 else None)},
                auto_id="pz-quick-%s",
            ),
        )

    def faq_add_view(self, request: HttpRequest) -> HttpResponse:
        """Take a new pair; a question that comes along in the address is filled in."""
        self.need(request, "add_document")
        initial = {name: request.GET.get(name, "") for name in ("question", "category")}
        form = FaqForm(request.POST) if request.method == "POST" else FaqForm(initial=initial)
        if request.method == "POST":
            saved = self._save(request, form, document=None)
            if saved is not None:
                self.audit(request, saved, "created", [{"fields": ["faq"]}])
                edit = reverse("admin:knowledge_faq_edit", args=[saved.pk])
                text = _("Kept; the assistant knows it in a few seconds.")
                link = format_html('{} <a class="pz-link" href="{}">{}</a>', text, edit, _("Edit"))
                messages.success(request, link)
                return HttpResponseRedirect(reverse("admin:knowledge_faq_list"))
        return self._form_page(request, form, title=_("New question and answer"), document=None)

    def faq_edit_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show one pair, and take what was changed in it."""
        self.need(request, "view_document")
        document = Document.objects.filter(pk=pk, kind=Document.Kind.FAQ, deleted_at=None).first()
        if document is None:
            raise Http404
        if request.method == "POST":
            self.need(request, "change_document")
            form = FaqForm(request.POST)
            saved = self._save(request, form, document=document)
            if saved is not None:
                self.audit(request, saved, "changed", [{"fields": ["faq"]}])
                messages.success(request, _("Kept; the assistant knows it in a few seconds."))
                return HttpResponseRedirect(reverse("admin:knowledge_faq_list"))
        else:
            faq = faqs.read_faq(document)
            form = FaqForm(
                initial={
                    "category": document.category_id,
                    "question": faq.question if faq else document.title,
                    "answer": faq.answer if faq else "",
                    "phrasings": "\n".join(faq.phrasings) if faq else "",
                    "valid_from": document.valid_from,
                    "valid_until": document.valid_until,
                }
            )
        return self._form_page(request, form, title=document.title, document=document)

    def faq_paste_view(self, request: HttpRequest) -> HttpResponse:
        """Take many pairs at once, each with its own line of what became of it."""
        self.need(request, "add_document", "change_document")
        form = PasteForm(request.POST) if request.method == "POST" else PasteForm()
        results: tuple[faqs.Pasted, ...] = ()
        category = _shelf_of(form, request) if request.method == "POST" else None
        if category is not None:
            results = faqs.paste(
                category=category,
                pasted=form.cleaned_data["pasted"],
                now=timezone.now(),
                actor=actor(request),
            )
            self.audit(request, category, "faqs_pasted", None)
            refused = [one for one in results if one.outcome is faqs.Line.REFUSED]
            if results and not refused:
                text = ngettext(
                    "%(n)s question is kept; the assistant knows it soon.",
                    "%(n)s questions are kept; the assistant knows them soon.",
                    len(results),
                )
                messages.success(request, text % {"n": len(results)})
                return HttpResponseRedirect(reverse("admin:knowledge_faq_list"))
        return self.show(
            request,
            "knowledge/faq_paste.html",
            title=_("Paste many questions"),
            form=form,
            results=[(one, _LINES[one.outcome]) for one in results],
            max_pairs=faqs.MAX_PAIRS,
            list_url=reverse("admin:knowledge_faq_list"),
        )

    def _save(
        self, request: HttpRequest, form: FaqForm, *, document: Document | None
    ) -> Document | None:
        """Store a pair; None when the form or the service refused it, which the form then says."""
        if not form.is_valid():
            return None
        given = form.cleaned_data
        try:
            return faqs.save_faq(
                category=form.shelf(request),
                question=given["question"],
                answer=given["answer"],
                phrasings=given["phrasings"].splitlines(),
                document=document,
                valid_from=given["valid_from"],
                valid_until=given["valid_until"],
                now=timezone.now(),
                actor=actor(request),
            )
        except DomainError as error:
            form.add_error(None, str(error))
            return None

    def _form_page(
        self, request: HttpRequest, form: FaqForm, *, title: str, document: Document | None
    ) -> HttpResponse:
        may_change = (
            self.has_change_permission(request) if document else self.has_add_permission(request)
        )
        return self.show(
            request,
            "knowledge/faq.html",
            title=title,
            form=form,
            document=document,
            state=pages.state_cell(document) if document else "",
            problem=document.failure_reason if document else "",
            may_change=may_change,
            may_delete=document is not None and self.has_delete_permission(request),
            list_url=reverse("admin:knowledge_faq_list"),
        )


def _shelf_of(form: ShelfForm, request: HttpRequest) -> Category | None:
    """Return the category of a form; None where something is wrong, which the form then says."""
    if not form.is_valid():
        return None
    try:
        return form.shelf(request)
    except pages.MayNotAddCategory as error:
        form.add_error("new_category", str(error))
        return None


def _query(query: str, chosen: int | None) -> str:
    """Return what the addresses of further pages begin with."""
    given = {"q": query, "category": "" if chosen is None else str(chosen)}
    return "".join(f"{urlencode({name: value})}&" for name, value in given.items() if value)


_LINES = {
    faqs.Line.ADDED: (gettext_lazy("added"), "good"),
    faqs.Line.CHANGED: (gettext_lazy("changed"), "good"),
    faqs.Line.SAME: (gettext_lazy("nothing new"), ""),
    faqs.Line.REFUSED: (gettext_lazy("refused"), "bad"),
}


def _filtered(request: HttpRequest) -> tuple[QuerySet[Document], str, int | None]:
    """Return the entries that are asked for, the words asked with, and the category."""
    found = Document.objects.filter(kind=Document.Kind.FAQ, deleted_at=None)
    query = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    category = request.GET.get("category", "")
    chosen = int(category) if category.isdecimal() else None
    if query:
        said = Q(chunks__active=True, chunks__body__icontains=query)
        matching = found.filter(Q(name__icontains=query) | said).values("pk")
        found = found.filter(pk__in=matching)
    if chosen is not None:
        found = found.filter(category_id=chosen)
    return found.select_related("category").order_by("-updated_at", "pk"), query, chosen
