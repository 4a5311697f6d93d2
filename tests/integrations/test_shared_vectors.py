"""Vectors that one process makes ahead and another uses."""

from __future__ import annotations

import pytest
from django.test import override_settings

from integrations.llm.local_embedder import LocalEmbedder
from integrations.llm.shared_vectors import SharedVectors


def test_what_one_embedder_made_ahead_another_need_not_make() -> None:
    question = "qual o preço do clareamento feito antes?"
    LocalEmbedder().embed_ahead(question)
    other = LocalEmbedder()

    found = other.embed_query(question)

    assert "_engine" not in vars(other)  # its model was never loaded
    assert found == pytest.approx(LocalEmbedder()._encode([question], is_query=True)[0], abs=1e-6)


def test_vectors_of_another_model_are_not_found() -> None:
    SharedVectors(model="one").put("oi", [1.0, 2.0])

    assert SharedVectors(model="one").get("oi") == [1.0, 2.0]
    assert SharedVectors(model="two").get("oi") is None


def test_a_server_that_is_away_costs_nothing_but_the_work() -> None:
    with override_settings(REDIS_URL="redis://127.0.0.1:9/0"):
        vectors = SharedVectors(model="one")
        vectors.put("oi", [1.0])

        assert vectors.get("oi") is None


def test_an_answer_that_is_no_vector_is_not_used() -> None:
    embedder = LocalEmbedder()
    SharedVectors(model=embedder.model).put("pergunta estragada", [1.0, 2.0])

    assert len(embedder.embed_query("pergunta estragada")) == embedder.dimensions
