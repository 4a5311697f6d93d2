"""Migrations: complete, and reversible as far as they say."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django_tenants.utils import schema_context

from config.management.commands import prepare
from conversations.models import OutboundMessage
from tenants import checks
from tenants.context import database_now
from tenants.models import Tenant
from tenants.services import staff, tenants
from tests.fakes.http import wait_until
from tests.workers import at_once, n_waiting_for_a_lock


def test_no_model_waits_for_a_migration(db):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("schema", ["public", "t_alpha", "t_beta", tenants.TEMPLATE_SCHEMA])
def test_every_schema_has_every_migration(alpha, schema):
    with schema_context(schema):
        loader = MigrationLoader(connection)

    assert set(loader.graph.nodes) <= set(loader.applied_migrations)


@pytest.mark.parametrize(
    ("names", "refusal"),
    [([], ""), (["0001_initial"], "0002_"), (None, "")],
    ids=["none", "some", "all of those that one replaces"],
)
def test_a_schema_that_is_half_way_to_a_joined_step_is_refused(alpha, names, refusal):
    """Its missing files would be passed over in silence."""
    loader = MigrationLoader(None)
    joined = next(
        one for one in loader.disk_migrations.values() if one.replaces and one.app_label == "agents"
    )
    with connection.cursor() as cursor:
        cursor.execute("delete from django_migrations where app = 'agents'")
        for app, name in joined.replaces if names is None else [("agents", name) for name in names]:
            cursor.execute(
                "insert into django_migrations values (default, %s, %s, now())", [app, name]
            )
    if not refusal:
        checks.refuse_half_migrated()
        return
    with pytest.raises(ImproperlyConfigured, match=f"t_alpha lacks {refusal}.* of agents"):
        checks.refuse_half_migrated()


def test_a_template_that_a_crash_left_without_roles_is_gone_through_again(db):
    connection.set_schema_to_public()
    tenants.ensure_template()
    with connection.cursor() as cursor:
        cursor.execute("comment on schema t_0template is null")
        cursor.execute("truncate t_0template.auth_group cascade")

    tenant = tenants.create_tenant(slug="lambda", name="Lambda", domains=["lambda.localhost"])
    with schema_context(tenant.schema_name):
        assert set(Group.objects.values_list("name", flat=True)) == set(staff.Role)


def is_free() -> bool:
    """Test whether nobody brings the template up to date."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(hashtext('template'))")
        return cursor.fetchone()[0]


