"""Making, changing and removing tenants."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django_tenants.utils import schema_context
from psycopg import sql

from tenants.audit.record import record
from tenants.context import has_open_transaction, unpooled_connection
from tenants.errors import DomainError
from tenants.models import SLUG, Domain, InboundRoute, InboxEntry, Tenant, Timer
from tenants.services import routes, staff
from tenants.services.cloning import clone_schema

TEMPLATE_SCHEMA = "t_0template"
"""Migrated like a tenant, never served; no slug can collide, because slugs start with a letter."""


class BadTenant(DomainError):
    """The tenant's data cannot be used."""

    code = "bad_tenant"
    http_status = 422


class DomainTaken(DomainError):
    """Another tenant already uses this domain."""

    code = "domain_taken"


def ensure_public(*, domains: Sequence[str]) -> Tenant:
    """Make sure that the platform's own row and host names exist."""
    tenant: Tenant
    tenant, _ = Tenant.objects.get_or_create(
        schema_name="public",
        defaults={"slug": "public", "name": "Prosa", "status": Tenant.Status.READY},
    )
    for domain in domains:
        Domain.objects.get_or_create(domain=domain, defaults={"tenant": tenant})
    return tenant


class TemplateChanged(DomainError):
    """A new version is being installed; try again in a moment."""

    code = "template_changed"


_known_complete: set[str] = set()
"""The versions of the template in which this process found every migration of its code."""


def ensure_template() -> str:
    """Make sure that the template schema has every migration and the roles; return its version.

    Raises:
        TemplateChanged: it has not, and a transaction is open; `manage.py prepare` brings it up.
    """
    version = _template_version()
    if version in _known_complete:
        return version
    with _changing_template():
        version = _template_version()
        if version is None or _has_unapplied_migrations():
            if has_open_transaction():  # others would not see what is done, and do it too
                raise TemplateChanged
            _execute("create schema if not exists {}")
            call_command(
                "migrate_schemas", schema_name=TEMPLATE_SCHEMA, verbosity=0, interactive=False
            )
            with schema_context(TEMPLATE_SCHEMA):
                staff.ensure_roles()
            # Last: a template without it was left by a crash, and is gone through again.
            version = _template_state()
            _execute("comment on schema {} is " + sql.Literal(version).as_string(None))
    _known_complete.add(version)
    return version


@contextmanager
def _changing_template() -> Iterator[None]:
    """Let one process change the template; a crash ends this with its connection.

    The lock is held on a connection of its own: to migrate closes the thread's, with which the lock
    would end too early, or go back to the pool and never end.
    """
    with closing(unpooled_connection()) as own, own.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(hashtext('template'))")
        yield


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(sql.Identifier(TEMPLATE_SCHEMA)))


def _template_version() -> str | None:
    """Return what names the template's state; None while it is missing, or not complete."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = %s",
            [TEMPLATE_SCHEMA],
        )
        row = cursor.fetchone()
    version: str | None = row[0] if row else None
    return version if version and version == _template_state() else None


def _template_state() -> str:
    """Return the template's own id, how many migrations it has and the newest's id."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "select {}::regnamespace::oid || ':' || count(*) || ':' || max(id)"
                " from {}.django_migrations"
            ).format(sql.Literal(f'"{TEMPLATE_SCHEMA}"'), sql.Identifier(TEMPLATE_SCHEMA))
        )
        return str(cursor.fetchone()[0])


