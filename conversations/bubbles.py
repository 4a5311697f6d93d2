"""A long answer as the few messages that a person would write. Pure functions."""

from __future__ import annotations

import re

MOST = 4
"""Messages that one answer becomes at most: more is a shower of notifications."""

LEAST_CHARS = 40
"""A part shorter than this joins its neighbour: a message of three words amid long ones is odd."""

CHARS_PER_S = 45.0
"""How quickly a part is written, as the contact sees it. Nobody types so fast; a contact who
watches a real typist's pace gives up."""

LEAST_S, MOST_S = 0.8, 3.0
"""Bounds of the typing between two parts, in seconds."""

_END = re.compile(r"[.!?…][\"”')*_]*(\s+)(?=[\"“¿¡(*_]*[A-ZÀ-Ý0-9])")
_NO_END = re.compile(
    r"(?:^|[\s(*_])(?:[^\W\d_]|\d{1,2}|av|al|pça|rod|est|dra?s?|sra?s?|srta|profa?|exm[oa]|tel"
    r"|cel|art|pág|obs|nº|núm|aprox)\.$",
    re.IGNORECASE,
)
"""A full stop behind an abbreviation, an initial or the number of a step: the sentence goes on."""

_BOLD = re.compile(r"(?<![\w*])\*(?=\S)[^*\n]+(?<=\S)\*(?![\w*])")

_LIST = re.compile(r"\s*(?:[-•*]|\d{1,2}[.)])\s+\S")


def split(text: str, *, target: int) -> list[str]:
    """Return a text in up to `MOST` parts of about `target` characters, in its own words.

    Parts end where paragraphs do, else where sentences do. A list stays with the line that
    announces it, and a block of code stays whole.

    Args:
        target: a text that is no longer stays one; 0 for any text.
    """
    text = text.strip()
    if not target or len(text) <= target:
        return [text]
    pieces = [part for block in _blocks(text) for part in _sentences(block, target=target)]
    # Few and even rather than full and a rest: the same bound for all of them.
    goal = max(target, -(-len(text) // MOST))
    parts: list[str] = []
    joints: list[str] = []
    for joint, piece in pieces:
        last = parts[-1] if parts else ""
        fits = len(last) + len(joint) + len(piece) <= goal
        if last and (fits or len(last) < LEAST_CHARS or len(parts) == MOST):
            parts[-1] = last + joint + piece
        else:
            parts.append(piece)
            joints.append(joint)
    if len(parts) > 1 and len(parts[-1]) < LEAST_CHARS:
        rest = parts.pop()
        parts[-1] += joints[-1] + rest
    return [part.strip() for part in parts]


def typing_s(part: str) -> float:
    """Return for how long a part is shown as being typed, in seconds."""
    return min(MOST_S, max(LEAST_S, len(part) / CHARS_PER_S))


def _blocks(text: str) -> list[str]:
    """Return paragraphs; code stays whole, and a list stays with what announces it."""
    blocks: list[str] = []
    is_code = False
    for paragraph in text.split("\n\n"):
        is_announced = bool(blocks) and blocks[-1].rstrip("*_ ").endswith(":")
        is_list = bool(_LIST.match(paragraph))
        goes_on = bool(blocks) and is_list and _LIST.match(blocks[-1].rsplit("\n", 1)[-1])
        is_title = bool(blocks) and "\n" not in blocks[-1] and _is_title(blocks[-1])
        if blocks and (is_code or is_title or goes_on or (is_announced and is_list)):
            blocks[-1] += "\n\n" + paragraph
        elif paragraph.strip():
            blocks.append(paragraph.strip("\n"))
        is_code ^= paragraph.count("```") % 2 == 1
    return blocks


def _is_title(block: str) -> bool:
    return block.startswith("*") and block.endswith("*") and len(block) < 2 * LEAST_CHARS


def _sentences(block: str, *, target: int) -> list[tuple[str, str]]:
    """Return a block's parts, each with what stood before it."""
    is_prose = "\n" not in block and "```" not in block
    if len(block) <= target or not is_prose:
        return [("\n\n", block)]
    # Bold does not reach from one message into the next: both would show a bare star.
    bold = [one.span() for one in _BOLD.finditer(block)]
    found: list[str] = []
    start = 0
    for end in _END.finditer(block):
        sentence = block[start : end.start(1)]
        is_bold = any(first < end.start(1) < last for first, last in bold)
        if _NO_END.search(sentence) is None and not is_bold:
            found.append(sentence)
            start = end.end(1)
    found.append(block[start:])
    return [("\n\n" if place == 0 else " ", one.strip()) for place, one in enumerate(found)]
