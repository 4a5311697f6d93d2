"""In which time zone the current tenant lives, for requests and workers alike."""

from __future__ import annotations

from django.utils import timezone

from tenants.context import current_schema
from tenants.models import Tenant
from tenants.remembering import Remembered


def _load() -> str:
    # Not the connection's tenant, whom only requests have: tasks enter a schema by its name.
    zones = Tenant.objects.filter(schema_name=current_schema()).values_list("timezone", flat=True)
    return zones.first() or timezone.get_current_timezone_name()


_zone = Remembered(_load)
"""Asked for each message."""


def current_zone() -> str:
    """Return the name of its zone; the product's own in a schema that is no tenant's."""
    return _zone.get()
