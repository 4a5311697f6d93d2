"""Reads files as a worker does and prints the most bytes of memory that this and a child held.

A process of its own, because a child counts the pages of whoever starts it as its own, and a
process that has run a thousand tests has more of them than a reader may take:
``python -m tests.knowledge.measured_reading KIND FILE [KIND FILE ...]``.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from knowledge.extract.sandbox import extract_limited
from knowledge.types import Unreadable

_ROOT = Path(__file__).parents[2]


def measure_reading(files: Iterable[tuple[str, Path]]) -> int:
    """Return the bytes that the larger of worker and child held at most while reading these files.

    Args:
        files: the kind of each, and where it is.
    """
    words = [word for kind, path in files for word in (kind, str(path))]
    done = subprocess.run(
        [sys.executable, "-m", "tests.knowledge.measured_reading", *words],
        cwd=_ROOT,
        capture_output=True,
        check=True,
    )
    return int(done.stdout)


def main(words: list[str]) -> None:
    for kind, path in zip(words[::2], words[1::2], strict=True):
        with suppress(Unreadable):
            extract_limited(Path(path).read_bytes(), kind=kind)
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    own = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert child
    assert own
    print(max(child, int(own[1])) * 1024)


if __name__ == "__main__":
    main(sys.argv[1:])
