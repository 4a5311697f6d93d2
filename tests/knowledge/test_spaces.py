from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from knowledge import retrieval
from knowledge import spaces as clients
from knowledge.models import ChunkVector, EmbeddingSpace
from knowledge.services import indexing, spaces
from knowledge.services.spaces import Outcome
from knowledge.types import SearchOptions
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.fakes.embeddings import DIMENSIONS, FakeEmbeddings, Mode
from tests.knowledge.factories import ready
from tests.knowledge.spaces import (
    NOW,
    SMALL,
    choose,
    credential,
    make_due,
    n_missing,
    switch_to,
    wait_s,
    work,
)

Status = EmbeddingSpace.Status


@pytest.fixture
def server() -> Iterator[FakeEmbeddings]:
    with FakeEmbeddings() as server:
        yield server


@pytest.fixture
def old(alpha: Tenant) -> Iterator[EmbeddingSpace]:
    """The space in use, of a model that costs no time: for documents of many passages."""
    with FakeEmbeddings(dimensions=16) as old:
        yield switch_to(credential(old, name="antiga"))


def state(space: EmbeddingSpace) -> str:
    space.refresh_from_db()
    return space.status


def test_without_a_choice_the_built_in_model_is_used(alpha: Tenant) -> None:
    space = clients.active_space()

    assert (space.provider, space.dimensions) == ("local", 384)


def test_a_new_model_is_prepared_beside_the_old_and_then_used(
    alpha: Tenant, server: FakeEmbeddings
) -> None:
    ready()
    before = clients.active_space()

    space = choose(credential(server))

    assert clients.active_space() == before
    assert (space.status, space.n_total, space.n_done) == ("building", 3, 0)
    assert work() is Outcome.SWITCHED
    space.refresh_from_db()
    assert clients.active_space() == space
    assert (space.dimensions, space.n_done, space.n_total) == (DIMENSIONS, 3, 3)
    assert space.n_tokens > 0
    assert n_missing(space) == 0
    assert state(before) == Status.RETIRED
    assert ChunkVector.objects.filter(space=before).count() == 3
    assert wait_s() is None


def test_with_nothing_to_embed_the_key_is_tried_all_the_same(
    alpha: Tenant, server: FakeEmbeddings
) -> None:
    server.mode = Mode.UNAUTHORIZED

    space = choose(credential(server))

    assert work() is Outcome.FAILED
    assert state(space) == Status.FAILED
    assert clients.active_space().provider == "local"


def test_a_known_model_is_asked_for_its_usual_length(alpha: Tenant, server: FakeEmbeddings) -> None:
    space = switch_to(credential(server, provider="openai"), model=SMALL)

    assert space.dimensions == 1536
    assert json.loads(server.received[0].body)["dimensions"] == 1536


def test_texts_that_repeat_are_embedded_once(alpha: Tenant, server: FakeEmbeddings) -> None:
    ready("nome;valor\nLimpeza;1,00\n", name="um.csv")
    ready("nome;valor\nLimpeza;1,00\n", name="dois.csv")

    space = choose(credential(server))
    n_before = len(server.texts)
    work()

    texts = [text for text in server.texts[n_before:] if text != "bom dia"]
    assert len(texts) == len(set(texts))
    assert n_missing(space) == 0


def test_work_is_cut_into_slices_that_go_on_where_they_stopped(
    old: EmbeddingSpace, server: FakeEmbeddings
) -> None:
    ready("nome;valor\n" + "".join(f"Item {n};{n},00\n" for n in range(150)))
    space = choose(credential(server))

    outcomes = [work(slice_s=0) for _ in range(3)]

    assert outcomes == [Outcome.CONTINUES] * 3
    assert clients.active_space() == old
    assert work(slice_s=0) is Outcome.SWITCHED
    assert n_missing(space) == 0
    texts = [text for text in server.texts if text != "bom dia"]
    assert len(texts) == len(set(texts)) == 300  # two of each passage


