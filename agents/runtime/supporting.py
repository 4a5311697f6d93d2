"""Which claims some texts support: passages, instructions and what was said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from agents.runtime.claims import ANY_YEAR, CURRENCIES, Claim, claims, plain, spelt_numbers

_SUPPORTED_BY = {
    # A table's bare "220,00" supports "R$ 220,00", and a price its own number.
    "money": ("money", "number"),
    "percent": ("percent",),
    "code": ("code",),
    "number": ("money", "number", "percent", "phone", "counted"),
    # A length of time is no date, price or percentage, though its digits may stand in one.
    "count": ("count",),
    "time": ("time",),
    "date": ("date",),
    "phone": ("phone",),
    "address": ("address",),
    "url": ("url",),
    "email": ("email",),
}

KINDS = frozenset(_SUPPORTED_BY)


@dataclass(frozen=True, slots=True)
class Index:
    """What some texts state, to look claims up in.

    Args:
        values: canonical forms by kind.
        text: the texts' words, folded, each between spaces.
    """

    values: Mapping[str, frozenset[str]]
    text: str

    def holds(self, claim: Claim) -> bool:
        """Test whether the texts support a claim, digits exactly and everything else folded."""
        if any(claim.value in self._of(kind) for kind in _SUPPORTED_BY[claim.kind]):
            return True
        match claim.kind:
            case "money":
                return self._holds_foreign(claim.value)
            case "time":  # the end of a day is the beginning of the next
                return claim.value == "0:00" and "24:00" in self._of("time")
            case "number":
                return claim.value in self._of("day") or claim.value in self._of("spelt")
            case "count":  # "prazo em dias: 18" and "de 10 a 18 dias" name the unit once
                number, unit = claim.value.split(" ")
                is_there = number in self._of("number") or number in self._of("spelt")
                return is_there and f" {unit}" in self.text
            case "date":
                day, year = claim.value.rsplit("/", 1)
                dates = self._of("date")
                return f"{day}/{ANY_YEAR}" in dates or (
                    year == ANY_YEAR and any(one.startswith(f"{day}/") for one in dates)
                )
            case "url":  # a shorter address of the same site is no new claim
                return any(one.startswith(f"{claim.value}/") for one in self._of("url"))
            case "address":
                return f" {claim.value} " in self.text
            case _:
                return False

    def _holds_foreign(self, price: str) -> bool:
        """Test a price for a dollar sign alone, and for a table's number whose head names dollars.

        Nothing turns one currency into another.
        """
        number, _, currency = price.partition(" ")
        prices = self._of("money")
        if currency in ("", "$"):
            return f"{number} $" in prices or (
                currency == "$"
                and (number in prices or f"{number} usd" in prices or number in self._of("number"))
            )
        if currency == "usd" and f"{number} $" in prices:
            return True
        names = [name for name, code in CURRENCIES.items() if code == currency]
        is_named = any(f" {name.rstrip('$')} " in self.text for name in names)
        return is_named and number in self._of("number")

    def _of(self, kind: str) -> frozenset[str]:
        return self.values.get(kind, frozenset())


def index(texts: Iterable[str]) -> Index:
    """Return what `texts` state."""
    parts = [_index(text) for text in texts]
    kinds = {kind for part in parts for kind in part.values}
    return Index(
        {kind: frozenset().union(*(part._of(kind) for part in parts)) for kind in kinds},
        f" {' | '.join(part.text for part in parts)} ",
    )


@lru_cache(maxsize=1024)  # a business's passages and instructions are read for many replies
def _index(text: str) -> Index:
    """Return what one text states; its words have no spaces around them."""
    values: dict[str, set[str]] = defaultdict(set)
    for claim in claims(text):
        values[claim.kind].add(claim.value)
        if claim.kind in ("count", "money"):
            values["counted"].add(claim.value.split(" ")[0])
        if claim.kind == "date":  # "31/03" is also said as "dia 31"
            values["day"].add(claim.value.split("/")[0])
    values["spelt"] = spelt_numbers(text)
    return Index({kind: frozenset(found) for kind, found in values.items()}, plain(text))
