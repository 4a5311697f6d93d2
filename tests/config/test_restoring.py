"""The tests' own database is as new after each test that commits, and its ids where asked."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import connection, transaction
from django_tenants.utils import tenant_context

from tenants.models import Tenant
from tests import database
from tests.factories import make_agent


def run(sql: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description is not None else []


def test_rows_sequences_and_indexes_come_back(committed_alpha: Tenant) -> None:
    database.restore()  # whatever was counted when the database was made
    groups = list(Group.objects.order_by("pk").values())
    first, role = make_agent().pk, Group.objects.create(name="made by a test").pk
    Tenant.objects.filter(slug="beta").update(name="Outra")
    run("truncate auth_group cascade")
    run("create index made_by_a_test on knowledge_chunkvector (space_id)")

    database.restore()

    with tenant_context(committed_alpha):
        assert list(Group.objects.order_by("pk").values()) == groups
        assert groups
        assert run("select from agents_agent") == []
        assert make_agent().pk == first
        assert Group.objects.create(name="made by a test").pk == role
        assert run("select from pg_class where relname = 'made_by_a_test'") == []
    assert Tenant.objects.get(slug="beta").name == "Beta"


def test_what_was_rolled_back_leaves_both_tenants_the_same_ids(alpha: Tenant, beta: Tenant) -> None:
    with transaction.atomic():
        rolled_back = make_agent().pk
        transaction.set_rollback(True)

    database.restore_sequences()

    assert make_agent().pk == rolled_back
    with tenant_context(beta):
        assert make_agent().pk == rolled_back
