"""Trying questions out, with settings that hold for one search, and keeping such settings."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext

from integrations.models import ModelCall
from integrations.services import calls
from knowledge import abstention, retrieval
from knowledge.models import Category, KnowledgeSettings, Search
from knowledge.services import searches
from knowledge.types import SearchOptions
from tenants.errors import DomainError


class ThresholdsCrossed(DomainError):
    """Asking back begins below answering."""

    code = "thresholds_crossed"
    http_status = 422

    def __init__(self) -> None:
        super().__init__(
            gettext("“Ask back from” has to be lower than “answer from”, or the same.")
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """A question with the settings that hold for it alone; None takes what is in force.

    Args:
        scope: ``"all"``, ``"category:7"`` or ``"agent:3"``.
        answer_threshold: confidence, 0 to 1, from which it would be answered.
        ask_threshold: confidence, 0 to 1, from which it would be asked back.
        weights: of meaning, words and pieces of words, each 0 and up.
        on: the day on which documents have to be valid, in the tenant's time zone.
    """

    question: str
    previous: str = ""
    scope: str = "all"
    k: int | None = None
    answer_threshold: float | None = None
    ask_threshold: float | None = None
    weights: tuple[float, float, float] | None = None
    on: date | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what differs from the settings in force."""
        given = {
            "scope": None if self.scope == "all" else self.scope,
            "k": self.k,
            "answer_threshold": self.answer_threshold,
            "ask_threshold": self.ask_threshold,
            "weights": None if self.weights is None else list(self.weights),
            "on": None if self.on is None else self.on.isoformat(),
        }
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an agent, or everybody, looks."""

    value: str
    label: str
    category_ids: tuple[int, ...] | None  # None: everywhere
    agent_name: str = ""


def scopes() -> tuple[Scope, ...]:
    """Return where can be looked: everywhere, as an agent does, in one category."""
    shelves = Category.objects.order_by("name", "pk").values_list("pk", "name")
    categories = [Scope(f"category:{pk}", name, (pk,)) for pk, name in shelves]
    # By the relation and not by their model: the agents' app stands above this one.
    rows = (
        Category.objects.filter(agents__is_active=True)
        .order_by("agents__name", "agents__pk", "pk")
        .values_list("agents__pk", "agents__name", "pk")
    )
    held: dict[int, tuple[str, list[int]]] = {}
    for agent_id, name, pk in rows:
        held.setdefault(agent_id, (name, []))[1].append(pk)
    agents = [
        Scope(f"agent:{agent_id}", name, tuple(pks), agent_name=name)
        for agent_id, (name, pks) in held.items()
    ]
    return (Scope("all", gettext("In all documents"), None), *agents, *categories)


def trial_of(search: Search) -> Trial:
    """Return the question of an earlier test with its settings, to be asked again."""
    kept = search.settings
    weights = kept.get("weights")
    on = kept.get("on")
    return Trial(
        question=search.question,
        previous=search.previous,
        scope=str(kept.get("scope", "all")),
        k=kept.get("k"),
        answer_threshold=kept.get("answer_threshold"),
        ask_threshold=kept.get("ask_threshold"),
        weights=(weights[0], weights[1], weights[2]) if weights else None,
        on=date.fromisoformat(on) if on else None,
    )


def try_question(*, trial: Trial, asked_by: str, now: datetime) -> Search:
    """Ask the knowledge as a conversation would, and keep what came of it as a test.

    Embeds the question, so no transaction may be open.

    Args:
        asked_by: the user name of who tests.

    Raises:
        ThresholdsCrossed: asking back would begin above answering.
        Temporary: the embedding model failed; another try may help.
        Permanent: it cannot do this.
    """
    zones = _zones(trial)
    everywhere = Scope("all", "", None)
    scope = next((one for one in scopes() if one.value == trial.scope), everywhere)
    began = time.monotonic()
    result = retrieval.search(
        query=trial.question,
        category_ids=scope.category_ids,
        previous=trial.previous,
        k=trial.k or settings_in_force().n_passages,
        options=SearchOptions(on=trial.on, weights=trial.weights),
        caller=calls.caller_of(ModelCall.Origin.PLAYGROUND),
    )
    took_ms = result.duration_ms or round((time.monotonic() - began) * 1000)
    result = replace(
        result,
        decision=abstention.decide(confidence=result.confidence, settings=zones),
        threshold=zones.answer_from,
        duration_ms=took_ms,
    )
    search = searches.new_search(
        origin=Search.Origin.TEST,
        question=trial.question,
        previous=trial.previous,
        result=result,
        turn_uuid=None,
        agent_name=scope.agent_name,
        answered=None,
        asked_by=asked_by,
        settings={**trial.as_json(), "zones": [zones.ask_from, zones.answer_from]},
        category_ids=scope.category_ids,
        now=now,
    )
    searches.record([search])
    return search


def _zones(trial: Trial) -> abstention.Thresholds:
    """Return the thresholds of a test.

    Raises:
        ThresholdsCrossed: asking back would begin above answering.
    """
    chosen = settings_in_force()
    answer, ask = trial.answer_threshold, trial.ask_threshold
    _check(answer=answer, ask=ask)
    return abstention.between(
        ask=chosen.ask_threshold if ask is None else ask,
        answer=chosen.answer_threshold if answer is None else answer,
    )


def _check(*, answer: float | None, ask: float | None) -> None:
    """Refuse thresholds that cross.

    Raises:
        ThresholdsCrossed: asking back would begin above answering.
    """
    if answer is not None and ask is not None and ask > answer:
        raise ThresholdsCrossed


def find_test(reference: str) -> Search | None:
    """Return an earlier test by its UUID as text."""
    try:
        wanted = uuid.UUID(reference)
    except ValueError:
        return None
    return Search.objects.filter(uuid=wanted, origin=Search.Origin.TEST).first()


def settings_in_force() -> KnowledgeSettings:
    """Return what this tenant chose; an unsaved row of defaults where it has not chosen."""
    return KnowledgeSettings.objects.filter(pk=1).first() or KnowledgeSettings(pk=1)


def save_settings(
    *, answer_threshold: float | None, ask_threshold: float | None, n_passages: int
) -> list[str]:
    """Keep how this tenant's knowledge is searched; returns the names of what changed.

    Args:
        answer_threshold: confidence, 0 to 1; None takes the product's default.
        ask_threshold: confidence, 0 to 1; None takes the product's default.
        n_passages: for one answer, 1 to 20.

    Raises:
        ThresholdsCrossed: asking back would begin above answering.
    """
    _check(answer=answer_threshold, ask=ask_threshold)
    given = {
        "answer_threshold": answer_threshold,
        "ask_threshold": ask_threshold,
        "n_passages": n_passages,
    }
    with transaction.atomic():
        KnowledgeSettings.objects.get_or_create(pk=1)
        row = KnowledgeSettings.objects.select_for_update().get(pk=1)
        changed = [name for name, value in given.items() if getattr(row, name) != value]
        for name in changed:
            setattr(row, name, given[name])
        if changed:
            row.save(update_fields=[*changed, "updated_at"])
    return changed
