"""Asking a model: the one door. Budget, breaker, call and ledger, in this order.

No connection is held while a provider is waited for: what is written is written before and after.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils import timezone

from integrations.llm import factory
from integrations.llm.errors import BudgetExhausted, NoProviderAnswered
from integrations.llm.types import (
    NOT_MEASURED,
    ChatConfig,
    ChatRequest,
    ChatResult,
    Provider,
    Purpose,
    Try,
    Usage,
)
from integrations.models import ModelCall
from integrations.services import breakers, budget_marks, budgets, prices
from integrations.services.budgets import Promise, Subject
from integrations.services.prices import Cost
from tenants.combining import Combiner
from tenants.errors import Permanent, Temporary

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom and what for a model is asked.

    Args:
        zone: IANA name of the tenant's time zone, for where its days begin.
        cheaper: who answers instead once a budget is nearly used up; None for nobody.
    """

    origin: ModelCall.Origin
    zone: str
    agent_uuid: uuid.UUID | None = None
    agent_name: str = ""
    contact_uuid: uuid.UUID | None = None
    conversation_uuid: uuid.UUID | None = None
    turn_uuid: uuid.UUID | None = None
    cheaper: ChatConfig | None = None

    def subject(self) -> Subject:
        """Return whose budgets hold."""
        return Subject(self.agent_uuid, self.contact_uuid, self.conversation_uuid)


@dataclass(slots=True)
class _BreakerGate:
    """The breakers of this tenant, asked between the calls of a chain."""

    probes: set[int] = field(default_factory=set)

    def refusal(self, config: ChatConfig) -> str:
        if config.provider == Provider.OFFLINE:
            return ""
        verdict = breakers.may_ask(config)
        if verdict.is_probe:
            self.probes.add(id(config))
        return "" if verdict.allowed else verdict.reason

    def answered(self, config: ChatConfig) -> None:
        if config.provider != Provider.OFFLINE:
            breakers.succeeded(config)

    def failed(self, config: ChatConfig, error: Temporary | Permanent) -> None:
        if config.provider != Provider.OFFLINE:
            breakers.failed(config, reason=error.reason, is_probe=id(config) in self.probes)


def chat(config: ChatConfig, request: ChatRequest, *, caller: Caller) -> ChatResult:
    """Answer `request` with `config` or its fallbacks, within the budgets.

    Raises:
        BudgetExhausted: there is no money left for it; nobody was asked.
        NoProviderAnswered: every provider failed or is paused.
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """
    if config.provider == Provider.OFFLINE:  # no model: it costs nothing and never fails
        return factory.chat(config, request)
    now = timezone.now()
    try:
        promise, chosen = _reserve(config, request, caller=caller, now=now)
    except BudgetExhausted as error:
        budget_marks.tell_exhausted(spend_id=error.spend_id, now=now)
        raise
    cost: Cost = prices.UNKNOWN
    tries: Sequence[Try] = ()
    try:
        result = factory.chat(chosen, request, gate=_BreakerGate())
        tries = result.tries
        cost = _record_answer(result, request, caller=caller, promise=promise, now=now)
    except NoProviderAnswered as error:
        tries = error.tries
        cost = Cost(ModelCall.CostKind.EXACT, Decimal(0))
        raise
    finally:
        _record_tries(tries, purpose=request.purpose, caller=caller, now=now)
        budgets.settle(reservation=promise.reservation, usd=cost.usd)
    return replace(result, degraded="budget") if chosen is not config else result


def _reserve(
    config: ChatConfig, request: ChatRequest, *, caller: Caller, now: datetime
) -> tuple[Promise, ChatConfig]:
    """Set the money aside and choose who answers: the cheaper model when a budget is nearly used.

    What the chosen model costs at most is set aside; where the usual one does not fit any more, the
    cheaper one may.
    """
    subject, zone = caller.subject(), caller.zone
    cheaper = caller.cheaper if caller.cheaper not in (None, config) else None
    try:
        promise = budgets.reserve(
            subject=subject, usd=_estimate(config, request, now), now=now, timezone=zone
        )
    except BudgetExhausted:
        if cheaper is None:
            raise
        usd = _estimate(cheaper, request, now)
        return budgets.reserve(subject=subject, usd=usd, now=now, timezone=zone), cheaper
    if not promise.wants_cheaper or cheaper is None:
        return promise, config
    return promise, replace(cheaper, fallbacks=(config, *config.fallbacks))


