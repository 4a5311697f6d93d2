"""An MCP server on loopback, made with the official SDK, whose tools a test changes as it likes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Self

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

Meddle = Callable[[dict[str, Any]], "tuple[int, dict[str, str]] | None"]


class FakeMcp:
    """Use as a context manager; `url` is known once it is entered.

    Attributes:
        made: arguments of the calls of `book`, with the key that came along.
        requests: method and headers of each request.
        meddle: gives another answer (status and headers) to a request; None leaves it to the SDK.
        fails: `book` says that it failed.
    """

    def __init__(self) -> None:
        self._server = MCPServer("agenda", version="1", log_level="CRITICAL")
        app = self._server.streamable_http_app()
        self._app = app
        config = uvicorn.Config(
            self._answer,
            interface="asgi3",
            host="127.0.0.1",
            port=0,
            log_level="critical",
            timeout_graceful_shutdown=1,
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._uvicorn.run, daemon=True)
        self._names: list[str] = []
        self.reset()

    def reset(self) -> None:
        """Offer what is offered at the beginning, and forget what came."""
        self.made: list[dict[str, Any]] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.meddle: Meddle = lambda _: None
        self.fails = False
        self.offer()

    def offer(self, *, text: str = "Books a day.", name: str = "book") -> None:
        """Offer `book` and `find`, the first described like this."""
        for one in self._names:
            self._server.remove_tool(one)
        self._names = [name, "find"]

        def book(ctx: Context, day: str, phone: str, people: int = 1) -> dict[str, Any]:
            meta = ctx.request_context.meta or {}
            made = {"day": day, "phone": phone, "people": people}
            self.made.append({**made, "key": meta.get("idempotency-key")})
            if self.fails:
                raise ToolError("the day is taken")
            return {"code": f"B-{len(self.made)}", "day": day}

        def find(order: str) -> str:
            return f"{order}: sent"

        self._server.add_tool(book, name=name, description=text)
        self._server.add_tool(find, name="find", description="Finds an order.")

    async def _answer(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            self.requests.append((scope["method"], headers))
            if (other := self.meddle(scope)) is not None:
                status, said = other
                pairs = [(name.encode(), value.encode()) for name, value in said.items()]
                await send({"type": "http.response.start", "status": status, "headers": pairs})
                await send({"type": "http.response.body", "body": b"x" * 2_000_000})
                return
        await self._app(scope, receive, send)

    @property
    def port(self) -> int:
        return int(self._uvicorn.servers[0].sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def __enter__(self) -> Self:
        self._thread.start()
        until = time.monotonic() + 20
        while not self._uvicorn.started:
            assert time.monotonic() < until
            threading.Event().wait(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(60)
