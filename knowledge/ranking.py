"""From what each passage shares with the question to an order, in one way for all of them.

The passages are weighed: where all of a scope are at hand each stands for itself, and where only
some are, each of a random sample stands for many and a candidate that was picked because it is near
stands for none. All counts and deviations are over those weights, so that the order by candidates
is that of the whole scope as far as the sample tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# BM25: how soon a repeated word counts no more, and how much a long passage is held against it.
K1, B = 1.2, 0.75
# How much a phrasing must be nearer than a passage would have to be, in standard deviations. Short
# questions are near to any short question: with phrasings of other questions beside every answer,
# nDCG@10 fell from 0.916 to 0.879 without a handicap and to 0.914 with it. What it costs where a
# phrasing is of the very question is not measured.
PHRASING_HANDICAP = 1.5
# Where the 10th nearest passage usually stands behind the nearest one, in cosine.
USUAL_MARGIN = 0.0340
MIN_FOR_MARGIN = 10
# And the 5th best behind the best, in its score.
USUAL_LEAD = 3.20
MIN_FOR_LEAD = 5


@dataclass(frozen=True, slots=True)
class RankWeights:
    """The shares of the signals in the score; each counts in its standard deviations.

    The defaults were measured on five businesses; the plateau around them is flat.
    """

    meaning: float = 0.8
    words: float = 0.3
    grams: float = 0.2
    signs: float = 0.1


@dataclass(frozen=True, slots=True)
class Asked:
    """One way of asking, with its share of the score.

    Args:
        vector: float[d] of unit length; None while the embedding model cannot be reached.
        lexemes, grams, signs: distinct; what they are is in `knowledge.text`.
    """

    share: float
    vector: Sequence[float] | None
    lexemes: tuple[str, ...]
    grams: tuple[str, ...]
    signs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pool:
    """Passages and what they share with the questions; n passages, m questions.

    Args:
        ids: int[n] of chunks.
        stands_for: float[n], how many passages of the scope each stands for.
        cosines: float[n, m] of the passages themselves.
        phrased: float[n, m] of the nearest of their phrasings, NaN where they have none.
        lengths: float[n], words with repetitions.
        lexemes: of each lexeme or sign that some passage holds, float[n] how often.
        grams: of each gram that some passage holds, float[n] of 0 and 1.
        n_lexemes, n_grams: in how many passages of the scope those stand that are too rare for the
            passages at hand to tell.
    """

    ids: NDArray[np.int64]
    stands_for: Floats
    cosines: Floats
    phrased: Floats
    lengths: Floats
    lexemes: dict[str, Floats]
    grams: dict[str, Floats]
    n_lexemes: Mapping[str, float] = field(default_factory=dict)
    n_grams: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Passages, best first, with their signals; all float[n] but `ids`.

    Args:
        margin: how far the nearest passage stands before the 10th nearest, in cosine.
        lead: how far the best score stands before the 5th best, in standard deviations of signals.
        n_passages: in the scope, as far as the sample tells.
    """

    ids: NDArray[np.int64]
    scores: Floats
    cosines: Floats
    lexical: Floats
    grams: Floats
    lexical_cover: Floats
    gram_cover: Floats
    margin: float
    lead: float
    n_passages: float


