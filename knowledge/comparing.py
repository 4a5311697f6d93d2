"""Whether two passages say the same twice, or different things of the same; plain text only.

Written to raise few alarms: a person reads each of them. Only values that are written out are
compared (prices, shares, times of day, dates, durations), and only between sentences or rows that
name the same subject.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from knowledge import text
from knowledge.types import ChunkKind

SAME_TEXT = 0.9
"""Jaccard likeness of the 4-letter pieces of two passages from which one repeats the other."""

SAME_SUBJECT = 0.75
"""Jaccard likeness of the words of two sentences, values left out, from which they speak of the
same. At 0.6 sentences of one form about two things ("… no Infantil", "… no Fundamental") pass."""

MIN_WORDS = 4
"""Words that two sentences must share to be compared; shorter ones name no subject."""

MIN_REPEATED_WORDS = 8
"""Shorter passages, such as a title with a line, are repeated for good reasons."""

MIN_KEY_LETTERS = 9
"""Letters of a row's name; a shorter one ("P", "Inteira") is a word of many sentences."""

MIN_KEY_WORDS = 2

MAX_SENTENCE = 600
"""Characters; in longer ones a name and a price need not belong together."""


class ValueKind(StrEnum):
    """What sort of thing a value is; only values of one kind contradict each other."""

    PRICE = "price"
    SHARE = "share"
    TIME = "time"
    DATE = "date"
    DURATION = "duration"


