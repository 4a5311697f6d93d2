"""Admin pages of the agents: a draft that is edited, and the versions that answer."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
)

from agents.admin_guards import GuardsField
from agents.admin_map import MapPages
from agents.admin_versions import VersionPages
from agents.fallbacks import FallbacksField
from agents.models import Agent, AgentVersion, BusinessFacts
from agents.own_models import OwnModelsField
from agents.services import business, editing, guarding, publishing
from integrations.services import credentials
from tenants.panel import (
    OneRowAdmin,
    PanelAdmin,
    ReadOnlyAdmin,
    ReadOnlyInline,
    actor,
    as_json,
    badge,
)
from tenants.sites import tenant_site
from tenants.widgets import SuggestingInput


class KeywordsField(forms.CharField):
    """A list of words or phrases, one a line or divided by commas."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), required=False, **kwargs
        )

    def prepare_value(self, value: Any) -> Any:
        """Return a stored list as lines."""
        return "\n".join(str(word) for word in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return what was typed as a list without repeats."""
        words = str(value or "").replace(",", "\n").split("\n")
        return list(dict.fromkeys(word.strip() for word in words if word.strip()))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare lists, not their spelling."""
        return bool((initial or []) != self.to_python(data))


class LinesField(KeywordsField):
    """A list of sentences, one a line; a comma stays in its sentence."""

    def to_python(self, value: Any) -> Any:
        """Return what was typed as a list without repeats."""
        lines = [" ".join(line.split()) for line in str(value or "").splitlines()]
        return list(dict.fromkeys(line for line in lines if line))


class AgentForm(forms.ModelForm):  # type: ignore[type-arg]
    """The draft of an agent."""

    keywords = KeywordsField(
        label=_("Keywords"),
        help_text=_(
            "Words that lead a contact here from an agent that may hand off to this one; one a"
            " line."
        ),
    )
    fallbacks = FallbacksField(
        label=_("Other models to ask when this one fails"),
        help_text=_("Asked in this order. Empty a row to take it out."),
    )

    purposes = OwnModelsField(
        label=_("Who does what for this agent"),
        help_text=_("Open a row to choose a model for this agent alone; it holds once published."),
    )

    guards = GuardsField(
        label=_("Checks"),
        help_text=_("Leave a row as it is to keep what the business sets on the page “Safety”."),
    )
    dos = LinesField(label=_("Always"), help_text=_("What it is to do every time; one a line."))
    donts = LinesField(label=_("Never"), help_text=_("What it must not do; one a line."))
    policies = LinesField(
        label=_("Policies"),
        help_text=_("Short rules of the business that it may tell a contact; one a line."),
    )
    examples = LinesField(
        label=_("Example messages"),
        help_text=_(
            "How contacts write about this subject, one message a line; eight or more work well."
            " A burst that is like them comes here, also without any keyword."
        ),
    )
    owner_numbers = KeywordsField(
        label=_("Owner's numbers"),
        help_text=_(
            "Only these numbers meet this agent; one a line, such as +55 11 98888-7777. Everybody"
            " else meets the front desk and never learns that it exists."
        ),
    )

    class Meta:
        model = Agent
        fields = (
            "name",
            "kind",
            "instructions",
            "keywords",
            "categories",
            "handoffs",
            "tools",
            "chat_credential",
            "chat_model",
            "timeout_s",
            "fallbacks",
            "purposes",
            "is_active",
            "outside_hours",
            "guards",
            "role",
            "tone",
            "dos",
            "donts",
            "policies",
            "examples",
            "owner_numbers",
            "needs_approval",
            "approval_within_min",
            "approval_then",
            "return_after_min",
            "history",
            "leads",
        )
        widgets = {"chat_model": SuggestingInput}
        help_texts = {
            "chat_model": _("As the provider names it; those known are offered as you type."),
            "role": _(
                "In one sentence, such as “tells prices and ways of paying”. Other agents pass to"
                " this one by it."
            ),
            "tone": _("Such as “light and direct, with one emoji at most”."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in {"categories", "handoffs", "tools"} & self.fields.keys():
            # A menu beside each list would say more about rows than about this agent, and through
            # its wrapper the page takes the boxes for one and unticks them.
            wrapper: Any = self.fields[name].widget
            self.fields[name].widget = wrapper.widget
        if "tools" in self.fields:
            tools: Any = self.fields["tools"]
            if not tools.queryset.exists():
                tools.help_text = format_html(
                    '{} <a class="pz-link" href="{}">{}</a>',
                    _("There are no tools yet."),
                    reverse("admin:integrations_httptool_changelist"),
                    _("Describe one"),
                )
        if "handoffs" in self.fields and self.instance.pk:
            others = Agent.objects.exclude(pk=self.instance.pk).order_by("name", "pk")
            self.fields["handoffs"].widget.choices = [(other.pk, other.name) for other in others]
        if "chat_model" in self.fields:
            field: Any = self.fields["chat_model"]
            field.widget.suggestions = credentials.suggestions()
        if "guards" in self.fields:
            checks: Any = self.fields["guards"].widget
            checks.inherited = guarding.policy({})
        if "purposes" in self.fields:
            purposes: Any = self.fields["purposes"]
            purposes.offer(self.instance)
        if "fallbacks" in self.fields:
            fallbacks: Any = self.fields["fallbacks"]
            fallbacks.offer(self.instance.fallbacks)

    def clean(self) -> Any:
        """Refuse fields that do not go together.

        Raises:
            ValidationError: by field.
        """
        cleaned: Any = super().clean()
        if not self.errors:
            editing.check_together(
                kind=cleaned.get("kind", self.instance.kind),
                owner_numbers=cleaned.get("owner_numbers", ()),
                is_own_target=bool(self.instance.pk)
                and self.instance in cleaned.get("handoffs", ()),
            )
        return cleaned


class VersionInline(ReadOnlyInline):
    """What was published before."""

    model = AgentVersion
    fk_name = "agent"
    fields = ("number", "published_at", "published_by")
    readonly_fields = fields
    ordering = ("-number",)
    per_page = 10
    show_change_link = True
    tab = True
    verbose_name_plural = _("Published versions")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AgentVersion]:
        """Leave out what was only kept to be compared."""
        found: QuerySet[AgentVersion] = super().get_queryset(request)
        return found.filter(is_published=True)


@admin.register(Agent, site=tenant_site)
class AgentAdmin(VersionPages, MapPages, PanelAdmin):
    """Agents: edits reach contacts only when they are published."""

    is_audited_by_service = True
    form = AgentForm
    inlines = (VersionInline,)
    list_display = ("name", "kind", "published", "is_active", "chat_model", "updated_at")
    list_select_related = ("published_version", "chat_credential")
    list_filter = ("kind", "is_active")
    search_fields = ("name",)
    ordering = ("name", "pk")
    autocomplete_fields = ("chat_credential",)
    readonly_fields = ("draft_state", "created_at", "updated_at")
    actions = ("publish_selected",)
    actions_submit_line = ("save_and_publish",)
    actions_list = ("see_map",)
    actions_detail = ("try_out", "see_versions")
    fieldsets = (
        (None, {"fields": ("draft_state", "name", "kind", "is_active", "owner_numbers", "role")}),
        (
            _("How it speaks and works"),
            {"fields": ("tone", "instructions", "dos", "donts", "policies")},
        ),
        (
            _("What leads to it, and where it passes on"),
            {"fields": ("keywords", "examples", "handoffs")},
        ),
        (_("Knowledge"), {"fields": ("categories",)}),
        (
            _("Tools"),
            {
                "fields": ("tools",),
                "description": _(
                    "What this agent may do in other systems. An agent of kind integration answers"
                    " with them alone; the others need something in the documents too."
                ),
            },
        ),
        (
            _("Model"),
            {"fields": ("chat_credential", "chat_model", "timeout_s", "fallbacks")},
        ),
        (_("Models by purpose"), {"fields": ("purposes",)}),
        (_("Memory"), {"fields": ("history",)}),
        (_("Leads"), {"fields": ("leads",)}),
        (_("When people are away"), {"fields": ("outside_hours",)}),
        (
            _("Checks"),
            {"classes": ("collapse",), "fields": ("guards",)},
        ),
        (
            _("Together with people"),
            {
                "fields": (
                    "return_after_min",
                    "needs_approval",
                    "approval_within_min",
                    "approval_then",
                )
            },
        ),
    )

    # A queue of people says nothing by itself, and only a personal agent has owners.
    conditional_fields = {
        "owner_numbers": "kind == 'personal'",
        **dict.fromkeys(
            (
                "tone",
                "instructions",
                "dos",
                "donts",
                "policies",
                "handoffs",
                "categories",
                "tools",
                "chat_credential",
                "chat_model",
                "timeout_s",
                "fallbacks",
                "purposes",
                "outside_hours",
                "guards",
                "history",
                "leads",
            ),
            "kind != 'human'",
        ),
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        """Bring along what the state of the draft is told by."""
        found: QuerySet[Agent] = super().get_queryset(request)
        return found.select_related("published_version", "chat_credential")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer all there is as a list of check boxes: a business has few shelves and agents."""
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None:
            field.help_text = ""
        return field

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Its versions answered contacts and stay on record; switch the agent off."""
        return False

    @admin.display(description=_("published"), ordering="published_version__number")
    def published(self, obj: Agent) -> SafeString:
        """The number of the version that answers."""
        if obj.published_version is None:
            return badge(_("never"), "warn")
        return badge(_("version %(number)s") % {"number": obj.published_version.number}, "good")

    @admin.display(description=_("state"))
    def draft_state(self, obj: Agent) -> SafeString:
        """Whether contacts meet what is written here."""
        if obj.published_version is None:
            return badge(_("Never published: it answers nobody yet."), "warn")
        number = {"number": obj.published_version.number}
        if publishing.is_published(obj):
            return badge(_("Version %(number)s answers, and this is it.") % number, "good")
        return badge(
            _("Version %(number)s answers; these changes are not published yet.") % number, "warn"
        )

    @action(
        description=_("Save and publish"), permissions=["change"], variant=ActionVariant.PRIMARY
    )
    def save_and_publish(self, request: HttpRequest, obj: Agent) -> None:
        """Make what was stored what answers."""
        self._publish(request, [obj])

    def save_model(self, request: HttpRequest, obj: Agent, form: Any, change: bool) -> None:
        """Store what was changed, as the API does."""
        names = form.changed_data if change else form.cleaned_data
        values = {name: form.cleaned_data[name] for name in names}
        if values:
            editing.save_draft(agent=obj, values=values, actor=actor(request))
        for button in self.get_actions_submit_line(request, obj.pk):
            if button.action_name in request.POST:
                button.method(request, obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Do nothing: the links are stored already."""

    @action(description=_("Map"), url_path="see-map", permissions=["view"])
    def see_map(self, request: HttpRequest) -> HttpResponse:
        """Lead to the drawing of who hands to whom."""
        return HttpResponseRedirect(reverse("admin:agents_agent_map"))

    @action(description=_("Try it"), url_path="try", permissions=["change"])
    def try_out(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Lead to the playground, with this agent."""
        playground = reverse("admin:conversations_conversation_playground")
        return HttpResponseRedirect(f"{playground}?agent={object_id}")

    @action(description=_("Versions"), url_path="see-versions", permissions=["view"])
    def see_versions(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Lead to what was published, and the way back."""
        return HttpResponseRedirect(reverse("admin:agents_agent_versions", args=[object_id]))

    @action(description=_("Publish the drafts of the selected agents"), permissions=["change"])
    def publish_selected(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        """Make the drafts what answers."""
        self._publish(request, list(queryset))

    def _publish(self, request: HttpRequest, agents: list[Agent]) -> None:
        now = timezone.now()
        n_new = sum(
            publishing.ensure_published(agent=one, actor=actor(request), now=now)[1]
            for one in agents
        )
        text = ngettext(
            "%(n)s agent has a new version.", "%(n)s agents have a new version.", n_new
        ) % {"n": n_new}
        if n_new:
            self.message_user(request, text, messages.SUCCESS)
        else:
            self.message_user(request, _("Everything was published already."), messages.INFO)


class BusinessFactsForm(forms.ModelForm):  # type: ignore[type-arg]
    """The one row of facts."""

    facts = LinesField(
        label=_("Other facts"),
        help_text=_(
            "Short and lasting, one a line, such as “we accept Pix and cards”. What changes often,"
            " such as prices, belongs in a document."
        ),
    )

    class Meta:
        model = BusinessFacts
        fields = business.FIELDS
        help_texts = {
            "name": _("As contacts know it; empty for the name of this account."),
            "about": _("One or two sentences that every agent may say of the business."),
        }


@admin.register(BusinessFacts, site=tenant_site)
class BusinessFactsAdmin(OneRowAdmin):
    """One row, opened at once; saved facts reach contacts within seconds."""

    form = BusinessFactsForm
    fieldsets = (
        (None, {"fields": ("name", "about")}),
        (_("Where and how to reach it"), {"fields": ("address", "site", "phone", "email")}),
        (_("More that is always true"), {"fields": ("facts",)}),
    )

    def row(self) -> BusinessFacts:
        """Return the facts, none before the first are saved."""
        return business.row()

    def forget(self) -> None:
        """Have the next answer read them."""
        business.forget()


@admin.register(AgentVersion, site=tenant_site)
class AgentVersionAdmin(ReadOnlyAdmin):
    """Published versions, as they were."""

    list_display = ("agent", "number", "published_at", "published_by")
    list_select_related = ("agent",)
    search_fields = ("agent__name", "published_by")
    date_hierarchy = "published_at"
    ordering = ("-published_at", "-pk")
    fields = ("agent", "number", "published_at", "published_by", "content")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AgentVersion]:
        """Leave out what was only kept to be compared."""
        found: QuerySet[AgentVersion] = super().get_queryset(request)
        return found.filter(is_published=True)

    @admin.display(description=_("snapshot"))
    def content(self, obj: AgentVersion) -> SafeString:
        """What answers, or answered."""
        return as_json(obj.snapshot)
