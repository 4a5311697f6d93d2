"""Bring the database to the state that this code expects."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created
from django_tenants.utils import schema_context
from psycopg.errors import LockNotAvailable

from channels_whatsapp.services import servers
from integrations.services import prices
from tenants.checks import refuse_half_migrated
from tenants.commands import QuickCommand
from tenants.models import Tenant
from tenants.services import staff, tenants

LOCK_S = 3
"""How long a migration waits for a table that is in use, in seconds: whoever comes after it waits
as well, so that one long report would stop all messages."""

PAUSE_S = 5.0
"""How long messages have the table to themselves before it is waited for again, in seconds."""

N_TRIES = 12


class Command(QuickCommand):
    """Migrates the platform and every tenant."""

    help = "Apply migrations to the platform and to every tenant, and refresh roles and prices."

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, and make sure of the platform's own rows, the template and the roles."""
        verbosity = 1 if options["verbosity"] > 1 else 0
        try:
            refuse_half_migrated()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        self._migrate(shared=True, verbosity=verbosity)
        hosts = {"localhost", "127.0.0.1", urlsplit(settings.PUBLIC_BASE_URL).hostname or ""}
        tenants.ensure_public(domains=sorted(hosts - {""}))
        tenants.ensure_template()
        prices.ensure_shipped()
        servers.ensure_server(base_url=settings.BRIDGE_URL)
        names = list(Tenant.objects.complete().values_list("schema_name", flat=True))
        if names:
            self._migrate(tenant=True, verbosity=verbosity)
        for schema_name in names:
            with schema_context(schema_name):
                staff.ensure_roles()
        self.stdout.write(f"Database ready: {len(names)} tenant(s).")

    def _migrate(self, **options: Any) -> None:
        """Apply what is missing; what was applied before a table was met in use stays applied.

        Raises:
            CommandError: it was in use at every try.
        """
        for n_left in reversed(range(N_TRIES)):
            where = self._where_in_use(options)
            if where is None:
                return
            if not n_left:
                raise CommandError(
                    f"A table of {where} is in use and could not be changed. Nothing of this step"
                    " was written: run `manage.py prepare` again when less is going on."
                )
            self.stderr.write(f"A table of {where} is in use; trying again in {PAUSE_S:g} s.")
            time.sleep(PAUSE_S)

    def _where_in_use(self, options: dict[str, Any]) -> str | None:
        """Migrate; return the schema in which a table was in use, None where all is done."""
        try:
            with _waiting_briefly():
                call_command("migrate_schemas", interactive=False, **options)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            schema: str = connection.schema_name  # type: ignore[attr-defined]
            connection.set_schema_to_public()  # type: ignore[attr-defined]
            return schema
        return None


@contextmanager
def _waiting_briefly() -> Iterator[None]:
    """Limit how long is waited for locks, on each connection that a migration takes."""

    def limit(**_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"set lock_timeout = '{LOCK_S}s'")

    limit()
    connection_created.connect(limit)
    try:
        yield
    finally:
        connection_created.disconnect(limit)
        with connection.cursor() as cursor:
            cursor.execute("reset lock_timeout")
