"""What a tenant sets of the checks, remembered for a moment: every turn asks for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from agents import guards
from agents.guards import Policy
from agents.models import GuardSettings
from tenants.context import current_schema

FRESH_S = 5.0
"""How long what was read is used, in seconds: how long after a change another process may still
answer by the old settings."""

MAX_REMEMBERED = 4_096

_lock = threading.Lock()
_read: dict[str, tuple[float, dict[str, dict[str, Any]]]] = {}


def of_tenant() -> dict[str, dict[str, Any]]:
    """Return what the current tenant sets; mostly without a query."""
    schema, now = current_schema(), time.monotonic()
    known = _read.get(schema)
    if known is not None and now - known[0] < FRESH_S:
        return known[1]
    checks = stored()
    with _lock:
        if len(_read) >= MAX_REMEMBERED:
            _read.clear()
        _read[schema] = (now, checks)
    return checks


def stored() -> dict[str, dict[str, Any]]:
    """Return what the current tenant sets, as it is stored now."""
    row = GuardSettings.objects.filter(pk=1).first()
    return {} if row is None else readable(row.checks)


def readable(raw: object) -> dict[str, dict[str, Any]]:
    """Return stored settings; nothing of a row that an older or newer program wrote otherwise."""
    try:
        return guards.checked(raw)
    except guards.BadSetting:
        return {}


def policy(agent: object) -> Policy:
    """Return what is in force for an agent.

    Args:
        agent: what its published version sets.
    """
    return guards.resolve(tenant=of_tenant(), agent=readable(agent))


def save(*, checks: Mapping[str, object]) -> bool:
    """Keep what the tenant sets; False where it is what was kept already.

    Raises:
        BadSetting: one of them cannot be taken.
    """
    wanted = guards.checked(checks)
    with transaction.atomic():
        row, is_new = GuardSettings.objects.select_for_update().get_or_create(
            pk=1, defaults={"checks": wanted}
        )
        is_changed = bool(wanted) if is_new else row.checks != wanted
        if not is_new and is_changed:
            row.checks = wanted
            row.save(update_fields=["checks", "updated_at"])
        transaction.on_commit(forget)
    forget()
    return is_changed


def forget() -> None:
    """Drop what this process remembers."""
    with _lock:
        _read.clear()
