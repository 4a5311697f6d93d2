"""CSV: the separator, the encoding and the line of the column names are found out."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence

from knowledge import text
from knowledge.extract import decoding
from knowledge.types import Block, Extracted, Heading, Paragraph, Problem, Row, Unreadable

SEPARATORS = ";,\t|"
# Rows looked at to find the separator and the names; a preamble is seldom longer.
N_SAMPLE = 30
MAX_ROWS = 20_000
_QUESTION_NAMES = {"pergunta", "perguntas", "question", "duvida"}
_ANSWER_NAMES = {"resposta", "respostas", "answer"}


def extract(content: bytes) -> Extracted:
    """Read a table; lines above its column names become titles.

    Raises:
        Unreadable: no table in it, or more than `MAX_ROWS` rows.
    """
    source = decoding.decode(content)
    rows = _read(source, separator=_find_separator(source), n_rows=MAX_ROWS + N_SAMPLE)
    if len(rows) > MAX_ROWS:
        raise Unreadable(Problem.TOO_LONG)
    if not rows:
        raise Unreadable(Problem.NO_TEXT)
    names_at = _find_names(rows)
    blocks: list[Block] = [
        Heading(level=2, text=" ".join(cell for cell in row if cell))
        for row in rows[: max(names_at, 0)]
    ]
    names = rows[names_at] if names_at >= 0 else []
    for row in rows[names_at + 1 :]:
        blocks.extend(_pair(names, row) or [_row(names, row)])
    if not any(isinstance(block, Row | Paragraph) for block in blocks):
        raise Unreadable(Problem.NO_TEXT)
    return Extracted(blocks=tuple(blocks))


def _pair(names: Sequence[str], cells: Sequence[str]) -> list[Block]:
    """Return a question and its answer where the columns are named so."""
    if len(names) != 2 or len(cells) != 2 or not all(cells):
        return []
    first, second = (text.fold(name) for name in names)
    if first in _QUESTION_NAMES and second in _ANSWER_NAMES:
        return [Heading(level=3, text=cells[0]), Paragraph(text=cells[1])]
    return []


def _row(names: Sequence[str], cells: Sequence[str]) -> Block:
    if sum(1 for cell in cells if cell) == 1 and len(names) != 1:
        # A note below the table, or a section between its rows.
        return Paragraph(text=next(cell for cell in cells if cell))
    return Row(columns=tuple(names), cells=tuple(cells))


def _read(source: str, *, separator: str, n_rows: int) -> list[list[str]]:
    """Return the rows that hold anything, cells on one line each."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(source), delimiter=separator):
            cells = [text.one_line(cell) for cell in row]
            if any(cells):
                rows.append(cells)
            if len(rows) >= n_rows:
                break
    except csv.Error as error:
        raise Unreadable(Problem.CSV_DAMAGED) from error
    return rows


def _find_separator(source: str) -> str:
    """Return the separator that makes the most rows of one width, wider ones first."""
    # Bytes of the sample, not lines: a quoted cell may hold line breaks.
    sample = source[:50_000]
    best, best_score = ";", (0.0, 0)
    for separator in SEPARATORS:
        try:
            rows = _read(sample, separator=separator, n_rows=N_SAMPLE)
        except Unreadable:
            continue
        widths = Counter(len(row) for row in rows if len(row) > 1)
        if not widths:
            continue
        width, n_rows = max(widths.items(), key=lambda item: (item[1], item[0]))
        score = (round(n_rows / len(rows), 1), width)
        if score > best_score:
            best, best_score = separator, score
    return best


def _find_names(rows: Sequence[Sequence[str]]) -> int:
    """Return where the column names stand; -1 when every row is data."""
    widths = Counter(_n_filled(row) for row in rows[:N_SAMPLE])
    usual = max(widths, key=lambda width: (widths[width], width))
    for at, row in enumerate(rows[:N_SAMPLE]):
        if _n_filled(row) >= max(1, usual * 0.6):
            names = [cell for cell in row if cell]
            is_data = any(_is_number(name) for name in names) or len(rows) == 1
            return -1 if is_data or len(set(names)) < len(names) else at
    return -1


def _n_filled(row: Sequence[str]) -> int:
    return sum(1 for cell in row if cell)


def _is_number(cell: str) -> bool:
    compact = cell.replace(".", "").replace(",", "").removeprefix("R$").strip(" %-+")
    # A year may name a column.
    return compact.isdigit() and not (len(compact) == 4 and compact.startswith(("19", "20")))
