"""How processes that run for long look for garbage."""

from __future__ import annotations

import gc

GARBAGE_AFTER = 100_000
"""New objects after which a process looks for garbage among them, some ten megabytes; Python's own
figure of 700 is passed several times in one turn."""


def settle() -> None:
    """Say that all which is loaded by now stays; called when a process is ready for work.

    To look through it again and again took a worker a twentieth of its time, and stopped whoever
    waited for it for a tenth of a second. What work leaves behind is found by counting references,
    mostly.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER)
