"""Taking out of Gemini's answers what is said of their usage and can be no count.

The SDK checks an answer as a whole: one odd figure of the usage would take the text with it, and it
offers the body of a stream to nobody. So the bodies are looked through before it reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

import httpx2

from integrations.llm import wire

_FIELD = "usageMetadata"
_DATA = b"data: "
"""How a line of a stream begins; this provider writes each event on one."""


class PlainUsage(httpx2.BaseTransport):
    """Connections whose answers say of their usage only what can be counts."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        answer = self._inner.handle_request(request)
        stream = cast(httpx2.SyncByteStream, answer.stream)  # as the connections are
        if answer.headers.get("content-type", "").lower().startswith("text/event-stream"):
            answer.stream = _Lines(stream)
        else:
            answer.stream = _Whole(stream)
        answer.headers.pop("content-length", None)  # it may be shorter now
        return answer


class _Whole(httpx2.SyncByteStream):
    """A body that is one JSON value."""

    def __init__(self, inner: httpx2.SyncByteStream) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        yield _plain(b"".join(self._inner))

    def close(self) -> None:
        self._inner.close()


class _Lines(httpx2.SyncByteStream):
    """A body of events, each passed on as soon as its line is whole."""

    def __init__(self, inner: httpx2.SyncByteStream) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        held: list[bytes] = []  # joined once: a long line comes in many parts
        for part in self._inner:
            first, *others = part.split(b"\n")
            held.append(first)
            for other in others:
                yield _plain_line(b"".join(held)) + b"\n"
                held = [other]
        yield _plain_line(b"".join(held))

    def close(self) -> None:
        self._inner.close()


def _plain_line(line: bytes) -> bytes:
    return _DATA + _plain(line.removeprefix(_DATA)) if line.startswith(_DATA) else line


def _plain(body: bytes) -> bytes:
    """Return a JSON object with only the counts of its usage; all else as it is."""
    if _FIELD.encode() not in body:
        return body
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return body  # whoever reads it says so
    if not isinstance(value, dict) or _FIELD not in value:
        return body
    usage = value[_FIELD]
    counts = {
        name: one
        for name, one in (usage.items() if isinstance(usage, dict) else ())
        if wire.count_of(one) is not None
    }
    if counts == usage:
        return body
    return json.dumps({**value, _FIELD: counts}).encode()
