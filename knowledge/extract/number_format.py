"""A spreadsheet's number as people write it in Portuguese: R$ 1.234,50, 7,5%, 02/03/2026, 14:30."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache

# Formats that the files name only by number (ECMA-376 part 1, 18.8.30). Those of money take the
# currency of the computer, which is that of the country where people write as we do here.
_MONEY, _MONEY_CENTS = '"R$" #,##0', '"R$" #,##0.00'
BUILT_IN = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: _MONEY, 6: _MONEY,
    7: _MONEY_CENTS, 8: _MONEY_CENTS, 9: "0%", 10: "0.00%", 11: "0.00E+00", 14: "dd/mm/yyyy",
    15: "dd/mm/yyyy", 16: "dd/mm", 17: "mm/yyyy", 18: "hh:mm", 19: "hh:mm:ss", 20: "hh:mm",
    21: "hh:mm:ss", 22: "dd/mm/yyyy hh:mm", 37: "#,##0", 38: "#,##0", 39: "#,##0.00",
    40: "#,##0.00", 41: "#,##0", 42: _MONEY, 43: "#,##0.00", 44: _MONEY_CENTS, 45: "mm:ss",
    46: "[h]:mm", 47: "mm:ss", 49: "@",
}  # fmt: skip

_WEEKDAYS = ("segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira",
             "sábado", "domingo")  # fmt: skip
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|\[(?P<bracket>[^\]]*)\]|_(?P<skipped>.)|\*(?P<fill>.)'
    r"|(?P<general>General)|(?P<scale>E[+-])|(?P<digit>[0#?])|(?P<sign>[.,%])|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_CURRENCY = re.compile(r"^\$([^-]*)")
_DAY_ONE = datetime(1899, 12, 30)  # noqa: DTZ001 - a workbook's dates have no zone
_DAY_ONE_1904 = datetime(1904, 1, 1)  # noqa: DTZ001
_LAST_DAY = 2_958_465  # 31/12/9999
# Until then the serial number counts a 29 February 1900 that never was.
_FALSE_LEAP_DAY = 60
MAX_FORMAT = 255  # characters; what Excel allows
# More digits than a workbook keeps: as many would be made up.
MAX_WRITTEN = 10**15
# Each such comma leaves out three digits: it follows the last one before the decimals, or all.
_THOUSANDS = re.compile(r",+(?=\.|%*$)")

Token = tuple[str, str]  # its kind, what it says


def shown(value: float, code: str, *, is_1904: bool = False) -> str:
    """Return `value` as its format shows it, with the signs of Portuguese.

    Args:
        code: the format in the language of the files, such as ``#,##0.00``.
        is_1904: days are counted from 1904, as old Macs did.
    """
    sections = _sections(code[:MAX_FORMAT])
    if _is_date(sections[0]):
        return _date(value, sections[0], is_1904=is_1904)
    tokens = sections[0]
    is_minus = value < 0
    if value == 0 and len(sections) > 2:
        # Words stand for zero, such as "free"; the dash of book-keeping is a zero like others.
        words = _words(sections[2])
        if any(c.isalpha() for c in words.replace("R$", "").replace("US$", "")):
            return words
    if not any(kind in ("digit", "general") for kind, _ in tokens):
        return _words(tokens) or general(value)
    return ("-" if is_minus else "") + _number(abs(value), tokens)


def general(value: float) -> str:
    """Return a number without a format: no more digits than it has, a comma before decimals."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return format(value, ".10g").replace(".", ",")


@lru_cache(maxsize=1_000)
def _sections(code: str) -> list[list[Token]]:
    """Return the tokens for positive numbers, negative ones, zero and text, as far as there are."""
    sections: list[list[Token]] = [[]]
    for found in _TOKEN.finditer(code):
        kind = found.lastgroup or "other"
        said = found[kind]
        if kind == "other" and said == ";":
            sections.append([])
        elif kind in ("quoted", "escaped"):
            sections[-1].append(("words", said))
        elif kind == "bracket" and (currency := _CURRENCY.match(said)):
            sections[-1].append(("words", _sign_of(said, currency[1])))
        elif kind == "bracket" and said.lower() in ("h", "hh", "m", "mm", "s", "ss"):
            sections[-1].append(("elapsed", said.lower()))
        elif kind in ("skipped", "fill"):
            sections[-1].append(("words", " "))
        elif kind != "bracket":
            sections[-1].append((kind, said))
    return sections


def _sign_of(bracket: str, sign: str) -> str:
    return "US$" if sign == "$" and bracket.endswith(("-409", "-en-US")) else sign


