"""The form of the checks, for a business and for an agent, and the page of the business's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from agents import guards
from agents.guard_names import guard_name
from agents.guards import Check, Level, Policy, Then
from agents.models import GuardSettings
from agents.services import guarding
from agents.validators import validate_guards
from tenants.audit.record import record
from tenants.panel import PanelAdmin, actor
from tenants.sites import tenant_site

_GROUPS = (
    (gettext_lazy("What contacts send"), guards.CHECKS[:5]),
    (gettext_lazy("What the assistant sends"), guards.CHECKS[5:]),
)

_EXPLAINED = {
    "input_length": gettext_lazy("What is longer is cut; the rest is not read."),
    "flood_minute": gettext_lazy("Who gets more goes to a person, without a message."),
    "flood_day": gettext_lazy("Who gets more goes to a person, without a message."),
    "bot_loop": gettext_lazy("The same message again and again, or faster than people write."),
    "subjects": gettext_lazy("Neither asked about nor mentioned. One word or phrase a line."),
    "length": gettext_lazy("Longer than this nobody reads on a phone."),
    "leak": gettext_lazy("Also in code, backwards or with signs in between."),
    "links": gettext_lazy("Sites that stand in your documents or in the instructions."),
    "strangers": gettext_lazy(
        "Phones, e-mails and documents that are not yours nor the contact's."
    ),
    "promises": gettext_lazy("Discounts, guarantees, deadlines, approvals, bookings."),
    "discount": gettext_lazy("A larger one is held back, whatever a document says."),
    "parroting": gettext_lazy("“Say that it is free” does not make it so."),
    "toxicity": gettext_lazy("Add words of your own, one a line."),
    "strict": gettext_lazy("Sends less to contacts and more to people."),
}


@dataclass(frozen=True)
class _Row:
    """One check on the page."""

    name: str
    title: str
    text: str
    inherited: str
    on: SafeString | str
    limit: SafeString | str
    words: SafeString | str
    then: SafeString | str
    answer: SafeString | str
    is_open: bool


def describe(check: Check, policy: Policy) -> str:
    """Return what a check does where nothing is set here, and who set that."""
    setting = policy[check.name]
    parts = [_("on") if setting.is_on else _("off")]
    if check.limit is not None:
        parts = [str(setting.limit)]
    if check.takes_words and setting.words:
        parts.append(", ".join(setting.words[:5]))
    who = _("the business") if setting.origin is Level.TENANT else _("the platform")
    return _("%(value)s, from %(who)s") % {"value": " · ".join(parts), "who": who}


class GuardsWidget(forms.Widget):
    """A row for each check; `inherited` is what holds where a row is left as it is."""

    inherited: Policy = guards.PLATFORM

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Return the table."""
        given: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
        groups = [
            (title, [self._row(name, check, given.get(check.name) or {}) for check in checks])
            for title, checks in _GROUPS
        ]
        return SafeString(render_to_string("agents/_guards.html", {"groups": groups}))

    def _row(self, name: str, check: Check, given: Mapping[str, Any]) -> _Row:
        def shown(key: str, widget: forms.Widget, value: object, label: str) -> SafeString:
            field = f"{name}-{check.name}-{key}"
            aria = f"{guard_name(check.name)}: {label}"
            return widget.render(field, value, {"id": f"id_{field}", "aria-label": aria})

        as_before = ("", _("As it is"))
        on_off = [as_before, ("on", _("On")), ("off", _("Off"))]
        ends = [
            as_before,
            (Then.PERSON.value, _("Leave it to a person")),
            (Then.TEXT.value, _("Send a text")),
        ]
        is_on = {True: "on", False: "off"}.get(given.get("on", ""), given.get("on", ""))
        number = UnfoldAdminIntegerFieldWidget(attrs={"min": check.tightest, "max": check.loosest})
        words = given.get("words", "")
        lines = "\n".join(words) if isinstance(words, list) else words
        return _Row(
            name=check.name,
            title=guard_name(check.name),
            text=str(_EXPLAINED.get(check.name, "")),
            inherited=describe(check, self.inherited),
            on=shown("on", UnfoldAdminSelectWidget(choices=on_off), is_on, _("switch"))
            if check.may_be_off
            else "",
            limit=shown("limit", number, given.get("limit", ""), _("number"))
            if check.limit is not None
            else "",
            words=shown("words", UnfoldAdminTextareaWidget(attrs={"rows": 3}), lines, _("words"))
            if check.takes_words
            else "",
            then=shown(
                "then", UnfoldAdminSelectWidget(choices=ends), given.get("then", ""), _("ending")
            )
            if check.answers
            else "",
            answer=shown(
                "text",
                UnfoldAdminTextareaWidget(attrs={"rows": 2}),
                given.get("text", ""),
                _("text for the contact"),
            )
            if check.answers
            else "",
            is_open=bool(given),
        )

    def value_from_datadict(self, data: Any, files: Any, name: str) -> dict[str, dict[str, Any]]:
        """Return what was filled in, by check; numbers and switches as they are typed."""
        found = {}
        for check in guards.CHECKS:
            typed = {
                key: str(data.get(f"{name}-{check.name}-{key}", "")).strip()
                for key in ("on", "limit", "words", "then", "text")
            }
            given = {key: value for key, value in typed.items() if value}
            if given:
                found[check.name] = given
        return found

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """Test whether the form was not on the page at all."""
        return not any(str(key).startswith(f"{name}-") for key in data)


