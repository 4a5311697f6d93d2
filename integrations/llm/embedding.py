"""What the embedders of all remote providers have in common: how texts are sent, what is taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tenants.errors import Permanent, Temporary

MAX_TEXT = 8_000
"""Characters of one text that are sent. Passages are far shorter; the bound keeps anything else
below the 8,192 tokens (OpenAI) at which a whole call is refused."""

MAX_DIMENSIONS = 4_000
"""Longest vector that a half-precision index of pgvector takes."""


def clean(text: str) -> str:
    """Return a text as it may be sent: providers refuse empty ones, and cut at null bytes."""
    return text.replace("\x00", " ").strip()[:MAX_TEXT] or "."


def batches(
    texts: Sequence[str], *, max_texts: int, max_characters: int
) -> Iterator[Sequence[str]]:
    """Yield the texts in order, as many a call as its limits allow."""
    batch: list[str] = []
    n_characters = 0
    for text in texts:
        if batch and (len(batch) >= max_texts or n_characters + len(text) > max_characters):
            yield batch
            batch, n_characters = [], 0
        batch.append(text)
        n_characters += len(text)
    if batch:
        yield batch


def unit_vectors(rows: Sequence[object], *, n_texts: int, dimensions: int) -> list[list[float]]:
    """Return a provider's vectors at length 1.

    Args:
        dimensions: what each must have; 0 takes any length that is the same for all.

    Raises:
        Temporary: not a vector for each text, or not of usable numbers.
        Permanent: vectors of another length than asked for.
    """
    if len(rows) != n_texts:
        raise Temporary(f"{len(rows)} vectors came for {n_texts} texts")
    try:
        found = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise Temporary("the answer cannot be read") from error
    if found.ndim != 2 or not found.shape[1]:
        raise Temporary("the answer cannot be read")
    length = int(found.shape[1])
    if length > MAX_DIMENSIONS or (dimensions and length != dimensions):
        wanted = str(dimensions) if dimensions else f"at most {MAX_DIMENSIONS}"
        raise Permanent(f"vectors of {length} numbers instead of {wanted}")
    norms = np.linalg.norm(found, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or (norms < 1e-12).any():
        raise Temporary("a vector has no direction")
    vectors: list[list[float]] = (found / norms).tolist()
    return vectors


def add(left: int | None, right: int | None) -> int | None:
    """Return the sum of two counts of tokens; None where one was not measured."""
    return None if left is None or right is None else left + right
