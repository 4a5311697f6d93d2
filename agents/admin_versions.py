"""The page of an agent's versions: what each changed, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from agents.models import Agent, AgentVersion, Experiment
from agents.services import publishing, versions
from tenants.panel import actor

DRAFT = "draft"
N_SHOWN = 30
"""Versions on the page, the newest first. Older ones stay reachable by their number."""

if TYPE_CHECKING:
    from unfold.admin import ModelAdmin as _Base
else:
    _Base = object


@dataclass(frozen=True, slots=True)
class Row:
    """A version in the list; `compare_url` shows what it changed."""

    number: int
    at: datetime
    by: str
    is_answering: bool
    is_tried: bool
    is_published: bool
    compare_url: str


class VersionPages(_Base):
    """What `AgentAdmin` offers about versions."""

    def get_urls(self) -> list[Any]:
        """Add the page, and the way back."""
        wrap = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/versions/",
                wrap(require_GET(self.versions_view)),
                name="agents_agent_versions",
            ),
            path(
                "<int:pk>/versions/<int:number>/restore/",
                wrap(require_POST(self.restore_view)),
                name="agents_agent_restore",
            ),
            *super().get_urls(),
        ]

    def versions_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the versions, and what differs between two of them or the draft."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        agent = get_object_or_404(Agent.objects.select_related("published_version"), pk=pk)
        found = list(agent.versions.order_by("-number")[:N_SHOWN])
        before, after = _chosen(request, agent, found)
        known = {DRAFT: publishing.snapshot(agent)}
        known |= {str(one.number): one.snapshot for one in found}
        for one in agent.versions.filter(number__in=_numbers(before, after)):
            known[str(one.number)] = one.snapshot
        title = _("Versions of %(agent)s") % {"agent": agent.name}
        is_shown = before in known and after in known
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "content_title": title,
            "agent": agent,
            "rows": self._rows(agent, found),
            "choices": [(DRAFT, _("the draft")), *((str(o.number), str(o)) for o in found)],
            "before": before,
            "after": after,
            "names": (_name(before), _name(after)),
            "differences": versions.differences(known[before], known[after]) if is_shown else None,
            "may_change": self.has_change_permission(request),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "agents/versions.html", context)

    def _rows(self, agent: Agent, found: Sequence[AgentVersion]) -> list[Row]:
        tried = set(
            Experiment.objects.filter(agent=agent, status=Experiment.Status.RUNNING).values_list(
                "variants__version", flat=True
            )
        )
        page = reverse("admin:agents_agent_versions", args=[agent.pk])
        return [
            Row(
                number=one.number,
                at=one.published_at,
                by=one.published_by,
                is_answering=one.pk == agent.published_version_id,
                is_tried=one.pk in tried,
                is_published=one.is_published,
                compare_url=f"{page}?from={one.number - 1}&to={one.number}#differences"
                if one.number > 1
                else "",
            )
            for one in found
        ]

    def restore_view(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        """Make the agent what it was."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        version = AgentVersion.objects.filter(agent=pk, number=number).first()
        if version is None:
            raise Http404
        done = versions.restore(
            version=version,
            publish="publish" in request.POST,
            actor=actor(request),
            now=timezone.now(),
        )
        if done.version is None:
            told = _("Version %(number)s is in the draft now; nothing was published.")
            text = told % {"number": number}
        else:
            told = _("Version %(number)s is back, as version %(new)s. It answers from now on.")
            text = told % {"number": number, "new": done.version.number}
        self.message_user(request, text, messages.SUCCESS)
        if done.left_out:
            gone = _("Not there any more, and left out: %(what)s.")
            self.message_user(request, gone % {"what": ", ".join(done.left_out)}, messages.WARNING)
        return HttpResponseRedirect(reverse("admin:agents_agent_versions", args=[pk]))


def _chosen(request: HttpRequest, agent: Agent, found: Sequence[AgentVersion]) -> tuple[str, str]:
    """Return what is compared: as asked for, else what is not published yet, else the last step."""
    asked = (request.GET.get("from", ""), request.GET.get("to", ""))
    if all(asked):
        return asked
    published = agent.published_version
    if published is None:
        return (str(found[0].number), DRAFT) if found else (DRAFT, DRAFT)
    if not publishing.is_published(agent) or published.number == 1:
        return str(published.number), DRAFT
    return str(published.number - 1), str(published.number)


def _numbers(*names: str) -> list[int]:
    return [int(one) for one in names if one.isdecimal() and len(one) < 9]


def _name(chosen: str) -> str:
    return _("the draft") if chosen == DRAFT else _("version %(number)s") % {"number": chosen}
