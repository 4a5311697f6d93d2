"""The addresses of the API, version 1: each app brings its own."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularSwaggerView

from config.api_blueprint import Blueprints
from tenants.api.errors import not_found
from tenants.api.openapi import schema

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("tenants.api.urls")),
    path("", include("agents.api.urls")),
    path("", include("knowledge.api.urls")),
    path("", include("integrations.api.urls")),
    path("", include("conversations.api.urls")),
    path("", include("channels_whatsapp.api.urls")),
    path("blueprint/", Blueprints.as_view({"get": "retrieve", "post": "apply"})),
    path("schema/", schema, name="api_schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api_schema"), name="api_docs"),
    re_path(r"^(?P<path>(?s:.*))\Z", not_found),
]
