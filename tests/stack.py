"""The product's own processes, on servers and data of their own: for tests that kill them and for
the measurements of `bench/`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import django
import psycopg
import yaml

from config import embedded
from config.management.commands.stack import Command
from config.processes import BASE_DIR, Program, Supervisor, wait_for


def free_port() -> int:
    """Return a port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def blueprint(
    *,
    slug: str,
    bridge_url: str,
    token: str,
    hmac_key: str,
    quiet_s: float,
    llm_url: str = "",
    documents: Sequence[str] = (),
) -> dict[str, Any]:
    """Return a tenant with one agent and one number.

    Args:
        llm_url: an OpenAI-compatible server; without one the agent quotes its documents.
        documents: their file names.
    """
    credential = (
        {"provider": "openai_compatible", "base_url": llm_url, "api_key": "none"}
        if llm_url
        else {"provider": "offline"}
    )
    agent = {"name": "Recepção", "kind": "general", "instructions": "Seja breve e cordial."}
    return {
        "blueprint": 1,
        "tenant": {"slug": slug, "name": slug.title(), "domains": [f"{slug}.localhost"]},
        "llm": {
            "credentials": [{"name": "principal", **credential}],
            "chat": {"credential": "principal", "model": "fake-1" if llm_url else ""},
        },
        "knowledge": {
            "categories": [{"name": "geral", "documents": list(documents)}] if documents else []
        },
        "agents": [{**agent, "categories": ["geral"] if documents else []}],
        "devices": [
            {
                "name": "principal",
                "entry_agent": agent["name"],
                "quiet_s": quiet_s,
                "bridge": {"base_url": bridge_url, "token": token, "hmac_key": hmac_key},
            }
        ],
    }


@dataclass(frozen=True)
class Doomed:
    """Workers of which each dies at a fail point of its own."""

    process: subprocess.Popen[bytes]
    log: Path

    def ended(self) -> dict[str, int]:
        """Return the exit codes of those that ended, by fail point."""
        lines = map(str.split, self.log.read_text(encoding="utf-8").splitlines())
        return {line[1]: int(line[2]) for line in lines if line[:1] == ["ended"]}

    def kill(self) -> None:
        """End those that still live."""
        self.process.terminate()
        self.process.wait()


class Stack:
    """An installation in a directory of its own; use it in a `with` block, which cleans up.

    Nothing of the surrounding process counts but its Python: no `.env`, no test settings.
    """

    def __init__(self, *, env: Mapping[str, str] | None = None, n_workers: int = 1) -> None:
        self.data_dir = Path(tempfile.mkdtemp(prefix="prosa-stack-"))
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.env = {
            "DJANGO_SETTINGS_MODULE": "config.settings.base",
            "DATA_DIR": str(self.data_dir),
            "DATABASE_URL": "",
            "REDIS_URL": "",
            "SIMULATOR_URL": "",
            "PUBLIC_BASE_URL": self.base_url,
            "EGRESS_ALLOWED_PRIVATE": "127.0.0.1",
            "EGRESS_ALLOWED_TENANTS": "127.0.0.1",
            "BRIDGE_ADMIN_TOKEN": "admin",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "",  # else each of the processes compiles everything anew
            **(env or {}),
        }
        self.log = self.data_dir / "processes.log"
        self._n_workers = n_workers
        self._log_file = self.log.open("w", encoding="utf-8")
        self._supervisor = Supervisor(out=self._log_file)
        self._commands: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        try:
            self.servers = embedded.start(self.data_dir)
            self.manage("prepare")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._supervisor.stop()
        self._end_commands()
        embedded.erase(self.data_dir)
        self._log_file.close()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def use_django(self) -> None:
        """Make this process, which must not have set up Django yet, part of the installation."""
        os.environ.update(self.env)
        django.setup()

    def manage(self, *arguments: str) -> str:
        """Run a command of `manage.py` to its end and return what it printed."""
        if self._commands is None:
            self._commands = subprocess.Popen(
                [sys.executable, "-m", "tests.commands"],
                cwd=BASE_DIR,
                env={**os.environ, **self.env},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log_file,
                text=True,
                process_group=0,
            )
        asking, answering = self._commands.stdin, self._commands.stdout
        assert asking is not None
        assert answering is not None
        try:
            print(json.dumps(arguments), file=asking, flush=True)
            line = answering.readline()
        except BaseException:  # its answer would be taken for that of the next
            self._end_commands()
            raise
        if not line:
            self._end_commands()
            raise RuntimeError(f"no command can be run:\n{self.log.read_text()[-3000:]}")
        done = json.loads(line)
        if done["code"] != 0:
            raise RuntimeError(f"manage.py {' '.join(arguments)}:\n{done['out']}{done['err']}")
        return str(done["out"])

    def _end_commands(self) -> None:
        if self._commands is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._commands.pid, signal.SIGKILL)
            self._commands.communicate()
            self._commands = None

    def apply_blueprint(self, blueprint: Mapping[str, object], files: Mapping[str, str]) -> Any:
        """Create a tenant and return the command's JSON.

        Args:
            files: the documents that the blueprint names, path -> text.
        """
        folder = Path(tempfile.mkdtemp(dir=self.data_dir))
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "blueprint.yaml").write_text(yaml.safe_dump(dict(blueprint)), encoding="utf-8")
        wait = ["--wait", "--timeout", "60"] if files else []
        printed = self.manage("apply_blueprint", str(folder / "blueprint.yaml"), "--json", *wait)
        return json.loads(printed)

    def programs(self) -> dict[str, Program]:
        """Return what an installation runs, by name, as the `stack` command runs it."""
        options = {"port": self.port, "workers": self._n_workers, "no_simulator": True}
        return {one.name: one for one in Command().programs(options, self.env)}

    def start(self, *names: str) -> None:
        """Start programs and keep them running; returns when the web process answers."""
        programs = self.programs()
        for name in names:
            self._supervisor.start(programs[name])
        if "web" in names and not wait_for(f"{self.base_url}/livez", timeout_s=60):
            raise RuntimeError(f"the web process does not answer:\n{self.log.read_text()[-3000:]}")

    def watch_servers(self) -> None:
        """Bring PostgreSQL and Valkey back when they die, as the `stack` command does."""
        self._supervisor.watch(lambda: embedded.start(self.data_dir))

    def keep(self, program: Program) -> None:
        """Start a program that is not the product's own and keep it running."""
        self._supervisor.start(program)

    def start_doomed(self, name: str, *, failpoints: Sequence[str]) -> Doomed:
        """Start a worker once for each fail point, to die there."""
        command = self.programs()[name].command
        arguments = command[command.index("worker") :]
        log = self.data_dir / "doomed.log"
        with log.open("w", encoding="utf-8") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.doomed", ",".join(failpoints), "-q", *arguments],
                cwd=BASE_DIR,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=self._log_file,
            )
        return Doomed(process, log)

    def pids(self) -> dict[str, int]:
        """Return the process ids of what `start` keeps running."""
        return self._supervisor.pids()

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a statement on a connection of its own and return its rows, if it has any."""
        with psycopg.connect(self.servers.database_url, autocommit=True) as connection:
            cursor = connection.execute(sql, parameters or None)
            return cursor.fetchall() if cursor.description else []
