"""DOCX: titles, paragraphs, lists and tables of the body, in order; nothing that is hidden."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from knowledge import text
from knowledge.extract import tabular
from knowledge.extract.docx_styles import Look, Numbering, Styles, is_on
from knowledge.extract.package import Package
from knowledge.types import Block, Extracted, Heading, Paragraph, Problem, Unreadable

MAX_TITLE = 120
TITLE_RATIO = 1.15  # of a title's letters to those of running text
MAX_CHARACTERS = 5_000_000
MAX_COLUMNS = 100
MAX_NESTED = 20  # tables and text boxes inside each other
# Titles by style come first, then those that only look like one.
_SIZE_LEVEL = 50
_BOLD_LEVEL = 90

_PROPERTIES = {"pPr", "rPr", "tcPr", "trPr", "tabs", "numPr"}
_SIGNS = {"tab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
# Not meant to be read: what was deleted, and the second form of a drawing for old programs.
_SKIPPED = {"del", "moveFrom", "Fallback", "instrText", "delText", "pPrChange", "rPrChange"}


def extract(content: bytes) -> Extracted:
    """Read a Word document.

    Raises:
        Unreadable: no such document, protected, or without text.
    """
    package = Package(content, problem=Problem.DOCX_DAMAGED)
    main = package.main_part("word/document.xml")
    related = package.relations(main)
    parts = dict(related.values())
    styles = Styles.read(package, parts.get("styles", ""))
    numbering = Numbering.read(package, parts.get("numbering", ""))
    links = {key: target for key, (kind, target) in related.items() if kind == "hyperlink"}
    reader = _Reader(styles, numbering, links)
    for what, name, attributes in package.events(main):
        reader.feed(what, name, attributes)
    if not reader.is_word:
        raise Unreadable(Problem.DOCX_DAMAGED)
    blocks = _with_titles(reader.pieces)
    if not blocks:
        raise Unreadable(Problem.NO_TEXT)
    return Extracted(blocks=tuple(blocks))


@dataclass(slots=True)
class _Text:
    """A paragraph as it is set.

    Args:
        level: of the title that its style says it is; None for running text.
        size: of most of its letters, in points; 0 where nothing says.
        number: what its list puts before it.
    """

    parts: list[str] = field(default_factory=list)
    look: Look = field(default_factory=Look)
    level: int | None = None
    number: str = ""
    is_item: bool = False
    is_skipped: bool = False
    n_characters: int = 0
    n_bold: int = 0
    sizes: Counter[float] = field(default_factory=Counter)

    @property
    def size(self) -> float:
        return max(self.sizes, key=lambda size: self.sizes[size], default=0.0)

    @property
    def is_bold(self) -> bool:
        return 0 < self.n_characters == self.n_bold

    def lines(self) -> list[str]:
        """Return its text; a break that its writer set ends a line."""
        whole = text.clean("".join(self.parts))
        found = [line for part in whole.split("\n") if (line := text.one_line(part))]
        if found and self.number:
            found[0] = f"{self.number} {found[0]}"
        return found


@dataclass(slots=True)
class _Cell:
    texts: list[_Text] = field(default_factory=list)
    span: int = 1
    is_continued: bool = False  # of the cell above

    @property
    def words(self) -> str:
        return text.one_line(" ".join(line for one in self.texts for line in one.lines()))

    @property
    def is_bold(self) -> bool:
        written = [one for one in self.texts if one.n_characters]
        return bool(written) and all(one.is_bold for one in written)


@dataclass(slots=True)
class _TableRow:
    cells: list[_Cell] = field(default_factory=list)
    is_head: bool = False


@dataclass(slots=True)
class _Table:
    rows: list[_TableRow] = field(default_factory=list)


class _Reader:
    """Collects paragraphs and tables from the events of the document's XML."""

    def __init__(self, styles: Styles, numbering: Numbering, links: dict[str, str]) -> None:
        self.pieces: list[_Text | _Table] = []
        self.is_word = False
        self._styles = styles
        self._numbering = numbering
        self._links = links
        self._skip = 0
        self._texts: list[_Text] = []
        self._tables: list[_Table] = []
        self._where: list[str] = []  # pPr, rPr and their like that are open
        self._run = Look()
        self._is_text = False
        self._link: tuple[str, int] | None = None
        self._list: tuple[str, int] | None = None
        self._n_characters = 0

    def feed(self, what: str, name: str, attributes: dict[str, str]) -> None:
        """Take the next event."""
        if what == "text":
            if self._is_text and not self._skip:
                self._write(name)
        elif what == "start":
            if self._skip or name in _SKIPPED:
                self._skip += 1
            else:
                self._start(name, attributes)
        elif self._skip:
            self._skip -= 1
        else:
            self._end(name)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name:
            case "document":
                self.is_word = True
            case "p":
                self._open_paragraph()
            case "r":
                self._run = self._texts[-1].look if self._texts else Look()
            case "t":
                self._is_text = True
            case "tab" | "br" | "cr" | "noBreakHyphen":
                self._write("" if "tabs" in self._where else _SIGNS[name])
            case "hyperlink":
                target = self._links.get(attributes.get("id", ""), "")
                self._link = (target, len(self._texts[-1].parts)) if self._texts else None
            case "tbl" | "tr" | "tc":
                self._open_table(name)
            case _ if name in _PROPERTIES:
                self._where.append(name)
            case _ if self._where:
                self._property(name, attributes.get("val", ""), attributes)

    def _open_paragraph(self) -> None:
        if len(self._texts) > MAX_NESTED:
            raise Unreadable(Problem.TOO_COMPLEX)
        self._texts.append(_Text(look=self._styles.default))
        self._list = None

    def _open_table(self, name: str) -> None:
        if name == "tbl":
            if len(self._tables) > MAX_NESTED:
                raise Unreadable(Problem.TOO_COMPLEX)
            self._tables.append(_Table())
        elif name == "tr" and self._tables:
            self._tables[-1].rows.append(_TableRow())
        elif self._tables and self._tables[-1].rows:
            self._tables[-1].rows[-1].cells.append(_Cell())

    def _property(self, name: str, value: str, attributes: dict[str, str]) -> None:
        inside = self._where
        if inside[-1] in ("tcPr", "trPr"):
            self._table_property(name, value, attributes)
        elif inside[-1] == "numPr":
            held = self._list or ("", 0)
            if name == "numId":
                self._list = (value, held[1])
            elif name == "ilvl" and value.isdecimal():
                self._list = (held[0], int(value))
        elif "pPr" not in inside:
            self._run = self._run.changed(name, attributes)
        elif inside[-1] == "pPr" and self._texts:
            self._paragraph_property(name, value)

    def _paragraph_property(self, name: str, value: str) -> None:
        paragraph = self._texts[-1]
        if name == "pStyle":
            style = self._styles.get(value)
            paragraph.look, paragraph.level = style.look, style.level
            paragraph.is_skipped = style.is_contents
            self._list = self._list or style.list
        elif name == "outlineLvl" and value.isdecimal() and int(value) < 9:
            paragraph.level = int(value) + 2

    def _table_property(self, name: str, value: str, attributes: dict[str, str]) -> None:
        if not self._tables or not self._tables[-1].rows:
            return
        row = self._tables[-1].rows[-1]
        if name == "tblHeader":
            row.is_head = is_on(attributes)
        elif row.cells and name == "gridSpan" and value.isdecimal():
            row.cells[-1].span = min(int(value), MAX_COLUMNS)
        elif row.cells and name == "vMerge":
            row.cells[-1].is_continued = value != "restart"

    def _end(self, name: str) -> None:
        match name:
            case "t":
                self._is_text = False
            case "p" if self._texts:
                self._close_paragraph(self._texts.pop())
            case "hyperlink":
                self._close_link()
            case "tbl" if self._tables:
                self._close_table(self._tables.pop())
            case _ if name in _PROPERTIES and self._where:
                self._where.pop()
                if name == "pPr":
                    self._number()

    def _number(self) -> None:
        if self._list is None or not self._texts:
            return
        paragraph = self._texts[-1]
        number = self._numbering.next(*self._list)
        paragraph.is_item = number is not None
        paragraph.number = number or ""

    def _write(self, words: str) -> None:
        if not self._texts or not self._run.is_read:
            return
        paragraph = self._texts[-1]
        paragraph.parts.append(words)
        n = len(words.strip())
        paragraph.n_characters += n
        paragraph.n_bold += n if self._run.is_bold else 0
        paragraph.sizes[self._run.size] += n
        self._n_characters += len(words)
        if self._n_characters > MAX_CHARACTERS:
            raise Unreadable(Problem.TOO_LONG)

    def _close_link(self) -> None:
        if self._link and self._texts:
            target, start = self._link
            shown = "".join(self._texts[-1].parts[start:])
            is_web = target.startswith(("http://", "https://"))
            if is_web and shown.strip() and target.rstrip("/") not in shown:
                self._texts[-1].parts.append(f" ({target})")
        self._link = None

    def _close_paragraph(self, paragraph: _Text) -> None:
        if paragraph.is_skipped or not paragraph.n_characters:
            return
        table = self._tables[-1] if self._tables else None
        if table and table.rows and table.rows[-1].cells:
            table.rows[-1].cells[-1].texts.append(paragraph)
        else:
            self.pieces.append(paragraph)

    def _close_table(self, table: _Table) -> None:
        outer = self._tables[-1] if self._tables else None
        if outer and outer.rows and outer.rows[-1].cells:
            # Read as text of the cell that it stands in.
            inner = [one for row in table.rows for cell in row.cells for one in cell.texts]
            outer.rows[-1].cells[-1].texts.extend(inner)
        else:
            self.pieces.append(table)


