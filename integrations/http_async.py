"""The guarded outbound client for a library that speaks asyncio: the same rules as `http`.

One transport belongs to one short exchange with one system. What went wrong on the network is kept
on it: a library between us and the wire may turn a refusal into an error of its own.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable
from functools import lru_cache
from typing import Any

import httpcore2
import httpx2

from integrations.egress import Egress, check_url, resolve
from integrations.http import CONNECT_TIMEOUT_S, network_errors
from tenants.errors import Permanent, Temporary

MAX_CONNECTIONS = 8
"""Connections of one exchange; a protocol may hold one open beside the one that is answered."""

GOODBYE_S = 1.0
_WAITS = ("connect", "read", "write", "pool")


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    return httpx2.create_ssl_context()  # takes longer to read than most exchanges last


class _GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that `resolve` allowed, and to nothing else."""

    def __init__(self, egress: Egress) -> None:
        self._inner = httpcore2.AnyIOBackend()
        self._egress = egress

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception = httpcore2.ConnectError("no address")
        # The look-up blocks, and nobody else is on this loop.
        for address in resolve(host, port, egress=self._egress):
            try:
                wait_s = min(timeout or CONNECT_TIMEOUT_S, CONNECT_TIMEOUT_S)
                return await self._inner.connect_tcp(
                    address, port, wait_s, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _CountedBody(httpx2.AsyncByteStream):
    """A body that ends with an error once its exchange has brought too much."""

    def __init__(self, inner: httpx2.AsyncByteStream, transport: AsyncGuardedTransport) -> None:
        self._inner, self._transport = inner, transport

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            self._transport.count(len(part))
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()


class AsyncGuardedTransport(httpx2.AsyncHTTPTransport):
    """Connections of one exchange behind the guard.

    Args:
        max_bytes: of all bodies that are read in it.

    Attributes:
        trouble: what ended it on the network, or our refusal; None while it goes well.
        status: of the last answer; None before the first.

    Both are of POSTs, and after `watch` only of some.
    """

    def __init__(self, *, egress: Egress, max_bytes: int) -> None:
        super().__init__(verify=_ssl_context(), trust_env=False)
        # As in `http`: the library has no argument for the backend, and a test watches the sockets.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_ssl_context(),
            max_connections=MAX_CONNECTIONS,
            network_backend=_GuardedBackend(egress),
        )
        self._max_bytes, self._n_bytes = max_bytes, 0
        self._watched = b""
        self.trouble: Temporary | Permanent | None = None
        self.status: int | None = None

    def watch(self, mark: bytes) -> None:
        """Note from now on how requests fare that hold a mark, and no others.

        A library says goodbye to what it has given up, and that may fail in its own way.
        """
        self._watched, self.trouble, self.status = mark, None, None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; a redirect is an error, whatever the library would make of it.

        Raises:
            Permanent: the address is refused, or the answer leads elsewhere or is packed.
            Temporary: the network failed.
        """
        is_watched = request.method == "POST" and self._watched in request.content
        if request.method == "DELETE":  # a goodbye, which nobody should wait for
            request.extensions["timeout"] = dict.fromkeys(_WAITS, GOODBYE_S)
        try:
            check_url(str(request.url))
            request.headers["accept-encoding"] = "identity"
            with network_errors():
                answer: httpx2.Response = await super().handle_async_request(request)
            if is_watched:
                self.status = answer.status_code
            await self._check(answer)
        except (Temporary, Permanent) as error:
            if is_watched:
                self.trouble = self.trouble or error
            raise
        stream = answer.stream
        assert isinstance(stream, httpx2.AsyncByteStream)  # noqa: S101  a fact of this transport
        answer.stream = _CountedBody(stream, self)
        return answer

    async def _check(self, answer: httpx2.Response) -> None:
        if 300 <= answer.status_code < 400:
            await answer.aclose()
            raise Permanent(f"HTTP {answer.status_code}")
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            await answer.aclose()
            raise Permanent("the answer is compressed although we asked for plain bytes")

    def count(self, n_bytes: int) -> None:
        """Count what was read.

        Raises:
            Permanent: it is more than may be.
        """
        self._n_bytes += n_bytes
        if self._n_bytes > self._max_bytes:
            self.trouble = Permanent(f"the answer is larger than {self._max_bytes} bytes")
            raise self.trouble
