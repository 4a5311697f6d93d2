"""People of both tenants, and pages asked for as a browser would."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django_tenants.utils import tenant_context

from config import pages
from tenants.models import Tenant
from tenants.services import staff

pages.load()  # for the tests that go through all pages

PASSWORD = "correct horse battery staple"


def as_role(role: str, *, username: str = "") -> Client:
    """Return a client of the current tenant, logged in with a role."""
    username = username or role
    staff.ensure_user(username=username, email="", role=role, password=PASSWORD)
    return logged_in(User.objects.get(username=username))


def logged_in(user: User) -> Client:
    """Return a client of the current schema's host."""
    schema = connection.schema_name
    host = "testserver" if schema == "public" else f"{schema.removeprefix('t_')}.localhost"
    client = Client(headers={"host": host})
    client.force_login(user)
    return client


@pytest.fixture
def owner(alpha: Tenant) -> Client:
    """An owner's browser on alpha's host."""
    return as_role("owner")


@pytest.fixture
def attendant(alpha: Tenant) -> Client:
    """An attendant's browser on alpha's host."""
    return as_role("attendant")


@pytest.fixture
def operator(db: None) -> Client:
    """An operator's browser on the platform's host."""
    connection.set_schema_to_public()
    user, _ = staff.ensure_user(
        username="operator", email="", role="", password=PASSWORD, is_operator=True
    )
    return logged_in(user)


@pytest.fixture
def in_beta(beta: Tenant) -> Callable[[Callable[[], object]], object]:
    """Run something inside the other tenant."""

    def run(what: Callable[[], object]) -> object:
        with tenant_context(beta):
            return what()

    return run


def published() -> list[str]:
    """Return the paths of the tasks that are published once the test's transaction commits."""
    return [
        callback.keywords["path"]
        for _sids, callback, _robust in connection.run_on_commit
        if "path" in getattr(callback, "keywords", {})
    ]
