"""How processes look for garbage: what counting references does not find."""

from __future__ import annotations

import gc

GARBAGE_AFTER = 100_000
"""New objects after which a process looks for garbage among them, some ten megabytes; Python's own
figure of 700 is passed several times in one turn, and thousands of times in a start."""


def look_seldom() -> None:
    """Look for garbage after so many new objects; called before anything else is loaded.

    A start takes a tenth less by it.
    """
    gc.set_threshold(GARBAGE_AFTER)


def settle() -> None:
    """Say that all which is loaded by now stays; called when a process is ready for work.

    To look through it again and again took a worker a twentieth of its time, and stopped whoever
    waited for it for a tenth of a second. What work leaves behind is found by counting references,
    mostly.
    """
    gc.collect()
    gc.freeze()
