"""A conversation as a person reads it: what was said and when, and why nothing was said."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db.models import Count, Max
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from conversations.models import (
    Attachment,
    Conversation,
    Draft,
    InboundMessage,
    Note,
    OutboundMessage,
    Turn,
    TurnStep,
)
from conversations.services import changing, describing, replying, veto, words
from conversations.services.evidencing import document_pks
from conversations.services.explaining import TurnView, explain
from conversations.services.pieces import Pieces, outbound_pieces, pieces, reactions
from conversations.types import MessageKind

PAGE = 80
"""Messages on one page. More is rarely read and makes the page slow on a phone; what is older is
one click away."""

_TICKS = {
    OutboundMessage.Status.CREATED: "◷",
    OutboundMessage.Status.HANDED: "◷",
    OutboundMessage.Status.ACKED: "✓",
    OutboundMessage.Status.DELIVERED: "✓✓",
    OutboundMessage.Status.READ: "✓✓",
    OutboundMessage.Status.FAILED: "!",
    OutboundMessage.Status.CANCELLED: "×",
}


@dataclass(frozen=True)
class RungView:
    """One rung of the delivery ladder that was climbed."""

    name: str
    at: datetime


@dataclass(frozen=True)
class Line:
    """One bubble, or one line between the bubbles.

    Attributes:
        side: ``"in"``, ``"out"``, ``"note"`` for a turn, or ``"memo"`` for what a person noted.
        who: ``"contact"``, ``"agent"``, ``"person"``, ``"phone"``, ``"system"`` or empty.
        pieces: what a contact's message shows beside its text.
        reactions: what people put under it.
        ref: the channel's id, by which reactions name it.
        message: the message itself, where it is one of ours that can be changed.
        quotable: the contact's message, where an answer can quote it.
        new_day: the day to be shown above it, where it is the first of one.
    """

    key: str
    side: str
    who: str
    who_name: str
    text: str
    at: datetime
    tick: str = ""
    status: str = ""
    status_name: str = ""
    note: str = ""
    is_struck: bool = False
    is_edited: bool = False
    ladder: tuple[RungView, ...] = ()
    turn: TurnView | None = None
    new_day: str = ""
    note_id: int = 0
    pieces: Pieces | None = None
    reactions: tuple[str, ...] = ()
    ref: str = ""
    message: uuid.UUID | None = None
    quotable: uuid.UUID | None = None
    may_edit: bool = False
    may_delete: bool = False

    @property
    def shown_text(self) -> SafeString:
        """The text with WhatsApp's own marks, safe to be put into a page."""
        return words.formatted(self.text)


@dataclass(frozen=True)
class Transcript:
    """A page of a conversation.

    Attributes:
        earlier_than: where the page before this one ends; None where there is none.
        latest: changes whenever anything on the page does.
    """

    lines: tuple[Line, ...]
    earlier_than: datetime | None
    latest: str


def transcript(
    *, conversation: Conversation, before: datetime | None = None, limit: int = PAGE
) -> Transcript:
    """Return the last lines of a conversation, oldest first; ten queries at most.

    Args:
        before: only what is older than this; None for the end of the conversation.
    """
    inbound = InboundMessage.objects.filter(conversation=conversation).select_related("attachment")
    outbound = OutboundMessage.objects.filter(conversation=conversation).select_related("file")
    outbound = outbound.defer("file__data")
    if before is not None:
        inbound = inbound.filter(received_at__lt=before)
        outbound = outbound.filter(created_at__lt=before)
    received = list(inbound.order_by("-received_at", "-pk")[: limit + 1])
    sent = list(outbound.order_by("-created_at", "-pk")[: limit + 1])
    for message in sent:
        message.conversation = conversation  # else each would read it by itself
    newest = sorted([m.received_at for m in received] + [m.created_at for m in sent], reverse=True)
    start = newest[limit - 1] if len(newest) > limit else None
    received = [m for m in received if start is None or m.received_at >= start]
    sent = [m for m in sent if start is None or m.created_at >= start]
    turns = _turns(conversation, start=start, before=before, sent=sent)
    shown_turns: set[int] = set()
    quoted = _quoted(conversation, sent)
    now = timezone.now()
    refs = {message.provider_ref for message in received}
    refs |= {message.provider_ref for message in sent}
    # One that is about a bubble of this page stands under it; another by itself.
    lines = [
        _inbound_line(message)
        for message in received
        if message.kind != MessageKind.REACTION or message.media.get("target") not in refs
    ]
    for message in sorted(sent, key=lambda m: (m.created_at, m.pk)):
        turn = turns.get(message.turn_id or 0)
        is_first = turn is not None and turn.turn_id not in shown_turns
        lines.append(
            _outbound_line(
                message,
                turn=turn if is_first else None,
                quote=quoted.get(message.quoted_ref, ""),
                now=now,
            )
        )
        if turn is not None:
            shown_turns.add(turn.turn_id)
    lines += _turn_lines(conversation, turns, shown=shown_turns)
    lines += _notes(conversation, start=start, before=before)
    found = reactions(conversation, refs)
    lines = [replace(one, reactions=found[one.ref]) if one.ref in found else one for one in lines]
    # Of the same instant, what came in stands before what was made of it.
    lines.sort(key=lambda line: (line.at, line.side != "in", line.key))
    return Transcript(
        lines=tuple(_with_days(lines)), earlier_than=start, latest=fingerprint(conversation)
    )


