"""Leads by which a mapping is tried; named in `settings.LEAD_SAMPLES`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from conversations.models import Lead
from conversations.services import lead_events

MAX_OFFERED = 30


def offered() -> list[tuple[uuid.UUID, str]]:
    """Return the newest leads, each with the name of its contact."""
    rows = Lead.objects.select_related("contact").order_by("-updated_at", "-pk")[:MAX_OFFERED]
    return [(one.uuid, str(one.contact)) for one in rows]


def sample(ref: uuid.UUID) -> Mapping[str, Any] | None:
    """Return what an event of a lead would tell, JSON-safe; None where it is gone."""
    rows = Lead.objects.select_related("contact", "conversation__contact", "stage")
    found = rows.filter(uuid=ref).first()
    return None if found is None else lead_events.sample(found)
