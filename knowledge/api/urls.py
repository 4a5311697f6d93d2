"""Addresses of the knowledge."""

from __future__ import annotations

from knowledge.api.views import Categories, Documents
from tenants.api.routing import router

_router = router()
_router.register("categories", Categories, basename="categories")
_router.register("documents", Documents, basename="documents")
urlpatterns = _router.urls
