"""Contradictions and duplicates: found after reading, settled once, back when a text changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from knowledge.models import Document, Finding
from knowledge.services import bin as paper_bin
from knowledge.services import documents, findings
from knowledge.services.findings import Outcome
from tenants.models import Tenant
from tests.knowledge.factories import NOW, ready

DEADLINE_S = 60.0
TODAY = date(2026, 3, 2)
LIST = "procedimento;valor\nLimpeza completa;220,00\nClareamento caseiro;790,00\n"
PROMO = "procedimento;valor\nLimpeza completa;149,00\nSelante infantil;60,00\n"


def compare(*rows: Document) -> list[Outcome]:
    return [findings.compare_document(document_id=row.pk, now=NOW) for row in rows]


def both() -> tuple[Document, Document]:
    """A price list and a promotion that name one price each for the same thing."""
    prices, promo = ready(LIST, name="precos.csv"), ready(PROMO, name="promo.csv")
    compare(prices, promo)
    return prices, promo


def shown(*, on: date = TODAY, status: str = "open") -> list[str]:
    return [row.subject for row in findings.visible(status=status, on=on)]


def test_the_same_row_with_another_price_is_found_once(alpha: Tenant) -> None:
    prices, promo = both()

    found = Finding.objects.get()
    assert found.kind == Finding.Kind.CONTRADICTION
    assert found.subject == "Limpeza completa"
    assert {found.document_id, found.other_id} == {prices.pk, promo.pk}
    assert sorted([*found.values, *found.other_values]) == ["R$ 149,00", "R$ 220,00"]


def test_a_repeated_text_is_a_duplicate(alpha: Tenant) -> None:
    text = (
        "# Troca\n\nA troca de peças sem uso é aceita com a etiqueta e a nota fiscal da compra.\n"
    )
    compare(ready(text, name="a.md"), ready(text, name="b.md"))

    assert Finding.objects.get().kind == Finding.Kind.DUPLICATE


def test_one_version_is_compared_once(alpha: Tenant) -> None:
    prices = ready(LIST)

    assert compare(prices, prices) == [Outcome.COMPARED, Outcome.NOT_DUE]
    assert findings.requeue_waiting(now=NOW + timedelta(hours=1)) == 0


def test_a_document_whose_doorbell_was_lost_is_announced_again(alpha: Tenant) -> None:
    ready(LIST)

    assert findings.requeue_waiting(now=NOW) == 0
    assert findings.requeue_waiting(now=NOW + timedelta(minutes=2)) == 1


def test_reading_again_removes_what_no_longer_holds(alpha: Tenant) -> None:
    both()

    compare(ready(LIST.replace("220,00", "149,00"), name="precos.csv"))

    assert not Finding.objects.exists()


def test_what_was_settled_comes_back_only_when_a_text_changes(alpha: Tenant) -> None:
    both()
    findings.keep_both(finding=Finding.objects.get(), now=NOW, actor="ana")

    compare(ready(LIST + "Aplicação de flúor;80,00\n", name="precos.csv"))
    assert shown() == []

    compare(ready(LIST.replace("220,00", "230,00"), name="precos.csv"))
    assert shown() == ["Limpeza completa"]
    assert Finding.objects.filter(status="dismissed").count() == 1


def test_settling_by_a_last_day_and_taking_it_back(alpha: Tenant) -> None:
    _prices, promo = both()
    finding = Finding.objects.get()
    findings.end_document(
        finding=finding, document=promo, last_day=date(2026, 3, 31), now=NOW, actor="ana"
    )
    promo.refresh_from_db()
    assert promo.valid_until == date(2026, 3, 31)
    assert shown() == []

    with pytest.raises(findings.FindingSettled):
        findings.keep_both(finding=finding, now=NOW, actor="bia")

    assert findings.undo(finding=finding, now=NOW, actor="ana")
    promo.refresh_from_db()
    assert promo.valid_until is None
    assert shown() == ["Limpeza completa"]
    assert not findings.undo(finding=finding, now=NOW, actor="ana")


def test_taking_back_leaves_what_somebody_changed_since(alpha: Tenant) -> None:
    _prices, promo = both()
    finding = Finding.objects.get()
    findings.end_document(
        finding=finding, document=promo, last_day=date(2026, 3, 31), now=NOW, actor="ana"
    )
    Document.objects.filter(pk=promo.pk).update(valid_until=date(2026, 4, 15))

    findings.undo(finding=finding, now=NOW, actor="ana")

    promo.refresh_from_db()
    assert promo.valid_until == date(2026, 4, 15)


def test_settling_by_the_bin_and_taking_it_back(alpha: Tenant) -> None:
    prices, _promo = both()
    finding = Finding.objects.get()
    findings.throw_away(finding=finding, document=prices, now=NOW, actor="ana")
    assert Document.objects.get(pk=prices.pk).deleted_at is not None

    findings.undo(finding=finding, now=NOW, actor="ana")

    assert Document.objects.get(pk=prices.pk).deleted_at is None


def test_taking_back_leaves_in_the_bin_what_somebody_else_threw_away(alpha: Tenant) -> None:
    prices, _promo = both()
    finding = Finding.objects.get()
    before = NOW - timedelta(minutes=1)
    paper_bin.throw_away(document=prices, now=before)
    findings.throw_away(finding=finding, document=prices, now=NOW, actor="ana")

    assert findings.undo(finding=finding, now=NOW, actor="ana")

    assert Document.objects.get(pk=prices.pk).deleted_at == before


def test_the_model_in_use_is_asked_for_once_a_comparison(
    alpha: Tenant, django_assert_max_num_queries: Callable[[int], AbstractContextManager[Any]]
) -> None:
    rows = "".join(f"Serviço número {number};{number + 100},00\n" for number in range(30))
    document = ready(f"procedimento;valor\n{rows}", name="longo.csv")
    ready(PROMO, name="promo.csv")

    with django_assert_max_num_queries(200) as queries:
        compare(document)

    asked = [one for one in queries.captured_queries if "knowledge_embeddingspace" in one["sql"]]
    assert len(asked) == 1


def test_documents_that_cannot_both_be_quoted_do_not_contradict(alpha: Tenant) -> None:
    prices, promo = both()
    rows = Document.objects.filter(pk=promo.pk)

    rows.update(valid_until=date(2026, 3, 1))
    assert shown() == []
    assert shown(on=date(2026, 3, 1)) == ["Limpeza completa"]

    rows.update(valid_until=date(2026, 3, 31))
    Document.objects.filter(pk=prices.pk).update(valid_from=date(2026, 4, 1))
    assert shown() == []

    Document.objects.filter(pk=prices.pk).update(valid_from=date(2026, 3, 31))
    assert shown() == ["Limpeza completa"]

    paper_bin.throw_away(document=promo, now=NOW)
    assert shown() == []


def test_a_document_in_the_bin_is_compared_for_when_it_comes_out(alpha: Tenant) -> None:
    promo = ready(PROMO, name="promo.csv")
    paper_bin.throw_away(document=promo, now=NOW)
    compare(ready(LIST))
    assert shown() == []

    paper_bin.take_out(document=promo, now=NOW)

    assert shown() == ["Limpeza completa"]


def test_the_same_documents_in_two_tenants_are_compared_apart(alpha: Tenant, beta: Tenant) -> None:
    prices, promo = both()
    with tenant_context(beta):
        other = ready(LIST)
        assert other.pk == prices.pk
        compare(other)
        assert not Finding.objects.exists()

    assert Finding.objects.count() == 1
    assert promo.pk != prices.pk


def in_threads(*works: Callable[[], object]) -> list[object]:
    barrier = threading.Barrier(len(works))
    results: list[object] = []

    def run(work: Callable[[], object]) -> None:
        try:
            with schema_context("t_alpha"):
                barrier.wait(timeout=DEADLINE_S)
                results.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=DEADLINE_S)
        assert not thread.is_alive()
    return results


def test_two_workers_find_the_same_once(committed_alpha: Tenant) -> None:
    prices, promo = ready(LIST, name="precos.csv"), ready(PROMO, name="promo.csv")

    def work(row: Document) -> Callable[[], object]:
        return lambda: findings.compare_document(document_id=row.pk, now=NOW)

    outcomes = in_threads(work(prices), work(promo), work(prices), work(promo))

    assert outcomes.count(Outcome.COMPARED) == 2
    assert Finding.objects.count() == 1


def test_a_version_that_came_meanwhile_is_compared_by_its_own_run(alpha: Tenant) -> None:
    prices = ready(LIST)
    documents.store_document(
        category=prices.category, name=prices.name, content=PROMO.encode(), now=NOW
    )

    assert compare(prices) == [Outcome.NOT_DUE]  # it is being read


def test_findings_are_of_the_day_they_were_found(alpha: Tenant) -> None:
    both()

    assert Finding.objects.get().found_at == datetime(2026, 3, 2, 12, tzinfo=NOW.tzinfo)
