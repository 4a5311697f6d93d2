"""Which tenant's schema this thread is in, and what it holds; the only reader of the connection."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

from django.db import connection

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def current_schema() -> str:
    """Return the name of the schema that this thread's queries go to, such as ``t_acme``."""
    return cast("str", connection.schema_name)  # type: ignore[attr-defined]


def has_open_transaction() -> bool:
    """Test whether our own code has a transaction open, leaving out a test case's wrapper."""
    return any(
        not block._from_testcase  # type: ignore[attr-defined]  # Django, untyped
        for block in connection.atomic_blocks
    )


def release_connection() -> None:
    """Give this thread's database connection back before it waits for the network.

    The schema stays chosen: the next query takes a connection and sets its search path anew.

    Raises:
        RuntimeError: a transaction is open, so something is held that must not be.
    """
    if has_open_transaction():
        raise RuntimeError("A transaction is open; commit before waiting for the network.")
    if not connection.in_atomic_block:  # inside a test case's wrapper it must stay
        connection.close()


def unpooled_connection() -> BaseDatabaseWrapper:
    """Return a connection of one's own to the same database, not opened yet; close it yourself."""
    own = connection.copy()
    own.settings_dict["OPTIONS"].pop("pool", None)
    return own


def database_now() -> datetime:
    """Return the database's clock, the one judge of what is due and which lease has run out."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        return cast("datetime", cursor.fetchone()[0])
