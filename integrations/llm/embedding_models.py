"""Remote embedding models that may be chosen by name."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.llm.types import Provider


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """A model that may be chosen by name.

    Args:
        dimensions: what is asked for where nobody says otherwise; below the 4,000 at which a
            half-precision index ends.
    """

    provider: Provider
    name: str
    dimensions: int


MODELS = (
    EmbeddingModel(Provider.OPENAI, "text-embedding-3-small", 1536),
    EmbeddingModel(Provider.OPENAI, "text-embedding-3-large", 3072),
    # The provider names 768, 1,536 and 3,072; the middle one halves the index at little loss.
    EmbeddingModel(Provider.GEMINI, "gemini-embedding-001", 1536),
)


def find_model(provider: str, name: str) -> EmbeddingModel | None:
    """Return what is known of a model; None for one that we never heard of."""
    found = (one for one in MODELS if (one.provider, one.name) == (provider, name))
    return next(found, None)
