"""Run every process of an installation in one terminal."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from config import embedded, local
from config.processes import Program, Supervisor, is_free, wait_for
from tenants import owners
from tenants.commands import QuickCommand

PYTHON = sys.executable
MANAGE = [PYTHON, "manage.py"]

THREADS = 200
"""Tasks that one worker process has under way at most. They wait, so a thread costs little memory
and no database connection; doubling it doubles what a crash of the process has to do again."""


DELIVERING = 30
"""Threads of one worker beside those for endpoints of customers' systems, which may all hang."""


def free_leases(name: str) -> None:
    """Let others take over what a process that died was doing."""
    try:
        owners.free_leases(name=name)
    finally:
        connection.close()


class Command(QuickCommand):
    """Runs every process of an installation."""

    help = "Run web, workers, dispatcher and bridge simulator together; Ctrl-C stops them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what the interface promises."""
        local.add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Start everything and wait."""
        self._check_ports(options)
        supervisor = Supervisor(name_in=owners.VARIABLE, name_of=owners.new_name, ended=free_leases)
        # Both stop it in order, also where it was started in the background with Ctrl-C ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        self.stdout.write("Preparing the database...")
        self.stdout.flush()
        # In this process: each further one would cost another start of Django.
        call_command("prepare")
        self.stdout.write("Starting the processes...")
        self.stdout.flush()
        try:
            if settings.EMBEDDED:
                supervisor.watch(partial(embedded.ensure_postgres, settings.DATA_DIR))
            if settings.EMBEDDED_BROKER:
                supervisor.watch(partial(embedded.ensure_valkey, settings.DATA_DIR))
            *programs, spare = self.programs(options)
            for program in programs:
                supervisor.start(program)
            self._wait_until_up(options)
            supervisor.start(spare)
            self.after_start(options)
            connection.close()  # this thread asks nothing more
            self.stdout.write("READY")
            self.stdout.flush()
            supervisor.wait()
        except KeyboardInterrupt:
            pass
        finally:
            self.stdout.write("Stopping...")
            self.stdout.flush()
            supervisor.stop()
        self.stdout.write("Stopped.")

    def after_start(self, options: dict[str, Any]) -> None:
        """Say where the pages are."""
        self.stdout.write(f"Pages: http://localhost:{options['port']}/admin/")

    def _check_ports(self, options: dict[str, Any]) -> None:
        wanted = {"--port": options["port"]}
        if not options["no_simulator"]:
            wanted["--simulator-port"] = options["simulator_port"]
        for option, port in wanted.items():
            if not is_free(port):
                raise CommandError(
                    f"Port {port} is in use, perhaps by an earlier start. Stop what uses it, or use"
                    f" {option}."
                )

    def programs(
        self, options: dict[str, Any], env: Mapping[str, str] | None = None
    ) -> list[Program]:
        """Return what runs: the same here, in the tests that kill it and in `bench/`.

        Args:
            env: set for every program, beside what is set already.
        """
        env = {"SHOW_PROGRESS": "0", **(env or {})}
        celery = [PYTHON, "-m", "celery", "-q", "-A", "config.celery", "worker", "-l", "WARNING"]
        celery += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        web = [PYTHON, "-m", "uvicorn", "config.asgi:application"]
        web += [
            "--host",
            options.get("host", "127.0.0.1"),
            "--port",
            str(options["port"]),
            "--workers",
            str(options["workers"]),
        ]
        web += ["--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "5"]
        # Computing blocks, so it forks; waiting does not, so it has threads.
        reading = [*celery, "-n", "knowledge@%h", "-Q", "knowledge", "--pool", "prefork", "-c", "1"]
        answering = ["-Q", "inbound,turns,outbound,webhooks,default", "--pool", "threads"]
        answering += ["-c", str(THREADS + DELIVERING)]
        # A part of the threads stays free for what comes in, however slow models and bridges are.
        shares = {
            "MAX_RUNNING_TURNS": str(options["workers"] * THREADS * 5 // 8),
            "MAX_RUNNING_SENDS": str(options["workers"] * THREADS // 4),
            "MAX_RUNNING_DELIVERIES": str(options["workers"] * DELIVERING),
        }
        programs = [
            Program("web", web, env),
            Program("dispatcher", [*MANAGE, "dispatcher"], {**shares, **env}),
            Program("knowledge", reading, env),
        ]
        for number in range(1, options["workers"] + 1):
            name = f"worker{number}"
            programs.append(Program(name, [*celery, "-n", f"{name}@%h", *answering], env))
        if not options["no_simulator"]:
            simulator = [PYTHON, "-m", "channels_whatsapp.simulator", "--auto-pair"]
            simulator += ["--port", str(options["simulator_port"])]
            simulator += ["--state", str(settings.DATA_DIR / "simulator.db")]
            # A webhook that meets a restart comes again after 3 s and not after 30.
            simulator += ["--time-scale", "0.1"]
            simulator += ["--admin-token", settings.BRIDGE_ADMIN_TOKEN]
            programs.insert(0, Program("simulator", simulator, env))
        # Both ring, and claim what the other has not; alone, its restart would stop everything for
        # seconds. It costs a hundredth of a core. Last: it may start when the rest is up.
        programs.append(Program("dispatcher2", [*MANAGE, "dispatcher"], {**shares, **env}))
        return programs

    def _wait_until_up(self, options: dict[str, Any]) -> None:
        addresses = [f"http://127.0.0.1:{options['port']}/livez"]
        if not options["no_simulator"]:
            addresses.append(f"http://127.0.0.1:{options['simulator_port']}/health")
        for address in addresses:
            if not wait_for(address, timeout_s=60):
                raise CommandError(f"{address} does not answer; the cause stands above.")
