"""The playground: an agent is tried on the real path, and nothing is sent or kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agents.models import Agent
from conversations.services import playground
from conversations.services.playground import MAX_MESSAGES, Hours, Past, Trial, Tried

PAST_AGE_S = 12 * 3600
"""How long a page may be left open and still go on with its conversation, in seconds."""

_SALT = "conversations.playground"

if TYPE_CHECKING:
    from unfold.admin import ModelAdmin as _Base
else:
    _Base = object


class TrialForm(forms.Form):
    """What is tried, and under which circumstances."""

    agent = forms.ChoiceField(
        label=gettext_lazy("Agent"), widget=forms.Select(attrs={"class": "pz-field"})
    )
    version = forms.ChoiceField(
        label=gettext_lazy("Which text of it"),
        choices=(("draft", gettext_lazy("The draft")), ("published", gettext_lazy("Published"))),
        widget=forms.Select(attrs={"class": "pz-field"}),
    )
    messages = forms.CharField(
        label=gettext_lazy("What the contact writes"),
        help_text=gettext_lazy("One message a line, ten at most."),
        max_length=8_000,
        widget=forms.Textarea(attrs={"class": "pz-field", "rows": 4}),
    )
    together = forms.ChoiceField(
        label=gettext_lazy("Several messages"),
        choices=(
            ("1", gettext_lazy("One answer to all, as after a pause")),
            ("", gettext_lazy("An answer to each")),
        ),
        required=False,
        widget=forms.Select(attrs={"class": "pz-field"}),
    )
    hours = forms.ChoiceField(
        label=gettext_lazy("Opening hours"),
        choices=(
            (Hours.NOW.value, gettext_lazy("As it is now")),
            (Hours.OPEN.value, gettext_lazy("Within opening hours")),
            (Hours.CLOSED.value, gettext_lazy("Outside opening hours")),
        ),
        widget=forms.Select(attrs={"class": "pz-field"}),
    )
    contact = forms.ChoiceField(
        label=gettext_lazy("Who writes"),
        choices=(
            ("stranger", gettext_lazy("Any contact")),
            ("owner", gettext_lazy("The owner of the personal agent")),
        ),
        widget=forms.Select(attrs={"class": "pz-field"}),
    )
    nobody_comes = forms.BooleanField(
        label=gettext_lazy("No person answers in time"), required=False
    )
    provider_down = forms.BooleanField(
        label=gettext_lazy("The model cannot be reached"), required=False
    )
    past = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, agents: list[Agent], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.agents = {str(one.pk): one for one in agents}
        chosen: Any = self.fields["agent"]
        chosen.choices = [(pk, one.name) for pk, one in self.agents.items()]

    def clean_messages(self) -> tuple[str, ...]:
        """Return the messages, one for each line.

        Raises:
            ValidationError: there are too many.
        """
        lines = [line.strip() for line in self.cleaned_data["messages"].splitlines()]
        found = tuple(line for line in lines if line)
        if len(found) > MAX_MESSAGES:
            raise forms.ValidationError(_("At most %(n)s messages at once.") % {"n": MAX_MESSAGES})
        return found

    def clean(self) -> dict[str, Any]:
        """Refuse a published text where there is none.

        Raises:
            ValidationError: the agent was never published.
        """
        given: dict[str, Any] = super().clean() or {}
        agent = self.agents.get(given.get("agent", ""))
        if agent and given.get("version") == "published" and agent.published_version is None:
            self.add_error("version", _("It was never published; try the draft."))
        return given

    def trial(self, past: Past) -> Trial:
        """Return what is to be tried."""
        given = self.cleaned_data
        agent = self.agents[given["agent"]]
        published = agent.published_version
        is_draft = given["version"] == "draft" or published is None
        return Trial(
            agent=agent,
            version=None if is_draft or published is None else published.number,
            messages=given["messages"],
            together=bool(given["together"]),
            hours=Hours(given["hours"]),
            nobody_comes=given["nobody_comes"],
            provider_down=given["provider_down"],
            is_owner=given["contact"] == "owner",
            past=past,
        )


class PlaygroundPages(_Base):
    """What `ConversationAdmin` offers to those who write agents."""

    def get_urls(self) -> list[Any]:
        """Add the playground."""
        view = self.admin_site.admin_view(self.playground_view)
        name = "conversations_conversation_playground"
        return [path("playground/", view, name=name), *super().get_urls()]

    def playground_view(self, request: HttpRequest) -> HttpResponse:
        """Show the form, and what the agent answers."""
        # It asks models, which costs money, and shows drafts.
        if not request.user.has_perm("agents.change_agent"):
            raise PermissionDenied
        agents = playground.agents()
        tried: Tried | None = None
        past = Past()
        if request.method == "POST":
            form = TrialForm(request.POST, agents=agents)
            if form.is_valid():
                past = _read_past(form.cleaned_data["past"], form.cleaned_data["agent"])
                tried = self._try(request, form, past)
        else:
            wanted = request.GET.get("agent", "")
            initial = {"agent": wanted, "together": "1"}
            form = TrialForm(initial=initial, agents=agents)
        chosen = str(form["agent"].value() or "")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Playground"),
            "form": form,
            "has_agents": bool(agents),
            "past": past.lines,
            "tried": tried,
            "carried": _write_past(tried.past, chosen) if tried else "",
            "agent": form.agents.get(chosen),
            "search_url": reverse("admin:knowledge_test"),
            "may_search": request.user.has_perm("knowledge.view_search"),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "conversations/playground.html", context)

    def _try(self, request: HttpRequest, form: TrialForm, past: Past) -> Tried | None:
        try:
            return playground.try_out(form.trial(past), now=timezone.now())
        except playground.NobodyAnswers:
            text = _(
                "Nobody would answer this contact: the agent is switched off or serves only its"
                " owner, and no published front desk takes over."
            )
            messages.error(request, text)
            return None


def _write_past(past: Past, agent: str) -> str:
    return signing.dumps({"of": agent, **playground.past_as_data(past)}, salt=_SALT, compress=True)


def _read_past(carried: str, agent: str) -> Past:
    """Return the conversation so far; a new one where the page is old or tries another agent."""
    try:
        data = signing.loads(carried, salt=_SALT, max_age=PAST_AGE_S) if carried else None
    except signing.BadSignature:
        return Past()
    if not isinstance(data, dict) or data.get("of") != agent:
        return Past()
    return playground.past_from_data(data)