def fingerprint(conversation: Conversation) -> str:
    """Return a short text that changes when anything on its page does; five queries."""
    last_in = (
        InboundMessage.objects.filter(conversation=conversation)
        .order_by("-pk")
        .values_list("pk", "edited_at", "deleted_at")
        .first()
    )
    sent = (
        OutboundMessage.objects.filter(conversation=conversation)
        .order_by("-pk")
        .values_list("pk", "status", "held_by", "change", "edited_at", "deleted_at")[:8]
    )
    notes = Note.objects.filter(conversation=conversation).aggregate(n=Count("pk"), last=Max("pk"))
    files = (
        Attachment.objects.filter(message__conversation=conversation)
        .order_by("-pk")
        .values_list("pk", "status", "reading")[:5]
    )
    changed = InboundMessage.objects.filter(conversation=conversation).aggregate(
        edited=Max("edited_at"), deleted=Max("deleted_at")
    )
    in_hands = [getattr(conversation, name) for name in _IN_HANDS]
    parts = [str(last_in), str(list(sent)), str(notes), str(list(files)), str(changed)]
    parts.append(str(in_hands))
    return uuid.uuid5(uuid.NAMESPACE_OID, "|".join(parts)).hex[:16]


_IN_HANDS = (
    "mode",
    "status",
    "claimed_by",
    "queue_id",
    "mode_reason",
    "answer_due_at",
    "returns_at",
    "has_draft",
)


def _notes(
    conversation: Conversation, *, start: datetime | None, before: datetime | None
) -> list[Line]:
    notes = Note.objects.filter(conversation=conversation)
    if start is not None:
        notes = notes.filter(created_at__gte=start)
    if before is not None:
        notes = notes.filter(created_at__lt=before)
    return [
        Line(
            key=f"n{note.pk}",
            side="memo",
            who="note",
            who_name=note.author,
            text=note.text,
            at=note.created_at,
            note_id=note.pk,
        )
        for note in notes.order_by("-pk")[:PAGE]
    ]


def _inbound_line(message: InboundMessage) -> Line:
    is_deleted = message.deleted_at is not None
    note = words.silence(message.silence_reason)
    if is_deleted:
        note = _("The contact took this message back.")
    shown = pieces(message)
    return Line(
        key=f"i{message.pk}",
        side="in",
        who="contact",
        who_name="",
        text=shown.text,
        pieces=shown,
        ref=message.provider_ref,
        quotable=message.uuid if replying.may_quote(message) else None,
        at=message.received_at,
        note=note,
        is_struck=is_deleted,
        is_edited=message.edited_at is not None,
    )


def _quoted(conversation: Conversation, sent: Iterable[OutboundMessage]) -> dict[str, str]:
    """Return by their ids the contact's messages that ours quote; no query where none does."""
    refs = {message.quoted_ref for message in sent if message.quoted_ref}
    if not refs:
        return {}
    rows = InboundMessage.objects.filter(conversation=conversation, provider_ref__in=refs)
    return {row.provider_ref: describing.told(row) for row in rows.select_related("attachment")}


