"""A real HTTP server on loopback that stands for an outside party.

It records every request, answers from a script, fails a call that nobody scripted, and fails at the
end if a scripted reply was never fetched.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Received:
    """A request as it arrived; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> object:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What the server does with one request.

    Args:
        parts: sent one by one as a chunked body; `body` is ignored then.
        delay_s: before the first byte.
        part_delay_s: before each part.
        cut: drop the connection after the parts, without ending the body.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    parts: tuple[bytes, ...] | None = None
    delay_s: float = 0.0
    part_delay_s: float = 0.0
    cut: bool = False


def json_answer(
    value: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    return Answer(
        status,
        {"content-type": "application/json", **(headers or {})},
        json.dumps(value).encode(),
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    owner: ScriptedServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: clients that hang up are part of the tests."""


class ScriptedServer:
    """Use as a context manager; `url` is known once it is entered."""

    def __init__(self, *, port: int = 0) -> None:
        self.received: list[Received] = []
        self.unscripted: list[str] = []
        self._script: deque[tuple[str, str, Answer]] = deque()
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def script(self, answer: Answer, *, method: str = "*", path: str = "*") -> None:
        """Answer the next matching request with `answer`; replies are used in order."""
        with self._lock:
            self._script.append((method, path, answer))

    def answer(self, request: Received) -> Answer | None:
        """Return the answer to one request, None for one that nobody expects. May be overridden."""
        with self._lock:
            for place, (method, path, answer) in enumerate(self._script):
                if method in {"*", request.method} and path in {"*", request.path}:
                    del self._script[place]
                    return answer
        return None

    def verify(self) -> None:
        """Fail if a request was not expected or a scripted reply is left."""
        assert not self.unscripted, f"unscripted requests: {self.unscripted}"
        assert not self._script, f"{len(self._script)} scripted replies were never fetched"

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if error is None:
            self.verify()

    def take(self, request: Received) -> Answer:
        """Note one request and return what to do with it."""
        with self._lock:
            self.received.append(request)
        answer = self.answer(request)
        if answer is None:
            self.unscripted.append(f"{request.method} {request.path}")
            return Answer(599, body=b"nobody scripted this request")
        return answer


_REASONS = {one.value: one.phrase for one in HTTPStatus}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # parts are packets of their own; else each waits 40 ms
    timeout = 10
    server: _Server

    def handle_one_request(self) -> None:
        """Read one request and answer it.

        The library's own reading makes an e-mail of the head, which takes longer than all the rest,
        and measurements run beside these servers.
        """
        first = self.rfile.readline(65_537).split()
        if len(first) != 3:
            self.close_connection = True
            return
        self.command, path, self.request_version = (one.decode("latin-1") for one in first)
        headers = dict(self._headers())
        wishes = headers.get("connection", "").lower()
        self.close_connection = self.request_version == "HTTP/1.0" or wishes == "close"
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        target, length = urlsplit(path), int(headers.get("content-length") or 0)
        request = Received(
            self.command, target.path, target.query, headers, self.rfile.read(length)
        )
        answer = self.server.owner.take(request)
        self.server.owner.closing.wait(answer.delay_s)
        self._send(answer)

    def _headers(self) -> Iterator[tuple[str, str]]:
        while line := self.rfile.readline(65_537).strip():
            name, _, value = line.decode("latin-1").partition(":")
            yield name.lower(), value.strip()

    def _send(self, answer: Answer) -> None:
        headers = dict(answer.headers)
        if answer.parts is None:
            headers["content-length"] = str(len(answer.body))
        else:
            headers["transfer-encoding"] = "chunked"
        lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        if answer.parts is None:
            self.wfile.write(head + (answer.body if self.command != "HEAD" else b""))
        else:
            self.wfile.write(head)
            self._send_parts(answer.parts, answer.part_delay_s)
            if not answer.cut:
                self.wfile.write(b"0\r\n\r\n")
        if answer.cut:
            self._hang_up()

    def _send_parts(self, parts: Iterable[bytes], delay_s: float) -> None:
        for part in parts:
            if delay_s and self.server.owner.closing.wait(delay_s):
                return
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            self.wfile.flush()

    def _hang_up(self) -> None:
        # Zero linger: the peer sees a reset, as after a crash, and no orderly end.
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


def wait_until(condition: object, *, seconds: float = 60.0) -> None:
    """Wait until the callable is true.

    Raises:
        AssertionError: it was not within the time.
    """
    assert callable(condition)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("condition not met in time")
