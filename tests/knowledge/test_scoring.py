"""The figures of evaluations, against the plainest formulas there are."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import pytest

from knowledge import scoring
from knowledge.scoring import Placed
from knowledge.types import ChunkKind


@dataclass(frozen=True)
class Found:
    document_name: str
    body: str
    kind: ChunkKind = ChunkKind.TEXT


def naive_ndcg(rank: int | None) -> float:
    gains = [0.0] * scoring.DEPTH
    if rank is not None:
        gains[rank - 1] = 1.0
    dcg = sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))
    ideal = 1 / math.log2(2)
    return dcg / ideal


def naive_auroc(positive: list[float], negative: list[float]) -> float:
    pairs = [(p, n) for p in positive for n in negative]
    return sum(1.0 if p > n else 0.5 if p == n else 0.0 for p, n in pairs) / len(pairs)


@pytest.mark.parametrize("seed", range(30))
def test_figures_are_what_the_plain_formulas_say(seed: int) -> None:
    rng = random.Random(seed)
    places = [
        Placed(rank, None if rank is None else rank * rng.randint(50, 900))
        for rank in rng.choices([None, *range(1, 11)], k=rng.randint(1, 60))
    ]
    ranks = [one.rank for one in places]

    got = scoring.figures(places)

    n = len(places)
    for k, value in ((1, got.recall_1), (3, got.recall_3), (5, got.recall_5)):
        assert value == pytest.approx(sum(r is not None and r <= k for r in ranks) / n)
    assert got.mrr == pytest.approx(sum(1 / r if r else 0 for r in ranks) / n)
    assert got.ndcg == pytest.approx(sum(map(naive_ndcg, ranks)) / n)
    near = [one for one in places if one.n_characters is not None and one.n_characters <= 2_000]
    assert got.in_context == pytest.approx(len(near) / n)
    assert got.recall_1 <= got.recall_3 <= got.recall_5  # type: ignore[operator]


@pytest.mark.parametrize("seed", range(30))
def test_auroc_is_the_share_of_pairs_in_the_right_order(seed: int) -> None:
    rng = random.Random(seed)
    # Few different values, so that there are ties within and between the sides.
    positive = [rng.randint(0, 8) / 8 for _ in range(rng.randint(1, 40))]
    negative = [rng.randint(0, 8) / 8 for _ in range(rng.randint(1, 40))]

    assert scoring.auroc(positive, negative) == pytest.approx(naive_auroc(positive, negative))


def test_what_nobody_measured_is_not_zero() -> None:
    assert scoring.figures([]).recall_1 is None
    assert scoring.auroc([], [0.5]) is None
    assert scoring.share_from([], 0.5) is None


def test_a_passage_counts_when_it_is_of_the_document_and_holds_the_quote() -> None:
    evidence = [{"doc": "faq.md", "quote": "Não abrimos aos domingos."}]

    assert scoring.is_relevant(Found("faq.md", "nao ABRIMOS, aos domingos!"), evidence)
    assert not scoring.is_relevant(Found("other.md", "Não abrimos aos domingos."), evidence)
    assert not scoring.is_relevant(Found("faq.md", "Abrimos aos sábados."), evidence)


def test_nine_tenths_of_a_rows_words_are_enough_without_its_code() -> None:
    quote = "C001;Limpeza completa;Clínica geral;220,00;2x 110,00"
    row = "procedimento: Limpeza completa; especialidade: Clínica geral; valor: R$ 220,00;"
    evidence = [{"doc": "p.csv", "quote": quote}]
    whole = Found("p.csv", f"{row} parcelado: 2x R$ 110,00", ChunkKind.ROW)

    assert scoring.is_relevant(whole, evidence)
    assert not scoring.is_relevant(Found("p.csv", row, ChunkKind.ROW), evidence)
    assert not scoring.is_relevant(Found("p.csv", whole.body, ChunkKind.TEXT), evidence)


def test_the_context_counts_up_to_and_with_the_right_passage() -> None:
    evidence = [{"doc": "a", "quote": "wanted"}]
    passages = [Found("a", "x" * 1_500), Found("a", "wanted" + "y" * 494), Found("a", "wanted")]

    assert scoring.place(passages, evidence) == Placed(rank=2, n_characters=2_000)
    assert scoring.place(passages[:1], evidence) == Placed(rank=None, n_characters=None)


def test_evidence_without_letters_is_found_nowhere() -> None:
    assert not scoring.holds("anything", "…", is_row=False)
