"""The pages on which web addresses are added, followed, paused and thrown away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from knowledge import admin_pages as pages
from knowledge.models import WebPage, WebSource
from knowledge.services import web
from tenants.errors import DomainError
from tenants.panel import actor
from tenants.sites import tenant_site

A_PAGE = 50

_FIELD = {"class": "pz-field"}
_OFTEN = (
    (6, gettext_lazy("every 6 hours")),
    (24, gettext_lazy("every day")),
    (24 * 7, gettext_lazy("every week")),
    (24 * 30, gettext_lazy("every month")),
)
_TONES = {"ready": "good", "failed": "bad", "waiting": "warn", "reading": "warn"}
_PAGE_TONES = {"read": "good", "failed": "bad", "gone": "warn", "skipped": "", "waiting": "warn"}


class ScheduleForm(forms.Form):
    """How often a source is read, and how much of it."""

    every_hours = forms.TypedChoiceField(
        label=gettext_lazy("Read again"),
        coerce=int,
        choices=_OFTEN,
        widget=forms.Select(attrs=_FIELD),
    )
    max_pages = forms.IntegerField(
        label=gettext_lazy("Pages at most"),
        min_value=1,
        max_value=web.MAX_PAGES,
        widget=forms.NumberInput(attrs={**_FIELD, "min": 1, "max": web.MAX_PAGES}),
        help_text=gettext_lazy("Only for a sitemap."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hours = self.initial.get("every_hours")
        field = self.fields["every_hours"]
        assert isinstance(field, forms.TypedChoiceField)  # noqa: S101  declared above
        if hours is not None and hours not in dict(_OFTEN):
            other = (hours, _("every %(n)s hours") % {"n": hours})
            field.choices = [*_OFTEN, other]


class SourceForm(ScheduleForm):
    """An address to read."""

    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=1000,
        widget=forms.URLInput(attrs={**_FIELD, "placeholder": "https://www.exemplo.com.br/"}),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("What to read"),
        choices=WebSource.Kind.choices,
        widget=forms.Select(attrs=_FIELD),
        help_text=gettext_lazy(
            "A sitemap usually ends in /sitemap.xml and lists all pages of a site."
        ),
    )
    category = forms.CharField(
        label=gettext_lazy("Category"),
        max_length=80,
        widget=forms.TextInput(attrs={**_FIELD, "list": "pz-categories", "autocomplete": "off"}),
        help_text=gettext_lazy("Pick one, or type a new name."),
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A source as the list shows it."""

    source: WebSource
    tone: str
    is_busy: bool
    next_at: datetime | None


