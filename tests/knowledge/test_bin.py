"""What is thrown away answers nothing, comes back as it was, and goes after some weeks."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from knowledge import retrieval, tasks
from knowledge.models import Chunk, Document
from knowledge.services import bin as paper_bin
from knowledge.services import documents, ingesting, versions
from tenants.models import Tenant
from tests.knowledge.factories import NOW, PRICES, ready, store

QUESTION = "quanto custa a limpeza?"


def found(document: Document) -> bool:
    result = retrieval.search(query=QUESTION, category_ids=[document.category_id])
    return any(one.document_id == document.pk for one in result.passages)


def test_what_is_thrown_away_answers_nothing_until_it_comes_back(alpha: Tenant) -> None:
    document = ready()
    assert found(document)

    assert paper_bin.throw_away(document=document, now=NOW)
    assert not paper_bin.throw_away(document=document, now=NOW)
    assert not found(document)

    assert paper_bin.take_out(document=document, now=NOW)
    assert not paper_bin.take_out(document=document, now=NOW)
    assert found(document)


def test_a_document_read_while_it_was_in_the_bin_is_ready_when_it_comes_back(
    alpha: Tenant,
) -> None:
    document = store()
    paper_bin.throw_away(document=document, now=NOW)

    assert ingesting.ingest_document(document_id=document.pk, now=NOW) == "ready"
    assert not found(document)
    paper_bin.take_out(document=document, now=NOW)
    assert found(document)


def test_the_bin_is_emptied_of_what_is_old(alpha: Tenant) -> None:
    kept, recent, old = (ready(name=name) for name in ("a.csv", "b.csv", "c.csv"))
    paper_bin.throw_away(document=recent, now=NOW - paper_bin.KEEP + timedelta(minutes=1))
    paper_bin.throw_away(document=old, now=NOW - paper_bin.KEEP - timedelta(minutes=1))

    assert paper_bin.purge_bin(now=NOW) == 1
    assert paper_bin.purge_bin(now=NOW) == 0

    assert set(Document.objects.values_list("pk", flat=True)) == {kept.pk, recent.pk}
    assert not Chunk.objects.filter(document_id=old.pk).exists()


def test_the_sweep_empties_the_bin(alpha: Tenant) -> None:
    document = store(now=timezone.now())
    paper_bin.throw_away(document=document, now=timezone.now() - timedelta(days=31))

    tasks.requeue_stalled()

    assert not Document.objects.exists()


def test_only_what_is_in_the_bin_is_removed_for_good(alpha: Tenant) -> None:
    document = store()

    assert not paper_bin.erase(document=document)
    paper_bin.throw_away(document=document, now=NOW)
    assert paper_bin.erase(document=document)

    assert not Document.objects.exists()


def test_the_same_name_again_comes_out_of_the_bin_but_not_for_a_web_source(alpha: Tenant) -> None:
    document = ready()
    paper_bin.throw_away(document=document, now=NOW)

    stored = documents.store_document(
        category=document.category, name=document.name, content=PRICES.encode(), now=NOW
    )

    assert (stored.changed, stored.restored) == (False, True)
    assert found(document)


def test_an_older_version_answers_again(alpha: Tenant) -> None:
    ready()
    document = ready(PRICES.replace("220,00", "240,00"))

    stored = versions.use_again(document=document, number=1, now=NOW, actor="ana")
    ingesting.ingest_document(document_id=document.pk, now=NOW)

    assert stored.document.version == 3
    assert "R$ 220,00" in Chunk.objects.get(document=document, active=True, position=0).body
    assert document.versions.get(number=3).uploaded_by == "ana"
    assert not versions.use_again(document=document, number=1, now=NOW, actor="ana").changed
    with pytest.raises(versions.NoSuchVersion):
        versions.use_again(document=document, number=9, now=NOW, actor="ana")


def test_a_document_is_quoted_within_its_days_only(alpha: Tenant) -> None:
    document = ready()
    today = timezone.localdate()

    def set_days(first: date | None, last: date | None) -> bool:
        return versions.set_validity(document=document, valid_from=first, valid_until=last, now=NOW)

    assert set_days(None, today)
    assert not set_days(None, today)
    assert found(document)
    set_days(None, today - timedelta(days=1))
    assert not found(document)
    set_days(today + timedelta(days=1), None)
    assert not found(document)
    with pytest.raises(versions.ValidityOutOfOrder):
        set_days(today, today - timedelta(days=1))


def test_of_two_people_one_throws_it_away_and_the_other_is_told(committed_alpha: Tenant) -> None:
    document = store(now=timezone.now())
    barrier, outcomes = threading.Barrier(2), []

    def throw() -> None:
        try:
            with schema_context("t_alpha"):
                barrier.wait(timeout=60)
                outcomes.append(paper_bin.throw_away(document=document, now=timezone.now()))
        finally:
            connection.close()

    threads = [threading.Thread(target=throw, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert sorted(outcomes) == [False, True]


def test_what_somebody_takes_out_is_not_removed_beside_them(committed_alpha: Tenant) -> None:
    document = store(now=timezone.now())
    paper_bin.throw_away(document=document, now=timezone.now() - timedelta(days=31))
    counts: list[int] = []

    def purge() -> None:
        try:
            with schema_context("t_alpha"):
                counts.append(paper_bin.purge_bin(now=timezone.now()))
        finally:
            connection.close()

    with transaction.atomic():
        paper_bin.take_out(document=document, now=timezone.now())
        sweep = threading.Thread(target=purge, daemon=True)
        sweep.start()
        sweep.join(timeout=60)

    assert counts == [0]
    assert paper_bin.purge_bin(now=timezone.now()) == 0
    assert Document.objects.get().deleted_at is None


def test_two_tenants_keep_bins_apart(committed_alpha: Tenant, committed_beta: Tenant) -> None:
    with tenant_context(committed_beta):
        theirs = store()
    with tenant_context(committed_alpha):
        ours = store()
        assert ours.pk == theirs.pk
        paper_bin.throw_away(document=ours, now=NOW - timedelta(days=31))
        assert paper_bin.purge_bin(now=NOW) == 1
    with tenant_context(committed_beta):
        assert paper_bin.purge_bin(now=NOW) == 0
        assert Document.objects.get().deleted_at is None


def test_files_of_old_versions_go_and_what_was_read_stays(alpha: Tenant) -> None:
    for number in range(7):
        document = ready(PRICES.replace("220,00", f"2{number}0,00"))
    late = NOW + versions.KEEP_FILES + timedelta(days=1)

    assert versions.prune_files(now=NOW + timedelta(days=29)) == 0
    assert versions.prune_files(now=late) == 2
    assert versions.prune_files(now=late) == 0

    kept = document.versions.filter(original__isnull=False).order_by("number")
    assert list(kept.values_list("number", flat=True)) == [3, 4, 5, 6, 7]
    assert "200,00" in document.versions.get(number=1).text
    for number in (1, 2):
        with pytest.raises(versions.FileNotKept):
            versions.file_of(document=document, number=number)
    with pytest.raises(versions.FileNotKept):
        versions.use_again(document=document, number=1, now=late, actor="ana")
    assert versions.file_of(document=document, number=3)


def test_files_are_pruned_in_one_tenant_by_its_own_versions(alpha: Tenant, beta: Tenant) -> None:
    late = NOW + versions.KEEP_FILES + timedelta(days=1)
    for number in range(6):
        document = store(f"Texto {number}.", name="a.txt")
    with tenant_context(beta):
        theirs = store("Texto.", name="a.txt")
        assert theirs.pk == document.pk
        assert versions.prune_files(now=late) == 0
    assert versions.prune_files(now=late) == 1
    with tenant_context(beta):
        assert versions.file_of(document=theirs, number=1) == b"Texto."
