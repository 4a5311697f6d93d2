"""A load generator for webhooks: keep-alive connections, requests built and signed beforehand.

    python -m bench.load --port 8000 --targets targets.json --requests 20000

A process of its own, on bare sockets, so that it takes little of the machine that it measures.
`targets.json` holds `[[path, hmac key], ...]`; requests go to them by turns, each with a message id
of its own. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import itertools
import json
import selectors
import socket
import time
import uuid
from collections import Counter
from pathlib import Path

from bench.harness import percentile
from channels_whatsapp.simulator import wire
from tests.fakes.bridge import text_webhook

_REF = "3EB0" + "0" * 18
_END = b"\r\n\r\n"


def requests(*, n: int, targets: list[tuple[str, str]]) -> list[bytes]:
    """Return `n` complete HTTP requests, each with a message id that was never used before."""
    body = text_webhook(
        phone="5511987654321",
        ref=_REF,
        text="Bom dia! Vocês têm horário livre na sexta à tarde?",
        at=time.time(),
        token="bench",
    )
    run = uuid.uuid4().hex[:10].upper()
    built = []
    for number in range(n):
        path, key = targets[number % len(targets)]
        one = body.replace(_REF.encode(), f"3EB0{run}{number:08X}".encode())
        built.append(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: go-resty/2.16.5\r\n"
            f"Content-Type: {wire.JSON_TYPE}\r\nContent-Length: {len(one)}\r\n"
            f"x-hmac-signature: {wire.signature(one, key=key)}\r\n\r\n".encode()
            + one
        )
    return built


def run(*, port: int, todo: list[bytes], n_connections: int) -> dict[str, object]:
    """Send every request, each connection one at a time; return counts, rate and latencies."""
    selector = selectors.DefaultSelector()
    statuses: Counter[str] = Counter()
    latencies: list[float] = []
    waiting = iter(todo)
    sent_at: dict[socket.socket, float] = {}
    pending: dict[socket.socket, bytes] = {}
    began = time.perf_counter()
    for first in itertools.islice(waiting, n_connections):
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        pending[connection] = b""
        sent_at[connection] = time.perf_counter()
        connection.sendall(first)
    while sent_at:
        if not (events := selector.select(10)):
            raise TimeoutError("the server has not answered for ten seconds")
        for key, _ in events:
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            received = pending[ready] + ready.recv(65536)
            if not _is_whole(received):
                pending[ready] = received
                continue
            now = time.perf_counter()
            latencies.append(now - sent_at[ready])
            statuses[received[9:12].decode()] += 1
            pending[ready] = b""
            if (request := next(waiting, None)) is not None:
                sent_at[ready] = now
                ready.sendall(request)
            else:
                del sent_at[ready]
                selector.unregister(ready)
                ready.close()
    seconds = time.perf_counter() - began
    return {
        "statuses": dict(statuses),
        "seconds": seconds,
        "rate": len(latencies) / seconds,
        "p50_ms": percentile(latencies, 0.5) * 1000,
        "p95_ms": percentile(latencies, 0.95) * 1000,
        "p99_ms": percentile(latencies, 0.99) * 1000,
    }


def _is_whole(received: bytes) -> bool:
    """Test whether an answer has come in full.

    Raises:
        ConnectionError: the server hung up.
    """
    if not received:
        raise ConnectionError("the server closed a connection")
    head, end, body = received.partition(_END)
    if not end:
        return False
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--targets", type=Path, required=True)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    targets = [(path, key) for path, key in json.loads(options.targets.read_text())]
    todo = requests(n=options.requests, targets=targets)
    print(json.dumps(run(port=options.port, todo=todo, n_connections=options.connections)))


if __name__ == "__main__":
    main()
