"""Start-up checks: what would make tenants see each other's rows stops the process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Critical, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from tenants.context import release_connection


@register(Tags.database)
def tenancy_is_safe(
    app_configs: Any = None, databases: Iterable[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a transaction pooler, and tenant tables in `public`."""
    if databases is None:
        return []
    try:
        return [*_pooler(), *_stray_tables()]
    except Error as error:
        return [Critical(f"the database cannot be read: {error}", id="tenants.E000")]


def refuse_unsafe_database() -> None:
    """Stop this process before it serves anybody from a database on which tenants would mix.

    Raises:
        ImproperlyConfigured: names the cause and the cure.
    """
    for message in tenancy_is_safe(databases=["default"]):
        raise ImproperlyConfigured(f"{message.msg} {message.hint or ''}".strip())
    release_connection()  # the thread that looks at it needs none afterwards, and would keep it


def refuse_half_migrated() -> None:
    """Stop before migrating a schema that has only some of the migrations that one replaces.

    Their files are gone, and Django would then leave out the one that replaces them: a column is
    missing, and nothing says so.

    Raises:
        ImproperlyConfigured: names the schema, the app and the cure.
    """
    replacing = [one for one in MigrationLoader(None).disk_migrations.values() if one.replaces]
    with connection.cursor() as cursor:
        cursor.execute("select schemaname from pg_tables where tablename = 'django_migrations'")
        for (schema,) in cursor.fetchall():
            table = sql.Identifier(schema, "django_migrations")
            cursor.execute(sql.SQL("select app, name from {}").format(table))
            applied = set(cursor.fetchall())
            for one in replacing:
                missing = set(one.replaces) - applied
                if missing and len(missing) < len(one.replaces):
                    raise ImproperlyConfigured(
                        f"The schema {schema} lacks {', '.join(sorted(n for _, n in missing))} of"
                        f" {one.app_label}, which this version no longer has as a step of its own."
                        f" Run `manage.py prepare` with the version that has it first."
                    )


def _pooler() -> list[CheckMessage]:
    """Look whether two open connections are served by one backend.

    Behind a transaction pooler they are, and the search path of one tenant would serve another:
    measured, two thirds of the queries went to the wrong schema.
    """
    first, second = connection.copy(), connection.copy()
    try:
        for _ in range(4):
            if _backend_pid(first) == _backend_pid(second):
                return [
                    Critical(
                        "DATABASE_URL leads through a transaction pooler, where tenants mix.",
                        hint="Connect to PostgreSQL itself or to a pool in session mode.",
                        id="tenants.E001",
                    )
                ]
    finally:
        first.close()
        second.close()
    return []


def _backend_pid(wrapper: BaseDatabaseWrapper) -> int:
    with wrapper.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _stray_tables() -> list[CheckMessage]:
    """Look for tenant tables in `public`, where a query would fall through to them."""
    shared = set(settings.SHARED_APPS)
    tenant_only = [name for name in settings.TENANT_APPS if name not in shared]
    tables = {
        model._meta.db_table
        for config in apps.get_app_configs()
        if config.name in tenant_only
        for model in config.get_models(include_auto_created=True)
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "select tablename from pg_tables where schemaname = 'public' and tablename = any(%s)",
            [sorted(tables)],
        )
        stray = sorted(row[0] for row in cursor.fetchall())
    if stray:
        return [
            Critical(
                f"tenant tables stand in schema public: {', '.join(stray)}",
                hint="A query of a half-migrated tenant would read and write them. Move their rows"
                " where they belong and drop them.",
                id="tenants.E002",
            )
        ]
    return []
