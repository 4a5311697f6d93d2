"""Finding passages: meaning, words and pieces of words, weighed in one statement.

The only reader of `Chunk`. Exact, without an approximate index: up to some ten thousand chunks a
tenant's own table is read faster than a filtered HNSW index, and nothing is missed.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import Error, connection
from django_tenants.utils import schema_context

from integrations.llm import factory
from knowledge import normaliser, text
from knowledge.models import Chunk
from knowledge.normaliser import Vocabulary
from knowledge.types import ChunkKind, Passage, SearchResult
from tenants.context import current_schema, release_connection
from tenants.errors import Temporary

logger = logging.getLogger(__name__)

# Measured on Portuguese questions and answers; the plateau around them is flat.
WEIGHT_MEANING = 0.7
WEIGHT_WORDS = 0.3
WEIGHT_GRAMS = 0.2
# How much a follow-up is searched by itself; the rest goes to it together with what it follows.
FOLLOW_UP_SHARE = 0.5

MAX_K = 50
# Distinct words and pieces of a question that are looked up; the cut of the query bounds both.
MAX_LEXEMES = 60
MAX_GRAMS = 300
# Schemas whose words a process keeps; a rebuild takes milliseconds for a usual tenant.
MAX_VOCABULARIES = 64

# Where the 10th nearest passage usually stands behind the nearest one, in cosine.
USUAL_MARGIN = 0.0348
MIN_CHUNKS_FOR_MARGIN = 10

# Questions that wait to be embedded ahead: some seconds' work. What is more is embedded when it is
# searched.
MAX_AHEAD = 200
_ahead = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")

_vocabularies: OrderedDict[str, tuple[str, Vocabulary]] = OrderedDict()
_vocabularies_lock = threading.Lock()

SEARCH = """
with query as (
    select no, weight, vector::vector as vector, lexeme_query::tsquery as lexeme_query,
           gram_query::tsquery as gram_query
    from unnest(%(nos)s::int[], %(weights)s::float8[], %(vectors)s::text[],
                %(lexeme_queries)s::text[], %(gram_queries)s::text[])
         as q(no, weight, vector, lexeme_query, gram_query)
), asked_lexeme as (
    select * from unnest(%(lexeme_nos)s::int[], %(lexemes)s::text[]) as a(no, lexeme)
), asked_gram as (
    select * from unnest(%(gram_nos)s::int[], %(grams)s::text[]) as a(no, lexeme)
), scope as not materialized (
    select c.id, c.lexemes, c.grams, c.n_lexemes::float8 as n_lexemes,
           c.n_grams::float8 as n_grams, c.embedding
    from knowledge_chunk c join knowledge_document d on d.id = c.document_id
    where c.active and (%(categories)s::bigint[] is null or d.category_id = any(%(categories)s))
), size as (
    select count(*)::float8 as n, greatest(avg(n_lexemes), 1) as lexemes,
           greatest(avg(n_grams), 1) as grams
    from scope
), meaning as (
    select q.no, s.id, 1 - (s.embedding <=> q.vector) as cosine
    from scope s cross join query q
), lexeme_hit as (
    select q.no, s.id, s.n_lexemes as length, u.lexeme,
           cardinality(u.positions)::float8 as tf,
           count(*) over (partition by q.no, u.lexeme)::float8 as df
    from query q
    join scope s on s.lexemes @@ q.lexeme_query
    cross join lateral unnest(s.lexemes) as u
    join asked_lexeme a on a.no = q.no and a.lexeme = u.lexeme
), lexeme_idf as (
    select a.no, a.lexeme, ln(1 + (n - coalesce(f.df, 0) + 0.5) / (coalesce(f.df, 0) + 0.5)) as idf
    from asked_lexeme a cross join size
    left join (select distinct no, lexeme, df from lexeme_hit) f using (no, lexeme)
), lexeme_total as (
    select no, sum(idf) as idf from lexeme_idf group by no
), lexeme_score as (
    select h.no, h.id, sum(i.idf) as covered,
           sum(i.idf * h.tf * 2.2 / (h.tf + 1.2 * (0.25 + 0.75 * h.length / size.lexemes))) as score
    from lexeme_hit h join lexeme_idf i using (no, lexeme) cross join size
    group by h.no, h.id
), gram_hit as (
    select q.no, s.id, s.n_grams as length, u.lexeme,
           cardinality(u.positions)::float8 as tf,
           count(*) over (partition by q.no, u.lexeme)::float8 as df
    from query q
    join scope s on s.grams @@ q.gram_query
    cross join lateral unnest(s.grams) as u
    join asked_gram a on a.no = q.no and a.lexeme = u.lexeme
), gram_idf as (
    select a.no, a.lexeme, ln(1 + (n - coalesce(f.df, 0) + 0.5) / (coalesce(f.df, 0) + 0.5)) as idf
    from asked_gram a cross join size
    left join (select distinct no, lexeme, df from gram_hit) f using (no, lexeme)
), gram_total as (
    select no, sum(idf) as idf from gram_idf group by no
), gram_score as (
    select h.no, h.id, sum(i.idf) as covered,
           sum(i.idf * h.tf * 2.2 / (h.tf + 1.2 * (0.25 + 0.75 * h.length / size.grams))) as score
    from gram_hit h join gram_idf i using (no, lexeme) cross join size
    group by h.no, h.id
), signal as (
    select m.no, m.id, m.cosine,
           coalesce(l.score, 0) as lexical, coalesce(g.score, 0) as grams,
           coalesce(l.covered / nullif(lt.idf, 0), 0) as lexical_cover,
           coalesce(g.covered / nullif(gt.idf, 0), 0) as gram_cover
    from meaning m
    left join lexeme_score l using (no, id) left join gram_score g using (no, id)
    left join lexeme_total lt using (no) left join gram_total gt using (no)
), fused as (
    select s.*,
        %(weight_meaning)s * coalesce(
            (cosine - avg(cosine) over w) / nullif(stddev_pop(cosine) over w, 0), 0)
      + %(weight_words)s * coalesce(
            (lexical - avg(lexical) over w) / nullif(stddev_pop(lexical) over w, 0), 0)
      + %(weight_grams)s * coalesce(
            (grams - avg(grams) over w) / nullif(stddev_pop(grams) over w, 0), 0) as score,
        row_number() over (partition by no order by cosine desc, id) as cosine_rank
    from signal s
    window w as (partition by no)
), blended as (
    select f.id, sum(q.weight * f.score) as score, sum(q.weight * f.cosine) as cosine,
           sum(q.weight * f.lexical) as lexical, sum(q.weight * f.grams) as grams,
           sum(q.weight * f.lexical_cover) as lexical_cover,
           sum(q.weight * f.gram_cover) as gram_cover
    from fused f join query q using (no)
    group by f.id
), spread as (
    select sum(q.weight * (best.cosine - tenth.cosine)) as margin
    from query q
    cross join lateral (
        select cosine from fused where no = q.no and cosine_rank = 1
    ) best
    cross join lateral (
        select min(cosine) as cosine from fused where no = q.no and cosine_rank <= 10
    ) tenth
)
select c.id, d.id, d.name, d.uuid, c.version, k.name, c.heading_path, c.body, c.page, c.kind,
       b.score, b.cosine, b.lexical, b.grams, b.lexical_cover, b.gram_cover,
       spread.margin, size.n
