"""How an assistant's answers are written out: WhatsApp's marks, parts with typing, and quotes."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta

from conversations import bubbles, markup
from conversations.channels import Accounts, sender_for
from conversations.models import InboundMessage, OutboundMessage
from conversations.types_sending import NumberRules, Quotes
from tenants.errors import Permanent

SHORT_CHARS = 280
"""An answer up to this is never divided, and its number's rules are not even read: two short
messages of a phone's screen each. No number can be set to less."""

SEVERAL = 3
"""Messages in a burst from which on it may not be clear which one an answer is about."""

_SMALL_TALK = re.compile(
    r"(?:tudo (?:bem|bom|certo|joia)|como vai|beleza|td b[em]+)\W*", re.IGNORECASE
)
"""Questions that want no answer, and no quote."""


def write_out(
    replies: Sequence[OutboundMessage], *, asked: Mapping[int, Sequence[int]] | None = None
) -> list[OutboundMessage]:
    """Return replies as they will be sent; joins the caller's transaction, which saves them.

    No query for an answer that is short and quotes nothing.

    Args:
        asked: id of a reply's conversation -> ids of the messages that it answers.
    """
    quotes = _quotes(replies, asked or {})
    return [part for reply in replies for part in _parts(reply, quoted=quotes.get(id(reply), ""))]


def rules_of(channel_kind: str, account_ref: uuid.UUID) -> NumberRules:
    """Return how an account sends, as it was a moment ago; the defaults where there is none."""
    try:
        return Accounts().open(channel_kind, account_ref).number
    except Permanent:
        return NumberRules()


def _parts(reply: OutboundMessage, *, quoted: str) -> list[OutboundMessage]:
    reply.quoted_ref = quoted
    if reply.origin != OutboundMessage.Origin.AGENT:
        return [reply]
    reply.text = markup.from_markdown(reply.text)
    if len(reply.text) <= SHORT_CHARS:
        return [reply]
    conversation = reply.conversation
    rules = rules_of(conversation.channel_kind, conversation.channel_account_ref)
    target = max(SHORT_CHARS, rules.bubble_chars) if rules.bubble_chars else 0
    texts = bubbles.split(reply.text, target=target)
    parts = [reply]
    reply.text = texts[0]
    delay = timedelta()
    for place, text in enumerate(texts[1:], start=1):
        delay += timedelta(seconds=bubbles.typing_s(text))
        parts[-1].details = {"more": True}
        parts.append(
            OutboundMessage(
                conversation=conversation,
                turn=reply.turn,
                position=reply.position + place,
                channel_account_ref=reply.channel_account_ref,
                provider_ref=sender_for(conversation.channel_kind).new_ref(),
                origin=reply.origin,
                text=text,
                created_at=reply.created_at,
                next_attempt_at=reply.created_at + delay,
            )
        )
    return parts


def _quotes(
    replies: Sequence[OutboundMessage], asked: Mapping[int, Sequence[int]]
) -> dict[int, str]:
    """Return by object the message that a reply quotes; no query where it is clear without."""
    wanted: dict[int, list[int]] = {}
    for reply in replies:
        ids = list(asked.get(reply.conversation_id, ()))
        # After the burst was closed: what the contact has written since is not answered by this.
        has_newer = reply.conversation.n_pending > 0
        if not ids or not _may_quote(reply, n_asked=len(ids), has_newer=has_newer):
            continue
        wanted[id(reply)] = ids
    if not wanted:
        return {}
    rows = {
        row.pk: row
        for row in InboundMessage.objects.filter(
            pk__in=[one for ids in wanted.values() for one in ids]
        )
    }
    found: dict[int, str] = {}
    for reply in replies:
        messages = [rows[pk] for pk in wanted.get(id(reply), ()) if pk in rows]
        questions = [one for one in messages if "?" in _SMALL_TALK.sub("", one.text)]
        if len(questions) == 1:
            found[id(reply)] = questions[0].provider_ref
        elif messages and (reply.conversation.n_pending > 0 or len(messages) < SEVERAL):
            found[id(reply)] = messages[-1].provider_ref
    return found


def _may_quote(reply: OutboundMessage, *, n_asked: int, has_newer: bool) -> bool:
    if reply.origin != OutboundMessage.Origin.AGENT:
        return False
    conversation = reply.conversation
    is_unclear = has_newer or n_asked >= SEVERAL
    rules = rules_of(conversation.channel_kind, conversation.channel_account_ref)
    return rules.quotes == Quotes.ALWAYS or (is_unclear and rules.quotes == Quotes.UNCLEAR)
