"""Tools of other systems, and systems that they call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrations.models import HttpTool
from integrations.services import http_tools, tool_editing
from integrations.services.tool_requests import Definition
from tests.fakes.http import Answer, Received, ScriptedServer, json_answer


class Shop(ScriptedServer):
    """Another system: answers each call by `respond`, and counts what was booked."""

    def __init__(self) -> None:
        super().__init__()
        self.respond: Callable[[Received], Answer] = lambda _: json_answer({"ok": True})

    def answer(self, request: Received) -> Answer | None:
        return self.respond(request)

    @property
    def keys(self) -> list[str]:
        return [one.headers.get("idempotency-key", "") for one in self.received]


DAY = {"name": "day", "description": "The day.", "value": "2026-11-23"}
PHONE = {"name": "phone", "from": "contact_phone", "value": "5511900000000"}
ORDER = {"name": "order", "from": "said", "value": "A-991"}


def make_tool(
    url: str, *, name: str = "", secret: str = "", headers: Any = None, **values: Any
) -> HttpTool:
    """Keep a tool; one that books a day for the contact, unless told otherwise."""
    defaults: dict[str, Any] = {
        "description": "Books a day.",
        "method": "POST",
        "url": url,
        "parameters": [DAY, PHONE],
        "risk": "write",
    }
    return tool_editing.ensure_tool(
        name=name or "book", values={**defaults, **values}, secret=secret, headers=headers
    ).tool


def define(url: str, **values: Any) -> Definition:
    return http_tools.definition(make_tool(url, **values))
