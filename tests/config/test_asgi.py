"""A request takes a connection from the pool where it needs one, and gives it back."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from config.asgi import application
from tenants import checks


def taken() -> int:
    """Return how many connections of the pool are in somebody's hands."""
    assert connection.pool is not None
    stats = connection.pool.get_stats()
    return int(stats["pool_size"] - stats["pool_available"])


def ask(path: str, *, send: Callable[[Any], Awaitable[None]]) -> None:
    """Ask alpha's host for a page."""
    brought = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if not brought:
            await asyncio.Event().wait()
        return brought.pop(0)

    scope: Any = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"alpha.localhost")],
    }
    asyncio.run(application(scope, receive, send))


@pytest.mark.usefixtures("transactional_db")
def test_a_page_that_cannot_be_sent_to_its_end_gives_its_connection_back() -> None:
    before = taken()

    async def refuse(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise RuntimeError("Response content longer than Content-Length")

    with warnings.catch_warnings():
        # Django leaves the body of such a request to the garbage.
        warnings.filterwarnings("ignore", "Unclosed file", ResourceWarning)
        for _ in range(3):
            with pytest.raises(RuntimeError, match="longer than"):
                ask("/admin/login/", send=refuse)
        assert taken() == before
        gc.collect()


@pytest.mark.usefixtures("transactional_db")
def test_a_file_of_the_pages_needs_no_database() -> None:
    connection.close_pool()
    answers = []

    async def take(message: Any) -> None:
        answers.append(message)

    ask("/static/prosa/admin.css", send=take)

    assert answers[0]["status"] == 200
    assert (b"X-Content-Type-Options", b"nosniff") in answers[0]["headers"]
    assert connection.pool.get_stats().get("requests_num", 0) == 0


@pytest.mark.usefixtures("transactional_db")
def test_the_look_at_the_database_before_a_start_keeps_no_connection() -> None:
    before = taken()

    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(checks.refuse_unsafe_database).result()

        assert taken() == before
