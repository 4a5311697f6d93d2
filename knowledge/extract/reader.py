"""Which reader a file needs, by the end of its name."""

from __future__ import annotations

from collections.abc import Callable

from knowledge.extract import markdown, pdf, plain, table
from knowledge.types import Extracted

_READERS: dict[str, Callable[[bytes], Extracted]] = {
    "md": markdown.extract,
    "txt": plain.extract,
    "csv": table.extract,
    "pdf": pdf.extract,
}
_ALSO = {"markdown": "md", "text": "txt", "tsv": "csv"}
EXTENSIONS = (*_READERS, *_ALSO)


def find_kind(name: str) -> str | None:
    """Return the kind of a file (md, txt, csv, pdf); None if it cannot be read."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    kind = _ALSO.get(extension, extension)
    return kind if kind in _READERS else None


def extract(content: bytes, *, kind: str) -> Extracted:
    """Read a file.

    Raises:
        Unreadable: what is wrong with it.
        KeyError: `kind` is not one of `find_kind`.
    """
    return _READERS[kind](content)