def somebody_waits(lock: str) -> bool:
    """Test whether somebody in this database waits for a lock of a kind, as `pg_locks` names it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists (select from pg_locks where locktype = %s and not granted"
            " and database = (select oid from pg_database where datname = current_database()))",
            [lock],
        )
        return cursor.fetchone()[0]


def bring_up() -> None:
    """Complete the template in a thread and a connection of its own."""
    try:
        tenants.ensure_template()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("step", "lock"),
    [
        ("lock table t_0template.auth_group", "relation"),
        ("comment on schema t_0template is null", "object"),
    ],
    ids=["roles", "mark"],
)
def test_the_template_is_held_until_it_is_whole(transactional_db, step, lock):
    connection.set_schema_to_public()
    tenants.ensure_template()
    with connection.cursor() as cursor:
        cursor.execute("comment on schema t_0template is null")
    # What is closed goes to the end of the pool's line: who takes again gets another one.
    both = threading.Barrier(2)
    at_once(*[lambda: (database_now(), both.wait(30))] * 2)
    with ThreadPoolExecutor(1) as executor:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(step)
            changing = executor.submit(bring_up)
            wait_until(lambda: somebody_waits(lock), seconds=30)
            assert not is_free()
        changing.result(timeout=60)
    # It goes with its connection, whose other end PostgreSQL closes a moment later.
    wait_until(is_free, seconds=10)


def test_the_template_is_not_brought_up_within_another_transaction(transactional_db):
    connection.set_schema_to_public()
    with connection.cursor() as cursor:
        cursor.execute("comment on schema t_0template is null")

    with transaction.atomic(), pytest.raises(tenants.TemplateChanged):
        tenants.ensure_template()

    tenants.ensure_template()


def create_my() -> Tenant:
    """Create a tenant `my` in a thread and a connection of its own."""
    try:
        return tenants.create_tenant(slug="my", name="My", domains=["my.localhost"])
    finally:
        connection.close()


def test_a_template_that_changes_meanwhile_is_not_copied(transactional_db):
    tenants.ensure_template()  # as a process knows it that has made tenants before
    with ThreadPoolExecutor(1) as executor, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(hashtext('template'))")
        try:
            creating = executor.submit(create_my)
            wait_until(lambda: somebody_waits("advisory"), seconds=30)
            cursor.execute(
                "insert into t_0template.django_migrations (app, name, applied)"
                " values ('tenants', '9999_of_the_new_version', now())"
            )
        finally:
            cursor.execute("select pg_advisory_unlock(hashtext('template'))")
        try:
            with pytest.raises(tenants.TemplateChanged):
                creating.result(timeout=60)
        finally:
            cursor.execute("delete from t_0template.django_migrations where name like '9999%'")

    assert not Tenant.objects.ready().filter(slug="my").exists()


def test_a_template_that_lacks_a_migration_is_brought_up_before_it_is_copied(transactional_db):
    connection.set_schema_to_public()
    tenants.ensure_template()
    with connection.cursor() as cursor:
        cursor.execute(
            "delete from t_0template.django_migrations where app = 'audit' and name like '0002%'"
        )
        cursor.execute("drop trigger audit_append_only on t_0template.audit_auditentry")

    tenant = tenants.create_tenant(slug="kappa", name="Kappa", domains=["kappa.localhost"])
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select count(*) from information_schema.triggers"
                " where trigger_schema = 't_kappa' and trigger_name = 'audit_append_only'"
            )
            assert cursor.fetchone()[0] > 0
    finally:
        tenants.drop_tenant(tenant=tenant, actor="test")


def test_a_suspended_tenant_is_brought_up_like_the_others(committed_beta):
    Tenant.objects.exclude(schema_name="public").update(status=Tenant.Status.SUSPENDED)
    with schema_context(committed_beta.schema_name):
        Group.objects.get(name=staff.Role.OWNER.value).permissions.clear()

    call_command("prepare", verbosity=0)

    with schema_context(committed_beta.schema_name):
        assert Group.objects.get(name=staff.Role.OWNER.value).permissions.exists()


def test_a_table_in_use_is_waited_for_briefly_and_then_tried_again(committed_alpha, monkeypatch):
    """Who waits long for a table lets all messages wait behind it."""
    monkeypatch.setattr(prepare, "PAUSE_S", 0.1)
    monkeypatch.setattr(prepare, "LOCK_S", 1)
    call_command("migrate_schemas", "conversations", "0020", schema_name="t_alpha", verbosity=0)
    used, done = threading.Event(), threading.Event()

    def report() -> None:
        try:
            with schema_context("t_alpha"), transaction.atomic():
                OutboundMessage.objects.defer("handed_to").first()
                used.set()
                done.wait(60)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        reading = threads.submit(report)
        used.wait(60)
        preparing = threads.submit(_prepare)
        try:
            wait_until(lambda: n_waiting_for_a_lock() == 1)
            wait_until(lambda: n_waiting_for_a_lock() == 0)  # others would get at the table now
        finally:
            done.set()
        reading.result(60)
        told, ready = preparing.result(60)

    assert "A table of t_alpha is in use; trying again in 0.1 s." in told
    assert ready.startswith("Database ready:")


def _prepare() -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("prepare", stdout=out, stderr=err)
        with connection.cursor() as cursor:
            cursor.execute("show lock_timeout")
            assert cursor.fetchone() == ("0",)
    finally:
        connection.close()
    return err.getvalue(), out.getvalue()
