"""What a search needs of each chunk: its vector, made once per text, and its words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice

import numpy as np
from django.db.models import Max
from numpy.typing import NDArray

from integrations.llm import factory
from knowledge import chunking, text
from knowledge.models import Chunk, EmbeddedText
from knowledge.types import Draft

# Texts between two signs of progress; at the slowest measured some seconds of work.
BATCH = 16
N_ROWS_PER_INSERT = 500
# PostgreSQL keeps no position beyond these in a tsvector.
MAX_POSITION = 16_383
MAX_POSITIONS = 255

Vector = NDArray[np.float32]
Vectors = dict[str, Vector]  # float32[384] by the digest of the text


@dataclass(slots=True)
class Work:
    """The texts of one document: what is embedded and what is not yet."""

    texts: dict[str, str]  # by digest
    vectors: Vectors
    missing: list[str]  # digests

    def share_done(self) -> float:
        """Return how much is embedded, 0 to 1."""
        return len(self.vectors) / max(1, len(self.texts))


def begin(drafts: Sequence[Draft]) -> Work:
    """Find out which texts have no vector yet, in earlier versions or in interrupted work."""
    texts: dict[str, str] = {}
    for draft in drafts:
        embedded = chunking.embedding_text(draft)
        texts[digest(embedded)] = embedded
    model = factory.embedder("local").model
    vectors: Vectors = {}
    for table in (Chunk, EmbeddedText):
        rows = table.objects.filter(content_sha256__in=texts, embedding_model=model)
        for key, vector in rows.values_list("content_sha256", "embedding").iterator():
            vectors[key] = np.asarray(vector, dtype=np.float32)
    return Work(texts=texts, vectors=vectors, missing=[key for key in texts if key not in vectors])


def digest(embedded: str) -> str:
    """Return the name of a text by its content."""
    return sha256(embedded.encode()).hexdigest()


def embed_next(work: Work) -> Vectors:
    """Embed the next few texts; touches no database.

    Raises:
        Temporary: the embedder failed; another try may help.
        Permanent: it cannot do this.
    """
    keys, work.missing = work.missing[:BATCH], work.missing[BATCH:]
    rows = factory.embedder("local").embed_passages([work.texts[key] for key in keys])
    made = {key: np.asarray(row, dtype=np.float32) for key, row in zip(keys, rows, strict=True)}
    work.vectors.update(made)
    return made


def keep(made: Vectors, *, now: datetime) -> None:
    """Store vectors until their document is finished; a second worker's are the same."""
    model = factory.embedder("local").model
    EmbeddedText.objects.bulk_create(
        [
            EmbeddedText(
                content_sha256=key, embedding_model=model, embedding=vector, created_at=now
            )
            for key, vector in made.items()
        ],
        ignore_conflicts=True,
    )


def replace_chunks(
    *, document_id: int, version: int, drafts: Sequence[Draft], vectors: Vectors
) -> None:
    """Write the chunks of `version` and switch to them.

    The version before is kept, switched off, for what was answered from it. Joins the caller's
    transaction, which must hold the document's row.
    """
    chunks = Chunk.objects.filter(document_id=document_id)
    before = chunks.filter(version__lt=version).aggregate(last=Max("version"))["last"]
    chunks.exclude(version=before).delete() if before else chunks.delete()
    chunks.filter(active=True).update(active=False)
    model = factory.embedder("local").model
    rows = (
        _row(draft, position=position, document_id=document_id, version=version, model=model)
        for position, draft in enumerate(drafts)
    )
    while batch := list(islice(rows, N_ROWS_PER_INSERT)):
        for row in batch:
            row.embedding = vectors[row.content_sha256]
        Chunk.objects.bulk_create(batch)
    EmbeddedText.objects.filter(content_sha256__in=list(vectors), embedding_model=model).delete()


def _row(draft: Draft, *, position: int, document_id: int, version: int, model: str) -> Chunk:
    indexed = chunking.indexed_text(draft)
    lexemes, grams = text.lexemes(indexed), text.grams(indexed)
    return Chunk(
        document_id=document_id,
        version=version,
        active=True,
        position=position,
        heading_path=draft.heading_path,
        body=draft.body,
        page=draft.page,
        kind=draft.kind.value,
        lexemes=tsvector(lexemes),
        grams=tsvector(grams),
        n_lexemes=len(lexemes),
        n_grams=len(grams),
        embedding_model=model,
        content_sha256=digest(chunking.embedding_text(draft)),
    )


def tsvector(lexemes: Iterable[str]) -> str:
    """Return words with their places in the form that PostgreSQL reads.

    Not by `to_tsvector`: its parser would cut words by rules of its own.
    """
    places: dict[str, list[int]] = {}
    for place, lexeme in enumerate(lexemes, start=1):
        held = places.setdefault(lexeme, [])
        if len(held) < MAX_POSITIONS:
            held.append(min(place, MAX_POSITION))
    return " ".join(f"'{lexeme}':{','.join(map(str, held))}" for lexeme, held in places.items())
