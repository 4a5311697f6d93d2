"""Making what is edited what answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from agents import guards
from agents.models import Agent, AgentVersion, Experiment
from agents.services import examples, reception, variants
from tenants.audit import record

_NEW: dict[str, object] = {
    "outside_hours": "answer",
    "guards": {},
    "role": "",
    "tone": "",
    "dos": [],
    "donts": [],
    "policies": [],
    "examples": [],
    "owner_numbers": [],
    "history": "whole",
    "tools": [],
    "leads": "off",
    "purposes": {},
}
"""What a version says that is older than these fields."""


def publish_agent(*, agent: Agent, actor: str, now: datetime) -> AgentVersion:
    """Keep the agent as it is stored now as its next version, which answers from here on.

    Each call makes a version; two calls at once get consecutive numbers.

    Args:
        actor: a user name, or the command that publishes.
        now: aware; kept as the instant of publication.
    """
    with transaction.atomic():
        locked = Agent.objects.select_for_update(of=("self",)).get(pk=agent.pk)
        return _publish(locked, agent, actor, now)


def ensure_published(*, agent: Agent, actor: str, now: datetime) -> tuple[AgentVersion, bool]:
    """Publish the agent unless its published version says the same already.

    Returns:
        The version that answers now, and whether it is new.
    """
    with transaction.atomic():
        locked = Agent.objects.select_for_update(of=("self",)).get(pk=agent.pk)
        current = locked.published_version
        if current is not None and is_published(locked):
            agent.published_version = current
            return current, False
        return _publish(locked, agent, actor, now), True


def is_published(agent: Agent) -> bool:
    """Test whether the version that answers says what is stored now."""
    current = agent.published_version
    return current is not None and complete(current.snapshot) == snapshot(agent)


def complete(shot: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a version says, also of the fields that are younger than it."""
    return {**_NEW, **shot}


def keep_version(*, agent: Agent, actor: str, now: datetime) -> AgentVersion:
    """Keep what is stored now as a version that does not answer yet; a version of it if there is.

    Args:
        actor: as `publish_agent` has it.
    """
    with transaction.atomic():
        locked = Agent.objects.select_for_update(of=("self",)).get(pk=agent.pk)
        shot = snapshot(locked)
        for version in locked.versions.order_by("-number"):
            if complete(version.snapshot) == shot:
                return version
        return _keep(locked, actor, now, is_published=False)


def answer_with(*, version: AgentVersion, actor: str, now: datetime) -> None:
    """Let a version answer that is kept already; the draft stays as it is."""
    with transaction.atomic():
        locked = Agent.objects.select_for_update(of=("self",)).get(pk=version.agent_id)
        _answer_with(locked, version, actor, now)


def _publish(locked: Agent, given: Agent, actor: str, now: datetime) -> AgentVersion:
    version = _keep(locked, actor, now, is_published=True)
    _answer_with(locked, version, actor, now)
    given.published_version = version
    return version


def _keep(locked: Agent, actor: str, now: datetime, *, is_published: bool) -> AgentVersion:
    last = locked.versions.aggregate(last=Max("number"))["last"] or 0
    return AgentVersion.objects.create(
        agent=locked,
        number=last + 1,
        snapshot=snapshot(locked),
        published_at=now,
        published_by=actor,
        is_published=is_published,
    )


def _answer_with(locked: Agent, version: AgentVersion, actor: str, now: datetime) -> None:
    locked.published_version = version
    locked.save(update_fields=["published_version"])
    if not version.is_published:
        # It was kept for a comparison: from here on it counts as published, now and by this person.
        version.is_published, version.published_at, version.published_by = True, now, actor
        version.save(update_fields=["is_published", "published_at", "published_by"])
    # Who publishes wants every contact to meet it, and not a part of them something else.
    variants.end(agent_id=locked.pk, ending=Experiment.Ending.PUBLISHED, by=actor, now=now)
    reception.forget()
    if version.snapshot.get("examples"):
        examples.ask_to_embed()
    record.record(
        action="agent.published",
        actor=actor,
        target=f"agent {locked.uuid}",
        data={"version": version.number},
    )


def snapshot(agent: Agent) -> dict[str, object]:
    """Return an agent as JSON: names and references, sorted, so that equal agents are equal."""
    categories = agent.categories.order_by("name", "pk")
    handoffs = agent.handoffs.order_by("name", "pk")
    tools = agent.tools.order_by("name", "pk")
    credential = agent.chat_credential
    return {
        "name": agent.name,
        "kind": agent.kind,
        "instructions": agent.instructions,
        "keywords": list(agent.keywords),
        "categories": [{"uuid": str(one.uuid), "name": one.name} for one in categories],
        "handoffs": [{"uuid": str(one.uuid), "name": one.name} for one in handoffs],
        "chat": {
            "credential": str(credential.uuid) if credential else None,
            "model": agent.chat_model,
            "timeout_s": agent.timeout_s,
            "fallbacks": list(agent.fallbacks),
        },
        "outside_hours": agent.outside_hours,
        "guards": guards.checked(agent.guards),
        "role": agent.role,
        "tone": agent.tone,
        "dos": list(agent.dos),
        "donts": list(agent.donts),
        "policies": list(agent.policies),
        "examples": list(agent.examples),
        "owner_numbers": list(agent.owner_numbers),
        "history": agent.history,
        "tools": [{"uuid": str(one.uuid), "name": one.name} for one in tools],
        "leads": agent.leads,
        "purposes": dict(agent.purposes),
        **_approval(agent),
    }


def _approval(agent: Agent) -> dict[str, object]:
    """Return the part on approval; none where it is off, so that older versions stay equal."""
    if not agent.needs_approval:
        return {}
    return {"approval": {"within_min": agent.approval_within_min, "then": agent.approval_then}}
