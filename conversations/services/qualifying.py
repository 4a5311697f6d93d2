"""What a conversation that is over tells about a lead: by a model, and by rules where none is."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from agents.runtime import prompting, prompts, qualifying
from agents.types import AgentProfile, TranscriptLine
from agents.types_leads import LeadFound, LeadsMode
from conversations.models import Conversation, InboundMessage
from conversations.services import lead_fields
from conversations.services.describing import own_words
from integrations.llm import pii
from integrations.llm.errors import BudgetExhausted
from integrations.llm.types import Purpose
from integrations.models import ModelCall
from integrations.services import calls
from integrations.services.calls import Caller
from tenants.context import release_connection
from tenants.errors import Permanent, Temporary
from tenants.models import Tenant

logger = logging.getLogger(__name__)


def at_end(
    conversation: Conversation,
    lines: Sequence[TranscriptLine],
    *,
    profile: AgentProfile | None,
    tenant: Tenant,
) -> list[LeadFound]:
    """Return what the contact told of the fields of a lead; nothing where the agent fills none.

    Asks a model: no transaction may be open.
    """
    if profile is None or profile.leads is LeadsMode.OFF:
        return []
    if not any(one.role == "contact" and one.ref for one in lines):
        return []
    said = _in_own_words(lines, conversation)
    fields = lead_fields.for_agents()
    config = profile.model_for(Purpose.SUMMARISE)
    if config is None:
        return qualifying.by_rules(said, fields=fields)
    caller = Caller(
        origin=ModelCall.Origin.CUSTOMER,
        zone=tenant.timezone,
        agent_uuid=profile.agent_uuid,
        agent_name=profile.name,
        contact_uuid=conversation.contact.uuid,
        conversation_uuid=conversation.uuid,
    )
    asked = qualifying.request(
        lines,
        fields=fields,
        language=prompting.LANGUAGE_NAMES[prompts.language(tenant.language)],
    )
    cloak = pii.Cloak(public=(tenant.name,))
    release_connection()
    try:
        answered = cloak.door(lambda one, request: calls.chat(one, request, caller=caller))(
            config, asked
        )
    except (BudgetExhausted, Temporary, Permanent) as error:
        logger.info("no lead read by a model", extra={"reason": error.reason})
        return qualifying.by_rules(said, fields=fields)
    return qualifying.read(answered.text, said, fields=fields)


def _in_own_words(
    lines: Sequence[TranscriptLine], conversation: Conversation
) -> list[TranscriptLine]:
    """Return lines without what an ad or a quote says: its price is not the contact's budget."""
    refs = [one.ref for one in lines if one.role == "contact" and one.ref]
    own = own_words(InboundMessage.objects.filter(conversation=conversation, uuid__in=refs))
    return [replace(one, text=own.get(one.ref) or one.text) for one in lines]
