"""What the pool of connections does where psycopg leaves it to its users."""

from __future__ import annotations

from typing import Any

from psycopg_pool import ConnectionPool


def try_again(pool: ConnectionPool[Any]) -> None:
    """Begin the tries to connect anew where somebody waits for a connection.

    The pool itself begins them only for who comes next: who waits already would wait in vain for a
    server that is back.
    """
    if pool.get_stats().get("requests_waiting"):
        pool.check()
