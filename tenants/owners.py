"""Leases that name the process which took them, so that those of a dead one are free at once.

A supervisor gives each process that it starts a name of its own; the tokens of that process begin
with it. When the process has ended, its supervisor frees what was held under the name. Where
nobody does, after the loss of a whole machine, leases run out as always.
"""

from __future__ import annotations

import os
import secrets
import uuid

from django.db import connection

VARIABLE = "LEASE_OWNER"
"""The environment variable that holds the name: 16 hexadecimal digits, never used again."""

_HALF = 16


def new_name() -> str:
    """Return a name for a process that is about to start."""
    return secrets.token_hex(_HALF // 2)


def new_token() -> uuid.UUID:
    """Return a token that nobody else has or will have."""
    name = os.environ.get(VARIABLE, "")
    return uuid.UUID(f"{name}{secrets.token_hex(_HALF // 2)}") if name else uuid.uuid4()


def free_leases(*, name: str) -> int:
    """Free what the process of that name, which must have ended, still holds; return how much.

    The attempts that it had begun stay counted.
    """
    held = {"first": f"{name:0<32}", "last": f"{name:f<32}"}
    n_freed = 0
    with connection.cursor() as cursor:
        for table in ("timer", "inboxentry"):
            cursor.execute(
                f"update public.tenants_{table} set lease_token = null, lease_until = null"  # noqa: S608 - two names of ours
                " where lease_token between %(first)s::uuid and %(last)s::uuid",
                held,
            )
            n_freed += cursor.rowcount
    return n_freed
