"""Tenants: cloned like migrated, apart from each other, ready last."""

from __future__ import annotations

import re

import psycopg
import pytest
from django.contrib.auth.models import Group, User
from django.db import Error, connection, transaction
from django_tenants.utils import schema_context, tenant_context

from tenants import checks, crypto
from tenants.audit.models import AuditEntry
from tenants.audit.record import record
from tenants.models import Domain, Tenant
from tenants.services import routes, staff, tenants

STRUCTURE = """
    select 'column', table_name, column_name, data_type || is_nullable
        || coalesce(column_default, '') || is_identity
        || coalesce(character_maximum_length::text, '')
    from information_schema.columns where table_schema = %(schema)s
    union all
    select 'constraint', c.relname, k.conname, replace(pg_get_constraintdef(k.oid), %(schema)s, '')
    from pg_constraint k join pg_class c on c.oid = k.conrelid
    join pg_namespace n on n.oid = c.relnamespace where n.nspname = %(schema)s
    union all
    select 'index', tablename, indexname, replace(indexdef, %(schema)s, '')
    from pg_indexes where schemaname = %(schema)s
    and not starts_with(indexname, 'chunk_vector_near_')  -- made for many vectors, by no migration
    union all
    select 'trigger', c.relname, t.tgname, replace(pg_get_triggerdef(t.oid), %(schema)s, '')
    from pg_trigger t join pg_class c on c.oid = t.tgrelid
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = %(schema)s and not t.tgisinternal
"""


