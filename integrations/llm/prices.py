"""What remote embedding models cost, as far as we know it, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from integrations.llm.types import Provider


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """A model that may be chosen by name.

    Args:
        dimensions: what is asked for where nobody says otherwise; below the 4,000 at which a
            half-precision index ends.
    """

    provider: Provider
    name: str
    dimensions: int


MODELS = (
    EmbeddingModel(Provider.OPENAI, "text-embedding-3-small", 1536),
    EmbeddingModel(Provider.OPENAI, "text-embedding-3-large", 3072),
    # The provider names 768, 1,536 and 3,072; the middle one halves the index at little loss.
    EmbeddingModel(Provider.GEMINI, "gemini-embedding-001", 1536),
)


@dataclass(frozen=True, slots=True)
class Price:
    """A list price in US$ for a million tokens, from the day on which it was seen in force."""

    provider: Provider
    model: str
    since: date
    usd_per_million: Decimal


PRICES = (
    Price(Provider.OPENAI, "text-embedding-3-small", date(2024, 1, 25), Decimal("0.02")),
    Price(Provider.OPENAI, "text-embedding-3-large", date(2024, 1, 25), Decimal("0.13")),
    Price(Provider.GEMINI, "gemini-embedding-001", date(2025, 7, 14), Decimal("0.15")),
)
"""Newest last. A provider's discounts and taxes are not in it, so a cost is always "about"."""


def find_model(provider: str, name: str) -> EmbeddingModel | None:
    """Return what is known of a model; None for one that we never heard of."""
    found = (one for one in MODELS if (one.provider, one.name) == (provider, name))
    return next(found, None)


def find_price(provider: str, model: str, *, on: date) -> Decimal | None:
    """Return US$ for a million tokens on a day; None where it is not known, never 0."""
    known = [
        price
        for price in PRICES
        if (price.provider, price.model) == (provider, model) and price.since <= on
    ]
    return max(known, key=lambda price: price.since).usd_per_million if known else None
