"""XLSX: the sheets that are shown, cells as they are displayed, formulas by their last result."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from knowledge import chunking, text
from knowledge.extract import number_format, tabular
from knowledge.extract.package import Package
from knowledge.types import Block, Extracted, Heading, Paragraph, Problem, Row, Unreadable

MAX_SHEETS = 200
MAX_ROWS = 20_000  # over all sheets
MAX_COLUMNS = 200
MAX_CELLS = 400_000
MAX_STRINGS = 1_000_000
MAX_STYLES = 100_000
MAX_MERGES = 50_000

_PLACE = re.compile(r"^\$?([A-Z]{1,3})\$?(\d{1,7})$")
_PRICE_NAME = re.compile(r"\b(?:preco|precos|price|prices|valor|valores|mensalidade|custo)\b|r\$")
_PLAIN_NUMBER = re.compile(r"^\d+(?:,\d{1,2})?$")
_DATE = re.compile(r"^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d))?")
_TRUTH = {"1": "sim", "0": "não"}


def extract(content: bytes) -> Extracted:
    """Read a workbook; the name of each sheet is the title of what stands in it.

    Raises:
        Unreadable: no workbook, protected, too large, or nothing shown in it.
    """
    package = Package(content, problem=Problem.XLSX_DAMAGED)
    book = _Book.read(package)
    blocks: list[Block] = []
    hidden: list[str] = []
    n_hidden = n_cells = n_rows = 0
    for name, part, is_hidden in book.sheets:
        if is_hidden:
            hidden.append(name)
            continue
        sheet = _Sheet()
        reader = _SheetReader(book, sheet, n_cells=n_cells)
        for event in package.events(part):
            reader.feed(*event)
        n_cells = reader.n_cells
        n_hidden += sheet.drop_hidden()
        lines = sheet.lines()
        n_rows += len(lines)
        if n_rows > MAX_ROWS:
            raise Unreadable(Problem.TOO_LONG)
        if found := list(_sheet_blocks(lines)):
            blocks.extend([Heading(level=1, text=text.one_line(text.clean(name))), *found])
    if not any(isinstance(block, Paragraph | Row) for block in blocks):
        raise Unreadable(Problem.NO_TEXT)
    return Extracted(blocks=tuple(blocks), hidden_sheets=tuple(hidden), n_hidden=n_hidden)


@dataclass(slots=True)
class _Font:
    is_bold: bool = False
    is_struck: bool = False

    def take(self, name: str, attributes: dict[str, str]) -> None:
        """Take over what the file says of it."""
        if name == "b":
            self.is_bold = _is_on(attributes)
        elif name == "strike":
            self.is_struck = _is_on(attributes)


@dataclass(slots=True)
class _Book:
    """What all sheets share.

    Args:
        sheets: name, part, and whether it is hidden.
        formats: of each style, the code of its number format and its letters.
    """

    sheets: list[tuple[str, str, bool]] = field(default_factory=list)
    strings: list[str] = field(default_factory=list)
    formats: list[tuple[str, _Font]] = field(default_factory=list)
    is_1904: bool = False

    @classmethod
    def read(cls, package: Package) -> _Book:
        main = package.main_part("xl/workbook.xml")
        relations = package.relations(main)
        book = cls()
        is_book = False
        for what, name, attributes in package.events(main):
            if what != "start":
                continue
            is_book = is_book or name == "workbook"
            if name == "workbookPr":
                book.is_1904 = attributes.get("date1904") in ("1", "true")
            elif name == "sheet":
                kind, part = relations.get(attributes.get("id", ""), ("", ""))
                if kind == "worksheet" and package.has(part):
                    is_hidden = attributes.get("state", "visible") != "visible"
                    book.sheets.append((attributes.get("name", ""), part, is_hidden))
        if not is_book or len(book.sheets) > MAX_SHEETS:
            raise Unreadable(Problem.TOO_COMPLEX if is_book else Problem.XLSX_DAMAGED)
        parts = dict(relations.values())
        book.strings = list(_strings(package, parts.get("sharedStrings", "")))
        book.formats = list(_formats(package, parts.get("styles", "")))
        return book


def _strings(package: Package, part: str) -> Iterator[str]:
    """Return the texts that cells refer to, without what is crossed out in them.

    How to pronounce them (rPh) is left out.
    """
    pieces: list[str] = []
    n_strings = n_phonetic = 0
    is_text = is_struck = False
    for what, name, attributes in package.events(part) if package.has(part) else ():
        if what == "text":
            if is_text and not n_phonetic and not is_struck:
                pieces.append(name)
            continue
        is_start = what == "start"
        if name == "t":
            is_text = is_start
        elif name in ("r", "strike") and is_start:
            is_struck = name == "strike" and _is_on(attributes)
        elif name == "rPh":
            n_phonetic += 1 if is_start else -1
        elif name == "si" and is_start:
            pieces, is_struck = [], False
        elif name == "si":
            n_strings += 1
            if n_strings > MAX_STRINGS:
                raise Unreadable(Problem.TOO_COMPLEX)
            yield "".join(pieces)


def _formats(package: Package, part: str) -> Iterator[tuple[str, _Font]]:
    codes = dict(number_format.BUILT_IN)
    fonts: list[_Font] = []
    where = ""
    n_styles = 0
    for what, name, attributes in package.events(part) if package.has(part) else ():
        if what == "end" and name in ("fonts", "cellXfs"):
            where = ""
        if what != "start":
            continue
        if name in ("fonts", "cellXfs"):
            where = name
        elif name == "numFmt" and attributes.get("numFmtId", "").isdecimal():
            codes[int(attributes["numFmtId"])] = attributes.get("formatCode", "General")
        elif name == "font" and where == "fonts":
            fonts.append(_Font())
        elif fonts and where == "fonts":
            fonts[-1].take(name, attributes)
        elif name == "xf" and where == "cellXfs":
            n_styles += 1
            if n_styles > MAX_STYLES:
                raise Unreadable(Problem.TOO_COMPLEX)
            font, code = _number(attributes.get("fontId")), _number(attributes.get("numFmtId"))
            yield codes.get(code, "General"), fonts[font] if font < len(fonts) else _Font()


def _is_on(attributes: dict[str, str]) -> bool:
    return attributes.get("val", "1") not in ("0", "false")


def _number(written: str | None) -> int:
    return int(written) if written and written.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class _Value:
    words: str
    is_bold: bool


@dataclass(slots=True)
class _Sheet:
    """The cells of one sheet by row and column, from 0."""

    cells: dict[int, dict[int, _Value]] = field(default_factory=dict)
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)

    def drop_hidden(self) -> int:
        """Remove what its writer has hidden; return how many rows and columns held anything."""
        rows = [row for row in self.hidden_rows if self.cells.pop(row, None)]
        columns = set()
        for cells in self.cells.values():
            columns |= {at for at in self.hidden_columns if cells.pop(at, None)}
        return len(rows) + len(columns)

    def lines(self) -> list[tabular.Line | None]:
        """Return the rows in order; None where one or more rows are empty."""
        used = {at: cells for at, cells in self.cells.items() if cells}
        if not used:
            return []
        columns = sorted({at for cells in used.values() for at in cells})
        whole, group = self._fill(used, columns)
        lines: list[tabular.Line | None] = []
        last: int | None = None
        for at in sorted(used):
            if last is not None and at > last + 1:
                lines.append(None)
            last = at
            lines.append(_line(used[at], columns, is_whole=at in whole, is_group=at in group))
        return lines

    def _fill(
        self, used: dict[int, dict[int, _Value]], columns: list[int]
    ) -> tuple[set[int], set[int]]:
        """Repeat merged cells in all rows and columns that they cover.

        Returns the rows that are one cell over several columns, and those with other such cells.
        """
        whole: set[int] = set()
        group: set[int] = set()
        for top, left, bottom, right in self.merges:
            value = used.get(top, {}).get(left)
            if value is None:
                continue
            covered = [at for at in columns if left <= at <= right]
            if len(covered) > 1 and len(used[top]) == 1:
                whole.add(top)
                covered = covered[:1]
            elif len(covered) > 1:
                group.add(top)
            for row in [at for at in used if top <= at <= bottom] if bottom > top else [top]:
                for at in covered:
                    used[row].setdefault(at, value)
        return whole, group


def _line(
    cells: dict[int, _Value], columns: list[int], *, is_whole: bool, is_group: bool
) -> tabular.Line:
    written = [cells[at] for at in columns if at in cells and cells[at].words]
    is_strong = bool(written) and all(value.is_bold for value in written)
    return tabular.Line(
        cells=tuple(cells[at].words if at in cells else "" for at in columns),
        is_strong=is_strong,
        is_key=bool(written) and written[0].is_bold and not is_strong,
        is_whole=is_whole,
        is_group=is_group,
    )


class _SheetReader:
    """Collects the cells of one sheet from the events of its XML."""

    def __init__(self, book: _Book, sheet: _Sheet, *, n_cells: int) -> None:
        self.n_cells = n_cells
        self._book = book
        self._sheet = sheet
        self._row = -1
        self._column = -1
        self._cell: dict[str, str] = {}
        self._words: list[str] | None = None
        self._is_struck = False
        self._value = ""

    def feed(self, what: str, name: str, attributes: dict[str, str]) -> None:
        """Take the next event."""
        if what == "text":
            if self._words is not None and not self._is_struck:
                self._words.append(name)
        elif what == "start":
            self._start(name, attributes)
        elif name in ("v", "t") and self._words is not None:
            self._value += "".join(self._words)
            self._words = None
        elif name == "c":
            self._close_cell()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name:
            case "col":
                self._hide_columns(attributes)
            case "row":
                row = _number(attributes.get("r"))
                self._row, self._column = (row - 1 if row else self._row + 1), -1
                if attributes.get("hidden") in ("1", "true"):
                    self._sheet.hidden_rows.add(self._row)
            case "c":
                place = _place(attributes.get("r", ""))
                self._row, self._column = place or (self._row, self._column + 1)
                self._cell, self._value, self._is_struck = attributes, "", False
            case "r" | "strike":
                self._is_struck = name == "strike" and _is_on(attributes)
            case "v" | "t":
                self._words = []
            case "mergeCell" if len(self._sheet.merges) < MAX_MERGES:
                first, _, last = attributes.get("ref", "").partition(":")
                one, other = _place(first), _place(last)
                if one and other:
                    self._sheet.merges.append((*one, *other))

    def _hide_columns(self, attributes: dict[str, str]) -> None:
        if attributes.get("hidden") in ("1", "true"):
            first, last = _number(attributes.get("min")), _number(attributes.get("max"))
            self._sheet.hidden_columns.update(range(first - 1, min(last, MAX_COLUMNS)))

    def _close_cell(self) -> None:
        if not self._value.strip() or self._column >= MAX_COLUMNS:
            return
        style = _number(self._cell.get("s"))
        formats = self._book.formats
        code, font = formats[style] if style < len(formats) else ("General", _Font())
        if font.is_struck:
            return
        words = text.one_line(text.clean(self._shown(self._cell.get("t", "n"), code)))
        if not words:
            return
        self.n_cells += 1
        if self.n_cells > MAX_CELLS:
            raise Unreadable(Problem.TOO_LONG)
        self._sheet.cells.setdefault(self._row, {})[self._column] = _Value(words, font.is_bold)

    def _shown(self, kind: str, code: str) -> str:
        value = self._value.strip()
        match kind:
            case "s":
                at = _number(value)
                return self._book.strings[at] if at < len(self._book.strings) else ""
            case "b":
                return _TRUTH.get(value, "")
            case "e":
                return ""
            case "d":
                found = _DATE.match(value)
                day = f"{found[3]}/{found[2]}/{found[1]}" if found else value
                return f"{day} {found[4]}" if found and found[4] else day
            case "n":
                return self._number(value, code)
            case _:
                return self._value

    def _number(self, value: str, code: str) -> str:
        try:
            number = float(value)
        except ValueError:
            return ""
        if not math.isfinite(number):
            return ""
        return number_format.shown(number, code, is_1904=self._book.is_1904)


def _place(written: str) -> tuple[int, int] | None:
    """Return row and column, from 0, of a place such as B12."""
    found = _PLACE.match(written)
    if not found:
        return None
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(found[2]) - 1, column - 1


def _sheet_blocks(lines: list[tabular.Line | None]) -> Iterator[Block]:
    """Return the blocks of a sheet; it may hold several tables, parted by empty rows."""
    for table in _tables(lines):
        if len(table) == 1 and len(table[0].filled) == 1 and len(table[0].filled[0]) <= 80:
            yield Heading(level=2, text=table[0].filled[0])
            continue
        for block in tabular.to_blocks(table):
            yield _priced(block) if isinstance(block, Row) else block


def _tables(lines: list[tabular.Line | None]) -> Iterator[list[tabular.Line]]:
    """Part the tables: after an empty row, names in bold or a lone title begin another one."""
    table: list[tabular.Line] = []
    is_after_gap = False
    for line in lines:
        if line is None:
            is_after_gap = True
            continue
        if is_after_gap and table and _begins_table(table, line):
            yield table
            table = []
        table.append(line)
        is_after_gap = False
    if table:
        yield table


def _begins_table(table: list[tabular.Line], line: tabular.Line) -> bool:
    is_title_so_far = len(table) == 1 and len(table[0].filled) == 1
    if is_title_so_far:
        # It stands above the names of its own table.
        return False
    return line.is_strong or line.is_whole


def _priced(row: Row) -> Row:
    """Return the row with cents: where nobody set a format, 49.9 stands for R$ 49,90."""
    cells = list(row.cells)
    for at, name in enumerate(row.columns[: len(cells)]):
        is_price = _PRICE_NAME.search(text.fold(name).replace("_", " ")) and chunking.names_money(
            name
        )
        if is_price and _PLAIN_NUMBER.match(cells[at]):
            cells[at] = number_format.shown(float(cells[at].replace(",", ".")), "#,##0.00")
    return replace(row, cells=tuple(cells))
