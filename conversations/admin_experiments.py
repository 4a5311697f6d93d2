"""Comparisons: versions of an agent that real contacts meet side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from agents.models import Agent, AgentVersion, Experiment
from agents.models_experiments import MAX_WEIGHT
from agents.services import experiments, publishing
from agents.services.experiments import (
    FEWEST_CONVERSATIONS,
    MOST_CONVERSATIONS,
    MOST_VARIANTS,
    CannotStart,
    Plan,
)
from conversations.services import experiments as outcomes
from conversations.services import words
from conversations.services.experiments import FEWEST_EACH, Arm
from tenants.panel import ReadOnlyAdmin, actor
from tenants.sites import tenant_site

DRAFT = "draft"
N_OFFERED = 6
"""Versions that are offered for a comparison beside the draft, the newest first."""

N_LISTED = 50

_NUMBER = {"class": "pz-field"}


@dataclass(frozen=True, slots=True)
class Row:
    """A variant as its table shows it; shares are percentages."""

    name: str
    is_first: bool
    is_winner: bool
    weight: str
    n: int
    share: str
    bounds: str
    low: int
    width: int
    middle: int
    left: int
    asked: int
    up: int
    down: int
    verdict: str
    tone: str


class StartForm(forms.Form):
    """Which versions are compared, and until when."""

    max_conversations = forms.IntegerField(
        label=gettext_lazy("Ends after so many conversations"),
        initial=400,
        min_value=FEWEST_CONVERSATIONS,
        max_value=MOST_CONVERSATIONS,
        help_text=gettext_lazy("To see a difference of 10 points, about 400 are needed."),
        widget=forms.NumberInput(attrs=_NUMBER),
    )
    stops_when_clear = forms.BooleanField(
        label=gettext_lazy("End earlier when the difference is beyond doubt"),
        initial=True,
        required=False,
    )
    publishes_winner = forms.BooleanField(
        label=gettext_lazy("Publish the winner without asking"), required=False
    )

    def __init__(self, *args: Any, offered: list[tuple[str, str, int]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offered = offered
        for value, name, weight in offered:
            self.fields[f"weight_{value}"] = forms.IntegerField(
                label=name,
                initial=weight,
                min_value=0,
                max_value=MAX_WEIGHT,
                required=False,
                widget=forms.NumberInput(attrs=_NUMBER),
            )

    def weights(self) -> list[forms.BoundField]:
        """Return the fields of the versions."""
        return [self[f"weight_{value}"] for value, _name, _weight in self.offered]

    def chosen(self) -> dict[str, int]:
        """Return the weights that were given, by version."""
        return {
            value: self.cleaned_data.get(f"weight_{value}") or 0
            for value, _name, _weight in self.offered
            if self.cleaned_data.get(f"weight_{value}")
        }


@admin.register(Experiment, site=tenant_site)
class ExperimentAdmin(ReadOnlyAdmin):
    """Comparisons: each shows what became of the conversations of every version."""

    def get_urls(self) -> list[Any]:
        """Add how one is started and ended."""
        wrap, name = self.admin_site.admin_view, "agents_experiment_{}".format
        return [
            path("start/<int:agent_pk>/", wrap(self.start_view), name=name("start")),
            path("<int:pk>/stop/", wrap(require_POST(self.stop_view)), name=name("stop")),
            path("<int:pk>/publish/", wrap(require_POST(self.publish_view)), name=name("publish")),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the comparisons, those that run first, and which agents can have one."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        wanted = request.GET.get("agent", "")
        found = Experiment.objects.select_related("agent", "winner").order_by(
            "status", "-started_at", "-pk"
        )
        agents = Agent.objects.filter(is_active=True, published_version__isnull=False).exclude(
            kind__in=(Agent.Kind.HUMAN, Agent.Kind.PERSONAL)
        )
        if wanted.isdecimal() and len(wanted) < 18:
            found, agents = found.filter(agent=int(wanted)), agents.filter(pk=int(wanted))
        running = set(
            Experiment.objects.filter(status=Experiment.Status.RUNNING).values_list(
                "agent", flat=True
            )
        )
        return self._show(
            request,
            "conversations/experiments.html",
            title=_("Comparisons"),
            experiments=found[:N_LISTED],
            agents=[one for one in agents.order_by("name", "pk") if one.pk not in running],
            may_change=self._may_change(request),
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one comparison."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        experiment = _find(int(object_id) if object_id.isdecimal() else 0)
        found = outcomes.outcome(experiment)
        is_running = experiment.status == Experiment.Status.RUNNING
        winner = experiment.winner
        return self._show(
            request,
            "conversations/experiment.html",
            title=_("Comparison of %(agent)s") % {"agent": experiment.agent.name},
            experiment=experiment,
            rows=_rows(found, winner),
            n=found.n,
            percent=min(100, round(100 * found.n / experiment.max_conversations)),
            is_running=is_running,
            is_published=winner is not None and winner.pk == experiment.agent.published_version_id,
            fewest=FEWEST_EACH,
            may_change=self._may_change(request),
        )

    def start_view(self, request: HttpRequest, agent_pk: int) -> HttpResponse:
        """Show the form of a new comparison, or start it."""
        if not self._may_change(request):
            raise PermissionDenied
        agent = get_object_or_404(
            Agent.objects.select_related("published_version"),
            pk=agent_pk,
            published_version__isnull=False,
        )
        offered = _offered(agent)
        form = StartForm(request.POST or None, offered=offered)
        if request.method == "POST" and form.is_valid():
            try:
                made = self._start(request, agent, form)
            except CannotStart as error:
                form.add_error(None, _refusal(error.code))
            else:
                self.message_user(request, _("The comparison runs."), messages.SUCCESS)
                return HttpResponseRedirect(_page(made.pk))
        return self._show(
            request,
            "conversations/experiment_start.html",
            title=_("Compare versions of %(agent)s") % {"agent": agent.name},
            form=form,
            agent=agent,
            has_choice=len(offered) > 1,
        )

    def _start(self, request: HttpRequest, agent: Agent, form: StartForm) -> Experiment:
        now, by = timezone.now(), actor(request)
        chosen = form.chosen()
        numbers = [int(one) for one in chosen if one != DRAFT]
        arms: list[tuple[AgentVersion, int]] = [
            (one, chosen[str(one.number)]) for one in agent.versions.filter(number__in=numbers)
        ]
        if DRAFT in chosen:
            kept = publishing.keep_version(agent=agent, actor=by, now=now)
            arms.append((kept, chosen[DRAFT]))
        given = form.cleaned_data
        plan = Plan(
            given["max_conversations"], given["stops_when_clear"], given["publishes_winner"]
        )
        return experiments.start(agent=agent, arms=arms, plan=plan, actor=by, now=now)

    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """End a comparison; what is published answers everybody again."""
        if not self._may_change(request):
            raise PermissionDenied
        experiment = _find(pk)
        winner = outcomes.outcome(experiment).winner
        done = experiments.stop(
            experiment=experiment, actor=actor(request), now=timezone.now(), winner=winner
        )
        text = _("The comparison has ended.") if done else _("It had ended already.")
        self.message_user(request, text)
        return HttpResponseRedirect(_page(pk))

    def publish_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let the winner answer everybody."""
        if not self._may_change(request):
            raise PermissionDenied
        try:
            version = experiments.publish_winner(
                experiment=_find(pk), actor=actor(request), now=timezone.now()
            )
        except experiments.NothingToPublish:
            text = _("This comparison still runs, or nobody won it.")
            self.message_user(request, text, messages.ERROR)
        else:
            text = _("Version %(number)s answers everybody now.") % {"number": version.number}
            self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(_page(pk))

    def _may_change(self, request: HttpRequest) -> bool:
        """Test for those who may publish."""
        return bool(request.user.has_perm("agents.change_agent"))

    def _show(
        self, request: HttpRequest, template: str, *, title: str, **context: Any
    ) -> HttpResponse:
        request.current_app = self.admin_site.name
        everything = {
            **self.admin_site.each_context(request),
            "title": title,
            "content_title": title,
            **context,
        }
        return TemplateResponse(request, template, everything)


