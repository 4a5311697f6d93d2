"""What a call of the outbox says, and what is done before it and after it."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from conversations.channels import ChannelAccount
from conversations.models import InboundMessage, OutboundFile, OutboundMessage
from conversations.services import typing
from conversations.services.describing import MAX_QUOTE, told
from conversations.services.troubles import Unsettled
from conversations.types import FILE_KINDS, Address, MessageKind
from conversations.types_sending import Content, NumberRules, Quote, Reads
from tenants.context import release_connection
from tenants.errors import Permanent, Temporary

SETTLES = timedelta(seconds=6)
"""How long a call whose answer was lost may still be under way at the bridge. Until then, that the
bridge does not know the message says nothing. Most take a tenth of it; who waited for the slowest
would let a contact wait as long whose worker died, and a repeat bears the same id."""

QUEUED = timedelta(minutes=5)
"""How much longer that takes where the call timed out: a bridge sends one message of a number after
the other, and goes on with those whose caller has left. Nobody repeats what stands in its line."""

TIMED_OUT = "timed out"

GIVEN_UP = timedelta(minutes=2)
"""How long a sign of a message is waited for where the bridge cannot say whether it was sent."""

FILES_AT_ONCE = 3
"""Files that one process holds at once for sending. Each is there several times, as bytes, as
base64 and as a request: of 20 MB, dozens at a time would take more memory than a worker has."""

_files = threading.BoundedSemaphore(FILES_AT_ONCE)

MAX_READ = 20
"""Messages of one contact that are shown as read by one call."""


@dataclass(frozen=True)
class Before:
    """What a call needs to know of its message.

    Attributes:
        is_repeat: an earlier call may have sent it.
        unknown_s: for how many seconds nobody knows that.
        reads: ids of the contact's messages that are shown as read.
        is_followed: another part of the answer comes after it.
    """

    is_repeat: bool = False
    unknown_s: float = 0.0
    reads: tuple[str, ...] = ()
    is_followed: bool = False


def befores(
    heads: Sequence[tuple[OutboundMessage, NumberRules]], *, now: datetime
) -> dict[int, Before]:
    """Return what calls need to know, before their messages are handed over; joins a transaction.

    No query for numbers that show nothing as read.
    """
    shown = [
        head.conversation_id
        for head, rules in heads
        if rules.reads == Reads.ANSWER and not head.n_attempts and not head.position
    ]
    reads: dict[int, list[str]] = defaultdict(list)
    if shown:
        found = InboundMessage.objects.filter(
            conversation__in=shown, received_at__gt=now - timedelta(days=1), deleted_at=None
        )
        for ref, provider_ref in found.order_by("-pk").values_list(
            "conversation_id", "provider_ref"
        ):
            if len(reads[ref]) < MAX_READ:
                reads[ref].append(provider_ref)
    return {head.pk: _before(head, reads=reads, now=now) for head, _ in heads}


def unknown_since(message: OutboundMessage) -> datetime | None:
    """Return since when nobody knows whether a message was sent; None where that is known."""
    if message.status != OutboundMessage.Status.HANDED:
        return None
    # A reason was written where a call came back; without one its worker died, and nobody knows
    # whether before the call or in it.
    return message.unknown_at or (None if message.failure_reason else message.handed_at)


def unknown_from(error: Temporary, *, now: datetime) -> datetime:
    """Return since when nobody knows of a call that has just failed; of a time out, from when on.

    A message whose instant lies ahead may stand in the bridge's line, see `_has_passed`.
    """
    return now + QUEUED if error.reason == TIMED_OUT else now


def _has_passed(head: OutboundMessage, *, now: datetime) -> bool:
    """Test whether the bridge's line, in which a call that timed out may stand, has gone by: what
    was handed over after that has been sent. One that took several calls says nothing of its last.
    """
    timed_out_at = (head.unknown_at or now) - QUEUED
    later = OutboundMessage.objects.filter(
        channel_account_ref=head.channel_account_ref, acked_at__gt=timed_out_at
    )
    return later.filter(handed_at__gt=timed_out_at, n_attempts=1).exists()


def _before(head: OutboundMessage, *, reads: dict[int, list[str]], now: datetime) -> Before:
    since = unknown_since(head)
    if since is not None and since > now and _has_passed(head, now=now):
        since -= QUEUED
    return Before(
        is_repeat=since is not None,
        unknown_s=(now - since).total_seconds() if since else 0.0,
        reads=tuple(reads.get(head.conversation_id, ())),
        is_followed=bool(head.details.get("more")),
    )


def contents(heads: Sequence[OutboundMessage]) -> dict[int, Content]:
    """Return what messages say, without their files; no query where none quotes."""
    wanted = {head.quoted_ref for head in heads if head.quoted_ref}
    quoted: dict[tuple[object, str], InboundMessage] = {}
    if wanted:
        rows = InboundMessage.objects.select_related("attachment").filter(
            provider_ref__in=wanted, deleted_at=None
        )
        quoted = {(one.channel_account_ref, one.provider_ref): one for one in rows}
    return {
        head.pk: Content(
            text=head.text,
            kind=head.kind,
            place=head.details if head.kind == MessageKind.LOCATION else {},
            quote=_quote(quoted.get((head.channel_account_ref, head.quoted_ref))),
        )
        for head in heads
    }


def _quote(message: InboundMessage | None) -> Quote | None:
    if message is None:
        return None
    text = message.text or told(message)
    author = str(message.media.get("author_ref") or "")
    return Quote(message.provider_ref, text[:MAX_QUOTE], author)


@contextmanager
def room(content: Content) -> Iterator[None]:
    """Hold a place among those of this process that send a file; a text needs none.

    Who has to wait gives its database connection back first.
    """
    if content.kind not in FILE_KINDS:
        yield
        return
    release_connection()
    with _files:
        yield


def complete(message_id: int, content: Content) -> Content:
    """Return what is said with its file; no query for a text."""
    if content.kind not in FILE_KINDS:
        return content
    file = OutboundFile.objects.get(message_id=message_id)
    return replace(content, data=bytes(file.data), media_type=file.media_type, file_name=file.name)


def was_sent(account: ChannelAccount, *, to: Address, ref: str, before: Before) -> bool:
    """Tell whether an earlier call has sent a message; asks the channel, without the database.

    Also shows the contact's messages as read, which comes before an answer.

    Raises:
        Unsettled: it may still be under way, or the channel cannot say.
        Permanent: no sign of it has come for long.
        Temporary: the channel is away.
    """
    if before.reads:
        typing.show_read(account=account, to=to, refs=before.reads)
    if not before.is_repeat:
        return False
    try:
        is_known = account.was_sent(to=to, ref=ref)
    except Temporary as error:
        raise Temporary(error.reason, retry_after_s=error.retry_after_s, is_unknown=True) from error
    waited_s = before.unknown_s
    if is_known is None:
        if waited_s > GIVEN_UP.total_seconds():
            raise Permanent("nobody knows whether it was sent")
        raise Unsettled
    if not is_known and waited_s < SETTLES.total_seconds():
        raise Unsettled
    return is_known


def after(account: ChannelAccount, *, to: Address, before: Before) -> None:
    """Show that more is being written, where another part follows; returns at once."""
    if before.is_followed:
        typing.show_now(account=account, to=to)
