"""Run every process of an installation in one terminal."""

from __future__ import annotations

import os
import signal
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.processes import Program, Supervisor, is_free, run_step, wait_for

SIMULATOR_PORT = 8090
"""Where the examples' devices look for their bridge."""

PYTHON = sys.executable
MANAGE = [PYTHON, "manage.py"]


class Command(BaseCommand):
    """Runs every process of an installation."""

    help = "Run web, workers, dispatcher and bridge simulator together; Ctrl-C stops them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what the interface promises."""
        parser.add_argument("--port", type=int, default=8000, help="port of the web pages")
        parser.add_argument(
            "--workers", type=int, default=2, help="web processes, and worker processes for turns"
        )
        parser.add_argument("--no-simulator", action="store_true", help="without the simulator")
        parser.add_argument("--simulator-port", type=int, default=SIMULATOR_PORT)
        parser.add_argument("--data-dir", help="where the embedded services keep their data")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start everything and wait."""
        self._use_data_dir(options["data_dir"])
        env = self._environment(options)
        self._check_ports(options)
        supervisor = Supervisor()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: supervisor.ask_to_stop())
        self.stdout.write("Preparing the database...")
        self.stdout.flush()
        if run_step([*MANAGE, "prepare"], env=env):
            raise CommandError("The database could not be prepared; the cause stands above.")
        self.stdout.write("Starting the processes...")
        self.stdout.flush()
        try:
            for program in self.programs(options, env):
                supervisor.start(program)
            self._wait_until_up(options)
            self.after_start(options, env)
            self.stdout.write("READY")
            self.stdout.flush()
            supervisor.wait()
        finally:
            self.stdout.write("Stopping...")
            self.stdout.flush()
            supervisor.stop()
        self.stdout.write("Stopped.")

    def after_start(self, options: dict[str, Any], env: dict[str, str]) -> None:
        """Say where the pages are."""
        self.stdout.write(f"Pages: http://localhost:{options['port']}/admin/")

    def _use_data_dir(self, data_dir: str | None) -> None:
        """Start anew where another directory is asked for: the settings have read the old one."""
        if data_dir and Path(data_dir).resolve() != settings.DATA_DIR:
            os.environ["DATA_DIR"] = str(Path(data_dir).resolve())
            os.execv(PYTHON, [PYTHON, *sys.argv])  # noqa: S606 - this same command

    def _environment(self, options: dict[str, Any]) -> dict[str, str]:
        # Celery scolds a superuser at each start; on one's own machine that helps nobody.
        quiet = "ignore:You're running the worker with superuser privileges"
        env = {
            "PYTHONWARNINGS": quiet,
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{options['port']}",
            "PYTHONUNBUFFERED": "1",
        }
        if not options["no_simulator"]:
            env |= {
                "SIMULATOR_URL": f"http://127.0.0.1:{options['simulator_port']}",
                "EGRESS_ALLOWED_PRIVATE": "127.0.0.1",
                # Good for the simulator alone, which listens on this machine only.
                "BRIDGE_ADMIN_TOKEN": "simulator",
            }
        return {name: value for name, value in env.items() if name not in os.environ}

    def _check_ports(self, options: dict[str, Any]) -> None:
        wanted = {"--port": options["port"]}
        if not options["no_simulator"]:
            wanted["--simulator-port"] = options["simulator_port"]
        for option, port in wanted.items():
            if not is_free(port):
                raise CommandError(f"Port {port} is in use. Stop what uses it, or use {option}.")

    def programs(self, options: dict[str, Any], env: dict[str, str]) -> list[Program]:
        """Return what runs: the same here, in the tests that kill it and in `bench/`."""
        celery = [PYTHON, "-m", "celery", "-q", "-A", "config.celery", "worker", "-l", "WARNING"]
        celery += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        programs = [
            Program(
                "web",
                [PYTHON, "-m", "uvicorn", "config.asgi:application", "--host", "0.0.0.0"]  # noqa: S104 - phones of the same network are welcome
                + ["--port", str(options["port"]), "--workers", str(options["workers"])]
                + ["--no-access-log", "--log-level", "warning"],
                env,
            ),
            Program("dispatcher", [*MANAGE, "dispatcher"], env),
            Program(
                "knowledge",
                [*celery, "-n", "knowledge@%h", "-Q", "knowledge", "--pool", "prefork", "-c", "1"],
                env,
            ),
        ]
        for number in range(options["workers"]):
            queues = "inbound,turns,outbound,default"
            programs.append(
                Program(
                    f"worker{number + 1}",
                    [*celery, "-n", f"worker{number + 1}@%h", "-Q", queues]
                    + ["--pool", "threads", "-c", "150"],
                    env,
                )
            )
        if not options["no_simulator"]:
            programs.insert(
                0,
                Program(
                    "simulator",
                    [PYTHON, "-m", "channels_whatsapp.simulator", "--port"]
                    + [str(options["simulator_port"])]
                    + ["--state", str(settings.DATA_DIR / "simulator.db")]
                    + ["--admin-token", env.get("BRIDGE_ADMIN_TOKEN", "simulator")]
                    + ["--auto-pair"],
                    env,
                ),
            )
        return programs

    def _wait_until_up(self, options: dict[str, Any]) -> None:
        addresses = [f"http://127.0.0.1:{options['port']}/livez"]
        if not options["no_simulator"]:
            addresses.append(f"http://127.0.0.1:{options['simulator_port']}/health")
        for address in addresses:
            if not wait_for(address, timeout_s=60):
                raise CommandError(f"{address} does not answer; the cause stands above.")
