"""Which agent answers a conversation, and which models work for it."""

from __future__ import annotations

from agents.models import Agent
from agents.services import profiles, reception
from agents.types import AgentProfile
from conversations.models import Conversation
from conversations.services import handoffs
from integrations.llm.types import ChatConfig, Purpose
from integrations.services import choices


def profile_of(conversation: Conversation) -> AgentProfile | None:
    """Return who answers a conversation, as its contact meets it; None where no agent does.

    It may be a moment old; see `profiles.published`.
    """
    agent = conversation.agent
    if agent is None or not agent.is_active or agent.published_version_id is None:
        return None
    if agent.kind == Agent.Kind.HUMAN:
        return None
    agent_id = reception.receiver(
        agent_id=agent.pk, contact_ids=handoffs.contact_ids(conversation.contact)
    )
    if agent_id is None:
        return None
    return profiles.met_by(agent_id=agent_id, contact_uuid=conversation.contact.uuid)


def model_for(profile: AgentProfile | None, purpose: Purpose) -> ChatConfig | None:
    """Return whom the agent of a conversation asks, or the tenant's choice where there is none."""
    return choices.config_for(purpose) if profile is None else profile.model_for(purpose)
