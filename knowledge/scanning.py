"""The statements of a search: how large its scope is, which passages come into question, what each
shares with the question. The only reader of `Chunk` and `ChunkVector` for searches.
"""

# ruff: noqa: S608 - the statements are put together from constants of this module only

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import psycopg
from django.db import connection

from knowledge.ranking import Asked, Pool

N_NEAREST = 200
"""Nearest passages that come into question, and what the index looks at for one step. Of 100,000
synthetic passages it finds nine of the ten nearest; `python -m bench.retrieval` tells."""

SAMPLE = 400
"""Passages that stand for a large scope, about; each costs about 20 microseconds. A standard
deviation from so many is right within some 4 % where the values are spread evenly."""

# Of every statement: what may be quoted on that day in what may be looked at.
_DOCUMENTS = """
    d.deleted_at is null
    and (%(categories)s::bigint[] is null or d.category_id = any(%(categories)s::bigint[]))
    and (%(languages)s::text[] is null or d.language = ''
         or d.language = any(%(languages)s::text[]))
    and (d.valid_from is null or d.valid_from <= %(on)s::date)
    and (d.valid_until is null or d.valid_until >= %(on)s::date)
"""

# `n_chunks` is of the version in use; reading it is cheaper than counting.
_SIZE = (
    """
select coalesce(sum(d.n_chunks), 0)::bigint,
       (select i.indisvalid from pg_index i where i.indexrelid = to_regclass(%(index)s))
from knowledge_document d
where """
    + _DOCUMENTS
)

_TOTAL = "select coalesce(sum(n_chunks), 0) from knowledge_document where deleted_at is null"

_ALL = (
    """
    select c.id
    from knowledge_document d join knowledge_chunk c on c.document_id = d.id and c.active
    where (
        %(most)s::bigint is null
        or (select coalesce(sum(d.n_chunks), 0) from knowledge_document d where """
    + _DOCUMENTS
    + """) <= %(most)s::bigint
    ) and """
    + _DOCUMENTS
)
_SAMPLED = (
    """
    select c.id
    from knowledge_chunk c tablesample system (%(percent)s) repeatable (1)
    join knowledge_document d on d.id = c.document_id
    where c.active and """
    + _DOCUMENTS
)
_GIVEN = "select unnest(%(ids)s::bigint[]) as id"

# The product of both vectors, not the angle between them: a passage's vector is the mean of two,
# and its length belongs to it (`indexing.embed`). Without the question's vector all are NULL.
# The pieces are looked up one by one, for a passage has hundreds of them and a question some tens;
# of the words there are few, and how often one stands there counts.
_MEASURE = """
), asked_gram as materialized (
    select no::int as no, quote_literal(gram)::tsquery as query
    from unnest(%(grams)s::text[]) with ordinality as g(gram, no)
)
select c.id, c.n_lexemes, m.one, m.other, m.phrased_one, m.phrased_other,
       case when c.lexemes @@ %(any_lexeme)s::tsquery then array(
           select u.lexeme || ' ' || cardinality(u.positions) from unnest(c.lexemes) u
           where u.lexeme = any(%(lexemes)s::text[])
       ) end,
       case when c.grams @@ %(any_gram)s::tsquery then array(
           select a.no from (select strip(c.grams) as grams offset 0) g
           join asked_gram a on g.grams @@ a.query
       ) end
from picked p join knowledge_chunk c on c.id = p.id
cross join lateral (
    select count(*) filter (where v.position = 0) as n,
           max(-(v.embedding <#> %(one)s::vector)) filter (where v.position = 0) as one,
           max(-(v.embedding <#> %(other)s::vector)) filter (where v.position = 0) as other,
           max(-(v.embedding <#> %(one)s::vector)) filter (where v.position > 0) as phrased_one,
           max(-(v.embedding <#> %(other)s::vector)) filter (where v.position > 0)
               as phrased_other
    from knowledge_chunkvector v where v.chunk_id = p.id and v.space_id = %(space)s
) m
where m.n > 0
"""

_NEAREST_BY_INDEX = (
    """
select v.chunk_id
from knowledge_chunkvector v
join knowledge_chunk c on c.id = v.chunk_id and c.active
join knowledge_document d on d.id = c.document_id
where v.space_id = %(space)s and """
    + _DOCUMENTS
    + """
order by v.embedding::halfvec(%(dimensions)s) <=> %(nearest_to)s::halfvec(%(dimensions)s)
limit %(limit)s
"""
)
_NEAREST_BY_SCAN = (
    """
select v.chunk_id
from knowledge_document d
join knowledge_chunk c on c.document_id = d.id and c.active
join knowledge_chunkvector v on v.chunk_id = c.id and v.space_id = %(space)s
where """
    + _DOCUMENTS
    + """
order by v.embedding <=> %(nearest_to)s::vector
limit %(limit)s
"""
)
_NEAREST_HOLDING_LEXEMES = (
    """
select v.chunk_id
from knowledge_chunk c
join knowledge_document d on d.id = c.document_id
join knowledge_chunkvector v on v.chunk_id = c.id and v.space_id = %(space)s
where c.active and c.lexemes @@ %(match)s::tsquery and """
    + _DOCUMENTS
    + """
order by v.embedding <=> %(nearest_to)s::vector,
         case when %(nearest_to)s::text is null then ts_rank(c.lexemes, %(match)s::tsquery) end desc
limit %(limit)s
"""
)
_NEAREST_HOLDING_GRAMS = _NEAREST_HOLDING_LEXEMES.replace("c.lexemes", "c.grams")

