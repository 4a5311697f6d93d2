"""Running the installation's processes from one terminal: start, watch, restart, stop."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1  # Source: linux/prctl.h
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None

BASE_DIR = Path(__file__).resolve().parent.parent

STOP_WITHIN_S = 35.0
"""How long a process may take to finish its work before it is killed, in seconds."""

RESTART_AFTER_S, RESTART_AT_MOST_EVERY_S = 0.2, 5.0


WATCH_EVERY_S = 0.5
"""How often the embedded servers are looked at; adds to the pause after one of them died."""


@dataclass(frozen=True)
class Program:
    """One process to be kept running."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


class Supervisor:
    """Keeps programs running and stops them together; a program that dies is started again.

    Args:
        name_of: gives each process that starts a name, set in its environment as `name_in`.
        ended: is told that name once the process and all that it forked are gone.
    """

    def __init__(
        self,
        *,
        out: IO[str] = sys.stderr,
        name_in: str = "",
        name_of: Callable[[], str] = str,
        ended: Callable[[str], object] = str,
    ) -> None:
        self._out = out
        self._name_in, self._name_of, self._ended = name_in, name_of, ended
        self._lock = threading.Lock()
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, program: Program) -> None:
        """Start a program and keep it running until `stop`."""
        thread = threading.Thread(target=self._keep, args=(program,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def watch(self, ensure: Callable[[], object]) -> None:
        """Call `ensure` every `WATCH_EVERY_S` until `stop`: it brings a server back that died."""
        thread = threading.Thread(target=self._watch, args=(ensure,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def pids(self) -> dict[str, int]:
        """Return the process ids of what runs now, by name."""
        with self._lock:
            return {name: process.pid for name, process in self._running.items()}

    def wait(self) -> None:
        """Return when `stop` was called; until then only a signal ends it."""
        self._stopping.wait()

    def stop(self) -> None:
        """Ask every program to finish, and kill what has not after `STOP_WITHIN_S`."""
        self._stopping.set()
        with self._lock:
            processes = list(self._running.values())
        for process in processes:
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN_S
        for process in processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()
        for thread in self._threads:
            thread.join(5)

    def _keep(self, program: Program) -> None:
        pause = RESTART_AFTER_S
        while True:
            began = time.monotonic()
            with self._lock:
                if self._stopping.is_set():
                    return
                name = self._name_of()
                process = _open(program, {self._name_in: name} if self._name_in else {})
                self._running[program.name] = process
            # Read beside: what it forked keeps the pipe open, and its end alone is what counts.
            reader = threading.Thread(target=self._relay, args=(program, process), daemon=True)
            reader.start()
            code = process.wait()
            # What it forked may outlive it; nothing of it must keep working beside its successor.
            _signal(process, signal.SIGKILL)
            reader.join(5)
            with self._lock:
                self._running.pop(program.name, None)
            if self._stopping.is_set():
                return
            # Beside: where the servers are away it may take long, and the program need not wait.
            threading.Thread(target=self._tell, args=(name,), daemon=True).start()
            self._say(f"{program.name:<10} | ended with {code}; starting it again")
            # What was killed did nothing wrong; what cannot start fails each time, and must not
            # take the machine from the others.
            is_well = code == -signal.SIGKILL or time.monotonic() - began > 10
            pause = RESTART_AFTER_S if is_well else min(pause * 2, RESTART_AT_MOST_EVERY_S)
            self._stopping.wait(pause)

    def _relay(self, program: Program, process: subprocess.Popen[str]) -> None:
        if process.stdout is not None:
            with process.stdout as lines:
                for line in lines:
                    self._say(f"{program.name:<10} | {line.rstrip()}")

    def _tell(self, name: str) -> None:
        try:
            self._ended(name)
        except Exception as error:
            self._say(f"leases     | {error}")

    def _watch(self, ensure: Callable[[], object]) -> None:
        while not self._stopping.wait(WATCH_EVERY_S):
            try:
                ensure()
            except Exception as error:
                self._say(f"servers    | {error}")

    def _say(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()


def _open(program: Program, env: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own commands
        program.command,
        cwd=BASE_DIR,
        env={**os.environ, **program.env, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C reaches only us, and we stop them in order
        preexec_fn=_die_with_parent,
    )


def _die_with_parent() -> None:
    """Ask Linux to end this child when its parent is gone, even by kill -9.

    It runs between fork and exec, so the library is loaded beforehand.
    """
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return


def is_free(port: int) -> bool:
    """Test whether nothing listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def wait_for(url: str, *, timeout_s: float) -> bool:
    """Wait until an address of this machine answers 200; False if it does not in time."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own http address
                return True
        except (urllib.error.URLError, OSError):
            pause.wait(0.1)
    return False
