"""Encrypt every stored secret anew under the newest key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.db.models import Model
from django_tenants.utils import schema_context

from config import encrypted
from tenants import crypto
from tenants.commands import QuickCommand
from tenants.models import Tenant


class Command(QuickCommand):
    """Encrypts every stored secret anew."""

    help = "Encrypt every stored secret under the first of FIELD_ENCRYPTION_KEYS. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate the platform's secrets, then each tenant's, a row at a time."""
        n_rotated = sum(self._rotate(*one) for one in encrypted.of_platform())
        for schema_name in Tenant.objects.complete().values_list("schema_name", flat=True):
            with schema_context(schema_name):
                n_rotated += sum(self._rotate(*one) for one in encrypted.of_tenant())
        self.stdout.write(f"{n_rotated} secret(s) encrypted anew; the older keys may go.")

    def _rotate(self, model: type[Model], field: str) -> int:
        n_rotated = 0
        rows = model._default_manager.exclude(**{field: ""})
        for pk in rows.values_list("pk", flat=True):
            with transaction.atomic():
                row = model._default_manager.select_for_update().filter(pk=pk).first()
                if row is None:  # removed since
                    continue
                try:
                    setattr(row, field, crypto.rotate(getattr(row, field)))
                except crypto.CannotDecrypt as error:
                    raise CommandError(
                        f"{model.__name__} {pk} cannot be read: add its key to"
                        " FIELD_ENCRYPTION_KEYS and run this again."
                    ) from error
                row.save(update_fields=[field])
            n_rotated += 1
        return n_rotated
