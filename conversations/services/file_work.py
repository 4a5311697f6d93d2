"""Fetching files and turning them into words, in the background: claim, call, commit.

Announced by timers of the kind ``media``. Safe to run twice: only the doorbell that begins its
timer works, and only the holder of the lease writes.
"""

from __future__ import annotations

import logging
import re
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.db import transaction

from conversations.channels import ChannelAccount, sender_for
from conversations.models import Attachment, AttachmentContent, Conversation
from conversations.services import answerers, attaching, file_types
from conversations.types import MessageKind
from integrations.llm.errors import BudgetExhausted, NoProviderAnswered
from integrations.llm.types import ChatConfig, Image, Sound
from integrations.models import ModelCall
from integrations.services import calls, seeing
from integrations.services.calls import Caller
from tenants import timers
from tenants.context import current_schema, database_now, release_connection
from tenants.errors import Permanent, Temporary
from tenants.failpoints import reach
from tenants.leases import keep
from tenants.models import Tenant

logger = logging.getLogger(__name__)

MAX_TRIES = 5
"""Tries of a file before it is given up; a person can ask for it again."""

RETRY_S = 3.0
"""Pause after the first failure, in seconds; doubles with each one."""

MAX_WORDS = 6_000
"""Characters of a transcription or a description that are kept; five minutes are about 5,000."""

_INVENTED = re.compile(
    r"(?:legendas? (?:pela|por|da) .*|legendado por .*|.*amara\.org.*|obrigad[oa] por assistir.*|"
    r"inscreva-se no canal.*|thanks? (?:you )?for watching.*|subtitles by .*)",
    re.IGNORECASE,
)
"""What speech models write where nothing is said: the ends of the films they learned from."""

Status, Reading = Attachment.Status, Attachment.Reading


class FileOutcome(StrEnum):
    """What became of a doorbell for a file."""

    NOT_OURS = "not_ours"
    DONE = "done"
    FAILED = "failed"
    POSTPONED = "postponed"
    LEASE_LOST = "lease_lost"


@dataclass(frozen=True)
class _Job:
    """A file with what the calls for it need."""

    claim: timers.Claim
    attachment: Attachment
    account: ChannelAccount | None
    reader: ChatConfig | None
    language: str
    caller: Caller


def work_on(*, timer_id: int, token: uuid.UUID) -> FileOutcome:
    """Fetch and read one file, as far as either is still to be done."""
    claims = timers.begin([(timer_id, token)])
    if not claims:
        return FileOutcome.NOT_OURS
    (claim,) = claims
    with keep(claim):
        try:
            job = _open(claim)
            if job is None:
                timers.finish(claim)
                return FileOutcome.DONE
            if claim.n_attempts > MAX_TRIES:
                # It killed its workers, or the last try would have given it up.
                return _failed(claim, problem="error", may_retry=False)
            return _work(job)
        except timers.LeaseLost:
            return FileOutcome.LEASE_LOST
        except Exception:
            # Whatever it was, it must not be tried without a pause, nor for ever.
            logger.exception("file failed", extra={"attachment_id": claim.ref})
            with suppress(timers.LeaseLost):
                return _failed(claim, problem="error", may_retry=True)
            return FileOutcome.LEASE_LOST


def _open(claim: timers.Claim) -> _Job | None:
    rows = Attachment.objects.select_related(
        "message__conversation__contact", "message__conversation__agent"
    )
    found = rows.filter(pk=claim.ref).first()
    if found is None or not found.is_under_way:
        return None
    tenant = Tenant.objects.get(schema_name=current_schema())
    conversation = found.message.conversation
    profile = answerers.profile_of(conversation)
    account = None
    if found.status == Status.WAITING:
        with suppress(Permanent):
            sender = sender_for(conversation.channel_kind)
            account = sender.open_account(conversation.channel_account_ref)
    return _Job(
        claim=claim,
        attachment=found,
        account=account,
        reader=attaching.reader_of(found.message) if found.reading == Reading.WAITING else None,
        language=tenant.language,
        caller=Caller(
            origin=ModelCall.Origin.CUSTOMER,
            zone=tenant.timezone,
            agent_uuid=profile.agent_uuid if profile else None,
            agent_name=profile.name if profile else "",
            contact_uuid=conversation.contact.uuid,
            conversation_uuid=conversation.uuid,
        ),
    )