from blended b
join knowledge_chunk c on c.id = b.id
join knowledge_document d on d.id = c.document_id
join knowledge_category k on k.id = d.category_id
cross join spread cross join size
order by b.score desc, b.id
limit %(k)s
"""

# Changes with every document that is added, replaced or removed, and costs one short scan.
STAMP = """
select coalesce(md5(string_agg(
    uuid::text || version || coalesce(ready_at::text, ''), ',' order by id)), '')
from knowledge_document
"""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One way of asking, with its share of the score."""

    weight: float
    vector: list[float]
    lexemes: list[str]
    grams: list[str]


def search(
    *, query: str, category_ids: Sequence[int] | None, previous: str = "", k: int = 5
) -> SearchResult:
    """Find the passages that answer a question best.

    Embeds the question, so no transaction may be open.

    Args:
        query: what a person typed; may be several messages, one a line.
        category_ids: where to look; None looks everywhere, an empty sequence nowhere.
        previous: the person's message before, used when `query` leans on it.
        k: how many passages, 1 to `MAX_K`.

    Raises:
        RuntimeError: a transaction is open.
        Temporary: the embedder failed; another try may help.
    """
    vocabulary = _vocabulary()
    normalised = normaliser.normalise(query, vocabulary)
    if not normalised or (category_ids is not None and not category_ids):
        return SearchResult(passages=(), confidence=0.0, normalised_query=normalised)
    questions = [(1.0, normalised)]
    if previous.strip() and normaliser.looks_like_follow_up(query, normalised):
        before = normaliser.normalise(previous, vocabulary).rstrip("?")
        joined = f"{before} {normalised}".strip()[-normaliser.MAX_QUERY :]
        questions = [(FOLLOW_UP_SHARE, normalised), (1 - FOLLOW_UP_SHARE, joined)]
    release_connection()
    asked = [_ask(question, weight=weight) for weight, question in questions]
    rows = _run(asked, category_ids=category_ids, k=max(1, min(k, MAX_K)))
    return SearchResult(
        passages=tuple(_passage(row) for row in rows),
        confidence=_confidence(rows[0]) if rows else 0.0,
        normalised_query=questions[-1][1],
    )


def anticipate(query: str) -> None:
    """Embed a question that will soon be searched, beside what this process does now.

    A contact's quiet window is time in which nothing else is done for the answer, and the vector is
    the dearest part of a search. Returns at once; nothing depends on its being done.
    """
    if _ahead._work_queue.qsize() < MAX_AHEAD:
        _ahead.submit(_embed_ahead, current_schema(), query)


