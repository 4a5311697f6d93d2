"""What a text states that code can check: prices, numbers, dates, times, links, addresses.

Each claim has a canonical form that does not depend on how it is written, so that "R$ 1.290,00" and
"mil duzentos e noventa reais" are one price.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from integrations.llm import words

ANY_YEAR = "*"
"""Stands in a date that is written without its year; it fits every year."""

_DOT = "[.。．｡]"
"""What divides the labels of a name; browsers read the other three as the first (UTS 46)."""

_URL = re.compile(
    r"(?i:https?://|www\.)[^\s<>()\"'”]+"
    rf"|(?<![^\W_])(?<![^\W_]_)(?:(?:[^\W_]|-){{1,63}}{_DOT}){{1,8}}"
    # A sentence in Japanese ends in another dot: after that only Latin letters end a name.
    rf"(?:[a-z]{{2,24}}|[A-Z]{{2,24}}|(?<=\.)(?:(?![A-Za-zÀ-ɏ])[^\W\d_]){{2,24}})(?!_*(?:[^\W_]|@))"
    r"(?:/[^\s<>()\"'”]*)?"
)
"""A bare name with a dot counts, because the app turns it into a link by itself.

A name may have letters of any script.
No label of one is longer (RFC 1035). Here and below a repeat is bounded, or may not begin within
what it repeats: a contact's long message would otherwise cost the square of its length.
"""

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
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
_DIGITS = r"(?<!\d)(?<!\d[.,])(\d+(?:[.,]\d+)*)"
_PERCENT = re.compile(rf"{_DIGITS}\s?(?:%|por cento|percent)")
HALF = re.compile(r"\bpela metade\b(?! d[oae]s? (?!preco|valor))|\bmetade do preco\b")
"""A percentage in words."""

CURRENCIES = {
    "r$": "", "reais": "", "real": "", "conto": "", "contos": "", "$": "$", "us$": "usd",
    "u$": "usd", "usd": "usd", "dolar": "usd", "dolares": "usd", "dollar": "usd", "dollars": "usd",
    "€": "eur", "eur": "eur", "euro": "eur", "euros": "eur", "£": "gbp",
}  # fmt: skip
"""How a currency is written and what stands for it in a price: nothing for the real, and a bare
dollar sign for whichever currency has one."""

_CURRENCY = r"reais|real|contos?|dolar(?:es)?|dollars?|euros?|usd|eur"
_TIMES = {"mil": 1_000, "k": 1_000, "mi": 1_000_000, "milhao": 1_000_000, "milhoes": 1_000_000}
_MANY = rf"(?:\s?({'|'.join(_TIMES)})\b)?"
_MONEY = re.compile(
    rf"(r\$|us\$|u\$|\$|€|£|\busd|\beur)\s?(\d+(?:[.,]\d+)*){_MANY}"
    rf"|{_DIGITS}{_MANY}\s?(?:de )?({_CURRENCY})\b"
)
_NUMBER = re.compile(rf"(\d+(?:[.,]\d+)*){_MANY}")
_KEYCAP = re.compile(
    rf"(?P<sign>[$€£]\s?)?(?P<digits>\d\ufe0f?\u20e3(?:\s?\d\ufe0f?\u20e3)*)"
    rf"(?P<unit>(?=[.,]?\d|\s?(?:%|(?:por cento|mil|{_CURRENCY}|dólar)\b)))?",
    re.IGNORECASE,
)
_SPELT = {
    "zero": 0, "um": 1, "uma": 1, "dois": 2, "duas": 2, "tres": 3, "quatro": 4, "cinco": 5,
    "seis": 6, "sete": 7, "oito": 8, "nove": 9, "dez": 10, "onze": 11, "doze": 12, "treze": 13,
    "quatorze": 14, "catorze": 14, "quinze": 15, "dezesseis": 16, "dezessete": 17, "dezoito": 18,
    "dezenove": 19, "vinte": 20, "trinta": 30, "quarenta": 40, "cinquenta": 50, "sessenta": 60,
    "setenta": 70, "oitenta": 80, "noventa": 90, "cem": 100, "cento": 100, "duzentos": 200,
    "trezentos": 300, "quatrocentos": 400, "quinhentos": 500, "seiscentos": 600,
    "setecentos": 700, "oitocentos": 800, "novecentos": 900,
}  # fmt: skip
MAX_SPELT = 12
"""Words of one number; "novecentos e noventa e nove mil novecentos e noventa e nove" has seven.
The word that multiplies a figure, as in "5 mil reais", is no number of its own."""

_SPELT_WORD = rf"(?:{'|'.join(_SPELT)}|mil|milhao|milhoes)"
_SPELT_NUMBER = rf"\b(?!(?<=\d )mil)((?:{_SPELT_WORD}(?: e | )){{1,{MAX_SPELT}}})"
_SPELT_SPAN = rf"{_SPELT_WORD}(?:(?: e | ){_SPELT_WORD}){{0,{MAX_SPELT}}}"
_LENGTHS = "dias?|semanas?|mes|meses|anos?|min|minutos?"
_SPELT_DATE = re.compile(rf"{_SPELT_NUMBER}de ({_MONTH})(?: de (\d{{4}}))?\b")
_DAY_TIME = re.compile(
    rf"(?:\b(\d{{1,2}})(?::([0-5]\d)|\s?h(?:oras?)?(?:\s?([0-5]\d))?)? |{_SPELT_NUMBER}"
    r"(?:horas )?(?:(meia) )?)da (manha|tarde|noite|madrugada)\b"
)
"""An hour of half a day: "dez da noite", "8h da noite", "oito e meia da manhã"."""

_NAMED_TIME = re.compile(
    r"\b(?:(?P<noon>meio-dia|(?:(?<=\bao )|(?<=\bdo )|(?<=\bate )|(?<=\bate o ))meio dia)"
    r"|meia[- ]noite)\b(?P<half> e meia\b)?"
)
"""Noon and midnight. Without its hyphen "meio dia" is half a day too, as in "leva meio dia"."""

_SPELT_MONEY = re.compile(rf"{_SPELT_NUMBER}(?:de )?({_CURRENCY})\b")
_SPELT_AMOUNT = (
    r"\b(?:cust(?:a|am|aria)|cobr(?:a|am|amos)|sa(?:i|em|indo)|fica(?:m|ndo)?|valem?|"
    r"(?:valor|preco) e|(?:faco|fazemos|deixo|deixamos)(?= por))"
    r"(?: a partir de| de| por| a| em)?(?: so| apenas| somente)? "
    rf"({_SPELT_SPAN})"
)
_SPELT_PRICE = re.compile(
    rf"{_SPELT_AMOUNT}(?=\s*(?:[.,;:!?)\n]|$)"
    r"| (?:a vista|n[oa]|cada|por|em|com|ou|par?a|pra|so|e)\b)"
)
"""An amount without its currency, as it is said: "sai por cento e cinquenta"."""

_SPELT_PERCENT = re.compile(rf"{_SPELT_NUMBER}por cento\b")
_SPELT_HOURS = re.compile(rf"{_SPELT_NUMBER}horas?\b")
_UNITS = {
    "dia": "dia", "dias": "dia", "semana": "semana", "semanas": "semana", "mes": "mes",
    "meses": "mes", "ano": "ano", "anos": "ano", "min": "min", "minuto": "min", "minutos": "min",
    "x": "vez", "vezes": "vez", "parcela": "vez", "parcelas": "vez", "day": "day", "days": "day",
    "week": "week", "weeks": "week", "month": "month", "months": "month", "year": "year",
    "years": "year", "times": "vez",
}  # fmt: skip
_UNIT = rf"(?:uteis |corridos )?({'|'.join(_UNITS)})\b"
_SPELT_COUNT = re.compile(rf"{_SPELT_NUMBER}{_UNIT}")
_COUNT = re.compile(rf"(?<![\d.,/])(\d+(?:[.,]\d+)*)\s?{_UNIT}")
_SPELT_EITHER = (
    rf"\b(?:({_SPELT_SPAN})(?: ou| ate| a)|(?<=\bem )({_SPELT_SPAN}),)(?: ate| no maximo)?"
    rf" (?=({_SPELT_SPAN}|\d{{1,3}}) "
)
_SPELT_EITHER_ENDS = r"\b(?(2)(?: uteis| corridos| no maximo)?(?![^\w.!?;\n]*\w)))"
_SPELT_EITHER_HOURS = re.compile(rf"{_SPELT_EITHER}horas?{_SPELT_EITHER_ENDS}")
_SPELT_EITHER_COUNT = re.compile(
    rf"{_SPELT_EITHER}(?:uteis |corridos )?({_LENGTHS}){_SPELT_EITHER_ENDS}"
)
"""The first of two lengths of time, as in "sai em dois ou três dias": it is no price, although the
unit stands behind the second one only. It is the shorter one, for "fica em noventa ou 30 dias" has
a price. After a comma it is one only where "em" stands before, the second is at most `MOST_APART`
times as long, and the sentence ends with it: "por duzentos, três dias depois" and "fica em vinte,
30 dias de garantia" have prices. What may be either is read as a price, which a passage must hold.
"""

_SPELT_PRICE_AT = re.compile(
    rf"{_SPELT_AMOUNT}(?= (?:a|ate) (?:{_SPELT_SPAN}|\d{{1,3}}) "
    rf"(?:horas?|(?:uteis |corridos )?(?:{_LENGTHS}))\b)"
)
"""A price and when it is paid, as in "sai por duzentos a 30 dias", where these are no two lengths
of time."""

MOST_APART = 2
"""How many times the first of two lengths of time the second may be, after a comma: "dez, quinze
minutos" and "cinco, no máximo dez dias" guess at one length; "trinta, noventa dias" is a price and
a length."""

_CODE = re.compile(r"\b(?!(?:no?|nr|num|numero|r|us)\d)[a-z]{1,8}-?\d[a-z\d-]*\b")
"""A name with digits in it, such as "C019" or "Covid-19": its digits are no number of anything."""

_SPELT_ANY = re.compile(_SPELT_NUMBER)
_STREET = re.compile(
    r"\b(?i:rua|r\.|avenida|av\.?|alameda|al\.|travessa|tv\.|praça|praca|rodovia|rod\.|estrada|largo|"
    r"street|avenue|road|square)\s+"
    # Names in capitals, with the small words between them: "Barão de Jaguara", "7 de Setembro".
    r"((?:d[aeo]s?\s+)?(?:(?:[A-ZÀ-Ú][\wÀ-ú'-]*|\d{1,2}(?=\s+de\s))\.?)"
    r"(?:\s+(?:(?:d[aeo]s?|e)\s+)?[A-ZÀ-Ú][\wÀ-ú'-]*\.?)*)"
    r"(?:,?\s+(?:[nN](?:[º°o.]|úmero|umero)*\s*)?(\d{1,5})\b)?"
)
"""A street with its name and, where one follows, its number."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A checkable piece of a text, in a form that does not depend on how it is written.

    Args:
        kind: ``url``, ``email``, ``phone``, ``address``, ``date``, ``time``, ``percent``,
            ``money``, ``code``, ``count`` (a number of days, months, times) or ``number``.
        value: the canonical form, such as ``"220"`` for ``R$ 220,00``.
        shown: as it stands in the text.
    """

    kind: str
    value: str
    shown: str


@lru_cache(maxsize=1024)  # several checks read one reply, and the same lines stand in many
def claims(text: str) -> tuple[Claim, ...]:
    """Return what a text states that can be checked, each kind cut out before the next is read."""
    rest = _KEYCAP.sub(_without_keycaps, text)
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
    # Left in the text: its number, or the date in its name, is a claim of its own.
    found += [Claim("address", _street(match), match[0]) for match in _STREET.finditer(rest)]
    rest = words.fold(rest)
    take(_DATE, "date", _date)
    take(_WORDED_DATE, "date", _worded_date)
    take(_SPELT_DATE, "date", _spelt_date)
    take(_DAY_TIME, "time", _day_time)
    take(_NAMED_TIME, "time", _named_time)
    take(_SPELT_MONEY, "money", lambda match: _priced(_spelt(match), match[2]))
    take(_SPELT_PERCENT, "percent", _spelt)
    take(_SPELT_EITHER_HOURS, "time", _either_hours)
    take(_SPELT_EITHER_COUNT, "count", _either_count)
    take(_SPELT_PRICE_AT, "money", _spelt_price)
    take(_SPELT_HOURS, "time", _spelt_hours)
    take(_SPELT_COUNT, "count", _spelt_count)
    take(_SPELT_PRICE, "money", _spelt_price)
    take(_MONEY, "money", _money)
    take(HALF, "percent", lambda _: "50")
    take(_PERCENT, "percent", lambda match: canonical_number(match[1]))
    for match in _TIME_RANGE.finditer(rest):
        found += [Claim("time", f"{int(hour)}:00", match[0]) for hour in match.groups()]
    rest = _TIME_RANGE.sub(" ", rest)
    take(_TIME, "time", _time)
    take(_CODE, "code", lambda match: match[0].replace("-", ""))
    take(_COUNT, "count", lambda match: _counted(canonical_number(match[1]), match[2]))
    take(_NUMBER, "number", lambda match: _multiplied(match[1], match[2]))
    return tuple(found)


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


def _without_keycaps(match: re.Match[str]) -> str:
    """Return the digits of keycaps that write an amount, and nothing for those that mark a line."""
    digits = match["digits"]
    is_amount = match["sign"] or match["unit"] is not None
    starts = not match.string[: match.start()].rpartition("\n")[2].strip()
    is_number = len(_digits(digits)) > 1 and not starts and not re.search(r"\s", digits)
    return f"{match['sign'] or ''}{_digits(digits)}" if is_amount or is_number else " "


def _money(match: re.Match[str]) -> str:
    number = _multiplied(match[2] or match[4], match[3] or match[5])
    return _priced(number, match[1] or match[6])


def _priced(number: str, currency: str) -> str:
    return f"{number} {CURRENCIES[currency]}".rstrip()


def _multiplied(number: str, times: str | None) -> str:
    """Return the canonical form of a number and the word for thousands after it."""
    canonical = canonical_number(number)
    if times is None:
        return canonical
    return format((Decimal(canonical) * _TIMES[times]).normalize(), "f")


def _address(text: str) -> str:
    text = re.sub(_DOT, ".", text.lower())
    bare = re.sub(r"^https?://(?:www\.)?|^www\.", "", text)
    return bare.rstrip("/.,;:!?*_~”")


def _street(match: re.Match[str]) -> str:
    return plain(match[1] if match[2] is None else f"{match[1]} {match[2]}")


def plain(text: str) -> str:
    """Return the words of a text, folded, without what may stand before a house's number."""
    return re.sub(r" (?:n|no|numero)(?= \d)", "", " ".join(words.WORD.findall(words.fold(text))))


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
    return _number(match[1])