def _work(job: _Job) -> FileOutcome:
    found = job.attachment
    if found.status == Status.WAITING:
        release_connection()
        reach("media_before_fetch")
        try:
            if job.account is None:
                return _failed(job.claim, problem="no_device", may_retry=False)
            data = job.account.fetch_file(source=found.source)
        except Temporary as error:
            logger.info("file not fetched", extra={"reason": error.reason})
            return _failed(job.claim, problem="away", may_retry=True)
        except Permanent as error:
            logger.info("file not fetched", extra={"reason": error.reason})
            is_large = "larger than" in error.reason
            problem = "too_large" if is_large else "gone"
            return _failed(job.claim, problem=problem, may_retry=False)
        _keep(job, data)
        reach("media_after_fetch")
    else:
        data = bytes(AttachmentContent.objects.values_list("data", flat=True).get(pk=found.pk))
    if found.reading != Reading.WAITING:
        return _finish(job)
    return _read(job, data)


def _keep(job: _Job, data: bytes) -> None:
    """Store a file that was fetched.

    Raises:
        LeaseLost: another worker has taken it over.
    """
    found = job.attachment
    with transaction.atomic(durable=True):
        timers.hold(job.claim)
        attaching.take(found, data)
        AttachmentContent.objects.update_or_create(attachment=found, defaults={"data": data})
        found.save(update_fields=["status", "problem", "n_bytes", "source", "media_type"])


def _read(job: _Job, data: bytes) -> FileOutcome:
    found = job.attachment
    if job.reader is None:
        return _failed(job.claim, problem="no_model", may_retry=False)
    release_connection()
    reach("media_before_model")
    try:
        if found.message.kind == MessageKind.AUDIO:
            sound = Sound(_sound_type(found), data, found.seconds)
            words = calls.transcribe(
                job.reader, sound, language=job.language, caller=job.caller
            ).text
            words = "" if _INVENTED.fullmatch(words.strip()) else words
        elif found.media_type in file_types.IMAGES:
            image = Image(found.media_type, data)
            words = seeing.describe_image(
                job.reader, image, language=job.language, caller=job.caller
            )
        else:
            return _failed(job.claim, problem="not_an_image", may_retry=False)
    except BudgetExhausted:
        return _failed(job.claim, problem="budget", may_retry=False)
    except NoProviderAnswered as error:
        hopeless = all(one.error == "permanent" for one in error.tries)
        return _failed(job.claim, problem="unread", may_retry=not hopeless)
    reach("media_after_model")
    found.words = words.replace("\x00", "").strip()[:MAX_WORDS]
    found.reading = Reading.DONE
    return _finish(job)


def _sound_type(found: Attachment) -> str:
    """Return what a recording is to a model; a container that the bytes leave open is the sender's
    word.
    """
    if found.media_type in file_types.SOUNDS:
        return found.media_type
    return found.declared_type.partition(";")[0].strip().lower()


def _finish(job: _Job) -> FileOutcome:
    """Write what came of it and let the burst go on that waited for it."""
    found, now = job.attachment, database_now()
    with transaction.atomic(durable=True):
        _lock(found)
        timers.hold(job.claim)
        found.problem = ""
        found.save(update_fields=["reading", "words", "problem"])
        attaching.let_go(attachment=found, now=now)
        timers.finish(job.claim)
    logger.info("file done", extra={"attachment_id": found.pk, "kind": found.message.kind})
    return FileOutcome.DONE


def _failed(claim: timers.Claim, *, problem: str, may_retry: bool) -> FileOutcome:
    """Try later, or give the file up and let the burst go on that waited for it."""
    now = database_now()
    with transaction.atomic(durable=True):
        if may_retry and claim.n_attempts < MAX_TRIES:
            timers.hold(claim)
            wait_s = RETRY_S * 2.0 ** (claim.n_attempts - 1)
            timers.retry(claim, due_at=now + timedelta(seconds=wait_s))
            return FileOutcome.POSTPONED
        found = Attachment.objects.select_related("message").get(pk=claim.ref)
        _lock(found)
        timers.hold(claim)
        if found.status == Status.WAITING:
            found.status = Status.FAILED
        if found.reading == Reading.WAITING:
            found.reading = Reading.FAILED
        found.problem = problem
        found.save(update_fields=["status", "reading", "problem"])
        attaching.let_go(attachment=found, now=now)
        timers.finish(claim)
    return FileOutcome.FAILED


def _lock(found: Attachment) -> None:
    """Read the message anew and lock its conversation, which may have become another meanwhile."""
    found.message.refresh_from_db()
    found.message.conversation = (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("contact")
        .get(pk=found.message.conversation_id)
    )
