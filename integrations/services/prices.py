"""What a call costs: the tenant's own price, else the platform's, on the day of the call."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection

from integrations.llm.types import Provider, Usage
from integrations.models import ModelCall
from integrations.prices.models import ModelPrice
from tenants.context import current_schema

SHIPPED = Path(__file__).resolve().parent.parent / "prices" / "shipped.csv"
MILLION = Decimal(1_000_000)
CHARACTERS_PER_TOKEN = 3.5
"""For estimates of Portuguese text. English has about 4; the lower figure errs towards more."""

FRESH_S = 10.0
"""How long a process believes in a price or a rate without looking, in seconds."""

MAX_REMEMBERED = 4_096

_rows: dict[tuple[Any, ...], tuple[float, tuple[Any, ...] | None]] = {}
_lock = threading.Lock()

_FREE = frozenset({Provider.OFFLINE.value, "local"})


@dataclass(frozen=True, slots=True)
class Price:
    """What a model takes, in US$ for a million tokens or a minute of sound.

    Args:
        cache_write_usd: for what the provider keeps for later calls; None where nobody said.
        source: ``"own"``, ``"platform"`` or ``"free"``.
        is_sure: somebody wrote it, or read it on the provider's page; else costs are estimates.
    """

    input_usd: Decimal
    output_usd: Decimal
    cached_input_usd: Decimal | None
    minute_usd: Decimal | None
    valid_from: date | None
    source: str
    is_sure: bool = True
    cache_write_usd: Decimal | None = None

    def as_json(self) -> dict[str, object]:
        """Return what the ledger keeps: later prices change nothing about earlier calls."""
        kept = {
            "input_usd": self.input_usd,
            "output_usd": self.output_usd,
            "cached_input_usd": self.cached_input_usd,
            "cache_write_usd": self.cache_write_usd,
            "minute_usd": self.minute_usd,
            "valid_from": self.valid_from,
            "source": self.source,
        }
        return {name: str(value) for name, value in kept.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call cost; `usd` is None where it is unknown, which is not the same as nothing."""

    kind: ModelCall.CostKind
    usd: Decimal | None


UNKNOWN = Cost(ModelCall.CostKind.UNKNOWN, None)
FREE = Price(Decimal(0), Decimal(0), None, None, None, "free")

_FIND = """
select input_usd, output_usd, cached_input_usd, minute_usd, valid_from, source, is_sure,
    cache_write_usd
from (
    select provider, model, input_usd, output_usd, cached_input_usd, cache_write_usd, minute_usd,
        valid_from, 'own' as source, 0 as place, true as is_sure
    from prices_modelprice
    union all
    select provider, model, input_usd, output_usd, cached_input_usd, cache_write_usd, minute_usd,
        valid_from, 'platform', 1, not is_shipped or checked_on is not null
    from public.prices_modelprice
) p
where provider = %(provider)s and valid_from <= %(on)s
  and (model = %(model)s or (
    left(%(model)s, length(model)) = model and substr(%(model)s, length(model) + 1) ~ %(dated)s
  ))
order by length(model) desc, place, valid_from desc limit 1
"""

_DATED = r"^-(\d{3,}(-\d{2}){0,2}|latest|preview(-\d{2}-\d{2,4})?)$"
"""What makes a name the version of a model, such as ``-2024-11-20``, ``-20251001`` or ``-001``. All
else behind a hyphen is another model with its own price: ``gpt-5-pro`` takes 12 times ``gpt-5``."""

_RATE = """
select usd_brl from (
    select *, 0 as place from prices_exchangerate
    union all
    select *, 1 as place from public.prices_exchangerate
) r where valid_from <= %(on)s order by place, valid_from desc limit 1
"""


def price_of(*, provider: str, model: str, on: date) -> Price | None:
    """Return what a model takes on a day; None where nobody knows.

    ``gpt-4o-2024-11-20`` is found as ``gpt-4o``; the longest name that fits wins, so that a price
    of one's own for ``gpt-4o`` says nothing of ``gpt-4o-mini``. Of the same name one's own wins.
    """
    if provider in _FREE:
        return FREE
    row = _remembered(_FIND, provider=provider, model=model.lower(), on=on, dated=_DATED)
    return None if row is None else Price(*row)


def price_of_answer(*, provider: str, model: str, asked: str, on: date) -> Price | None:
    """Return what an answer is priced at; None where nobody knows.

    Args:
        model: as the provider names what answered, such as the version of an alias.
        asked: as it was asked for: where a gateway answers under a name of its own, the price that
            somebody wrote for the one that they chose is meant.
    """
    price = price_of(provider=provider, model=model, on=on)
    if price is None and asked != model:
        price = price_of(provider=provider, model=asked, on=on)
    return price


def rate_on(on: date) -> Decimal | None:
    """Return how many reais a dollar is worth on a day; None where no rate was ever given."""
    row = _remembered(_RATE, on=on)
    return None if row is None else Decimal(row[0])


