from __future__ import annotations

import math
import threading

import pytest

from integrations.llm import factory


def cosine(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def test_vectors_have_the_stated_length_and_unit_norm() -> None:
    embedder = factory.embedder()

    vectors = embedder.embed_passages(["Limpeza completa: R$ 220,00", "Estacionamento gratuito"])

    assert [len(vector) for vector in vectors] == [embedder.dimensions] * 2
    assert all(math.isclose(cosine(one, one), 1.0, rel_tol=1e-3) for one in vectors)


def test_a_question_is_nearest_to_the_passage_that_answers_it() -> None:
    embedder = factory.embedder()
    passages = embedder.embed_passages(
        ["Limpeza completa, valor R$ 220,00", "A unidade Cambuí tem estacionamento com 8 vagas."]
    )

    query = embedder.embed_query("tem lugar pra parar o carro?")

    assert cosine(query, passages[1]) > cosine(query, passages[0])


def test_a_question_and_a_passage_of_the_same_words_differ() -> None:
    embedder = factory.embedder()

    assert embedder.embed_query("limpeza") != embedder.embed_passages(["limpeza"])[0]


def test_nothing_to_embed_gives_nothing() -> None:
    assert factory.embedder().embed_passages([]) == []


def test_a_null_byte_does_not_cut_the_text() -> None:
    embedder = factory.embedder()

    cut, whole = embedder.embed_passages(["limpeza", "limpeza\x00 dos dentes em casa"])

    assert cut != whole


def test_threads_get_what_one_thread_gets() -> None:
    embedder = factory.embedder()
    texts = [f"pergunta número {number} sobre preço" for number in range(12)]
    expected = [embedder.embed_query(text) for text in texts]
    found: dict[int, list[float]] = {}

    def embed(place: int) -> None:
        found[place] = embedder.embed_query(texts[place])

    threads = [threading.Thread(target=embed, args=(place,)) for place in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    for place, vector in enumerate(expected):
        assert found[place] == pytest.approx(vector, abs=1e-5)
