"""A large knowledge base for measurements, made from a small real one.

Texts are sentences of a kit put together anew; each vector is a blend of two real vectors and a
random direction, because embedding 100,000 texts would take hours. So neighbourhoods are like real
ones where the two vectors are near, and harder to index where the random part prevails.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from django.db import connection
from django.utils import timezone
from numpy.typing import NDArray

from knowledge import text
from knowledge.models import Category, Document, EmbeddingSpace
from knowledge.services import indexing

CHUNKS_PER_DOCUMENT = 50
SHARES = {"one in a hundred": 0.01, "one in ten": 0.1, "a third": 0.33}
"""Categories by their share of all chunks; what is left is in a fourth one."""
NOISE = 0.3
"""Length of the random part beside a blend of length one."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """What texts and vectors are made from: bodies with their titles, and float32[n, d]."""

    titles: Sequence[str]
    bodies: Sequence[str]
    vectors: Vectors


def fill(source: Source, *, n_chunks: int, space: EmbeddingSpace, seed: int = 1) -> None:
    """Add so many active chunks, in categories of the shares above."""
    chance = random.Random(seed)
    documents = _documents(n_chunks, seed=seed)
    vectors = _vectors(source, n=n_chunks, seed=seed)
    with connection.cursor() as cursor:
        cursor.execute("select coalesce(max(id), 0) from knowledge_chunk")
        first = cursor.fetchone()[0] + 1
        with cursor.copy(
            "copy knowledge_chunk (id, document_id, version, active, position, heading_path, body,"
            " kind, lexemes, grams, n_lexemes, n_grams, phrasings, content_sha256) from stdin"
        ) as copy:
            for number, (document, place) in enumerate(documents):
                copy.write_row(
                    _chunk(first + number, document, place, source=source, chance=chance)
                )
        with cursor.copy(
            "copy knowledge_chunkvector (chunk_id, space_id, position, content_sha256, embedding)"
            " from stdin with (format binary)"
        ) as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0))
            for number in range(n_chunks):
                copy.write(_vector_row(first + number, space.pk, vectors[number]))
            copy.write(struct.pack("!h", -1))
        cursor.execute(
            "select setval(pg_get_serial_sequence('knowledge_chunk', 'id'),"
            " (select max(id) from knowledge_chunk))"
        )
        cursor.execute("analyze")


def _documents(n_chunks: int, *, seed: int) -> list[tuple[int, int]]:
    """Make documents; return the document and the place in it of each chunk."""
    now = timezone.now()
    places = []
    left = n_chunks
    shares = {**SHARES, "the rest": 1 - sum(SHARES.values())}
    for name, share in shares.items():
        category, _ = Category.objects.get_or_create(name=name)
        n = min(left, max(1, round(share * n_chunks)))
        left -= n
        made = Document.objects.bulk_create(
            Document(
                category=category,
                name=f"{seed}-{name}-{at}.md",
                kind=Document.Kind.MARKDOWN,
                status=Document.Status.READY,
                n_chunks=min(CHUNKS_PER_DOCUMENT, n - at),
                language="pt",
                created_at=now,
                updated_at=now,
                ready_at=now,
            )
            for at in range(0, n, CHUNKS_PER_DOCUMENT)
        )
        places += [(one.pk, place) for one in made for place in range(one.n_chunks)]
    return places


def _chunk(
    pk: int, document: int, place: int, *, source: Source, chance: random.Random
) -> tuple[object, ...]:
    title = chance.choice(source.titles)
    body = " ".join(chance.choice(source.bodies) for _ in range(2))[:450]
    lexemes, grams = _tokens(title), _tokens_grams(title)
    for word in body.split():
        lexemes = lexemes + _tokens(word)
        grams = grams + _tokens_grams(word)
    return (
        pk, document, 1, True, place, title, body, "text",
        indexing.tsvector(lexemes), indexing.tsvector(grams), len(lexemes), len(grams),
        "[]", sha256(f"{pk}".encode()).hexdigest(),
    )  # fmt: skip


_cache: dict[str, tuple[list[str], list[str]]] = {}


def _both(written: str) -> tuple[list[str], list[str]]:
    if written not in _cache:
        _cache[written] = (text.lexemes(written), text.grams(written))
    return _cache[written]


def _tokens(written: str) -> list[str]:
    return _both(written)[0]


def _tokens_grams(written: str) -> list[str]:
    return _both(written)[1]


def _vectors(source: Source, *, n: int, seed: int) -> Vectors:
    chance = np.random.default_rng(seed)
    n_real, dimensions = source.vectors.shape
    one, other = chance.integers(n_real, size=(2, n))
    share = chance.uniform(0.5, 1.0, size=(n, 1)).astype(np.float32)
    made = np.empty((n, dimensions), dtype=np.float32)
    for at in range(0, n, 10_000):
        rows = slice(at, min(n, at + 10_000))
        noise = chance.standard_normal((rows.stop - at, dimensions), dtype=np.float32)
        noise *= NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
        blend = share[rows] * source.vectors[one[rows]]
        blend += (1 - share[rows]) * source.vectors[other[rows]]
        made[rows] = blend + noise
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def _vector_row(chunk: int, space: int, vector: Vectors) -> bytes:
    """Return one row of the table of vectors in PostgreSQL's binary form."""
    data = struct.pack("!hh", len(vector), 0) + vector.astype(">f4").tobytes()
    digest = sha256(f"{chunk}".encode()).hexdigest().encode()
    fields = (
        struct.pack("!q", chunk), struct.pack("!q", space), struct.pack("!h", 0), digest, data,
    )  # fmt: skip
    return struct.pack("!h", len(fields)) + b"".join(
        struct.pack("!i", len(field)) + field for field in fields
    )
