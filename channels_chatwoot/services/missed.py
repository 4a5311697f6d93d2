"""What a lost webhook missed: messages that Chatwoot shows and that are not here.

They are put into the inbox as if they had come through the door: the same service stores them,
recognises them if they come twice, and answers them only if they are fresh by their own clock.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import F

from channels_chatwoot import payloads
from channels_chatwoot.client import Chatwoot
from channels_chatwoot.models import Inbox, Thread
from channels_chatwoot.payloads import Json
from conversations.models import InboundMessage, OutboundMessage
from tenants import inbox as public_inbox
from tenants.context import release_connection
from tenants.reading import object_of, text_of

CLOCKS_APART = timedelta(minutes=2)
"""How far Chatwoot's clock may lie behind ours. What was written before the inbox was connected is
its own past, and not brought in."""


def is_due(thread: Thread, shown: Json) -> bool:
    """Test whether a conversation has messages that were not compared yet."""
    return _newest(shown) > thread.seen_message_id


def shows(shown: Json, ref: str) -> bool:
    """Test whether something that we wrote is the latest in a conversation."""
    return any(payloads.our_ref(one) == ref for one in _shown(shown))


def fetch(*, inbox: Inbox, thread: Thread, reader: Chatwoot | None, shown: Json) -> int:
    """Put what is missing of a conversation into the inbox; return how many.

    A person's token shows the latest messages, the bot's only the very last.
    """
    latest = _shown(shown)
    if reader is not None:
        release_connection()
        latest = reader.messages(thread.display_id)
    with transaction.atomic():
        n_put = put(inbox=inbox, conversation=shown, messages=latest)
        Thread.objects.filter(pk=thread.pk).update(seen_message_id=_newest(shown))
    return n_put


def put(*, inbox: Inbox, conversation: Json, messages: Sequence[Json]) -> int:
    """Put those of some messages into the inbox that are not here; joins the caller's transaction.

    Args:
        conversation: theirs, as the API shows it.
    """
    wanted = {text_of(one.get("id")): one for one in messages if _is_wanted(one)}
    known = set(
        InboundMessage.objects.filter(
            channel_account_ref=inbox.uuid, provider_ref__in=wanted
        ).values_list("provider_ref", flat=True)
    ) | set(
        OutboundMessage.objects.filter(
            channel_account_ref=inbox.uuid, provider_ref__in=wanted
        ).values_list("provider_ref", flat=True)
    )
    since = _since(inbox)
    entries = []
    for ref, message in sorted(wanted.items(), key=lambda item: int(item[0])):
        if ref in known or _is_older(message, since):
            continue
        event = {
            **message,
            "event": "message_created",
            "conversation": conversation,
            "account": {"id": inbox.account_id},
            "inbox": {"id": inbox.inbox_id},
        }
        body = json.dumps(event).encode()
        entries.append((payloads.dedup_key(event, body), payloads.line(event), body))
    n_put = public_inbox.put(device_ref=inbox.uuid, entries=entries) if entries else 0
    if n_put:
        Inbox.objects.filter(pk=inbox.pk).update(n_recovered=F("n_recovered") + n_put)
    return n_put


def is_ours(inbox: Inbox, conversation: Json) -> bool:
    """Test whether something was written in a conversation since the inbox is connected."""
    since = _since(inbox)
    return any(not _is_older(one, since) for one in _shown(conversation))


def _since(inbox: Inbox) -> float:
    return (inbox.created_at - CLOCKS_APART).timestamp()


def _is_older(message: Json, since: float) -> bool:
    at = message.get("created_at")
    return isinstance(at, int | float) and at < since


def _is_wanted(message: Json) -> bool:
    ref = text_of(message.get("id"))
    if not ref.isdigit() or len(ref) > 18 or message.get("private"):
        return False
    return payloads.message_type(message) == "incoming" or payloads.is_persons(message)


def _shown(shown: Json) -> list[Json]:
    found = shown.get("messages")
    return [object_of(one) for one in found] if isinstance(found, list) else []


def _newest(shown: Json) -> int:
    refs = [text_of(one.get("id")) for one in _shown(shown)]
    return max((int(ref) for ref in refs if ref.isdigit() and len(ref) <= 18), default=0)