def _embed_ahead(schema: str, query: str) -> None:
    try:
        with schema_context(schema):
            if not Chunk.objects.filter(active=True).exists():
                return
            normalised = normaliser.normalise(query, _vocabulary())
            release_connection()
            if normalised:
                factory.embedder("local").embed_ahead(normalised.lower())
    except (Error, Temporary):
        logger.info("question not embedded ahead", exc_info=True)
    finally:
        connection.close()


def _ask(question: str, *, weight: float) -> _Asked:
    # Stems only: pieces of the added words would count for every word that looks like them.
    lexemes = text.lexemes(f"{question} {normaliser.expansion(question)}")
    grams = text.grams(question)
    return _Asked(
        weight=weight,
        vector=factory.embedder("local").embed_query(question.lower()),
        lexemes=list(dict.fromkeys(lexemes))[:MAX_LEXEMES],
        grams=list(dict.fromkeys(grams))[:MAX_GRAMS],
    )


def _run(
    asked: Sequence[_Asked], *, category_ids: Sequence[int] | None, k: int
) -> list[tuple[Any, ...]]:
    parameters: dict[str, Any] = {
        "nos": list(range(len(asked))),
        "weights": [one.weight for one in asked],
        "vectors": ["[" + ",".join(map(repr, one.vector)) + "]" for one in asked],
        "lexeme_queries": [_any_of(one.lexemes) for one in asked],
        "gram_queries": [_any_of(one.grams) for one in asked],
        "lexeme_nos": [no for no, one in enumerate(asked) for _ in one.lexemes],
        "lexemes": [lexeme for one in asked for lexeme in one.lexemes],
        "gram_nos": [no for no, one in enumerate(asked) for _ in one.grams],
        "grams": [gram for one in asked for gram in one.grams],
        "categories": None if category_ids is None else list(category_ids),
        "weight_meaning": WEIGHT_MEANING,
        "weight_words": WEIGHT_WORDS,
        "weight_grams": WEIGHT_GRAMS,
        "k": k,
    }
    # Django writes the values into the text, so that each search would be planned anew, which takes
    # twice as long as the search. The wrapper's cursor has set the search path of the tenant.
    with connection.cursor() as cursor, psycopg.Cursor(cursor.connection) as own:
        return list(own.execute(SEARCH, parameters, prepare=True).fetchall())


def _any_of(lexemes: Sequence[str]) -> str:
    """Return a tsquery for any of some words; they are letters and digits only."""
    return " | ".join(f"'{lexeme}'" for lexeme in lexemes)


def _passage(row: tuple[Any, ...]) -> Passage:
    return Passage(
        chunk_id=row[0],
        document_id=row[1],
        document_name=row[2],
        document_uuid=row[3],
        version=row[4],
        category=row[5],
        heading_path=row[6],
        body=row[7],
        page=row[8],
        kind=ChunkKind(row[9]),
        score=row[10],
        cosine=row[11],
        lexical=row[12],
        grams=row[13],
    )


def _confidence(best: tuple[Any, ...]) -> float:
    """Return the probability that the passages answer, from the first row of a search.

    Fitted on questions with and without an answer: how near the best passage is, how much of the
    question's words and pieces it holds, and how far the nearest passage stands out.
    """
    cosine, lexical_cover, gram_cover, margin, n = best[11], *best[14:18]
    if n < MIN_CHUNKS_FOR_MARGIN:
        margin = USUAL_MARGIN  # of too few passages nothing can stand out
    logit = (
        1.494
        + 1.187 * (cosine - 0.8806) / 0.0213
        + 0.623 * (lexical_cover - 0.5204) / 0.2931
        + 0.796 * (gram_cover - 0.5539) / 0.2907
        + 0.313 * (margin - USUAL_MARGIN) / 0.0185
    )
    return 1 / (1 + math.exp(-logit))


def _vocabulary() -> Vocabulary:
    """Return the words of the current tenant, read anew when its documents have changed."""
    schema = current_schema()
    with connection.cursor() as cursor:
        cursor.execute(STAMP)
        stamp = str(cursor.fetchone()[0])
    with _vocabularies_lock:
        held = _vocabularies.get(schema)
        if held and held[0] == stamp:
            _vocabularies.move_to_end(schema)
            return held[1]
    rows = Chunk.objects.filter(active=True).values_list("heading_path", "body").iterator()
    vocabulary = Vocabulary(f"{path} {body}" for path, body in rows)
    with _vocabularies_lock:
        _vocabularies[schema] = (stamp, vocabulary)
        _vocabularies.move_to_end(schema)
        while len(_vocabularies) > MAX_VOCABULARIES:
            _vocabularies.popitem(last=False)
    return vocabulary


def warm_up() -> None:
    """Load the word lists that a first search would wait for."""
    normaliser.warm_up()