@admin.register(WebSource, site=tenant_site)
class WebSourceAdmin(pages.OwnPages):
    """Web addresses that the assistant answers from."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are added on the page itself."""
        return False

    def get_urls(self) -> list[Any]:
        """Add what can be done with a source."""
        view = self.admin_site.admin_view
        own = [
            path("add-source/", view(require_POST(self.add_view_)), name="knowledge_web_add"),
            path("<int:pk>/read/", view(require_POST(self.read_view)), name="knowledge_web_read"),
            path(
                "<int:pk>/pause/", view(require_POST(self.pause_view)), name="knowledge_web_pause"
            ),
            path(
                "<int:pk>/throw/", view(require_POST(self.throw_view)), name="knowledge_web_throw"
            ),
            path("<int:pk>/back/", view(require_POST(self.back_view)), name="knowledge_web_back"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the sources and the form for one more."""
        self.need(request, "view_websource")
        return self._list(request, SourceForm(initial={"every_hours": 24, "max_pages": 50}))

    def _list(self, request: HttpRequest, form: SourceForm) -> HttpResponse:
        everything = WebSource.objects.select_related("category").order_by("url", "pk")
        rows = [_row(source) for source in everything.filter(deleted_at=None)]
        return self.show(
            request,
            "knowledge/web_sources.html",
            title=_("Web pages"),
            form=form,
            rows=rows,
            is_busy=any(row.is_busy for row in rows),
            thrown=everything.filter(deleted_at__isnull=False),
            categories=pages.categories(),
            may_add=request.user.has_perm("knowledge.add_websource"),
            may_change=self.has_change_permission(request),
            may_delete=self.has_delete_permission(request),
        )

    def add_view_(self, request: HttpRequest) -> HttpResponse:
        """Add an address and have it read."""
        self.need(request, "add_websource")
        form = SourceForm(request.POST)
        if not form.is_valid():
            return self._list(request, form)
        given = form.cleaned_data
        try:
            category = pages.shelf_named(request, given["category"])
        except pages.MayNotAddCategory as error:
            form.add_error("category", str(error))
            return self._list(request, form)
        try:
            web.add_source(
                category=category,
                url=given["url"],
                kind=given["kind"],
                every_hours=given["every_hours"],
                max_pages=given["max_pages"],
                now=timezone.now(),
                actor=actor(request),
            )
        except DomainError as error:
            form.add_error("url", str(error))
            return self._list(request, form)
        messages.success(request, _("The address is being read; each page becomes a document."))
        return _back()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a source with its pages, and take changes of its schedule."""
        self.need(request, "view_websource")
        source = _source(int(object_id) if object_id.isdecimal() else 0)
        initial = {"every_hours": source.every_hours, "max_pages": source.max_pages}
        form = ScheduleForm(initial=initial)
        if request.method == "POST":
            self.need(request, "change_websource")
            form = ScheduleForm(request.POST, initial=initial)
            if form.is_valid():
                self._change(request, source, is_active=source.is_active, **form.cleaned_data)
                messages.success(request, _("The schedule is kept."))
                return HttpResponseRedirect(request.path)
        found = WebPage.objects.filter(source=source).select_related("document")
        page = Paginator(found.order_by("url", "pk"), A_PAGE).get_page(request.GET.get("page"))
        return self.show(
            request,
            "knowledge/web_source.html",
            title=_("Web page"),
            row=_row(source),
            source=source,
            form=form,
            page=page,
            pages=[(one, _PAGE_TONES[one.status]) for one in page.object_list],
            may_change=self.has_change_permission(request),
        )

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Throw the source away; it goes for good by itself, after its documents."""
        if request.method == "POST":
            return self.throw_view(request, int(object_id) if object_id.isdecimal() else 0)
        return _back()

    def _change(
        self,
        request: HttpRequest,
        source: WebSource,
        *,
        every_hours: int,
        max_pages: int,
        is_active: bool,
    ) -> None:
        before = (source.every_hours, source.max_pages, source.is_active)
        web.change_source(
            source=source,
            every_hours=every_hours,
            max_pages=max_pages,
            is_active=is_active,
            now=timezone.now(),
        )
        names = ("every_hours", "max_pages", "is_active")
        after = (every_hours, max_pages, is_active)
        fields = [name for name, old, new in zip(names, before, after, strict=True) if old != new]
        self.log_change(request, source, [{"fields": fields}])

    def read_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Have a source read at once."""
        self.need(request, "change_websource")
        source = _source(pk)
        if web.read_now(source=source, now=timezone.now()):
            self.audit(request, source, "read_now", None)
            messages.success(request, _("It is being read now."))
        return _back()

    def pause_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Pause a source, or let it be read by itself again."""
        self.need(request, "change_websource")
        source = _source(pk)
        # Said outright: a page or an undo that is older than somebody else's click must not turn
        # around what that one did.
        is_active = request.GET.get("active", "0") == "1"
        self._change(
            request,
            source,
            every_hours=source.every_hours,
            max_pages=source.max_pages,
            is_active=is_active,
        )
        if not is_active:
            text = _("It is paused; its documents go on answering.")
            undo = reverse("admin:knowledge_web_pause", args=[pk]) + "?active=1"
            pages.tell_with_undo(request, text, undo)
        else:
            messages.success(request, _("It is read by itself again."))
        return _back()

    def throw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Throw a source away with its documents."""
        self.need(request, "delete_websource")
        if web.throw_away(source=_source(pk), now=timezone.now(), actor=actor(request)):
            text = _("The address and its documents are in the bin; they answer nothing any more.")
            pages.tell_with_undo(request, text, reverse("admin:knowledge_web_back", args=[pk]))
        return _back()

    def back_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take a source out of the bin."""
        self.need(request, "delete_websource")
        if web.take_back(source=_source(pk), now=timezone.now(), actor=actor(request)):
            messages.success(request, _("The address and its documents are back."))
        return _back()


def _source(pk: int) -> WebSource:
    source = WebSource.objects.select_related("category").filter(pk=pk).first()
    if source is None:
        raise Http404
    return source


def _row(source: WebSource) -> Row:
    is_busy = source.status in {WebSource.Status.WAITING, WebSource.Status.READING}
    next_at = None
    if source.is_active and source.synced_at is not None and not is_busy:
        next_at = source.synced_at + timedelta(hours=source.every_hours)
    return Row(source, tone=_TONES[source.status], is_busy=is_busy, next_at=next_at)


def _back() -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:knowledge_websource_changelist"))
