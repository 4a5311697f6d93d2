"""Rules that plain text, Markdown and PDF share: what continues a line, what begins an item."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

ITEM = re.compile(r"^\s{0,12}(?:[-*+•·–▪◦]|\d{1,3}[.)]|[a-z]\))\s+(?=\S)")
_BULLET = re.compile(r"^\s*[-*+•·–▪◦]\s+")
_SENTENCE_END = re.compile(r"[.!?:;]['\")\]]?$")

# Editors and mail programs break lines at 72 to 100 characters.
MAX_MARGIN = 110
WRAPPED_SHARE = 0.4
NEVER = 1_000_000


def strip_bullet(line: str) -> str:
    """Return `line` without a bullet; a number stays, for it may be referred to."""
    return _BULLET.sub("", line, count=1).strip()


def full_length(lines: Sequence[str]) -> int:
    """Return from how many characters on a line of this text was broken by its width.

    Where lines differ much in length, or are longer than any editor's margin, each ends where its
    writer ended it, and the answer is out of reach.
    """
    lengths = [len(line.rstrip()) for line in lines if line.strip()]
    longest = max(lengths, default=0)
    near = int(longest * 0.8)
    n_near = sum(1 for length in lengths if length >= near)
    is_wrapped = 50 <= longest <= MAX_MARGIN and n_near >= max(3, len(lengths) * WRAPPED_SHARE)
    return near if is_wrapped else NEVER


def unwrap(lines: Iterable[str], *, full: int = NEVER) -> list[str]:
    """Join lines that were broken by the width of the page.

    Args:
        lines: the lines of one paragraph or list.
        full: from how many characters on a line counts as filled.
    """
    paragraphs: list[str] = []
    last = ""
    for line in lines:
        stripped = line.strip()
        if not stripped:
            continue
        if last and not ITEM.match(line) and _continues(last, stripped, full=full):
            paragraphs[-1] = f"{paragraphs[-1]} {stripped}"
        else:
            paragraphs.append(stripped)
        last = stripped
    return [strip_bullet(paragraph) for paragraph in paragraphs]


def _continues(last: str, line: str, *, full: int) -> bool:
    if len(last) >= full:
        return True
    return line[0].islower() and not _SENTENCE_END.search(last)
