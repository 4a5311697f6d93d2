"""Brazilian holidays by state, as the `holidays` library knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

NATIONAL = "BR"

STATES: Mapping[str, str] = {
    "AC": "Acre",
    "AL": "Alagoas",
    "AM": "Amazonas",
    "AP": "Amapá",
    "BA": "Bahia",
    "CE": "Ceará",
    "DF": "Distrito Federal",
    "ES": "Espírito Santo",
    "GO": "Goiás",
    "MA": "Maranhão",
    "MG": "Minas Gerais",
    "MS": "Mato Grosso do Sul",
    "MT": "Mato Grosso",
    "PA": "Pará",
    "PB": "Paraíba",
    "PE": "Pernambuco",
    "PI": "Piauí",
    "PR": "Paraná",
    "RJ": "Rio de Janeiro",
    "RN": "Rio Grande do Norte",
    "RO": "Rondônia",
    "RR": "Roraima",
    "RS": "Rio Grande do Sul",
    "SC": "Santa Catarina",
    "SE": "Sergipe",
    "SP": "São Paulo",
    "TO": "Tocantins",
}

REGIONS = frozenset({NATIONAL, *(f"{NATIONAL}-{state}" for state in STATES)})
"""What a business may choose: the national holidays, alone or with those of a state."""


@dataclass(frozen=True, slots=True)
class Holiday:
    """One holiday on one day.

    Args:
        is_optional: a "ponto facultativo", such as carnival: businesses choose.
    """

    day: date
    name: str
    is_optional: bool = False


@lru_cache(maxsize=512)
def of_year(region: str, year: int) -> tuple[Holiday, ...]:
    """Return the holidays of a region in a year, in order; none for an empty region."""
    if region not in REGIONS:
        return ()
    # Here, because the library loads every country: 0.2 s and 18 MB, not for each process.
    from holidays.countries.brazil import Brazil

    state = region.partition("-")[2] or None
    found: dict[tuple[date, str], Holiday] = {}
    for category, is_optional in (("public", False), ("optional", True)):
        days = Brazil(subdiv=state, years=year, language="pt_BR", categories=(category,))
        for day in days:
            for name in days.get_list(day):
                found.setdefault((day, name), Holiday(day, name, is_optional))
    return tuple(sorted(found.values(), key=lambda one: (one.day, one.name)))


def warm_up() -> None:
    """Load the library, for processes that answer contacts."""
    of_year(NATIONAL, date.today().year)  # noqa: DTZ011 - any year does


@lru_cache(maxsize=512)
def _by_day(region: str, year: int) -> Mapping[date, tuple[Holiday, ...]]:
    days: dict[date, tuple[Holiday, ...]] = {}
    for one in of_year(region, year):
        days[one.day] = (*days.get(one.day, ()), one)
    return days


def on_day(region: str, day: date) -> tuple[Holiday, ...]:
    """Return the holidays of a region on a day."""
    return _by_day(region, day.year).get(day, ())


def names(region: str, year: int) -> frozenset[str]:
    """Return how the holidays of a region are called."""
    return frozenset(one.name for one in of_year(region, year))
