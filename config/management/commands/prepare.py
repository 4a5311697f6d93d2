"""Bring the database to the state that this code expects."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError
from django_tenants.utils import schema_context

from channels_whatsapp.services import servers
from integrations.services import prices
from tenants.checks import refuse_half_migrated
from tenants.commands import QuickCommand
from tenants.models import Tenant
from tenants.services import staff, tenants


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
        call_command("migrate_schemas", shared=True, interactive=False, verbosity=verbosity)
        hosts = {"localhost", "127.0.0.1", urlsplit(settings.PUBLIC_BASE_URL).hostname or ""}
        tenants.ensure_public(domains=sorted(hosts - {""}))
        tenants.ensure_template()
        prices.ensure_shipped()
        servers.ensure_server(base_url=settings.BRIDGE_URL)
        names = list(Tenant.objects.complete().values_list("schema_name", flat=True))
        if names:
            call_command("migrate_schemas", tenant=True, interactive=False, verbosity=verbosity)
        for schema_name in names:
            with schema_context(schema_name):
                staff.ensure_roles()
        self.stdout.write(f"Database ready: {len(names)} tenant(s).")
