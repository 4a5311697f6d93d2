"""What PostgreSQL and Valkey have in common for `config.embedded`: state, starting, stopping.

Nothing here takes a lock. `config.embedded` holds the exclusive lock of the data directory around
all that changes anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import secrets
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from config import embedded_processes as processes
from config.embedded_processes import Account, EmbeddedError

_START_LIMIT_S = 60.0
"""How long a server may take to answer, recovery after a crash included. About a second on an idle
laptop; ten on a crowded test machine."""

_STOP_LIMIT_S = 20.0
"""How long each step of stopping a server may take."""

_MISSES = 5
"""Looks in a row at which a process must be gone to count as ended: a tenth of a second."""

_POLL_S = 0.02

_RETRY_S = 0.3
"""Backends of a killed postmaster notice within about 1.5 s; until then a new one cannot start."""

_FIRST_PORT, _N_PORTS = 20_000, 10_000
"""Below the range from which Linux and macOS take ports for outgoing connections, so that the port
of a stopped server is rarely lost."""


@dataclass
class State:
    """The content of embedded.json; 0 and "" mean not chosen yet."""

    postgres_port: int = 0
    valkey_port: int = 0
    room: str = ""
    """The directory that holds `postgres/`, if the data directory cannot."""
    pinned: bool = False
    """Started by hand: the last user to leave does not stop the servers."""


class Shared:
    """What the servers of one data directory share: the state file, the password, progress."""

    def __init__(self, data_dir: Path, tell: Callable[[str], None]) -> None:
        self.data_dir = data_dir
        self.tell = tell
        self.state_file = data_dir / "embedded.json"
        self.password_file = data_dir / "embedded.password"
        self.state = State()
        with contextlib.suppress(FileNotFoundError):
            self.state = State(**json.loads(self.state_file.read_text()))

    def save(self) -> None:
        """Write the state."""
        processes.write_private(self.state_file, json.dumps(asdict(self.state)))

    def password(self) -> str:
        """Return the password of both servers, made at the first call; URL-safe characters."""
        if not self.password_file.exists():
            processes.write_private(self.password_file, secrets.token_urlsafe(24))
        return self.password_file.read_text()


class Server(ABC):
    """What both servers have in common: choosing a port, starting, waiting, stopping."""

    name: str
    variable: str
    """The environment variable that replaces this server by one of the operator's."""
    stop_signals: tuple[signal.Signals, ...]
    """Sent one after the other, each with its own time limit."""
    passing_troubles: tuple[str, ...] = ()
    """What a failed start logs when the same start may succeed a moment later."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.log = shared.data_dir / f"{self.name.lower()}.log"

    @property
    @abstractmethod
    def port(self) -> int:
        """The port of the last or next start; 0 before the first."""

    @port.setter
    @abstractmethod
    def port(self, port: int) -> None: ...

    @abstractmethod
    def url(self) -> str:
        """Return the address with user and password, for the application's settings."""

    @abstractmethod
    def pid(self) -> int | None:
        """Return the process that serves our data, ready or not; None if there is none."""

    @abstractmethod
    def is_ready(self, pid: int) -> bool:
        """Whether `pid` answers.

        Raises:
            EmbeddedError: it is ready but refuses us.
        """

    @abstractmethod
    def prepare(self) -> tuple[Sequence[str | Path], Account | None]:
        """Make everything ready for a start; return the command without the port, and who runs it.

        Raises:
            EmbeddedError: something is missing or not allowed.
        """

    @abstractmethod
    def with_port(self, command: Sequence[str | Path]) -> Sequence[str | Path]:
        """Return the command that starts the server on `port`."""

    def ensure(self) -> str:
        """Adopt the running server or start one; return its URL.

        Raises:
            EmbeddedError: it does not come up.
        """
        began = time.monotonic()
        pid = self.pid()
        if pid is None or not self._wait(pid, began + _START_LIMIT_S):
            self._launch()
            seconds = time.monotonic() - began
            self.shared.tell(f"{self.name} ready on port {self.port} ({seconds:.1f} s).")
        return self.url()

    def _launch(self) -> None:
        command, account = self.prepare()
        deadline = time.monotonic() + _START_LIMIT_S
        seed = hashlib.sha256(f"{self.shared.data_dir}:{self.name}".encode()).digest()
        wanted = self.port or _FIRST_PORT + int.from_bytes(seed[:4], "big") % _N_PORTS
        while True:
            free = processes.free_port(wanted)
            # The port may be taken by our own server, if its starter was killed a moment ago.
            running = self.pid()
            n_said = self.log.stat().st_size if self.log.exists() else 0
            if running is None:
                self.port = free
                # Noted before the start: if we are killed now, the next user looks there.
                self.shared.save()
                running = processes.spawn(self.with_port(command), log=self.log, account=account)
            if self._wait(running, deadline):
                return
            said = self.log.read_bytes()[n_said:].decode(errors="replace")
            if "Address already in use" in said:
                wanted = free + 1
            elif not any(trouble in said for trouble in self.passing_troubles):
                raise self._failure("stopped while starting")
            if time.monotonic() + _RETRY_S > deadline:
                raise self._failure(f"did not start within {_START_LIMIT_S:.0f} s")
            time.sleep(_RETRY_S)

    def _wait(self, pid: int, deadline: float) -> bool:
        """Wait until the process answers; False if it ended instead."""
        n_missed = 0
        while n_missed < _MISSES:
            # Valkey rewrites its arguments as it starts: for a moment it seems to have none.
            n_missed = 0 if processes.command_line(pid) else n_missed + 1
            if not n_missed and self.is_ready(pid):
                return True
            if time.monotonic() > deadline:
                raise self._failure(f"(process {pid}) did not answer in {_START_LIMIT_S:.0f} s")
            time.sleep(_POLL_S)
        return False

    def _failure(self, what: str) -> EmbeddedError:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        quoted = "\n".join(f"  {line}" for line in text.splitlines()[-12:])
        return EmbeddedError(
            f"{self.name} {what}. The end of {self.log}:\n{quoted}\n"
            f"Remove that cause and start again, or set {self.variable} to a server of your own."
        )

    def stop(self) -> bool:
        """Stop the server and wait until it is gone; False if it was not running.

        Raises:
            EmbeddedError: it does not stop.
        """
        pid = self.pid()
        if pid is None:
            return False
        self.shared.tell(f"Stopping {self.name}...")
        for number in self.stop_signals:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + _STOP_LIMIT_S
            while time.monotonic() < deadline:
                if not processes.command_line(pid):
                    return True
                time.sleep(_POLL_S)
        raise EmbeddedError(f"{self.name} (process {pid}) does not stop; see {self.log}.")


def package(name: str) -> Path:
    """Return the directory of an installed package without importing it.

    Raises:
        EmbeddedError: it is not installed.
    """
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise EmbeddedError(
            f"The package {name} is not installed. Run `make setup`, or set DATABASE_URL and "
            f"REDIS_URL to servers of your own."
        )
    return Path(found.origin).parent
