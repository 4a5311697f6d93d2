"""Encrypt every stored secret anew under the newest key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.db.models import Model
from django_tenants.utils import schema_context

from channels_chatwoot.models import Inbox
from channels_whatsapp.models import Device
from channels_whatsapp.servers.models import BridgeServer
from integrations.models import Credential, HttpTool, HttpToolCall, McpServer, WebhookEndpoint
from tenants import crypto
from tenants.commands import QuickCommand
from tenants.models import InboundRoute, Tenant

_PUBLIC: tuple[tuple[type[Model], str], ...] = (
    (InboundRoute, "hmac_key_encrypted"),
    (InboundRoute, "previous_hmac_key_encrypted"),
    (BridgeServer, "admin_token_encrypted"),
)
_TENANT: tuple[tuple[type[Model], str], ...] = (
    (Credential, "api_key_encrypted"),
    (WebhookEndpoint, "secret_encrypted"),
    (WebhookEndpoint, "previous_secret_encrypted"),
    (WebhookEndpoint, "headers_encrypted"),
    (HttpTool, "secret_encrypted"),
    (HttpTool, "headers_encrypted"),
    (HttpToolCall, "arguments_encrypted"),
    (McpServer, "secret_encrypted"),
    (Device, "bridge_token_encrypted"),
    (Inbox, "token_encrypted"),
    (Inbox, "reader_token_encrypted"),
)


class Command(QuickCommand):
    """Encrypts every stored secret anew."""

    help = "Encrypt every stored secret under the first of FIELD_ENCRYPTION_KEYS. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate the platform's secrets, then each tenant's, a row at a time."""
        n_rotated = sum(self._rotate(model, field) for model, field in _PUBLIC)
        for tenant in Tenant.objects.exclude(schema_name="public"):
            if tenant.status == Tenant.Status.CREATING:  # it has no schema yet
                continue
            with schema_context(tenant.schema_name):
                n_rotated += sum(self._rotate(model, field) for model, field in _TENANT)
        self.stdout.write(f"{n_rotated} secret(s) encrypted anew; the older keys may go.")

    def _rotate(self, model: type[Model], field: str) -> int:
        n_rotated = 0
        rows = model._default_manager.exclude(**{field: ""})
        for pk in rows.values_list("pk", flat=True):
            with transaction.atomic():
                row = model._default_manager.select_for_update().get(pk=pk)
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