def spelt_numbers(text: str) -> set[str]:
    """Return the numbers that are written out in a text, in digits."""
    return {_spelt(match) for match in _SPELT_ANY.finditer(words.fold(text))}


def _number(spelt: str) -> str:
    total = part = 0
    for word in spelt.split():
        if word in _TIMES:
            total, part = total + (part or 1) * _TIMES[word], 0
        elif word != "e":
            part += _SPELT[word]
    return str(total + part)


def _spelt_hours(match: re.Match[str]) -> str | None:
    hours = _spelt(match)  # "uma hora" is said of anything
    return None if hours in ("0", "1") else f"{hours}:00"


def _spelt_date(match: re.Match[str]) -> str | None:
    day = int(_spelt(match))
    year = match[3] or ANY_YEAR
    return f"{day}/{_MONTHS[match[2]]}/{year[-2:]}" if 1 <= day <= 31 else None


def _day_time(match: re.Match[str]) -> str | None:
    spelt, minutes = match[4] or "", "30" if match[5] else match[2] or match[3] or "0"
    if not spelt.startswith("vinte") and not match[5]:  # "oito e quinze" is no twenty-three
        spelt, _, more = spelt.partition(" e ")
        minutes = _number(more) if more else minutes
    hour, minute = int(match[1] or _number(spelt)), int(minutes)
    if hour > 24 or minute > 59:
        return None
    is_late = (match[6] == "noite" and hour <= 12) or (match[6] == "tarde" and hour < 12)
    return f"{(hour + 12) % 24 if is_late else hour}:{minute:02d}"


def _named_time(match: re.Match[str]) -> str:
    return f"{12 if match['noon'] else 0}:{30 if match['half'] else 0:02d}"


def _spelt_price(match: re.Match[str]) -> str | None:
    price = _spelt(match)  # "custa um pouco mais"
    return None if price in ("0", "1") else price


def _spelt_count(match: re.Match[str]) -> str | None:
    number = _spelt(match)
    return None if number in ("0", "1") else _counted(number, match[2])


def _either_hours(match: re.Match[str]) -> str | None:
    hours = _shorter(match)
    return None if hours is None else f"{hours}:00"


def _either_count(match: re.Match[str]) -> str | None:
    number = _shorter(match)
    return None if number is None else _counted(number, match[4])


def _shorter(match: re.Match[str]) -> str | None:
    """Return the first of two lengths of time, or None where it is none or stands for anything."""
    first = int(_number(match[1] or match[2]))
    second = int(match[3] if match[3].isdecimal() else _number(match[3]))
    is_far = match[2] is not None and second > first * MOST_APART
    return str(first) if 1 < first < second and not is_far else None


def _counted(number: str, unit: str) -> str:
    return f"{number} {_UNITS[unit]}"
