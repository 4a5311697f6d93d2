"""The values of leads: which counts, which contradict each other; plain rules on rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from conversations import lead_rules
from conversations.lead_rules import Known, Scored
from conversations.models import Lead, LeadValue
from conversations.services.lead_fields import Rules
from integrations.llm import words


def of_leads(lead_ids: Sequence[int]) -> dict[int, list[LeadValue]]:
    """Return all values of some leads, by lead, the oldest first."""
    values: dict[int, list[LeadValue]] = defaultdict(list)
    if lead_ids:
        rows = LeadValue.objects.filter(lead__in=lead_ids).select_related("message")
        for one in rows.order_by("pk"):
            values[one.lead_id].append(one)
    return values


def same(one: str, other: str) -> bool:
    """Test whether two values say the same: accents, capitals and signs do not matter."""
    return words.WORD.findall(words.fold(one)) == words.WORD.findall(words.fold(other))


def contradicted(values: Sequence[LeadValue]) -> set[str]:
    """Return the fields for which something else was said than what counts now."""
    return {key for key, others in contradictions(values).items() if others}


def contradictions(values: Sequence[LeadValue]) -> dict[str, list[LeadValue]]:
    """Return by field what was said beside what counts, and that no person has looked at."""
    current = {one.key: one for one in values if one.is_current}
    found: dict[str, list[LeadValue]] = defaultdict(list)
    for one in values:
        counts = current.get(one.key)
        if one.is_current or one.is_settled or counts is None:
            continue
        known = [counts.value, *(other.value for other in found[one.key])]
        if not any(same(one.value, other) for other in known):
            found[one.key].append(one)
    return dict(found)


def scored(values: Sequence[LeadValue], *, rules: Rules) -> tuple[Scored, ...]:
    """Return what each field adds to the score."""
    known = [
        Known(one.key, one.value, one.confidence, one.is_against)
        for one in values
        if one.is_current
    ]
    return lead_rules.scored(known, points=rules.points)


def take(
    values: list[LeadValue], given: LeadValue
) -> tuple[LeadValue | None, LeadValue | None, bool]:
    """Put a value beside those of its field, none of which is saved.

    What a person wrote counts until a person changes it; of the contact's words the newest do. The
    same said again changes nothing but, upwards, the confidence.

    Returns:
        The value if it is to be stored, another one that is to be written again, and whether what
        counts is another now.
    """
    of_key = [one for one in values if one.key == given.key]
    counts = next((one for one in of_key if one.is_current), None)
    if any(_is_known(one, given) for one in of_key if one is not counts):
        return None, None, False
    if counts is not None and same(counts.value, given.value):
        is_surer = given.confidence > counts.confidence and not counts.set_by
        if not is_surer or counts.is_against != given.is_against:
            return None, None, False
        counts.confidence = given.confidence
        return None, counts, True
    given.is_current = counts is None or (not counts.set_by and not _is_older(given, counts))
    values.append(given)
    if counts is None or not given.is_current:
        return given, None, given.is_current
    counts.is_current = False
    return given, counts, True


def _is_known(one: LeadValue, given: LeadValue) -> bool:
    """Test whether this was taken from that message before; a form comes once each."""
    return (
        given.origin != LeadValue.Origin.FORM
        and one.message_id == given.message_id
        and same(one.value, given.value)
    )


def _is_older(given: LeadValue, counts: LeadValue) -> bool:
    """Test whether the contact has said something else since."""
    return bool(given.message_id and counts.message_id and given.message_id < counts.message_id)


def by_person(
    lead: Lead, key: str, value: str, *, actor: str, now: datetime, is_against: bool = False
) -> LeadValue:
    """Return what a person wrote; it is not saved."""
    return LeadValue(
        lead=lead,
        key=key,
        value=value,
        confidence=100,
        is_against=is_against,
        origin=LeadValue.Origin.PERSON,
        set_by=actor,
        learnt_at=now,
        is_current=True,
    )
