"""Which version of an agent a contact meets while an experiment runs.

Nothing is stored about contacts: the variant follows from the experiment and the contact, so that
a contact keeps theirs, in every process, through any restart.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.models import Experiment
from tenants.remembering import Remembered


@dataclass(frozen=True, slots=True)
class _Running:
    experiment: uuid.UUID
    version_ids: tuple[int, ...]
    weights: tuple[int, ...]


def _read() -> Mapping[int, _Running]:
    found = Experiment.objects.filter(status=Experiment.Status.RUNNING)
    rows = found.order_by("variants__position").values_list(
        "agent_id", "uuid", "variants__version_id", "variants__weight"
    )
    arms: dict[tuple[int, uuid.UUID], list[tuple[int, int]]] = {}
    for agent_id, experiment, version_id, weight in rows:
        if version_id is not None:
            arms.setdefault((agent_id, experiment), []).append((version_id, weight))
    return {
        agent_id: _Running(experiment, tuple(v for v, _ in held), tuple(w for _, w in held))
        for (agent_id, experiment), held in arms.items()
    }


_running = Remembered(_read)


def version_for(*, agent_id: int, contact_uuid: uuid.UUID | None) -> int | None:
    """Return the id of the version that a contact meets; None for the published one.

    What was started or ended elsewhere is known here a moment later.
    """
    running = _running.get().get(agent_id)
    if running is None or contact_uuid is None:
        return None
    return running.version_ids[pick(running.experiment, running.weights, contact_uuid)]


def pick(experiment: uuid.UUID, weights: Sequence[int], contact: uuid.UUID) -> int:
    """Return the place of a contact's variant among the weights."""
    digest = hashlib.sha256(experiment.bytes + contact.bytes).digest()
    drawn = int.from_bytes(digest[:8], "big") % sum(weights)
    for place, weight in enumerate(weights):
        if drawn < weight:
            return place
        drawn -= weight
    raise AssertionError


def end(
    *,
    agent_id: int,
    ending: Experiment.Ending,
    by: str,
    now: datetime,
    winner_id: int | None = None,
) -> bool:
    """End the running experiment of an agent; False where none runs, or somebody was faster.

    Joins the caller's transaction.
    """
    n_ended = Experiment.objects.filter(agent=agent_id, status=Experiment.Status.RUNNING).update(
        status=Experiment.Status.STOPPED,
        stopped_at=now,
        stopped_by=by,
        ending=ending,
        winner=winner_id,
    )
    forget()
    return bool(n_ended)


def forget() -> None:
    """Have the next turn read anew what runs: it was changed here."""
    _running.forget()
