"""The prompt of a reply: what never changes first, for providers charge less for a repeat."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agents.runtime import evidence, hours, prompts, remembering
from agents.types import AgentProfile, Brief, Business, RunRequest
from agents.types_leads import LeadField
from integrations.llm.types import Evidence

N_MESSAGES = 2
"""Messages of a prompt that no tool and no rejected draft has made longer."""

LANGUAGE_NAMES = {"pt": "Brazilian Portuguese", "en": "English"}


def question(
    request: RunRequest,
    agent: AgentProfile,
    *,
    burst: tuple[str, ...],
    passages: tuple[Evidence, ...],
    brief: Brief | None,
    is_anonymous: bool,
    is_handed: bool,
) -> prompts.QuestionPrompt:
    """Return what is asked.

    Args:
        is_anonymous: nothing of the contact may be told, because others may get the answer.
        is_handed: the agent got the conversation by this burst.
    """
    history, summary = remembering.past(request, agent, is_handed=is_handed)
    return prompts.QuestionPrompt(
        passages=passages,
        history=() if is_anonymous else history,
        contact_name="" if is_anonymous else request.contact_name,
        burst=burst,
        hours=hours.facts(request),
        brief=brief,
        contact_facts=request.contact_facts,
        summary=summary,
    )


def system(
    request: RunRequest,
    agent: AgentProfile,
    *,
    local_now: datetime,
    is_timeless: bool,
    canary: str,
    lead_fields: Sequence[LeadField] = (),
) -> prompts.SystemPrompt:
    """Return the rules and who the agent is.

    Args:
        local_now: in the business's zone.
        is_timeless: the day is told and the hour is not.
        canary: what no reply may hold.
        lead_fields: what it is to find out; only of whom it may call a tool to keep that.
    """
    return prompts.SystemPrompt(
        tenant_name=request.tenant_name,
        agent_name=agent.name,
        instructions=agent.instructions.strip(),
        language_name=LANGUAGE_NAMES[prompts.language(request.language)],
        now=local_now.strftime("%A, %Y-%m-%d" + " %H:%M" * (not is_timeless)),
        timezone=request.timezone,
        has_hours=request.hours.is_configured,
        canary=canary,
        persona=agent.persona,
        business=request.business,
        lead_fields=tuple((one.key, one.about or one.label) for one in lead_fields),
    )


def rules(request: RunRequest, agent: AgentProfile) -> str:
    """Return our own part of the system prompt, without anything that the business wrote."""
    has_hours = request.hours.is_configured
    ours = prompts.SystemPrompt(
        request.tenant_name, agent.name, "", "", "", "", has_hours=has_hours
    )
    return prompts.render(ours)


def written(agent: AgentProfile) -> str:
    """Return all that the business wrote for an agent, which no reply may print as a whole."""
    return "\n".join((agent.instructions, *agent.persona.lines()))


def business_evidence(business: Business) -> tuple[Evidence, ...]:
    """Return the facts about the business as a passage that a reply may rest on."""
    lines = business.lines()
    return (Evidence(evidence.BUSINESS, "\n".join(lines), business.name),) if lines else ()
