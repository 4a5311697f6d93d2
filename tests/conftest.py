"""Two real tenants, real commits where a test needs them, and no way out of this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django_tenants.utils import tenant_context

from integrations.services import events
from tenants.models import Tenant
from tenants.services import tenants

SLUGS = ("alpha", "beta")
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def ensure_tenant(slug: str) -> Tenant:
    """Return the tenant of `slug`, adding what is missing: its row after a flush, or both."""
    connection.set_schema_to_public()
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is not None:
        return tenant
    with connection.cursor() as cursor:
        cursor.execute("select to_regnamespace(%s) is not null", [f"t_{slug}"])
        has_schema = cursor.fetchone()[0]
    if has_schema:
        tenants.ensure_public(domains=["testserver"])
        tenant = Tenant.objects.create(
            slug=slug, schema_name=f"t_{slug}", name=slug.title(), status=Tenant.Status.READY
        )
        tenants.update_tenant(tenant=tenant, domains=[f"{slug}.localhost"])
        return tenant
    return tenants.create_tenant(slug=slug, name=slug.title(), domains=[f"{slug}.localhost"])


def truncate(schema: str) -> None:
    """Empty every table of `schema` but its migration history and what comes with it."""
    kept = ("django_migrations", "django_content_type", "auth_permission", "auth_group")
    kept += ("auth_group_permissions",)
    with connection.cursor() as cursor:
        cursor.execute(
            "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables"
            " where schemaname = %s and not tablename = any(%s)",
            [schema, list(kept)],
        )
        if names := [row[0] for row in cursor.fetchall()]:
            cursor.execute(f"truncate {', '.join(names)} restart identity cascade")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        # Without a database-marked test in the selection, pytest-django makes no test database and
        # this connection is the developer's own.
        assert connection.settings_dict["NAME"].startswith("test_")
        tenants.ensure_public(domains=["testserver"])
        for slug in SLUGS:
            ensure_tenant(slug)


@pytest.fixture
def alpha(db: None) -> Iterator[Tenant]:
    """Be inside tenant alpha; the test's rows roll back."""
    tenant = ensure_tenant("alpha")
    with tenant_context(tenant):
        yield tenant


@pytest.fixture
def beta(db: None) -> Tenant:
    """The other tenant; enter it with ``tenant_context(beta)``."""
    schema = connection.schema_name
    tenant = ensure_tenant("beta")
    connection.set_schema(schema)
    return tenant


@pytest.fixture
def committed_alpha(transactional_db: None) -> Iterator[Tenant]:
    """Be inside tenant alpha with real commits, for threads, workers and locks."""
    tenant = ensure_tenant("alpha")
    try:
        with tenant_context(tenant):
            yield tenant
    finally:
        truncate("t_alpha")
        connection.set_schema_to_public()


@pytest.fixture
def committed_beta(transactional_db: None) -> Iterator[Tenant]:
    """The other tenant with real commits; enter it with ``tenant_context``."""
    schema = connection.schema_name
    tenant = ensure_tenant("beta")
    connection.set_schema(schema)
    yield tenant
    truncate("t_beta")


@pytest.fixture(autouse=True)
def listeners_forgotten() -> None:
    """Let no test remember who listened to another's events."""
    events.forget()


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail any test that reaches for another machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
