"""Which passages of a large scope are compared: the nearest of all, and the nearest of those that
hold the rarest words of the question.

A common word stands in a tenth of all passages and tells little; going through them would take
longer than everything else. So words, and pairs and triples of words that stand together, are
taken by what they tell until they bring in as many passages as one search may look at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from knowledge import ranking, scanning
from knowledge.ranking import Asked, Floats, Pool
from knowledge.scanning import Scope

MAX_HOLDING = 3_000
"""Passages that are looked at for the words, and as many for the pieces of words, that they share
with the question. It bounds what common words cost."""

BY_INDEX_FROM = 20_000
"""Passages of a scope from which on the index is used. For 10,000 among 100,000 it had to pass by
so many others that it took more than twice as long as comparing with all of them (55 and 20 ms)."""

N_COMBINED = 6
"""Words of a question that are combined, the rarest, and as many pieces of words."""

MAX_COUNTED = 40
"""Pieces of words that are counted because the sample holds none; the others pass for unknown."""


def gather(scope: Scope, asked: Sequence[Asked], *, n_passages: int, by_index: bool) -> Pool:
    """Compare the questions with what may be among the best of a large scope.

    Args:
        n_passages: in the scope, about.
        by_index: an index over the vectors is there; it is used where it helps.
    """
    sample = scanning.measure_sample(scope, asked, n_passages=n_passages)
    near: set[int] = set()
    n_lexemes: dict[str, float] = {}
    n_grams: dict[str, float] = {}
    for one in asked:
        near.update(scanning.nearest(scope, one, by_index=by_index and n_passages >= BY_INDEX_FROM))
        unseen = [word for word in one.lexemes if word not in sample.lexemes]
        n_lexemes |= scanning.count(scope, unseen, of_grams=False)
        words = _telling(one.lexemes, sample.lexemes, n_lexemes, n_passages, len(sample.ids))
        near.update(scanning.nearest_holding(scope, one, words, of_grams=False))
        unseen = [gram for gram in one.grams if not sample.grams[gram].any()]
        n_grams |= scanning.count(scope, unseen[:MAX_COUNTED], of_grams=True)
        pieces = _telling(one.grams, sample.grams, n_grams, n_passages, len(sample.ids))
        near.update(scanning.nearest_holding(scope, one, pieces, of_grams=True))
    found = scanning.measure(scope, asked, sorted(near - set(sample.ids.tolist())))
    return _joined(sample, found, n_lexemes, n_grams, n_passages=n_passages)


def _telling(
    words: Sequence[str],
    held: Mapping[str, Floats],
    n_holding: Mapping[str, float],
    n_passages: int,
    n_sample: int,
) -> str:
    """Return a tsquery for the combinations that tell most, within `MAX_HOLDING` passages."""
    share = n_passages / max(1, n_sample)
    present = {word: held[word] > 0 for word in words if word in held}
    expected = {
        word: n_holding.get(word, float(present[word].sum()) * share if word in present else 0.0)
        for word in words
    }
    rarest = sorted((word for word in words if expected[word]), key=lambda word: expected[word])
    told = {word: ranking.idf(expected[word], n_passages) for word in rarest[:N_COMBINED]}
    chosen: list[str] = []
    budget = float(MAX_HOLDING)
    for combined in _combined(list(told), told):
        least = min(expected[word] for word in combined)
        # Words that are too rare for the sample are so together all the more.
        together = least if n_holding.keys() & combined else _together(combined, present) * share
        together = min(least, max(together, share / 2 if len(combined) > 1 else 0.0))
        if together <= budget:
            budget -= together
            chosen.append("(" + " & ".join(f"'{word}'" for word in combined) + ")")
    return " | ".join(chosen)


def _combined(words: Sequence[str], told: dict[str, float]) -> Iterator[tuple[str, ...]]:
    """Return words, pairs and triples, those that tell most first; wider ones of no more use."""
    every = [one for size in (1, 2, 3) for one in combinations(words, size)]
    every.sort(key=lambda combined: -sum(told[word] for word in combined))
    yield from every


def _together(combined: Sequence[str], present: Mapping[str, NDArray[np.bool_]]) -> float:
    """Return in how many passages of the sample all of some words stand."""
    return float(np.logical_and.reduce([present[word] for word in combined]).sum())


def _joined(
    sample: Pool,
    found: Pool,
    n_lexemes: Mapping[str, float],
    n_grams: Mapping[str, float],
    *,
    n_passages: int,
) -> Pool:
    """Put both together; each passage of the sample stands for many.

    One that was picked because it is near stands for none: it would make nearness look usual.
    """
    n_sample, n_found = len(sample.ids), len(found.ids)
    each = n_passages / max(1, n_sample)
    return Pool(
        ids=np.concatenate([sample.ids, found.ids]),
        stands_for=np.concatenate([np.full(n_sample, each), np.zeros(n_found)]),
        cosines=np.concatenate([sample.cosines, found.cosines]),
        phrased=np.concatenate([sample.phrased, found.phrased]),
        lengths=np.concatenate([sample.lengths, found.lengths]),
        lexemes=_stacked(sample.lexemes, found.lexemes, n_sample, n_found),
        grams=_stacked(sample.grams, found.grams, n_sample, n_found),
        n_lexemes=n_lexemes,
        n_grams=n_grams,
    )


def _stacked(
    one: Mapping[str, Floats], other: Mapping[str, Floats], n_one: int, n_other: int
) -> dict[str, Floats]:
    none_of_one, none_of_other = np.zeros(n_one), np.zeros(n_other)
    return {
        word: np.concatenate([one.get(word, none_of_one), other.get(word, none_of_other)])
        for word in one.keys() | other.keys()
    }
