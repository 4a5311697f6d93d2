"""Blueprints on a real database: written whole or not at all, twice as once, and back again."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from django_tenants.utils import tenant_context

from agents.models import Agent, AgentVersion, BusinessFacts
from agents.services import profiles
from channels_chatwoot.models import Inbox
from channels_chatwoot.services import inboxes
from channels_web.models import WebChat
from channels_whatsapp.models import Device
from channels_whatsapp.servers.models import BridgeServer
from config.blueprints import applying, exporting, loading
from conversations.models import HoursSettings, PeopleQueue, SpecialDays
from conversations.services import hours
from integrations.models import (
    Budget,
    Credential,
    HttpTool,
    McpServer,
    ModelChoice,
    WebhookEndpoint,
)
from integrations.prices.models import ExchangeRate, ModelPrice
from integrations.services.credentials import ensure_credential
from knowledge.models import Document
from knowledge.services import documents, ingesting
from tenants.audit.models import AuditEntry
from tenants.models import AppliedBlueprint, Domain, InboundRoute, Tenant
from tenants.services import tenants
from tests.config.blueprint_files import SECRETS, apply, command, rewrite

MINIMAL = """
blueprint: 1
tenant: {slug: gamma, name: Padaria Gama, domains: [gamma.localhost, gamma.example]}
"""


@pytest.mark.usefixtures("public")
def test_a_refused_file_writes_nothing(folder: Path) -> None:
    rewrite(folder, "entry_agent: Recepção", "entry_agent: Recepcao")

    with pytest.raises(CommandError, match=r"devices\[0\]\.entry_agent"):
        command("apply_blueprint", str(folder / "blueprint.yaml"))

    assert not Tenant.objects.filter(slug="gamma").exists()
    assert not Domain.objects.filter(domain="gamma.localhost").exists()


@pytest.mark.usefixtures("public")
def test_a_neighbours_domain_slug_or_route_key_is_refused(folder: Path) -> None:
    apply(folder)
    rewrite(folder, "slug: gamma", "slug: delta")

    with pytest.raises(loading.BadBlueprint) as refusal:
        apply(folder)

    assert refusal.value.problems == [
        'tenant.domains[0]: "gamma.localhost" is used by another tenant',
        'tenant.domains[1]: "gamma.example" is used by another tenant',
        "devices[0].route_key: is used by another tenant",
        "web_chats[0].route_key: is used by another tenant",
    ]
    assert not Tenant.objects.filter(slug="delta").exists()
    rewrite(folder, "slug: delta", "slug: public")
    with pytest.raises(loading.BadBlueprint, match=r"tenant\.slug"):
        apply(folder)


# Applying


@pytest.mark.usefixtures("public")
def test_one_tenants_file_opens_no_bridge_to_others_and_gives_no_token_to_what_they_typed(
    folder: Path, settings: Any
) -> None:
    settings.BRIDGE_ADMIN_TOKEN = "admin"
    apply(folder)
    server = BridgeServer.objects.get()
    assert not server.is_open
    server.delete()
    with tenant_context(Tenant.objects.get(slug="gamma")):
        Device.objects.update(bridge_base_url="https://typed.example")
    rewrite(folder, "http://127.0.0.1:9", "https://typed.example")  # as an export has it

    apply(folder)

    assert not BridgeServer.objects.exists()


@pytest.mark.usefixtures("public")
def test_a_blueprint_makes_a_whole_tenant(folder: Path) -> None:
    apply(folder)

    tenant = Tenant.objects.get(slug="gamma")
    assert (tenant.status, tenant.timezone) == (Tenant.Status.READY, "America/Bahia")
    with tenant_context(tenant):
        front, prices, people, _managers, personal = Agent.objects.order_by("pk")
        assert personal.owner_numbers == ["+55 71 98888-7777", "12345678901234@lid"]
        assert personal.donts == ["Falar de preços, de descontos ou de fornecedores"]
        assert personal.examples == ["o que tenho hoje?", "me lembra da reunião"]
        assert BusinessFacts.objects.get().facts == ["Aceitamos Pix"]
        assert [agent.name for agent in front.handoffs.order_by("pk")] == [
            "Orçamentos",
            "Atendimento",
        ]
        assert front.chat_credential is not None
        assert (front.chat_credential.name, front.chat_model, front.timeout_s) == (
            "principal",
            "gpt-4o-mini",
            12,
        )
        spare = Credential.objects.get(name="Ação")
        assert front.fallbacks == [{"credential": str(spare.uuid), "model": "llama3.1"}]
        assert prices.chat_credential == Credential.objects.get(name="offline")
        assert people.chat_credential is None
        assert AgentVersion.objects.filter(agent=front).count() == 1
        assert Credential.objects.get(name="principal").api_key() == SECRETS["GAMMA_OPENAI"]
        assert spare.api_key() == ""
        device = Device.objects.get()
        assert device.entry_agent == front
        assert device.bridge_token() == "gamma-token"
        assert set(Document.objects.values_list("category__name", "name")) == {
            ("Preços", "tabela.csv"),
            ("informações", "faq.md"),
        }
    assert (
        InboundRoute.objects.get(device_ref=device.uuid).route_key == "a-fixed-route-key-of-gamma"
    )
    with tenant_context(tenant):
        site = Inbox.objects.get()
        assert (site.token(), site.reader_token(), site.is_enabled) == (
            "shhh-chatwoot-token",
            "shhh-agents-token",
            False,
        )
        assert inboxes.secret_of(site) == SECRETS["GAMMA_CRM"]
        chat = WebChat.objects.get()
        assert (chat.title, chat.quiet_s, chat.is_active) == ("Fale conosco", 3, False)
        assert chat.allowed_origins == ["https://www.gamma.example", "http://localhost:8080"]
        crm, erp = WebhookEndpoint.objects.order_by("name")
        assert (crm.url, crm.events, crm.secret()) == (
            "https://crm.example/hooks",
            ["lead.qualified"],
            SECRETS["GAMMA_CRM"],
        )
        assert erp.headers() == {"X-Key": "shhh-neither-this", "X-Tenant": SECRETS["GAMMA_CRM"]}
        assert not erp.is_active


@pytest.mark.usefixtures("public")
def test_applying_twice_changes_nothing(folder: Path) -> None:
    first = apply(folder)
    assert first.changes[0] == "tenant gamma: created"
    before = exporting.export(first.tenant)

    second = apply(folder)

    assert second.changes == []
    assert exporting.export(second.tenant) == before
    with tenant_context(second.tenant):
        assert AgentVersion.objects.count() == Agent.objects.count()
        assert not Document.objects.exclude(version=1).exists()


@pytest.mark.usefixtures("public")
def test_a_changed_file_changes_what_it_names_and_says_so(folder: Path) -> None:
    apply(folder)
    rewrite(folder, "Seja breve.", "Seja muito breve.")
    rewrite(folder, "name: Padaria Gama, domains", "name: Padaria Gama II, domains")
    rewrite(folder, "about: Pães de", "about: Bolos e pães de")
    rewrite(folder, "quiet_s: 2.5", "quiet_s: 4")
    rewrite(folder, "handoffs: [Orçamentos, Atendimento]", "handoffs: [Atendimento]")
    (folder / "docs" / "tabela.csv").write_text("pao;preco\nfrances;0,95\n", encoding="utf-8")

    changes = apply(folder).changes

    assert sorted(changes) == [
        "agent Recepção: changed instructions, handoffs",
        "agent Recepção: version 2 published",
        "business: changed about",
        "device principal: changed quiet_s",
        "document Preços/tabela.csv: version 2 stored",
        "tenant gamma: changed name",
    ]


@pytest.mark.usefixtures("public")
def test_what_people_had_set_is_told_before_and_after_a_file_replaces_it(folder: Path) -> None:
    file = str(folder / "blueprint.yaml")
    tenant = apply(folder).tenant
    with tenant_context(tenant):
        front = Agent.objects.get(name="Recepção")
        front.tone = "Alegre"
        front.instructions = "Diga que o pão acabou."
        front.save()
        PeopleQueue.objects.filter(agent__name="Atendimento").update(text_closed="Voltamos às 8h.")
        ana = User.objects.get(username="ana")
        ana.set_password("outra-senha-boa")
        ana.save()
        tabela = Document.objects.get(name="tabela.csv")
        documents.store_document(
            category=tabela.category,
            name=tabela.name,
            content=b"pao;preco\nfrances;1,10\n",
            now=timezone.now(),
        )
        ensure_credential(
            name="principal", provider="openai", base_url="", api_key="sk-of-the-panel"
        )
        WebhookEndpoint.objects.get(name="crm").delete()
        Device.objects.update(quiet_s=2.5)  # as it is in the file: nothing to tell
    rewrite(folder, "about: Pães de", "about: Bolos e pães de")  # which nobody has touched
    told = {
        "agent Recepção: replaced what people had set: instructions, tone",
        "agent Atendimento: replaced what people had set: queue.text_closed",
        "credential principal: replaced what people had set: api_key",
        "document Preços/tabela.csv: replaced what people had set: content",
        "user ana: replaced what people had set: password",
        "webhook crm: replaced what people had set: it had been removed",
    }

    tried, _ = command("apply_blueprint", file, "--dry-run")

    lines = tried.splitlines()
    assert {line for line in lines if "people" in line and ":" in line[:60]} == told
    assert {"business: changed about", "user ana: changed password"} <= set(lines)
    assert "Nothing was written: this was a dry run." in lines
    assert "`manage.py export_blueprint gamma`" in lines[-1]
    assert "pão acabou" not in tried
    assert "sk-" not in tried
    with tenant_context(tenant):
        assert Agent.objects.get(name="Recepção").tone == "Alegre"
        assert not WebhookEndpoint.objects.filter(name="crm").exists()
        assert User.objects.get(username="ana").check_password("outra-senha-boa")
    as_json, _ = command("apply_blueprint", file, "--dry-run", "--json")
    assert told < set(json.loads(as_json)["changes"])

    done, _ = command("apply_blueprint", file, "--no-provision")

    assert done.splitlines() == lines[:-2]
    with tenant_context(tenant):
        assert Agent.objects.get(name="Recepção").tone == ""
        entry = AuditEntry.objects.filter(action="blueprint.applied").latest("pk")
        assert (entry.actor, entry.data["changes"]) == ("apply_blueprint", done.splitlines())
    kept = json.dumps(AppliedBlueprint.objects.get(tenant=tenant).digests)
    assert [word for word in ("ana", "agent", "Recepção", "tone") if word in kept] == []
    # From here on it is the file's: what it changes of its own accord is no one else's.
    rewrite(folder, "Seja breve.", "Seja muito breve.")
    assert not [line for line in apply(folder).changes if "people" in line]


@pytest.mark.usefixtures("public")
def test_under_another_key_nobody_is_said_to_have_set_anything(folder: Path, settings) -> None:
    apply(folder)
    settings.SECRET_KEY = "another-one-that-signs-from-now-on"
    rewrite(folder, "Seja breve.", "Seja muito breve.")

    changes = apply(folder).changes

    assert "agent Recepção: changed instructions" in changes
    assert not [line for line in changes if "people" in line]


@pytest.mark.usefixtures("public")
def test_a_password_that_is_easy_to_guess_is_told(folder: Path) -> None:
    rewrite(folder, "password: uma-senha-boa", "password: '1'")

    changes = apply(folder).changes

    [line] = [one for one in changes if "another password" in one]
    assert line.startswith("user ana: choose another password in the panel: This password is too")
    assert not [one for one in apply(folder).changes if "another password" in one]


@pytest.mark.usefixtures("public")
def test_a_dry_run_makes_no_tenant(folder: Path) -> None:
    out, _ = command("apply_blueprint", str(folder / "blueprint.yaml"), "--dry-run")

    assert out.splitlines() == [
        "tenant gamma: created, with all that the file says",
        "Nothing was written: this was a dry run.",
    ]
    assert not Tenant.objects.filter(slug="gamma").exists()


@pytest.mark.usefixtures("public")
def test_a_changed_budget_keeps_what_was_used_of_it(folder: Path) -> None:
    tenant = apply(folder).tenant
    with tenant_context(tenant):
        budget = Budget.objects.get(level="tenant")
        budget.spends.create(subject=budget.uuid, period_start=timezone.localdate(), spent_usd=7)
        assert set(ModelChoice.objects.values_list("purpose", flat=True)) == {
            "chat",
            "classify",
            "summarise",
        }
        own = ModelPrice.objects.get(model="gpt-4o")
        assert (own.cached_input_usd, own.note) == (Decimal("0.000001"), "contrato")
        assert own.cache_write_usd == Decimal("2.5")
        assert ExchangeRate.objects.get().usd_brl == Decimal("5.4321")
    rewrite(folder, "limit_usd: 50", "limit_usd: 80.5")
    rewrite(folder, "cheaper: {credential: principal, model: gpt-4o-mini}", "timeout_s: 30")
    rewrite(folder, "output_usd: 8.5", "output_usd: 9")

    changes = apply(folder).changes

    assert changes == [
        "models for summarise: changed timeout_s, cheaper_credential, cheaper_model",
        "price openai/gpt-4o from 2026-01-01: changed output_usd",
        "budget tenant by month: changed limit_usd",
    ]
    with tenant_context(tenant):
        budget.refresh_from_db()
        assert budget.limit_usd == Decimal("80.5")
        assert budget.spends.get().spent_usd == 7


@pytest.mark.usefixtures("public")
def test_a_smaller_file_removes_nothing(folder: Path) -> None:
    tenant = apply(folder).tenant
    (folder / "blueprint.yaml").write_text(MINIMAL, encoding="utf-8")

    apply(folder)

    with tenant_context(tenant):
        assert Agent.objects.count() == 5
        assert BusinessFacts.objects.get().name == "Padaria Gama"
        assert Document.objects.count() == 2
        assert Device.objects.count() == 1
        assert (ModelChoice.objects.count(), Budget.objects.count()) == (3, 3)


@pytest.mark.usefixtures("public")
def test_two_tenants_from_one_file_share_nothing(folder: Path) -> None:
    gamma = apply(folder).tenant
    for old, new in (("gamma.", "delta."), ("slug: gamma", "slug: delta")):
        rewrite(folder, old, new)
    rewrite(folder, "a-fixed-route-key-of-gamma", "a-fixed-route-key-of-delta")
    rewrite(folder, "a-web-chat-of-gamma-on-its-site", "a-web-chat-of-delta-on-its-site")
    delta = apply(folder).tenant

    with tenant_context(delta):
        Agent.objects.filter(name="Recepção").update(instructions="outra coisa")

    with tenant_context(gamma):
        assert "padaria" in Agent.objects.get(name="Recepção").instructions
    schemas = set(InboundRoute.objects.values_list("schema_name", flat=True))
    assert {"t_gamma", "t_delta"} <= schemas


@pytest.mark.usefixtures("public")
def test_hours_are_applied_as_a_whole_but_for_special_days(folder: Path) -> None:
    tenant = apply(folder).tenant
    with tenant_context(tenant):
        row = HoursSettings.objects.get()
        assert row.week == [
            *([["08:00-12:00", "13:30-18:00"]] * 5),
            ["08:00-12:00", "20:00-02:00"],
            [],
        ]
        assert row.region == "BR-BA"
        state = hours.state_at(now=datetime(2026, 7, 2, 15, 0, tzinfo=UTC))
        assert (state.reason, state.name) == ("holiday", "Independência da Bahia")
        assert Agent.objects.get(name="Orçamentos").outside_hours == "away"
    rewrite(folder, "first_day: 2026-12-21", "first_day: 2026-12-22")
    rewrite(folder, "Carnaval: []", "Carnaval: usual")

    changes = apply(folder).changes

    assert changes == ["opening hours: changed holiday_hours, special day 2026-12-22"]
    with tenant_context(tenant):
        assert SpecialDays.objects.count() == 3  # what a file leaves out stays


# Exporting


@pytest.mark.usefixtures("public")
def test_how_people_work_is_applied_and_exported(folder: Path) -> None:
    applied = apply(folder)

    with tenant_context(applied.tenant):
        queue = PeopleQueue.objects.get()
        front = Agent.objects.get(name="Recepção")
        assert [user.username for user in queue.members.all()] == ["rui"]
        assert [group.name for group in queue.groups.all()] == ["manager"]
        assert queue.escalate_to == Agent.objects.get(name="Gerência")
        assert (queue.answer_within_min, queue.tells_owners) == (5, False)
        assert queue.staff_phones == ["5571988887777"]
        assert front.return_after_min == 45
        approval = profiles.profile(agent_id=front.pk).approval
        assert approval is not None
        assert (approval.within_min, approval.then) == (20, "send")
    entries = {one["name"]: one for one in exporting.export(applied.tenant)["agents"]}
    assert entries["Recepção"]["approval"] == {"within_min": 20, "then": "send"}
    assert entries["Atendimento"]["queue"] == {
        "members": ["rui"],
        "roles": ["manager"],
        "text_open": "Já chamo alguém!",
        "text_closed": "Estamos fechados.",
        "answer_within_min": 5,
        "escalate_to": "Gerência",
        "tells_owners": False,
        "staff_phones": ["5571988887777"],
        "promise_text": "Ainda não esquecemos de você.",
    }
    assert "queue" not in entries["Gerência"]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (
            "{path: docs/tabela.csv, valid_from: 2026-02-01, valid_until: 2026-01-01}",
            "documents[0]: valid_until lies before valid_from",
        ),
        ("{path: docs/nada.csv}", 'documents[0].path: no file matches "docs/nada.csv"'),
        (
            "{path: docs/tabela.csv, valid_from: amanhã}",
            "documents[0].valid_from: must be a day, such as 2026-01-31",
        ),
        ("7", "documents[0]: must be a mapping of keys to values"),
    ],
)
@pytest.mark.usefixtures("public")
def test_what_is_wrong_with_a_document_is_said(folder: Path, entry: str, problem: str) -> None:
    rewrite(folder, "documents: [docs/tabela.csv]", f"documents: [{entry}]")

    with pytest.raises(loading.BadBlueprint) as refused:
        apply(folder)

    assert refused.value.problems == [f"knowledge.categories[0].{problem}"]


@pytest.mark.usefixtures("public")
def test_the_command_prints_one_object_for_programs(folder: Path) -> None:
    file, bridge = str(folder / "blueprint.yaml"), "http://127.0.0.1:8191"
    out, _ = command("apply_blueprint", file, "--json", "--no-provision", "--bridge", bridge)

    printed = json.loads(out)
    tenant = Tenant.objects.get(slug="gamma")
    with tenant_context(tenant):
        assert Device.objects.get().bridge_base_url == bridge
    assert printed["tenant"] == {"uuid": str(tenant.uuid), "slug": "gamma", "schema": "t_gamma"}
    assert printed["domains"] == ["gamma.localhost", "gamma.example"]
    assert [agent["name"] for agent in printed["agents"]] == [
        "Recepção",
        "Orçamentos",
        "Atendimento",
        "Gerência",
        "Secretária",
    ]
    (device,) = printed["devices"]
    assert device["route_key"] == "a-fixed-route-key-of-gamma"
    assert device["webhook_url"].endswith("/hooks/whatsapp/a-fixed-route-key-of-gamma/")
    (chat,) = printed["web_chats"]
    line = "/chat/a-web-chat-of-gamma-on-its-site.js"
    assert line in chat["snippet"]
    assert "//gamma.localhost" in chat["snippet"]
    (inbox,) = printed["chatwoot"]
    assert "/hooks/chatwoot/" in inbox["webhook_url"]
    assert {document["status"] for document in printed["documents"]} == {"queued"}
    assert printed["changes"][0] == "tenant gamma: created"


@pytest.mark.usefixtures("public")
def test_a_device_that_no_bridge_took_is_named_and_undoes_nothing(folder: Path) -> None:
    file = folder / "blueprint.yaml"
    applied = applying.apply(loading.load(file), folder=folder, now=timezone.now())

    assert applying.unprovisioned(applied) == ["device principal: the bridge has not answered yet"]
    assert Tenant.objects.filter(slug="gamma").exists()


@pytest.mark.usefixtures("public")
def test_waiting_without_a_worker_ends_with_a_hint(folder: Path) -> None:
    with pytest.raises(CommandError, match="Does a worker run"):
        command(
            "apply_blueprint",
            str(folder / "blueprint.yaml"),
            "--wait",
            "--timeout=0",
            "--no-provision",
        )


@pytest.fixture
def committed_gamma(transactional_db: None) -> Iterator[None]:
    """Let the test commit a tenant `gamma`, and remove it afterwards."""
    connection.set_schema_to_public()
    tenants.ensure_public(domains=["testserver"])
    yield
    connection.set_schema_to_public()
    for tenant in Tenant.objects.filter(slug="gamma"):
        tenants.drop_tenant(tenant=tenant, actor="test")


def read_documents(until: threading.Event) -> None:
    """Do a knowledge worker's work for tenant gamma, in a thread of its own."""
    try:
        while not until.wait(0.1):
            tenant = Tenant.objects.ready().filter(slug="gamma").first()
            if tenant is None:
                continue
            with tenant_context(tenant):
                for pk in list(
                    Document.objects.filter(status="queued").values_list("pk", flat=True)
                ):
                    ingesting.ingest_document(document_id=pk, now=timezone.now())
    finally:
        connection.close()


