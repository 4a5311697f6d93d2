"""The process that reads one file and ends: ``python -m knowledge.extract.child KIND PARENT_PID``.

The file comes in by standard input, the outcome goes out by standard output. It knows no Django, no
database and no secret, cannot write a file or open another one, and dies with who started it.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import resource
import signal
import sys
import traceback
from contextlib import suppress

from knowledge.extract import limits, reader, wire
from knowledge.types import Extracted, Problem, Unreadable

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
# Python loads these when it first needs them, and then no file can be opened any more. The names
# are those of the encodings that PDF files name their letters by.
_CODECS = ("utf-8", "utf-16", "utf-16-be", "utf-16-le", "utf-8-sig", "cp1252", "latin-1", "ascii",
           "charmap", "mac-roman", "cp1250", "cp1251", "cp437", "gbk", "gb18030", "big5", "cp932",
           "shift_jis", "euc-jp", "euc-kr", "cp949", "unicode-escape", "raw_unicode_escape", "idna",
           "punycode")  # fmt: skip
_LATER = ("heapq", "linecache", "tokenize", "traceback", "tracemalloc", "_strptime")
_LATER_OF = {
    "pdf": (
        "pypdf.filters",
        "pypdf.xmp",
        "pypdf._codecs._codecs",
        "pypdf._codecs.core_font_metrics",
        "pypdf._crypt_providers._fallback",
    )
}


def main(kind: str, parent: int) -> None:
    """Read a file of `kind` from standard input and write the outcome to standard output."""
    _tie_to(parent)
    _prepare(kind)
    content = sys.stdin.buffer.read(limits.MAX_INPUT_BYTES + 1)
    _confine()
    output = wire.dump(_read(content, kind=kind))
    if len(output) > limits.MAX_OUTPUT_BYTES:
        output = wire.dump(Problem.TOO_LONG)
    sys.stdout.buffer.write(output)
    sys.stdout.buffer.flush()


def _tie_to(parent: int) -> None:
    """Die with the worker, even by a kill that lets it clean up nothing."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        # It died before we asked; nobody waits for an answer.
        sys.exit(1)


def _prepare(kind: str) -> None:
    """Import what reading needs, while files can still be opened."""
    importlib.import_module(f"knowledge.extract.{reader.KINDS[kind].module}")
    if kind in ("md", "txt"):
        importlib.import_module("knowledge.extract.html")
    for name in (*_LATER, *_LATER_OF.get(kind, ())):
        importlib.import_module(name)
    for name in _CODECS:
        with suppress(LookupError):
            "".encode(name)
    # What is imported lives as long as the process: the collector need not look at it again.
    gc.freeze()


def _confine() -> None:
    """Give up what reading does not need; a limit once lowered cannot be raised again."""
    for what, limit in (
        (resource.RLIMIT_AS, limits.MEMORY_BYTES),
        (resource.RLIMIT_CPU, limits.CPU_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        # Neither a file, nor a socket, nor a pipe: the descriptors below are open already.
        (resource.RLIMIT_NOFILE, 3),
    ):
        _, most = resource.getrlimit(what)
        allowed = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(what, (allowed, allowed))


def _read(content: bytes, *, kind: str) -> Extracted | Problem | wire.Crash:
    if len(content) > limits.MAX_INPUT_BYTES:
        return Problem.TOO_LONG
    try:
        return reader.extract(content, kind=kind)
    except Unreadable as error:
        return error.problem
    except (MemoryError, RecursionError):
        return Problem.TOO_COMPLEX
    except Exception as error:
        # Said without the words of the error, for they may be words of the file.
        last = traceback.extract_tb(error.__traceback__, limit=-1)
        where = f"{last[0].filename}:{last[0].lineno}" if last else ""
        return wire.Crash(f"{type(error).__name__} at {where}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
