"""Leads as they are filled: by agents from what contacts said, by people with the last word.

Whoever writes to a lead holds its conversation's lock first and the lead's after it, which is
everybody's order.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from agents.types import RunResult
from agents.types_leads import LeadFound
from conversations.lead_rules import CONTACT, score
from conversations.models import (
    ContactFact,
    Conversation,
    InboundMessage,
    Lead,
    LeadMove,
    LeadStage,
    LeadValue,
)
from conversations.services import lead_events, lead_fields, lead_stages, lead_values
from conversations.services.lead_events import Changed
from tenants.audit.record import record as audit
from tenants.errors import DomainError
from tenants.rows import update_each

FACT_CONFIDENCE = 90
"""Of a name or an address that a rule found in a message: it stands there, and may be another's."""

_OF_FACTS = (ContactFact.Kind.NAME, ContactFact.Kind.EMAIL, ContactFact.Kind.PHONE)

_LEAD = ("conversation", "stage", "score", "qualified_at", "updated_at")


class BadValue(DomainError):
    """This value cannot be taken."""

    code = "bad_lead_value"
    http_status = 422


@dataclass
class _Open:
    """A lead with its values while it is being changed."""

    lead: Lead
    values: list[LeadValue]
    is_new: bool = False
    new: list[LeadValue] = field(default_factory=list)
    again: list[LeadValue] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    moved: LeadMove | None = None
    is_qualified_now: bool = False

    def take(self, given: LeadValue) -> None:
        """Take a value; see `lead_values.take`."""
        new, again, counts = lead_values.take(self.values, given)
        self.new += [new] if new is not None else []
        if again is not None and again.pk and again not in self.again:
            self.again.append(again)
        # A contradiction is news as well, though it does not count.
        if (counts or new is not None) and given.key not in self.changed:
            self.changed.append(given.key)


def in_turns(found: Iterable[tuple[RunResult, Conversation]], *, now: datetime) -> None:
    """Keep what turns have found; joins their transaction. No statement for nothing."""
    record([(one, result.leads) for result, one in found if result.leads], now=now)


def record(
    found: Sequence[tuple[Conversation, Sequence[LeadFound]]],
    *,
    now: datetime,
    source: str = "",
) -> dict[int, Lead]:
    """Keep what contacts have told, of all of them by a few statements; return leads by contact.

    Joins the caller's transaction, which holds the conversations' locks. A contact who has told
    nothing but their name is no lead yet, unless a form brought them.

    Args:
        found: the sources of values are the uuids of messages of the same conversation; anything
            else is left out. Of a form they are empty.
        source: the form's name; empty where the contact has written it.
    """
    if not found:
        return {}
    messages = _messages(found)
    open_leads = _open(found, now=now, source=source)
    known = _facts(open_leads)
    for conversation, values in found:
        one = open_leads.get(conversation.contact_id)
        if one is None:
            continue
        one.lead.conversation = conversation
        for value in values:
            message = messages.get(value.source)
            if source or (message is not None and message.conversation_id == conversation.pk):
                one.take(_row(one.lead, value, message, now=now))
        for fact in known.get(conversation.contact_id, ()):
            _take_fact(one, fact, now=now)
    _finish([one for one in open_leads.values() if one.is_new or one.changed], now=now)
    return {contact_id: one.lead for contact_id, one in open_leads.items()}


def correct(
    *, lead: Lead, key: str, value: str, actor: str, now: datetime, is_against: bool = False
) -> None:
    """Write a value by hand; it counts whatever the contact says later. Empty: there is none.

    What else was said of the field is settled by it.

    Raises:
        BadValue: no such field, or not one of its choices.
    """
    value = " ".join(value.replace("\x00", "").split())
    rules = lead_fields.rules()
    if key not in rules.keys or len(value) > 500:
        raise BadValue
    if value and (choices := rules.choices(key)) and value not in choices:
        raise BadValue
    with transaction.atomic():
        one = _lock(lead)
        given = lead_values.by_person(
            one.lead, key, value, actor=actor, now=now, is_against=is_against
        )
        for other in one.values:
            if other.key == key:
                other.is_current, other.is_settled = False, True
                one.again.append(other)
        one.values.append(given)
        one.new.append(given)
        one.changed.append(key)
        _finish([one], now=now)
        _audit(lead, "lead.corrected", actor, {"field": key})


