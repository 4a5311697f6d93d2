"""Keeping what identifies a person from models: numbers and addresses become names and come back.

Every call of a remote model goes through a `Cloak`: `hide` puts ``[CPF_1]`` in place of a CPF, the
same each time, and `show` puts it back in what the model wrote. The pairs live as long as the
cloak, which is made for one turn of one contact, so no other contact's data can come back.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from stdnum import luhn
from stdnum.br import cnpj, cpf

from integrations.llm.types import ChatRequest, ChatResult


class Kind(StrEnum):
    """What is hidden; the value is the name in the placeholder."""

    EMAIL = "EMAIL"
    PIX = "PIX"
    SLIP = "BOLETO"
    CNPJ = "CNPJ"
    CARD = "CARTAO"
    CPF = "CPF"
    PHONE = "TELEFONE"


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of a text that identifies a person.

    Args:
        value: the same for every way of writing it.
    """

    kind: Kind
    start: int
    end: int
    value: str


_DENSE = re.compile(r"\d(?:[ .()/+-]{0,4}\d){7,}")
"""Where there may be a number of somebody: only there the patterns below are tried, which over a
whole prompt would take milliseconds."""

_EDGE = 8
"""Signs before such a place that belong to a number or tell against it, as in ``(0xx``."""

_KEY_DASHES = re.compile(r"-(?=.{4}-.{4}-.{4}-)")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[^\W_][\w-]*(?:\.[\w-]+)+")
_RANDOM_KEY = re.compile(r"(?i)(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])")
# The line of a bank's slip (47 digits) and of a bill (48), with their dots, dashes and spaces.
_SLIP = re.compile(
    r"(?<!\d)(?:\d{5}[. ]?\d{5} ?\d{5}[. ]?\d{6} ?\d{5}[. ]?\d{6} ?\d ?\d{14}"
    r"|(?:\d{11}[- ]?\d ?){3}\d{11}[- ]?\d)(?!\d)"
)
_CNPJ = re.compile(
    r"(?i)(?<![\w.-])[0-9a-z]{2}[. ]?[0-9a-z]{3}[. ]?[0-9a-z]{3}[/ ]?[0-9a-z]{4}[- ]?\d{2}(?!\w)"
)
_CPF = re.compile(r"(?<![\w,])(?<!\d[.-])\d{3}[. ]?\d{3}[. ]?\d{3}[-. /]?\d{2}(?![\w/])(?![.,-]\d)")
_GROUPS = re.compile(r"(?<![\w.,])\d{2,19}(?:[ .-]\d{2,7}){0,6}(?!\w)")
_DIGITS = re.compile(r"\d+")
_CARD_BEGINS = {
    14: re.compile(r"3[068]"),
    15: re.compile(r"3[47]"),
    16: re.compile(r"35|4|5|6|2[2-7]|3[68]"),
    17: re.compile(r"4|5|6"),
    18: re.compile(r"4|5|6"),
    19: re.compile(r"4|5|6"),
}
"""How the numbers of cards begin, by their length. An IMEI and most barcodes pass Luhn's test too
and begin otherwise."""

_AREA = r"(?:1[1-9]|2[12478]|3[1-578]|4[1-9]|5[1345]|6[1-9]|7[134579]|8[1-9]|9[1-9])"
"""The area codes that there are in Brazil. Source: Anatel, Plano Geral de Códigos Nacionais."""

_PHONE = re.compile(
    # With its area: a mobile number begins with 9, a land line with 2 to 5.
    rf"(?<![\w.,/$-])(?:\+?55[ .-]?)?(?:\((?:0|0?xx)?{_AREA}\)|(?:0|0?xx)?{_AREA})[ .-]{{0,2}}"
    r"(?:9[ .-]?\d{4}|[2-5]\d{3})[ .-]?\d{4}(?![\w/])(?![.,-]\d)"
    # A mobile number without its area, as it is written: 98888-7777.
    r"|(?<![\w.,/$-])(?<!\d )9[ .-]?\d{4}[- ]\d{4}(?![\w/])(?![.,-]\d)"
)
_ABROAD = re.compile(r"(?<![\w+])\+[1-9](?:[ .()-]{0,2}\d){7,14}(?!\w)")
_LOCAL = re.compile(r"(?<![\w.,/$-])[2-5]\d{3}[- ]\d{4}(?![\w/])(?![.,-]\d)")
"""A land line without its area looks like two years or two prices: only a word before it tells."""

