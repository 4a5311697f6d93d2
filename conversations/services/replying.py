"""What people write to a contact from the panel, and what they change about one."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max

from conversations.models import (
    Conversation,
    FollowUp,
    InboundMessage,
    OutboundFile,
    OutboundMessage,
)
from conversations.services import describing, desks, file_types, follow_ups, outbox, takeover
from conversations.types import MAX_TEXT, MessageKind
from conversations.types_sending import MAX_FILE_BYTES
from tenants import timers
from tenants.audit.record import record
from tenants.errors import DomainError

UNDO_S = 5
"""Seconds in which a person's message can still be taken back. Longer, and a contact who is there
waits visibly; shorter, and nobody is quick enough."""


_SENT_AS_IMAGE = frozenset({"image/jpeg", "image/png"})
"""What the bridge can make a preview of; other images are sent as documents."""


class BadFile(DomainError):
    """This file is empty or too large, or this place is none."""

    code = "bad_file"
    http_status = 422


class NotInPeoplesHands(DomainError):
    """The assistant is answering this conversation, or it is archived; take it over first."""

    code = "not_in_peoples_hands"


class NothingToSend(DomainError):
    """There is no text to send."""

    code = "nothing_to_send"
    http_status = 422


@dataclass(frozen=True)
class Said:
    """What a person sends.

    Attributes:
        text: up to `MAX_TEXT` characters; what stands below a file or names a place.
        file: its name and its bytes.
        place: latitude and longitude in degrees.
    """

    text: str
    file: tuple[str, bytes] | None = None
    place: tuple[float, float] | None = None


def reply_as_person(
    *,
    conversation_uuid: uuid.UUID,
    text: str,
    actor: str,
    now: datetime,
    may_undo: bool = False,
    file: tuple[str, bytes] | None = None,
    place: tuple[float, float] | None = None,
    quoted_uuid: uuid.UUID | None = None,
) -> OutboundMessage:
    """Put a person's message at the end of the conversation's line.

    Args:
        text: up to `MAX_TEXT` characters; what is longer is refused and not cut.
        actor: the user name of who writes.
        may_undo: wait `UNDO_S` before it is sent, so that it can still be taken back.
        file: its name and its bytes; the text stands below it then.
        place: latitude and longitude in degrees; the text is its name then.
        quoted_uuid: the contact's message that it answers. One that was taken back meanwhile, or
            is another conversation's, is not quoted.

    Raises:
        NothingToSend: nothing at all, or too much text.
        BadFile: a file that is empty or too large, or a place that is none.
        NotInPeoplesHands: nobody has taken the conversation over, or it is archived.
        AlreadyTaken: another person is answering it.
        NotOfThisQueue: it waits for the people of a queue to which the actor does not belong.
    """
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    said = Said(text, file, place)
    _check(said)
    with transaction.atomic():
        conversation = (
            Conversation.objects.select_for_update(of=("self",))
            .select_related("contact", "agent")
            .get(uuid=conversation_uuid)
        )
        is_open = conversation.status == Conversation.Status.OPEN
        if not is_open or conversation.mode != Conversation.Mode.HUMAN:
            raise NotInPeoplesHands
        if not takeover.may_be_taken(conversation, by=actor):
            raise takeover.AlreadyTaken(conversation.claimed_by)
        if not conversation.claimed_by:
            desks.require_member(queue_id=conversation.queue_id, username=actor)
            conversation.claimed_by = actor
        message = outbox.new_message(
            conversation=conversation, text=text, origin=OutboundMessage.Origin.PERSON, now=now
        )
        message.written_by = actor
        if may_undo:
            message.next_attempt_at = now + timedelta(seconds=UNDO_S)
        kept = _fill(message, said)
        if quoted_uuid is not None:
            rows = InboundMessage.objects.filter(conversation=conversation, uuid=quoted_uuid)
            quoted = rows.first()
            if quoted is not None and may_quote(quoted):
                message.quoted_ref = quoted.provider_ref
        outbox.add_messages([message], now=message.next_attempt_at or now)
        if kept is not None:
            kept.save(force_insert=True)
        conversation.last_message_at = now
        conversation.save(update_fields=["last_message_at"])
        takeover.note_person_spoke(conversation, now=now)
        record(
            action="conversation.replied",
            actor=actor,
            target=f"conversation {conversation.uuid}",
            data={"message": str(message.uuid)},
        )
    return message


def may_quote(message: InboundMessage) -> bool:
    """Test whether an answer can quote a contact's message; reads nothing."""
    shown = message.kind not in (MessageKind.REACTION, MessageKind.VOTE, MessageKind.UNREADABLE)
    return shown and message.deleted_at is None


