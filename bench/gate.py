"""A gate in front of a server: counts the calls that come, and can shut.

One for each number in front of its bridge, so that a session's calls are told apart even where they
are cut before anything of them was read; one before the product's own door, where the bridge posts.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

PATIENCE_S = 200.0
_KEPT = {"content-type", "retry-after"}
"""What is passed on of the answer's head; the length is counted anew."""


@dataclass(frozen=True)
class Call:
    """One call that came to the gate, in unix seconds; `status` is 0 where no answer went back."""

    began_at: float
    ended_at: float
    path: str
    status: int


class Gate:
    """Use it in a `with` block; `url` leads through it."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.calls: list[Call] = []
        self.is_shut = False
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.gate = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def tries(self) -> list[Call]:
        """Return the calls that would send something, in the order in which they came."""
        sends = [one for one in list(self.calls) if one.path.startswith("/chat/send/")]
        return sorted(sends, key=lambda one: one.began_at)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    gate: Gate

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: who hangs up is part of the measurement."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _pass(self) -> None:
        gate, began_at = self.server.gate, time.time()
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        status, answer = 0, b""
        head: Sequence[tuple[str, str]] = ()
        if not gate.is_shut:
            status, head, answer = self._ask(gate.target, body)
        path = self.path.partition("?")[0]
        gate.calls.append(Call(began_at, time.time(), path, status))
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in head:
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _ask(self, target: str, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        parts = urlsplit(target)
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=PATIENCE_S
        )
        sent = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        try:
            connection.request(self.command, self.path, body or None, sent)
            answer = connection.getresponse()
            head = [(name, value) for name, value in answer.getheaders() if name.lower() in _KEPT]
            return answer.status, head, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, [], b""
        finally:
            connection.close()

    do_GET = do_POST = do_PUT = do_DELETE = _pass

    def log_message(self, *_: object) -> None:
        """Say nothing of single calls."""