def _remembered(sql: str, **params: Any) -> tuple[Any, ...] | None:
    """Return a row, read at most every `FRESH_S`: each call of a model asks for its price."""
    key = (current_schema(), sql, *params.values())
    now = time.monotonic()
    with _lock:
        known = _rows.get(key)
    if known is not None and now - known[0] < FRESH_S:
        return known[1]
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row: tuple[Any, ...] | None = cursor.fetchone()
    with _lock:
        if len(_rows) >= MAX_REMEMBERED:
            _rows.clear()
        _rows[key] = (now, row)
    return row


def forget() -> None:
    """Drop what this process remembers: prices were changed here."""
    with _lock:
        _rows.clear()


def cost_of(*, usage: Usage, price: Price | None, seconds: float | None = None) -> Cost:
    """Return what a call cost.

    Args:
        usage: as the provider counted it.
        price: None where nobody knows it.
        seconds: of sound, where that is what is paid for.
    """
    if price is None:
        return UNKNOWN
    kind = ModelCall.CostKind.EXACT if price.is_sure else ModelCall.CostKind.ESTIMATED
    if price.source == "free":
        return Cost(kind, Decimal(0))
    counted = usage.input_tokens is not None and usage.output_tokens is not None
    # Sound that was counted in tokens is paid so, where they have a price.
    by_minute = price.minute_usd is not None and not (counted and price.input_usd)
    if seconds is not None and price.minute_usd is not None and by_minute:
        return Cost(kind, Decimal(str(seconds)) / 60 * price.minute_usd)
    if usage.input_tokens is None or usage.output_tokens is None:
        return UNKNOWN
    if usage.cache_write_tokens and price.cache_write_usd is None:
        kind = ModelCall.CostKind.ESTIMATED  # they cost more than other input; nobody said how much
    return Cost(kind, _usd(usage, price))


def estimate(
    *,
    n_input_characters: int,
    n_output_tokens: int,
    price: Price | None,
    is_kept: bool = False,
) -> Cost:
    """Return what a call costs where nothing was counted.

    Args:
        is_kept: all of the input is written to the provider's cache; before a call that is what it
            may cost at most.
    """
    if price is None:
        return UNKNOWN
    n_input = int(n_input_characters / CHARACTERS_PER_TOKEN) + 1
    usage = Usage(n_input, n_output_tokens, cache_write_tokens=n_input if is_kept else None)
    return Cost(ModelCall.CostKind.ESTIMATED, _usd(usage, price))


def _usd(usage: Usage, price: Price) -> Decimal:
    n_input, n_output = usage.input_tokens or 0, usage.output_tokens or 0
    n_read = min(usage.cached_input_tokens or 0, n_input)
    n_written = min(usage.cache_write_tokens or 0, n_input - n_read)
    read_usd = price.input_usd if price.cached_input_usd is None else price.cached_input_usd
    written_usd = price.input_usd if price.cache_write_usd is None else price.cache_write_usd
    total = (n_input - n_read - n_written) * price.input_usd
    total += n_read * read_usd + n_written * written_usd + n_output * price.output_usd
    return total / MILLION


def ensure_shipped() -> int:
    """Make the prices that came with the product what they are in this release.

    Rows that people changed stay as they are, and so does what calls were priced at.

    Returns:
        How many were added, corrected or taken out.
    """
    with SHIPPED.open(encoding="utf-8", newline="") as lines:
        rows = [_shipped(row) for row in csv.DictReader(lines)]
    wanted = {_key(row): row for row in rows}
    n_changed = 0
    for stored in ModelPrice.objects.filter(is_shipped=True):
        row = wanted.get(_key(stored))
        if row is None:
            stored.delete()
            n_changed += 1
        elif changed := [name for name in _READ if getattr(row, name) != getattr(stored, name)]:
            for name in changed:
                setattr(stored, name, getattr(row, name))
            stored.save(update_fields=changed)
            n_changed += 1
    before = ModelPrice.objects.count()
    ModelPrice.objects.bulk_create(rows, ignore_conflicts=True)
    return n_changed + ModelPrice.objects.count() - before


_READ = (
    "input_usd",
    "output_usd",
    "cached_input_usd",
    "cache_write_usd",
    "minute_usd",
    "source",
    "checked_on",
)


def _key(price: ModelPrice) -> tuple[str, str, date]:
    return price.provider, price.model, price.valid_from


def _shipped(row: Mapping[str, str]) -> ModelPrice:
    return ModelPrice(
        provider=row["provider"],
        model=row["model"],
        valid_from=date.fromisoformat(row["valid_from"]),
        input_usd=Decimal(row["input_usd"]),
        output_usd=Decimal(row["output_usd"]),
        cached_input_usd=_optional(row["cached_input_usd"]),
        cache_write_usd=_optional(row["cache_write_usd"]),
        minute_usd=_optional(row["minute_usd"]),
        source=row["source"],
        checked_on=date.fromisoformat(row["checked_on"]) if row["checked_on"] else None,
        is_shipped=True,
    )


def _optional(text: str) -> Decimal | None:
    return Decimal(text) if text else None
