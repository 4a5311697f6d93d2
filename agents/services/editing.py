"""Storing what people and programs edit of an agent: the draft, which answers nobody yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from agents.models import Agent
from agents.types import AgentKind
from integrations.models import Credential
from tenants.audit.record import record

LINKS = ("categories", "handoffs", "tools")


def save_draft(*, agent: Agent, values: Mapping[str, Any], actor: str) -> Agent:
    """Store an agent with some of its fields changed; joins the caller's transaction.

    Args:
        agent: a new one, or a stored one; what `values` leaves out of it is not stored.
        values: by field of `Agent`; links as lists of rows. What is left out stays.

    Raises:
        ValidationError: by field.
    """
    is_new = agent._state.adding
    plain = {name: value for name, value in values.items() if name not in LINKS}
    for name, value in plain.items():
        setattr(agent, name, value)
    agent.clean()
    if "fallbacks" in plain:
        _check_fallbacks(agent)
    check_together(
        kind=agent.kind,
        owner_numbers=agent.owner_numbers,
        is_own_target=not is_new and agent in values.get("handoffs", ()),
    )
    with transaction.atomic():
        if is_new:
            agent.save()
        else:
            Agent.objects.select_for_update().get(pk=agent.pk)  # as who publishes it does
            agent.save(update_fields=[*plain, "updated_at"])
        for name in LINKS:
            if name in values:
                getattr(agent, name).set(values[name])
        record(
            action="agent.created" if is_new else "agent.changed",
            actor=actor,
            target=f"agent {agent.uuid}",
            data={"fields": sorted(values)},
        )
    return agent


def check_together(*, kind: str, owner_numbers: Iterable[str], is_own_target: bool) -> None:
    """Refuse fields that do not go together.

    Raises:
        ValidationError: by field.
    """
    if is_own_target:
        raise ValidationError({"handoffs": _("An agent cannot hand off to itself.")})
    if kind == AgentKind.PERSONAL.value and not list(owner_numbers):
        text = _("A personal agent needs the number of at least one owner.")
        raise ValidationError({"owner_numbers": text})


def _check_fallbacks(agent: Agent) -> None:
    wanted = {str(one["credential"]) for one in agent.fallbacks}
    known = Credential.objects.filter(uuid__in=wanted).count() if wanted else 0
    if known != len(wanted):
        raise ValidationError({"fallbacks": _("One of the credentials is not there.")})
