"""Workers that die at their fail points, forked from one process: most of a start is imports.

    python -m tests.doomed turn_begun,send_claimed worker -Q turns

Writes a line for each that ended: `ended`, its fail point and its exit code.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from types import FrameType

import django

from config.celery import app


def main() -> None:
    """Start one worker for each fail point and tell how it ended."""
    names, arguments = sys.argv[1].split(","), sys.argv[2:]
    django.setup()
    app.loader.import_default_modules()
    from django.conf import settings

    from conversations import brazil
    from knowledge import retrieval

    for name in ("integrations.llm.openai_compatible", "celery.bin.celery", "celery.apps.worker"):
        import_module(name)
    retrieval.warm_up()  # nothing here has threads or connections; those do not survive a fork
    brazil.warm_up()
    # Else each of them would look through all this for garbage, and copy the memory by that.
    gc.collect()
    gc.freeze()

    running: dict[int, str] = {}
    for name in names:
        pid = os.fork()
        if not pid:
            settings.FAILPOINT = name
            app.start([*arguments, "-n", f"{name}@%h"])
            os._exit(0)
        running[pid] = name

    def kill(_: int, __: FrameType | None) -> None:
        for pid in running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    signal.signal(signal.SIGTERM, kill)
    while running:
        pid, status = os.wait()
        print("ended", running.pop(pid), os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
