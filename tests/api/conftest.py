"""Programs of both tenants: keys and logins, and calls as a program would make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from tenants.api import keys, tokens
from tenants.api.scopes import Scope
from tenants.services import staff

PASSWORD = "correct horse battery staple"


def person(role: str = "owner", *, username: str = "") -> User:
    """Return a member of the current tenant's staff."""
    username = username or role
    user, _ = staff.ensure_user(username=username, email="", role=role, password=PASSWORD)
    return user


def key_of(user: User, *, scopes: Sequence[str] = Scope.values, **values: Any) -> str:
    """Return the text of a new key."""
    values = {"name": "test", "actor": "test", "now": timezone.now(), **values}
    return keys.issue_key(user=user, scopes=scopes, **values)[1]


def login_of(user: User) -> tokens.Tokens:
    """Return the tokens of a new login."""
    return tokens.log_in(
        request=None, username=user.username, password=PASSWORD, now=timezone.now()
    )


@dataclass
class Program:
    """Calls the API of a tenant with a credential."""

    credential: str
    host: str

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Call an address below ``/api/v1/``."""
        known = {"host": self.host, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if self.credential:
            known["authorization"] = f"Bearer {self.credential}"
        sent = {} if body is None else {"data": body, "content_type": "application/json"}
        return getattr(Client(), method)(f"/api/v1/{path}", headers=known, **sent)

    def get(self, path: str, **headers: str) -> Any:
        return self.call("get", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("post", path, {} if body is None else body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self.call("patch", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.call("delete", path, **headers)


def host_of_here() -> str:
    schema = connection.schema_name
    return "testserver" if schema == "public" else f"{schema.removeprefix('t_')}.localhost"


def program(role: str = "owner", **values: Any) -> Program:
    """Return a program of the current tenant with a key of somebody in a role."""
    return Program(key_of(person(role), **values), host_of_here())


def n_waiting_for_locks() -> int:
    """Return how many processes of this test's database wait for others."""
    # A lock of a row is that of a transaction, which names no database; but who waits for one
    # holds the table's, which does.
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(distinct waiting.pid) from pg_locks waiting"
            " join pg_locks held using (pid) join pg_database on pg_database.oid = held.database"
            " where not waiting.granted and datname = current_database()"
        )
        return int(cursor.fetchone()[0])
