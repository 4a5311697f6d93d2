"""A customer's system that takes webhooks; judges signatures with the reference library."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from standardwebhooks import Webhook

from tests.fakes.http import Answer, Received, ScriptedServer


class Receiver(ScriptedServer):
    """Answers 200 unless told otherwise by `respond`."""

    def __init__(self) -> None:
        super().__init__()
        self.respond: Callable[[Received], Answer] = lambda _: Answer(200, body=b"ok")
        self.is_called = threading.Event()

    def answer(self, request: Received) -> Answer | None:
        self.is_called.set()
        return self.respond(request)

    def bodies(self, secret: str | bytes, *, path: str = "/") -> list[Any]:
        """Return what was received at a path, each signature checked."""
        verifier = Webhook(secret)
        return [
            verifier.verify(one.body, dict(one.headers))
            for one in self.received
            if one.path == path
        ]

    def ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.received]
