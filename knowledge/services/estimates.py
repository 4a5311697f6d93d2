"""What another embedding model would take, before anybody commits to it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from integrations.llm import embedding_models, factory
from integrations.models import Credential, ModelCall
from integrations.services import calls, prices
from knowledge import spaces
from knowledge.models import Chunk, ChunkVector, EmbeddingSpace
from knowledge.services import indexing
from tenants.context import release_connection

N_SAMPLES = 64
"""Passages that are embedded for the measurement: one usual call. At list prices a thousandth of a
cent, and the answer is worth more than a guess."""

TIMEOUT_S = 15.0
"""A person waits for the page."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What it would take to prepare a model.

    Args:
        n_texts: different texts; each is embedded once.
        dimensions: length of the vectors, as the model gave them.
        n_tokens: None where the provider does not count them.
        cost_usd: None where the price is not known, never 0; the built-in model costs 0.
        duration_s: from the rate of the sample; None where there was nothing to measure.
        price_usd: for a million tokens; None where it is not known.
    """

    n_texts: int
    dimensions: int
    n_tokens: int | None
    cost_usd: Decimal | None
    duration_s: float | None
    price_usd: Decimal | None


def estimate(
    *, credential: Credential | None, model: str, dimensions: int = 0, now: datetime
) -> Estimate:
    """Embed a sample of this tenant's passages and say what all of them would take.

    Waits for the network where the model is remote, so no transaction may be open.

    Args:
        credential: None for the built-in model.
        dimensions: 0 for the usual length, or what the model gives.

    Raises:
        Temporary: the provider failed in a way that a later try can help.
        Permanent: it refuses the key or the model.
        RuntimeError: a transaction is open.
    """
    n_all = n_texts(spaces.active_space())
    texts = _sample() or [("bom dia",)]
    provider = spaces.LOCAL if credential is None else credential.provider
    if credential is None:
        client = factory.embedder()
    else:
        known = embedding_models.find_model(provider, model)
        length = dimensions or (known.dimensions if known else 0)
        config = spaces.config_of(credential, model=model, dimensions=length, timeout_s=TIMEOUT_S)
        caller = calls.caller_of(ModelCall.Origin.TEST)
        client = calls.embedder(config, caller=caller)
    release_connection()
    client.embed_query("bom dia")  # connects, or loads the model: once, and no part of the rate
    began = time.monotonic()
    vectors, n_sampled = indexing.embed(client, texts)
    spent_s = time.monotonic() - began
    share = n_all / len(texts)
    n_tokens = None if n_sampled is None else math.ceil(n_sampled * share)
    known_price = prices.price_of(provider=provider, model=model, on=now.date())
    price = None if known_price is None else known_price.input_usd
    if credential is None:
        cost: Decimal | None = Decimal(0)
    else:
        cost = None if price is None or n_tokens is None else price * n_tokens / prices.MILLION
    return Estimate(
        n_texts=n_all,
        dimensions=len(vectors[0]),
        n_tokens=n_tokens,
        cost_usd=cost,
        duration_s=spent_s * share if n_all else None,
        price_usd=price,
    )


def n_texts(space: EmbeddingSpace) -> int:
    """Return how many different texts the passages in use have, by those that lie in a space."""
    vectors = ChunkVector.objects.filter(space=space, chunk__active=True)
    n_embedded = vectors.values("content_sha256").distinct().count()
    without = Chunk.objects.filter(active=True).exclude(vectors__space=space).count()
    return n_embedded + without


def _sample() -> list[indexing.Parts]:
    # By a digest: as good as by chance, and the index has them in this order.
    chunks = Chunk.objects.filter(active=True).defer("lexemes", "grams")
    found = chunks.order_by("content_sha256", "pk")[:N_SAMPLES]
    texts = [parts for chunk in found for parts in indexing.texts_of(chunk)]
    return list(dict.fromkeys(texts))[:N_SAMPLES]
