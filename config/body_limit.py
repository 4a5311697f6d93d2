"""How much one request may bring: Django puts a body on disk before it asks who sends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tenants.door import Receive, Scope, Send

MAX_BODY = 100 * 1024 * 1024
"""Bytes of one request: several files of the largest size at once. Pages with scripts send each
file by itself; more would let anybody who is not logged in fill the disk faster."""


class BodyLimit:
    """Passes requests on to Django, but no body larger than `MAX_BODY`."""

    def __init__(self, app: Callable[[Any, Any, Any], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 where the length is announced; cut off a sender that announces none."""
        if _announced(scope) > MAX_BODY:
            await _refuse(send)
            return
        n_bytes = 0

        async def counted() -> Any:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            # To Django this is a browser that went away: it drops what it has.
            return message if n_bytes <= MAX_BODY else {"type": "http.disconnect"}

        await self._app(dict(scope), counted, send)


def _announced(scope: Scope) -> int:
    for name, value in scope.get("headers", ()):
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _refuse(send: Send) -> None:
    text = b"The files are too large for one request; send fewer at once."
    headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": text})
