"""Both remote embedders against servers that speak the real wire formats."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.llm import factory
from integrations.llm.types import EmbedConfig, Embedder
from tenants.errors import Permanent, Temporary
from tests.fakes.embeddings import DIMENSIONS, FakeEmbeddings, Mode, count, direction
from tests.fakes.http import json_answer

KEY = "sk-test-0123456789"
PROVIDERS = ("openai", "openai_compatible", "gemini")
TEXTS = ["limpeza dental", "canal de dente anterior", "estacionamento no local"]


@pytest.fixture
def server() -> Iterator[FakeEmbeddings]:
    with FakeEmbeddings() as server:
        yield server


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def config(
    server: FakeEmbeddings, provider: str, *, dimensions: int = 0, timeout_s: float = 30.0
) -> EmbedConfig:
    gemini = provider == "gemini"
    return EmbedConfig(
        provider=provider,
        model="gemini-embedding-001" if gemini else "text-embedding-3-small",
        api_key=KEY,
        base_url=server.url if gemini else server.base_url,
        dimensions=dimensions,
        timeout_s=timeout_s,
    )


def client(
    server: FakeEmbeddings, provider: str, *, dimensions: int = 0, timeout_s: float = 30.0
) -> Embedder:
    return factory.embedder(config(server, provider, dimensions=dimensions, timeout_s=timeout_s))


def test_each_text_gets_its_vector_at_length_one(server: FakeEmbeddings, provider: str) -> None:
    embedded = client(server, provider).embed_counted(TEXTS)

    assert len(embedded.vectors) == len(TEXTS)
    for text, vector in zip(TEXTS, embedded.vectors, strict=True):
        assert math.isclose(math.hypot(*vector), 1.0, abs_tol=1e-6)
        assert vector == pytest.approx([value / 3 for value in direction(text)], abs=1e-6)
    assert embedded.n_tokens == sum(map(count, TEXTS))


def test_a_question_and_a_passage_that_share_words_lie_near(
    server: FakeEmbeddings, provider: str
) -> None:
    embedder = client(server, provider)

    question = embedder.embed_query("quanto é a limpeza dental")
    near, _canal, far = embedder.embed_passages(TEXTS)

    assert _dot(question, near) > _dot(question, far)


def _dot(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def test_the_key_goes_where_the_provider_wants_it(server: FakeEmbeddings, provider: str) -> None:
    client(server, provider).embed_query("oi")

    headers = server.received[0].headers
    if provider == "gemini":
        assert headers["x-goog-api-key"] == KEY
    else:
        assert headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in server.received[0].path + server.received[0].query


def test_gemini_is_told_what_a_text_is_for(server: FakeEmbeddings) -> None:
    embedder = client(server, "gemini", dimensions=48)

    embedder.embed_passages(["um texto"])
    embedder.embed_query("uma pergunta")

    passage, question = (json.loads(one.body)["requests"][0] for one in server.received)
    assert passage["taskType"] == "RETRIEVAL_DOCUMENT"
    assert question["taskType"] == "RETRIEVAL_QUERY"
    assert passage["outputDimensionality"] == question["outputDimensionality"] == 48


@pytest.mark.parametrize("usage", ["many", {"promptTokenCount": "x"}], ids=str)
def test_vectors_stand_whatever_gemini_says_of_their_usage(
    server: FakeEmbeddings, usage: object
) -> None:
    server.script(json_answer({"embeddings": [{"values": [0.0, 1.0]}], "usageMetadata": usage}))

    embedded = client(server, "gemini").embed_counted(["um texto"])

    assert (embedded.vectors, embedded.n_tokens) == ([[0.0, 1.0]], None)


def test_openai_is_asked_for_base64_and_others_for_figures(server: FakeEmbeddings) -> None:
    client(server, "openai").embed_query("oi")
    client(server, "openai_compatible").embed_query("oi")

    formats = [json.loads(one.body)["encoding_format"] for one in server.received]
    assert formats == ["base64", "float"]


def test_an_openai_server_that_cannot_pack_is_understood() -> None:
    with FakeEmbeddings(base64=False) as server:
        assert len(client(server, "openai").embed_query("oi")) == DIMENSIONS


def test_the_length_asked_for_is_sent_and_checked(server: FakeEmbeddings, provider: str) -> None:
    assert len(client(server, provider, dimensions=48).embed_query("oi")) == 48

    server.mode = Mode.WRONG_LENGTH
    with pytest.raises(Permanent, match="97 numbers instead of 48"):
        client(server, provider, dimensions=48).embed_query("oi")


def test_many_texts_go_in_several_calls_and_come_back_in_order(
    server: FakeEmbeddings, provider: str
) -> None:
    texts = [f"texto {number}" for number in range(150)]

    embedded = client(server, provider).embed_counted(texts)

    assert [len(call) for call in server.calls] == [64, 64, 22]
    assert server.texts == texts
    assert embedded.vectors[149] == pytest.approx(
        [value / 3 for value in direction("texto 149")], abs=1e-6
    )
    assert embedded.n_tokens == sum(map(count, texts))


def test_long_texts_fill_a_call_earlier(server: FakeEmbeddings) -> None:
    texts = ["palavra " * 999] * 12

    client(server, "gemini").embed_passages(texts)

    assert [len(call) for call in server.calls] == [7, 5]


def test_vectors_are_put_in_the_order_of_their_numbers(server: FakeEmbeddings) -> None:
    server.mode = Mode.SHUFFLED

    vectors = client(server, "openai").embed_passages(TEXTS)

    assert vectors[0] == pytest.approx([value / 3 for value in direction(TEXTS[0])], abs=1e-6)


def test_tokens_that_nobody_counted_are_unknown(server: FakeEmbeddings, provider: str) -> None:
    server.mode = Mode.UNCOUNTED

    assert client(server, provider).embed_counted(TEXTS).n_tokens is None


def test_an_empty_or_null_text_is_sent_as_something(server: FakeEmbeddings, provider: str) -> None:
    client(server, provider).embed_passages(["", " \n", "a\x00b"])

    assert server.texts == [".", ".", "a b"]


@pytest.mark.parametrize(
    ("mode", "wait_s"),
    [
        (Mode.BUSY, 7.0),
        (Mode.BROKEN, None),
        (Mode.CUT, None),
        (Mode.INVALID_JSON, None),
        (Mode.NOT_JSON, None),
        (Mode.WRONG_SHAPE, None),
        (Mode.TOO_FEW, None),
        (Mode.ZEROS, None),
        (Mode.NOT_A_NUMBER, None),
    ],
)
def test_what_a_later_try_can_help(
    server: FakeEmbeddings, provider: str, mode: Mode, wait_s: float | None
) -> None:
    server.mode = mode

    with pytest.raises(Temporary) as caught:
        client(server, provider).embed_passages(TEXTS)

    assert caught.value.retry_after_s == wait_s
    assert len(server.received) == 1  # one place retries, and it is not this one
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (Mode.UNAUTHORIZED, "HTTP 401"),
        (Mode.NO_MODEL, "HTTP 404"),
        (Mode.REFUSED, "HTTP 400"),
        (Mode.REDIRECT, "HTTP 302"),
        (Mode.PACKED, "compressed"),
    ],
)
def test_what_no_try_can_help(
    server: FakeEmbeddings, provider: str, mode: Mode, reason: str
) -> None:
    server.mode = mode

    with pytest.raises(Permanent, match=reason) as caught:
        client(server, provider).embed_passages(TEXTS)

    assert "secret" not in str(caught.value)


def test_no_wait_helps_who_has_not_paid(server: FakeEmbeddings) -> None:
    server.mode = Mode.BROKE

    with pytest.raises(Permanent, match="insufficient_quota"):
        client(server, "openai").embed_passages(TEXTS)


def test_a_slow_server_is_left_in_time(provider: str) -> None:
    with FakeEmbeddings(Mode.SLOW) as server:
        embedder = client(server, provider, timeout_s=0.3)  # loads an SDK, which may take seconds
        began = time.monotonic()

        with pytest.raises(Temporary, match="timed out"):
            embedder.embed_query("oi")

        assert time.monotonic() - began < 10  # of the thirty that the server would take


def test_a_server_that_is_away_is_temporary(provider: str) -> None:
    with FakeEmbeddings() as server:
        gone = config(server, provider)

    with pytest.raises(Temporary):
        factory.embedder(gone).embed_query("oi")


def test_an_address_of_our_own_network_is_refused(provider: str, settings: Any) -> None:
    with FakeEmbeddings() as server:
        inside = config(server, provider)
        settings.EGRESS_ALLOWED_TENANTS = []

        with pytest.raises(Permanent, match="not public"):
            factory.embedder(inside).embed_query("oi")


def test_gemini_never_takes_the_operators_key(
    server: FakeEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "the-operators")
    monkeypatch.setenv("GEMINI_API_KEY", "the-operators")
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:9/")

    client(server, "gemini").embed_query("oi")

    assert server.received[0].headers["x-goog-api-key"] == KEY
    with pytest.raises(Permanent, match="no key"):
        factory.embedder(EmbedConfig("gemini", "gemini-embedding-001", base_url=server.url))


def test_a_model_must_be_named(provider: str) -> None:
    with pytest.raises(Permanent, match="no model"):
        factory.embedder(EmbedConfig(provider, "", KEY, "http://127.0.0.1:9/v1"))


def test_threads_share_a_client(server: FakeEmbeddings, provider: str) -> None:
    embedder = client(server, provider)
    found: list[list[float]] = []
    threads = [
        threading.Thread(target=lambda: found.append(embedder.embed_query("limpeza")), daemon=True)
        for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(found) == 8
    assert all(vector == found[0] for vector in found)


def test_two_tenants_with_two_keys_get_two_clients(server: FakeEmbeddings) -> None:
    first = EmbedConfig("openai", "text-embedding-3-small", "sk-one", server.base_url)
    second = EmbedConfig("openai", "text-embedding-3-small", "sk-two", server.base_url)

    factory.embedder(first).embed_query("oi")
    factory.embedder(second).embed_query("oi")

    keys = [one.headers["authorization"] for one in server.received]
    assert keys == ["Bearer sk-one", "Bearer sk-two"]
    assert "sk-one" not in repr(first)
