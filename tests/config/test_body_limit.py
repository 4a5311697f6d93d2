from __future__ import annotations

import asyncio
from typing import Any

from config import body_limit
from config.body_limit import BodyLimit


class Taker:
    """Reads the whole body, as Django does."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            self.messages.append(message)
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                return


def send_body(*chunks: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()) -> tuple[Taker, Any]:
    taker, answers = Taker(), []
    waiting = [
        {"type": "http.request", "body": chunk, "more_body": at < len(chunks) - 1}
        for at, chunk in enumerate(chunks)
    ]

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        answers.append(message)

    scope: Any = {"type": "http", "path": "/", "headers": headers}
    asyncio.run(BodyLimit(taker)(scope, receive, send))
    return taker, answers


def test_a_usual_body_goes_through() -> None:
    taker, answers = send_body(b"a", b"b", headers=((b"content-length", b"2"),))

    assert [message["body"] for message in taker.messages] == [b"a", b"b"]
    assert answers == []


def test_a_body_announced_as_too_large_is_not_read() -> None:
    length = str(body_limit.MAX_BODY + 1).encode()

    taker, answers = send_body(b"a", headers=((b"content-length", length),))

    assert taker.messages == []
    assert answers[0]["status"] == 413


def test_a_body_without_an_end_is_cut_off() -> None:
    chunk = b"x" * (body_limit.MAX_BODY // 4)

    taker, _ = send_body(*[chunk] * 5, b"never read")

    assert taker.messages[-1] == {"type": "http.disconnect"}
    assert len(taker.messages) == 5