def _find(pk: int) -> Experiment:
    rows = Experiment.objects.select_related("agent", "winner")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _page(pk: int) -> str:
    return reverse("admin:agents_experiment_change", args=[pk])


def _offered(agent: Agent) -> list[tuple[str, str, int]]:
    """Return what can be compared: value, name and the weight that is proposed."""
    published = agent.published_version
    if published is None:
        return []
    is_new = not publishing.is_published(agent)
    others = list(agent.versions.exclude(pk=published.pk).order_by("-number")[:N_OFFERED])
    answers = _("Version %(number)s, which answers now") % {"number": published.number}
    rows = [(str(published.number), answers, 50)]
    if is_new:
        rows.append((DRAFT, _("The draft as it is now"), 50))
    for place, one in enumerate(others):
        name = _("Version %(number)s") % {"number": one.number}
        rows.append((str(one.number), name, 50 if place == 0 and not is_new else 0))
    return rows


def _refusal(code: str) -> str:
    texts = {
        "running": _("A comparison of this agent runs already; end it first."),
        "number_of_versions": _("Give a part to two versions at least, and to %(n)s at most.")
        % {"n": MOST_VARIANTS},
        "without_published": _("The version that answers now has to be among them."),
        "kind": _("The versions must be of one kind, and neither personal nor a queue of people."),
        "not_published": _("The agent has to be switched on and published first."),
    }
    return texts.get(code, _("This cannot be compared."))


