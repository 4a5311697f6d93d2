"""Tenants take turns: of each one document at a time is in the queue or in a worker's hands."""

from __future__ import annotations

import threading
from datetime import timedelta

from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from knowledge.models import Document
from knowledge.services import announcing, ingesting
from knowledge.services.ingesting import Outcome
from tenants.models import Tenant
from tests.knowledge.factories import NOW, store

DEADLINE_S = 60.0


def taken() -> list[str]:
    """Return what is rung for, or in work, in the current tenant."""
    found = Document.objects.taken(timezone.now()).order_by("pk")
    return list(found.values_list("name", flat=True))


def store_some(*names: str) -> list[Document]:
    return [store(f"Texto de {name}.", name=name, now=timezone.now()) for name in names]


def ingest(document: Document) -> Outcome:
    return ingesting.ingest_document(document_id=document.pk, now=timezone.now())


def test_the_next_document_is_rung_for_when_one_ends(committed_alpha: Tenant) -> None:
    first, second, third = store_some("a.txt", "b.txt", "c.txt")

    assert taken() == ["a.txt"]
    assert Document.objects.waiting(timezone.now()).count() == 2
    assert ingest(first) is Outcome.READY
    assert taken() == ["b.txt"]
    assert ingest(second) is Outcome.READY
    assert ingest(third) is Outcome.READY
    assert taken() == []


def test_what_failed_or_is_gone_holds_nobody_up(committed_alpha: Tenant) -> None:
    bad = store(b"", name="vazio.txt", now=timezone.now())
    gone, *_ = store_some("b.txt", "c.txt")

    assert ingest(bad) is Outcome.FAILED
    assert taken() == ["b.txt"]
    pk = gone.pk
    gone.delete()
    assert ingesting.ingest_document(document_id=pk, now=timezone.now()) is Outcome.NOT_DUE
    assert taken() == ["c.txt"]


def test_a_long_document_lets_the_others_go_before_it_goes_on(committed_alpha: Tenant) -> None:
    rows = "".join(f"item {number};{number},00\n" for number in range(40))
    long = store(f"nome;valor\n{rows}", name="a.csv", now=timezone.now())
    store_some("b.txt")

    outcome = ingesting.ingest_document(document_id=long.pk, now=timezone.now(), slice_s=0.0)

    assert outcome is Outcome.CONTINUES
    assert taken() == ["b.txt"]


def test_a_document_whose_embedder_failed_holds_nobody_up(alpha: Tenant) -> None:
    away = store("Um.", name="a.txt")
    store("Dois.", name="b.txt", now=NOW + timedelta(seconds=1))
    Document.objects.filter(pk=away.pk).update(
        n_attempts=1, lease_until=NOW + timedelta(seconds=ingesting.RETRY_S)
    )

    assert announcing.announce_next(now=NOW)

    assert Document.objects.taken(NOW).get().name == "b.txt"


def test_a_lost_doorbell_rings_for_the_same_document(alpha: Tenant) -> None:
    store("Um.", name="a.txt")
    store("Dois.", name="b.txt", now=NOW + timedelta(seconds=1))
    later = NOW + timedelta(seconds=announcing.DOORBELL_S + 1)

    assert announcing.announce_next(now=NOW)
    assert not announcing.announce_next(now=NOW + timedelta(seconds=30))
    assert announcing.announce_next(now=later)

    assert Document.objects.taken(later).get().name == "a.txt"


def test_tenants_ring_each_for_itself(committed_alpha: Tenant, committed_beta: Tenant) -> None:
    with tenant_context(committed_beta):
        theirs = store_some("a.txt", "b.txt")
    with tenant_context(committed_alpha):
        ours = store_some("c.txt", "d.txt")
        assert [one.pk for one in ours] == [one.pk for one in theirs]
        assert taken() == ["c.txt"]
        ingest(ours[0])
        assert taken() == ["d.txt"]
    with tenant_context(committed_beta):
        assert taken() == ["a.txt"]


def test_of_many_who_look_one_rings(committed_alpha: Tenant) -> None:
    store_some("a.txt", "b.txt", "c.txt")
    Document.objects.update(lease_token=None, lease_until=None)
    barrier = threading.Barrier(4)
    rung: list[bool] = []

    def look() -> None:
        try:
            with schema_context("t_alpha"):
                barrier.wait(timeout=DEADLINE_S)
                rung.append(announcing.announce_next(now=timezone.now()))
        finally:
            connection.close()

    threads = [threading.Thread(target=look, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=DEADLINE_S)

    assert sorted(rung) == [False, False, False, True]
    assert taken() == ["a.txt"]
