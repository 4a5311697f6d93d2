"""Whose numbers a personal agent serves, and whether a contact is one of them.

Compared by code and never by a model: what a contact says about themselves opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_LID = re.compile(r"(\d{5,20})@lid")
_BRAZILIAN_MOBILE = re.compile(r"(55[1-9]\d)9([6-9]\d{7})")
"""With the ninth digit, which WhatsApp leaves out of many accounts that are older than it."""


def identity(known: str) -> str:
    """Return a phone or LID as a channel knows it in the form that is compared; empty for others.

    Args:
        known: digits with the country's code, or a LID that ends in ``@lid``.
    """
    if lid := _LID.fullmatch(known):
        return f"lid:{lid[1]}"
    if not (found := re.fullmatch(r"\+?(\d{8,15})", known)):
        return ""
    return _BRAZILIAN_MOBILE.sub(r"\1\2", found[1]) if len(found[1]) == 13 else found[1]


def typed(written: str) -> str:
    """Return a number or LID as people type it in the form that is compared; empty for others.

    ``+55 (11) 98888-7777`` and ``11 8888-7777`` are one phone: a Brazilian number may lack its
    country's code.
    """
    text = re.sub(r"[\s().-]", "", written)
    if re.fullmatch(r"[1-9]\d{9,10}", text):
        text = f"55{text}"
    return identity(text)


def identities(known: Iterable[str]) -> frozenset[str]:
    """Return the forms of all that a channel knows of a contact."""
    return frozenset(found for one in known if (found := identity(one)))