def _rows(found: outcomes.Outcome, winner: AgentVersion | None) -> list[Row]:
    total = sum(one.weight for one in found.arms)
    return [
        _row(one, place, total=total, is_winner=winner is not None and one.version == winner)
        for place, one in enumerate(found.arms)
    ]


def _row(arm: Arm, place: int, *, total: int, is_winner: bool) -> Row:
    low, high = round(100 * arm.alone.low), round(100 * arm.alone.high)
    share = 100 * arm.n_alone / arm.n if arm.n else 0
    verdict, tone = _verdict(arm)
    return Row(
        name=_("Version %(number)s") % {"number": arm.version.number},
        is_first=place == 0,
        is_winner=is_winner,
        weight=f"{round(100 * arm.weight / total)}%",
        n=arm.n,
        share=f"{round(share)}%" if arm.n else "–",
        bounds=_("%(low)s%% to %(high)s%%") % {"low": low, "high": high} if arm.n else "",
        low=low,
        width=max(1, high - low),
        middle=round(share),
        left=arm.n_left,
        asked=arm.n_asked,
        up=arm.n_up,
        down=arm.n_down,
        verdict=verdict,
        tone=tone,
    )


def _verdict(arm: Arm) -> tuple[str, str]:
    """Return how a variant does against the first one, and in which colour."""
    if arm.gain is None:
        return _("what the others are compared with"), ""
    low, high = 100 * arm.gain.low, 100 * arm.gain.high
    span = {"low": words.decimal(low, 0), "high": words.decimal(high, 0)}
    if not arm.n:
        return _("nothing to see yet"), ""
    if not arm.is_clear:
        return _("between %(low)s and %(high)s points: chance may explain it") % span, ""
    if arm.gain.low > 0:
        return _("better by %(low)s to %(high)s points") % span, "good"
    span = {"low": words.decimal(-high, 0), "high": words.decimal(-low, 0)}
    return _("worse by %(low)s to %(high)s points") % span, "bad"
