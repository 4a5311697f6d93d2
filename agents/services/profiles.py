"""Reading the published version of an agent as a run uses it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from agents import owners
from agents.models import Agent
from agents.services import guarding, variants
from agents.types import (
    AgentKind,
    AgentProfile,
    AgentRef,
    Approval,
    History,
    OutsideHours,
    Persona,
)
from agents.types_leads import LeadsMode
from integrations.llm.types import ChatConfig, Provider, Purpose
from integrations.models import Credential
from integrations.services import choices, credentials
from knowledge.models import Category
from tenants.crypto import CannotDecrypt
from tenants.errors import DomainError
from tenants.remembering import Remembered

logger = logging.getLogger(__name__)

UNUSABLE = "unusable_credential"
"""Stands as the provider where a key cannot be read or is gone. The factory refuses it like any
unknown provider, so that the fallbacks are asked instead of the turn failing."""


class AgentNotPublished(DomainError):
    """This agent has no published version, or is switched off."""

    code = "agent_not_published"


def profile(*, agent_id: int, version_id: int | None = None) -> AgentProfile:
    """Return the published agent; keys are read now and are not part of the version.

    Handoffs to agents that are switched off or were never published are left out, and so are
    categories that are gone.

    Args:
        version_id: another version of it, which an experiment chose; see `variants.version_for`.

    Raises:
        AgentNotPublished: no such agent, it is not active, or it was never published.
    """
    agent = (
        Agent.objects.filter(pk=agent_id, is_active=True, published_version__isnull=False)
        .select_related("published_version")
        .first()
    )
    if agent is None or agent.published_version is None:
        raise AgentNotPublished
    version = agent.published_version
    if version_id not in (None, version.pk):
        version = agent.versions.filter(pk=version_id).first() or version
    return profile_of(agent, version.snapshot, number=version.number)


def profile_of(agent: Agent, shot: Mapping[str, Any], *, number: int) -> AgentProfile:
    """Return an agent as a snapshot has it.

    Args:
        number: of the version; 0 for the draft.
    """
    categories = [one["uuid"] for one in shot["categories"]]
    models = choices.chosen().beside(_models(shot))
    return AgentProfile(
        agent_id=agent.pk,
        name=shot["name"],
        kind=AgentKind(shot["kind"]),
        instructions=shot["instructions"],
        keywords=tuple(shot["keywords"]),
        category_ids=tuple(
            Category.objects.filter(uuid__in=categories).order_by("pk").values_list("pk", flat=True)
        ),
        handoffs=_handoffs([one["uuid"] for one in shot["handoffs"]]),
        version_number=number,
        chat=models.get(
            Purpose.CHAT, ChatConfig(Provider.OFFLINE, timeout_s=shot["chat"]["timeout_s"])
        ),
        models=models,
        agent_uuid=agent.uuid,
        outside_hours=OutsideHours(shot.get("outside_hours", OutsideHours.ANSWER)),
        guards=guarding.policy(shot.get("guards", {})),
        persona=_persona(shot),
        examples=tuple(shot.get("examples", ())),
        owners=_owners(shot),
        approval=Approval(**shot["approval"]) if "approval" in shot else None,
        history=History(shot.get("history", History.WHOLE)),
        tools=tuple(one["uuid"] for one in shot.get("tools", ())),
        leads=LeadsMode(shot.get("leads", LeadsMode.OFF)),
    )


def _persona(shot: Mapping[str, Any]) -> Persona:
    """Return how an agent is to be; a version from before there was any says nothing."""
    return Persona(
        role=shot.get("role", ""),
        tone=shot.get("tone", ""),
        dos=tuple(shot.get("dos", ())),
        donts=tuple(shot.get("donts", ())),
        policies=tuple(shot.get("policies", ())),
    )


def _owners(shot: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(filter(None, map(owners.typed, shot.get("owner_numbers", ()))))


_published: Remembered[dict[tuple[int, int | None], AgentProfile]] = Remembered(dict)
"""The profiles of the current schema that were read in this moment, by agent and version."""


def published(*, agent_id: int, version_id: int | None = None) -> AgentProfile:
    """Return the published agent as `profile` does; each turn asks, so it may be a moment late.

    Raises:
        AgentNotPublished: as `profile`.
    """
    known, wanted = _published.get(), (agent_id, version_id)
    if wanted not in known:
        known[wanted] = profile(agent_id=agent_id, version_id=version_id)
    return known[wanted]


def met_by(*, agent_id: int, contact_uuid: UUID | None) -> AgentProfile:
    """Return the agent as a contact meets it: as published, or as a running experiment drew.

    Raises:
        AgentNotPublished: as `profile`.
    """
    version_id = variants.version_for(agent_id=agent_id, contact_uuid=contact_uuid)
    return published(agent_id=agent_id, version_id=version_id)


def _handoffs(uuids: list[str]) -> tuple[AgentRef, ...]:
    """Return the targets in the order of the snapshot, each as it is published itself."""
    found = {
        str(one.uuid): one
        for one in Agent.objects.filter(
            uuid__in=uuids, is_active=True, published_version__isnull=False
        ).select_related("published_version")
    }
    refs = []
    for uuid in uuids:
        agent = found.get(uuid)
        if agent is not None and agent.published_version is not None:
            shot = agent.published_version.snapshot
            refs.append(
                AgentRef(
                    agent_id=agent.pk,
                    name=shot["name"],
                    kind=AgentKind(shot["kind"]),
                    keywords=tuple(shot["keywords"]),
                    role=shot.get("role", ""),
                    examples=tuple(shot.get("examples", ())),
                    owners=_owners(shot),
                )
            )
    return tuple(refs)


def _models(shot: Mapping[str, Any]) -> dict[Purpose, ChatConfig]:
    """Return the models that an agent names itself, by purpose; one query where it names any."""
    named = {Purpose.CHAT: shot["chat"]} if shot["chat"]["credential"] else {}
    named |= {Purpose(name): one for name, one in shot.get("purposes", {}).items()}
    wanted = {ref["credential"] for one in named.values() for ref in (one, *one["fallbacks"])}
    found = Credential.objects.filter(uuid__in=wanted) if wanted else ()
    known = {str(one.uuid): one for one in found}
    return {purpose: _chain(one, known) for purpose, one in named.items()}


def _chain(shot: Mapping[str, Any], known: Mapping[str, Credential]) -> ChatConfig:
    fallbacks = [
        _config(one["credential"], one["model"], shot["timeout_s"], known)
        for one in shot["fallbacks"]
    ]
    return _config(shot["credential"], shot["model"], shot["timeout_s"], known, fallbacks)


def _config(
    uuid: str,
    model: str,
    timeout_s: float,
    known: Mapping[str, Credential],
    fallbacks: Iterable[ChatConfig] = (),
) -> ChatConfig:
    unusable = ChatConfig(UNUSABLE, model, timeout_s=timeout_s, fallbacks=tuple(fallbacks))
    if uuid not in known:
        logger.warning("credential is gone", extra={"credential": uuid})
        return unusable
    try:
        return credentials.chat_config(
            credential=known[uuid],
            model=model,
            timeout_s=timeout_s,
            fallbacks=unusable.fallbacks,
        )
    except CannotDecrypt:
        logger.warning("credential cannot be read", extra={"credential": uuid})
        return unusable
