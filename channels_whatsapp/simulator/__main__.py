"""`python -m channels_whatsapp.simulator`: WuzAPI's twin and a phone to play with."""

import argparse
import contextlib
import logging
import sys
from pathlib import Path

from channels_whatsapp.simulator import server
from channels_whatsapp.simulator.core import Options


def _parser() -> argparse.ArgumentParser:
    defaults = Options()
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090, help="0 takes a free one")
    parser.add_argument("--state", type=Path, help="SQLite file that keeps users and messages")
    parser.add_argument("--admin-token", default=defaults.admin_token)
    parser.add_argument(
        "--webhook-format", choices=("json", "form"), default=defaults.webhook_format
    )
    parser.add_argument(
        "--time-scale",
        type=float,
        default=defaults.time_scale,
        help="factor on the bridge's own waits: 0.1 retries webhooks after 3, 6, 12 and 24 s",
    )
    parser.add_argument(
        "--auto-pair",
        action=argparse.BooleanOptionalAction,
        default=defaults.auto_pair,
        help="pair a number when it connects, without anybody scanning",
    )
    parser.add_argument("--zone", default=defaults.zone, help="zone of the bridge's timestamps")
    parser.add_argument(
        "--seed",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="start with two people when there is nobody yet",
    )
    return parser


def main() -> int:
    """Run until interrupted."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    options = Options(
        admin_token=arguments.admin_token,
        webhook_format=arguments.webhook_format,
        state_path=arguments.state,
        time_scale=arguments.time_scale,
        auto_pair=arguments.auto_pair,
        zone=arguments.zone,
        seed=arguments.seed,
    )
    listener = server.bind(arguments.host, arguments.port)
    simulator = server.build(options, listener)
    host, port = listener.getsockname()[:2]
    sys.stdout.write(f"simulator: http://{host}:{port}/simulator/\n")
    sys.stdout.flush()
    # uvicorn stops in order at Ctrl-C and raises it again afterwards.
    with contextlib.suppress(KeyboardInterrupt):
        simulator.run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
