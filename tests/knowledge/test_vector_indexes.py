from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date

import pytest
from django.db import connection, transaction
from django_tenants.utils import tenant_context

from knowledge import candidates, ranking, scanning, spaces
from knowledge.models import EmbeddingSpace
from knowledge.ranking import Asked, RankWeights
from knowledge.scanning import Scope
from knowledge.services import vector_indexes
from tenants.models import Tenant
from tests.knowledge.factories import ready
from tests.knowledge.test_retrieval import HOURS


@pytest.fixture
def unindexed(committed_alpha: Tenant) -> Iterator[Tenant]:
    """Be in alpha without the index that another test may have left: rows go, indexes stay."""
    vector_indexes.index_vectors(index_from=1_000_000)
    yield committed_alpha
    vector_indexes.index_vectors(index_from=1_000_000)


def test_a_large_tenant_gets_an_index_and_a_small_one_loses_it(unindexed: Tenant) -> None:
    ready()
    space = spaces.active_space()

    made = vector_indexes.index_vectors(index_from=1)
    again = vector_indexes.index_vectors(index_from=1)
    plan = _plan(space)
    removed = vector_indexes.index_vectors(index_from=1_000)

    assert (made, again, removed) == (
        vector_indexes.Outcome.MADE,
        vector_indexes.Outcome.NOT_DUE,
        vector_indexes.Outcome.REMOVED,
    )
    assert scanning.index_name(space.pk) in plan
    assert not scanning.size(_scope(space))[1]


def _scope(space: EmbeddingSpace) -> Scope:
    return Scope(None, None, date(2026, 3, 2), space.pk, space.dimensions)


def _plan(space: EmbeddingSpace) -> str:
    """Return how the nearest passages are looked up once there are too many to sort."""
    scope = _scope(space)
    assert scanning.size(scope)[1]
    with transaction.atomic(), connection.cursor() as cursor:
        scanning.prepare()
        cursor.execute("set local enable_seqscan = off; set local enable_sort = off")
        statement, parameters = scanning.nearest_by_index(scope, [1.0] + [0.0] * 383, limit=5)
        cursor.execute("explain " + statement, parameters)
        return "\n".join(row[0] for row in cursor.fetchall())


def test_words_are_looked_up_by_their_index(alpha: Tenant) -> None:
    ready()
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off; set local enable_indexscan = off")
        cursor.execute(
            "explain select id from knowledge_chunk where active and lexemes @@ 'limp'::tsquery"
        )
        words = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute(
            "explain select id from knowledge_chunk where active and grams @@ 'limp'::tsquery"
        )
        pieces = "\n".join(row[0] for row in cursor.fetchall())

    assert "chunk_lexemes" in words
    assert "chunk_grams" in pieces


def test_rare_words_count_though_no_sampled_passage_holds_them(alpha: Tenant) -> None:
    ready()
    ready(HOURS, name="unidades.md")
    scope = _scope(spaces.active_space())
    vector = spaces.embedder(spaces.active_space()).embed_query("profilaxia")
    asked = [Asked(1.0, vector, ("profilax",), ("prof", "rofi"))]

    pool = candidates.gather(scope, asked, n_passages=8, by_index=False)
    found = ranking.rank(pool, asked, weights=RankWeights())

    assert found.lexical[0] > 0
    assert len(set(pool.ids.tolist())) == len(pool.ids)


def test_two_workers_do_not_make_the_same_index(unindexed: Tenant) -> None:
    ready()
    outcomes: list[vector_indexes.Outcome] = []
    start_at = threading.Barrier(2)

    def work() -> None:
        try:
            with tenant_context(unindexed):
                start_at.wait(timeout=30)
                outcomes.append(vector_indexes.index_vectors(index_from=1))
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)

    assert outcomes.count(vector_indexes.Outcome.MADE) == 1
    assert set(outcomes) <= {
        vector_indexes.Outcome.MADE,
        vector_indexes.Outcome.BUSY,
        vector_indexes.Outcome.NOT_DUE,
    }
    assert len(outcomes) == 2
    assert scanning.size(_scope(spaces.active_space()))[1]