_COUNT_LEXEMES = (
    """
select w.word, (
    select count(*) from knowledge_chunk c join knowledge_document d on d.id = c.document_id
    where c.active and c.lexemes @@ w.query and """
    + _DOCUMENTS
    + """
)
from (
    select word, quote_literal(word)::tsquery as query from unnest(%(words)s::text[]) as word
) w
"""
)
_COUNT_GRAMS = _COUNT_LEXEMES.replace("c.lexemes", "c.grams")

_FETCH = (
    """
select c.id, d.id, d.name,
       case when d.kind = 'faq' or d.web_source_id is not null
            then regexp_replace(d.name, '(.)\\.[^.]*$', '\\1') else d.name end,
       d.uuid, c.version, k.name, c.heading_path, c.body, c.page, c.kind, d.valid_until, d.language
from knowledge_chunk c
join knowledge_document d on d.id = c.document_id
join knowledge_category k on k.id = d.category_id
where c.active and c.id = any(%(ids)s::bigint[]) and """
    + _DOCUMENTS
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which passages may be found.

    Args:
        category_ids: None is everywhere.
        languages: None is every language.
        on: the day on which documents must be valid.
        space_id, dimensions: of the vectors that are compared.
    """

    category_ids: Sequence[int] | None
    languages: Sequence[str] | None
    on: date
    space_id: int
    dimensions: int

    def parameters(self) -> dict[str, Any]:
        """Return what every statement needs."""
        return {
            "categories": None if self.category_ids is None else list(self.category_ids),
            "languages": None if self.languages is None else list(self.languages),
            "on": self.on,
            "space": self.space_id,
            "dimensions": self.dimensions,
            "index": index_name(self.space_id),
        }


def index_name(space_id: int) -> str:
    """Return the name of the index over the vectors of a space."""
    return f"chunk_vector_near_{space_id}"


def prepare() -> None:
    """Set what the statements of this transaction are planned and run with.

    Compiling takes longer than any of them runs. The index goes on until enough of what it finds
    passes the filters.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config('jit', 'off', true),"
            " set_config('max_parallel_workers_per_gather', '0', true),"
            " set_config('hnsw.ef_search', %s, true),"
            " set_config('hnsw.iterative_scan', 'relaxed_order', true)",
            [str(N_NEAREST)],
        )


def size(scope: Scope) -> tuple[int, bool]:
    """Return how many passages there are, about, and whether an index over the vectors is ready."""
    row = _rows(_SIZE, scope.parameters())[0]
    return int(row[0]), bool(row[1])


def total() -> int:
    """Return how many passages the tenant has, about."""
    return int(_rows(_TOTAL, {})[0][0])


def measure_all(
    scope: Scope, asked: Sequence[Asked], *, n_most: int | None = None, prepare: bool = False
) -> Pool:
    """Compare the questions with every passage.

    Args:
        n_most: passages, about, from which on nothing is compared; None for no limit.
        prepare: as `_rows` has it.
    """
    return _measure(_ALL, scope, asked, {"most": n_most}, prepare=prepare)


def measure(scope: Scope, asked: Sequence[Asked], ids: Sequence[int]) -> Pool:
    """Compare the questions with the passages of these ids."""
    return _measure(_GIVEN, scope, asked, {"ids": list(ids)})


def measure_sample(scope: Scope, asked: Sequence[Asked], *, n_passages: int) -> Pool:
    """Compare the questions with a random part of the passages, the same part each time."""
    percent = min(100.0, 100.0 * SAMPLE / max(1, n_passages))
    return _measure(_SAMPLED, scope, asked, {"percent": percent})


def nearest(scope: Scope, one: Asked, *, by_index: bool, limit: int = N_NEAREST) -> list[int]:
    """Return the chunks whose meaning is nearest, the nearest first; none without a vector."""
    if one.vector is None:
        return []
    if by_index:
        found = _rows(*nearest_by_index(scope, one.vector, limit=limit))
    else:
        found = _rows(_NEAREST_BY_SCAN, _near(scope, one.vector, limit))
    return list(dict.fromkeys(row[0] for row in found))


def nearest_by_index(
    scope: Scope, vector: Sequence[float], *, limit: int
) -> tuple[str, dict[str, Any]]:
    """Return the statement that goes by the index over the vectors, for it to be explained too."""
    return _NEAREST_BY_INDEX, _near(scope, vector, limit)


