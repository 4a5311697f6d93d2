"""Ask the official example servers of MCP: `python -m bench.mcp_servers`.

The time server runs as a program; "everything" of npm runs as a program and over streamable HTTP,
where npm is there. What was found and called is printed, with the time of each session.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")
os.environ["EGRESS_ALLOWED_TENANTS"] = "127.0.0.1"
EVERYTHING = "@modelcontextprotocol/server-everything@2026.8.31"
WAIT_S = 60.0


def main() -> int:
    """Return 1 if a server was not understood."""
    with tempfile.TemporaryDirectory() as folder:
        commands = [f"time={Path(sys.executable).parent / 'mcp-server-time'}"]
        program = _everything(Path(folder))
        if program:
            commands.append(f"everything={program} stdio")
        os.environ["MCP_STDIO_COMMANDS"] = ";".join(commands)
        import django

        django.setup()
        from integrations.mcp import Place

        asked = [("time, as a program", Place(command="time"), "get_current_time")]
        if not program:
            return _ask(asked)
        port = _free_port()
        server = subprocess.Popen(
            [program, "streamableHttp"],
            env={**os.environ, "PORT": str(port)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(port)
            url = f"http://127.0.0.1:{port}/mcp"
            asked.append(("everything, as a program", Place(command="everything"), "echo"))
            asked.append(("everything, over HTTP", Place(url), "echo"))
            return _ask(asked)
        finally:
            server.kill()
            server.wait()


def _everything(folder: Path) -> str:
    npm = shutil.which("npm")
    if npm is None:
        print("no npm: only the time server is asked")
        return ""
    subprocess.run([npm, "install", "--silent", "--prefix", str(folder), EVERYTHING], check=True)
    return str(folder / "node_modules" / ".bin" / "mcp-server-everything")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait(port: int) -> None:
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)


def _ask(asked: list[tuple[str, object, str]]) -> int:
    from integrations import mcp

    missed = 0
    for name, place, tool in asked:
        arguments = {"timezone": "America/Sao_Paulo"} if "time" in tool else {"message": "oi"}
        try:
            began = time.monotonic()
            listing = mcp.look(place, timeout_s=WAIT_S)
            looked = time.monotonic()
            pinned = mcp.fingerprint(listing.tools[tool])
            answer = mcp.call(
                mcp.Place(place.url, place.command, {}, listing.protocol),
                tool=tool,
                pinned=pinned,
                arguments=arguments,
                key="bench",
                timeout_s=WAIT_S,
                max_bytes=65_536,
            )
        except mcp.NotCalled as error:
            print(f"{name}: {error.reason}")
            missed += 1
            continue
        spent = f"{1000 * (looked - began):.0f} ms, {1000 * (time.monotonic() - looked):.0f} ms"
        print(f"{name}: {len(listing.tools)} tools, protocol {listing.protocol}; {spent}")
        print(f"  {tool}: {answer.body[:100]}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
