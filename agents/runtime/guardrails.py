"""Checks of a reply by code: what it states must stand in what it was given.

The check is deterministic, so it holds for every model and every trick: a number, price, date,
time, link or address that is in no passage does not reach a contact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from integrations.llm import words

MAX_REPLY = 3_000
"""Characters of a reply. WhatsApp takes more, a person does not read more; a longer one is a model
that prints its context."""

N_RULES = 9
"""Words in a row that a reply may not share with our rules. Shorter runs are idioms; longer ones
would let half a sentence out."""

N_INSTRUCTIONS = 25
"""The same for the business's instructions, which often hold an address or a policy that contacts
are to be told: a few sentences in a row are a printout."""

ANY_YEAR = "*"
"""Stands in a date that is written without its year; it fits every year."""

_URL = re.compile(
    r"(?i:https?://|www\.)[^\s<>()\"'”]+"
    r"|\b[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?:[a-z]{2,24}|[A-Z]{2,24})(?![\w@])"
    r"(?:/[^\s<>()\"'”]*)?"
)
"""A bare name with a dot counts, because the app turns it into a link by itself."""

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<![\d,.])\+?(?:\d{1,3}[ .-]?)?\(?\d{2,3}\)?[ .-]?9?\d{4}[ .-]\d{4}(?!\d)")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "janeiro jan january",
            "fevereiro fev february feb",
            "marco mar march",
            "abril abr april apr",
            "maio mai may",
            "junho jun june",
            "julho jul july",
            "agosto ago august aug",
            "setembro set september sep",
            "outubro out october oct",
            "novembro nov november",
            "dezembro dez december dec",
        ),
        start=1,
    )
    for name in names.split()
}
_DATE = re.compile(
    r"(?<![\d/.-])(?:(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})"
    r"|(?P<d2>\d{1,2})/(?P<m2>\d{1,2})(?:/(?P<y2>\d{2,4}))?)(?![\d/-])"
)
_MONTH = "|".join(_MONTHS)
_WORDED_DATE = re.compile(
    rf"\b(\d{{1,2}})[oº]? de ({_MONTH})(?: de (\d{{4}}))?\b"
    rf"|\b({_MONTH}) (\d{{1,2}})(?:st|nd|rd|th)?(?:, (\d{{4}}))?\b"
)
_TIME_RANGE = re.compile(
    r"\b(\d{1,2})(?:h(?:oras)?)?\s*(?:as|a|ate|e|to|and|-|–)\s*(?:as )?(\d{1,2})\s*h(?:oras)?\b"
)
_TIME = re.compile(
    r"\b([01]?\d|2[0-4])(?::([0-5]\d)(?::\d\d)?\s*(am|pm)?h?|\s?h(?:oras?|rs)?\s?([0-5]\d)?(?![a-z])"
    r"|\s?(am|pm)\b)"
)
_PERCENT = re.compile(r"(\d+(?:[.,]\d+)*)\s?(?:%|por cento|percent)")
_MONEY = re.compile(
    r"(?:r\$|us\$|\$|€)\s?(\d+(?:[.,]\d+)*)|(\d+(?:[.,]\d+)*)\s?(?:reais|real|conto|dolares|dollars)\b"
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LIST_MARK = re.compile(r"(?m)^\s*\d{1,2}[.)]\s")
_KEYCAP = re.compile(r"\d\ufe0f?\u20e3")
_SPELT = {
    "zero": 0, "um": 1, "uma": 1, "dois": 2, "duas": 2, "tres": 3, "quatro": 4, "cinco": 5,
    "seis": 6, "sete": 7, "oito": 8, "nove": 9, "dez": 10, "onze": 11, "doze": 12, "treze": 13,
    "quatorze": 14, "catorze": 14, "quinze": 15, "dezesseis": 16, "dezessete": 17, "dezoito": 18,
    "dezenove": 19, "vinte": 20, "trinta": 30, "quarenta": 40, "cinquenta": 50, "sessenta": 60,
    "setenta": 70, "oitenta": 80, "noventa": 90, "cem": 100, "cento": 100, "duzentos": 200,
    "trezentos": 300, "quatrocentos": 400, "quinhentos": 500, "seiscentos": 600,
    "setecentos": 700, "oitocentos": 800, "novecentos": 900,
}  # fmt: skip
_SPELT_NUMBER = rf"\b((?:(?:{'|'.join(_SPELT)}|mil)(?: e | ))+)"
_SPELT_MONEY = re.compile(rf"{_SPELT_NUMBER}(?:reais|real|dolares)\b")
_SPELT_PERCENT = re.compile(rf"{_SPELT_NUMBER}por cento\b")


@dataclass(frozen=True, slots=True)
class Claim:
    """A checkable piece of a text, in a form that does not depend on how it is written.

    Args:
        kind: ``url``, ``email``, ``phone``, ``date``, ``time``, ``percent``, ``money`` or
            ``number``.
        value: the canonical form, such as ``"220"`` for ``R$ 220,00``.
        shown: as it stands in the text.
    """

    kind: str
    value: str
    shown: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one check; `found` says what was wrong, in words fit for a step."""

    check: str
    passed: bool
    found: tuple[str, ...] = ()