_CALLS = re.compile(
    r"(?i)(?:\b(?:tel(?:efones?|s)?|fones?|fixo|whats(?:app)?s?|wpp|zap|cel(?:ular(?:es)?)?|"
    r"lig(?:a|ue|ar|o|uei|aram)|cham[ae]r?|contatos?|recados?|ramal|phone|call|mobile)\b|☎|📞)"
    r"[^\d\n]{0,25}$"
)
_COUNTS = re.compile(
    r"(?i)\b(?:pedidos?|protocolos?|c[oó]digos?|nota(?: fiscal)?|nf-?e?|rastreios?|rastreamento|"
    r"matr[ií]cula|contrato|os|ordem|chamado|ticket|order|tracking|invoice)\b[^\d\n]{0,15}$"
)
"""Words before a bare run of digits that make it a number of something."""

_PLACEHOLDER = re.compile(
    rf"(?i)\[?\b(?P<kind>{'|'.join(kind.value for kind in Kind)})_(?P<n>\d{{1,3}})\b\]?"
)


def find(text: str) -> list[Found]:
    """Return what identifies a person in a text, in order, without overlaps.

    Numbers are taken by their check digits and not by their look: an order number of eleven digits
    is no CPF, and a run of equal digits is nobody's.
    """
    found: list[Found] = []
    taken = bytearray(len(text))
    for piece in _all(text):
        if not any(taken[piece.start : piece.end]):
            taken[piece.start : piece.end] = b"\1" * (piece.end - piece.start)
            found.append(piece)
    return sorted(found, key=lambda one: one.start)


def _all(text: str) -> Iterator[Found]:
    """Return candidates, the surest kinds first."""
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield Found(Kind.EMAIL, *match.span(), match[0].lower())
    for dash in _KEY_DASHES.finditer(text):
        if key := _RANDOM_KEY.match(text, max(0, dash.start() - 8)):
            yield Found(Kind.PIX, *key.span(), key[0].lower())
    places = [(max(0, one.start() - _EDGE), one.end()) for one in _DENSE.finditer(text)]
    for match in _within(_SLIP, text, places):
        yield Found(Kind.SLIP, *match.span(), _digits(match[0]))
    yield from _companies(text)
    yield from _cards(text, places)
    for match in _within(_CPF, text, places):
        value = _digits(match[0])
        # python-stdnum takes eleven equal digits, whose check digits are right, for a CPF.
        if len(set(value)) > 1 and cpf.is_valid(value):
            yield Found(Kind.CPF, *match.span(), value)
    yield from _phones(text, places)


def _within(
    pattern: re.Pattern[str], text: str, places: Iterable[tuple[int, int]]
) -> Iterator[re.Match[str]]:
    """Return the matches in some places of a text, each with what stands around it."""
    for start, end in places:
        # What follows is looked at as well: "12.345" goes on in ",67".
        yield from pattern.finditer(text, start, end + 3)


def _companies(text: str) -> Iterator[Found]:
    """Return the CNPJs, found by the two digits at their end: the rest may be letters."""
    for digits in _DIGITS.finditer(text):
        end = digits.end()
        tail = text[max(0, end - 18) : end]
        if len(tail) < 14 or text[end : end + 1].isalnum() or (" " in tail[-6:] and "," in tail):
            continue
        if match := _CNPJ.search(text, max(0, end - 18), end):
            value = re.sub(r"[\W_]", "", match[0]).upper()
            if match.end() == end and len(set(value)) > 1 and cnpj.is_valid(value):
                yield Found(Kind.CNPJ, *match.span(), value)


def _cards(text: str, places: Iterable[tuple[int, int]]) -> Iterator[Found]:
    """Return the numbers of cards, also where a date or a code follows after a space."""
    for match in _within(_GROUPS, text, places):
        groups = [
            (match.start() + one.start(), match.start() + one.end())
            for one in _DIGITS.finditer(match[0])
        ]
        for first, (start, _) in enumerate(groups):
            value = ""
            for group_start, end in groups[first:]:
                value += text[group_start:end]
                begins = _CARD_BEGINS.get(len(value))
                if begins and begins.match(value) and len(set(value)) > 1 and luhn.is_valid(value):
                    yield Found(Kind.CARD, start, end, value)


