"""What the tenant's own systems are told of leads; joins the caller's transaction.

The conversation of each lead is locked by the caller, like by all who tell of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import prefetch_related_objects

from conversations.lead_rules import BUILT_IN
from conversations.models import Lead, LeadValue
from conversations.services import events as conversation_events
from conversations.services import lead_values
from integrations import payloads
from integrations.payloads import LeadCreated, LeadQualified, LeadUpdated
from integrations.services import events
from integrations.services.events import Happened

TYPES = (LeadCreated.type, LeadQualified.type, LeadUpdated.type)


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of a lead.

    Args:
        changed: fields, ``stage`` and ``score``.
        values: all values of the lead.
    """

    lead: Lead
    changed: Sequence[str]
    values: Sequence[LeadValue]
    is_new: bool = False
    is_qualified_now: bool = False


def tell(changes: Iterable[Changed], *, now: datetime) -> None:
    """Tell of leads; nothing is read or made where nobody listens."""
    if not events.wanted(*TYPES):
        return
    found = list(changes)
    prefetch_related_objects([one.lead.contact for one in found], "addresses")
    happened = []
    for one in found:
        data = fields(one.lead, one.values, changed=one.changed)
        kinds: list[type[payloads.Payload]] = []
        kinds += [LeadCreated] if one.is_new else []
        kinds += [LeadQualified] if one.is_qualified_now else []
        happened += [
            Happened(kind(**data), now, one.lead.conversation.uuid)
            for kind in kinds or [LeadUpdated]
        ]
    events.publish_many(happened)


def fields(
    lead: Lead, values: Sequence[LeadValue], *, changed: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the flat fields that tell of a lead."""
    where = conversation_events.where(lead.conversation)
    current = {one.key: one for one in values if one.is_current}
    data: dict[str, Any] = {
        **where,
        "lead_id": lead.uuid,
        "stage": lead.stage.name,
        "stage_means": lead.stage.kind,
        "score": lead.score,
        "is_qualified": lead.qualified_at is not None,
        "source": lead.source,
        "changed": _names(changed),
        "contradictions": _names(sorted(lead_values.contradicted(values))),
    }
    for key in BUILT_IN:
        data |= _of_value(key, current.pop(key, None))
    data["name"] = data["name"] or where["contact_name"] or None
    data["phone"] = data["phone"] or where["contact_phone"]
    data |= {f"custom_{key}": one.value or None for key, one in current.items()}
    return data


def _names(keys: Iterable[str]) -> str:
    # Fields that are gone count as well: there is no end to how many there were.
    return payloads.cut(", ".join(keys), at=payloads.MAX_NAMES)


def _of_value(key: str, one: LeadValue | None) -> dict[str, Any]:
    has = one is not None and bool(one.value)
    message: uuid.UUID | None = None
    if one is not None and one.message is not None:
        message = one.message.uuid
    return {
        key: one.value if one is not None and has else None,
        f"{key}_words": (one.words or None) if one is not None and has else None,
        f"{key}_confidence": one.confidence if one is not None and has else None,
        f"{key}_message_id": message if has else None,
    }


def sample(lead: Lead) -> Mapping[str, Any]:
    """Return a lead as `lead.qualified` would tell of it, JSON-safe."""
    values = list(LeadValue.objects.filter(lead=lead).select_related("message").order_by("pk"))
    prefetch_related_objects([lead.contact], "addresses")
    return LeadQualified(**fields(lead, values)).model_dump(mode="json")
