"""The messages that wait for an answer, and what an agent is told of those before them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from django.db import connection

from agents.types import TranscriptLine
from conversations.models import Conversation, InboundMessage, OutboundMessage
from conversations.services.describing import describe
from conversations.types import MessageKind

TRANSCRIPT_LINES = 40
"""Earlier messages that are read for a turn. Short ones fit into a prompt all together; of long
ones `agents.runtime.remembering` shows the newest."""

COUNTS = ("n_pending", "n_superseded", "first_pending_at")
"""The columns of a conversation that count its burst."""

COMMAND = r"\s*#(?P<word>ia|pausa)(?:\s+(?P<minutes>\d{1,4}))?\s*(?:min(?:utos?)?)?\s*\Z"
"""What the owner of the paired phone types to let the assistant in or to hold it back."""

COMMAND_SQL = r"^\s*#(ia|pausa)(\s+\d{1,4})?\s*(min(utos?)?)?\s*$"
"""The same for PostgreSQL."""

_LATEST = """
select asked.id, line.*
from unnest(%(ids)s::bigint[], %(before)s::bigint[]) as asked(id, before)
cross join lateral (
    (
        select 'contact' as origin, kind, text, received_at as at, m.uuid::text as ref, m.media,
            coalesce(a.reading, 'none') as reading, coalesce(a.words, '') as words
        from conversations_inboundmessage m
        left join conversations_attachment a on a.message_id = m.id
        where m.conversation_id = asked.id and m.id < asked.before and m.deleted_at is null
        order by m.id desc limit %(n)s
    ) union all (
        select o.origin, o.kind, o.text, o.created_at, '', o.details, '', ''
        from conversations_outboundmessage o
        where o.conversation_id = asked.id and o.status <> all(%(unsent)s)
            and o.deleted_at is null
            and not (o.origin = 'phone' and o.text ~* %(command)s)
        order by o.id desc limit %(n)s
    )
) as line
order by line.at
"""

# What may wait for an answer; of each conversation only what is beyond its mark does, and the least
# of the marks lets the planner pass by all that is older. Asked for every message, and Django takes
# longer to put such a statement together than PostgreSQL for it.
_UNANSWERED = """
from unnest(%(ids)s::bigint[], %(marks)s::bigint[]) as asked(id, mark)
join conversations_inboundmessage m on m.conversation_id = asked.id and m.id > asked.mark
where m.id > %(least)s and m.turn_id is null and m.silence_reason = '' and m.deleted_at is null
"""
_PENDING = f"select m.* {_UNANSWERED} order by m.sent_at, m.id"
_COUNT_PENDING = f"select m.conversation_id, count(*), min(m.received_at) {_UNANSWERED} group by 1"


def latest_lines(
    before: Mapping[int, int], *, most: int = TRANSCRIPT_LINES
) -> dict[int, tuple[TranscriptLine, ...]]:
    """Return what was said last in some conversations, the oldest line first.

    Args:
        before: id of each conversation -> id of the inbound message that its burst begins with.
        most: lines of one conversation.
    """
    people = (OutboundMessage.Origin.PERSON, OutboundMessage.Origin.PHONE)
    lines: dict[int, list[TranscriptLine]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            _LATEST,
            {
                "ids": list(before),
                "before": list(before.values()),
                "n": most,
                "command": COMMAND_SQL,
                "unsent": [OutboundMessage.Status.CANCELLED, OutboundMessage.Status.FAILED],
            },
        )
        for conversation_id, origin, kind, text, at, ref, media, reading, words in cursor:
            role: Literal["contact", "agent", "person"] = (
                "contact" if origin == "contact" else "person" if origin in people else "agent"
            )
            shown = text
            if role == "contact" or kind != MessageKind.TEXT:
                facts = json.loads(media) if isinstance(media, str) else media
                shown = describe(kind=kind, text=text, facts=facts, reading=reading, words=words)
            lines.setdefault(conversation_id, []).append(TranscriptLine(role, shown, at, ref))
    return {ref: tuple(found[-most:]) for ref, found in lines.items()}


def pending_messages(conversation: Conversation) -> list[InboundMessage]:
    """Return what waits for an answer, in the order in which the contact wrote it."""
    return pending([conversation]).get(conversation.pk, [])


def pending(conversations: Sequence[Conversation]) -> dict[int, list[InboundMessage]]:
    """Return what waits for an answer, by conversation."""
    if not conversations:
        return {}
    rows = InboundMessage.objects.raw(_PENDING, _marks(conversations))
    found: dict[int, list[InboundMessage]] = {}
    for message in rows.prefetch_related("attachment"):
        found.setdefault(message.conversation_id, []).append(message)
    return found


def start_anew(conversations: Sequence[Conversation]) -> None:
    """Start counting anew: what is still unanswered is the next burst. No row is saved."""
    if not conversations:
        return
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_PENDING, _marks(conversations))
        left = {pk: (n, first_at) for pk, n, first_at in cursor.fetchall()}
    for conversation in conversations:
        conversation.n_pending, conversation.first_pending_at = left.get(conversation.pk, (0, None))
        conversation.n_superseded = 0


def _marks(conversations: Sequence[Conversation]) -> dict[str, int | list[int]]:
    marks = {one.pk: one.handled_upto for one in conversations}
    return {"ids": list(marks), "marks": list(marks.values()), "least": min(marks.values())}