def _near(scope: Scope, vector: Sequence[float] | None, limit: int) -> dict[str, Any]:
    return {**scope.parameters(), "nearest_to": _literal(vector), "limit": limit}


def nearest_holding(scope: Scope, one: Asked, match: str, *, of_grams: bool) -> list[int]:
    """Return the nearest of the chunks whose words, or pieces of words, match a tsquery.

    Without the question's vector those that hold most of the words.
    """
    if not match:
        return []
    statement = _NEAREST_HOLDING_GRAMS if of_grams else _NEAREST_HOLDING_LEXEMES
    found = _rows(
        statement,
        {**_near(scope, one.vector, N_NEAREST), "match": match},
    )
    return [row[0] for row in found]


def count(scope: Scope, words: Sequence[str], *, of_grams: bool) -> dict[str, float]:
    """Return how many passages hold each word, or piece of a word; for rare ones."""
    if not words:
        return {}
    statement = _COUNT_GRAMS if of_grams else _COUNT_LEXEMES
    found = _rows(statement, {**scope.parameters(), "words": list(words)})
    return {word: float(n) for word, n in found}


def fetch(scope: Scope, ids: Sequence[int]) -> dict[int, tuple[Any, ...]]:
    """Return what is shown of chunks, those left out that went out of the scope meanwhile."""
    found = _rows(_FETCH, {**scope.parameters(), "ids": list(ids)}, prepare=True)
    return {row[0]: row for row in found}


def any_of(lexemes: Sequence[str]) -> str:
    """Return a tsquery for any of some words; they are letters and digits only."""
    return " | ".join(f"'{lexeme}'" for lexeme in lexemes)


def _measure(
    picked: str,
    scope: Scope,
    asked: Sequence[Asked],
    extra: dict[str, Any],
    *,
    prepare: bool = False,
) -> Pool:
    lexemes = list(dict.fromkeys(word for one in asked for word in (*one.lexemes, *one.signs)))
    grams = list(dict.fromkeys(gram for one in asked for gram in one.grams))
    rows = _rows(
        "with picked as materialized (" + picked + _MEASURE,
        {
            **scope.parameters(),
            **extra,
            "lexemes": lexemes,
            "grams": grams,
            "any_lexeme": any_of(lexemes),
            "any_gram": any_of(grams),
            "one": _literal(asked[0].vector),
            "other": _literal(asked[1].vector) if len(asked) > 1 else None,
        },
        prepare=prepare,
    )
    return _pool(rows, n_questions=len(asked), grams=grams)


def _pool(rows: Sequence[tuple[Any, ...]], *, n_questions: int, grams: Sequence[str]) -> Pool:
    n = len(rows)
    held_lexemes: dict[str, np.ndarray[Any, np.dtype[np.float64]]] = {}
    held_grams = np.zeros((len(grams), n))
    for at, row in enumerate(rows):
        for pair in row[6] or ():
            lexeme, _, count = pair.rpartition(" ")
            if lexeme not in held_lexemes:
                held_lexemes[lexeme] = np.zeros(n)
            held_lexemes[lexeme][at] = float(count)
        if row[7]:
            held_grams[np.asarray(row[7]) - 1, at] = 1.0
    return Pool(
        ids=np.array([row[0] for row in rows], dtype=np.int64),
        stands_for=np.ones(n),
        cosines=np.nan_to_num(
            np.array([row[2 : 2 + n_questions] for row in rows], dtype=np.float64)
        ).reshape(n, n_questions),
        phrased=np.array([row[4 : 4 + n_questions] for row in rows], dtype=np.float64).reshape(
            n, n_questions
        ),
        lengths=np.array([row[1] for row in rows], dtype=np.float64),
        lexemes=held_lexemes,
        grams=dict(zip(grams, held_grams, strict=True)),
    )


def _literal(vector: Sequence[float] | None) -> str | None:
    if vector is None:
        return None
    # The column holds single precision; more digits would only be read and thrown away.
    return "[" + ",".join(f"{value:.7g}" for value in vector) + "]"


def _rows(
    statement: str, parameters: dict[str, Any], *, prepare: bool = False
) -> list[tuple[Any, ...]]:
    """Run a statement.

    Args:
        prepare: plan it once for a connection and a tenant. Django writes the values into the text,
            so that each time would be planned anew, which takes longer than a small search. Only
            for a small tenant: a plan for any values reads all passages to find those of a
            category, which of 100,000 takes ten times as long.
    """
    with connection.cursor() as cursor:
        if not prepare:
            cursor.execute(statement, parameters)
            return list(cursor.fetchall())
        # The wrapper's cursor has set the search path of the tenant.
        with psycopg.Cursor(cursor.connection) as own:
            return list(own.execute(statement, parameters, prepare=True).fetchall())
