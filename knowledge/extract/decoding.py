"""From bytes to text: byte order marks, UTF-8, and the Windows code page of older programs."""

from __future__ import annotations

import codecs

from knowledge import text
from knowledge.types import Problem, Unreadable

# A text has nearly none of these; a program, an image or an archive has many.
MAX_CONTROL_SHARE = 0.01

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(content: bytes) -> str:
    """Return the text in `content`, cleaned, with ``\\n`` as its line break.

    Raises:
        Unreadable: the bytes are empty or are no text.
    """
    if not content.strip():
        raise Unreadable(Problem.EMPTY)
    raw = _decode(content)
    n_controls = sum(1 for c in raw if (c < " " and c not in "\t\n\r\f") or "\x7f" <= c <= "\x9f")
    if n_controls > max(2, len(raw) * MAX_CONTROL_SHARE):
        raise Unreadable(Problem.NOT_TEXT)
    cleaned = text.clean(raw.replace("\f", "\n\n"))
    if not cleaned.strip():
        raise Unreadable(Problem.EMPTY)
    return cleaned


def _decode(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError as error:
                raise Unreadable(Problem.NOT_TEXT) from error
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        damaged = content.decode("utf-8", errors="replace")
        n_bad = damaged.count("\ufffd")
        # An older program's text is hardly ever UTF-8 by chance, a byte of ours may get lost.
        if sum(1 for c in damaged if not c.isascii()) - n_bad > 2 * n_bad:
            return damaged
        # cp1252 leaves five bytes undefined; they come out as one sign and count as controls.
        return content.decode("cp1252", errors="replace").replace("\ufffd", "\x81")
