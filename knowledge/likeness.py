"""Whether two questions ask the same, for any embedding model.

Models differ in how near they put questions that have nothing in common: one calls them 0.85 alike,
another 0.2. So a similarity is read between what unrelated questions have in that model and 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from knowledge import text

BACKGROUND = (
    "que horas vocês abrem?",
    "quanto custa a entrega?",
    "aceita cartão de crédito?",
    "onde fica a loja?",
    "como faço para cancelar?",
    "tem vaga para sábado?",
    "o produto tem garantia?",
    "qual o prazo para troca?",
    "precisa levar documento?",
    "atende criança?",
    "tem desconto à vista?",
    "vocês estão contratando?",
)
"""Questions that any business gets, of different meanings; each process embeds them once."""

WORDS_SHARE = 0.2
"""How much common words count beside the meaning. More of it parts "aceita Gympass?" from "passa
Wellhub?"; none of it joins questions of the same form about different things."""

SAME = 0.36
"""From here on two questions are one. Measured on 90 questions of three businesses in two to four
wordings each: about 20 of 12,000 pairs of different questions reach it, and 58 of 100 pairs of the
same; the middle of a cluster catches more than any one of its questions."""

MAX_CLARITY = 8
"""Words beyond so many make a question no clearer."""

MIN_SPAN = 1e-3


def background(vectors: Sequence[NDArray[np.float32]]) -> float:
    """Return the mean cosine of unrelated questions.

    Args:
        vectors: float32[n] of unit length, of `BACKGROUND` in one model.
    """
    return float(np.mean([float(one @ other) for one, other in combinations(vectors, 2)]))


def score(
    cosine: float, words: Sequence[str], other_words: Sequence[str], *, background: float
) -> float:
    """Return how alike two questions are: about 0 for unrelated ones, 1 for the same."""
    meaning = (cosine - background) / max(1 - background, MIN_SPAN)
    mine, others = set(words), set(other_words)
    if mine and mine == others:
        return 1.0
    common = 2 * len(mine & others) / max(1, len(mine) + len(others))
    return (1 - WORDS_SHARE) * meaning + WORDS_SHARE * common


def clarity(question: str, previous: str = "") -> int:
    """Return how well a question can be understood by itself; more is clearer.

    Args:
        previous: the message that it leaned on; such a question needs that one to be understood.
    """
    words = len(set(text.lexemes(question)))
    return min(words, MAX_CLARITY) - (MAX_CLARITY if previous else 0)
