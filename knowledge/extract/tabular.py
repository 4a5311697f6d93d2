"""From the rows of a table, whatever file it stands in, to blocks: names, notes and sections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from knowledge import text
from knowledge.types import Block, Heading, Paragraph, Row

# Rows looked at to find the names of the columns; a preamble is seldom longer.
N_SAMPLE = 30
MAX_SECTION = 80  # characters in a title between rows
MIN_FILLED = 0.6  # of the usual row, for a row to hold the names

_QUESTION_NAMES = {"pergunta", "perguntas", "question", "duvida"}
_ANSWER_NAMES = {"resposta", "respostas", "answer"}
# Titles of a table, and of the rows that follow one inside of it.
_TITLE_LEVEL = 2
_SECTION_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One row as it is set.

    Args:
        cells: one line of text each, empty where there is nothing.
        is_strong: set in bold or marked as names of columns, all of it.
        is_key: only its first cell is set so.
        is_whole: one cell over the width of the table.
        is_group: a cell stands over several columns, and is repeated in each.
    """

    cells: tuple[str, ...]
    is_strong: bool = False
    is_key: bool = False
    is_whole: bool = False
    is_group: bool = False

    @property
    def filled(self) -> list[str]:
        """The cells that hold anything."""
        return [cell for cell in self.cells if cell]


def to_blocks(lines: Sequence[Line], *, level: int = _TITLE_LEVEL) -> list[Block]:
    """Return the blocks of one table; lines above the names of its columns become titles.

    Args:
        level: of these titles; the sections of the table stand one below.
    """
    lines = [line for line in lines if line.filled]
    if not lines:
        return []
    if max(len(line.filled) for line in lines) == 1:
        return _single_column(lines, level=level)
    if keyed := _key_values(lines):
        return keyed
    names_at = _find_names(lines)
    blocks: list[Block] = [
        Heading(level=level, text=" ".join(dict.fromkeys(line.filled)))
        for line in lines[: max(names_at, 0)]
    ]
    names = lines[names_at].cells if names_at >= 0 else ()
    rest = lines[names_at + 1 :]
    is_group = names_at >= 0 and lines[names_at].is_group
    if is_group and len(rest) > 1 and not any(map(_is_number, rest[0].filled)):
        names, rest = _join_names(names, rest[0].cells), rest[1:]
    blocks.extend(_body(names, rest, level=level))
    return blocks


def _body(names: Sequence[str], lines: Sequence[Line], *, level: int) -> Iterator[Block]:
    for at, line in enumerate(lines):
        is_followed = at + 1 < len(lines) and len(lines[at + 1].filled) > 1
        if pair := _pair(names, line.cells):
            yield from pair
        elif is_followed and _is_section(line):
            yield Heading(level=level + 1, text=line.filled[0])
        elif len(line.filled) == 1 and len(names) != 1:
            yield Paragraph(text=line.filled[0])  # a note below the table
        else:
            yield Row(columns=tuple(names), cells=line.cells)


def _is_section(line: Line) -> bool:
    """Test for a title between rows; a row with one filled cell alone may be an item."""
    only = line.filled[0] if len(line.filled) == 1 else ""
    is_apart = line.is_whole or line.is_strong
    return is_apart and 0 < len(only) <= MAX_SECTION and not only.endswith((".", ";"))


def _single_column(lines: Sequence[Line], *, level: int) -> list[Block]:
    """Return what has one cell a row: text with a frame around it, perhaps with a title."""
    blocks: list[Block] = []
    for at, line in enumerate(lines):
        words = line.filled[0]
        if line.is_strong and at + 1 < len(lines) and len(words) <= MAX_SECTION:
            blocks.append(Heading(level=level, text=words))
        else:
            blocks.append(Paragraph(text=words))
    return blocks


def _key_values(lines: Sequence[Line]) -> list[Block]:
    """Return rows of a name and its value; nothing where the first row names the columns."""
    if any(len(line.cells) != 2 or not line.cells[0] for line in lines):
        return []
    n_colons = sum(1 for line in lines if line.cells[0].endswith(":"))
    first = lines[0].cells[1]
    is_value = not lines[0].is_strong and any(c.isdigit() for c in first) and not _is_number(first)
    has_keys = not any(c.isdigit() for line in lines for c in line.cells[0])
    is_keyed = all(line.is_key for line in lines) or n_colons * 2 > len(lines)
    if not is_keyed and not (is_value and has_keys and not _is_year(first)):
        return []
    return [
        Row(columns=(line.cells[0].rstrip(" :"),), cells=(line.cells[1],))
        for line in lines
        if line.cells[1]
    ]


def _pair(names: Sequence[str], cells: Sequence[str]) -> list[Block]:
    """Return a question and its answer where the columns are named so."""
    if len(names) != 2 or len(cells) != 2 or not all(cells):
        return []
    first, second = (text.fold(name) for name in names)
    if first in _QUESTION_NAMES and second in _ANSWER_NAMES:
        return [Heading(level=3, text=cells[0]), Paragraph(text=cells[1])]
    return []


def _find_names(lines: Sequence[Line]) -> int:
    """Return where the names of the columns stand; -1 when every row is data."""
    sample = lines[:N_SAMPLE]
    widths = Counter(len(line.filled) for line in sample)
    usual = max(widths, key=lambda width: (widths[width], width))
    for at, line in enumerate(sample):
        names = line.filled
        if line.is_whole or len(names) < max(1, usual * MIN_FILLED):
            continue
        if len(lines) == 1:
            return -1
        if line.is_strong and at + 1 < len(lines) and not lines[at + 1].is_strong:
            return at
        is_data = any(_is_number(name) for name in names)
        is_repeated = len(set(names)) < len(names) and not line.is_group
        return -1 if is_data or is_repeated else at
    return -1


def _join_names(above: Sequence[str], below: Sequence[str]) -> tuple[str, ...]:
    """Return the names of columns that stand in two rows: the group's, then the column's."""
    width = max(len(above), len(below))
    pairs = [
        (above[at] if at < len(above) else "", below[at] if at < len(below) else "")
        for at in range(width)
    ]
    return tuple(" ".join(dict.fromkeys(name for name in pair if name)) for pair in pairs)


def _is_number(cell: str) -> bool:
    compact = cell.replace(".", "").replace(",", "").removeprefix("R$").strip(" %-+")
    return compact.isdigit() and not _is_year(compact)


def _is_year(cell: str) -> bool:
    """Test for what may name a column although it is a number, such as "Valor 2026"."""
    digits = "".join(c for c in cell if c.isdigit())
    return len(digits) == 4 and digits.startswith(("19", "20"))