def _phones(text: str, places: Iterable[tuple[int, int]]) -> Iterator[Found]:
    for match in _within(_ABROAD, text, places):
        yield Found(Kind.PHONE, *match.span(), _subscriber(match[0]))
    for match in _within(_PHONE, text, places):
        before = text[max(0, match.start() - 40) : match.start()]
        is_called = _CALLS.search(before) is not None
        # Ten digits are as often the number of an order as a land line.
        is_unclear = match[0].isdigit() and (len(match[0]) == 10 or _COUNTS.search(before))
        if is_unclear and not is_called:
            continue
        yield Found(Kind.PHONE, *match.span(), _subscriber(match[0]))
    for match in _within(_LOCAL, text, places):
        if _CALLS.search(text[max(0, match.start() - 40) : match.start()]):
            yield Found(Kind.PHONE, *match.span(), _subscriber(match[0]))


def _digits(text: str) -> str:
    return "".join(_DIGITS.findall(text))


def _subscriber(text: str) -> str:
    digits = _digits(text).lstrip("0")
    return digits[2:] if len(digits) in (12, 13) and digits.startswith("55") else digits


def values(texts: Iterable[str]) -> frozenset[str]:
    """Return what identifies a person in some texts, however it is written there."""
    return frozenset(one.value for text in texts for one in find(text))


def bare(text: str) -> str:
    """Return `text` with the kind of each piece in its place: for what never comes back."""
    return _replaced(text, lambda one: f"[{one.kind.value}]")


def _replaced(text: str, name: Callable[[Found], str]) -> str:
    parts: list[str] = []
    end = 0
    for one in find(text):
        parts += (text[end : one.start], name(one))
        end = one.end
    return "".join(parts) + text[end:] if parts else text


class Cloak:
    """The placeholders of one turn of one contact.

    Args:
        public: texts of the business itself, such as its instructions: what stands in them is its
            own, and is not hidden.
    """

    def __init__(self, public: Iterable[str] = ()) -> None:
        self._public = set(values(public))
        self._names: dict[tuple[Kind, str], str] = {}
        self._written: dict[str, str] = {}
        self._n_kinds: Counter[Kind] = Counter()
        self.shown: set[str] = set()
        """What `show` has put back, as the contact wrote it."""

    @property
    def hidden(self) -> dict[str, int]:
        """How many different pieces of each kind were hidden so far."""
        return {kind.value: n for kind, n in self._n_kinds.items()}

    def hide(self, text: str) -> str:
        """Return `text` with placeholders, the same ones for the same data each time."""
        return _replaced(text, lambda one: self._name(one, text[one.start : one.end]))

    def show(self, text: str) -> str:
        """Return `text` with the data of this cloak back in its place; other names stay."""

        def written(match: re.Match[str]) -> str:
            whole = self._written.get(f"[{match['kind'].upper()}_{int(match['n'])}]")
            if whole is None:
                return match[0]
            self.shown.add(whole)
            return whole

        return _PLACEHOLDER.sub(written, text)

    def door(self, chat: Callable[..., ChatResult]) -> Callable[..., ChatResult]:
        """Return `chat` as it may be called: its second argument, the request, leaves hidden.

        Passages stay as they are, because they are the business's documents; what else shares a
        number with one of them does too.
        """

        def ask(config: object, request: ChatRequest, *rest: object) -> ChatResult:
            self._public |= values(f"{one.title}\n{one.text}" for one in request.evidence)
            messages = tuple(
                replace(
                    one,
                    text=self.hide(one.text),
                    tool_calls=tuple(
                        replace(call, arguments=self.hide(call.arguments))
                        for call in one.tool_calls
                    ),
                )
                for one in request.messages
            )
            result = chat(config, replace(request, messages=messages), *rest)
            calls = tuple(
                replace(call, arguments=self.show(call.arguments)) for call in result.tool_calls
            )
            return replace(result, text=self.show(result.text), tool_calls=calls)

        return ask

    def _name(self, one: Found, written: str) -> str:
        if one.value in self._public:
            return written
        name = self._names.get((one.kind, one.value))
        if name is None:
            self._n_kinds[one.kind] += 1
            name = f"[{one.kind.value}_{self._n_kinds[one.kind]}]"
            self._names[one.kind, one.value] = name
            self._written[name] = written
        return name


def has_placeholder(text: str) -> bool:
    """Test whether a text names data that nobody could put back."""
    return _PLACEHOLDER.search(text) is not None
