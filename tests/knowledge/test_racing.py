"""Two workers on one document, with real commits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context

from knowledge.models import Chunk, Document
from knowledge.services import ingesting
from knowledge.services.ingesting import Outcome
from tenants.models import Tenant
from tests.fakes.embeddings import FakeEmbeddings
from tests.fakes.http import wait_until
from tests.knowledge.factories import store
from tests.knowledge.spaces import credential, switch_to

DEADLINE_S = 60.0
MANY = "nome;valor\n" + "".join(
    f"Procedimento especial número {number} da clínica;{number},00\n" for number in range(96)
)


@pytest.fixture
def server(committed_alpha: Tenant) -> Iterator[FakeEmbeddings]:
    """The model in use, behind a gate: a worker is as slow as the test needs it."""
    with FakeEmbeddings() as server:
        switch_to(credential(server))
        yield server


class Worker(threading.Thread):
    """Runs one ingestion in a thread and a connection of its own."""

    def __init__(self, document: Document, *, now: datetime, start_at: threading.Barrier) -> None:
        super().__init__(daemon=True)
        self.outcome: Outcome | None = None
        self._document_id = document.pk
        self._now = now
        self._start_at = start_at

    def run(self) -> None:
        try:
            with schema_context("t_alpha"):
                self._start_at.wait(timeout=DEADLINE_S)
                self.outcome = ingesting.ingest_document(
                    document_id=self._document_id, now=self._now
                )
        finally:
            connection.close()


def finish(*workers: Worker) -> list[Outcome | None]:
    for worker in workers:
        worker.join(timeout=DEADLINE_S)
        assert not worker.is_alive()
    return [worker.outcome for worker in workers]


def begin(document: Document, server: FakeEmbeddings, *, now: datetime) -> Worker:
    """Return a worker that waits for its first vectors."""
    server.gate.clear()
    n_before = len(server.received)
    worker = Worker(document, now=now, start_at=threading.Barrier(1))
    worker.start()
    wait_until(lambda: len(server.received) > n_before, seconds=DEADLINE_S)
    return worker


def begin_slowly(document: Document, server: FakeEmbeddings) -> Worker:
    """Return a worker that is embedding, and whose lease has run out by everybody's clock."""
    return begin(document, server, now=timezone.now() - timedelta(hours=1))


def test_of_two_workers_one_reads_the_document(committed_alpha: Tenant) -> None:
    document = store(now=timezone.now())
    barrier = threading.Barrier(4)
    workers = [Worker(document, now=timezone.now(), start_at=barrier) for _ in range(4)]

    for worker in workers:
        worker.start()
    outcomes = finish(*workers)

    assert sorted(map(str, outcomes)) == ["not_due", "not_due", "not_due", "ready"]
    assert Chunk.objects.filter(document=document, active=True).count() == 3
    assert Chunk.objects.count() == 3


def test_a_worker_that_was_taken_for_dead_writes_nothing(server: FakeEmbeddings) -> None:
    document = store(MANY, now=timezone.now())
    slow = begin_slowly(document, server)

    second = begin(document, server, now=timezone.now())
    server.gate.set()

    assert finish(slow, second) == [Outcome.LOST, Outcome.READY]
    assert Chunk.objects.filter(document=document, active=True).count() == 96
    assert Chunk.objects.count() == 96


def test_a_newer_file_stops_the_reading_of_the_older_one(server: FakeEmbeddings) -> None:
    document = store(MANY, now=timezone.now())
    slow = begin_slowly(document, server)

    store("nome;valor\nLimpeza;220,00\n", now=timezone.now())
    server.gate.set()

    assert finish(slow) == [Outcome.LOST]
    assert not Chunk.objects.exists()
    assert ingesting.ingest_document(document_id=document.pk, now=timezone.now()) is Outcome.READY
    assert Chunk.objects.get(active=True).version == 2


def test_a_document_deleted_meanwhile_stops_its_worker(server: FakeEmbeddings) -> None:
    document = store(MANY, now=timezone.now())
    slow = begin_slowly(document, server)

    document.delete()
    server.gate.set()

    assert finish(slow) == [Outcome.LOST]
    assert not Chunk.objects.exists()


def test_two_sweeps_announce_a_document_once(committed_alpha: Tenant) -> None:
    store(now=timezone.now() - timedelta(hours=1))
    now = timezone.now()
    barrier = threading.Barrier(2)
    counts: list[int] = []

    def sweep() -> None:
        try:
            with schema_context("t_alpha"):
                barrier.wait(timeout=DEADLINE_S)
                counts.append(ingesting.requeue_stalled(now))
        finally:
            connection.close()

    threads = [threading.Thread(target=sweep, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=DEADLINE_S)

    assert sorted(counts) == [0, 1]
