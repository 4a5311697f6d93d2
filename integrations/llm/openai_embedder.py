"""Embeddings by OpenAI, and by every server that speaks its protocol."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from integrations import http
from integrations.llm import embedding, openai_sdk, wire
from integrations.llm.types import EmbedConfig, Embedded, Provider
from tenants.errors import Permanent, Temporary

BATCH = 64
"""Texts of one call. OpenAI takes 2,048, but a call that fails is repeated whole, and a space that
is being built shows its progress after each."""

MAX_CHARACTERS = 150_000
"""Of one call, all texts together. OpenAI takes 300,000 tokens; dense scripts reach two a sign."""

QUERY_TIMEOUT_S = 4.0
"""A contact waits for the answer; a search without the meaning is better than a late one."""

_SHORTENED = ("text-embedding-3",)
"""Models whose vectors may be asked for shorter; others refuse the argument."""


class OpenAIEmbedder:
    """One model behind one key; safe to share between threads.

    Questions and passages are embedded alike: these models know no difference.
    """

    batch = BATCH

    def __init__(self, config: EmbedConfig) -> None:
        if not config.model:
            raise Permanent("no model is configured")
        self._config = config
        self._sdk = openai_sdk.client(
            provider=config.provider, api_key=config.api_key, base_url=config.base_url
        )

    @property
    def model(self) -> str:
        """The provider's name of the model."""
        return self._config.model

    @property
    def dimensions(self) -> int:
        """What is asked for and checked; 0 takes what comes."""
        return self._config.dimensions

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """Return float[n, dimensions] of unit length; see `embed_counted`."""
        return self.embed_counted(texts).vectors

    def embed_counted(self, texts: Sequence[str]) -> Embedded:
        """Return the vectors of texts, and the tokens that are paid for.

        Raises:
            Temporary: the server is away, busy, slow, or answered nothing usable.
            Permanent: it refuses the key, the model or the texts, or its vectors do not fit.
        """
        return self._embed(texts, timeout_s=self._config.timeout_s)

    def embed_query(self, text: str) -> list[float]:
        """Return float[dimensions] of unit length for a question; raises as `embed_counted`."""
        return self.embed_query_counted(text).vectors[0]

    def embed_query_counted(self, text: str) -> Embedded:
        """Return the vector of a question, and the tokens that are paid for."""
        timeout_s = min(QUERY_TIMEOUT_S, self._config.timeout_s)
        return self._embed([text], timeout_s=timeout_s)

    def _embed(self, texts: Sequence[str], *, timeout_s: float) -> Embedded:
        vectors: list[list[float]] = []
        n_tokens: int | None = 0
        cleaned = [embedding.clean(text) for text in texts]
        for batch in embedding.batches(cleaned, max_texts=BATCH, max_characters=MAX_CHARACTERS):
            with openai_sdk.errors(), http.deadline(timeout_s):
                answer = self._sdk.embeddings.create(**self._payload(batch), timeout=timeout_s)
                rows, counted = _read(answer)
            vectors += embedding.unit_vectors(
                rows, n_texts=len(batch), dimensions=self._config.dimensions
            )
            n_tokens = embedding.add(n_tokens, counted)
        return Embedded(vectors, n_tokens)

    def _payload(self, texts: Sequence[str]) -> dict[str, Any]:
        # Packed, an answer has a quarter of the bytes; some compatible servers do not know how.
        payload: dict[str, Any] = {
            "model": self._config.model,
            "input": list(texts),
            "encoding_format": "base64" if self._config.provider == Provider.OPENAI else "float",
        }
        if self._config.dimensions and self._config.model.startswith(_SHORTENED):
            payload["dimensions"] = self._config.dimensions
        return payload


def _read(answer: Any) -> tuple[list[object], int | None]:
    """Return the rows in the order of the texts, and the tokens.

    Raises:
        Temporary: it has another shape; the SDK does not judge what it read.
    """
    try:
        items = sorted(answer.data, key=lambda item: int(item.index))
        places = [int(item.index) for item in items]
        rows: list[object] = [_row(item.embedding) for item in items]
    except (AttributeError, TypeError, ValueError) as error:
        raise Temporary("the answer cannot be read") from error
    if places != list(range(len(places))):
        raise Temporary("the vectors are not numbered as the texts")
    counted = getattr(getattr(answer, "usage", None), "total_tokens", None)
    return rows, wire.count_of(counted)


def _row(value: object) -> object:
    """Return one vector; packed, it is little-endian float32 in base64."""
    if not isinstance(value, str):
        return value
    return np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4")
