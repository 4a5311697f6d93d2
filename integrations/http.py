"""The one outbound HTTP client: it connects to public addresses only, unless the operator says so.

Customers type addresses (of language models, bridges, tools, webhooks, pages), so each of them may
point at our own network. The guard sits where the connection is made: a name is resolved once,
every answer is judged, and the connection goes to the very address that was judged. Nothing before
that point needs to be trusted, neither the URL's spelling nor a second look-up. Which addresses are
allowed is said in `integrations.egress`.
"""

from __future__ import annotations

import atexit
import json as jsonlib
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle
from typing import Any

import httpcore2
import httpx2

from integrations.egress import Egress, NotReached, check_url, resolve
from tenants import turnstile
from tenants.context import release_connection
from tenants.errors import Permanent, Temporary

CONNECT_TIMEOUT_S = 5.0
"""Longest wait for one address to accept, in seconds: of several addresses a dead one is passed
over while there is still time for the next."""

MAX_CONNECTIONS = 1200
"""Connections of one process, at least the workers' threads: each may wait for a model at once."""

N_POOLS = 20
"""Pools of one process. For each request a pool looks through all of its connections, and asks the
system of each idle one whether it still lives: of a hundred in one pool that took more time than
the request."""

MAX_KEPT = 200
"""Idle connections that one process keeps for the next request, over all pools."""

MAX_BYTES = 32 * 1024 * 1024
"""Largest body that is read of anything, in bytes; media of 20 MB grow by a third in base64."""


_deadline: ContextVar[float | None] = ContextVar("http_deadline", default=None)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> object:
        """Return the parsed body.

        Raises:
            Temporary: it is not JSON, as a proxy's error page, or nested too deep to be read.
        """
        try:
            return jsonlib.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Temporary("the answer is not JSON") from error


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    json: object = None,
    timeout_s: float = 20.0,
    max_bytes: int = 4 * 1024 * 1024,
    is_cut: bool = False,
    egress: Egress = Egress.TENANTS,
) -> Response:
    """Send one request and read the whole answer.

    A redirect is an answer like any other (status 3xx) and is never followed. The thread's database
    connection is given back before the wait.

    Args:
        content: the body's exact bytes; not together with `json`.
        json: a JSON-safe value to send as the body; None for no body.
        timeout_s: for everything, from the look-up of the name to the last byte, in seconds.
        max_bytes: largest body that is read.
        is_cut: of a larger body the beginning is enough; else it is an error.
        egress: what may be reached beside public addresses; unless told otherwise, what is open to
            addresses that tenants type.

    Raises:
        Permanent: the address is refused, or the answer is larger than `max_bytes`.
        Temporary: the network failed or the time ran out.
        RuntimeError: a transaction is open.
    """
    release_connection()
    with network_errors(), deadline(timeout_s):
        sent = httpx2.Request(
            method,
            check_url(url),
            headers={"accept-encoding": "identity", "user-agent": "prosa", **(headers or {})},
            content=content if json is None else jsonlib.dumps(json).encode(),
            extensions={"timeout": {"connect": CONNECT_TIMEOUT_S, "read": timeout_s}},
        )
        if json is not None and "content-type" not in sent.headers:
            sent.headers["content-type"] = "application/json"
        answer = _transport(egress).handle_request(sent)
        try:
            body = _read(answer, max_bytes, is_cut=is_cut)
        finally:
            answer.close()
        names = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, names, body)


def client(
    around: Callable[[httpx2.BaseTransport], httpx2.BaseTransport] | None = None,
) -> httpx2.Client:
    """Return a client behind the same guard, for an SDK that brings its own calls.

    It shares this process's connections and must not be closed. Wrap the calls in `deadline`.

    Args:
        around: puts a transport around the guarded one, for who reads answers before the SDK does.
    """
    guarded = _transport()
    return httpx2.Client(
        transport=guarded if around is None else around(guarded),
        trust_env=False,
        follow_redirects=False,
        headers={"accept-encoding": "identity"},
    )


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Bound everything that this thread does on the network inside the block.

    A read timeout alone starts anew with each byte, so a server that drips would hold us for ever.
    """
    outer = _deadline.get()
    mine = time.monotonic() + seconds
    token = _deadline.set(mine if outer is None else min(mine, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


@contextmanager
def network_errors() -> Iterator[None]:
    """Turn the library's errors into `Temporary` and `Permanent`."""
    try:
        yield
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError) as error:
        raise Permanent("the request cannot be sent: bad address or header") from error
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        raise NotReached(_no_connection(error)) from error
    except httpx2.TimeoutException as error:
        is_unknown = not isinstance(error, httpx2.ConnectTimeout | httpx2.PoolTimeout)
        raise Temporary("timed out", is_unknown=is_unknown) from error
    except httpx2.TransportError as error:
        # Without a connection nothing was asked for; once there was one, nobody knows.
        is_unknown = not isinstance(error, httpx2.ConnectError)
        text = f"network trouble: {type(error).__name__}"
        raise Temporary(text, is_unknown=is_unknown) from error