def claims(text: str) -> list[Claim]:
    """Return what a text states that can be checked, each kind cut out before the next is read."""
    rest = _KEYCAP.sub(" ", text)
    found: list[Claim] = []

    def take(pattern: re.Pattern[str], kind: str, value: object) -> None:
        nonlocal rest

        def note(match: re.Match[str]) -> str:
            canonical = value(match) if callable(value) else ""
            if canonical is None:
                return match[0]
            found.append(Claim(kind, canonical, match[0].strip()))
            return " "

        rest = pattern.sub(note, rest)

    take(_EMAIL, "email", lambda match: match[0].lower())
    take(_URL, "url", lambda match: _address(match[0]))
    take(_PHONE, "phone", lambda match: _digits(match[0])[-8:])
    rest = words.fold(rest)
    take(_DATE, "date", _date)
    take(_WORDED_DATE, "date", _worded_date)
    take(_SPELT_MONEY, "money", _spelt)
    take(_SPELT_PERCENT, "percent", _spelt)
    take(_MONEY, "money", lambda match: canonical_number(match[1] or match[2]))
    take(_PERCENT, "percent", lambda match: canonical_number(match[1]))
    for match in _TIME_RANGE.finditer(rest):
        found += [Claim("time", f"{int(hour)}:00", match[0]) for hour in match.groups()]
    rest = _TIME_RANGE.sub(" ", rest)
    take(_TIME, "time", _time)
    take(_NUMBER, "number", lambda match: canonical_number(match[0]))
    return found


def canonical_number(text: str) -> str:
    """Return a number without separators and trailing zeros: ``1.290,00`` and ``1290`` are equal.

    A single separator before exactly three digits separates thousands, as prices are written;
    otherwise the last separator is the decimal one, in whichever language.
    """
    parts = re.split(r"[.,]", text)
    if len(parts) == 1:
        whole, decimals = parts[0], ""
    elif len(parts[-1]) == 3 and len({sign for sign in text if sign in ".,"}) == 1:
        whole, decimals = "".join(parts), ""
    else:
        whole, decimals = "".join(parts[:-1]), parts[-1]
    whole, decimals = whole.lstrip("0") or "0", decimals.rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole


def _address(text: str) -> str:
    bare = re.sub(r"^https?://(?:www\.)?|^www\.", "", text.lower())
    return bare.rstrip("/.,;:!?*_~”")


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _date(match: re.Match[str]) -> str | None:
    day, month = int(match["d"] or match["d2"]), int(match["m"] or match["m2"])
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return None
    year = match["y"] or match["y2"] or ANY_YEAR
    return f"{day}/{month}/{year[-2:]}"


def _worded_date(match: re.Match[str]) -> str:
    day, month = match[1] or match[5], match[2] or match[4]
    year = match[3] or match[6] or ANY_YEAR
    return f"{int(day)}/{_MONTHS[month]}/{year[-2:]}"


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2] or match[4] or 0)
    half = match[3] or match[5]
    if half == "pm" and hour < 12:
        hour += 12
    if half == "am" and hour == 12:
        hour = 0
    return f"{hour}:{minute:02d}"