def test_a_document_read_meanwhile_has_vectors_in_both(
    old: EmbeddingSpace, server: FakeEmbeddings
) -> None:
    ready("nome;valor\n" + "".join(f"Item {n};{n},00\n" for n in range(70)), name="um.csv")
    space = choose(credential(server))
    assert work(slice_s=0) is Outcome.CONTINUES

    late = ready("nome;valor\nCoroa;900,00\n", name="dois.csv")

    assert ChunkVector.objects.filter(space=old, chunk__document=late).exists()
    assert not ChunkVector.objects.filter(space=space, chunk__document=late).exists()
    assert work() is Outcome.SWITCHED
    assert ChunkVector.objects.filter(space=space, chunk__document=late).exists()


def test_new_documents_go_to_the_new_model(alpha: Tenant, server: FakeEmbeddings) -> None:
    space = switch_to(credential(server))

    document = ready()

    vectors = ChunkVector.objects.filter(chunk__document=document)
    assert {vector.space_id for vector in vectors} == {space.pk}
    assert len(vectors[0].embedding) == DIMENSIONS


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (Mode.UNAUTHORIZED, "chave|key"),
        (Mode.NO_MODEL, "modelo|model"),
        (Mode.BROKE, "crédito|credit"),
        (Mode.REFUSED, "HTTP 400"),
    ],
)
def test_what_no_try_can_help_is_told_in_words(
    alpha: Tenant, server: FakeEmbeddings, mode: Mode, words: str
) -> None:
    ready()
    server.mode = mode

    space = choose(credential(server))

    assert work() is Outcome.FAILED
    assert state(space) == Status.FAILED
    assert any(word in space.failure_reason for word in words.split("|"))
    assert clients.active_space().provider == "local"
    assert wait_s() is None


def test_a_provider_that_is_busy_is_asked_again_when_it_said(
    alpha: Tenant, server: FakeEmbeddings
) -> None:
    ready()
    server.mode = Mode.BUSY
    space = choose(credential(server))

    assert work() is Outcome.POSTPONED
    left = wait_s()
    assert left is not None
    assert 5 < left <= 7
    assert "HTTP 429" in EmbeddingSpace.objects.get(pk=space.pk).failure_reason

    server.mode = Mode.GOOD
    make_due()
    assert work() is Outcome.SWITCHED


def test_a_provider_that_stays_away_is_given_up(alpha: Tenant, server: FakeEmbeddings) -> None:
    ready()
    server.mode = Mode.BROKEN
    space = choose(credential(server))

    outcomes = []
    for _ in range(spaces.MAX_ATTEMPTS):
        make_due()
        outcomes.append(work())

    assert outcomes == [Outcome.POSTPONED] * (spaces.MAX_ATTEMPTS - 1) + [Outcome.FAILED]
    assert state(space) == Status.FAILED

    server.mode = Mode.GOOD
    spaces.go_back(space=space, now=NOW, actor="ana")
    assert work() is Outcome.SWITCHED


def test_a_person_can_stop_it_and_take_it_up_again(
    old: EmbeddingSpace, server: FakeEmbeddings
) -> None:
    ready("nome;valor\n" + "".join(f"Item {n};{n},00\n" for n in range(70)))
    space = choose(credential(server))
    work(slice_s=0)

    assert spaces.cancel(space=space, actor="ana")

    assert not spaces.cancel(space=space, actor="ana")
    assert work() is Outcome.STOPPED
    assert wait_s() is None
    assert state(space) == Status.FAILED
    assert "ana" in space.failure_reason
    again = spaces.go_back(space=space, now=NOW, actor="ana")
    assert again.pk == space.pk
    assert again.n_total == 6
    assert work() is Outcome.SWITCHED


