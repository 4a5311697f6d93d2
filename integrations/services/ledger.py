"""The ledger: what each call of a model took and cost, priced as on its day."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from integrations.llm.types import NOT_MEASURED, Purpose, Try, Usage
from integrations.models import ModelCall
from integrations.services import prices
from integrations.services.budgets import Subject
from integrations.services.prices import Cost
from tenants.combining import Combiner
from tenants.rows import insert_each
from tenants.zones import current_zone


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom and what for a model is asked.

    Args:
        zone: IANA name of the tenant's time zone, for where its days begin.
    """

    origin: ModelCall.Origin
    zone: str
    agent_uuid: uuid.UUID | None = None
    agent_name: str = ""
    contact_uuid: uuid.UUID | None = None
    conversation_uuid: uuid.UUID | None = None
    turn_uuid: uuid.UUID | None = None

    def subject(self) -> Subject:
        """Return whose budgets hold."""
        return Subject(self.agent_uuid, self.contact_uuid, self.conversation_uuid)

    def day(self, now: datetime) -> date:
        """Return the tenant's day, whose prices and rate hold."""
        return now.astimezone(ZoneInfo(self.zone)).date()


def caller_of(origin: ModelCall.Origin) -> Caller:
    """Return the current tenant as a caller, for what is done for no conversation."""
    return Caller(origin, current_zone())


@dataclass(frozen=True, slots=True)
class Answered:
    """A call that was answered.

    Args:
        n_input_characters: to estimate by where nobody counted, as is `n_output_characters`; 0
            where no text was sent, and nothing can be said.
        hop: how many were asked before; 0 is the first choice.
        seconds: of sound; None where it was not a matter of sound, or nobody knows.
        degraded: why another than the chosen model answered; mostly empty.
        credential: the uuid of the key's row; empty where there is none.
        asked_model: whose price counts where nobody knows that of `model`.
    """

    provider: str
    model: str
    usage: Usage
    latency_ms: int
    n_input_characters: int
    n_output_characters: int = 0
    hop: int = 0
    seconds: float | None = None
    degraded: str = ""
    credential: str = ""
    asked_model: str = ""


def record_answer(answered: Answered, *, purpose: Purpose, caller: Caller, now: datetime) -> Cost:
    """Write down an answer with its price and the day's rate; return what it cost."""
    on = caller.day(now)
    price = prices.price_of_answer(
        provider=answered.provider, model=answered.model, asked=answered.asked_model, on=on
    )
    cost = prices.cost_of(usage=answered.usage, price=price, seconds=answered.seconds)
    if cost.usd is None and price is not None and answered.n_input_characters:
        n_output = int(answered.n_output_characters / prices.CHARACTERS_PER_TOKEN) + 1
        cost = prices.estimate(
            n_input_characters=answered.n_input_characters, n_output_tokens=n_output, price=price
        )
    row = _row(
        provider=answered.provider,
        model=answered.model,
        usage=answered.usage,
        cost=cost,
        caller=caller,
        purpose=purpose,
        now=now,
        latency_ms=answered.latency_ms,
        hop=answered.hop,
        credential=answered.credential,
    )
    row.seconds, row.degraded = answered.seconds, answered.degraded
    row.price, row.usd_brl = (price.as_json() if price else {}), prices.rate_on(on)
    _ledger.do(_Entry((row,)))
    return cost


def record_tries(
    tries: Sequence[Try], *, purpose: Purpose, caller: Caller, now: datetime
) -> Decimal:
    """Write down the calls that failed; return what they cost, as far as that is known.

    Who was not asked at all is none of them.
    """
    on = caller.day(now)
    rows = []
    for hop, one in enumerate(tries):
        if one.error == "refused":
            continue
        price = None
        if one.usage != NOT_MEASURED:
            price = prices.price_of(provider=one.provider, model=one.model, on=on)
        row = _row(
            provider=one.provider,
            model=one.model,
            usage=one.usage,
            cost=prices.cost_of(usage=one.usage, price=price),
            caller=caller,
            purpose=purpose,
            now=now,
            latency_ms=one.latency_ms,
            hop=hop,
            credential=one.credential,
        )
        row.failure = one.reason[:200]
        if price is not None:
            row.price, row.usd_brl = price.as_json(), prices.rate_on(on)
        rows.append(row)
    if rows:
        _ledger.do(_Entry(tuple(rows)))
    return sum((row.cost_usd for row in rows if row.cost_usd is not None), Decimal(0))


def _row(
    *,
    provider: str,
    model: str,
    usage: Usage,
    cost: Cost,
    caller: Caller,
    purpose: Purpose,
    now: datetime,
    latency_ms: int,
    hop: int,
    credential: str,
) -> ModelCall:
    return ModelCall(
        called_at=now,
        purpose=purpose.value,
        origin=caller.origin,
        provider=provider,
        model=model[:120],
        credential=credential,
        agent_uuid=caller.agent_uuid,
        agent_name=caller.agent_name[:80],
        contact_uuid=caller.contact_uuid,
        conversation_uuid=caller.conversation_uuid,
        turn_uuid=caller.turn_uuid,
        hop=hop,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        latency_ms=latency_ms,
        cost_kind=cost.kind,
        cost_usd=cost.usd,
    )


LINGER_S = 0.01
"""How long calls that end together wait for more of the same, in seconds; a commit takes PostgreSQL
longer than the rows do."""


@dataclass(frozen=True, eq=False)
class _Entry:
    """Lines that are to be written into the ledger."""

    calls: tuple[ModelCall, ...]


def _write(items: Sequence[_Entry], *, alone: bool) -> dict[_Entry, None]:
    """Write what several calls cost in one statement; see `Combiner`."""
    insert_each([call for one in items for call in one.calls])
    return dict.fromkeys(items)


_ledger: Combiner[_Entry, None] = Combiner(_write, most=100, linger_s=LINGER_S)