def rank(pool: Pool, asked: Sequence[Asked], *, weights: RankWeights) -> Ranking:
    """Order the passages of `pool` by all questions together."""
    n = len(pool.ids)
    n_passages = float(pool.stands_for.sum())
    total = {name: np.zeros(n) for name in ("score", "cosine", "words", "grams", "cover", "pieces")}
    margin = 0.0
    mean_length = max(1.0, float(pool.stands_for @ pool.lengths) / max(1.0, n_passages))
    norm = K1 * (1 - B + B * pool.lengths / mean_length)
    for number, one in enumerate(asked):
        cosine = _nearest_wording(pool, number)
        words, cover, rare = _shared(pool, one.lexemes, pool.lexemes, pool.n_lexemes, norm)
        # How often a piece is held, and how long the passage is, made no difference.
        pieces, share, rarer = _shared(pool, one.grams, pool.grams, pool.n_grams, None)
        score = (
            weights.meaning * _deviations(cosine, pool.stands_for)
            + weights.words * _deviations(words, pool.stands_for, rare)
            + weights.grams * _deviations(pieces, pool.stands_for, rarer)
        )
        for sign in one.signs:
            held = pool.lexemes.get(sign)
            if held is not None:
                score += weights.signs * _deviations(held, pool.stands_for)
        for name, value in zip(total, (score, cosine, words, pieces, cover, share), strict=True):
            total[name] += one.share * value
        nearest = np.sort(cosine)[::-1][:MIN_FOR_MARGIN]
        if len(nearest):  # nothing to look in is no error: a new tenant asks as well
            margin += one.share * float(nearest[0] - nearest[-1])
    order = np.lexsort((pool.ids, -total["score"]))
    best = total["score"][order][:MIN_FOR_LEAD]
    return Ranking(
        ids=pool.ids[order],
        scores=total["score"][order],
        cosines=total["cosine"][order],
        lexical=total["words"][order],
        grams=total["grams"][order],
        lexical_cover=total["cover"][order],
        gram_cover=total["pieces"][order],
        # Among too few passages nothing can stand out.
        margin=margin if n_passages >= MIN_FOR_MARGIN and margin else USUAL_MARGIN,
        lead=float(best[0] - best[-1]) if len(best) == MIN_FOR_LEAD else USUAL_LEAD,
        n_passages=n_passages,
    )


def idf(n_holding: float, n_passages: float) -> float:
    """Return how much a word tells that so many of all passages hold."""
    held = min(n_holding, n_passages)
    return float(np.log(1 + (n_passages - held + 0.5) / (held + 0.5)))


def _nearest_wording(pool: Pool, number: int) -> Floats:
    """Return how near each passage is to a question: itself, or a phrasing that is much nearer."""
    own = pool.cosines[:, number]
    phrased = pool.phrased[:, number]
    n = float(pool.stands_for.sum())
    if n <= 0 or np.isnan(phrased).all():
        return own
    mean = float(pool.stands_for @ own) / n
    deviation = float(np.sqrt(pool.stands_for @ (own - mean) ** 2 / n))
    return np.fmax(own, phrased - PHRASING_HANDICAP * deviation)


def _shared(
    pool: Pool,
    words: Sequence[str],
    held_words: Mapping[str, Floats],
    n_holding: Mapping[str, float],
    norm: Floats | None,
) -> tuple[Floats, Floats, float]:
    """Return what passages share with a question, and the share of the question that is.

    Both by the idf of the words; the first one is BM25 where `norm` tells how passages' lengths
    count. The third is the variance that words bring in which are too rare for the sample.
    """
    n = len(pool.ids)
    n_passages = float(pool.stands_for.sum())
    score, cover, most, rare = np.zeros(n), np.zeros(n), 0.0, 0.0
    for word in words:
        held = held_words.get(word)
        present = np.zeros(n) if held is None else (held > 0).astype(np.float64)
        n_held = float(pool.stands_for @ present)
        if n_held == 0 and n_passages > 0:
            n_held = n_holding.get(word, 0.0)
            rare += idf(n_held, n_passages) ** 2 * n_held / n_passages
        worth = idf(n_held, n_passages)
        most += worth
        if held is not None:
            cover += worth * present
            score += worth * (present if norm is None else held * (K1 + 1) / (held + norm))
    return score, cover / most if most else cover, rare


def _deviations(values: Floats, stands_for: Floats, unseen: float = 0.0) -> Floats:
    """Return how many standard deviations of the scope each value is above its mean.

    Args:
        unseen: variance beside that of the passages at hand.
    """
    n = float(stands_for.sum())
    if n <= 0:
        return np.zeros(len(values))
    mean = float(stands_for @ values) / n
    deviation = float(np.sqrt(stands_for @ (values - mean) ** 2 / n + unseen))
    # Rounding leaves a trace of a deviation where all values are the same.
    return (values - mean) / deviation if deviation > 1e-9 else np.zeros(len(values))
