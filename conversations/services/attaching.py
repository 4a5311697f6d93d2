"""Files beside messages: what is kept, what is still to be done, and how long a burst waits for it.

Nothing here goes to a network; `file_work` does, in the background.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext

from conversations.models import (
    Attachment,
    AttachmentContent,
    Conversation,
    InboundMessage,
    OutboundFile,
    Turn,
)
from conversations.services import answerers, consent, file_types
from conversations.services.describing import attachment_of
from conversations.types import IncomingFile, MediaRules, MessageKind, Silence
from integrations.llm.types import ChatConfig, Purpose
from tenants import timers
from tenants.audit.record import record
from tenants.errors import DomainError

TIMER = "media"

READ_BY = {MessageKind.AUDIO: Purpose.TRANSCRIBE, MessageKind.IMAGE: Purpose.VISION}
"""Which files are turned into words, and by whom."""

_READ_FOR = frozenset({Silence.NONE, Silence.HUMAN_MODE})
"""Messages whose files are read at once: somebody is about to answer them. What was silent for
another reason costs nothing until a person asks for it."""

Status, Reading = Attachment.Status, Attachment.Reading


class NotAgain(DomainError):
    """There is nothing to be tried again here."""

    code = "nothing_to_try_again"

    def __init__(self) -> None:
        super().__init__(gettext("There is nothing to be tried again here."))


def attach(
    *, message: InboundMessage, file: IncomingFile, rules: MediaRules, now: datetime
) -> Attachment:
    """Keep what came with a message, and have done in the background what is left to do.

    Joins the caller's transaction.
    """
    found = Attachment(
        message=message,
        declared_type=file.media_type,
        name=file.name,
        n_bytes=file.n_bytes,
        seconds=file.seconds,
        created_at=now,
    )
    found.problem = _refusal(message=message, file=file, rules=rules)
    if found.problem:
        found.status = Status.REFUSED
    elif file.data is not None:
        take(found, file.data)
    if found.status != Status.STORED and not message.media.get("view_once"):
        found.source = dict(file.source)
    _plan_reading(found, message=message, rules=rules, now=now)
    found.save()
    if found.status == Status.STORED:
        AttachmentContent.objects.create(attachment=found, data=file.data)
    if found.is_under_way:
        timers.arm(kind=TIMER, ref=found.pk, due_at=now)
    return found


def from_phone(
    file: IncomingFile | None,
    *,
    kind: MessageKind,
    facts: Mapping[str, object],
    rules: MediaRules | None,
) -> OutboundFile | None:
    """Return what is kept of a file that was sent from the paired phone, without its message.

    None where it did not come along, or such files are not kept.
    """
    if file is None or file.data is None or rules is None or facts.get("view_once"):
        return None
    if kind not in rules.kinds or len(file.data) > rules.max_bytes:
        return None
    media_type = file_types.media_type(file.data, name=file.name, declared=file.media_type)
    if file_types.n_pixels(file.data) > file_types.MAX_PIXELS:
        media_type = file_types.ANY
    return OutboundFile(
        media_type=media_type, name=file.name[-200:], n_bytes=len(file.data), data=file.data
    )


def take(attachment: Attachment, data: bytes) -> None:
    """Note that the file is here and what it is; neither the row nor the bytes are saved."""
    attachment.status, attachment.problem = Status.STORED, ""
    attachment.n_bytes, attachment.source = len(data), {}
    attachment.media_type = file_types.media_type(
        data, name=attachment.name, declared=attachment.declared_type
    )
    if file_types.n_pixels(data) > file_types.MAX_PIXELS:
        attachment.media_type = file_types.ANY


def _refusal(*, message: InboundMessage, file: IncomingFile, rules: MediaRules) -> str:
    """Return why a file is left where it is, or nothing."""
    if message.media.get("view_once"):
        return "view_once"
    if message.kind not in rules.kinds:
        return "kind"
    if message.silence_reason == Silence.BLOCKED:
        return "blocked"
    return "too_large" if (file.n_bytes or 0) > rules.max_bytes else ""


def _plan_reading(
    attachment: Attachment, *, message: InboundMessage, rules: MediaRules, now: datetime
) -> None:
    """Decide whether a model reads the file, and whether the burst waits for it."""
    if attachment.status not in (Status.WAITING, Status.STORED):
        return
    if message.silence_reason not in _READ_FOR or reader_of(message) is None:
        return
    if message.kind == MessageKind.AUDIO and (attachment.seconds or 0) > rules.max_s:
        attachment.reading, attachment.problem = Reading.FAILED, "too_long"
        return
    attachment.reading = Reading.WAITING
    if not message.silence_reason and rules.wait_s:
        attachment.wait_until = now + timedelta(seconds=rules.wait_s)


def reader_of(message: InboundMessage) -> ChatConfig | None:
    """Return the model that turns a message's file into words; None where there is none."""
    purpose = READ_BY.get(MessageKind(message.kind))
    if purpose is None:
        return None
    return answerers.model_for(answerers.profile_of(message.conversation), purpose)