def _outbound_line(
    message: OutboundMessage, *, turn: TurnView | None, quote: str, now: datetime
) -> Line:
    status = OutboundMessage.Status(message.status)
    names = {
        OutboundMessage.Origin.PERSON: message.written_by or _("Person"),
        OutboundMessage.Origin.PHONE: _("On the paired phone"),
        OutboundMessage.Origin.SYSTEM: _("Automatic notice"),
        OutboundMessage.Origin.AGENT: turn.agent if turn else _("Assistant"),
    }
    rungs = (
        (_("written"), message.created_at),
        (_("handed to the bridge"), message.handed_at),
        (_("sent"), message.acked_at),
        (_("delivered"), message.delivered_at),
        (_("read"), message.read_at),
        (_("edited"), message.edited_at),
        (_("taken back"), message.deleted_at),
    )
    shown = outbound_pieces(message, quote=quote)
    return Line(
        key=f"o{message.pk}",
        side="out",
        who=message.origin,
        who_name=names[OutboundMessage.Origin(message.origin)],
        text=shown.text,
        pieces=shown,
        ref=message.provider_ref,
        at=message.created_at,
        tick=_TICKS[status],
        status=message.status,
        status_name=str(status.label),
        note=_remark(message, status),
        is_struck=status == OutboundMessage.Status.CANCELLED or message.deleted_at is not None,
        is_edited=message.edited_at is not None,
        ladder=tuple(RungView(name, at) for name, at in rungs if at is not None),
        turn=turn,
        message=message.uuid,
        may_edit=changing.may_edit(message, now=now),
        may_delete=changing.may_delete(message, now=now),
    )


def _remark(message: OutboundMessage, status: OutboundMessage.Status) -> str:
    """Say what is special about a message of ours; empty where nothing is."""
    if status in (OutboundMessage.Status.FAILED, OutboundMessage.Status.CANCELLED):
        return words.reason(message.failure_reason)
    if message.lost_at is not None:
        return _("The bridge no longer knows this message: it probably never arrived.")
    if message.deleted_at is not None:
        return _("Taken back for everyone.")
    if message.change == "delete":
        return _("Being taken back …")
    if message.change == "edit":
        return _("Being edited …")
    if message.change_problem:
        return _("It could not be changed: %(reason)s") % {
            "reason": words.reason(message.change_problem)
        }
    if message.held_by:
        return _("Waits: %(reason)s") % {"reason": words.reason(veto.reason_of(message.held_by))}
    if message.unknown_at is not None:
        return words.reason("nobody knows yet whether it was sent")
    return ""


def _turn_lines(
    conversation: Conversation, turns: Mapping[int, TurnView], *, shown: set[int]
) -> list[Line]:
    """Return a line for each turn that left no message: what was thought of and not said."""
    missing = [pk for pk in turns if pk not in shown]
    if not missing:
        return []
    instants = Turn.objects.filter(pk__in=missing).values_list(
        "pk", "started_at", "finished_at", "draft__status"
    )
    return [
        Line(
            key=f"t{pk}",
            side="note",
            who="",
            who_name="",
            # A turn that was to reply and sent nothing left a draft.
            text=str(Draft.Status(draft).label) if draft else turns[pk].title,
            at=finished_at or started_at,
            turn=turns[pk],
        )
        for pk, started_at, finished_at, draft in instants
    ]


def _turns(
    conversation: Conversation,
    *,
    start: datetime | None,
    before: datetime | None,
    sent: Iterable[OutboundMessage],
) -> dict[int, TurnView]:
    turns = Turn.objects.filter(conversation=conversation).select_related("agent")
    if start is not None:
        turns = turns.filter(started_at__gte=start)
    if before is not None:
        turns = turns.filter(started_at__lt=before)
    found = list(turns.order_by("-pk")[: 2 * PAGE])
    steps: dict[int, list[TurnStep]] = defaultdict(list)
    for step in TurnStep.objects.filter(turn__in=found).order_by("turn_id", "position"):
        steps[step.turn_id].append(step)
    documents = document_pks(step for own in steps.values() for step in own)
    return {turn.pk: explain(turn, steps[turn.pk], documents=documents) for turn in found}


def _with_days(lines: list[Line]) -> Iterable[Line]:
    """Mark the first line of each day of the active time zone."""
    last: date | None = None
    for line in lines:
        day = timezone.localtime(line.at).date()
        if day != last:
            last = day
            # Translators: how a day is written above its messages, in Django's date format.
            yield replace(line, new_day=date_format(day, _("l, F j, Y")))
        else:
            yield line
