"""Plain text: paragraphs between blank lines, and titles by their looks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from knowledge import text
from knowledge.extract import decoding, lines
from knowledge.types import Block, Extracted, Heading, Paragraph

_UNDERLINE = re.compile(r"^\s*([=\-~_*])\1{2,}\s*$")
_QUESTION_MARK = re.compile(r"^(?:p|q|pergunta|question)\s*[:.)-]\s*", re.IGNORECASE)
_ANSWER_MARK = re.compile(r"^(?:r|a|resposta|answer)\s*[:.)-]\s*", re.IGNORECASE)

# Longer lines are sentences, in characters.
MAX_TITLE = 80
MAX_SUBTITLE = 40
MAX_QUESTION = 160


def extract(content: bytes) -> Extracted:
    """Read plain text.

    Raises:
        Unreadable: no text in it.
    """
    source = decoding.decode(content)
    full = lines.full_length(source.split("\n"))
    blocks: list[Block] = []
    for group in _groups(source):
        blocks.extend(_read_group(group, full=full))
    return Extracted(blocks=tuple(blocks))


@dataclass(slots=True)
class _Group:
    """Lines between blank ones, or one line that is underlined."""

    lines: list[str] = field(default_factory=list)
    is_title: bool = False


def _groups(source: str) -> list[_Group]:
    groups = [_Group()]
    for line in source.split("\n"):
        if _UNDERLINE.match(line):
            above = groups[-1].lines
            if above and len(above[-1].strip()) <= MAX_TITLE:
                groups.append(_Group(lines=[above.pop()], is_title=True))
            groups.append(_Group())
        elif line.strip():
            groups[-1].lines.append(line)
        else:
            groups.append(_Group())
    return [group for group in groups if group.lines]


def _read_group(group: _Group, *, full: int) -> list[Block]:
    first = group.lines[0].strip()
    rest = group.lines[1:]
    blocks: list[Block] = []
    if _is_question(first):
        # The next question or title replaces it; an answer may go on after a blank line.
        blocks.append(Heading(level=3, text=text.one_line(_QUESTION_MARK.sub("", first))))
        if rest:
            rest = [_ANSWER_MARK.sub("", rest[0].strip()), *rest[1:]]
    elif group.is_title or (not rest and _is_title(first)):
        blocks.append(Heading(level=1, text=text.one_line(first)))
    elif rest and _is_subtitle(first):
        blocks.append(Heading(level=2, text=text.one_line(first)))
    else:
        rest = group.lines
    blocks.extend(Paragraph(text=text.one_line(line)) for line in lines.unwrap(rest, full=full))
    return blocks


def _is_question(line: str) -> bool:
    return line.endswith("?") and len(line) <= MAX_QUESTION


def _is_title(line: str) -> bool:
    letters = [c for c in line if c.isalpha()]
    return len(line) <= MAX_TITLE and len(letters) > 2 and all(c.isupper() for c in letters)


def _is_subtitle(line: str) -> bool:
    if lines.ITEM.match(line) or len(line) > MAX_SUBTITLE:
        return False
    return line[0].isalpha() and not any(c in ".:;,!?" for c in line)
