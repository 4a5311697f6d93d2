"""PostgreSQL and Valkey as managed processes, for development, tests and small installations.

One pair of servers belongs to one data directory and is shared by every process that uses that
directory: web, workers, dispatcher, tests. The first user starts the pair, later ones adopt it,
the last one to leave in good order stops it. A user that is killed leaves the servers running for
the next one, so nothing is lost and nothing has to be repaired by hand.

In the data directory lie `embedded.json` (ports), `embedded.password`, `embedded.lock` (held while
servers start or stop), `embedded.users` (held shared by each user for its life), the logs, and the
data under `postgres/` and `valkey/`.

PostgreSQL refuses to run as root. For root it runs under an unprivileged account; if that account
cannot enter the data directory or the installed package, a room of its own is made under /var/lib
instead of opening up the user's directories.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.embedded_postgresql import Postgres
from config.embedded_processes import EmbeddedError
from config.embedded_server import Shared
from config.embedded_valkey import Valkey

__all__ = [
    "EmbeddedError",
    "Endpoints",
    "Progress",
    "Status",
    "ensure",
    "ensure_postgres",
    "ensure_valkey",
    "erase",
    "start",
    "status",
    "stop",
]

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Endpoints:
    """Where the servers listen; both URLs carry the password."""

    database_url: str
    redis_url: str


@dataclass(frozen=True)
class Status:
    """What runs for a data directory; a pid is None if that server is down, a port 0 if unknown."""

    postgres_pid: int | None
    postgres_port: int
    postgres_directory: Path
    valkey_pid: int | None
    valkey_port: int


_users: dict[Path, tuple[int, int]] = {}
"""For each data directory in use: our process id and the descriptor with the shared lock. A forked
child inherits the entry and the lock, but is told apart by the process id."""


class _Pair:
    """The two servers of one data directory."""

    def __init__(self, data_dir: Path, tell: Progress) -> None:
        self.shared = Shared(data_dir, tell)
        self.postgres = Postgres(self.shared)
        self.valkey = Valkey(self.shared)

    def pin(self, *, pinned: bool) -> None:
        self.shared.state.pinned = pinned
        self.shared.save()

    def stop(self) -> tuple[str, ...]:
        return tuple(server.name for server in (self.valkey, self.postgres) if server.stop())

    def erase(self) -> None:
        """Delete what the stopped servers stored.

        The lock files stay: another process may be waiting for the very file that we hold.
        """
        if self.shared.state.room:
            shutil.rmtree(self.shared.state.room, ignore_errors=True)
        for path in self.shared.data_dir.iterdir():
            if re.match(r"\.?(postgres|valkey|programs)", path.name):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.shared.password_file.unlink(missing_ok=True)
        self.shared.state_file.unlink(missing_ok=True)


def ensure(data_dir: Path, *, progress: Progress | None = None) -> Endpoints:
    """Make both servers answer and keep them for as long as this process lives.

    Idempotent, and safe in several processes at the same moment: all get the same pair.

    Args:
        data_dir: created if missing; a relative path is taken from the current directory.
        progress: is told short English sentences while something takes time.

    Raises:
        EmbeddedError: a server does not come up; quotes the end of its log.
    """
    with _locked(data_dir, progress) as pair:
        _register_user(pair.shared.data_dir)
        return Endpoints(pair.postgres.ensure(), pair.valkey.ensure())


def ensure_postgres(data_dir: Path, *, progress: Progress | None = None) -> str:
    """Make PostgreSQL answer and return its URL; otherwise like `ensure`."""
    with _locked(data_dir, progress) as pair:
        _register_user(pair.shared.data_dir)
        return pair.postgres.ensure()


def ensure_valkey(data_dir: Path, *, progress: Progress | None = None) -> str:
    """Make Valkey answer and return its URL; otherwise like `ensure`."""
    with _locked(data_dir, progress) as pair:
        _register_user(pair.shared.data_dir)
        return pair.valkey.ensure()


def start(data_dir: Path, *, progress: Progress | None = None) -> Endpoints:
    """Make both servers answer and leave them running until `stop`, whoever comes and goes.

    Raises:
        EmbeddedError: a server does not come up.
    """
    with _locked(data_dir, progress) as pair:
        endpoints = Endpoints(pair.postgres.ensure(), pair.valkey.ensure())
        pair.pin(pinned=True)
        return endpoints


def stop(data_dir: Path, *, progress: Progress | None = None) -> tuple[str, ...]:
    """Stop the servers in good order, even if other processes still use them.

    Returns:
        The names of those that were running; empty if there was nothing to do.

    Raises:
        EmbeddedError: a server does not stop.
    """
    if not data_dir.is_dir():
        return ()
    with _locked(data_dir, progress) as pair:
        pair.pin(pinned=False)
        return pair.stop()


def erase(data_dir: Path, *, progress: Progress | None = None) -> None:
    """Stop the servers and delete what they stored, also where it lies outside `data_dir`.

    Raises:
        EmbeddedError: a server does not stop; nothing is deleted then.
    """
    if not data_dir.is_dir():
        return
    with _locked(data_dir, progress) as pair:
        pair.stop()
        pair.erase()


def status(data_dir: Path) -> Status:
    """Say what runs for this data directory at this moment, without waiting for anybody."""
    pair = _Pair(data_dir.resolve(), _ignore)
    return Status(
        postgres_pid=pair.postgres.pid(),
        postgres_port=pair.postgres.port,
        postgres_directory=pair.postgres.directory,
        valkey_pid=pair.valkey.pid(),
        valkey_port=pair.valkey.port,
    )


def _ignore(_: str) -> None:
    """Take a progress message that nobody wants."""


@contextlib.contextmanager
def _locked(data_dir: Path, progress: Progress | None) -> Iterator[_Pair]:
    """Hold the exclusive lock of the data directory, and create the directory if need be."""
    tell = progress or _ignore
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        data_dir = data_dir.resolve()
        handle = os.open(data_dir / "embedded.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EmbeddedError(
            f"The data directory {data_dir} cannot be used: {error.strerror}. Make it writable for "
            f"this account, or set DATA_DIR to another one."
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("Waiting for another process that starts or stops the servers...")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield _Pair(data_dir, tell)
    finally:
        os.close(handle)


def _register_user(data_dir: Path) -> None:
    """Note that this process uses the servers, until it ends for whatever reason."""
    pid = os.getpid()
    if _users.get(data_dir, (0, 0))[0] == pid:
        return
    handle = os.open(data_dir / "embedded.users", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_SH)
    _users[data_dir] = (pid, handle)
    atexit.register(_leave, data_dir)


def _leave(data_dir: Path) -> None:
    """Stop the servers if this process is the last user; runs at a clean exit."""
    pid, handle = _users.get(data_dir, (0, -1))
    # A fork runs our exit handlers too, but the servers are its parent's to leave.
    if pid != os.getpid():
        return
    del _users[data_dir]
    os.close(handle)
    if not data_dir.is_dir():
        return
    with _locked(data_dir, None) as pair:
        handle = os.open(data_dir / "embedded.users", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # Others are left.
        finally:
            os.close(handle)
        if not pair.shared.state.pinned:
            pair.stop()


def _run(data_dir: Path, command: Sequence[str]) -> int:
    """Run a command that finds the servers through DATA_DIR; return its exit code."""
    ensure(data_dir, progress=_say)
    environment = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    environment["DATA_DIR"] = str(data_dir.resolve())
    with subprocess.Popen(list(command), env=environment) as child:  # noqa: S603 - the caller's own
        # Ctrl-C reaches the command by itself; we wait for it and leave after it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        code = child.wait()
    return code if code >= 0 else 128 - code


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Start, stop, show or erase the servers, or run a command beside them.

    Returns:
        An exit code: 0 if done (status: if both run), 1 with a message if not.
    """
    parser = argparse.ArgumentParser(prog="python -m config.embedded", description=main.__doc__)
    default = Path(os.environ.get("DATA_DIR") or Path(__file__).parent.parent / ".data")
    parser.add_argument("--data-dir", type=Path, default=default)
    parser.add_argument("action", choices=["start", "stop", "status", "erase", "run"])
    parser.add_argument("command", nargs=argparse.REMAINDER, help="run: the command, after --")
    given = parser.parse_args(arguments)
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    if (given.action == "run") != bool(command):
        parser.error("give a command after `run --`, and only there")
    try:
        match given.action:
            case "start":
                start(given.data_dir, progress=_say)
            case "stop":
                stopped = stop(given.data_dir, progress=_say)
                _say("Stopped." if stopped else "Nothing was running.")
            case "erase":
                erase(given.data_dir, progress=_say)
            case "run":
                return _run(given.data_dir, command)
    except EmbeddedError as error:
        _say(str(error))
        return 1
    return _show(status(given.data_dir)) if given.action in {"start", "status"} else 0


def _show(found: Status) -> int:
    """Print what runs; 0 if both servers do."""
    for name, pid, port in (
        ("PostgreSQL", found.postgres_pid, found.postgres_port),
        ("Valkey", found.valkey_pid, found.valkey_port),
    ):
        sys.stdout.write(f"{name}: {f'process {pid}, port {port}' if pid else 'not running'}\n")
    sys.stdout.write(f"Database directory: {found.postgres_directory}\n")
    return 0 if found.postgres_pid and found.valkey_pid else 1


if __name__ == "__main__":
    sys.exit(main())
