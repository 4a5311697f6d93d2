"""The admin page of budgets: limits, how full they are, and what happens at each mark."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from integrations.models import Budget
from integrations.services import budget_use, subjects, words
from integrations.services.budget_use import Use
from integrations.services.budgets import CHEAPER_PERCENT, WARN_PERCENT
from tenants.panel import PanelAdmin, PanelList, badge, muted
from tenants.sites import tenant_site


class BudgetForm(forms.ModelForm):  # type: ignore[type-arg]
    """A limit, for whom, and for how long."""

    agent_uuid = forms.TypedChoiceField(
        label=_("Agent"),
        required=False,
        coerce=uuid.UUID,
        empty_value=None,
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = Budget
        fields = ("level", "agent_uuid", "period", "limit_usd", "limit_calls", "is_active")
        localized_fields = ("limit_usd",)
        # A browser's number field would not take a decimal comma.
        widgets = {"limit_usd": UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"})}
        help_texts = {
            "level": _("“Each contact” and “each conversation” count every one by itself."),
            "period": _("A day begins at midnight, a month on its first day."),
            "limit_usd": _("Calls whose price is not known count as nothing here."),
            "limit_calls": _("Holds whatever the calls cost."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "agent_uuid" not in self.fields:
            return
        agents = [(str(one.uuid), one.name) for one in subjects.known().agents()]
        present = self.instance.agent_uuid
        if present is not None and str(present) not in dict(agents):
            agents.append((str(present), str(_("an agent that is gone"))))
        field: Any = self.fields["agent_uuid"]
        field.choices = [("", "---------"), *agents]
        if present is not None:
            self.initial["agent_uuid"] = str(present)

    def clean_limit_usd(self) -> Any:
        """Refuse less than nothing.

        Raises:
            ValidationError: the limit is negative.
        """
        limit = self.cleaned_data["limit_usd"]
        if limit is not None and limit < 0:
            raise ValidationError(_("A limit cannot be less than nothing."))
        return limit

    def clean(self) -> dict[str, Any]:
        """Forget the agent of a budget that is not for one: its field was hidden."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("level") != Budget.Level.AGENT:
            cleaned["agent_uuid"] = None
        return cleaned


class _BudgetList(PanelList):
    """Brings along how full the budgets are and whose they are."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page."""
        super().get_results(request)
        found = budget_use.uses(now=timezone.now(), timezone=_zone())
        names = budget_use.agent_names(self.result_list)
        for budget in self.result_list:
            budget.use = found.get(budget.pk)
            budget.whose = budget_use.whose(budget, agents=names)


@admin.register(Budget, site=tenant_site)
class BudgetAdmin(PanelAdmin):
    """Limits on what models may cost."""

    form = BudgetForm
    list_display = ("whose", "limits", "used", "state")
    list_before_template = "integrations/_marks.html"
    ordering = ("level", "period", "pk")
    readonly_fields = ("use_now", "marks")
    conditional_fields = {"agent_uuid": "level == 'agent'"}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PanelList]:
        """Return the class of the list."""
        return _BudgetList

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the present use where there is one."""
        limits = {"fields": ("limit_usd", "limit_calls"), "description": _("One of both, or both.")}
        whose = ("level", "agent_uuid", "period", "is_active")
        return (
            (None, {"fields": whose if obj is None else ("use_now", *whose)}),
            (_("Limit"), limits),
            (_("What happens"), {"fields": ("marks",)}),
        )

    @admin.display(description=_("for"), ordering="level")
    def whose(self, obj: Any) -> str:
        """Whom the limit holds for, and for how long."""
        return str(getattr(obj, "whose", "") or budget_use.whose(obj, agents={}))

    @admin.display(description=_("limit"))
    def limits(self, obj: Budget) -> str:
        """How much may be used."""
        return " · ".join(_limits(obj))

    @admin.display(description=_("used"))
    def used(self, obj: Any) -> SafeString:
        """The bar."""
        return _bar(getattr(obj, "use", None) or Use(obj))

    @admin.display(description=_("state"))
    def state(self, obj: Any) -> SafeString:
        """What holds now."""
        return _state(obj, getattr(obj, "use", None) or Use(obj))

    @admin.display(description=_("used now"))
    def use_now(self, obj: Budget) -> SafeString:
        """The bar with its state."""
        use = budget_use.uses(now=timezone.now(), timezone=_zone()).get(obj.pk) or Use(obj)
        return _bar(use, state=_state(obj, use))

    @admin.display(description=_("marks"))
    def marks(self, obj: Budget | None) -> SafeString:
        """What happens at each mark."""
        return render_to_string("integrations/_marks.html")


def _zone() -> str:
    return timezone.get_current_timezone_name()


def _limits(budget: Budget) -> list[str]:
    limits = []
    if budget.limit_usd is not None:
        limits.append(words.usd(budget.limit_usd))
    if budget.limit_calls is not None:
        n = budget.limit_calls
        limits.append(ngettext("%(n)s call", "%(n)s calls", n) % {"n": words.number(n)})
    return limits


def _bar(use: Use, *, state: SafeString | str = "") -> SafeString:
    n_calls = ngettext("%(n)s call", "%(n)s calls", use.n_calls) % {"n": words.number(use.n_calls)}
    parts = [words.usd(use.used_usd), n_calls]
    if use.budget.level in {Budget.Level.CONTACT, Budget.Level.CONVERSATION}:
        parts.append(
            str(_("the one that used most; %(n)s of %(all)s over 80 %%"))
            % {"n": use.n_warned, "all": use.n_subjects}
        )
    return render_to_string(
        "integrations/_use.html",
        {
            "percent": use.percent,
            "width": min(use.percent, 100),
            "tone": _tone(use),
            "detail": " · ".join(parts),
            "state": state,
        },
    )


def _tone(use: Use) -> str:
    if use.percent >= 100:
        return "bad"
    return "warn" if use.percent >= WARN_PERCENT else "good"


def _state(budget: Budget, use: Use) -> SafeString:
    if not budget.is_active:
        return muted(_("switched off"))
    if use.percent >= 100:
        return badge(_("used up: no model is asked"), "bad")
    if use.percent >= CHEAPER_PERCENT:
        return badge(_("the cheaper model answers"), "warn")
    if use.percent >= WARN_PERCENT:
        return badge(_("nearly used up"), "warn")
    return badge(_("within the limit"), "good")
