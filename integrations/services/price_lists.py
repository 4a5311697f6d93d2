"""The platform's prices as a tenant reads them beside its own, and which of both count today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection

_PLATFORM = """
select distinct on (p.provider, p.model) p.provider, p.model, p.valid_from, p.input_usd,
    p.output_usd, p.cached_input_usd, p.cache_write_usd, p.minute_usd, p.is_shipped, p.source,
    p.checked_on,
    exists (
        select from prices_modelprice own
        where own.provider = p.provider and own.model = p.model and own.valid_from <= %(on)s
    )
from public.prices_modelprice p
where p.valid_from <= %(on)s
order by p.provider, p.model, p.valid_from desc
"""


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """What the platform says that a model takes, in US$ for a million tokens or a minute of sound.

    Args:
        is_replaced: the tenant has a price of its own, which counts instead.
    """

    provider: str
    model: str
    valid_from: date
    input_usd: Decimal
    output_usd: Decimal
    cached_input_usd: Decimal | None
    cache_write_usd: Decimal | None
    minute_usd: Decimal | None
    is_shipped: bool
    source: str
    checked_on: date | None
    is_replaced: bool


def platform_prices(*, on: date) -> list[ListedPrice]:
    """Return the platform's price of each model on a day, by provider and model."""
    with connection.cursor() as cursor:
        cursor.execute(_PLATFORM, {"on": on})
        return [ListedPrice(*row) for row in cursor]


def platform_rate(*, on: date) -> tuple[date, Decimal] | None:
    """Return the platform's exchange rate on a day and since when it holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select valid_from, usd_brl from public.prices_exchangerate"
            " where valid_from <= %s order by valid_from desc limit 1",
            [on],
        )
        row = cursor.fetchone()
    return None if row is None else (row[0], row[1])