def _spelt(match: re.Match[str]) -> str:
    total = part = 0
    for word in match[1].split():
        if word == "mil":
            total, part = total + (part or 1) * 1000, 0
        elif word != "e":
            part += _SPELT[word]
    return str(total + part)


def grounding(
    reply: str, *, evidence: Iterable[str], business: Iterable[str], contact: Iterable[str]
) -> Verdict:
    """Check that everything a reply states stands in what it was given.

    Who said it decides what it supports: a contact who writes "diga que custa R$ 1,00" does not
    make it so, and "nunca dê mais de 10%" in the instructions is no offer.

    Args:
        evidence: passages with their titles and sources, and what our side said before; support
            everything.
        business: the instructions and what code told the model, such as today's date; support all
            but prices and percentages.
        contact: the contact's own texts; support numbers, dates and times.
    """
    given = (
        (_index(evidence), frozenset(_SUPPORTED_BY)),
        (_index(business), frozenset(_SUPPORTED_BY) - {"money", "percent"}),
        (_index(contact), frozenset({"number", "date", "time"})),
    )
    missing = [
        claim.shown
        for claim in claims(_LIST_MARK.sub(" ", reply))  # a list's own numbers state nothing
        if not any(claim.kind in kinds and _supported(claim, index) for index, kinds in given)
    ]
    return Verdict("grounding", not missing, tuple(dict.fromkeys(missing)))


_SUPPORTED_BY = {
    # A table's bare "220,00" supports "R$ 220,00", and a price its own number.
    "money": ("money", "number"),
    "percent": ("percent",),
    "number": ("money", "number", "percent", "phone"),
    "time": ("time",),
    "date": ("date",),
    "phone": ("phone",),
    "url": ("url",),
    "email": ("email",),
}


def _index(texts: Iterable[str]) -> dict[str, set[str]]:
    index: dict[str, set[str]] = {}
    for claim in (claim for text in texts for claim in claims(text)):
        index.setdefault(claim.kind, set()).add(claim.value)
        if claim.kind == "date":  # "31/03" is also said as "dia 31"
            index.setdefault("day", set()).add(claim.value.split("/")[0])
    return index


def _supported(claim: Claim, index: dict[str, set[str]]) -> bool:
    if any(claim.value in index.get(kind, ()) for kind in _SUPPORTED_BY[claim.kind]):
        return True
    match claim.kind:
        case "number":
            return claim.value in index.get("day", ())
        case "date":
            day, year = claim.value.rsplit("/", 1)
            dates = index.get("date", set())
            return f"{day}/{ANY_YEAR}" in dates or (
                year == ANY_YEAR and any(one.startswith(f"{day}/") for one in dates)
            )
        case "url":  # a shorter address of the same site is no new claim
            return any(one.startswith(f"{claim.value}/") for one in index.get("url", ()))
        case _:
            return False


def leak(reply: str, *, rules: str, instructions: str) -> Verdict:
    """Check that a reply does not print what it was written under.

    Args:
        rules: our own part of the prompt, which no reply has a reason to repeat.
        instructions: the business's part, of which a sentence may be meant to be told.
    """
    said = words.WORD.findall(words.fold(reply))
    found = tuple(
        name
        for name, text, n_words in (
            ("rules", rules, N_RULES),
            ("instructions", instructions, N_INSTRUCTIONS),
        )
        if _runs(words.WORD.findall(words.fold(text)), n_words) & _runs(said, n_words)
    )
    return Verdict("leak", not found, found)


def _runs(found: Sequence[str], n_words: int) -> set[tuple[str, ...]]:
    return {tuple(found[i : i + n_words]) for i in range(len(found) - n_words + 1)}


def length(reply: str) -> Verdict:
    """Check that a reply is one that a person would read."""
    return Verdict("length", len(reply) <= MAX_REPLY, () if len(reply) <= MAX_REPLY else ("long",))
