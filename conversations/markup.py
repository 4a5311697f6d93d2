"""From Markdown, which models write, to what WhatsApp shows. Pure functions.

WhatsApp knows *bold*, _italic_, ~strike~, `code`, ```blocks```, lists and quotes; it has no
headings, links with a name, tables or rules. A single ``*word*`` is left as it is: models mean
emphasis by it either way, and people who write for WhatsApp mean bold.
Source: faq.whatsapp.com/539178204879377, read 2026-11-21.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_MARKS = re.compile(r"[*_~`#\[\]|<>\\+]|^\s*[-*]|^\s{0,3}(?:-{3,}|={3,})\s*$", re.MULTILINE)
_FENCE = re.compile(
    r"^[ \t]*(```|~~~)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
_CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_KEPT = re.compile("\x00(\\d+)\x00")
_ADDRESS = re.compile(r"https?://[^\s<>()\[\]]+(?:\([^\s<>()\[\]]*\)[^\s<>()\[\]]*)*")

_IMAGE = re.compile(r"!\[([^\]\n]*)\]\(\s*<?([^)\s>]+)>?[^)\n]*\)")
_LINK = re.compile(r"\[([^\]\n]+)\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"\n]*\")?\s*\)")
_AUTO = re.compile(r"<(https?://[^>\s]+|[^>\s@]+@[^>\s]+)>")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+(.+?)\s*#*\s*$", re.MULTILINE)
_RULE = re.compile(r"^ {0,3}(?:(?:- *){3,}|(?:\* *){3,}|(?:_ *){3,}|=+)$\n?", re.MULTILINE)
# A plus before an amount or a number adds it; as a dash it would take it away.
_BULLET = re.compile(r"^(\s*)(?:\*|\+(?!\s+(?:R\$|\d)))(?=\s+\S)", re.MULTILINE)
_BOTH = re.compile(r"(?<![\w*])\*\*\*(?=\S)([^\n]+?)(?<=\S)\*\*\*(?![\w*])")
_BOLD = re.compile(r"(?<!\*)\*\*(?=[^\s*])([^\n]+?)(?<=[^\s*])\*\*(?!\*)")
_BOLD_LINES = re.compile(r"(?<![\w_])__(?=[^\s_])([^\n]+?)(?<=[^\s_])__(?![\w_])")
_STRIKE = re.compile(r"~~(?=\S)([^\n]+?)(?<=\S)~~")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|>~])")
_CELLS = re.compile(r"^\s*\|(.+)\|\s*$")
_DIVIDER = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
_BLANKS = re.compile(r"\n{3,}")


def from_markdown(text: str) -> str:
    """Return a text as WhatsApp wants it; one without any mark comes back as it is.

    What is code and what is an address is left alone, letter for letter.
    """
    if _MARKS.search(text) is None:
        return text
    kept: list[str] = []

    def keep(part: str) -> str:
        kept.append(part)
        return f"\x00{len(kept) - 1}\x00"

    text = text.replace("\x00", "")
    text = _FENCE.sub(lambda found: keep(f"```\n{found[2].rstrip()}\n```"), text)
    text = _CODE.sub(lambda found: keep(f"`{found[2].strip()}`"), text)
    text = _IMAGE.sub(lambda found: keep(found[2]), text)
    text = _LINK.sub(lambda found: _link(found[1], found[2], keep), text)
    text = _AUTO.sub(lambda found: keep(found[1]), text)
    text = _ADDRESS.sub(lambda found: keep(found[0]), text)
    text = _ESCAPED.sub(lambda found: keep(found[1]), text)
    text = _tables(text)
    text = _RULE.sub("", text)
    text = _BULLET.sub(r"\1-", text)
    text = _HEADING.sub(lambda found: f"*{_bare(found[1])}*", text)
    text = _BOTH.sub(r"*_\1_*", text)
    text = _BOLD.sub(r"*\1*", text)
    text = _BOLD_LINES.sub(r"*\1*", text)
    text = _STRIKE.sub(r"~\1~", text)
    text = _KEPT.sub(lambda found: kept[int(found[1])], text)
    # What was kept may hold what was kept before it.
    text = _KEPT.sub(lambda found: kept[int(found[1])], text)
    return _BLANKS.sub("\n\n", text).strip()


def _link(name: str, address: str, keep: Callable[[str], str]) -> str:
    """Return a link with its name before it, where the name says more than the address."""
    shown = address.removeprefix("mailto:").removeprefix("tel:")
    bare = name.strip().strip("*_~`")
    plain = shown.removeprefix("https://").removeprefix("http://").rstrip("/")
    is_same = bare.removeprefix("https://").removeprefix("http://").rstrip("/") == plain
    place = keep(shown)
    return place if is_same else f"{name.strip()}: {place}"


def _bare(heading: str) -> str:
    """Return a heading without marks of its own: bold in bold would show its stars."""
    return re.sub(r"\*\*|__", "", heading).strip("*_ ")


def _tables(text: str) -> str:
    """Return a text with each row of a table as a line of a list, its columns named."""
    if "|" not in text:
        return text
    lines = text.split("\n")
    shown: list[str] = []
    names: list[str] = []
    for place, line in enumerate(lines):
        found = _CELLS.match(line)
        follows = lines[place + 1] if place + 1 < len(lines) else ""
        if found is not None and _DIVIDER.match(follows):
            names = [cell.strip() for cell in found[1].split("|")]
        elif names and _DIVIDER.match(line):
            continue
        elif names and found is not None:
            shown.append(_row(names, [cell.strip() for cell in found[1].split("|")]))
        else:
            names = []
            shown.append(line)
    return "\n".join(shown)


def _row(names: list[str], cells: list[str]) -> str:
    first, *others = cells
    pairs = [
        f"{name}: {cell}" if name else cell
        for name, cell in zip(names[1:], others, strict=False)
        if cell
    ]
    return "- " + (
        f"{first} ({'; '.join(pairs)})" if pairs and first else first or "; ".join(pairs)
    )