class GuardsField(forms.Field):
    """What one level sets of the checks."""

    widget = GuardsWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def to_python(self, value: Any) -> dict[str, dict[str, Any]]:
        """Return the settings in their one form.

        Raises:
            ValidationError: one of them cannot be taken.
        """
        raw: dict[str, dict[str, Any]] = {}
        for name, given in (value or {}).items():
            one: dict[str, Any] = dict(given)
            if one.get("on") in ("on", "off"):
                one["on"] = one["on"] == "on"
            if isinstance(one.get("limit"), str) and one["limit"].isdigit():
                one["limit"] = int(one["limit"])
            if isinstance(one.get("words"), str):
                one["words"] = [word.strip() for word in one["words"].splitlines() if word.strip()]
            raw[name] = one
        validate_guards(raw)
        return guards.checked(raw)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare settings, not how they were typed."""
        try:
            return (initial or {}) != self.to_python(data)
        except ValidationError:
            return True


class GuardSettingsForm(forms.Form):
    """What the business sets for all of its agents."""

    checks = GuardsField(label="")


@admin.register(GuardSettings, site=tenant_site)
class GuardSettingsAdmin(PanelAdmin):
    """The checks of all agents; one page instead of a list."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The one row is made when it is first changed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Settings are emptied, not removed."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the settings, and take what was changed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = GuardSettingsForm(initial={"checks": guarding.stored()})
        if request.method == "POST":
            if not self.has_change_permission(request):
                raise PermissionDenied
            form = GuardSettingsForm(request.POST)
            if form.is_valid():
                self._keep(request, form.cleaned_data["checks"])
                return HttpResponseRedirect(request.path)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Safety"),
            "form": form,
            "may_change": self.has_change_permission(request),
        }
        return TemplateResponse(request, "agents/guards.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the one page: there is one row."""
        return self.changelist_view(request, extra_context)

    def _keep(self, request: HttpRequest, checks: Mapping[str, Any]) -> None:
        if guarding.save(checks=checks):
            record(
                action="guardsettings.changed",
                actor=actor(request),
                target="guardsettings 1",
                data={"checks": sorted(checks)},
            )
            text = _("Kept. Your agents follow it within a few seconds.")
            self.message_user(request, text, messages.SUCCESS)
        else:
            self.message_user(request, _("Nothing was changed."), messages.INFO)
