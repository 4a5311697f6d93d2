"""Addresses of webhooks and usage."""

from __future__ import annotations

from django.urls import path

from integrations.api.views import Deliveries, Endpoints, Usage
from tenants.api.routing import router

_DELIVERIES = "webhooks/<uuid:endpoint_uuid>/deliveries/"

_router = router()
_router.register("webhooks", Endpoints, basename="webhooks")
urlpatterns = [
    *_router.urls,
    path(_DELIVERIES, Deliveries.as_view({"get": "list"})),
    path(f"{_DELIVERIES}<uuid:uuid>/", Deliveries.as_view({"get": "retrieve"})),
    path(f"{_DELIVERIES}<uuid:uuid>/replay/", Deliveries.as_view({"post": "replay"})),
    path("usage/", Usage.as_view({"get": "retrieve"})),
    path("usage/budgets/", Usage.as_view({"get": "budgets"})),
]
