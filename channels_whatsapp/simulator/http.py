"""As much of HTTP as the simulator needs, on bare ASGI: requests, answers and a router."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from channels_whatsapp.simulator import wire

# ASGI's own loosely typed values.
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Refused(Exception):
    """The request is answered with an error; the words go to the caller verbatim."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


class AnswerDropped(Exception):
    """The connection is cut instead of answered."""


@dataclass(frozen=True)
class Request:
    """One request. Header names are lower case; `params` come from the route's pattern."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    params: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, object]:
        """Return the body as an object; an empty body is an empty object.

        Raises:
            Refused: 400 if the body is something else.
        """
        if not self.body:
            return {}
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise Refused(400, f"the body is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise Refused(400, "the body must be a JSON object")
        return value


@dataclass(frozen=True)
class Response:
    """One answer; `stream` replaces the body where there is no end to it."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: AsyncIterator[bytes] | None = None


Handler = Callable[[Request], Awaitable[Response]]


def json_response(value: object, status: int = 200) -> Response:
    """Answer with JSON as WuzAPI writes it."""
    return Response(status=status, body=wire.reply_body(value))


def not_found() -> Response:
    """Answer as Go's file server does: plain text, no envelope."""
    return Response(404, b"404 page not found\n", "text/plain; charset=utf-8")


class Router:
    """Routes by method and path; `{name}` stands for one segment, `{name...}` for the rest."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []

    def add(self, method: str, pattern: str, handler: Handler) -> None:
        """Register a handler; the first match wins."""
        expression = re.sub(r"\{(\w+)\.\.\.\}", r"(?P<\1>.*)", pattern)
        expression = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", expression)
        self._routes.append((method, re.compile(expression), handler))

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]] | None:
        """Return the handler and the path's values, or None."""
        for route_method, expression, handler in self._routes:
            match = expression.fullmatch(path) if route_method == method else None
            if match is not None:
                return handler, match.groupdict()
        return None


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Read a whole request from ASGI."""
    chunks: list[bytes] = []
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            break
        chunks.append(event.get("body", b""))
        more = event.get("more_body", False)
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    return Request(scope["method"], scope["path"], query, headers, b"".join(chunks))


async def until_disconnect(work: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Do some work, but give it up when the client goes.

    uvicorn silently drops what is sent to a client that is gone, so an endless stream would
    otherwise never notice. The request's body must have been read.
    """

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.create_task(work), asyncio.create_task(gone())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
    if not tasks[0].cancelled():
        tasks[0].result()


async def write_response(send: Send, response: Response) -> None:
    """Write an answer to ASGI, streaming until the stream ends or the caller goes."""
    headers = {"content-type": response.content_type, **response.headers}
    if response.stream is None:
        headers["content-length"] = str(len(response.body))
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": pairs})
    if response.stream is None:
        await send({"type": "http.response.body", "body": response.body})
        return
    async for chunk in response.stream:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def lower_keys(value: object) -> object:
    """Return a JSON value with every key in lower case: Go matches keys case-insensitively."""
    if isinstance(value, dict):
        return {str(key).lower(): lower_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [lower_keys(item) for item in value]
    return value


class Payload:
    """A WuzAPI request body: keys without case, and the decode errors of typed Go structs."""

    def __init__(self, body: bytes, *, error: str = "could not decode Payload") -> None:
        """Decode a body.

        Raises:
            Refused: 400 with `error` for an empty body or one that is no JSON object.
        """
        self._error = error
        try:
            decoded = json.loads(body)
        except ValueError as problem:
            raise Refused(400, error) from problem
        if not isinstance(decoded, dict):
            raise Refused(400, error)
        self.raw: dict[str, object] = decoded
        lowered = lower_keys(decoded)
        self._values: dict[str, object] = lowered if isinstance(lowered, dict) else {}

    def _value(self, name: str, kinds: tuple[type, ...]) -> object:
        value = self._values.get(name.lower())
        if value is None:
            return None
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise Refused(400, self._error)
        return value

    def text(self, name: str) -> str:
        """Return a string, "" if absent; another type is a decode error."""
        return str(self._value(name, (str,)) or "")

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        value = self._value(name, (bool,))
        return default if value is None else bool(value)

    def number(self, name: str) -> float:
        """Return a number, 0 if absent."""
        value = self._value(name, (int, float))
        return float(value) if isinstance(value, int | float) else 0.0

    def texts(self, name: str) -> list[str] | None:
        """Return a list of strings, None if absent."""
        value = self._value(name, (list,))
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise Refused(400, self._error)
        return value

    def inner(self, name: str) -> dict[str, object]:
        """Return a nested object with lower-case keys, empty if absent."""
        value = self._value(name, (dict,))
        return value if isinstance(value, dict) else {}
