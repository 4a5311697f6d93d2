"""What the pages of leads show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conversations import lead_rules
from conversations.models import Conversation, Lead, LeadMove, LeadStage, LeadValue
from conversations.services import identity, lead_fields, lead_values
from conversations.services.lead_stages import Column

MAX_MOVES = 20


@dataclass(frozen=True, slots=True)
class Card:
    """A lead on the board."""

    lead: Lead
    need: str
    budget: str
    is_contradicted: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A field of a lead.

    Args:
        counts: what counts; None where nothing was said.
        others: what was said beside it and nobody has looked at.
        fallback: what the channel says, which other systems are told where nothing counts.
    """

    key: str
    label: str
    counts: LeadValue | None
    others: Sequence[LeadValue]
    choices: Sequence[str]
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class Points:
    """What a field adds to the score, rounded as it is shown; shares of the total."""

    label: str
    of: int
    got: int
    confidence: int | None
    is_against: bool


def cards(columns: Sequence[Column]) -> list[tuple[LeadStage, int, list[Card]]]:
    """Return the columns with what their cards show; one query for all values."""
    values = lead_values.of_leads([lead.pk for column in columns for lead in column.leads])
    shown = []
    for column in columns:
        found = []
        for lead in column.leads:
            of_lead = values.get(lead.pk, [])
            current = {one.key: one.value for one in of_lead if one.is_current}
            found.append(
                Card(
                    lead,
                    current.get("need", ""),
                    current.get("budget", ""),
                    bool(lead_values.contradicted(of_lead)),
                )
            )
        shown.append((column.stage, column.n, found))
    return shown


def page(lead: Lead) -> dict[str, Any]:
    """Return what the page of a lead shows."""
    rules = lead_fields.rules()
    values = lead_values.of_leads([lead.pk]).get(lead.pk, [])
    current = {one.key: one for one in values if one.is_current}
    against = lead_values.contradictions(values)
    keys = [*rules.keys, *(key for key in current if key not in rules.keys)]
    phone = identity.address_of(lead.contact).phone
    fallback = {"name": lead.contact.name, "phone": phone}
    rows = [
        Row(
            key,
            rules.label(key),
            current.get(key),
            against.get(key, []),
            rules.choices(key),
            fallback.get(key, ""),
        )
        for key in keys
    ]
    scored = lead_values.scored(values, rules=rules)
    total = sum(one.points for one in scored) or 1
    return {
        "asked": [one for one in rows if one.key not in lead_rules.CONTACT],
        "of_contact": [one for one in rows if one.key in lead_rules.CONTACT],
        "points": [
            Points(
                label=rules.label(one.key),
                of=round(100 * one.points / total),
                got=round(100 * one.got / total),
                confidence=current[one.key].confidence if one.key in current else None,
                is_against=one.key in current and current[one.key].is_against,
            )
            for one in scored
        ],
        "qualified_from": rules.qualified_from,
        "phone": phone,
        "moves": LeadMove.objects.filter(lead=lead)
        .select_related("from_stage", "to_stage")
        .order_by("-pk")[:MAX_MOVES],
    }


def lead_of(conversation: Conversation) -> Lead | None:
    """Return the newest lead of a conversation's contact."""
    rows = Lead.objects.select_related("stage").filter(contact=conversation.contact_id)
    return rows.order_by("-pk").first()