def _hold_template(version: str) -> None:
    """Keep the template as it is until the open transaction ends.

    Raises:
        TemplateChanged: it is another one by now.
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock_shared(hashtext('template'))")
    if _template_version() != version:
        raise TemplateChanged


def _has_unapplied_migrations() -> bool:
    with schema_context(TEMPLATE_SCHEMA):
        loader = MigrationLoader(connection)
        return not set(loader.graph.nodes) <= set(loader.applied_migrations)


def create_tenant(
    *,
    slug: str,
    name: str,
    domains: Sequence[str],
    timezone: str = "America/Sao_Paulo",
    language: str = "pt-br",
    actor: str = "system",
) -> Tenant:
    """Create a tenant with its schema; it is `ready` when this returns, and not before.

    The row is committed first as `creating`, the schema and `ready` follow in one transaction. A
    tenant that a crash left `creating` is completed by calling this again.

    Raises:
        BadTenant: a slug, time zone or domain that cannot be used.
        DomainTaken: a domain of another tenant.
        TemplateChanged: a new version of the product is being installed at this moment.
    """
    _check(slug=slug, timezone=timezone, domains=domains)
    version = ensure_template()
    with transaction.atomic():
        tenant, _ = Tenant.objects.get_or_create(
            schema_name=f"t_{slug}",
            defaults={"slug": slug, "name": name, "timezone": timezone, "language": language},
        )
        _set_domains(tenant=tenant, domains=domains)
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(pk=tenant.pk)
        if tenant.status == Tenant.Status.CREATING:
            _hold_template(version)
            clone_schema(source=TEMPLATE_SCHEMA, target=tenant.schema_name, version=version)
            tenant.status = Tenant.Status.READY
            tenant.save(update_fields=["status"])
            record(action="tenant.created", actor=actor, target=f"tenant {tenant.uuid}", data={})
    return tenant


def update_tenant(
    *,
    tenant: Tenant,
    actor: str = "system",
    domains: Sequence[str] | None = None,
    **changes: Any,
) -> list[str]:
    """Change a tenant's name, time zone, language or extras; return the names of what changed.

    Raises:
        BadTenant: an unknown time zone.
        DomainTaken: a domain of another tenant.
    """
    _check(
        slug=tenant.slug, timezone=changes.get("timezone", tenant.timezone), domains=domains or ()
    )
    changed = [name for name, value in changes.items() if getattr(tenant, name) != value]
    with transaction.atomic():
        if changed:
            for name in changed:
                setattr(tenant, name, changes[name])
            tenant.save(update_fields=changed)
        if domains is not None and _set_domains(tenant=tenant, domains=domains):
            changed.append("domains")
        if changed:
            record(
                action="tenant.changed",
                actor=actor,
                target=f"tenant {tenant.uuid}",
                data={"fields": changed},
            )
    return changed


def drop_tenant(*, tenant: Tenant, actor: str) -> None:
    """Remove a tenant with all its rows, for good."""
    if not re.fullmatch(r"t_[a-z][a-z0-9_]*", tenant.schema_name):
        raise BadTenant
    with transaction.atomic():
        record(action="tenant.dropped", actor=actor, target=f"tenant {tenant.uuid}", data={})
        InboxEntry.objects.filter(schema_name=tenant.schema_name).delete()
        InboundRoute.objects.filter(schema_name=tenant.schema_name).delete()
        routes.announce_change()
        Timer.objects.filter(schema_name=tenant.schema_name).delete()
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("drop schema if exists {} cascade").format(
                    sql.Identifier(tenant.schema_name)
                )
            )
        Tenant.objects.filter(pk=tenant.pk).delete()


def _check(*, slug: str, timezone: str, domains: Sequence[str]) -> None:
    try:
        SLUG(slug)
        ZoneInfo(timezone)
    except ValidationError as error:
        raise BadTenant(f'slug "{slug}": {error.messages[0]}') from error
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadTenant(f'no time zone is named "{timezone}"') from error
    for domain in domains:
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", domain):
            raise BadTenant(f'"{domain}" is no host name')


def _set_domains(*, tenant: Tenant, domains: Sequence[str]) -> bool:
    taken = Domain.objects.filter(domain__in=domains).exclude(tenant=tenant).first()
    if taken is not None:
        raise DomainTaken(f'"{taken.domain}" is already used by another tenant')
    held = Domain.objects.filter(tenant=tenant).order_by("-is_primary", "domain")
    before = list(held.values_list("domain", flat=True))
    if set(before) == set(domains) and before[:1] == list(domains[:1]):
        return False
    Domain.objects.filter(tenant=tenant).exclude(domain__in=domains).delete()
    for position, domain in enumerate(domains):
        try:
            with transaction.atomic():
                # By its tenant too: a name that another has taken since must not change hands.
                Domain.objects.update_or_create(
                    domain=domain, tenant=tenant, defaults={"is_primary": position == 0}
                )
        except IntegrityError as error:
            raise DomainTaken(f'"{domain}" is already used by another tenant') from error
    return True
