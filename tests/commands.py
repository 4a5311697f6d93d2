"""`prepare` and `apply_blueprint`, each in a fork of a process that has loaded them.

Most of what a command of `manage.py` takes is imports.

    python -m tests.commands

Reads lines of JSON, a command's arguments each; answers each with a line of JSON: `code`, the exit
code, and what it printed, `out` and `err`.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
from importlib import import_module
from typing import IO

import django
from django.core.management import execute_from_command_line


def main() -> None:
    """Run what is asked for, one command at a time, until nobody asks any more."""
    django.setup()
    for name in ("apply_blueprint", "prepare"):
        import_module(f"config.management.commands.{name}")
    # Else each of them would look through all this for garbage, and copy the memory by that.
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            pid = os.fork()
            if not pid:
                _run(json.loads(line), out, err)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            for file in (out, err):
                file.seek(0)
            print(json.dumps({"code": code, "out": out.read(), "err": err.read()}), flush=True)


def _run(arguments: list[str], out: IO[str], err: IO[str]) -> None:
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        execute_from_command_line(["manage.py", *arguments])
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
