"""Two workers on one space or one web source, and workers that are killed; with real commits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from knowledge import spaces as clients
from knowledge.models import Chunk, ChunkVector, Document, EmbeddingSpace, WebSource
from knowledge.services import documents, ingesting, spaces, web, web_reading
from tenants.models import Tenant
from tenants.timers import Doorbell
from tests.fakes.embeddings import FakeEmbeddings
from tests.fakes.http import wait_until
from tests.fakes.site import FakeSite
from tests.knowledge.factories import NOW, ready, store
from tests.knowledge.spaces import (
    bell,
    bells,
    choose,
    credential,
    make_due,
    n_missing,
    switch_to,
    work,
)
from tests.workers import die_at

DEADLINE_S = 60.0
MANY = "nome;valor\n" + "".join(f"Item {number};{number},00\n" for number in range(150))


@pytest.fixture
def server() -> Iterator[FakeEmbeddings]:
    with FakeEmbeddings() as server:
        yield server


@pytest.fixture
def many(committed_alpha: Tenant) -> Iterator[Document]:
    """A document of 150 passages, embedded by a server that costs no time."""
    with FakeEmbeddings(dimensions=16) as old:
        switch_to(credential(old, name="antiga"))
        yield ready(MANY)


@pytest.fixture
def site() -> Iterator[FakeSite]:
    with FakeSite() as site:
        yield site


class Thread(threading.Thread):
    """Does one thing inside tenant alpha, in a connection of its own."""

    def __init__(self, what: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.what, self.result = what, ""
        self.start()

    def run(self) -> None:
        try:
            with schema_context("t_alpha"):
                self.result = str(self.what())
        finally:
            connection.close()

    def outcome(self) -> str:
        self.join(timeout=DEADLINE_S)
        assert not self.is_alive()
        return self.result


def fill(found: Doorbell) -> Thread:
    return Thread(lambda: spaces.fill_space(timer_id=found.timer_id, token=found.token))


def read(found: Doorbell) -> Thread:
    return Thread(
        lambda: web_reading.read_web_source(timer_id=found.timer_id, token=found.token, pause_s=0)
    )


def claimed(kind: str) -> Doorbell:
    found = bell(kind)
    assert found is not None
    return found


def test_of_two_workers_one_fills_the_space(many: Document, server: FakeEmbeddings) -> None:
    space = choose(credential(server))
    found = claimed(spaces.KIND)

    outcomes = sorted(worker.outcome() for worker in [fill(found) for _ in range(4)])

    assert outcomes == ["not_ours", "not_ours", "not_ours", "switched"]
    assert ChunkVector.objects.filter(space=space).count() == 150
    assert len([text for text in server.texts if text != "bom dia"]) == 300  # two of each passage


def test_a_worker_that_was_taken_for_dead_writes_no_vectors(
    many: Document, server: FakeEmbeddings
) -> None:
    space = choose(credential(server))
    server.gate.clear()
    slow = fill(claimed(spaces.KIND))
    wait_until(lambda: server.received, seconds=DEADLINE_S)
    make_due()
    taken_over = claimed(spaces.KIND)
    server.gate.set()

    second = fill(taken_over)

    assert slow.outcome() == "lease_lost"
    assert second.outcome() == "switched"
    assert ChunkVector.objects.filter(space=space).count() == 150


@pytest.mark.parametrize("place", ["space_embedded", "space_kept:2", "space_switched"])
def test_a_killed_worker_loses_nothing(many: Document, server: FakeEmbeddings, place: str) -> None:
    before = clients.active_space()
    space = choose(credential(server))

    die_at(place, spaces.fill_space, claimed(spaces.KIND))

    if place == "space_switched":
        assert clients.active_space() == space
        assert bell(spaces.KIND) is None
        return
    assert clients.active_space() == before
    n_kept = ChunkVector.objects.filter(space=space).count()
    assert n_kept == (128 if place == "space_kept:2" else 0)
    make_due()
    assert work() is spaces.Outcome.SWITCHED
    assert n_missing(space) == 0
    texts = [text for text in server.texts if text != "bom dia"]
    assert len(texts) == 2 * 150 + (2 * 64 if place == "space_embedded" else 0)


def test_documents_that_come_in_during_the_switch_are_found_in_the_new_space(
    many: Document, server: FakeEmbeddings
) -> None:
    space = choose(credential(server))
    server.delay_s = 0.05

    def add_documents() -> None:
        for number in range(12):
            new = store(f"nome;valor\nNovo {number};{number},00\n", name=f"{number}.csv")
            # One that was embedded when the switch came is embedded anew by its next task.
            while ingesting.ingest_document(document_id=new.pk, now=NOW).value == "continues":
                pass

    adding = [Thread(add_documents)]
    filling = fill(claimed(spaces.KIND))

    assert filling.outcome() == "switched"
    for thread in adding:
        thread.outcome()
    assert Document.objects.filter(status="ready").count() == 13
    assert Chunk.objects.filter(active=True).count() == 162
    assert n_missing(space) == 0


def test_a_document_that_was_embedded_for_the_old_model_is_embedded_anew(
    committed_alpha: Tenant, server: FakeEmbeddings
) -> None:
    switch_to(credential(server))
    document = store()
    server.gate.clear()
    n_before = len(server.received)
    reading = Thread(lambda: ingesting.ingest_document(document_id=document.pk, now=timezone.now()))
    wait_until(lambda: len(server.received) > n_before, seconds=DEADLINE_S)
    with FakeEmbeddings(dimensions=32) as other:
        space = switch_to(credential(other, name="outra"))
        server.gate.set()

        assert reading.outcome() == "continues"
        assert not Chunk.objects.exists()
        again = ingesting.ingest_document(document_id=document.pk, now=timezone.now())

    assert again is ingesting.Outcome.READY
    assert n_missing(space) == 0
    assert len(ChunkVector.objects.all()[0].embedding) == 32


def test_stopping_reaches_a_worker_in_the_middle(many: Document, server: FakeEmbeddings) -> None:
    space = choose(credential(server))
    server.gate.clear()
    slow = fill(claimed(spaces.KIND))
    wait_until(lambda: server.received, seconds=DEADLINE_S)

    assert spaces.cancel(space=space, actor="ana")
    server.gate.set()

    assert slow.outcome() == "stopped"
    assert not ChunkVector.objects.filter(space=space).exists()
    assert bell(spaces.KIND) is None


def test_of_two_choices_at_once_one_wins(committed_alpha: Tenant, server: FakeEmbeddings) -> None:
    given = credential(server)
    barrier = threading.Barrier(2)

    def choose_one(model: str) -> str:
        barrier.wait(timeout=DEADLINE_S)
        try:
            spaces.choose(credential=given, model=model, now=NOW, actor=model)
        except spaces.AlreadyBuilding:
            return "refused"
        return "chosen"

    threads = [Thread(lambda: choose_one("um")), Thread(lambda: choose_one("dois"))]

    assert sorted(thread.outcome() for thread in threads) == ["chosen", "refused"]
    assert EmbeddingSpace.objects.filter(status="building").count() == 1


def test_two_tenants_fill_spaces_of_the_same_id(
    committed_alpha: Tenant, committed_beta: Tenant, server: FakeEmbeddings
) -> None:
    ready("nome;valor\nCoroa;1,00\nPino;2,00\n")
    mine = choose(credential(server))
    with tenant_context(committed_beta):
        ready()
        theirs = choose(credential(server))
        other = claimed(spaces.KIND)
    assert mine.pk == theirs.pk
    filling = fill(claimed(spaces.KIND))

    with tenant_context(committed_beta):
        outcome = spaces.fill_space(timer_id=other.timer_id, token=other.token)
        assert outcome is spaces.Outcome.SWITCHED
        assert ChunkVector.objects.filter(space=theirs).count() == 3

    assert filling.outcome() == "switched"
    assert ChunkVector.objects.filter(space=mine).count() == 2


def add(url: str, *, kind: str = "sitemap") -> WebSource:
    category = documents.ensure_category(name="site")
    return web.add_source(category=category, url=url, kind=kind, now=NOW, actor="ana")


def test_of_two_workers_one_reads_the_site(committed_alpha: Tenant, site: FakeSite) -> None:
    paths = [f"/{number}" for number in range(5)]
    for path in paths:
        site.put(path)
    add(site.sitemap(*paths))
    found = claimed(web.KIND)

    outcomes = sorted(worker.outcome() for worker in [read(found) for _ in range(4)])

    assert outcomes == ["not_ours", "not_ours", "not_ours", "read"]
    assert sorted(site.asked) == sorted(["/sitemap.xml", *paths])
    assert Document.objects.count() == 5


def test_two_sites_with_pages_of_one_title_do_not_share_a_document(
    committed_alpha: Tenant, site: FakeSite
) -> None:
    with FakeSite() as other:
        for one in (site, other):
            one.put("/", "Início", f"Somos {one.url}")
            add(one.url + "/", kind="page")
        barrier = threading.Barrier(2)

        def read_one(found: Doorbell) -> str:
            barrier.wait(timeout=DEADLINE_S)
            return web_reading.read_web_source(timer_id=found.timer_id, token=found.token).value

        first, second = bells(web.KIND)
        threads = [Thread(lambda: read_one(first)), Thread(lambda: read_one(second))]

        assert [thread.outcome() for thread in threads] == ["read", "read"]
    names = Document.objects.order_by("name").values_list("name", "version")
    assert list(names) == [("Início (2).html", 1), ("Início.html", 1)]


@pytest.mark.parametrize("place", ["page_fetched:2", "page_stored:3"])
def test_a_killed_reader_goes_on_where_it_stopped(
    committed_alpha: Tenant, site: FakeSite, place: str
) -> None:
    paths = [f"/{number}" for number in range(4)]
    for path in paths:
        site.put(path)
    add(site.sitemap(*paths))

    die_at(place, web_reading.read_web_source, claimed(web.KIND))

    n_stored = 1 if place == "page_fetched:2" else 3
    assert Document.objects.count() == n_stored
    make_due(web.KIND)
    found = claimed(web.KIND)
    outcome = web_reading.read_web_source(timer_id=found.timer_id, token=found.token, pause_s=0)
    assert outcome is web_reading.Outcome.READ
    assert Document.objects.count() == 4
    assert site.asked.count(paths[0]) == 1


def test_a_source_thrown_away_meanwhile_stops_its_reader(
    committed_alpha: Tenant, site: FakeSite
) -> None:
    site.put("/a")
    source = add(site.sitemap("/a"))
    found = claimed(web.KIND)
    now = timezone.now() + timedelta(seconds=1)

    def throw_it_away(_seconds: float) -> None:
        web.throw_away(source=source, now=now, actor="ana")

    outcome = web_reading.read_web_source(
        timer_id=found.timer_id,
        token=found.token,
        pause_s=5,
        wait=throw_it_away,
    )

    assert outcome is web_reading.Outcome.STOPPED
    assert not Document.objects.exists()
