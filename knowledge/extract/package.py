"""The ZIP of XML that DOCX and XLSX are: opened within limits, without DTDs and entities."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator
from typing import Literal
from xml.parsers import expat

from knowledge.types import Problem, Unreadable

MAX_ENTRIES = 10_000
MAX_PART_BYTES = 60_000_000
"""One part after decompression; a book of 500 pages has some 5 MB. Twice as much would not be
parsed within the seconds that the child process has."""

MAX_DEPTH = 500  # of elements inside each other
_STEP = 1 << 16  # bytes given to the parser at a time

Event = tuple[Literal["start", "end", "text"], str, dict[str, str]]
"""What happened, the element's name without its namespace (or the text), its attributes."""

_NO_ATTRIBUTES: dict[str, str] = {}


class Package:
    """The parts of one file.

    Args:
        problem: what to say when the file is not what it should be.

    Raises:
        Unreadable: not such a file, or protected by a password.
    """

    def __init__(self, content: bytes, *, problem: Problem) -> None:
        if not content.strip():
            raise Unreadable(Problem.EMPTY)
        self._problem = problem
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise Unreadable(problem) from error
        if len(self._zip.infolist()) > MAX_ENTRIES:
            raise Unreadable(Problem.TOO_COMPLEX)
        self._names = {name.lstrip("/").lower(): name for name in self._zip.namelist()}

    def has(self, part: str) -> bool:
        """Test whether there is a part of that name."""
        return part.lower() in self._names

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Return the kind and the target of each relation of `part` by its id.

        The kind is the last word of its address; targets inside the file are names of parts, those
        outside are addresses as they are written.
        """
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        found: dict[str, tuple[str, str]] = {}
        for what, tag, attributes in self.events(rels) if self.has(rels) else ():
            if what != "start" or tag != "Relationship":
                continue
            target = attributes.get("Target", "")
            if attributes.get("TargetMode") != "External":
                absolute = target if target.startswith("/") else posixpath.join("/", folder, target)
                target = posixpath.normpath(absolute).lstrip("/")
            kind = attributes.get("Type", "").rpartition("/")[2]
            found[attributes.get("Id", "")] = (kind, target)
        return found

    def main_part(self, usual: str) -> str:
        """Return the name of the part that the package is about."""
        for kind, target in self.relations("").values():
            if kind == "officeDocument" and self.has(target):
                return target
        if not self.has(usual):
            raise Unreadable(self._problem)
        return usual

    def events(self, part: str) -> Iterator[Event]:
        """Return what stands in a part of XML, in order.

        Raises:
            Unreadable: no XML, too large, nested too deeply, or with a DTD. A DTD has no place in
                these formats; entities that grow or fetch files come only with one.
        """
        parser = _Parser(self._problem)
        info = self._zip.getinfo(self._names[part.lower()])
        # No more than it says is unpacked, so that a part cannot lie about it.
        if info.file_size > MAX_PART_BYTES:
            raise Unreadable(Problem.TOO_COMPLEX)
        try:
            with self._zip.open(info) as stream:
                while piece := stream.read(_STEP):
                    yield from parser.feed(piece)
            yield from parser.feed(b"", is_last=True)
        except RuntimeError as error:
            # zipfile says so only in words: the part is encrypted.
            raise Unreadable(Problem.OFFICE_LOCKED) from error
        except (KeyError, OSError, EOFError, zipfile.BadZipFile, expat.ExpatError) as error:
            raise Unreadable(self._problem) from error
        except Exception as error:
            # zlib.error and NotImplementedError: a stream damaged, or packed in an unusual way.
            if isinstance(error, Unreadable | MemoryError):
                raise
            raise Unreadable(self._problem) from error


class _Parser:
    """Expat, as a queue of events instead of callbacks."""

    def __init__(self, problem: Problem) -> None:
        self._events: list[Event] = []
        self._depth = 0
        self._problem = problem
        self._expat = expat.ParserCreate(namespace_separator=" ")
        self._expat.buffer_text = True
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._text
        self._expat.StartDoctypeDeclHandler = self._refuse
        self._expat.EntityDeclHandler = self._refuse

    def feed(self, piece: bytes, *, is_last: bool = False) -> list[Event]:
        """Return what happened in the next piece."""
        self._events = []
        self._expat.Parse(piece, is_last)
        return self._events

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Unreadable(Problem.TOO_COMPLEX)
        plain = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        self._events.append(("start", name.rpartition(" ")[2], plain))

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._events.append(("end", name.rpartition(" ")[2], _NO_ATTRIBUTES))

    def _text(self, data: str) -> None:
        self._events.append(("text", data, _NO_ATTRIBUTES))

    def _refuse(self, *_: object) -> None:
        raise Unreadable(self._problem)
