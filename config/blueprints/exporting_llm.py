"""Writing a tenant's models, prices and budgets as a blueprint; what `applying_llm` reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from agents.models import Agent
from integrations.models import AnswerSaving, Budget, Credential, ModelChoice
from integrations.prices.models import ExchangeRate, ModelPrice

_AMOUNTS = ("input_usd", "output_usd", "cached_input_usd", "cache_write_usd", "minute_usd")


def sections() -> dict[str, Any]:
    """Return the parts of `llm` that there is anything for, in the current schema."""
    found = {
        "purposes": _purposes(),
        "prices": _prices(),
        "exchange_rates": _rates(),
        "budgets": _budgets(),
        "saved_answers": _saving(),
    }
    return {name: section for name, section in found.items() if section}


def _number(amount: Decimal) -> int | float:
    """Return an amount as people write it; YAML knows no decimal numbers."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _purposes() -> dict[str, Any]:
    chosen = ModelChoice.objects.select_related(
        "credential", "fallback_credential", "cheaper_credential"
    )
    exported = {}
    for choice in chosen.order_by("purpose"):
        entry = _who(choice.credential, choice.model)
        if entry is None:
            continue
        entry["timeout_s"] = choice.timeout_s
        spare = _who(choice.fallback_credential, choice.fallback_model)
        cheaper = _who(choice.cheaper_credential, choice.cheaper_model)
        if spare:
            entry["fallback"] = spare
        if cheaper:
            entry["cheaper"] = cheaper
        exported[choice.purpose] = entry
    return exported


def own_purposes(agent: Agent, names: Mapping[str, str]) -> dict[str, Any]:
    """Return an agent's own models by purpose.

    Args:
        names: of the credentials that there are, by uuid.
    """
    exported = {}
    for purpose, one in sorted(agent.purposes.items()):
        for entry in chain([one], names):
            entry["timeout_s"] = one["timeout_s"]
            for spare in chain(one["fallbacks"], names):
                entry["fallback"] = spare
            exported[purpose] = entry
    return exported


def chain(models: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return models as a file names them.

    One whose credential was removed since can't answer any more; its entry has no meaning.
    """
    return [
        {"credential": names[one["credential"]], "model": one["model"]}
        for one in models
        if one["credential"] in names
    ]


def _who(credential: Credential | None, model: str) -> dict[str, Any] | None:
    if credential is None:
        return None
    return {"credential": credential.name, **({"model": model} if model else {})}


def _prices() -> list[dict[str, Any]]:
    exported = []
    for price in ModelPrice.objects.order_by("provider", "model", "valid_from"):
        entry: dict[str, Any] = {
            "provider": price.provider,
            "model": price.model,
            "valid_from": price.valid_from,
        }
        for name in _AMOUNTS:
            amount = getattr(price, name)
            if amount is not None:
                entry[name] = _number(amount)
        told = {"note": price.note, "source": price.source, "checked_on": price.checked_on}
        entry |= {name: value for name, value in told.items() if value}
        exported.append(entry)
    return exported


def _rates() -> list[dict[str, Any]]:
    return [
        {"valid_from": rate.valid_from, "usd_brl": _number(rate.usd_brl)}
        for rate in ExchangeRate.objects.order_by("valid_from")
    ]


def _saving() -> dict[str, Any]:
    row = AnswerSaving.objects.filter(pk=1).first()
    return {"is_on": row.is_on, "hours": row.hours} if row else {}


def _budgets() -> list[dict[str, Any]]:
    names = dict(Agent.objects.values_list("uuid", "name"))
    exported = []
    for budget in Budget.objects.order_by("level", "period", "pk"):
        entry: dict[str, Any] = {"level": budget.level}
        if budget.agent_uuid is not None:
            if budget.agent_uuid not in names:
                continue  # of an agent that is gone: no file could name it
            entry["agent"] = names[budget.agent_uuid]
        entry["period"] = budget.period
        if budget.limit_usd is not None:
            entry["limit_usd"] = _number(budget.limit_usd)
        if budget.limit_calls is not None:
            entry["limit_calls"] = budget.limit_calls
        if not budget.is_active:
            entry["is_active"] = False
        exported.append(entry)
    return exported