def test_going_back_embeds_only_what_was_added_since(alpha: Tenant, server: FakeEmbeddings) -> None:
    ready()
    before = clients.active_space()
    switch_to(credential(server))
    late = ready("nome;valor\nCoroa;900,00\n", name="dois.csv")

    assert spaces.last_used() == before
    again = spaces.go_back(space=before, now=NOW, actor="ana")

    assert (again.pk, again.n_total) == (before.pk, 1)
    assert work() is Outcome.SWITCHED
    assert clients.active_space() == before
    assert ChunkVector.objects.filter(space=before, chunk__document=late).exists()


def test_one_model_at_a_time_is_prepared(alpha: Tenant, server: FakeEmbeddings) -> None:
    choose(credential(server))

    with pytest.raises(spaces.AlreadyBuilding):
        choose(credential(server), model="large")


def test_the_model_in_use_cannot_be_chosen(alpha: Tenant) -> None:
    with pytest.raises(spaces.AlreadyInUse):
        choose(None)


def test_the_built_in_model_is_in_use_before_anything_was_searched(alpha: Tenant) -> None:
    space, changed = spaces.ensure_space(credential=None, model="", now=NOW, actor="blueprint")

    assert (space, changed) == (clients.active_space(), False)


def test_ensuring_a_model_twice_changes_nothing(alpha: Tenant, server: FakeEmbeddings) -> None:
    given: dict[str, Any] = {
        "credential": credential(server),
        "model": "small",
        "now": NOW,
        "actor": "blueprint",
    }

    first, changed = spaces.ensure_space(**given)
    assert changed
    assert spaces.ensure_space(**given) == (first, False)
    assert work() is Outcome.SWITCHED
    assert spaces.ensure_space(**given) == (first, False)


def test_old_vectors_are_kept_a_week_and_then_removed(
    alpha: Tenant, server: FakeEmbeddings
) -> None:
    ready()
    before = clients.active_space()
    space = switch_to(credential(server))
    assert space.activated_at is not None

    assert spaces.sweep(now=space.activated_at + timedelta(days=6)) == 0
    assert EmbeddingSpace.objects.filter(pk=before.pk).exists()
    assert spaces.sweep(now=space.activated_at + timedelta(days=8)) == 3
    assert not EmbeddingSpace.objects.filter(pk=before.pk).exists()
    assert spaces.last_used() is None
    assert n_missing(space) == 0