def _is_date(tokens: list[Token]) -> bool:
    if any(kind in ("digit", "general", "scale") for kind, _ in tokens):
        return any(kind == "other" and said in "yYdD" for kind, said in tokens)
    is_elapsed = any(kind == "elapsed" for kind, _ in tokens)
    return is_elapsed or any(kind == "other" and said in "yYdDhHsSmM" for kind, said in tokens)


def _words(tokens: list[Token]) -> str:
    return " ".join(_around(tokens).split())


def _number(value: float, tokens: list[Token]) -> str:
    n_percents = sum(1 for token in tokens if token == ("sign", "%"))
    try:
        amount = Decimal(repr(value)) * 100**n_percents / 1000 ** _n_thousands(tokens)
    except InvalidOperation:
        return ""
    spots = [at for at, (kind, _) in enumerate(tokens) if kind in ("general", "digit")]
    first, last = spots[0], spots[-1]
    if amount >= MAX_WRITTEN:
        written = f"{amount.normalize():.10g}".replace(".", ",")
    elif any(kind in ("general", "scale") for kind, _ in tokens):
        written = general(float(amount))
    else:
        written = _digits(amount, tokens[first : last + 1])
    before = _around(tokens[:first])
    after = _around(tokens[last + 1 :])
    gap = " " if before.endswith(("$", "€", "£")) else ""
    return " ".join(f"{before}{gap}{written}{after}".split())


def _n_thousands(tokens: list[Token]) -> int:
    signs = "".join(said for kind, said in tokens if kind in ("digit", "sign"))
    return sum(len(commas) for commas in _THOUSANDS.findall(signs))


def _around(tokens: list[Token]) -> str:
    """Return what stands before or after the digits."""
    said = [said for kind, said in tokens if kind in ("words", "other") or said == "%"]
    return "".join(said).replace("@", "")


def _digits(amount: Decimal, tokens: list[Token]) -> str:
    is_mask = any(kind in ("words", "other") for kind, _ in tokens)
    if is_mask:
        return _masked(amount, tokens)
    signs = "".join(said for _, said in tokens)
    whole, _, decimals = signs.partition(".")
    is_grouped = "," in whole.rstrip(",")
    places = min(len(decimals.replace(",", "")), 10)
    rounded = amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    written = f"{rounded:,f}" if is_grouped else f"{rounded:f}"
    before, _, after = written.partition(".")
    least = decimals.replace(",", "").rfind("0") + 1
    while len(after) > least and after.endswith("0"):
        after = after[:-1]
    before = before.rjust(whole.count("0"), "0") if not is_grouped else before
    before = before.replace(",", ".")
    return f"{before},{after}" if after else before


def _masked(amount: Decimal, tokens: list[Token]) -> str:
    """Return the digits in a mask, such as that of a CEP or a telephone number."""
    left = str(int(amount.to_integral_value(rounding=ROUND_HALF_UP)))
    parts: list[str] = []
    n_spots = sum(1 for kind, _ in tokens if kind == "digit")
    for kind, said in reversed(tokens):
        if kind == "digit":
            n_spots -= 1
            taken = left if not n_spots else left[-1:]
            left = "" if not n_spots else left[:-1]
            parts.append(taken or ("0" if said == "0" else ""))
        else:
            parts.append(said)
    return "".join(reversed(parts))


def _date(value: float, tokens: list[Token], *, is_1904: bool) -> str:
    if not 0 <= value <= _LAST_DAY:
        return general(value)
    letters = "".join(said for kind, said in tokens if kind == "other").lower()
    if any(kind == "elapsed" for kind, _ in tokens):
        minutes = round(value * 24 * 60)
        return f"{minutes // 60}:{minutes % 60:02d}"
    days = value + 1 if value < _FALSE_LEAP_DAY and not is_1904 else value
    # Seconds are rounded, or 14:30 would come out as 14:29.
    instant = (_DAY_ONE_1904 if is_1904 else _DAY_ONE) + timedelta(seconds=round(days * 86_400))
    day = _day(instant, letters)
    has_time = "h" in letters or "s" in letters
    time = instant.strftime("%H:%M:%S" if instant.second else "%H:%M") if has_time else ""
    return " ".join(part for part in (day, time) if part)


def _day(instant: datetime, letters: str) -> str:
    """Return the parts of the date that the format shows."""
    has_year = "y" in letters
    has_day = bool(re.search(r"(?<!d)d{1,2}(?!d)", letters))
    is_minutes = "h" in letters or "s" in letters
    has_month = "m" in letters and (has_year or has_day or not is_minutes)
    if not has_day and not has_year and not has_month:
        return _WEEKDAYS[instant.weekday()] if "ddd" in letters else ""
    shape = "/".join(
        part
        for part, is_there in (("%d", has_day), ("%m", has_month), ("%Y", has_year))
        if is_there
    )
    return instant.strftime(shape)
