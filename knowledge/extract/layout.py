"""From the lines of a PDF to blocks: running heads dropped, titles, tables and paragraphs found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from knowledge import text
from knowledge.extract import grid, lines
from knowledge.types import Block, Heading, Paragraph, Row

# A title is at least so much larger than running text.
TITLE_RATIO = 1.1
MAX_TITLE = 120
# Smaller letters are not meant for people, in points; beside them everything would be a title.
MIN_READABLE = 3.0
# Characters in a line of a document that has none to measure.
USUAL_LINE = 80
# A paragraph begins where two lines are so much further apart than usual.
PARAGRAPH_GAP = 1.35
# Lines at the edges of a page among which running heads are looked for.
N_EDGE_LINES = 3
MIN_PAGES_FOR_RUNNING_HEADS = 3
REPEATED_SHARE = 0.5
MAX_NUMBERS = 4  # in one running head

_PAGE_NUMBER = re.compile(r"^(?:p[áa]g(?:ina|\.)?\s*)?#(?:\s*(?:de|/|of)\s*#)?$", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,6}")
_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,3})[.)]?\s+[^\W\d_].{1,90}$")
_NAMED = re.compile(
    r"^(cap[íi]tulo|t[íi]tulo|se[çc][ãa]o|cl[áa]usula|anexo|parte)\s+"
    r"(?:[ivxlc]+|\d+[ªºa]?)\b.{0,100}$",
    re.IGNORECASE,
)
_BROKEN = re.compile(r"\w[-\u2010]$")
_ARTICLE = re.compile(r"^(?:art\.?|artigo|§|par[áa]grafo)\s", re.IGNORECASE)

# Levels need only be in order: what is large, then what is named, then what is numbered.
_NAMED_LEVEL = 40
_NUMBERED_LEVEL = 50
_BOLD_LEVEL = 90


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is set.

    Args:
        x: of its left end, in points from the left.
        y: of its foot, in points from the bottom.
        size: of its letters, in points.
        is_split: it stands on the same line as the one before, some way to the right of it.
    """

    text: str
    x: float
    y: float
    size: float
    is_bold: bool
    is_split: bool = False

    def extended(self, more: str) -> Line:
        """Return the line with `more` at its end."""
        return replace(self, text=self.text + more)

    def cleaned(self) -> Line:
        """Return the line in composed letters; a hyphen that was only for the break is marked."""
        # Writers put a soft hyphen there, readers U+FFFE or U+0002; clean() would drop all three.
        marked = re.sub("[\u00ad\ufffe\x02]\\s*$", "\u2010", self.text)
        marked = re.sub("[\u00ad\ufffe\x02]", "", marked)
        return replace(self, text=text.one_line(text.clean(marked)))


@dataclass(frozen=True, slots=True)
class PageLines:
    """One page, numbered from 1."""

    number: int
    lines: list[Line]


def to_blocks(pages: Sequence[PageLines]) -> list[Block]:
    """Return the blocks of a document in reading order."""
    pieces = [
        (page.number, _without_gaps(grid.find_tables(page.lines)))
        for page in without_running_heads(pages)
    ]
    # Tables are often set smaller: what their letters measure says nothing about running text.
    sizes = _Sizes([[p for p in on_page if isinstance(p, Line)] for _, on_page in pieces])
    builder = _Builder(sizes)
    columns: tuple[str, ...] = ()
    for number, on_page in pieces:
        for piece in on_page:
            if isinstance(piece, grid.Table):
                columns = builder.add_table(piece, page=number, before=columns)
            else:
                builder.add_line(piece, page=number)
    builder.flush()
    return builder.blocks


def _without_gaps(pieces: Iterable[Line | grid.Table]) -> list[Line | grid.Table]:
    """Join what stands on one line outside of tables: the gap in it means nothing."""
    joined: list[Line | grid.Table] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if isinstance(piece, Line) and piece.is_split and isinstance(last, Line):
            joined[-1] = last.extended(f" {piece.text}")
        else:
            joined.append(piece)
    return joined


def without_running_heads(pages: Sequence[PageLines]) -> list[PageLines]:
    """Return the pages without page numbers and lines that most pages repeat at their edges.

    Only the edges are looked at, and only the number of the page may differ: the rows of a table
    look alike on every page too, and one of its cells may be a lone number.
    """
    counts: Counter[str] = Counter()
    for page in pages:
        counts.update({shape for at in _edges(page) for shape in _shapes(page, at)})
    n_pages = sum(1 for page in pages if page.lines)
    needed = max(MIN_PAGES_FOR_RUNNING_HEADS, n_pages * REPEATED_SHARE)
    repeated = {shape for shape, n in counts.items() if n >= needed}
    kept: list[PageLines] = []
    for page in pages:
        dropped = {
            at
            for at in _edges(page)
            if not repeated.isdisjoint(_shapes(page, at)) or _is_page_number(page, at)
        }
        lines_left = [line for at, line in enumerate(page.lines) if at not in dropped]
        kept.append(replace(page, lines=lines_left))
    return kept


def _edges(page: PageLines) -> set[int]:
    """Return where the first and the last lines of a page stand in it."""
    n_lines = len(page.lines)
    return {at for at in range(n_lines) if at < N_EDGE_LINES or at >= n_lines - N_EDGE_LINES}


def _shapes(page: PageLines, at: int) -> set[str]:
    """Return a line as it is, and with each number in it counted from the page's own."""
    words = page.lines[at].text.strip()
    shapes = {words}
    for found in list(_NUMBER.finditer(words))[:MAX_NUMBERS]:
        offset = int(found[0]) - page.number
        shapes.add(f"{words[: found.start()]}#{offset}{words[found.end() :]}")
    return shapes


