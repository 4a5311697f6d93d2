"""An index over the vectors of a tenant that has very many, made while it is being searched."""

from __future__ import annotations

import logging
from enum import StrEnum

from django.db import connection
from django.db.models import Sum
from psycopg import sql

from knowledge import scanning
from knowledge.models import Document, EmbeddingSpace
from tenants.context import current_schema, has_open_transaction
from tenants.queueing import enqueue

INDEX_FROM = 20_000
"""Passages from which on an index is worth its room and its upkeep. Comparing with every vector
takes about 2 microseconds for each of them, so 40 ms here; the index took 5 to 14 of 100,000."""

MAX_DIMENSIONS = 4_000
"""More the index cannot take of half-precision vectors (pgvector 0.8); such a space is scanned."""

TASK = "knowledge.tasks.index_vectors"

logger = logging.getLogger(__name__)


class Outcome(StrEnum):
    """How one run of `index_vectors` ended."""

    MADE = "made"
    REMOVED = "removed"
    NOT_DUE = "not_due"
    BUSY = "busy"  # another worker is at it


def ring_if_due() -> bool:
    """Have indexes made or removed where they should be; a few milliseconds where nothing is."""
    missing, unused = _to_do(INDEX_FROM)
    if not missing and not unused:
        return False
    enqueue(TASK)
    return True


def index_vectors(*, index_from: int = INDEX_FROM) -> Outcome:
    """Make the indexes that large spaces lack, and remove those that are of no use any more.

    Searches and ingestion go on meanwhile. Safe to run in several places at once: one of them
    works. One that was killed leaves an index that PostgreSQL does not use; the next one makes it
    anew.

    Args:
        index_from: passages from which on a tenant gets an index.

    Raises:
        RuntimeError: a transaction is open; an index that locks nobody out cannot be made in one.
    """
    if has_open_transaction() or connection.in_atomic_block:
        raise RuntimeError("A transaction is open; an index cannot be made beside it.")
    with connection.cursor() as cursor:
        key = f"{current_schema()}:vector-indexes"
        cursor.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", [key])
        if not cursor.fetchone()[0]:
            return Outcome.BUSY
        try:
            missing, unused = _to_do(index_from)
            for name in unused:
                _remove(name)
            for space in missing:
                _remove(scanning.index_name(space.pk))
                _make(space)
        finally:
            cursor.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", [key])
    if missing:
        return Outcome.MADE
    return Outcome.REMOVED if unused else Outcome.NOT_DUE


def _to_do(index_from: int) -> tuple[list[EmbeddingSpace], list[str]]:
    """Return the spaces that need an index, and the names of indexes that nobody needs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select c.relname, i.indisvalid from pg_index i join pg_class c on c.oid = i.indexrelid"
            " where i.indrelid = 'knowledge_chunkvector'::regclass and c.relname like %s",
            [scanning.index_name(0).replace("0", "%")],
        )
        valid = dict(cursor.fetchall())
    documents = Document.objects.filter(deleted_at__isnull=True)
    n_passages = documents.aggregate(n=Sum("n_chunks"))["n"] or 0
    used = EmbeddingSpace.objects.filter(
        status__in=[EmbeddingSpace.Status.ACTIVE, EmbeddingSpace.Status.BUILDING],
        dimensions__gt=0,  # 0 until the first vector of a model nobody knows
        dimensions__lte=MAX_DIMENSIONS,
    )
    # One that is being filled gets its index before it is switched to, or soon after.
    wanted = {scanning.index_name(space.pk): space for space in used}
    missing = [
        space for name, space in wanted.items() if n_passages >= index_from and not valid.get(name)
    ]
    # Kept below the threshold: a tenant that is about there would have it made again and again.
    unused = [name for name in valid if name not in wanted or n_passages < index_from // 2]
    return missing, unused


def _make(space: EmbeddingSpace) -> None:
    with connection.cursor() as cursor:
        # The graph of a hundred thousand vectors has to fit, or pgvector builds it on disk.
        cursor.execute("set maintenance_work_mem = '384MB'")
        try:
            cursor.execute(
                sql.SQL(
                    "create index concurrently {name} on knowledge_chunkvector"
                    " using hnsw ((embedding::halfvec({dimensions})) halfvec_cosine_ops)"
                    " where space_id = {space}"
                ).format(
                    name=sql.Identifier(scanning.index_name(space.pk)),
                    dimensions=sql.Literal(space.dimensions),
                    space=sql.Literal(space.pk),
                )
            )
            cursor.execute("analyze knowledge_chunkvector")
            cursor.execute("analyze knowledge_chunk")
        finally:
            cursor.execute("reset maintenance_work_mem")
    logger.info("vector index made", extra={"space_id": space.pk})


def _remove(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("drop index concurrently if exists {name}").format(name=sql.Identifier(name))
        )
