"""Blueprints on their way back: an export makes the same tenant again, without a secret."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.utils import timezone
from django_tenants.utils import tenant_context

from agents.models import Agent, AgentVersion
from config.blueprints import exporting, loading
from knowledge.models import Document
from knowledge.services import bin as paper_bin
from knowledge.services import documents, faqs
from knowledge.services.documents import original_of
from tenants.models import Tenant
from tests.config.blueprint_files import SECRETS, apply, command, rewrite

MINIMAL = """
blueprint: 1
tenant: {slug: gamma, name: Padaria Gama, domains: [gamma.localhost, gamma.example]}
"""


@pytest.mark.usefixtures("public")
def test_an_export_holds_no_secret(folder: Path) -> None:
    apply(folder)

    text, _ = command("export_blueprint", "gamma")

    for secret in [*SECRETS.values(), "uma-senha-boa", "gamma-token", "shhh-"]:
        assert secret not in text
    assert "api_key_env: CREDENTIAL_PRINCIPAL_API_KEY" in text
    assert "hmac_key_env: DEVICE_PRINCIPAL_HMAC_KEY" in text
    assert "secret_env: WEBHOOK_CRM_SECRET" in text
    assert "a-fixed-route-key-of-gamma" not in text


@pytest.mark.usefixtures("public")
def test_an_export_makes_a_second_tenant_that_exports_the_same(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(folder)
    copy = tmp_path / "copy"
    command("export_blueprint", "gamma", "--directory", str(copy))
    exported = (copy / "blueprint.yaml").read_text(encoding="utf-8")
    for name in {line.split(": ")[1] for line in exported.splitlines() if "_env: " in line}:
        monkeypatch.setenv(name, f"value-of-{name}-that-is-long-enough-to-sign")
    # The description of the tenant itself is what tells the two apart.
    moved = exported.replace("slug: gamma", "slug: delta").replace("- gamma.", "- delta.")
    (copy / "blueprint.yaml").write_text(moved, encoding="utf-8")

    apply(copy)

    again, _ = command("export_blueprint", "delta")
    assert again == moved
    delta = Tenant.objects.get(slug="delta")
    with tenant_context(delta):
        original = original_of(Document.objects.get(name="tabela.csv"))
    assert original == (folder / "docs" / "tabela.csv").read_bytes()


@pytest.mark.usefixtures("public")
def test_an_export_of_one_applied_again_changes_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = apply(folder).tenant
    copy = tmp_path / "copy"
    command("export_blueprint", "gamma", "--directory", str(copy))
    for name, value in {
        "USER_ANA_PASSWORD": "uma-senha-boa",
        "CREDENTIAL_PRINCIPAL_API_KEY": SECRETS["GAMMA_OPENAI"],
        "DEVICE_PRINCIPAL_TOKEN": "gamma-token",
        "DEVICE_PRINCIPAL_HMAC_KEY": SECRETS["GAMMA_HMAC"],
        "WEBHOOK_CRM_SECRET": SECRETS["GAMMA_CRM"],
        "WEBHOOK_ERP_SECRET": "shhh-do-not-tell",
        "LEAD_SOURCE_SITE_SECRET": SECRETS["GAMMA_CRM"],
        "WEBHOOK_ERP_X_KEY": "shhh-neither-this",
        "WEBHOOK_ERP_X_TENANT": SECRETS["GAMMA_CRM"],
        "TOOL_CONSULTAR_PEDIDO_SECRET": SECRETS["GAMMA_CRM"],
        "TOOL_MARCAR_HORARIO_SECRET": "shhh-no-tool-either",
        "TOOL_MARCAR_HORARIO_X_STORE": "shhh-a-header",
        "MCP_AGENDA_SECRET": "shhh-nor-the-agenda",
        "CHATWOOT_SITE_TOKEN": "shhh-chatwoot-token",
        "CHATWOOT_SITE_READER_TOKEN": "shhh-agents-token",
        "CHATWOOT_SITE_SECRET": SECRETS["GAMMA_CRM"],
    }.items():
        monkeypatch.setenv(name, value)

    assert apply(copy).changes == []
    with tenant_context(tenant):
        assert AgentVersion.objects.count() == Agent.objects.count()


@pytest.mark.usefixtures("public")
def test_every_kind_of_document_comes_back_and_nothing_of_the_bin(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = apply(folder).tenant
    with tenant_context(tenant):
        now = timezone.now()
        shelf = documents.ensure_category(name="Preços")
        faqs.save_faq(
            category=shelf, question="Tem [x]?", answer="Sim.", phrasings=(), now=now, actor="ana"
        )
        paper_bin.throw_away(document=Document.objects.get(name="tabela.csv"), now=now)
    copy = tmp_path / "copy"

    command("export_blueprint", "gamma", "--directory", str(copy))

    exported = (copy / "blueprint.yaml").read_text(encoding="utf-8")
    for name in {line.split(": ")[1] for line in exported.splitlines() if "_env: " in line}:
        monkeypatch.setenv(name, f"value-of-{name}-that-is-long-enough-to-sign")
    prices = next(
        one
        for one in loading.load(copy / "blueprint.yaml").knowledge.categories
        if one.name == "Preços"
    )
    assert "Tem [x]?.faq" in {path.name for path in prices.files(copy)}
    assert not list(copy.rglob("tabela.csv"))
    assert "document Preços/tabela.csv: out of the bin" in apply(folder).changes


@pytest.mark.usefixtures("public")
def test_days_of_validity_are_applied_once_and_exported(folder: Path, tmp_path: Path) -> None:
    rewrite(
        folder,
        "documents: [docs/tabela.csv]",
        "documents: [{path: docs/tabela.csv, valid_from: 2026-01-01, valid_until: 2026-12-31}]",
    )
    applied = apply(folder)
    assert "document Preços/tabela.csv: days of validity" in applied.changes
    assert apply(folder).changes == []
    with tenant_context(applied.tenant):
        days = Document.objects.values_list("valid_from", "valid_until")
        assert days.get(name="tabela.csv") == (date(2026, 1, 1), date(2026, 12, 31))

    text, _ = command("export_blueprint", "gamma")

    assert "valid_from: 2026-01-01" in text
    assert "valid_until: 2026-12-31" in text
    rewrite(folder, "{path: docs/tabela.csv, valid_from: 2026-01-01, ", "{path: docs/tabela.csv, ")
    assert "document Preços/tabela.csv: days of validity" in apply(folder).changes
    with tenant_context(applied.tenant):
        assert days.get(name="tabela.csv") == (None, date(2026, 12, 31))
    rewrite(folder, "{path: docs/tabela.csv, valid_until: 2026-12-31}", "docs/tabela.csv")
    assert apply(folder).changes == []


@pytest.mark.usefixtures("public")
def test_export_of_an_unknown_tenant_says_which_there_are(folder: Path) -> None:
    apply(folder)

    with pytest.raises(CommandError, match="gamma"):
        command("export_blueprint", "nobody")


@pytest.mark.usefixtures("public")
def test_an_agent_that_leaves_its_model_to_the_business_does_so_after_an_export(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = apply(folder).tenant
    with tenant_context(tenant):
        Agent.objects.filter(name="Secretária").update(chat_credential=None, chat_model="")
    copy = tmp_path / "copy"
    command("export_blueprint", "gamma", "--directory", str(copy))
    exported = (copy / "blueprint.yaml").read_text(encoding="utf-8")
    for name in {line.split(": ")[1] for line in exported.splitlines() if "_env: " in line}:
        monkeypatch.setenv(name, f"value-of-{name}-that-is-long-enough-to-sign")

    apply(copy)

    with tenant_context(tenant):
        models = dict(Agent.objects.values_list("name", "chat_credential__name"))
    assert models["Secretária"] is None
    assert (models["Recepção"], models["Orçamentos"]) == ("principal", "offline")


def test_what_people_write_comes_back_from_yaml_sign_by_sign() -> None:
    texts = [
        *(
            "no",
            "on",
            "null",
            "~",
            "12:30",
            "2026-01-31",
            "1_000",
            "0x1f",
            "<<",
            "=",
            "- a",
            "a: b",
        ),
        *("d'água", 'o "melhor"', "Ação 😀", " a ", "a\nb", "a \n\n b\n", "\tb", "a\r\nb"),
        # Windows' three dots, read as Latin-1: YAML takes them for the end of a line.
        *("espere\x85", "espere\x85\nsim", "a\u2028b"),
    ]

    for text in texts:
        assert loading.read(exporting.as_yaml({text: [text]})) == {text: [text]}


@pytest.mark.usefixtures("public")
def test_a_folder_that_cannot_be_written_is_told_by_its_path(folder: Path, tmp_path: Path) -> None:
    apply(folder)
    (tmp_path / "taken").write_text("a file", encoding="utf-8")

    with pytest.raises(CommandError, match=r"taken cannot be written: File exists"):
        command("export_blueprint", "gamma", "--directory", str(tmp_path / "taken"))
