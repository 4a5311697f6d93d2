"""The supervisor: what dies is started again, and nothing of it stays behind."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Callable

from config.processes import Program, Supervisor

FORKING = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
time.sleep(600)
"""


def wait_for(condition: Callable[[], object]) -> None:
    pause = threading.Event()
    for _ in range(150):
        if condition():
            return
        pause.wait(0.1)
    raise AssertionError("it did not happen in time")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


def test_a_killed_program_is_started_again_without_what_it_forked():
    out = io.StringIO()
    supervisor = Supervisor(out=out)
    supervisor.start(Program("forking", [sys.executable, "-c", FORKING]))
    try:
        wait_for(lambda: out.getvalue().count("child") == 1)
        child = int(out.getvalue().split()[-1])
        os.kill(supervisor.pids()["forking"], signal.SIGKILL)

        wait_for(lambda: out.getvalue().count("child") == 2)
        assert not is_running(child)
    finally:
        supervisor.stop()


def test_the_name_of_a_process_is_told_once_it_has_died():
    out, names, ended = io.StringIO(), iter(["first", "second", "third"]), []
    supervisor = Supervisor(
        out=out, name_in="OWN_NAME", name_of=lambda: next(names), ended=ended.append
    )
    show = "import os, time; print(os.environ['OWN_NAME'], flush=True); time.sleep(600)"
    supervisor.start(Program("named", [sys.executable, "-c", show]))
    try:
        wait_for(lambda: "first" in out.getvalue())
        os.kill(supervisor.pids()["named"], signal.SIGKILL)

        wait_for(lambda: "second" in out.getvalue())
        wait_for(lambda: ended)
        assert ended == ["first"]
    finally:
        supervisor.stop()
