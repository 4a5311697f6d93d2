"""Admin pages of how leads are set up: own fields, stages, score, and who brings leads in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, ProtectedError, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from conversations.lead_rules import BUILT_IN, DEFAULT_POINTS, LABELS, MAX_POINTS
from conversations.models import LeadField, LeadSettings, LeadSource, LeadStage
from conversations.models.leads import MAX_FIELDS
from conversations.services import lead_fields, lead_sources, lead_stages
from tenants.panel import PanelAdmin, actor, badge
from tenants.sites import tenant_site


class ChoicesField(forms.CharField):
    """A list of values, one a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), required=False, **kwargs
        )

    def prepare_value(self, value: Any) -> Any:
        """Return a stored list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return what was typed as a list without repeats."""
        lines = (" ".join(line.split()) for line in str(value or "").splitlines())
        return list(dict.fromkeys(line for line in lines if line))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare lists, not their spelling."""
        return bool((initial or []) != self.to_python(data))


class FieldForm(forms.ModelForm):  # type: ignore[type-arg]
    """An own field."""

    choices = ChoicesField(
        label=_("Only these values"), help_text=_("One a line; empty for any text.")
    )

    class Meta:
        model = LeadField
        fields = ("key", "label", "about", "choices", "points", "position", "is_active")

    def clean(self) -> None:
        """Refuse more fields than a model can be told of.

        Raises:
            ValidationError: there are enough.
        """
        super().clean()
        if not self.instance.pk and LeadField.objects.count() >= MAX_FIELDS:
            raise ValidationError(_("There are 30 fields already; switch one off or remove it."))


@admin.register(LeadField, site=tenant_site)
class LeadFieldAdmin(PanelAdmin):
    """Fields that this business wants to know beside what every lead has."""

    form = FieldForm
    list_display = ("label", "key", "points", "shown_choices", "is_active")
    list_before_template = "conversations/_lead_fields.html"
    search_fields = ("label", "key")
    ordering = ("position", "pk")
    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the short name, by which other systems know the field."""
        return () if obj is None else ("key",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store it, and have leads scored anew."""
        super().save_model(request, obj, form, change)
        lead_fields.changed_here()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Remove it; what leads have told of it stays."""
        super().delete_model(request, obj)
        lead_fields.changed_here()

    @admin.display(description=_("only these values"))
    def shown_choices(self, obj: LeadField) -> str:
        """Its values."""
        return ", ".join(obj.choices) or self.empty_value_display


@admin.register(LeadStage, site=tenant_site)
class LeadStageAdmin(PanelAdmin):
    """Columns of the board."""

    list_display = ("name", "kind_badge", "position", "n_leads")
    ordering = ("position", "pk")
    fields = ("name", "kind", "position")
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[LeadStage]:
        """Count along who stands in each; there are some to begin with."""
        lead_stages.stages()
        found: QuerySet[LeadStage] = super().get_queryset(request)
        return found.annotate(n=Count("leads"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Where somebody stands, nothing is taken away."""
        if obj is not None and obj.leads.exists():
            return False
        return bool(super().has_delete_permission(request, obj))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Remove a stage in which nobody stands."""
        try:
            super().delete_model(request, obj)
        except ProtectedError:
            self.message_user(request, _("Leads stand in it; move them first."), messages.ERROR)

    @admin.display(description=_("means"), ordering="kind")
    def kind_badge(self, obj: LeadStage) -> SafeString:
        """What it means."""
        return badge(obj.get_kind_display())

    @admin.display(description=_("leads"))
    def n_leads(self, obj: Any) -> int:
        """How many stand in it."""
        return int(obj.n)


def _points(key: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=LABELS[key], min_value=0, max_value=MAX_POINTS, widget=UnfoldAdminIntegerFieldWidget
    )


class ScoreForm(forms.ModelForm):  # type: ignore[type-arg]
    """The points of the fields that every lead has."""

    points_need = _points("need")
    points_budget = _points("budget")
    points_authority = _points("authority")
    points_timing = _points("timing")
    points_name = _points("name")
    points_email = _points("email")
    points_phone = _points("phone")
    points_company = _points("company")

    class Meta:
        model = LeadSettings
        fields = ("qualified_from",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for key in BUILT_IN:
            self.fields[f"points_{key}"].initial = self.instance.points.get(
                key, DEFAULT_POINTS[key]
            )

    def points(self) -> dict[str, int]:
        """Return what was typed, by key."""
        return {key: int(self.cleaned_data[f"points_{key}"]) for key in BUILT_IN}


@admin.register(LeadSettings, site=tenant_site)
class LeadSettingsAdmin(PanelAdmin):
    """One row, opened at once."""

    form = ScoreForm
    fieldsets = (
        (
            _("Points"),
            {
                "fields": tuple(f"points_{key}" for key in BUILT_IN),
                "description": _(
                    "A value gives its points times how sure it is. The score is what was reached"
                    " of all points together, with those of your own fields, from 0 to 100."
                ),
            },
        ),
        (_("Qualified"), {"fields": ("qualified_from",)}),
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the one row in place of a list."""
        return self.changeform_view(request, "1", "", extra_context)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> LeadSettings:
        """Return the one row, one of defaults before the first is saved."""
        return lead_fields.settings()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is one row, and its page is where its list would be."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The row may as well say what the default is."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store it, and have open leads scored anew."""
        lead_fields.save(points=form.points(), qualified_from=obj.qualified_from)


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A source of leads; its secret is shown once and never comes out again."""

    account = forms.ChoiceField(label=_("Writes from"), widget=UnfoldAdminSelectWidget)
    places = forms.CharField(
        label=_("Where its fields stand"),
        required=False,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 4, "placeholder": "name = leads.0.name\nphone = leads.0.mobile_phone"}
        ),
        help_text=_(
            "One a line, as “our field = where it stands in what is sent”. What is left out stands"
            " under its own name: name, phone, email, company, need, budget, authority, timing,"
            " and the short names of your own fields."
        ),
    )

    class Meta:
        model = LeadSource
        fields = ("name", "first_message", "is_active")
        widgets = {"first_message": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "account" in self.fields:
            account: Any = self.fields["account"]
            account.choices = [(str(one.account_ref), one.name) for one in lead_sources.accounts()]
            account.initial = str(self.instance.account_ref or "")
        if "places" in self.fields:
            self.fields["places"].initial = "\n".join(
                f"{key} = {place}" for key, place in self.instance.fields.items()
            )

    def clean_places(self) -> dict[str, str]:
        """Return the places by field.

        Raises:
            ValidationError: a line that is none.
        """
        found = {}
        for line in self.cleaned_data["places"].splitlines():
            key, sign, place = line.partition("=")
            if line.strip() and not (sign and key.strip() and place.strip()):
                raise ValidationError(_("Write each line as “our field = place”."))
            if line.strip():
                found[key.strip()] = place.strip()
        return found


@admin.register(LeadSource, site=tenant_site)
class LeadSourceAdmin(PanelAdmin):
    """Forms and systems that bring leads in by a webhook."""

    class Media:
        js = ("prosa/confirm.js",)

    form = SourceForm
    list_display = ("name", "address", "last_day", "is_active")
    list_before_template = "conversations/_lead_sources.html"
    search_fields = ("name",)
    ordering = ("name", "pk")
    readonly_fields = ("address", "last_day")
    actions = None
    actions_submit_line = ("new_secret",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for less where the source is made."""
        message = (_("The first message"), {"fields": ("account", "first_message")})
        places = (_("What it sends"), {"fields": ("places",), "classes": ("collapse",)})
        if obj is None:
            return ((None, {"fields": ("name",)}), message, places)
        head = (None, {"fields": ("name", "address", "last_day", "is_active")})
        return (head, message, places)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LeadSource]:
        """Count along what came in."""
        found: QuerySet[LeadSource] = super().get_queryset(request)
        return found.annotate(n=Count("incoming"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the name, by which files and people know the source."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "name")

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Know whose host the addresses are on."""
        self._host = f"{request.scheme}://{request.get_host()}"
        return super().get_form(request, obj, change=change, **kwargs)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list with whole addresses."""
        self._host = f"{request.scheme}://{request.get_host()}"
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or change the source through its service; a new secret is shown once."""
        ensured = lead_sources.ensure_source(
            name=obj.name,
            account_ref=form.cleaned_data["account"],
            first_message=obj.first_message,
            fields=form.cleaned_data["places"],
            is_active=obj.is_active,
        )
        obj.pk, obj.uuid = ensured.source.pk, ensured.source.uuid
        if ensured.secret:
            self._show(request, obj.name, ensured.secret)
        for button in self.get_actions_submit_line(request, obj.pk):
            if button.action_name in request.POST:
                button.method(request, obj)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go on to the source's page, where its address stands."""
        super().response_add(request, obj, post_url_continue)
        page = reverse("admin:conversations_leadsource_change", args=[obj.pk])
        return HttpResponseRedirect(page)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Leave room for the page's own button."""
        context.update(show_save_and_add_another=False, show_save_and_continue=False)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @action(
        description=_("Save and make a new secret"),
        permissions=["change"],
        attrs={"data-confirm": _("What still sends the old secret is refused at once. Go on?")},
    )
    def new_secret(self, request: HttpRequest, obj: LeadSource) -> None:
        """Make a new secret and show it once; the old one ends at once."""
        source = LeadSource.objects.get(pk=obj.pk)
        secret = lead_sources.new_secret(source=source, actor=actor(request))
        self._show(request, source.name, secret)

    def _show(self, request: HttpRequest, name: str, secret: str) -> None:
        text = gettext(
            "The secret of %(name)s is shown this once; send it as the header X-Api-Key, or sign"
            " with it as Standard Webhooks says:"
        ) % {"name": name}
        self.message_user(
            request, format_html("{} <code>{}</code>", text, secret), messages.WARNING
        )

    @admin.display(description=_("address"))
    def address(self, obj: LeadSource) -> SafeString:
        """Where leads are posted to."""
        page = reverse("bring_lead", args=[obj.uuid])
        return format_html('<code class="pz-wrap">{}{}</code>', self._host, page)

    @admin.display(description=_("brought in 30 days"))
    def last_day(self, obj: Any) -> int:
        """How many leads it has brought, as far as remembered."""
        return int(obj.n)
