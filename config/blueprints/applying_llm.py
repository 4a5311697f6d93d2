"""Making a tenant's models, prices and budgets what its blueprint says; never removes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Model

from agents.models import Agent
from config.blueprints.schema_llm import (
    FallbackSection,
    LlmSection,
    OwnPurposesSection,
    PurposeSection,
)
from integrations.models import Budget, Credential, ModelChoice
from integrations.prices.models import ExchangeRate, ModelPrice
from integrations.services import saved_answers

Note = Callable[[str, bool, list[str]], None]
"""Hears what was written: its name, whether it is new, and which fields changed."""


def apply_purposes(
    section: LlmSection, *, credentials: Mapping[str, Credential], note: Note
) -> None:
    """Choose the models by purpose; the caller holds the transaction."""
    for purpose, wanted in section.purposes.named().items():
        _ensure(
            ModelChoice,
            f"models for {purpose}",
            key={"purpose": purpose},
            values=_choice(wanted, credentials),
            note=note,
        )


def apply_prices(section: LlmSection, *, note: Note) -> None:
    """Write the tenant's own prices and rates; the caller holds the transaction."""
    for price in section.prices:
        values = price.model_dump()
        key = {name: values.pop(name) for name in ("provider", "model", "valid_from")}
        what = f"price {price.provider}/{price.model} from {price.valid_from}"
        _ensure(ModelPrice, what, key=key, values=values, note=note)
    for rate in section.exchange_rates:
        _ensure(
            ExchangeRate,
            f"exchange rate from {rate.valid_from}",
            key={"valid_from": rate.valid_from},
            values={"usd_brl": rate.usd_brl},
            note=note,
        )


def apply_budgets(section: LlmSection, *, agents: Mapping[str, Agent], note: Note) -> None:
    """Set the limits; what was used of them stays. The caller holds the transaction."""
    for budget in section.budgets:
        agent_uuid = None if budget.agent is None else agents[budget.agent].uuid
        _ensure(
            Budget,
            f"budget {budget.agent or budget.level} by {budget.period}",
            key={"level": budget.level, "agent_uuid": agent_uuid, "period": budget.period},
            values={
                "limit_usd": budget.limit_usd,
                "limit_calls": budget.limit_calls,
                "is_active": budget.is_active,
            },
            note=note,
        )


def apply_saving(section: LlmSection, *, note: Note) -> None:
    """Choose whether answers are given again; the caller holds the transaction."""
    wanted = section.saved_answers
    if wanted is not None:
        changed = saved_answers.choose(is_on=wanted.is_on, hours=wanted.hours)
        note("saved answers", False, changed)


def own_purposes(
    section: OwnPurposesSection, credentials: Mapping[str, Credential]
) -> dict[str, Any]:
    """Return an agent's own models as its row keeps them."""
    return {
        purpose: {
            **ref(wanted, credentials),
            "timeout_s": wanted.timeout_s,
            "fallbacks": [ref(wanted.fallback, credentials)] if wanted.fallback else [],
        }
        for purpose, wanted in section.named().items()
    }


def ref(one: FallbackSection, credentials: Mapping[str, Credential]) -> dict[str, str]:
    """Return a model as an agent's row names it."""
    return {"credential": str(credentials[one.credential].uuid), "model": one.model}


def _choice(wanted: PurposeSection, credentials: Mapping[str, Credential]) -> dict[str, Any]:
    return {
        "timeout_s": wanted.timeout_s,
        **_who("", wanted, credentials),
        **_who("fallback_", wanted.fallback, credentials),
        **_who("cheaper_", wanted.cheaper, credentials),
    }


def _who(
    prefix: str, wanted: FallbackSection | None, credentials: Mapping[str, Credential]
) -> dict[str, Any]:
    return {
        f"{prefix}credential": None if wanted is None else credentials[wanted.credential],
        f"{prefix}model": "" if wanted is None else wanted.model,
    }


def _ensure(
    model: type[Model], what: str, *, key: dict[str, Any], values: dict[str, Any], note: Note
) -> None:
    rows = model._default_manager.select_for_update()
    row = rows.filter(**key).first()
    is_new = row is None
    row = row or model(**key)
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, values[name])
    if is_new or changed:
        row.save()
    note(what, is_new, changed)
