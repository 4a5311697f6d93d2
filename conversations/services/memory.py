"""What a conversation is remembered by: a summary while it goes on, and what became of it after.

Made in the background, announced by a timer row whose ref is the conversation. The model is asked
while nothing is held; what it wrote is kept only if the conversation is still as it was read.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from agents.runtime import clarifying, prompting, prompts, remembering, routing, summing
from agents.runtime.summing import Summed
from agents.types import AgentProfile, TranscriptLine
from agents.types_leads import LeadFound
from conversations.models import Conversation, Note, OutboundMessage
from conversations.services import answerers, archive, bursts, facts, leads, qualifying
from conversations.services.due import DueOutcome
from integrations.llm import pii
from integrations.llm.errors import BudgetExhausted
from integrations.llm.types import ChatConfig, Purpose
from integrations.models import ModelCall
from integrations.services import calls
from integrations.services.calls import Caller
from tenants import timers
from tenants.context import current_schema, database_now, release_connection
from tenants.errors import Permanent, Temporary
from tenants.failpoints import reach
from tenants.leases import keep
from tenants.models import Tenant

logger = logging.getLogger(__name__)

TIMER = "memory"

KEEP_LINES = 6
"""The newest lines of a conversation that goes on are not summed up: they are shown as they are."""

MAX_LINES = 400
"""Lines that are read at once; the summary before tells of what was earlier."""

_PEOPLE = (OutboundMessage.Origin.PERSON, OutboundMessage.Origin.PHONE)
_UNSENT = (OutboundMessage.Status.CANCELLED, OutboundMessage.Status.FAILED)

_END = 2**62
"""Above every id."""

_MEANINGS = (
    (Conversation.Outcome.RESOLVED, "the business's side answered what the contact asked"),
    (Conversation.Outcome.UNRESOLVED, "what the contact asked was not answered"),
    (Conversation.Outcome.ABANDONED, "the business asked something and the contact did not reply"),
    (Conversation.Outcome.NOTHING, "the contact asked nothing"),
)
"""What a model may choose from. That a person answered, or that the contact wants no messages, is
known by code."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A conversation as it was before a model was asked."""

    conversation: Conversation
    lines: tuple[TranscriptLine, ...]
    tenant: Tenant
    profile: AgentProfile | None

    @property
    def is_over(self) -> bool:
        return self.conversation.status == Conversation.Status.ARCHIVED

    @property
    def before(self) -> str:
        return "" if self.is_over else self.conversation.summary


def ask(conversation_ids: Iterable[int], *, now: datetime) -> None:
    """Have conversations summed up soon; joins the caller's transaction. Nothing for none."""
    if wanted := list(conversation_ids):
        timers.arm_all(kind=TIMER, refs=wanted, due_at=now)


def ask_where_outgrown(
    transcripts: Mapping[int, Sequence[TranscriptLine]],
    conversations: Iterable[Conversation],
    *,
    now: datetime,
) -> None:
    """Have those summed up that have more past than a prompt shows; joins the transaction."""
    ask(
        (
            one.pk
            for one in conversations
            if (lines := transcripts.get(one.pk))
            and remembering.outgrown(
                lines, most=bursts.TRANSCRIPT_LINES, summarised_until=one.summarised_until
            )
        ),
        now=now,
    )


def remember(*, timer_id: int, token: uuid.UUID) -> DueOutcome:
    """Sum up the conversation that a timer announces; safe to run twice."""
    claims = timers.begin([(timer_id, token)])
    if not claims:
        return DueOutcome.NOT_OURS
    claim = claims[0]
    with keep(claim):
        read = _read(claim.ref)
        summed = None if read is None else _summed(read)
        found = _qualified(read)
        reach("memory_before_commit")
        with transaction.atomic(durable=True):
            # The conversation first, which is everybody's order of locks.
            row = Conversation.objects.lock([claim.ref], wait=True).first()
            try:
                timers.hold(claim)
            except timers.LeaseLost:
                return DueOutcome.LEASE_LOST
            did = False
            if row is not None and read is not None and summed is not None:
                did = _keep(row, read, summed, found, now=database_now())
            timers.finish(claim)
    if row is None:
        return DueOutcome.GONE
    return DueOutcome.DONE if did else DueOutcome.NOT_DUE


def _read(conversation_id: int) -> _Read | None:
    conversation = (
        Conversation.objects.select_related("contact", "agent").filter(pk=conversation_id).first()
    )
    if conversation is None:
        return None
    tenant = Tenant.objects.get(schema_name=current_schema())
    with override(tenant.language):
        lines = bursts.latest_lines({conversation_id: _END}, most=MAX_LINES)
    found = lines.get(conversation_id, ())
    if conversation.status == Conversation.Status.OPEN:
        until = conversation.summarised_until
        found = tuple(one for one in found[:-KEEP_LINES] if until is None or one.at > until)
    return _Read(conversation, found, tenant, answerers.profile_of(conversation))


