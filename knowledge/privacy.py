"""Hiding what identifies a person in a question that is kept, shown and gathered with others."""

from __future__ import annotations

import re

from django.utils.translation import gettext

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# CPF, CNPJ and RG as they are written; a bare run of as many digits is caught by `_LONG`.
_DOCUMENT = re.compile(
    r"(?<!\d)(?:\d{3}\.\d{3}\.\d{3}[-.\s]?\d{2}|\d{2}\.\d{3}\.\d{3}/\d{4}-?\d{2}"
    r"|\d{1,2}\.\d{3}\.\d{3}-?[\dxX])(?!\d)"
)
# A Brazilian number with or without the country, the area in brackets, and separators.
_PHONE = re.compile(
    r"(?<![\d.,])(?:\+?55[\s.-]?)?(?:(?:\(\d{2,3}\)|\d{2})[\s.-]?)?"
    r"(?!(?:19|20)\d\d[-\s.](?:19|20)\d\d(?!\d))9?\d{4}[-\s.]\d{4}(?!\d|[.,]\d)"
)
# Four groups of four, as on a card, or any run of digits too long for a price, a year or an order.
_CARD = re.compile(r"(?<!\d)\d{4}(?:[\s.-]?\d{4}){2}[\s.-]?\d{3,4}(?!\d)")
_LONG = re.compile(r"(?<!\d)\+?\d{8,}(?!\d)")


def mask(text: str) -> str:
    """Return `text` with e-mail addresses, documents, phones and cards as words in brackets.

    Prices, dates, years and short order numbers stay: they are part of what is asked.
    """
    text = _EMAIL.sub(f"[{gettext('e-mail')}]", text)
    text = _CARD.sub(f"[{gettext('card')}]", text)
    text = _DOCUMENT.sub(f"[{gettext('document')}]", text)
    text = _PHONE.sub(f"[{gettext('phone')}]", text)
    return _LONG.sub(f"[{gettext('number')}]", text)