@pytest.mark.usefixtures("committed_gamma")
def test_waiting_tells_the_progress_and_fails_when_a_document_failed(folder: Path) -> None:
    (folder / "docs" / "quebrado.pdf").write_bytes(b"%PDF-1.4 nothing that anybody could read")
    rewrite(folder, '"docs/*.md"', '"docs/*.md", docs/quebrado.pdf')
    err = io.StringIO()
    done = threading.Event()
    worker = threading.Thread(target=read_documents, args=(done,))
    worker.start()

    try:
        with pytest.raises(CommandError, match="1 documents could not be read"):
            call_command(
                "apply_blueprint",
                str(folder / "blueprint.yaml"),
                "--wait",
                "--timeout=60",
                "--no-provision",
                stdout=io.StringIO(),
                stderr=err,
            )
    finally:
        done.set()
        worker.join()

    told = err.getvalue()
    assert "Preços/tabela.csv: ready" in told
    assert "informações/quebrado.pdf: failed: " in told


@pytest.mark.usefixtures("public")
def test_tools_are_applied_and_exported(folder: Path) -> None:
    tenant = apply(folder).tenant

    with tenant_context(tenant):
        served, find, book = HttpTool.objects.exclude(name="agenda_find").order_by("name")
        personal = Agent.objects.get(name="Secretária")
        assert set(personal.tools.all()) == {served, find, book}
        server = McpServer.objects.get()
        assert server.secret() == "shhh-nor-the-agenda"
        assert served.mcp is not None
        assert (served.mcp.server, served.mcp.approved_by) == (server, "blueprint")
        assert served.is_usable  # without the server having been asked
        assert (find.secret(), book.secret()) == (SECRETS["GAMMA_CRM"], "shhh-no-tool-either")
        assert book.headers() == {"X-Store": "shhh-a-header"}
        assert (book.risk, book.repeats_safely, book.max_calls) == ("write", True, 2)
    exported = exporting.export(tenant)
    assert exported["tools"][0]["auth"] == {
        "kind": "bearer",
        "secret_env": "TOOL_CONSULTAR_PEDIDO_SECRET",
    }
    assert exported["tools"][0]["shows"][0] == {"path": "order.status", "name": "situação"}
    [agent] = [one for one in exported["agents"] if one["name"] == "Secretária"]
    assert agent["tools"] == ["agenda_book", "consultar_pedido", "marcar_horario"]
    [server_entry] = exported["mcp_servers"]
    assert server_entry["auth"] == {"kind": "bearer", "secret_env": "MCP_AGENDA_SECRET"}
    assert server_entry["tools"][0]["definition"]["name"] == "book"
    assert server_entry["tools"][1]["is_active"] is False