def quoted_words(*, conversation: Conversation, quoted_uuid: uuid.UUID) -> str:
    """Return the words of a message that is about to be quoted; empty where it cannot be."""
    rows = InboundMessage.objects.select_related("attachment")
    found = rows.filter(conversation=conversation, uuid=quoted_uuid).first()
    return describing.told(found) if found is not None and may_quote(found) else ""


def _check(said: Said) -> None:
    has_more = said.file is not None or said.place is not None
    if len(said.text) > MAX_TEXT or not (said.text or has_more):
        raise NothingToSend
    if said.file is not None and not 0 < len(said.file[1]) <= MAX_FILE_BYTES:
        raise BadFile
    if said.place is not None:
        latitude, longitude = said.place
        # WhatsApp's bridge takes a zero for a missing number; nobody is there anyway.
        if not (0 < abs(latitude) <= 90 and 0 < abs(longitude) <= 180):
            raise BadFile


def _fill(message: OutboundMessage, said: Said) -> OutboundFile | None:
    """Make a message what a person sends; return its file, unsaved."""
    if said.place is not None:
        message.kind = MessageKind.LOCATION
        message.details = {"latitude": said.place[0], "longitude": said.place[1]}
        return None
    if said.file is None:
        return None
    name, data = said.file
    media_type = file_types.media_type(data, name=name)
    is_image = media_type in _SENT_AS_IMAGE and file_types.n_pixels(data) <= file_types.MAX_PIXELS
    if is_image:
        message.kind = MessageKind.IMAGE
    elif media_type in file_types.SOUNDS and not said.text:  # a sound has no text below it
        message.kind = MessageKind.AUDIO
    else:
        message.kind = MessageKind.DOCUMENT
    plain = name.replace("\\", "/").rpartition("/")[2].replace("\x00", "").strip()
    return OutboundFile(
        message=message,
        media_type=media_type,
        name=plain[-200:] or "arquivo",
        n_bytes=len(data),
        data=data,
    )


def take_back(*, message_uuid: uuid.UUID, actor: str, now: datetime) -> bool:
    """Call off a message of one's own that has not left yet; False where it has."""
    with transaction.atomic():
        found = OutboundMessage.objects.filter(uuid=message_uuid, written_by=actor)
        message = found.first()
        if message is None:
            return False
        planned = FollowUp.objects.filter(message=message).values_list("uuid", flat=True).first()
        # In everybody's order of locks: the sender looks at the line under this one.
        conversation = Conversation.objects.select_for_update().get(pk=message.conversation_id)
        n_stopped = found.filter(status=OutboundMessage.Status.CREATED).update(
            status=OutboundMessage.Status.CANCELLED, failure_reason="a person took it back"
        )
        if n_stopped:
            # What stands behind it need not wait for its time.
            timers.arm(kind=outbox.TIMER, ref=conversation.pk, due_at=now)
            if is_contacts_word_last(conversation):
                desks.note_contact_wrote(conversation, now=now)
            record(
                action="conversation.reply_taken_back",
                actor=actor,
                target=f"conversation {conversation.uuid}",
                data={"message": str(message.uuid)},
            )
        elif planned is not None:
            # It was put back among the planned ones meanwhile, and would come again.
            return follow_ups.call_off(
                conversation_uuid=conversation.uuid, follow_up_uuid=planned, actor=actor, now=now
            )
    return bool(n_stopped)


def is_contacts_word_last(conversation: Conversation) -> bool:
    """Test whether what the contact wrote last is later than any answer."""
    asked = InboundMessage.objects.filter(conversation=conversation).aggregate(
        at=Max("received_at")
    )["at"]
    answers = OutboundMessage.objects.filter(conversation=conversation).exclude(
        status__in=(OutboundMessage.Status.CANCELLED, OutboundMessage.Status.FAILED)
    )
    answered = answers.exclude(origin=OutboundMessage.Origin.SYSTEM).aggregate(
        at=Max("created_at")
    )["at"]
    return asked is not None and (answered is None or asked > answered)
