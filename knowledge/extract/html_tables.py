"""Tables of a web page: cells over several rows or columns are repeated in each."""

from __future__ import annotations

from selectolax.lexbor import LexborNode

from knowledge.extract import tabular
from knowledge.extract.html_walk import inline
from knowledge.types import Block, Heading, Problem, Unreadable

MAX_ROWS = 20_000
MAX_COLUMNS = 100
MAX_CELLS = 400_000
_LEVEL = 7  # of its caption: below any title of the page


def to_blocks(table: LexborNode) -> list[Block]:
    """Return the blocks of one table.

    Raises:
        Unreadable: more rows or cells than a page for people has.
    """
    rows = table.css("tr")
    if len(rows) > MAX_ROWS:
        raise Unreadable(Problem.TOO_LONG)
    pending: dict[int, tuple[str, int]] = {}  # by column: what goes on, for how many rows more
    lines: list[tabular.Line] = []
    n_cells = 0
    for row in rows:
        line, pending = _line(row, pending)
        lines.append(line)
        n_cells += len(line.cells)
        if n_cells > MAX_CELLS:
            raise Unreadable(Problem.TOO_LONG)
    blocks: list[Block] = []
    caption = table.css_first("caption")
    if caption is not None and (words := inline(caption)):
        blocks.append(Heading(level=_LEVEL, text=words))
    return [*blocks, *tabular.to_blocks(lines, level=_LEVEL)]


def _line(
    row: LexborNode, pending: dict[int, tuple[str, int]]
) -> tuple[tabular.Line, dict[int, tuple[str, int]]]:
    cells: list[str] = []
    left: dict[int, tuple[str, int]] = {}
    heads: list[bool] = []
    spans: list[int] = []

    def fill() -> None:
        while (at := len(cells)) in pending and at < MAX_COLUMNS:
            words, n_more = pending[at]
            cells.append(words)
            if n_more > 1:
                left[at] = (words, n_more - 1)

    for cell in row.iter():
        if cell.tag not in ("td", "th"):
            continue
        fill()
        words = inline(cell)
        n_columns, n_rows = _span(cell, "colspan"), _span(cell, "rowspan")
        for _ in range(min(n_columns, MAX_COLUMNS - len(cells))):
            if n_rows > 1:
                left[len(cells)] = (words, n_rows - 1)
            cells.append(words)
        if words:
            heads.append(_is_head(cell, words))
            spans.append(n_columns)
    fill()
    is_whole = len(spans) == 1 and spans[0] > 1 and spans[0] >= len(cells)
    if is_whole:
        cells = [cells[0], *("" for _ in cells[1:])]
    is_strong = bool(heads) and all(heads)
    line = tabular.Line(
        cells=tuple(cells),
        is_strong=is_strong,
        is_key=bool(heads) and heads[0] and not is_strong,
        is_whole=is_whole,
        is_group=not is_whole and any(span > 1 for span in spans),
    )
    return line, left


def _is_head(cell: LexborNode, words: str) -> bool:
    if cell.tag == "th":
        return True
    return "".join(one.text() for one in cell.css("b, strong")).split() == words.split()


def _span(cell: LexborNode, name: str) -> int:
    written = cell.attributes.get(name) or ""
    limit = MAX_COLUMNS if name == "colspan" else MAX_ROWS
    return max(1, min(int(written), limit)) if written.isascii() and written.isdigit() else 1
