"""How well a search does on questions whose answers are known: what counts, and the figures.

The rules are those of the evaluation kit: a passage is right when it is of the right document and
holds the quoted words, compared by letters and digits without accents; of a table's row nearly all
words are enough, because each reader of tables writes a row in its own way.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from knowledge import text
from knowledge.types import ChunkKind

DEPTH = 10
"""Passages that are looked at for one question."""

CONTEXT = 2_000
"""Characters of passages within which the right one should be: what a small model is given."""

ROW_SHARE = 0.9
"""The part of a table row's words that a passage must hold."""

THRESHOLDS = (0.10, 0.15, 0.25, 0.40, 0.60)
"""Confidences at which the figures say what would be let through and what would be stopped."""

_WORD = re.compile(r"[a-z0-9]+")
_CODE = re.compile(r"^\s*[A-Za-z]{1,4}-?\d+\s*[;,|\t]")


class Found(Protocol):
    """What the rules look at in a passage."""

    @property
    def document_name(self) -> str:
        """The file's name."""

    @property
    def body(self) -> str:
        """The text."""

    @property
    def kind(self) -> ChunkKind:
        """What it was cut from."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the first right passage stood.

    Args:
        rank: from 1; None where it was not among the first `DEPTH`.
        n_characters: of the passages up to and with it; None where there is none.
    """

    rank: int | None
    n_characters: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares from 0 to 1 over some questions; None where there was none to be measured on.

    Args:
        n: questions that have an answer in the documents.
        in_context: the right passage was within the first `CONTEXT` characters.
    """

    n: int
    recall_1: float | None
    recall_3: float | None
    recall_5: float | None
    mrr: float | None
    ndcg: float | None
    in_context: float | None

    def as_json(self) -> dict[str, float | int | None]:
        """Return them for a column, to five places."""
        return {
            name: value if value is None or name == "n" else round(value, 5)
            for name, value in (
                ("n", self.n),
                ("recall_1", self.recall_1),
                ("recall_3", self.recall_3),
                ("recall_5", self.recall_5),
                ("mrr", self.mrr),
                ("ndcg", self.ndcg),
                ("in_context", self.in_context),
            )
        }


def place(passages: Sequence[Found], evidence: Sequence[Mapping[str, str]]) -> Placed:
    """Return where the first right passage stands.

    Args:
        evidence: ``{"doc", "quote"}`` each; any one is enough.
    """
    length = 0
    for rank, passage in enumerate(passages[:DEPTH], start=1):
        length += len(passage.body)
        if is_relevant(passage, evidence):
            return Placed(rank=rank, n_characters=length)
    return Placed(rank=None, n_characters=None)


def is_relevant(passage: Found, evidence: Sequence[Mapping[str, str]]) -> bool:
    """Test whether a passage holds any of the evidence."""
    return any(
        passage.document_name == one["doc"]
        and holds(passage.body, one["quote"], is_row=passage.kind is ChunkKind.ROW)
        for one in evidence
    )


def holds(body: str, quote: str, *, is_row: bool) -> bool:
    """Test for the quote itself or, in a table's row, for nearly all of its words."""
    quoted = plain(quote)
    if not quoted:
        return False
    if quoted in plain(body):
        return True
    wanted = words(_CODE.sub("", quote))
    if not is_row or not wanted:
        return False
    held = set(words(body))
    return sum(word in held for word in wanted) >= ROW_SHARE * len(wanted)


def plain(written: str) -> str:
    """Return the letters and digits of a text, folded."""
    return "".join(words(written))


def words(written: str) -> list[str]:
    """Return the words and numbers of a text in order, folded."""
    return _WORD.findall(text.fold(written))


def figures(places: Sequence[Placed]) -> Figures:
    """Return the figures over the questions that have an answer."""
    n = len(places)
    if not n:
        return Figures(0, None, None, None, None, None, None)
    ranks = [one.rank for one in places if one.rank is not None]
    near = [one for one in places if one.n_characters is not None and one.n_characters <= CONTEXT]
    return Figures(
        n=n,
        recall_1=sum(rank <= 1 for rank in ranks) / n,
        recall_3=sum(rank <= 3 for rank in ranks) / n,
        recall_5=sum(rank <= 5 for rank in ranks) / n,
        mrr=sum(1 / rank for rank in ranks) / n,
        ndcg=sum(gain(rank) for rank in ranks) / n,
        in_context=len(near) / n,
    )


def gain(rank: int) -> float:
    """Return the nDCG of one right passage at a rank, from 1: the ideal is 1."""
    return 1 / math.log2(rank + 1)


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Return how often a question with an answer has the higher confidence; ties count half.

    None where one of the two sides is empty.
    """
    if not positive or not negative:
        return None
    below = sorted(negative)
    won = sum(bisect_left(below, one) + bisect_right(below, one) for one in positive) / 2
    return won / (len(positive) * len(negative))


def share_from(confidences: Sequence[float], threshold: float) -> float | None:
    """Return the part of the confidences that reaches a threshold; None of nothing."""
    if not confidences:
        return None
    return sum(one >= threshold for one in confidences) / len(confidences)