def _estimate(config: ChatConfig, request: ChatRequest, now: datetime) -> Decimal | None:
    """Return what the dearest of the chain may take; None where no price is known."""
    costs = [
        prices.estimate(
            n_input_characters=sum(len(message.text) for message in request.messages),
            n_output_tokens=request.max_output_tokens,
            price=prices.price_of(provider=one.provider, model=one.model, on=now.date()),
        ).usd
        for one in (config, *config.fallbacks)
    ]
    return max((usd for usd in costs if usd is not None), default=None)


def _record_answer(
    result: ChatResult, request: ChatRequest, *, caller: Caller, promise: Promise, now: datetime
) -> Cost:
    on = now.astimezone(ZoneInfo(caller.zone)).date()
    price = prices.price_of(provider=result.provider, model=result.model, on=on)
    cost = prices.cost_of(usage=result.usage, price=price)
    if cost.usd is None and price is not None:
        n_characters = sum(len(message.text) for message in request.messages)
        n_output = int(len(result.text) / prices.CHARACTERS_PER_TOKEN) + 1
        cost = prices.estimate(
            n_input_characters=n_characters, n_output_tokens=n_output, price=price
        )
    _record(
        provider=result.provider,
        model=result.model,
        usage=result.usage,
        cost=cost,
        caller=caller,
        purpose=request.purpose,
        now=now,
        latency_ms=result.latency_ms,
        hop=len(result.tries),
        degraded="budget" if promise.wants_cheaper else "",
        price=price.as_json() if price else {},
        usd_brl=prices.rate_on(on),
    )
    return cost


def _record_tries(tries: Sequence[Try], *, purpose: Purpose, caller: Caller, now: datetime) -> None:
    for hop, one in enumerate(tries):
        if one.error == "refused":
            continue
        _record(
            provider=one.provider,
            model=one.model,
            usage=NOT_MEASURED,
            cost=prices.UNKNOWN,
            caller=caller,
            purpose=purpose,
            now=now,
            latency_ms=one.latency_ms,
            hop=hop,
            failure=one.reason,
        )


def _record(
    *,
    provider: str,
    model: str,
    usage: Usage,
    cost: Cost,
    caller: Caller,
    purpose: Purpose,
    now: datetime,
    latency_ms: int,
    hop: int = 0,
    failure: str = "",
    degraded: str = "",
    price: dict[str, object] | None = None,
    usd_brl: Decimal | None = None,
) -> None:
    call = ModelCall(
        called_at=now,
        purpose=purpose.value,
        origin=caller.origin,
        provider=provider,
        model=model[:120],
        agent_uuid=caller.agent_uuid,
        agent_name=caller.agent_name[:80],
        contact_uuid=caller.contact_uuid,
        conversation_uuid=caller.conversation_uuid,
        turn_uuid=caller.turn_uuid,
        hop=hop,
        failure=failure[:200],
        degraded=degraded,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        latency_ms=latency_ms,
        cost_kind=cost.kind,
        cost_usd=cost.usd,
        usd_brl=usd_brl,
        price=price or {},
    )
    _ledger.do(_Entry(call))


@dataclass(frozen=True, eq=False)
class _Entry:
    """A line that is to be written into the ledger."""

    call: ModelCall


def _write(items: Sequence[_Entry], *, alone: bool) -> dict[_Entry, None]:
    """Write what several calls cost in one statement; see `Combiner`."""
    ModelCall.objects.bulk_create(one.call for one in items)
    return dict.fromkeys(items)


_ledger: Combiner[_Entry, None] = Combiner(_write, most=100)
