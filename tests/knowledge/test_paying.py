"""What embedding costs: documents and questions through a remote model, in ledger and budgets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Sum
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from integrations.models import Budget, ModelCall
from integrations.prices.models import ModelPrice
from integrations.services import calls
from knowledge import retrieval
from knowledge.models import Document, EmbeddingSpace
from knowledge.services import documents, estimates, ingesting, spaces, trying
from knowledge.services.trying import Trial
from tenants.models import Tenant
from tests.factories import learn
from tests.fakes.embeddings import FakeEmbeddings
from tests.knowledge.spaces import NOW, choose, credential, work

TEXT = b"# Tabela\n\n## Limpeza\nA limpeza custa R$ 220,00.\n\n## Flux\nO fluor custa R$ 80,00.\n"


@pytest.fixture
def server() -> Iterator[FakeEmbeddings]:
    with FakeEmbeddings() as server:
        yield server


def price(usd: str = "1000", since: date = date(2026, 1, 1)) -> None:
    ModelPrice.objects.create(
        provider="openai_compatible",
        model="small",
        valid_from=since,
        input_usd=Decimal(usd),
        output_usd=Decimal(0),
    )


def tokens(**which: object) -> int:
    found = ModelCall.objects.filter(purpose="embed", **which)
    return int(found.aggregate(n=Sum("input_tokens"))["n"] or 0)


def test_the_ledger_agrees_with_the_estimate_and_the_space(
    alpha: Tenant, beta: Tenant, server: FakeEmbeddings
) -> None:
    price()
    learn("tabela.md", TEXT)
    assert not ModelCall.objects.exists()  # the built-in model costs nothing
    key = credential(server)
    told = estimates.estimate(credential=key, model="small", now=NOW)
    ModelCall.objects.all().delete()

    space = choose(key)
    assert work() is spaces.Outcome.SWITCHED
    space.refresh_from_db()

    proof = ModelCall.objects.order_by("pk")[0]  # one question that shows a wrong key first
    assert tokens() - (proof.input_tokens or 0) == space.n_tokens == told.n_tokens
    cost = sum(one.cost_usd or 0 for one in ModelCall.objects.exclude(pk=proof.pk))
    assert cost == told.cost_usd
    assert set(ModelCall.objects.values_list("origin", flat=True)) == {"knowledge"}
    assert set(ModelCall.objects.values_list("credential", flat=True)) == {str(key.uuid)}
    with tenant_context(beta):
        assert not ModelCall.objects.exists()


def test_questions_are_paid_by_whoever_asks(alpha: Tenant, server: FakeEmbeddings) -> None:
    learn("tabela.md", TEXT)
    choose(credential(server))
    work()
    ModelCall.objects.all().delete()
    talk = calls.caller_of(ModelCall.Origin.CUSTOMER)

    retrieval.search(query="quanto custa a limpeza?", category_ids=None, caller=talk)
    retrieval.search(query="quanto custa a limpeza?", category_ids=None, caller=talk)
    trying.try_question(trial=Trial("e o fluor?"), asked_by="ana", now=timezone.now())

    origins = ModelCall.objects.order_by("pk").values_list("origin", flat=True)
    assert list(origins) == ["customer", "playground"]  # the second question was known


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_what_workers_ask_for_is_priced_on_the_tenants_day(
    alpha: Tenant, server: FakeEmbeddings, zone: str
) -> None:
    # Never the same day in both, so that the product's own zone is wrong in one of them.
    Tenant.objects.filter(pk=alpha.pk).update(timezone=zone)
    today = timezone.localdate(timezone=ZoneInfo(zone))
    price("1", since=today)
    price("2", since=today + timedelta(days=1))
    choose(credential(server))
    learn("tabela.md", TEXT)

    with schema_context(alpha.schema_name):  # as tasks enter it
        work()

    for call in ModelCall.objects.all():
        assert call.cost_usd == Decimal(call.input_tokens or 0) / 1_000_000


def test_a_document_waits_for_money_and_says_so(alpha: Tenant, server: FakeEmbeddings) -> None:
    price("100000")
    learn("tabela.md", TEXT)
    choose(credential(server))
    work()
    limit = Budget.objects.create(level="tenant", limit_usd=Decimal("0.01"))
    n_asked = len(server.received)

    learn("outra.md", TEXT.replace(b"220", b"230"))

    document = Document.objects.get(name="outra.md")
    assert (document.status, document.failure_code) == ("failed", "budget_used")
    assert len(server.received) == n_asked
    limit.delete()
    assert documents.retry_document(document=document, now=timezone.now())
    ingesting.ingest_document(document_id=document.pk, now=timezone.now())
    document.refresh_from_db()
    assert document.status == Document.Status.READY


def test_without_money_questions_are_searched_by_words(
    alpha: Tenant, server: FakeEmbeddings
) -> None:
    price("100000")
    learn("tabela.md", TEXT)
    choose(credential(server))
    work()
    Budget.objects.create(level="tenant", limit_usd=Decimal("0.00"))
    n_asked = len(server.received)

    found = retrieval.search(query="quanto custa a limpeza?", category_ids=None)

    assert found.passages
    assert found.best_cosine is None
    assert len(server.received) == n_asked


def test_another_model_is_not_prepared_without_money(alpha: Tenant, server: FakeEmbeddings) -> None:
    price("100000")
    learn("tabela.md", TEXT)
    Budget.objects.create(level="tenant", limit_usd=Decimal("0.00"))

    space = choose(credential(server))
    outcome = work()

    assert outcome is spaces.Outcome.FAILED
    space.refresh_from_db()
    assert space.status == EmbeddingSpace.Status.FAILED
    assert "gastos" in space.failure_reason