def test_the_sweep_removes_much_in_several_rounds(
    alpha: Tenant, server: FakeEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready()
    before = clients.active_space()
    switch_to(credential(server))
    monkeypatch.setattr(spaces, "REMOVED_AT_ONCE", 2)
    later = timezone.now() + timedelta(days=8)

    assert [spaces.sweep(now=later), spaces.sweep(now=later)] == [2, 1]
    assert not EmbeddingSpace.objects.filter(pk=before.pk).exists()


def test_the_sweep_leaves_a_space_that_is_just_taken_up(
    committed_alpha: Tenant, server: FakeEmbeddings
) -> None:
    """It has read the space as left, and then somebody goes back to it."""
    ready()
    before = clients.active_space()
    switch_to(credential(server))
    later = timezone.now() + timedelta(days=8)
    counts: list[int] = []

    def sweep() -> None:
        try:
            with schema_context("t_alpha"):
                counts.append(spaces.sweep(now=later))
        finally:
            connection.close()

    with transaction.atomic():
        spaces.go_back(space=before, now=later, actor="ana")
        sweeper = threading.Thread(target=sweep, daemon=True)
        sweeper.start()
        sweeper.join(timeout=60)

    assert counts == [0]
    assert n_missing(before) == 0


def test_a_question_is_embedded_once(alpha: Tenant, server: FakeEmbeddings) -> None:
    space = switch_to(credential(server))
    n_before = len(server.received)

    first = clients.embed_query(space, "quanto é a limpeza?")

    assert first is not None
    assert len(first) == DIMENSIONS
    assert clients.embed_query(space, "quanto é a limpeza?") == first
    assert len(server.received) == n_before + 1


def test_while_the_model_is_away_questions_have_no_vector_and_do_not_wait(
    alpha: Tenant, server: FakeEmbeddings
) -> None:
    space = switch_to(credential(server))
    known = clients.embed_query(space, "oi")
    n_before = len(server.received)
    server.mode = Mode.BROKEN

    assert clients.embed_query(space, "quanto é?") is None
    assert clients.embed_query(space, "onde fica?") is None
    assert clients.embed_query(space, "oi") == known
    assert len(server.received) == n_before + 1


@pytest.mark.parametrize("exact", [True, False])
def test_while_the_model_is_away_words_alone_find(
    alpha: Tenant, server: FakeEmbeddings, exact: bool
) -> None:
    ready()
    switch_to(credential(server))
    options = SearchOptions(exact=exact)
    server.mode = Mode.BROKEN

    result = retrieval.search(
        query="quanto custa a limpeza?", category_ids=None, options=options, k=3
    )

    assert "Limpeza" in result.passages[0].body
    assert result.passages[0].lexical > 0
    assert result.best_cosine is None
    assert 0 < result.confidence < 1
    assert len(server.received) > 0


def test_a_follow_up_is_searched_by_words_where_half_of_it_has_a_vector(
    alpha: Tenant, server: FakeEmbeddings
) -> None:
    ready()
    space = switch_to(credential(server))
    assert clients.embed_query(space, "e a limpeza?") is not None
    server.mode = Mode.BROKEN

    result = retrieval.search(
        query="e a limpeza?", previous="quanto custa a profilaxia?", category_ids=None
    )

    assert result.best_cosine is None
    assert {passage.cosine for passage in result.passages} == {0.0}


def test_a_passage_lies_between_its_two_texts_in_every_model(
    alpha: Tenant, server: FakeEmbeddings
) -> None:
    ready()
    switch_to(credential(server))

    for space in EmbeddingSpace.objects.all():
        client = clients.embedder(space)
        for row in ChunkVector.objects.filter(space=space, position=0).select_related("chunk"):
            parts = indexing.texts_of(row.chunk)[0]
            titled, body = (np.asarray(one) for one in client.embed_passages(parts))
            expected = (1 - indexing.BODY_SHARE) * titled + indexing.BODY_SHARE * body
            assert np.allclose(row.embedding, expected, atol=2e-3)
            assert row.content_sha256 == indexing.digest(parts)


def test_a_space_is_remembered_by_who_chose_it(alpha: Tenant, server: FakeEmbeddings) -> None:
    switch_to(credential(server))

    actions = AuditEntry.objects.order_by("pk").values_list("action", "actor")
    assert ("embedding_space.chosen", "ana") in actions
    assert ("embedding_space.switched", "ana") in actions


def test_the_rest_of_the_time_follows_from_the_rate() -> None:
    space = EmbeddingSpace(n_total=300, n_done=100, created_at=NOW)

    assert spaces.remaining_s(space, now=NOW + timedelta(seconds=10)) == 20
    space.n_done = 0
    assert spaces.remaining_s(space, now=NOW + timedelta(seconds=10)) is None


def test_two_tenants_have_models_of_their_own(
    alpha: Tenant, beta: Tenant, server: FakeEmbeddings
) -> None:
    ready()
    space = switch_to(credential(server))
    with tenant_context(beta):
        ready()
        other = clients.active_space()
        assert other.provider == "local"
        EmbeddingSpace.objects.filter(pk=other.pk).update(uuid=space.uuid)  # even so
        other.refresh_from_db()
        theirs = clients.embed_query(other, "quanto é a limpeza?")

    ours = clients.embed_query(space, "quanto é a limpeza?")

    assert theirs is not None
    assert ours is not None
    assert (len(theirs), len(ours)) == (384, DIMENSIONS)
    with tenant_context(beta):
        assert clients.active_space().provider == "local"
        assert not EmbeddingSpace.objects.filter(provider="openai_compatible").exists()
