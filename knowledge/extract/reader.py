"""Which reader a file needs, and whether it is what its name says."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace

from knowledge import text
from knowledge.extract import language
from knowledge.types import Block, Extracted, Heading, Problem, Row, Unreadable

MAX_TEXT = 500_000
"""Characters of what was read that are kept for people to look at; a book of 250 pages. More makes
the page that shows it slow, and nobody reads so far."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file that can be read.

    Args:
        module: of `knowledge.extract`; imported when the first such file is read.
        shown: its name among others, for people.
        extensions: the ends of names that it goes by, the usual one first.
        mime_types: what browsers call it.
        is_upload: a file that people have; a question and answer is typed.
    """

    module: str
    shown: str
    extensions: tuple[str, ...]
    mime_types: tuple[str, ...]
    is_upload: bool = True


_OFFICE = "application/vnd.openxmlformats-officedocument"
KINDS: dict[str, Kind] = {
    "pdf": Kind("pdf", "PDF", ("pdf",), ("application/pdf",)),
    "docx": Kind("docx", "DOCX", ("docx",), (f"{_OFFICE}.wordprocessingml.document",)),
    "xlsx": Kind("xlsx", "XLSX", ("xlsx",), (f"{_OFFICE}.spreadsheetml.sheet",)),
    "csv": Kind("table", "CSV", ("csv", "tsv"), ("text/csv", "text/tab-separated-values")),
    "html": Kind("html", "HTML", ("html", "htm"), ("text/html", "application/xhtml+xml")),
    "md": Kind("markdown", "MD", ("md", "markdown"), ("text/markdown",)),
    "txt": Kind("plain", "TXT", ("txt", "text"), ("text/plain",)),
    "faq": Kind("faq", "FAQ", ("faq",), ("application/json",), is_upload=False),
}
EXTENSIONS = tuple(end for kind in KINDS.values() if kind.is_upload for end in kind.extensions)
ACCEPT = ",".join(f".{end}" for end in EXTENSIONS)
"""What a form's file field offers, in the form of its `accept` attribute."""

_KIND_OF = {end: name for name, kind in KINDS.items() for end in kind.extensions}
_ZIPPED = ("docx", "xlsx")
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# How files begin that are no documents, whatever they are called.
_FOREIGN = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"OggS", b"ID3", b"\x1aE\xdf\xa3", b"MZ",
    b"\x7fELF", b"\x1f\x8b", b"BZh", b"7z\xbc\xaf", b"Rar!", b"\xfd7zXZ", b"{\\rtf",
)  # fmt: skip
_BEGINNING = 2_048  # bytes that tell what a file is


def find_kind(name: str) -> str | None:
    """Return the kind of a file by the end of its name, one of `KINDS`; None if it has none."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    return _KIND_OF.get(extension)


def find_problem(content: bytes, *, kind: str) -> Problem | None:
    """Return what is wrong with a file by how it begins: what it is counts, not its name.

    Cheap enough for the door: nothing is unpacked.
    """
    beginning = content[:_BEGINNING].removeprefix(b"\xef\xbb\xbf")
    if not beginning.strip():
        return Problem.EMPTY
    is_pdf = b"%PDF-" in beginning[:1024]
    is_zip, is_ole = beginning.startswith(_ZIP), beginning.startswith(_OLE)
    if kind in _ZIPPED and is_ole:
        return Problem.OFFICE_LOCKED
    if beginning.startswith(_FOREIGN) or is_ole or _first_tag(beginning) == b"svg":
        return Problem.WRONG_KIND
    is_text = not is_zip and not beginning.startswith(b"%PDF-")
    fits = is_pdf if kind == "pdf" else is_zip if kind in _ZIPPED else is_text
    is_page = kind not in ("html", "md", "txt") and _first_tag(beginning) == b"html"
    return None if fits and not is_page else Problem.WRONG_KIND


def _first_tag(beginning: bytes) -> bytes:
    """Return "html" or "svg" where a file of markup begins with it, nothing for other files."""
    rest = beginning.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for start, end in ((b"<!--", b"-->"), (b"<?xml", b"?>"), (b"<!--", b"-->")):
        if rest.startswith(start):
            rest = rest.partition(end)[2].lstrip()
    words = rest[:64].replace(b">", b" ").replace(b"<!doctype", b"<", 1).split()
    first = words[1] if words[:1] == [b"<"] and len(words) > 1 else (words or [b""])[0]
    tag = first.removeprefix(b"<")
    return tag if rest.startswith(b"<") and tag in (b"html", b"svg") else b""


def extract(content: bytes, *, kind: str) -> Extracted:
    """Read a file; only for the child process of `sandbox`, and for tests.

    Raises:
        Unreadable: what is wrong with it.
        KeyError: `kind` is not one of `KINDS`.
    """
    module = KINDS[kind].module
    if problem := find_problem(content, kind=kind):
        raise Unreadable(problem)
    if kind in ("md", "txt") and _first_tag(content[:_BEGINNING]) == b"html":
        module = KINDS["html"].module
    extracted: Extracted = importlib.import_module(f"knowledge.extract.{module}").extract(content)
    return replace(extracted, language=language.detect(as_text(extracted.blocks)))


def as_text(blocks: tuple[Block, ...]) -> str:
    """Return what was read as plain text, its titles marked, at most `MAX_TEXT` characters."""
    lines: list[str] = []
    n_characters = 0
    levels = sorted({block.level for block in blocks if isinstance(block, Heading)})
    for block in blocks:
        match block:
            case Heading():
                line = f"\n{'#' * (levels.index(block.level) + 1)} {block.text}"
            case Row():
                line = f"- {_row(block)}"
            case _:
                line = block.text
        lines.append(line)
        n_characters += len(line) + 1
        if n_characters > MAX_TEXT:
            return "\n".join(lines).strip()[: MAX_TEXT - 2] + " …"
    return "\n".join(lines).strip()


def _row(row: Row) -> str:
    names = [*row.columns, *("" for _ in row.cells[len(row.columns) :])]
    pairs = zip(names, row.cells, strict=False)
    return "; ".join(
        f"{text.one_line(name)}: {cell}" if name else cell for name, cell in pairs if cell
    )
