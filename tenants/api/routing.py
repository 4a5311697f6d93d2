"""Addresses of resources, by their UUIDs."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter


def router() -> SimpleRouter:
    """Return an empty router whose addresses end with a slash and name rows by UUID."""
    return SimpleRouter(use_regex_path=False)
