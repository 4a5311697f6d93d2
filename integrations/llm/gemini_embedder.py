"""Embeddings by Gemini, through the `google-genai` SDK.

Imported only where it is used: the SDK takes almost a second and 50 MB.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.genai import types as genai_types

from integrations import http
from integrations.llm import embedding, gemini_sdk, wire
from integrations.llm.types import EmbedConfig, Embedded
from tenants.errors import Permanent

BATCH = 64
"""Texts of one call. Gemini takes 100, but counts each against the requests of a minute."""

MAX_CHARACTERS = 60_000
"""Of one call, all texts together: about 20,000 tokens, which the smallest plan takes at once."""

QUERY_TIMEOUT_S = 4.0
"""A contact waits for the answer; a search without the meaning is better than a late one."""

_WITH_TASKS = ("gemini-embedding-001", "text-embedding-", "embedding-001")
"""Models that are told what a text is for; later ones refuse or ignore the argument."""


class GeminiEmbedder:
    """One model behind one key; safe to share between threads."""

    batch = BATCH

    def __init__(self, config: EmbedConfig) -> None:
        if not config.model:
            raise Permanent("no model is configured")
        self._config = config
        self._sdk = gemini_sdk.client(api_key=config.api_key, base_url=config.base_url)

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
        return self._embed(texts, task="RETRIEVAL_DOCUMENT", timeout_s=self._config.timeout_s)

    def embed_query(self, text: str) -> list[float]:
        """Return float[dimensions] of unit length for a question; raises as `embed_counted`."""
        return self.embed_query_counted(text).vectors[0]

    def embed_query_counted(self, text: str) -> Embedded:
        """Return the vector of a question, and the tokens that are paid for."""
        timeout_s = min(QUERY_TIMEOUT_S, self._config.timeout_s)
        return self._embed([text], task="RETRIEVAL_QUERY", timeout_s=timeout_s)

    def _embed(self, texts: Sequence[str], *, task: str, timeout_s: float) -> Embedded:
        vectors: list[list[float]] = []
        n_tokens: int | None = 0
        cleaned = [embedding.clean(text) for text in texts]
        for batch in embedding.batches(cleaned, max_texts=BATCH, max_characters=MAX_CHARACTERS):
            contents: list[genai_types.PartUnion] = [*batch]
            with gemini_sdk.errors(), http.deadline(timeout_s):
                answer = self._sdk.models.embed_content(
                    model=self._config.model,
                    contents=contents,
                    config=self._options(task, timeout_s),
                )
            rows = [row.values for row in answer.embeddings or ()]
            # Only the full length comes normalised; ours are brought to length 1 all the same.
            vectors += embedding.unit_vectors(
                rows, n_texts=len(batch), dimensions=self._config.dimensions
            )
            usage = answer.usage_metadata
            n_tokens = embedding.add(
                n_tokens, wire.count_of(usage.prompt_token_count if usage else None)
            )
        return Embedded(vectors, n_tokens)

    def _options(self, task: str, timeout_s: float) -> genai_types.EmbedContentConfig:
        return genai_types.EmbedContentConfig(
            task_type=task if self._config.model.startswith(_WITH_TASKS) else None,
            output_dimensionality=self._config.dimensions or None,
            http_options=genai_types.HttpOptions(timeout=max(1, round(timeout_s * 1000))),
        )