def settle(*, lead: Lead, value_id: int, actor: str, now: datetime) -> None:
    """Say which of several values is the right one."""
    value = LeadValue.objects.filter(lead=lead, pk=value_id).first()
    if value is None:
        raise BadValue
    correct(
        lead=lead,
        key=value.key,
        value=value.value,
        actor=actor,
        now=now,
        is_against=value.is_against,
    )


def release(*, lead: Lead, key: str, actor: str, now: datetime) -> bool:
    """Take back what people wrote into a field; what the contact said last counts again.

    False where nobody had written.
    """
    with transaction.atomic():
        one = _lock(lead)
        counts = next((v for v in one.values if v.key == key and v.is_current), None)
        if counts is None or not counts.set_by:
            return False
        counts.is_current = False
        one.again.append(counts)
        said = [v for v in one.values if v.key == key and not v.set_by]
        for other in said:
            other.is_settled = False
            one.again.append(other)
        if said:
            newest = max(said, key=lambda v: (v.message_id or 0, v.pk))
            newest.is_current = True
        one.changed.append(key)
        _finish([one], now=now)
        _audit(lead, "lead.released", actor, {"field": key})
    return True


def score_all(*, now: datetime, at_once: int = 500) -> int:
    """Score the open leads anew, after the points have changed; return how many changed.

    Nobody is told and nothing is moved: the contacts have said nothing new.
    """
    rules = lead_fields.rules()
    n_changed, last = 0, 0
    while True:
        with transaction.atomic():
            rows = list(
                Lead.objects.select_for_update()
                .filter(closed_at=None, pk__gt=last)
                .order_by("pk")[:at_once]
            )
            values = lead_values.of_leads([one.pk for one in rows])
            changed = []
            for lead in rows:
                new = score(lead_values.scored(values.get(lead.pk, []), rules=rules))
                if new != lead.score:
                    lead.score = new
                    changed.append(lead)
            update_each(changed, ["score"])
        n_changed += len(changed)
        if len(rows) < at_once:
            return n_changed
        last = rows[-1].pk


def _messages(
    found: Sequence[tuple[Conversation, Sequence[LeadFound]]],
) -> Mapping[str, InboundMessage]:
    refs = {value.source for _, values in found for value in values if value.source}
    rows = InboundMessage.objects.filter(uuid__in=refs) if refs else ()
    return {str(one.uuid): one for one in rows}


def _open(
    found: Sequence[tuple[Conversation, Sequence[LeadFound]]], *, now: datetime, source: str
) -> dict[int, _Open]:
    """Return the open leads of contacts, locked; those that begin now are made."""
    contacts = {one.contact_id: one for one, _ in found}
    wanted = {
        one.contact_id
        for one, values in found
        if source or any(value.key not in CONTACT for value in values)
    }
    have = set(
        Lead.objects.filter(contact__in=contacts, closed_at=None).values_list("contact", flat=True)
    )
    made: set[uuid.UUID] = set()
    if missing := sorted(wanted - have):
        first = lead_stages.first()
        rows = [
            Lead(
                contact_id=pk,
                conversation=contacts[pk],
                stage=first,
                source=source[:80],
                created_at=now,
                updated_at=now,
            )
            for pk in missing
        ]
        Lead.objects.bulk_create(rows, ignore_conflicts=True)
        made = {one.uuid for one in rows}
    locked = (
        Lead.objects.select_for_update(of=("self",))
        .filter(contact__in=contacts, closed_at=None)
        .select_related("stage")
        .order_by("pk")
    )
    opened = {}
    leads = list(locked)
    values = lead_values.of_leads([one.pk for one in leads])
    for lead in leads:
        conversation = contacts[lead.contact_id]
        lead.contact = conversation.contact
        opened[lead.contact_id] = _Open(lead, values.get(lead.pk, []), is_new=lead.uuid in made)
    return opened


