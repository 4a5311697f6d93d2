"""What the pages of both admin sites have in common: the audit trail, refusals, read-only rows."""

from __future__ import annotations

import json
from abc import abstractmethod
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import Model, QuerySet
from django.forms import BaseForm, ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.admin import ModelAdmin, TabularInline
from unfold.views import ChangeList

from tenants.audit.record import record
from tenants.errors import DomainError
from tenants.services.staff import Role

NOTHING = "–"
"""Stands where there is nothing to show; a number that was not measured says so in words."""


_REFUSAL = "_prosa_refusal"
"""The attribute of a request whose form is shown again with what a service has refused."""


class PanelList(ChangeList):
    """A list that offers to show all only where something is left out."""

    @property
    def is_narrowed(self) -> bool:
        """Test whether a search, a filter or the link to here leaves rows out."""
        return bool(self.query or self.get_filters_params())

    def get_results(self, request: HttpRequest) -> None:
        """Read the page."""
        super().get_results(request)
        if not self.is_narrowed:
            self.full_result_count = self.result_count


class PanelAdmin(ModelAdmin):
    """A page of the panel: each edit is kept in the audit trail, and a refusal is a message.

    Attributes:
        is_audited_by_service: the services that it calls write the trail themselves.
    """

    is_audited_by_service = False
    show_full_result_count = False
    list_per_page = 50
    list_filter_sheet = True
    empty_value_display = NOTHING

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PanelList]:
        """Return the class of the list."""
        return PanelList

    def construct_change_message(
        self, request: HttpRequest, form: BaseForm, formsets: Any, add: bool = False
    ) -> list[dict[str, object]]:
        """Return the names of the fields that changed, never their values."""
        fields = list(form.changed_data)
        for formset in formsets or ():
            if formset.has_changed():
                fields.append(str(formset.model._meta.model_name))
        return [{"fields": fields}]

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:
        """Keep in the audit trail that a row was made."""
        self.audit(request, obj, "created", message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:
        """Keep in the audit trail that a row was changed."""
        if _fields(message) != []:
            self.audit(request, obj, "changed", message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Keep in the audit trail that rows were removed."""
        for obj in queryset:
            self.audit(request, obj, "deleted", None)

    def audit(self, request: HttpRequest, obj: Model, what: str, message: Any) -> None:
        """Write one row of the audit trail, unless a service has done it."""
        if self.is_audited_by_service:
            return
        name = str(obj._meta.model_name)
        fields = _fields(message)
        record(
            action=f"{name}.{what}",
            actor=actor(request),
            target=f"{name} {getattr(obj, 'uuid', obj.pk)}",
            data={} if fields is None else {"fields": fields},
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or take the form; what a service refuses is undone and told on it.

        What somebody else saved after the form was checked is met by the database. The form is
        checked once more then, and says so at its field.
        """
        view = partial(super().changeform_view, request, object_id, form_url, extra_context)
        response: HttpResponse
        try:
            try:
                response = view()
            except (IntegrityError, ValidationError):
                _rewind(request)
                response = view()
        except DomainError as error:
            if request.method != "POST":
                raise
            _rewind(request)
            setattr(request, _REFUSAL, error)
            try:
                response = view()
            except DomainError:  # what is refused is not the form
                return self._refused(request, error)
        return response

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Return the form; it has what a service has just refused as a mistake of its own."""
        form: type[ModelForm[Any]] = super().get_form(request, obj, change=change, **kwargs)
        error: DomainError | None = getattr(request, _REFUSAL, None)
        if error is None:
            return form

        def full_clean(self: ModelForm[Any]) -> None:
            form.full_clean(self)
            if self.is_bound:
                self.add_error(None, str(error))

        return type(form.__name__, (form,), {"full_clean": full_clean})

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask, or remove the row; what a service refuses is told."""
        try:
            response: HttpResponse = super().delete_view(request, object_id, extra_context)
        except DomainError as error:
            if request.method != "POST":
                raise
            return self._refused(request, error)
        return response

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, or do something with its rows; what a service refuses is told."""
        try:
            response: HttpResponse = super().changelist_view(request, extra_context)
        except DomainError as error:
            if request.method != "POST":
                raise
            return self._refused(request, error)
        return response

    def _refused(self, request: HttpRequest, error: DomainError) -> HttpResponse:
        self.message_user(request, str(error), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Remove rows one by one, each as its own page would."""
        for obj in queryset:
            self.delete_model(request, obj)


class OneRowAdmin(PanelAdmin):
    """Settings of which there is one row, opened at once in place of a list."""

    @abstractmethod
    def row(self) -> Model:
        """Return the one row, one of defaults before the first is saved."""

    @abstractmethod
    def forget(self) -> None:
        """Have this process read the row again: it was changed here."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the one row in place of a list."""
        return self.changeform_view(request, "1", "", extra_context)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Model:
        """Return the one row, whatever was asked for."""
        return self.row()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is one row, and its page is where its list would be."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Settings are emptied, not removed."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store it, for the next answers of this process at once."""
        super().save_model(request, obj, form, change)
        self.forget()


class ReadOnlyInline(TabularInline):
    """Rows that the machine writes, shown on the page of what they belong to."""

    extra = 0
    can_delete = False
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody makes these by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes these by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody removes these by hand."""
        return False


class ReadOnlyAdmin(PanelAdmin):
    """Rows that the machine writes: they can be looked at."""

    actions: Any = None

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody makes these by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes these by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody removes these by hand."""
        return False

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the row under its kind and number."""
        context.update(title=capfirst(str(context["original"])), subtitle=None)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response


def _rewind(request: HttpRequest) -> None:
    """Have the files of a form read from their beginning once more."""
    for _name, files in request.FILES.lists():
        for file in files:
            file.seek(0)


def _fields(message: Any) -> list[str] | None:
    """Return the changed fields of a change message; None where it is of another kind."""
    if isinstance(message, list) and message and isinstance(message[0], dict):
        found = message[0].get("fields")
        return found if isinstance(found, list) else None
    return None


def actor(request: HttpRequest) -> str:
    """Return the name under which the trail knows who is asking."""
    return str(request.user.get_username())


def is_owner(request: HttpRequest) -> bool:
    """Test whether the person may see what only the business's owners may."""
    user: Any = request.user
    if user.is_superuser:
        return True
    if not hasattr(user, "_is_owner"):
        user._is_owner = user.groups.filter(name=Role.OWNER).exists()
    return bool(user._is_owner)


def masked(secret: str) -> str:
    """Return enough of a secret to tell it from another, and no more."""
    return f"{secret[:4]}…{secret[-4:]}" if len(secret) >= 16 else "…"


def muted(text: object) -> SafeString:
    """Return a text that does not ask to be noticed."""
    return format_html('<span class="pz-muted">{}</span>', text)


def badge(text: object, tone: str = "") -> SafeString:
    """Return a small label.

    Args:
        tone: ``"good"``, ``"warn"``, ``"bad"``, ``"person"`` or empty.
    """
    return format_html('<span class="pz-badge{}">{}</span>', f" pz-{tone}" if tone else "", text)


def as_json(value: object) -> SafeString:
    """Return a value as indented JSON."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return format_html('<pre class="pz-pre">{}</pre>', text)
