"""Secrets outlive the keys that encrypted them, and `doctor` says where one does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from channels_whatsapp.services import servers
from config import encrypted
from conversations.models import LeadSource
from integrations.models import WebhookEndpoint
from tenants import crypto
from tenants.models import Tenant
from tests.config.blueprint_files import apply, command


@pytest.fixture
def tenant(public: None, folder: Path, settings: Any) -> Tenant:
    """A tenant with secrets of many kinds; the platform has its own."""
    settings.BRIDGE_ADMIN_TOKEN = "admin"
    servers.ensure_server(base_url="http://127.0.0.1:1")
    made = apply(folder).tenant
    with tenant_context(made):
        assert WebhookEndpoint.objects.get(name="erp").secret() == "shhh-do-not-tell"
        assert LeadSource.objects.exists()
    return made


def stored(schema: str, fields: list[encrypted.Field]) -> dict[str, list[str]]:
    """Return the ciphertexts of each field that has some."""
    with schema_context(schema):
        found = {
            f"{model.__name__}.{field}": list(
                model._default_manager.exclude(**{field: ""}).values_list(field, flat=True)
            )
            for model, field in fields
        }
    return {name: values for name, values in found.items() if values}


def test_once_all_is_encrypted_anew_the_old_key_may_go(
    tenant: Tenant, folder: Path, settings: Any
) -> None:
    def all_stored() -> dict[str, list[str]]:
        of_platform = stored("public", list(encrypted.of_platform()))
        return {**of_platform, **stored(tenant.schema_name, list(encrypted.of_tenant()))}

    new, before = Fernet.generate_key().decode(), all_stored()
    assert {
        "BridgeServer.admin_token_encrypted",
        "InboundRoute.hmac_key_encrypted",
        "Credential.api_key_encrypted",
        "Device.bridge_token_encrypted",
        "HttpTool.secret_encrypted",
        "LeadSource.secret_encrypted",
        "McpServer.secret_encrypted",
        "WebhookEndpoint.headers_encrypted",
        "WebhookEndpoint.secret_encrypted",
    } <= set(before)
    Tenant.objects.filter(pk=tenant.pk).update(status=Tenant.Status.SUSPENDED)
    settings.FIELD_ENCRYPTION_KEYS = [new, *settings.FIELD_ENCRYPTION_KEYS]

    command("rotate_field_keys")
    settings.FIELD_ENCRYPTION_KEYS = [new]

    after = all_stored()
    assert after.keys() == before.keys()
    assert [name for name in after for one in after[name] if not crypto.is_readable(one)] == []
    assert [name for name in after if set(after[name]) & set(before[name])] == []
    assert apply(folder).changes == []
    with tenant_context(tenant):
        assert WebhookEndpoint.objects.get(name="erp").secret() == "shhh-do-not-tell"
        assert LeadSource.objects.get().secret()
    told, _ = command("doctor")
    assert "ok       Secrets" in told


def test_a_secret_whose_key_is_gone_is_told_with_its_cure(tenant: Tenant, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(CommandError, match="cannot be read: add its key"):
        command("rotate_field_keys")
    with pytest.raises(CommandError, match="problem"):
        command("doctor")


def test_a_database_that_is_away_is_told_at_once_with_the_reason(
    db: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    with pytest.raises(CommandError, match="1 problem"):
        call_command("doctor")
    told = capsys.readouterr().out
    assert "Connection refused" in told
    assert "?        Secrets" in told


def test_what_is_half_made_is_told_and_what_is_suspended_is_not(beta: Tenant) -> None:
    Tenant.objects.filter(pk=beta.pk).update(status=Tenant.Status.SUSPENDED)
    told, _ = command("doctor")
    assert "Everything is in order." in told

    Tenant.objects.filter(pk=beta.pk).update(status=Tenant.Status.CREATING)
    with pytest.raises(CommandError, match="1 problem"):
        command("doctor")
