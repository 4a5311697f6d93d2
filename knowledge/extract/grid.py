"""Tables in a PDF, by where their cells begin: pypdf gives one cell after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

# A row starts again at the left, a column of running text does so once: two tell them apart.
MIN_ROWS = 3
MIN_COLUMNS = 2
# Cells of one column begin within so many points of each other.
SAME_X = 3.0


class Placed(Protocol):
    """A line and where it stands, in points; see `layout.Line`."""

    @property
    def text(self) -> str:
        """What it says."""

    @property
    def x(self) -> float:
        """Points from the left to its beginning."""

    @property
    def y(self) -> float:
        """Points from the bottom to its foot."""

    @property
    def size(self) -> float:
        """Points that its letters are high."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; every row is as wide as the first one.

    Args:
        columns: the names of the columns; empty where the first row holds values.
        rows: the others.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


PlacedT = TypeVar("PlacedT", bound=Placed)


def find_tables(lines: Sequence[PlacedT]) -> Iterator[PlacedT | Table]:
    """Return the lines of one page in order, with runs that form a table as one table each."""
    at = 0
    while at < len(lines):
        rows, end = _read_rows(lines, at)
        if len(rows) >= MIN_ROWS:
            yield _to_table(rows)
            at = end
        else:
            yield lines[at]
            at += 1


def _read_rows(lines: Sequence[PlacedT], start: int) -> tuple[list[list[list[PlacedT]]], int]:
    """Return as many rows of the same columns as follow from `start`, and where they end."""
    rows: list[list[list[PlacedT]]] = []
    at = start
    while at < len(lines):
        row, end = _read_row(lines, at)
        if len(row) < MIN_COLUMNS or (rows and not _is_aligned(rows[0], row)):
            break
        if rows and row[0][0].y >= rows[-1][0][0].y:
            break
        rows.append(row)
        at = end
    return rows, at


def _read_row(lines: Sequence[PlacedT], start: int) -> tuple[list[list[PlacedT]], int]:
    """Return the cells of the row that may begin at `start`, and where they end.

    A cell goes on downwards at the same place; the next one is to the right and not below the
    last line; the next row is to the left and below.
    """
    cells = [[lines[start]]]
    top = lines[start].y
    at = start + 1
    while at < len(lines):
        line, last = lines[at], cells[-1][-1]
        size = max(line.size, 1.0)
        if line.x > last.x + size and last.y - size * 0.5 <= line.y <= top + size * 2:
            cells.append([line])
        elif abs(line.x - last.x) <= SAME_X and 0 < last.y - line.y <= size * 1.6:
            if len(cells) == 1 and _is_new_row(lines, at):
                break
            cells[-1].append(line)
        else:
            break
        at += 1
    return cells, at


def _is_new_row(lines: Sequence[PlacedT], at: int) -> bool:
    """Test whether the line below a first cell begins a row of its own."""
    if at + 1 >= len(lines):
        return False
    line, following = lines[at], lines[at + 1]
    return following.x > line.x + line.size and abs(following.y - line.y) <= line.size * 0.5


def _is_aligned(first: Sequence[Sequence[PlacedT]], row: Sequence[Sequence[PlacedT]]) -> bool:
    """Test whether two rows have the same columns; numbers may be set to the right."""
    if len(first) != len(row):
        return False
    n_same = sum(
        abs(one[0].x - other[0].x) <= SAME_X for one, other in zip(first, row, strict=True)
    )
    return n_same >= max(1, len(first) - 1) or n_same * 2 > len(first)


def _to_table(rows: Sequence[Sequence[Sequence[PlacedT]]]) -> Table:
    texts = [tuple(" ".join(line.text for line in cell) for cell in row) for row in rows]
    has_names = not any(c.isdigit() for cell in texts[0] for c in cell)
    if has_names:
        return Table(columns=texts[0], rows=tuple(texts[1:]))
    return Table(columns=(), rows=tuple(texts))
