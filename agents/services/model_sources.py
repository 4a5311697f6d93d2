"""Where the model that an agent asks comes from, purpose by purpose, for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agents.models import Agent
from agents.validators import OWN_PURPOSES
from integrations.llm.purposes import AS_CHAT
from integrations.llm.types import Provider, Purpose
from integrations.models import Credential, ModelChoice


class Origin(StrEnum):
    """Who chose a model."""

    AGENT = "agent"
    ANSWERS = "answers"  # nobody: the model that writes the answers does this too
    TENANT = "tenant"
    SHIPPED = "shipped"  # nobody: it is done without a model


@dataclass(frozen=True, slots=True)
class Source:
    """A model with who chose it.

    Args:
        who: such as ``"gpt-4o · principal"``; empty where it is done without a model.
    """

    who: str
    origin: Origin


def answers(agent: Agent) -> Source:
    """Return who writes the answers of an agent's draft."""
    return _answers(agent, _chosen())


def inherited(agent: Agent) -> dict[Purpose, Source]:
    """Return who does what for an agent where it names no model for that; one query."""
    chosen = _chosen()
    chat = _answers(agent, chosen)
    found: dict[Purpose, Source] = {}
    for purpose in OWN_PURPOSES:
        if purpose in chosen:
            found[purpose] = chosen[purpose]
        elif purpose in AS_CHAT and chat.who:
            found[purpose] = Source(chat.who, Origin.ANSWERS)
        else:
            found[purpose] = Source("", Origin.SHIPPED)
    return found


def named(credential: Credential, model: str) -> str:
    """Return a model as people know it; empty for the provider that is none."""
    if credential.provider == Provider.OFFLINE:
        return ""
    return f"{model} · {credential.name}"


def _answers(agent: Agent, chosen: Mapping[Purpose, Source]) -> Source:
    if agent.chat_credential is not None:
        return Source(named(agent.chat_credential, agent.chat_model), Origin.AGENT)
    return chosen.get(Purpose.CHAT, Source("", Origin.SHIPPED))


def _chosen() -> dict[Purpose, Source]:
    found: dict[Purpose, Source] = {}
    for row in ModelChoice.objects.select_related("credential", "fallback_credential"):
        # As `choices.chosen` has it: without a first choice the second is asked.
        for credential, model in (
            (row.credential, row.model),
            (row.fallback_credential, row.fallback_model),
        ):
            if credential is not None:
                source = Source(named(credential, model), Origin.TENANT)
                found.setdefault(Purpose(row.purpose), source)
    return found
