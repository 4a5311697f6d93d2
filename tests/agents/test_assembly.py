from __future__ import annotations

from datetime import UTC, datetime

from django_tenants.utils import tenant_context

from agents.models import Agent
from agents.runtime import loop
from agents.services import assembly, profiles, publishing
from agents.types import NeedsHuman, Reason, Reply, RunRequest, RunResult
from integrations.models import ModelCall
from integrations.services import credentials
from integrations.services.calls import Caller
from knowledge.services import documents, ingesting
from tenants.models import Tenant
from tests.fakes.llm import FakeLLM, Mode

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PRICES = """codigo;procedimento;valor_particular;valor_parcelado
C001;Limpeza completa (profilaxia + tartaro);220,00;2x 110,00
C002;Aplicação de flúor;80,00;à vista
C006;Extração simples;280,00;2x 140,00
C012;Clareamento de consultório;1950,00;10x 195,00
"""
HOUSE = """# Informações

## Tem estacionamento?
A unidade Cambuí tem estacionamento próprio gratuito com 8 vagas.

## Vocês atendem domingo?
Temos plantão apenas na unidade Centro, aos domingos das 9h às 13h.
"""

CALLER = Caller(origin=ModelCall.Origin.CUSTOMER, zone="America/Sao_Paulo")


def furnish() -> Agent:
    """Make a front desk that hands prices to a specialist, each with its own knowledge."""
    categories = {}
    for name, file, content in (("precos", "precos.csv", PRICES), ("casa", "casa.md", HOUSE)):
        categories[name] = documents.ensure_category(name=name)
        stored = documents.store_document(
            category=categories[name], name=file, content=content.encode(), now=NOW
        )
        ingesting.ingest_document(document_id=stored.document.pk, now=NOW)
    desk = Agent.objects.create(name="Recepção")
    prices = Agent.objects.create(
        name="Orçamentos", kind="specialist", keywords=["preço", "valor", "quanto"]
    )
    desk.categories.add(categories["casa"])
    prices.categories.add(categories["precos"])
    desk.handoffs.add(prices)
    for agent in (desk, prices):
        publishing.publish_agent(agent=agent, actor="test", now=NOW)
    return desk


def ask(agent: Agent, *burst: str) -> RunResult:
    return loop.answer(
        RunRequest(
            tenant_name="Clínica",
            language="pt-br",
            timezone="America/Sao_Paulo",
            agent=profiles.profile(agent_id=agent.pk),
            burst=burst,
            transcript=(),
            contact_name="Ana",
            now=NOW,
        ),
        assembly.run_context(CALLER),
    )


def test_a_burst_is_answered_from_the_documents_of_the_agent_that_it_leads_to(
    committed_alpha: Tenant,
) -> None:
    desk = furnish()

    priced = ask(desk, "oi", "bom dia", "quanto ta a limpeza?")
    parked = ask(desk, "tem estacionamento?")
    unknown = ask(desk, "vocês vendem pranchas de surf?")

    assert isinstance(priced.outcome, Reply)
    assert "220,00" in priced.outcome.text
    assert "precos.csv" in priced.outcome.text
    assert priced.agent_id != desk.pk
    assert isinstance(parked.outcome, Reply)
    assert "8 vagas" in parked.outcome.text
    assert parked.agent_id == desk.pk
    assert isinstance(unknown.outcome, NeedsHuman) or unknown.asked_back


def test_another_tenants_documents_are_not_found(
    committed_alpha: Tenant, committed_beta: Tenant
) -> None:
    furnish()
    with tenant_context(committed_beta):
        empty = Agent.objects.create(name="Recepção")
        empty.categories.add(documents.ensure_category(name="precos"))
        publishing.publish_agent(agent=empty, actor="test", now=NOW)

        outcome = ask(empty, "quanto ta a limpeza?").outcome

    assert isinstance(outcome, NeedsHuman)
    assert outcome.reason == Reason.NOT_IN_KNOWLEDGE


def test_an_openai_compatible_server_answers_from_the_same_passages(
    committed_alpha: Tenant,
) -> None:
    desk = furnish()
    with FakeLLM(Mode.EVIDENCE) as llm:
        credential = credentials.ensure_credential(
            name="local", provider="openai_compatible", base_url=llm.base_url, api_key="k" * 20
        ).credential
        Agent.objects.update(chat_credential=credential, chat_model="fake-1")
        for agent in Agent.objects.all():
            publishing.publish_agent(agent=agent, actor="test", now=NOW)

        result = ask(desk, "quanto ta a limpeza?")

    assert isinstance(result.outcome, Reply)
    assert "220,00" in result.outcome.text
    assert (result.provider, result.model) == ("openai_compatible", "fake-1")
    assert result.usage.input_tokens