class Relation(StrEnum):
    """What two passages are to each other."""

    CONTRADICTION = "contradiction"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it is compared, and as it is written."""

    kind: ValueKind
    normal: str
    written: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence, or a row of a table with its name.

    Args:
        words: stems, values left out; of a row those of its name.
        numbers: that are no values, such as the 2 of "siso 2".
        name: of a row, what it is about; empty for a sentence.
        details: of a row, what its name has in brackets, as stems.
        code: of a row, such as C001; may be empty.
        keys: of a row, the folded cells without a value by their column.
        columns: of a row, the values of each column by its folded name.
    """

    text: str
    words: frozenset[str]
    values: tuple[Value, ...]
    numbers: frozenset[str] = frozenset()
    name: str = ""
    details: frozenset[str] = frozenset()
    code: str = ""
    keys: tuple[tuple[str, str], ...] = ()
    columns: tuple[tuple[str, tuple[Value, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """A passage as it is compared; `prepare` makes it."""

    title: str
    grams: frozenset[str]
    n_words: int
    values: frozenset[tuple[str, str]]
    statements: tuple[Statement, ...]

    @property
    def row_words(self) -> frozenset[str]:
        """The words by which other passages name the row; empty for running text."""
        first = self.statements[0] if self.statements else None
        return first.words if first is not None and first.name else frozenset()


@dataclass(frozen=True, slots=True)
class Difference:
    """Two passages that a person should look at.

    Args:
        subject: what both speak of, for people.
        values: what only the first says, as written, or all of it where the other says more;
            likewise `other_values`.
    """

    relation: Relation
    subject: str
    values: tuple[str, ...] = ()
    other_values: tuple[str, ...] = ()


_MONTHS = ("janeiro", "fevereiro", "marco", "abril", "maio", "junho") + (
    ("julho", "agosto", "setembro", "outubro", "novembro", "dezembro")
)
_DURATION_UNITS = {
    "minuto": "min",
    "min": "min",
    "hora": "h",
    "dia": "d",
    "semana": "w",
    "mes": "m",
    "ano": "y",
    "parcela": "x",
    "vez": "x",
}
_VALUES = re.compile(
    r"(?P<price>r\$\s?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d{1,2})?"
    r"|(?<![\d.,])\d{1,6}(?:\.\d{3})*,\d{2}(?![\d%])(?!\s?%)|(?<![\d.,/])\d+(?:,\d+)?\s?reais)"
    r"|(?P<share>\d+(?:,\d+)?\s?%)"
    r"|(?P<date>(?<!\d)\d{1,2}/\d{1,2}(?:/\d{2,4})?(?!\d)"
    rf"|(?<!\d)\d{{1,2}}o?\s(?:de\s)?(?:{'|'.join(_MONTHS)})\b)"
    r"|(?P<time>(?<![\d/])\d{1,2}(?::\d{2}|h\d{2}|h(?![a-z])))"
    rf"|(?P<duration>(?<![\d/,.])\d{{1,4}}\s(?P<unit>{'|'.join(_DURATION_UNITS)})(?:e?s)?\b)"
)
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n+")
_NUMBER = re.compile(r"\d+")
_FIELD = re.compile(r"(?:^|;\s*)([^:;]{1,60}):\s*")
_BRACKETS = re.compile(r"\([^)]*\)")
_INSTALMENT = re.compile(r"\b\d{1,2}\s?x\s(?:de\s)?R\$\s?[\d.,]*\d", re.IGNORECASE)
_CODE = re.compile(r"[A-Za-z]{0,5}-?\d{1,8}")


def values(written: str) -> list[Value]:
    """Return the values of a text in order."""
    # Folding signs one by one keeps their places, so that a value can be shown as it was written.
    folded = "".join(text.fold(sign)[:1] or sign for sign in written)
    return [
        Value(ValueKind(str(kind)), _normal(str(kind), match), written[match.start() : match.end()])
        for match in _VALUES.finditer(folded)
        if (kind := next(k for k in ValueKind if match[k.value] is not None))
    ]


def _normal(kind: str, match: re.Match[str]) -> str:
    found = match[0]
    if kind in (ValueKind.PRICE, ValueKind.SHARE):
        number = found.replace("r$", "").replace("reais", "").replace("%", "")
        return f"{float(number.strip().replace('.', '').replace(',', '.')):.2f}"
    if kind == ValueKind.TIME:
        hour, _sign, minute = found.replace("h", ":").partition(":")
        return f"{int(hour):02d}:{minute or '00'}"
    if kind == ValueKind.DATE:
        numbers = [int(number) for number in _NUMBER.findall(found)]
        month = next((i for i, name in enumerate(_MONTHS, start=1) if name in found), 0)
        return f"{numbers[0]:02d}/{month or numbers[1]:02d}"
    number = _NUMBER.findall(found)[0]
    return f"{int(number)}{_DURATION_UNITS[match['unit']]}"


def prepare(*, title: str, body: str, kind: ChunkKind) -> Side:
    """Return a passage as it is compared.

    Args:
        title: its innermost title.
    """
    return Side(
        title=title or body,
        grams=frozenset(text.grams(body)),
        n_words=len(text.lexemes(body)),
        values=frozenset((value.kind.value, value.normal) for value in values(body)),
        statements=tuple(_statements(body, kind)),
    )


def compare(one: Side, other: Side) -> Difference | None:
    """Return what is the matter between two passages of different documents, if anything is."""
    if one.values == other.values:
        alike = len(one.grams & other.grams) / max(1, len(one.grams | other.grams))
        if alike >= SAME_TEXT and one.n_words >= MIN_REPEATED_WORDS:
            return Difference(Relation.DUPLICATE, subject=_cut(one.title))
        return None
    for mine in one.statements:
        for others in other.statements:
            if (found := _contradiction(mine, others)) is not None:
                return found
    return None


def _statements(body: str, kind: ChunkKind) -> Iterator[Statement]:
    if kind is ChunkKind.ROW:
        row = _row(body)
        if row is not None:
            yield row
        return
    for sentence in _SENTENCE_END.split(body):
        found = values(sentence)
        if found and len(sentence) <= MAX_SENTENCE:
            rest = sentence
            for value in found:
                rest = rest.replace(value.written, " ", 1)
            yield Statement(
                text=sentence,
                words=frozenset(text.lexemes(rest)),
                values=tuple(found),
                numbers=frozenset(_NUMBER.findall(rest)),
            )


def _row(body: str) -> Statement | None:
    """Return a row as ``name: value; name: value`` writes it; None where it has no name."""
    name, code = "", ""
    keys: list[tuple[str, str]] = []
    columns: list[tuple[str, tuple[Value, ...]]] = []
    for column, cell in _fields(body):
        found = tuple(_without_instalments(cell))
        # "3 dias por semana" before the price is a part of what the row is about.
        is_key = not columns and all(value.kind is ValueKind.DURATION for value in found)
        if found and not is_key:
            columns.append((column, found))
        elif not code and not name and _CODE.fullmatch(cell):
            code = cell.lower()
        elif not name and any(sign.isalpha() for sign in cell):
            name = cell
        elif not columns:
            keys.append((column, text.fold(cell)))
    if not name or not columns:
        return None
    bare = _BRACKETS.sub(" ", name)
    return Statement(
        text=body,
        words=frozenset(text.lexemes(bare)),
        values=tuple(value for _column, found in columns for value in found),
        name=name,
        details=frozenset(text.lexemes(" ".join(_BRACKETS.findall(name)))),
        code=code,
        keys=tuple(keys),
        columns=tuple(columns),
    )


def _without_instalments(cell: str) -> list[Value]:
    """Return the values of a cell; of "3x R$ 50,00" none, which is no price of the thing."""
    return values(_INSTALMENT.sub(" ", cell))


def _fields(body: str) -> list[tuple[str, str]]:
    parts = _FIELD.split(body)
    return [
        (text.fold(column.strip()), cell.strip().rstrip(";."))
        for column, cell in zip(parts[1::2], parts[2::2], strict=False)
    ]


def _contradiction(one: Statement, other: Statement) -> Difference | None:
    if one.name and other.name:
        return _between_rows(one, other)
    if one.name or other.name:
        row, sentence = (one, other) if one.name else (other, one)
        return _between_row_and_sentence(row, sentence, is_swapped=row is other)
    return _between_sentences(one, other)


def _between_rows(one: Statement, other: Statement) -> Difference | None:
    if not _name_the_same(one, other):
        return None
    theirs = dict(other.columns)
    common = [(mine, theirs[column]) for column, mine in one.columns if column in theirs]
    if not common and _is_name(one):
        # Tables of different make, such as a price list and a promotion: their prices as a whole.
        mine, others = _prices(one), _prices(other)
        common = [(mine, others)] if mine and others else []
    for mine, others in common:
        if _normals(mine) != _normals(others):
            return Difference(
                Relation.CONTRADICTION,
                subject=_cut(one.name),
                values=_written(mine, others),
                other_values=_written(others, mine),
            )
    return None


def _prices(row: Statement) -> tuple[Value, ...]:
    return tuple(value for value in row.values if value.kind is ValueKind.PRICE)


def _name_the_same(one: Statement, other: Statement) -> bool:
    if (one.code and other.code and one.code != other.code) or one.words != other.words:
        return False
    if one.details and other.details and one.details != other.details:
        return False
    theirs = dict(other.keys)
    return bool(one.words) and all(theirs.get(column, cell) == cell for column, cell in one.keys)


def _is_name(row: Statement) -> bool:
    """Test whether a row's name is more than a word that many sentences have."""
    return len(text.fold(row.name)) >= MIN_KEY_LETTERS and len(row.words) >= MIN_KEY_WORDS


def _between_row_and_sentence(
    row: Statement, sentence: Statement, *, is_swapped: bool
) -> Difference | None:
    """Compare a row with a sentence that names it: the prices have nothing in common."""
    if not _is_name(row) or not row.words <= sentence.words:
        return None
    mine, theirs = _prices(row), _prices(sentence)
    if not mine or len(theirs) != 1 or _normals(mine) & _normals(theirs):
        return None
    first, second = (theirs, mine) if is_swapped else (mine, theirs)
    return Difference(
        Relation.CONTRADICTION,
        subject=_cut(row.name),
        values=_written(first, second),
        other_values=_written(second, first),
    )


def _between_sentences(one: Statement, other: Statement) -> Difference | None:
    common = one.words & other.words
    if len(common) < MIN_WORDS or one.numbers != other.numbers:
        return None
    if len(common) < SAME_SUBJECT * len(one.words | other.words):
        return None
    for kind in ValueKind:
        mine = [value for value in one.values if value.kind is kind]
        theirs = [value for value in other.values if value.kind is kind]
        if len(mine) == len(theirs) and mine and _normals(mine) != _normals(theirs):
            return Difference(
                Relation.CONTRADICTION,
                subject=_cut(one.text),
                values=_written(mine, theirs),
                other_values=_written(theirs, mine),
            )
    return None


def _normals(found: Sequence[Value]) -> set[str]:
    return {value.normal for value in found}


def _written(found: Sequence[Value], others: Sequence[Value]) -> tuple[str, ...]:
    """Return what only one side says, as written; all of it where the other says that too."""
    theirs = _normals(others)
    only = [value for value in found if value.normal not in theirs] or found
    return tuple(dict.fromkeys(value.written.strip() for value in only))


def _cut(subject: str) -> str:
    subject = text.one_line(subject)
    return subject if len(subject) <= 160 else f"{subject[:159]}…"


def fingerprint(relation: Relation, one: tuple[str, str], other: tuple[str, str]) -> str:
    """Return the name of a finding: the same while neither of the texts changes.

    Args:
        one: the document's id and the passage's text; the order of the two does not matter.
    """
    parts = sorted(
        f"{document}\n{text.fold(text.one_line(body))}" for document, body in (one, other)
    )
    return sha256("\n\n".join([relation.value, *parts]).encode()).hexdigest()