def readable_kinds(conversation: Conversation) -> frozenset[str]:
    """Return the kinds of files that a model turns into words for who answers a conversation."""
    profile = answerers.profile_of(conversation)
    return frozenset(
        kind.value
        for kind, purpose in READ_BY.items()
        if answerers.model_for(profile, purpose) is not None
    )


def hold_burst(
    *, conversation: Conversation, messages: Sequence[InboundMessage], now: datetime
) -> bool:
    """Test whether a burst waits for the words of a file; its timer is then armed for the limit.

    Joins the transaction that opens the turn and holds the conversation's lock.
    """
    waited = [
        found.wait_until
        for message in messages
        if (found := attachment_of(message)) and found.is_under_way and found.wait_until
    ]
    until = max(waited, default=now)
    if until <= now:
        return False
    conversation.waits_until = until
    conversation.save(update_fields=["waits_until"])
    timers.arm(kind="turn", ref=conversation.pk, due_at=until)
    return True


def let_go(*, attachment: Attachment, now: datetime) -> None:
    """Answer the burst that waited for a file; joins a transaction that locked the conversation.

    A turn that is thinking without these words begins anew with them.
    """
    message = attachment.message
    conversation = message.conversation
    is_pending = (
        not message.silence_reason
        and message.turn_id is None
        and message.deleted_at is None
        and message.pk > conversation.handled_upto
    )
    if not is_pending:
        return
    if attachment.words and consent.heed(
        conversation=conversation, text=attachment.words, said_at=message.sent_at, now=now
    ):
        return
    if conversation.waits_until is None:
        running = Turn.objects.filter(conversation=conversation, status=Turn.Status.RUNNING)
        if attachment.words and running.exists():
            timers.arm(kind="turn", ref=conversation.pk, due_at=now)
        return
    others = Attachment.objects.select_related("message").filter(
        message__conversation=conversation,
        message__pk__gt=conversation.handled_upto,
        message__turn=None,
        message__silence_reason="",
        wait_until__gt=now,
    )
    if not any(one.is_under_way for one in others if one.pk != attachment.pk):
        conversation.waits_until = None
        conversation.save(update_fields=["waits_until"])
        timers.arm(kind="turn", ref=conversation.pk, due_at=now)


def try_again(*, attachment_uuid: uuid.UUID, actor: str, now: datetime) -> Attachment:
    """Have a file fetched or read that could not be, or that nobody has read yet.

    Raises:
        NotAgain: it is here and read, under way, or a view-once message, which is never kept.
    """
    with transaction.atomic():
        found = (
            Attachment.objects.select_for_update(of=("self",))
            .select_related("message")
            .filter(uuid=attachment_uuid)
            .first()
        )
        if found is None or not can_try_again(found):
            raise NotAgain
        if found.status != Status.STORED:
            found.status = Status.WAITING
        if found.reading != Reading.DONE and reader_of(found.message) is not None:
            found.reading = Reading.WAITING
        found.problem = ""
        if not found.is_under_way:
            raise NotAgain
        found.save(update_fields=["status", "reading", "problem"])
        timers.arm(kind=TIMER, ref=found.pk, due_at=now)
        record(
            action="attachment.tried_again",
            actor=actor,
            target=f"attachment {found.uuid}",
            data={},
        )
    return found


def can_try_again(attachment: Attachment) -> bool:
    """Test whether a person may ask for a file once more; reads nothing."""
    if attachment.is_under_way or attachment.problem == "view_once":
        return False
    if attachment.status != Status.STORED:
        return bool(attachment.source)
    is_readable = MessageKind(attachment.message.kind) in READ_BY
    return is_readable and attachment.reading in (Reading.NONE, Reading.FAILED)