def structure(schema: str) -> set[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("set search_path = public")
        cursor.execute(STRUCTURE, {"schema": schema})
        # A definition that is read and run again gets its casts written in another place.
        return {
            tuple(re.sub(r"::[a-z ]+(\[\])?|[()]", "", str(part)) for part in row)
            for row in cursor.fetchall()
        }


def test_a_cloned_schema_is_the_migrated_one(alpha):
    assert structure("t_alpha") == structure(tenants.TEMPLATE_SCHEMA)


def test_a_clone_counts_its_own_ids(alpha):
    connection.set_schema_to_public()
    tenant = tenants.create_tenant(slug="sigma", name="Sigma", domains=["sigma.localhost"])

    with tenant_context(tenant):
        highest = Group.objects.order_by("pk").last().pk
        assert User.objects.create(username="ana").pk == 1
        assert Group.objects.create(name="another").pk == highest + 1


def test_two_tenants_do_not_share_rows(alpha, beta):
    User.objects.create(username="only-in-alpha")

    with tenant_context(beta):
        assert not User.objects.filter(username="only-in-alpha").exists()


def test_a_tenant_is_ready_only_with_its_schema(db):
    connection.set_schema_to_public()
    tenant = tenants.create_tenant(slug="gama", name="Gama", domains=["gama.localhost"])

    assert tenant.status == Tenant.Status.READY
    with tenant_context(tenant):
        assert set(Group.objects.values_list("name", flat=True)) == set(staff.Role)


def test_a_tenant_that_a_crash_left_half_made_is_completed(db):
    connection.set_schema_to_public()
    Tenant.objects.create(slug="delta", schema_name="t_delta", name="Delta")

    tenants.create_tenant(slug="delta", name="Delta", domains=["delta.localhost"])
    assert Tenant.objects.ready().filter(slug="delta").exists()


@pytest.mark.parametrize("slug", ["Alpha", "1a", "a-b", "a", "x" * 60, 'a"; drop'])
def test_a_slug_that_is_no_schema_name_is_refused(db, slug):
    connection.set_schema_to_public()
    with pytest.raises(tenants.BadTenant):
        tenants.create_tenant(slug=slug, name="x", domains=["x.localhost"])


def test_a_domain_of_another_tenant_is_refused(alpha):
    connection.set_schema_to_public()
    with pytest.raises(tenants.DomainTaken), transaction.atomic():
        tenants.create_tenant(slug="zeta", name="Zeta", domains=["alpha.localhost"])


def test_a_dropped_tenant_leaves_nothing(db):
    connection.set_schema_to_public()
    tenant = tenants.create_tenant(slug="omega", name="Omega", domains=["omega.localhost"])
    tenants.drop_tenant(tenant=tenant, actor="test")

    assert structure("t_omega") == set()


def test_a_dropped_tenant_takes_no_message_any_more(transactional_db):
    connection.set_schema_to_public()
    tenant = tenants.create_tenant(slug="omega", name="Omega", domains=["omega.localhost"])
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as door:
        door.execute(f"listen {routes.CHANGED_CHANNEL}")
        tenants.drop_tenant(tenant=tenant, actor="test")
        told = list(door.notifies(timeout=10, stop_after=1))

    assert [one.channel for one in told] == [routes.CHANGED_CHANNEL]


def test_a_tenant_table_in_public_stops_the_start(alpha):
    assert checks.tenancy_is_safe(databases=["default"]) == []
    with connection.cursor() as cursor:
        cursor.execute("create table public.knowledge_document (id int)")

    found = checks.tenancy_is_safe(databases=["default"])
    assert [message.id for message in found] == ["tenants.E002"]


def test_the_audit_trail_cannot_be_rewritten(alpha):
    entry = record(action="x.done", actor="ana", target="x 1", data={})

    for change in ("update audit_auditentry set actor = 'bia'", "delete from audit_auditentry"):
        with pytest.raises(Error, match="append-only"), transaction.atomic():
            connection.cursor().execute(change)
    assert AuditEntry.objects.get(pk=entry.pk).actor == "ana"


def test_a_secret_is_readable_only_in_its_own_place(settings):
    token = crypto.encrypt("sesame", context="t_alpha:credential:1")

    assert crypto.decrypt(token, context="t_alpha:credential:1") == "sesame"
    with pytest.raises(crypto.CannotDecrypt):
        crypto.decrypt(token, context="t_beta:credential:1")


def test_keys_rotate_without_a_gap(settings):
    from cryptography.fernet import Fernet

    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    token = crypto.encrypt("sesame", context="here")
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    rotated = crypto.rotate(token)
    settings.FIELD_ENCRYPTION_KEYS = [new]

    assert crypto.decrypt(rotated, context="here") == "sesame"
    with pytest.raises(crypto.CannotDecrypt):
        crypto.decrypt(token, context="here")
    settings.FIELD_ENCRYPTION_KEYS = [old]
    with pytest.raises(crypto.CannotDecrypt):
        crypto.rotate(rotated)


def test_a_member_of_staff_has_one_role(alpha):
    user, changed = staff.ensure_user(
        username="ana", email="ana@a.example", role="owner", password="correct-horse"
    )
    _, again = staff.ensure_user(
        username="ana", email="ana@a.example", role="owner", password="correct-horse"
    )

    assert (changed, again) == (["user", "password", "role"], [])
    assert user.has_perm("audit.view_auditentry")
    assert not user.is_superuser
    with pytest.raises(staff.UnknownRole):
        staff.ensure_user(username="bob", email="", role="king", password=None)


def test_schemas_are_left_as_they_were_found(alpha):
    with schema_context("t_beta"):
        pass
    assert connection.schema_name == "t_alpha"


def test_another_main_domain_is_a_change(beta: Tenant) -> None:
    connection.set_schema_to_public()
    tenants.update_tenant(tenant=beta, domains=["beta.localhost", "beta.example"])

    changed = tenants.update_tenant(tenant=beta, domains=["beta.example", "beta.localhost"])

    assert changed == ["domains"]
    main = Domain.objects.filter(tenant=beta, is_primary=True)
    assert list(main.values_list("domain", flat=True)) == ["beta.example"]
    assert tenants.update_tenant(tenant=beta, domains=["beta.example", "beta.localhost"]) == []
