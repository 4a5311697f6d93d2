"""Processes, ports, files and the two wire protocols, as `config.embedded` needs them.

Standard library only: this runs at settings import, before anything else of ours.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import IO

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""What the servers see of our environment. English messages, because some are recognised."""

_ACCOUNTS = ("postgres", "_postgres", "nobody")
"""Tried in this order; the second is the name on macOS."""

_LOG_LIMIT_BYTES = 10_000_000
"""A log beyond this is set aside (one generation is kept) at the next start."""

_N_PORTS_TRIED = 200
"""Neighbours looked at for a free port; so many in a row are never taken by chance."""


class EmbeddedError(RuntimeError):
    """A server could not be started, adopted or stopped; the message says what to do."""


@dataclass(frozen=True)
class Account:
    """The unprivileged account under which PostgreSQL runs when we are root."""

    name: str
    uid: int
    gid: int


def unprivileged_account(data: Path) -> Account | None:
    """Choose who runs PostgreSQL: None for ourselves, else the owner of the data or a known name.

    Args:
        data: the cluster's directory; may be missing.

    Raises:
        EmbeddedError: we are root and the machine has no suitable account.
    """
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(FileNotFoundError):
        found = data.stat()
        if found.st_uid != 0:
            return Account(f"uid {found.st_uid}", found.st_uid, found.st_gid)
    for name in _ACCOUNTS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL refuses to run as root and there is no account 'postgres' or 'nobody' for it. "
        "Create one (useradd --system postgres), start as an ordinary user, or set DATABASE_URL."
    )


def run(
    command: Sequence[str | Path],
    *,
    account: Account | None = None,
    log: Path | None = None,
    given: str = "",
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a short command from the root directory, in a session of its own.

    Args:
        account: who runs it; None for ourselves.
        log: takes what it writes to standard error; without it that is captured.
        given: its standard input.
        environment: added to the small environment that all our commands get.
    """
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(_opened_log(log)) if log else subprocess.PIPE
        return subprocess.run(  # noqa: S603 - fixed programs with arguments that are ours
            [str(word) for word in command],
            input=given,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            check=False,
            start_new_session=True,  # Ctrl-C in the terminal must not reach a shared server.
            cwd="/",  # Ours may be a directory that the account cannot enter.
            env=ENVIRONMENT | (environment or {}),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            umask=0o077,
        )


def spawn(command: Sequence[str | Path], *, log: Path, account: Account | None) -> int:
    """Start a server that outlives us and return its process id.

    A shell in between puts it into the background and ends, so that the server belongs to init
    and not to us: nobody else would notice its end while we live and do not wait for it.
    """
    done = run(["/bin/sh", "-c", '"$@" >&2 & echo $!', "sh", *command], log=log, account=account)
    if done.returncode != 0:
        raise EmbeddedError(f"{command[0]} cannot be started; the reason is in {log}.")
    return int(done.stdout)


def command_line(pid: int) -> str:
    """Return the words of a running process, joined by blanks; "" if it ended, or is a zombie."""
    if Path("/proc/self/cmdline").exists():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return ""
        return words.replace(b"\0", b" ").decode(errors="replace")
    listed = run(["/bin/ps", "-ww", "-o", "stat=,command=", "-p", str(pid)]).stdout.strip()
    state, _, words_listed = listed.partition(" ")
    return "" if state.startswith("Z") else words_listed


def exists(pid: int) -> bool:
    """Whether this number is taken by a process, if only by a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0


def may_enter(directory: Path, account: Account | None) -> bool:
    """Whether the account can reach this directory from the root, whatever rules decide that."""
    return run(["/bin/sh", "-c", 'test -x "$1"', "sh", directory], account=account).returncode == 0


def may_run(program: Path, needs: Sequence[Path], account: Account | None) -> bool:
    """Whether the account can execute this program (it understands --version) and read the rest."""
    script = '"$1" --version && shift && for file; do test -r "$file" || exit 1; done'
    return run(["/bin/sh", "-c", script, "sh", program, *needs], account=account).returncode == 0


def copy_readable(source: Path, target: Path) -> None:
    """Copy a tree so that every account can read it, whatever the umask of its installation."""
    shutil.copytree(source, target)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by its owner only."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())  # A crash of the machine must not leave an empty password.
    new.replace(path)


def free_port(wanted: int) -> int:
    """Return the first port from `wanted` upwards on which nobody listens on 127.0.0.1.

    Raises:
        EmbeddedError: none is free.
    """
    for port in range(wanted, min(wanted + _N_PORTS_TRIED, 65_536)):
        with socket.socket() as probe:
            # A port with connections that ended a moment ago is free for a server.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise EmbeddedError(f"No port between {wanted} and {wanted + _N_PORTS_TRIED} is free.")


def ask_valkey(port: int, password: str, *commands: str, timeout_s: float = 5.0) -> list[str]:
    """Send commands without blanks in their arguments to Valkey and return its replies.

    Returns:
        One text per command: a list's items on lines of their own, an error as "-...". Empty if
        nobody answers on this port, or not to this password.
    """
    replies: list[str] = []
    # ValueError: somebody answers, but in another protocol.
    with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as stack:
        connection = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        stream = stack.enter_context(stack.enter_context(connection).makefile("rwb"))
        for command in (f"AUTH {password}", *commands):
            stream.write(f"{command}\r\n".encode())
            stream.flush()
            replies.append(_read_reply(stream))
    return replies[1:] if replies[:1] == ["+OK"] else []


def _read_reply(stream: BufferedIOBase) -> str:
    """Read one value of the RESP protocol, version 2."""
    line = stream.readline().decode().rstrip("\r\n")
    match line[:1]:
        case "+" | "-" | ":":
            return line
        case "$":
            return stream.read(int(line[1:]) + 2)[:-2].decode()
        case "*":
            return "\n".join(_read_reply(stream) for _ in range(int(line[1:])))
    raise ValueError("not a reply of Valkey")


@contextlib.contextmanager
def _opened_log(log: Path) -> Iterator[IO[bytes]]:
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_LIMIT_BYTES:
            log.replace(log.with_name(f"{log.name}.old"))
    with open(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as stream:
        yield stream