def _no_connection(error: httpx2.TransportError) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "timed out"
    return f"network trouble: {type(error).__name__}"


def _remaining(timeout: float | None) -> float | None:
    """Return `timeout` cut to the deadline, in seconds.

    Raises:
        TimeoutError: the deadline has passed.
    """
    until = _deadline.get()
    if until is None:
        return timeout
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left if timeout is None else min(timeout, left)


class _BoundStream(httpcore2.NetworkStream):
    """A connection whose every wait ends at the deadline of the thread that uses it."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return self._inner.read(max_bytes, _remaining(timeout))
        except TimeoutError as error:
            raise httpcore2.ReadTimeout from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            self._inner.write(buffer, _remaining(timeout))
        except TimeoutError as error:
            raise httpcore2.WriteTimeout from error

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        try:
            inner = self._inner.start_tls(ssl_context, server_hostname, _remaining(timeout))
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout from error
        return _BoundStream(inner)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _GuardedBackend(httpcore2.NetworkBackend):
    """Connects to addresses that `resolve` allowed, and to nothing else."""

    def __init__(self, egress: Egress) -> None:
        self._inner = httpcore2.SyncBackend()
        self._egress = egress

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: Exception = httpcore2.ConnectError("no address")
        for address in resolve(host, port, egress=self._egress):
            try:
                wait_s = _remaining(min(timeout or CONNECT_TIMEOUT_S, CONNECT_TIMEOUT_S))
                stream = self._inner.connect_tcp(
                    address, port, wait_s, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            except TimeoutError as error:
                raise httpcore2.ConnectTimeout from error
            else:
                return _BoundStream(stream)
        raise failure


class _BoundBody(httpx2.SyncByteStream):
    """A body that ends with an error once it is too large."""

    def __init__(self, inner: Iterable[bytes], close: Any) -> None:
        self._inner, self._close = inner, close

    def __iter__(self) -> Iterator[bytes]:
        n_bytes = 0
        for part in self._inner:
            n_bytes += len(part)
            if n_bytes > MAX_BYTES:
                raise Permanent(f"the answer is larger than {MAX_BYTES} bytes")
            yield part

    def close(self) -> None:
        self._close()


class _GuardedPool(httpx2.HTTPTransport):
    """Connections behind the guard."""

    def __init__(self, context: ssl.SSLContext, egress: Egress) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool.close()
        # The library has no argument for the network backend, so the pool is replaced. A test
        # watches the sockets and would notice if a later version ignored it.
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context,
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_KEPT // N_POOLS,
            keepalive_expiry=20.0,
            network_backend=_GuardedBackend(egress),
        )


class GuardedTransport(httpx2.BaseTransport):
    """Pools of connections behind the guard; each thread uses one of them.

    Args:
        egress: which of the operator's exceptions hold. Its connections are its own: one that was
            made under another exception would be taken again without being judged.
    """

    def __init__(self, egress: Egress = Egress.TENANTS) -> None:
        context = httpx2.create_ssl_context()
        self._pools = [_GuardedPool(context, egress) for _ in range(N_POOLS)]
        self._next_pool = cycle(self._pools)
        self._own = threading.local()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request.

        Raises:
            Permanent: the address is refused, or the answer is packed although we asked for plain
                bytes: a small body could unfold without bound.
        """
        check_url(str(request.url))
        if not hasattr(self._own, "pool"):
            self._own.pool = next(self._next_pool)
        turnstile.leave()
        answer: httpx2.Response = self._own.pool.handle_request(request)
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            answer.close()
            raise Permanent("the answer is compressed although we asked for plain bytes")
        stream = answer.stream
        assert isinstance(stream, httpx2.SyncByteStream)  # noqa: S101  a fact of this transport
        answer.stream = _BoundBody(stream, stream.close)
        return answer

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools:
            pool.close()


@lru_cache(maxsize=2 * len(Egress))
def _transport_of(pid: int, egress: Egress) -> GuardedTransport:
    transport = GuardedTransport(egress)
    atexit.register(transport.close)  # else each kept connection is a warning at the end
    return transport


def _transport(egress: Egress = Egress.TENANTS) -> GuardedTransport:
    """Return this process's transport; a forked worker must not share its parent's sockets."""
    return _transport_of(os.getpid(), egress)


def _read(answer: httpx2.Response, max_bytes: int, *, is_cut: bool) -> bytes:
    parts, n_bytes = [], 0
    for part in answer.iter_raw():
        n_bytes += len(part)
        parts.append(part)
        if n_bytes > max_bytes and is_cut:
            break
        if n_bytes > max_bytes:
            raise Permanent(f"the answer is larger than {max_bytes} bytes")
    return b"".join(parts)[:max_bytes]
