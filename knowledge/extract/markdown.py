"""Markdown: headings, bold questions, lists and tables; everything else is running text."""

from __future__ import annotations

import re

from knowledge import text
from knowledge.extract import decoding, lines
from knowledge.types import Block, Extracted, Heading, Paragraph, Row

_HEADING = re.compile(r"^\s{0,3}(#{1,6})\s+(.+)$")
_UNDERLINE = re.compile(r"^\s{0,3}(=+|-{3,})\s*$")
_BOLD_QUESTION = re.compile(r"^\*\*([^*]+\?)\*\*$")
_RULE = re.compile(r"^\s{0,3}([-*_])(\s*\1){2,}\s*$")
_TABLE_RULE = re.compile(r"^:?-+:?$")
_FENCE = re.compile(r"^\s{0,3}(```|~~~)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\[\]\n]*)\]\([^)\n]*\)")
_LINK = re.compile(r"\[([^\[\]\n]+)\]\(([^)\s]++)[^)\n]*\)")
_STRUCK = re.compile(r"~~(?=\S)[^~]+(?<=\S)~~")
_MARKS = re.compile(r"\*\*|__|`|(?<!\w)\*(?=\S)|(?<=\S)\*(?!\w)")

# A bold line that asks something stands one below the heading that it follows.
_QUESTION_LEVEL = 7


def extract(content: bytes) -> Extracted:
    """Read Markdown.

    Raises:
        Unreadable: no text in it.
    """
    source = _without_front_matter(decoding.decode(content))
    source = _replace(_COMMENT, "", source, closed_by="-->")
    all_lines = source.split("\n")
    reader = _Reader(full=lines.full_length(all_lines))
    for line in all_lines:
        reader.feed(line)
    reader.flush()
    return Extracted(blocks=tuple(reader.blocks))


class _Reader:
    """Collects lines until the kind of the next one shows that a block has ended."""

    def __init__(self, *, full: int) -> None:
        self.blocks: list[Block] = []
        self._full = full
        self._text: list[str] = []
        self._table: list[list[str]] = []
        self._is_code = False

    def feed(self, line: str) -> None:
        stripped = line.strip()
        if _FENCE.match(line):
            self.flush()
            self._is_code = not self._is_code
        elif self._is_code:
            self._text.append(line)
        elif stripped.startswith("|") and stripped.count("|") > 1:
            self._flush_text()
            self._table.append(_cells(stripped))
        elif not self._is_heading(line, stripped):
            self._flush_table()
            if not stripped or (_RULE.match(line) and not self._text):
                self._flush_text()
            else:
                self._text.append(line)

    def _is_heading(self, line: str, stripped: str) -> bool:
        level, title = 0, ""
        if found := _HEADING.match(line):
            title = found[2].strip()
            level, title = len(found[1]), title.rstrip("#") or title
        elif found := _BOLD_QUESTION.match(stripped):
            level, title = _QUESTION_LEVEL, found[1]
        elif len(self._text) == 1 and (found := _UNDERLINE.match(line)):
            level, title = (1 if found[1][0] == "=" else 2), self._text.pop()
        if not level:
            return False
        self.flush()
        if words := text.one_line(_plain(title)):
            self.blocks.append(Heading(level=level, text=words))
        return True

    def flush(self) -> None:
        """End the block that is open."""
        self._flush_text()
        self._flush_table()

    def _flush_text(self) -> None:
        for paragraph in lines.unwrap(self._text, full=self._full):
            if body := text.one_line(_plain(paragraph)):
                self.blocks.append(Paragraph(text=body))
        self._text = []

    def _flush_table(self) -> None:
        table, self._table = self._table, []
        rows = [row for row in table if not all(_TABLE_RULE.match(cell) for cell in row if cell)]
        if len(rows) == 1:
            self.blocks.append(Row(columns=(), cells=tuple(rows[0])))
        for row in rows[1:]:
            self.blocks.append(Row(columns=tuple(rows[0]), cells=tuple(row)))


def _without_front_matter(source: str) -> str:
    if source.startswith("---\n") and (end := source.find("\n---", 4, 5_000)) != -1:
        return source[end + 4 :]
    return source


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|").replace("\\|", "\x00")
    return [text.one_line(_plain(cell.replace("\x00", "|"))) for cell in inner.split("|")]


def _plain(marked: str) -> str:
    marked = _STRUCK.sub("", marked)
    marked = _replace(_IMAGE, r"\1", marked, closed_by=")")
    marked = _replace(_LINK, r"\1 (\2)", marked, closed_by=")")
    return _MARKS.sub("", marked)


def _replace(pattern: re.Pattern[str], by: str, source: str, *, closed_by: str) -> str:
    """Replace what ends with `closed_by`, in a time that grows as the text does.

    Behind the last of these every beginning would be followed to the end of the text, in vain.
    """
    head, end, rest = source.rpartition(closed_by)
    return pattern.sub(by, head + end) + rest
