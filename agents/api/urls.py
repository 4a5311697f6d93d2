"""Addresses of the agents."""

from __future__ import annotations

from django.urls import path

from agents.api.views import Agents, Versions
from tenants.api.routing import router

_router = router()
_router.register("agents", Agents, basename="agents")
urlpatterns = [
    *_router.urls,
    path("agents/<uuid:agent_uuid>/versions/", Versions.as_view({"get": "list"})),
]
