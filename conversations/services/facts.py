"""What is known of contacts: learnt from their own messages, read with their conversations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q

from agents.runtime import giving
from agents.types import RunRequest, RunResult, TranscriptLine
from conversations.models import Contact, ContactFact, Conversation, InboundMessage
from conversations.services.describing import own_words

_LIFETIMES = {
    ContactFact.Kind.ORDER: timedelta(days=30),
    ContactFact.Kind.PHONE: timedelta(days=365),
    ContactFact.Kind.EMAIL: timedelta(days=365),
    ContactFact.Kind.ADDRESS: timedelta(days=365),
}
"""How long a value is used after it was said last; who moves does not tell us. What is not named
here does not change."""

_OF_BRIEFS = frozenset({"name", "email"})
"""Kinds of a brief's facts that are the contact's own by their kind alone."""

_LEARN = """
insert into conversations_contactfact
    (contact_id, kind, value, source_id, learnt_at, valid_until, set_by)
select distinct on (contact.id, given.kind)
    contact.id, given.kind, given.value, m.id, %(now)s, given.valid_until, ''
from unnest(%(refs)s::uuid[], %(kinds)s::text[], %(values)s::text[], %(ends)s::date[])
    with ordinality as given(ref, kind, value, valid_until, place)
join conversations_inboundmessage m on m.uuid = given.ref
join conversations_conversation c on c.id = m.conversation_id
join conversations_contact contact on contact.id = c.contact_id
order by contact.id, given.kind, m.id desc, given.place
on conflict (contact_id, kind) do update
    set value = excluded.value, source_id = excluded.source_id,
        learnt_at = excluded.learnt_at, valid_until = excluded.valid_until
    where conversations_contactfact.set_by = ''
        and coalesce(conversations_contactfact.source_id, 0) <= excluded.source_id
"""


@dataclass(frozen=True, slots=True)
class Learnt:
    """A value with the message that it stands in."""

    kind: str
    value: str
    source_ref: str


def known(contact: Contact, *, now: datetime) -> tuple[tuple[str, str], ...]:
    """Return what may be told of a contact; no query where `facts` were fetched with it."""
    found = sorted(contact.facts.all(), key=lambda one: one.pk)
    return tuple((one.kind, one.value) for one in found if one.is_known(now))


def in_turn(request: RunRequest, result: RunResult) -> list[Learnt]:
    """Return what the contact gave in the burst of a turn, and what its handoffs' briefs hold."""
    before = request.transcript[-1] if request.transcript else None
    asked = giving.asked_kinds(before.text) if before and before.role != "contact" else ()
    found = [
        Learnt(one.kind, one.value, ref)
        for text, ref in zip(request.burst, request.burst_refs, strict=False)
        for one in giving.given(text, asked=asked)
    ]
    kinds = {one.kind for one in found}
    found += [
        Learnt(fact.kind, fact.text[: giving.MAX_VALUE], fact.source)
        for handed in result.handoffs[-1:]
        for fact in handed.brief.facts
        if fact.source and fact.kind in _OF_BRIEFS - kinds
    ]
    return found


def in_lines(
    lines: Sequence[TranscriptLine], conversation: Conversation, *, since: datetime | None
) -> list[Learnt]:
    """Return what the contact gave in lines which no turn has learnt, and no summary up to `since`.

    The rest was kept once; what is gone of it somebody has removed. A message that was edited, and
    a file, may hold words that were not there then.
    """
    refs = {line.ref for line in lines if line.role == "contact" and line.ref}
    is_unread = Q(turn=None) if since is None else Q(turn=None, received_at__gt=since)
    is_new = is_unread | Q(edited_at__isnull=False) | Q(attachment__isnull=False)
    messages = InboundMessage.objects.filter(is_new, conversation=conversation, uuid__in=refs)
    return list(_in_lines(lines, own_words(messages)))


def _in_lines(lines: Sequence[TranscriptLine], own: Mapping[str, str]) -> Iterator[Learnt]:
    asked: tuple[str, ...] = ()
    for line in lines:
        if line.role != "contact":
            asked = giving.asked_kinds(line.text)
        elif line.ref in own:
            yield from (
                Learnt(one.kind, one.value, line.ref)
                for one in giving.given(own[line.ref], asked=asked)
            )


def learn(found: Iterable[Learnt], *, now: datetime) -> None:
    """Keep what contacts gave; joins the caller's transaction. No statement for nothing.

    The newest message wins, but over nothing that a person wrote in the panel. Whose it is follows
    from the message, never from the caller. In order of the contacts, so that two transactions
    with the same ones do not wait in a circle.
    """
    rows = list(found)
    if not rows:
        return
    lifetimes = [_LIFETIMES.get(ContactFact.Kind(one.kind)) for one in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            _LEARN,
            {
                "now": now,
                "refs": [one.source_ref for one in rows],
                "kinds": [one.kind for one in rows],
                "values": [one.value.replace("\x00", "") for one in rows],
                "ends": [None if span is None else (now + span).date() for span in lifetimes],
            },
        )