def _summed(read: _Read) -> Summed | None:
    """Return the summary; None where there is nothing new to sum up."""
    if not read.lines and not read.is_over:
        return None
    by_rules = _by_rules(read)
    config = answerers.model_for(read.profile, Purpose.SUMMARISE)
    said = any(one.role == "contact" and routing.small_talk(one.text) is None for one in read.lines)
    if config is None or not said:
        release_connection()
        return by_rules
    by_model = _by_model(read, config)
    if by_model is None:
        return by_rules
    return replace(
        by_model,
        outcome=by_model.outcome or by_rules.outcome,
        topics=by_model.topics or by_rules.topics,
    )


def _qualified(read: _Read | None) -> list[LeadFound]:
    """Return what a conversation that is over tells about a lead."""
    if read is None or not read.is_over:
        return []
    return qualifying.at_end(
        read.conversation, read.lines, profile=read.profile, tenant=read.tenant
    )


def _by_rules(read: _Read) -> Summed:
    with override(read.tenant.language):
        text = summing.by_rules(
            read.lines, before=read.before, asked=_("Asked: "), answered=_("Answered: ")
        )
    if not read.is_over:
        return Summed(text)
    return Summed(text, outcome(read.lines), summing.topics_by_rules(read.lines))


def outcome(lines: Sequence[TranscriptLine]) -> str:
    """Return how a conversation ended, as far as a rule can tell."""
    asked = [one for one in lines if one.role == "contact" and routing.small_talk(one.text) is None]
    if not asked:
        return Conversation.Outcome.NOTHING
    if lines[-1].role == "contact" and routing.small_talk(lines[-1].text) is None:
        return Conversation.Outcome.UNRESOLVED
    if any(one.role == "person" for one in lines):
        return Conversation.Outcome.PERSON
    asks = clarifying.asked_before(lines) or lines[-1].text.rstrip().endswith("?")
    if lines[-1].role == "agent" and asks:
        return Conversation.Outcome.ABANDONED
    return Conversation.Outcome.RESOLVED


def _by_model(read: _Read, config: ChatConfig) -> Summed | None:
    """Return a model's summary, as far as it holds; None where none is to be had."""
    conversation, profile = read.conversation, read.profile
    caller = Caller(
        origin=ModelCall.Origin.CUSTOMER,
        zone=read.tenant.timezone,
        agent_uuid=profile.agent_uuid if profile else None,
        agent_name=profile.name if profile else "",
        contact_uuid=conversation.contact.uuid,
        conversation_uuid=conversation.uuid,
    )
    offered = tuple((code.value, meaning) for code, meaning in _MEANINGS) if read.is_over else ()
    asked = summing.request(
        read.lines,
        before=read.before,
        language=prompting.LANGUAGE_NAMES[prompts.language(read.tenant.language)],
        outcomes=offered,
    )
    cloak = pii.Cloak(public=(read.tenant.name,))
    release_connection()
    try:
        answered = cloak.door(lambda one, request: calls.chat(one, request, caller=caller))(
            config, asked
        )
    except (BudgetExhausted, Temporary, Permanent) as error:
        logger.info("not summed up by a model", extra={"reason": error.reason})
        return None
    codes = [code for code, _meaning in offered]
    return summing.read(answered.text, read.lines, before=read.before, outcomes=codes)


def _keep(
    row: Conversation,
    read: _Read,
    summed: Summed,
    found: Sequence[LeadFound],
    *,
    now: datetime,
) -> bool:
    """Write what was found, if the conversation is still as it was read."""
    was = read.conversation
    same = ("status", "closed_at", "summarised_until")
    if any(getattr(row, name) != getattr(was, name) for name in same):
        return False
    row.summary = summed.text.replace("\x00", "")
    if read.lines:
        row.summarised_until = read.lines[-1].at
    fields = ["summary", "summarised_until"]
    facts.learn(facts.in_lines(read.lines, row, since=was.summarised_until), now=now)
    if read.is_over:
        row.outcome = _outcome(row, read, summed)
        row.topics = list(summed.topics)
        fields += ["outcome", "topics"]
        _index(row, read.lines)
    row.save(update_fields=fields)
    if found:
        leads.record([(row, found)], now=now)
    return True


def reindex_if_archived(conversation: Conversation) -> None:
    """Keep anew by what words a conversation that is over is found; joins the transaction."""
    if conversation.status != Conversation.Status.ARCHIVED:
        return
    with override(Tenant.objects.get(schema_name=current_schema()).language):
        lines = bursts.latest_lines({conversation.pk: _END}, most=MAX_LINES)
    _index(conversation, lines.get(conversation.pk, ()))


def _index(row: Conversation, lines: Sequence[TranscriptLine]) -> None:
    notes = Note.objects.filter(conversation=row).values_list("text", flat=True)
    labels = row.labels.values_list("name", flat=True)
    spoken = (line.text for line in lines)
    archive.index(row, [row.contact.name, row.summary, *row.topics, *notes, *labels, *spoken])


def _outcome(row: Conversation, read: _Read, summed: Summed) -> str:
    """Return how it ended; what code knows goes before what a model thinks."""
    if row.contact.opted_out_at is not None:
        return Conversation.Outcome.OPTED_OUT
    by_person = any(one.role == "person" for one in read.lines)
    if by_person and summed.outcome == Conversation.Outcome.RESOLVED:
        return Conversation.Outcome.PERSON
    return summed.outcome or outcome(read.lines)
