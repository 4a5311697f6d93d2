"""The map of the agents: who hands to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from agents.services import mapping

if TYPE_CHECKING:
    from unfold.admin import ModelAdmin as _Base
else:
    _Base = object


class MapPages(_Base):
    """What `AgentAdmin` offers about all agents together."""

    def get_urls(self) -> list[Any]:
        """Add the map."""
        view = self.admin_site.admin_view(require_GET(self.map_view))
        return [path("map/", view, name="agents_agent_map"), *super().get_urls()]

    def map_view(self, request: HttpRequest) -> HttpResponse:
        """Show the map, as a drawing and in words."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found, title = mapping.read(), _("Map of the agents")
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "content_title": title,
            "drawings": (
                ("wide", mapping.draw(found, is_wide=True)),
                ("narrow", mapping.draw(found, is_wide=False)),
            ),
            "rows": mapping.in_words(found),
            "may_add": self.has_add_permission(request),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "agents/map.html", context)
