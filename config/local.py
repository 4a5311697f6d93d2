"""What `manage.py stack` and `manage.py demo` decide before the settings are read."""

from __future__ import annotations

import os
from argparse import ArgumentError, ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

COMMANDS = ("stack", "demo")

SIMULATOR_PORT = 8090
"""Where the examples say that their devices' bridge is; the demo tells them of another port."""


def add_options(parser: ArgumentParser) -> None:
    """Declare the command line of both commands."""
    parser.add_argument("--port", type=_port, default=8000, help="port of the web pages")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address of the web pages; 0.0.0.0 for every network"
    )
    parser.add_argument(
        "--workers", type=_count, default=2, help="web processes, and worker processes for turns"
    )
    parser.add_argument("--no-simulator", action="store_true", help="without the simulator")
    parser.add_argument(
        "--simulator-port", type=_port, default=SIMULATOR_PORT, help="port of the simulator"
    )
    parser.add_argument("--data-dir", help="where the embedded services keep their data")


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise ArgumentTypeError(f"{text} is no port, such as 8000")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(f"{text} is no number of processes: 1 or more")
    return int(text)


def set_environment(arguments: Sequence[str]) -> None:
    """Set what an installation on one machine needs and the environment does not say."""
    parser = ArgumentParser(add_help=False, exit_on_error=False)
    add_options(parser)
    try:
        options, _ = parser.parse_known_args(arguments)
    except ArgumentError:
        return  # the command says what is wrong, and ends
    wanted = {
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{options.port}",
        "PYTHONUNBUFFERED": "1",
        "SHOW_PROGRESS": "1",
        # Celery scolds a superuser at each start; on one's own machine that helps nobody.
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
    }
    if not options.no_simulator:
        wanted |= {
            "SIMULATOR_URL": f"http://127.0.0.1:{options.simulator_port}",
            "EGRESS_ALLOWED_PRIVATE": "127.0.0.1",
            # Good for the simulator alone, which listens on this machine only.
            "BRIDGE_ADMIN_TOKEN": "simulator",
        }
    if options.data_dir:
        os.environ["DATA_DIR"] = str(Path(options.data_dir).resolve())
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