def _with_titles(pieces: list[_Text | _Table]) -> list[Block]:
    """Return the blocks; what only looks like a title is one where running text looks otherwise."""
    sizes: Counter[float] = Counter()
    n_bold = n_characters = 0
    for piece in pieces:
        if isinstance(piece, _Text):
            sizes.update(piece.sizes)
            n_bold += piece.n_bold
            n_characters += piece.n_characters
    body = max(sizes, key=lambda size: sizes[size], default=0.0)
    larger = sorted((s for s in sizes if body and s > body * TITLE_RATIO), reverse=True)
    levels = {size: _SIZE_LEVEL + at for at, size in enumerate(larger)}
    bold_level = _BOLD_LEVEL if n_bold * 2 < n_characters else None
    blocks: list[Block] = []
    for piece in pieces:
        if isinstance(piece, _Text):
            blocks.extend(_text_blocks(piece, levels, bold_level))
        else:
            blocks.extend(_table_blocks(piece))
    return blocks


def _text_blocks(piece: _Text, levels: dict[float, int], bold_level: int | None) -> Iterator[Block]:
    lines = piece.lines()
    whole = " ".join(lines)
    level = piece.level
    is_short = len(whole) <= MAX_TITLE and not whole.endswith((".", ";", ",", ":"))
    if level is None and is_short and not piece.is_item:
        level = levels.get(piece.size, bold_level if piece.is_bold else None)
    if level is not None and len(whole) <= 2 * MAX_TITLE:
        yield Heading(level=level, text=whole)
    else:
        yield from (Paragraph(text=line) for line in lines)


def _table_blocks(table: _Table) -> list[Block]:
    grid: list[tabular.Line] = []
    above: list[str] = []
    for row in table.rows:
        cells: list[str] = []
        for cell in row.cells:
            words = cell.words
            for _ in range(cell.span):
                at = len(cells)
                is_continued = cell.is_continued and not words and at < len(above)
                cells.append(above[at] if is_continued else words)
        above = cells = cells[:MAX_COLUMNS]
        grid.append(_line(row, tuple(cells)))
    return tabular.to_blocks(grid)


def _line(row: _TableRow, cells: tuple[str, ...]) -> tabular.Line:
    written = [cell for cell in row.cells if cell.words]
    is_whole = len(written) == 1 and written[0].span > 1 and written[0].span >= len(cells)
    if is_whole:
        cells = (written[0].words, *("" for _ in cells[1:]))
    is_strong = row.is_head or (bool(written) and all(cell.is_bold for cell in written))
    first_bold = bool(row.cells) and row.cells[0].is_bold
    return tabular.Line(
        cells=cells,
        is_strong=is_strong,
        is_key=first_bold and not is_strong,
        is_whole=is_whole,
        is_group=not is_whole and any(cell.span > 1 for cell in written),
    )