def _facts(opened: Mapping[int, _Open]) -> Mapping[int, list[ContactFact]]:
    """Return what contacts have told of themselves, in this conversation or before it."""
    found: dict[int, list[ContactFact]] = defaultdict(list)
    if opened:
        rows = ContactFact.objects.filter(contact__in=opened, kind__in=_OF_FACTS)
        for one in rows.select_related("source").order_by("pk"):
            found[one.contact_id].append(one)
    return found


def _take_fact(one: _Open, fact: ContactFact, *, now: datetime) -> None:
    if not fact.is_known(now) or any(v.key == fact.kind and v.is_current for v in one.values):
        return
    if fact.set_by:
        one.take(lead_values.by_person(one.lead, fact.kind, fact.value, actor=fact.set_by, now=now))
        return
    words = " ".join(fact.source.text.split())[:500] if fact.source else ""
    one.take(
        LeadValue(
            lead=one.lead,
            key=fact.kind,
            value=fact.value,
            confidence=FACT_CONFIDENCE,
            words=words,
            message=fact.source,
            origin=LeadValue.Origin.CONTACT,
            learnt_at=now,
            is_current=True,
        )
    )


def _row(
    lead: Lead, value: LeadFound, message: InboundMessage | None, *, now: datetime
) -> LeadValue:
    return LeadValue(
        lead=lead,
        key=value.key,
        value=value.value.replace("\x00", "")[:500],
        confidence=min(max(value.confidence, 0), 100),
        words=value.words.replace("\x00", "")[:500],
        message=message,
        is_against=value.is_against,
        origin=LeadValue.Origin.FORM if message is None else LeadValue.Origin.CONTACT,
        learnt_at=now,
        is_current=True,
    )


def _lock(lead: Lead) -> _Open:
    """Return a lead locked after its conversation, with its values.

    Raises:
        BadValue: it is gone.
    """
    locked = lead_stages.lock(lead)
    return _Open(locked, lead_values.of_leads([locked.pk])[locked.pk])


def _finish(changed: Sequence[_Open], *, now: datetime) -> None:
    """Score, qualify and write leads, and tell of them."""
    if not changed:
        return
    rules = lead_fields.rules()
    for one in changed:
        lead = one.lead
        lead.updated_at = now
        new = score(lead_values.scored(one.values, rules=rules))
        if new != lead.score:
            lead.score = new
            one.changed.append("score")
        if lead.qualified_at is None and lead.closed_at is None and new >= rules.qualified_from:
            lead.qualified_at, one.is_qualified_now = now, True
            one.moved = _qualify(lead, now=now)
            one.changed += ["stage"] if one.moved else []
    # What counts no more goes first: a field has one value that does.
    again = [value for one in changed for value in one.again if value.pk]
    update_each([v for v in again if not v.is_current], ["is_current", "is_settled", "confidence"])
    LeadValue.objects.bulk_create(value for one in changed for value in one.new)
    update_each([v for v in again if v.is_current], ["is_current", "is_settled", "confidence"])
    LeadMove.objects.bulk_create(one.moved for one in changed if one.moved is not None)
    update_each([one.lead for one in changed], _LEAD)
    lead_events.tell(
        (
            Changed(
                one.lead,
                one.changed,
                one.values,
                is_new=one.is_new,
                is_qualified_now=one.is_qualified_now,
            )
            for one in changed
        ),
        now=now,
    )


def _qualify(lead: Lead, *, now: datetime) -> LeadMove | None:
    """Move a lead to where qualified ones are, unless a person has put it where it is."""
    if lead.is_placed or lead.stage.kind != LeadStage.Kind.OPEN:
        return None
    to = lead_stages.qualified()
    if to is None:
        return None
    moved = LeadMove(
        lead=lead, from_stage=lead.stage, to_stage=to, moved_at=now, was_placed=lead.is_placed
    )
    lead.stage = to
    return moved


def _audit(lead: Lead, action: str, actor: str, data: dict[str, object]) -> None:
    audit(action=action, actor=actor, target=f"lead {lead.uuid}", data=data)
