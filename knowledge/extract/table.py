"""CSV: the separator, the encoding and the line of the column names are found out."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter

from knowledge import text
from knowledge.extract import decoding, tabular
from knowledge.types import Extracted, Paragraph, Problem, Row, Unreadable

SEPARATORS = ";,\t|"
N_SAMPLE = 30  # rows looked at to find the separator
MAX_ROWS = 20_000
# Excel takes the separator from a first line such as this.
_STATED = re.compile(rf'\s*"?sep=([{SEPARATORS}])"?[ ]*\n', re.IGNORECASE)


def extract(content: bytes) -> Extracted:
    """Read a table; lines above its column names become titles.

    Raises:
        Unreadable: no table in it, or more than `MAX_ROWS` rows.
    """
    source = decoding.decode(content)
    if found := _STATED.match(source):
        source = source[found.end() :]
    separator = found[1] if found else _find_separator(source)
    rows = _read(source, separator=separator, n_rows=MAX_ROWS + N_SAMPLE)
    if len(rows) > MAX_ROWS:
        raise Unreadable(Problem.TOO_LONG)
    blocks = tabular.to_blocks([tabular.Line(cells=tuple(row)) for row in rows])
    if not any(isinstance(block, Row | Paragraph) for block in blocks):
        raise Unreadable(Problem.NO_TEXT)
    return Extracted(blocks=tuple(blocks))


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
