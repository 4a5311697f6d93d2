"""Which fields hold secrets: those whose names end in `_encrypted`, of whatever model."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.db.models import Model

Field = tuple[type[Model], str]


def of_platform() -> Iterator[Field]:
    """Yield the fields of schema `public`."""
    return _fields(settings.SHARED_APPS)


def of_tenant() -> Iterator[Field]:
    """Yield the fields of each tenant's schema."""
    return _fields(settings.TENANT_APPS)


def _fields(names: list[str]) -> Iterator[Field]:
    for model in apps.get_models():
        if model._meta.app_config.name in names and not model._meta.proxy:
            for field in model._meta.concrete_fields:
                if field.name.endswith("_encrypted"):
                    yield model, field.name
