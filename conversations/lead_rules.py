"""The fields that every lead has, and how its score is made of them. Plain rules, no rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise as StrOrPromise

BANT = ("need", "budget", "authority", "timing")
CONTACT = ("name", "email", "phone", "company")
BUILT_IN = (*BANT, *CONTACT)

LABELS: Mapping[str, StrOrPromise] = {
    "need": _("Need"),
    "budget": _("Budget"),
    "authority": _("Who decides"),
    "timing": _("Timing"),
    "name": _("Name"),
    "email": _("E-mail"),
    "phone": _("Phone"),
    "company": _("Company"),
}

ABOUT: Mapping[str, str] = {
    "need": "what they want to solve or buy",
    "budget": "how much they can or want to spend, or that there is no money for it",
    "authority": "whether they decide, or who else does",
    "timing": "until when they need it, or when they want to decide",
    "name": "the contact's own name",
    "email": "the contact's own e-mail address",
    "phone": "another phone number of the contact",
    "company": "the company they write for",
}
"""For a model, in English like all that it is told."""

LITERAL = frozenset({"name", "email", "phone"})
"""What is only taken as it stands in the contact's words."""

DEFAULT_POINTS: Mapping[str, int] = {
    "need": 30,
    "budget": 25,
    "timing": 20,
    "authority": 15,
    "name": 5,
    "email": 5,
    "phone": 0,
    "company": 0,
}
"""What each field is worth. Together 100, so that the points of a new business are the score."""

MAX_POINTS = 100

CUSTOM_KEY = re.compile(r"[a-z][a-z0-9_]{1,29}")


@dataclass(frozen=True, slots=True)
class Scored:
    """What one field adds to the score: `got` of `points`, both parts of the total."""

    key: str
    points: int
    got: float


@dataclass(frozen=True, slots=True)
class Known:
    """What the score looks at of a value; an empty one is known to be nothing."""

    key: str
    value: str
    confidence: int
    is_against: bool


def scored(known: Iterable[Known], *, points: Mapping[str, int]) -> tuple[Scored, ...]:
    """Return what each field with points adds: its points times the confidence.

    What speaks against buying adds nothing.
    """
    by_key = {one.key: one for one in known}
    rows = []
    for key, worth in points.items():
        one = by_key.get(key)
        counts = one is not None and bool(one.value) and not one.is_against
        got = worth * one.confidence / 100 if one is not None and counts else 0.0
        if worth:
            rows.append(Scored(key, worth, got))
    return tuple(rows)


def score(rows: Iterable[Scored]) -> int:
    """Return the share of all points that was reached, 0 to 100."""
    found = list(rows)
    total = sum(one.points for one in found)
    return round(100 * sum(one.got for one in found) / total) if total else 0