def _is_page_number(page: PageLines, at: int) -> bool:
    """Test for the number of a page alone at the very edge; a bare one must be near its page's."""
    words = page.lines[at].text.strip()
    if not _PAGE_NUMBER.match(re.sub(r"\d+", "#", words)):
        return False
    is_outermost = at in (0, len(page.lines) - 1)
    return not words.isdigit() or (is_outermost and int(words[:6]) == page.number)


class _Sizes:
    """What sizes of letters mean in one document."""

    def __init__(self, pages: Sequence[Sequence[Line]]) -> None:
        n_characters: Counter[float] = Counter()
        bold: Counter[bool] = Counter()
        lengths: list[int] = []
        for page in pages:
            for line in page:
                if line.size >= MIN_READABLE or not line.size:
                    n_characters[round(line.size, 1)] += len(line.text)
                bold[line.is_bold] += len(line.text)
                lengths.append(len(line.text))
        self.body = max(n_characters, key=lambda size: n_characters[size]) if n_characters else 0.0
        larger = sorted((s for s in n_characters if s > self.body * TITLE_RATIO), reverse=True)
        self.levels = {size: level for level, size in enumerate(larger, start=1)}
        # Where most is bold, bold says nothing.
        self.bold_means_title = bold[True] < bold[False]
        gaps = sorted(
            above.y - below.y
            for page in pages
            for above, below in pairwise(page)
            if 0 < above.y - below.y < 3 * max(above.size, 1.0)
        )
        self.leading = gaps[len(gaps) // 2] if gaps else 0.0
        lengths.sort()
        usual = lengths[int(len(lengths) * 0.9)] if lengths else USUAL_LINE
        self.full_line = max(20, int(usual * 0.75))

    def level(self, line: Line) -> int | None:
        """Return the level of the title that `line` is; None for running text."""
        if len(line.text) > MAX_TITLE or _ARTICLE.match(line.text):
            return None
        size_level = self.levels.get(round(line.size, 1)) if self.body else None
        if _NAMED.match(line.text) and not line.text.endswith((".", ";", ",")):
            return _NAMED_LEVEL
        if found := _NUMBERED.match(line.text):
            is_set_apart = size_level is not None or (line.is_bold and self.bold_means_title)
            if is_set_apart or _looks_numbered(line.text):
                return _NUMBERED_LEVEL + found[1].count(".")
        if size_level is not None:
            return size_level
        if line.is_bold and self.bold_means_title and not line.text.endswith((".", ";", ",")):
            return _BOLD_LEVEL if len(line.text) <= MAX_TITLE // 2 else None
        return None


def _looks_numbered(line: str) -> bool:
    """Test a numbered line without a look of its own: a short title, no sentence or list item."""
    return len(line) <= 72 and line.rsplit(maxsplit=1)[-1][-1] not in ".;:,"


class _Builder:
    """Collects lines into paragraphs and titles, over the ends of pages."""

    def __init__(self, sizes: _Sizes) -> None:
        self.blocks: list[Block] = []
        self._sizes = sizes
        self._open: list[str] = []
        self._page: int | None = None
        self._title: tuple[Line, int] | None = None
        self._last: tuple[Line, int] | None = None

    def add_line(self, line: Line, *, page: int) -> None:
        level = self._sizes.level(line)
        if level is None:
            self._title = None
            if self._open and self._begins_anew(line, page=page):
                self.flush()
            if not self._open:
                self._page = page
            self._open.append(line.text)
            self._last = (line, page)
            return
        self.flush()
        if self._title and self._is_second_line(line, level):
            last = self.blocks.pop()
            joined = text.one_line(f"{last.text} {line.text}") if isinstance(last, Heading) else ""
            self.blocks.append(Heading(level=level, text=joined, page=page))
        else:
            self.blocks.append(Heading(level=level, text=line.text, page=page))
        self._title = (line, level)

    def add_table(
        self, table: grid.Table, *, page: int, before: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Add the rows of a table; `before` are the names of the previous one.

        Returns the names of this one, for a table that goes on over a page has them once.
        """
        self.flush()
        self._title = None
        names, rows = table.columns, table.rows
        if not names and len(before) == len(rows[0]):
            names = before
        self.blocks.extend(Row(columns=names, cells=row, page=page) for row in rows)
        return names

    def flush(self) -> None:
        """End the paragraph that is open."""
        joined = _dehyphenate(self._open)
        for paragraph in lines.unwrap(joined, full=self._sizes.full_line):
            if paragraph := text.one_line(paragraph.replace("\u2010", "-")):
                self.blocks.append(Paragraph(text=paragraph, page=self._page))
        self._open = []

    def _begins_anew(self, line: Line, *, page: int) -> bool:
        if _ARTICLE.match(line.text):
            return True
        if not self._last or self._last[1] != page:
            return self._open[-1].endswith((".", "!", "?"))
        if not self._sizes.leading:
            return False
        return self._last[0].y - line.y > self._sizes.leading * PARAGRAPH_GAP

    def _is_second_line(self, line: Line, level: int) -> bool:
        """Test whether a title is broken over two lines."""
        assert self._title is not None  # noqa: S101 - asked by the only caller
        last, last_level = self._title
        return (
            level == last_level
            and level < _NAMED_LEVEL
            and abs(last.size - line.size) < 0.1
            and 0 < last.y - line.y <= line.size * 2.2
        )


def _dehyphenate(parts: Sequence[str]) -> Iterator[str]:
    """Join words that were broken at the end of a line."""
    held = ""
    for part in parts:
        if held and part[0].islower():
            line = held[:-1] + part
        else:
            if held:
                yield held
            line = part
        held = line if _BROKEN.search(line) else ""
        if not held:
            yield line
    if held:
        yield held
