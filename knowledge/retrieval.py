"""Finding passages: meaning, words and pieces of words, weighed together.

One `search` for conversations, the test page, the evaluation and the API. A scope that is small is
compared as a whole; of a large one the nearest passages and those with the rarest words of the
question are, and a random sample tells what is usual in it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from integrations.services.calls import Caller
from knowledge import (
    abstention,
    candidates,
    normaliser,
    ranking,
    scanning,
    signs,
    spaces,
    text,
    vocabularies,
)
from knowledge.abstention import Thresholds
from knowledge.models import EmbeddingSpace
from knowledge.normaliser import Vocabulary
from knowledge.ranking import Asked, Pool, Ranking, RankWeights
from knowledge.scanning import Scope
from knowledge.types import ChunkKind, Decision, Passage, SearchOptions, SearchResult
from tenants.context import release_connection
from tenants.remembering import Remembered
from tenants.zones import current_zone

FOLLOW_UP_SHARE = 0.5
"""How much a follow-up is searched by itself; the rest goes to it together with what it follows."""

MAX_K = 50
MAX_LEXEMES = 60
MAX_GRAMS = 300
"""Distinct words and pieces of a question that are looked up; the cut of the query bounds both."""

USUAL_COSINE = 0.8748
"""How near the best passage usually is; the confidence is made with it where that is not known."""

MIN_WORDS = 3.0
"""Words of a question below which its length says nothing about the confidence."""

EXACT_UP_TO = 4_000
"""Passages up to which every one is compared, at about 15 microseconds each. Of 10,000 candidates
took half as long as all, and below some thousands no longer pay for their sample."""


@dataclass(frozen=True, slots=True)
class _Basis:
    """What every search of a tenant rests on."""

    vocabulary: Vocabulary
    thresholds: Thresholds
    space: EmbeddingSpace
    is_small: bool
    zone: ZoneInfo


def _read_basis() -> _Basis:
    is_small = scanning.total() <= EXACT_UP_TO
    return _Basis(
        vocabularies.current(),
        abstention.current(),
        spaces.active_space(),
        is_small,
        ZoneInfo(current_zone()),
    )


_basis = Remembered(_read_basis)


def search(
    *,
    query: str,
    category_ids: Sequence[int] | None,
    previous: str = "",
    rewritten: str = "",
    k: int | None = None,
    options: SearchOptions = SearchOptions(),  # noqa: B008 - frozen
    caller: Caller | None = None,
) -> SearchResult:
    """Find the passages that answer a question best, and decide whether they do.

    Embeds the question, so no transaction may be open. While the embedding model cannot be reached
    words and pieces of words alone tell.

    Args:
        query: what a person typed; may be several messages, one a line.
        category_ids: where to look; None looks everywhere, an empty sequence nowhere.
        previous: the person's message before, used when `query` leans on it.
        rewritten: `query` as somebody who knows the conversation would ask it, such as a model;
            searched in place of `previous`, together with what was typed.
        k: how many passages, 1 to `MAX_K`; None takes the tenant's number.
        caller: for whom a remote model embeds the question; None for the tenant itself.

    Raises:
        RuntimeError: a transaction is open.
    """
    began = time.monotonic()
    basis = _basis.get()
    thresholds, space = basis.thresholds, basis.space
    questions = _questions(
        query, previous=previous, rewritten=rewritten, vocabulary=basis.vocabulary
    )
    n_wanted = thresholds.n_passages if k is None else k
    if not questions or (category_ids is not None and not category_ids):
        return SearchResult(
            passages=(),
            confidence=0.0,
            normalised_query=questions[-1][1] if questions else "",
            decision=Decision.UNKNOWN,
            threshold=thresholds.answer_from,
            duration_ms=round((time.monotonic() - began) * 1000),
        )
    scope = Scope(
        category_ids=category_ids,
        languages=options.languages,
        on=options.on or timezone.localdate(timezone=basis.zone),
        space_id=space.pk,
        dimensions=space.dimensions,
    )
    release_connection()
    asked = _with_vectors(
        [_ask(question, share=share, space=space, caller=caller) for share, question in questions]
    )
    is_near_known = all(one.vector is not None for one in asked)
    found, passages = _find(
        scope, asked, k=max(1, min(n_wanted, MAX_K)), options=options, is_small=basis.is_small
    )
    signals = _signals(found, questions[-1][1])
    if signals and not is_near_known:
        signals["cosine"] = USUAL_COSINE
    confidence = _confidence(signals) if passages else 0.0
    return SearchResult(
        passages=passages,
        confidence=confidence,
        normalised_query=questions[-1][1],
        decision=abstention.decide(confidence=confidence, settings=thresholds),
        threshold=thresholds.answer_from,
        best_cosine=float(found.cosines.max()) if passages and is_near_known else None,
        duration_ms=round((time.monotonic() - began) * 1000),
        signals=signals,
    )


def warm_up() -> None:
    """Load the word lists that a first search would wait for."""
    normaliser.warm_up()


def _questions(
    query: str, *, previous: str, rewritten: str, vocabulary: Vocabulary
) -> list[tuple[float, str]]:
    """Return what is searched, each with its share; the last one is the most complete."""
    normalised = normaliser.normalise(query, vocabulary)
    if not normalised:
        return []
    joined = ""
    if rewritten.strip():
        joined = normaliser.normalise(rewritten, vocabulary)
    elif previous.strip() and normaliser.looks_like_follow_up(query, normalised):
        before = normaliser.normalise(previous, vocabulary).rstrip("?")
        joined = f"{before} {normalised}".strip()[-normaliser.MAX_QUERY :]
    if not joined or joined == normalised:
        return [(1.0, normalised)]
    return [(FOLLOW_UP_SHARE, normalised), (1 - FOLLOW_UP_SHARE, joined)]


def _ask(question: str, *, share: float, space: EmbeddingSpace, caller: Caller | None) -> Asked:
    # Stems only: pieces of the added words would count for every word that looks like them.
    lexemes = text.lexemes(f"{question} {normaliser.expansion(question)}")
    return Asked(
        share=share,
        vector=spaces.embed_query(space, question.lower(), caller=caller),
        lexemes=tuple(dict.fromkeys(lexemes))[:MAX_LEXEMES],
        grams=tuple(dict.fromkeys(text.grams(question)))[:MAX_GRAMS],
        signs=signs.asked_for(question),
    )


def _with_vectors(asked: list[Asked]) -> list[Asked]:
    """Return the questions with all of their vectors or none: half of them would tilt the order."""
    if all(one.vector is not None for one in asked):
        return asked
    return [replace(one, vector=None) for one in asked]


def _find(
    scope: Scope, asked: Sequence[Asked], *, k: int, options: SearchOptions, is_small: bool
) -> tuple[Ranking, tuple[Passage, ...]]:
    """Return the ranking and what is shown of its first k."""
    weights = RankWeights() if options.weights is None else RankWeights(*options.weights)
    pool = _pool(scope, asked, exact=options.exact, is_small=is_small)
    found = ranking.rank(pool, asked, weights=weights)
    rows = scanning.fetch(scope, found.ids[:k].tolist()) if len(found.ids) else {}
    passages = (
        _passage(rows[pk], found, at) for at, pk in enumerate(found.ids[:k].tolist()) if pk in rows
    )
    return found, tuple(passages)


def _pool(scope: Scope, asked: Sequence[Asked], *, exact: bool | None, is_small: bool) -> Pool:
    """Return what the questions are compared with: everything in a small scope."""
    if exact is not False:
        n_most = EXACT_UP_TO if exact is None else None
        pool = scanning.measure_all(scope, asked, n_most=n_most, prepare=is_small)
        if len(pool.ids):
            return pool
    with transaction.atomic():
        scanning.prepare()
        n_passages, is_indexed = scanning.size(scope)
        return candidates.gather(scope, asked, n_passages=n_passages, by_index=is_indexed)


def _passage(row: tuple[Any, ...], found: Ranking, at: int) -> Passage:
    return Passage(
        chunk_id=row[0],
        document_id=row[1],
        document_name=row[2],
        document_title=row[3],
        document_uuid=row[4],
        version=row[5],
        category=row[6],
        heading_path=row[7],
        body=row[8],
        page=row[9],
        kind=ChunkKind(row[10]),
        score=float(found.scores[at]),
        cosine=float(found.cosines[at]),
        lexical=float(found.lexical[at]),
        grams=float(found.grams[at]),
        valid_until=row[11],
        language=row[12],
    )


def _signals(found: Ranking, question: str) -> dict[str, float]:
    """Return what the confidence is made of: the best passage, all of them, and the question."""
    if not len(found.ids):
        return {}
    return {
        "cosine": float(found.cosines[0]),
        "lexical_cover": float(found.lexical_cover[0]),
        "gram_cover": float(found.gram_cover[0]),
        "margin": found.margin,
        "lead": found.lead,
        "n_words": float(len(text.words(question))),
        "n_passages": found.n_passages,
    }


def _confidence(signals: dict[str, float]) -> float:
    """Return the probability that the passages answer.

    Fitted on 288 questions with and 72 without an answer, of five businesses: how near the best
    passage is, how much of the question's words and pieces it holds, how far it stands out, and how
    long the question is, for of a long one less is held by any passage. Questions of one and two
    words count as of three, for the fit knows few of them and gave all of them next to nothing.
    Fitted with a ridge penalty of 15 on four businesses it tells the questions of the fifth apart
    as well (AUROC 0.95 and 0.86 on the two kits; without the length 0.93 and 0.84). The first
    figure is lower than the fitted one by 1.6: it keeps the meaning of thresholds that tenants have
    set. Fitted for the built-in embedding model; another one needs figures of its own.
    """
    n_words = max(MIN_WORDS, signals["n_words"])
    logit = (
        0.597
        + 0.811 * (signals["cosine"] - USUAL_COSINE) / 0.0230
        + 0.228 * (signals["lexical_cover"] - 0.4281) / 0.2837
        + 0.330 * (signals["gram_cover"] - 0.4813) / 0.3007
        + 0.299 * (signals["margin"] - ranking.USUAL_MARGIN) / 0.0178
        + 0.469 * (signals["lead"] - ranking.USUAL_LEAD) / 1.9178
        + 0.564 * (math.log(n_words) - 1.364) / 0.2810
    )
    return 1 / (1 + math.exp(-logit))
