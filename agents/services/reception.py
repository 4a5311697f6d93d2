"""Which agent receives a contact: personal agents serve their owners and nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agents import owners
from agents.models import Agent
from agents.types import AgentKind
from tenants.remembering import Remembered


@dataclass(frozen=True, slots=True)
class _Desk:
    """A published general or personal agent.

    Args:
        owners: whom a personal agent serves.
        desks: general agents that it hands to, in order.
    """

    kind: AgentKind
    owners: frozenset[str]
    desks: tuple[int, ...]


def _read() -> Mapping[int, _Desk]:
    found = Agent.objects.filter(is_active=True, published_version__isnull=False)
    rows = [
        (one.pk, str(one.uuid), one.published_version.snapshot)
        for one in found.select_related("published_version").order_by("pk")
        if one.published_version is not None
    ]
    general = {uuid: pk for pk, uuid, shot in rows if shot["kind"] == AgentKind.GENERAL}
    return {
        pk: _Desk(
            AgentKind(shot["kind"]),
            frozenset(filter(None, map(owners.typed, shot.get("owner_numbers", ())))),
            tuple(general[one["uuid"]] for one in shot["handoffs"] if one["uuid"] in general),
        )
        for pk, _, shot in rows
        if shot["kind"] in (AgentKind.GENERAL, AgentKind.PERSONAL)
    }


_desks = Remembered(_read)


def receiver(*, agent_id: int, contact_ids: frozenset[str]) -> int | None:
    """Return who answers a contact whose conversation is with an agent.

    An owner meets their personal agent where others meet the front desk; a stranger whose
    conversation stands with a personal agent meets the front desk. None where there is none.

    Args:
        contact_ids: under what the channel knows the contact; see `agents.owners`.
    """
    desks = _desks.get()
    present = desks.get(agent_id)
    if present is None:  # a specialist, or nothing that answers: not decided here
        return agent_id
    if present.kind is AgentKind.GENERAL:
        own = (pk for pk, one in desks.items() if one.owners & contact_ids)
        return next(own, agent_id)
    if present.owners & contact_ids:
        return agent_id
    general = (pk for pk, one in desks.items() if one.kind is AgentKind.GENERAL)
    return next(iter(present.desks), next(general, None))


def forget() -> None:
    """Have the next turn read anew who is there: an agent was changed here."""
    _desks.forget()
