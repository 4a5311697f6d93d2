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

from integrations.llm.types import Embedder
from knowledge import chunking, signs, spaces, text
from knowledge.models import Chunk, ChunkVector, EmbeddedText, EmbeddingSpace
from knowledge.types import ChunkKind, Draft
from tenants.context import release_connection

N_ROWS_PER_INSERT = 500
# PostgreSQL keeps no position beyond these in a tsvector.
MAX_POSITION = 16_383
MAX_POSITIONS = 255

BODY_SHARE = 0.2
"""How much the body alone counts in a passage's vector beside the body under its titles, 0 to 1.
Titles that many passages share make those alike: with it 280 instead of 278 of 288 questions of
five businesses find their passage among five (each business counted with the share that the other
four choose, 0.2 each time). From 0.4 on the right passage is less often the first. It doubles what
embedding takes and costs a search nothing."""

Parts = tuple[str, ...]  # the texts that one vector is made of
Vector = NDArray[np.float32]
Vectors = dict[str, Vector]  # float32[384] by the digest of the text


@dataclass(slots=True)
class Work:
    """The texts of one document: what is embedded and what is not yet."""

    space: EmbeddingSpace
    texts: dict[str, Parts]  # by digest
    vectors: Vectors
    missing: list[str]  # digests

    def share_done(self) -> float:
        """Return how much is embedded, 0 to 1."""
        return len(self.vectors) / max(1, len(self.texts))


def begin(drafts: Sequence[Draft]) -> Work:
    """Find out which texts have no vector yet, in earlier versions or in interrupted work."""
    texts = {digest(one): one for draft in drafts for one in _texts(draft)}
    space = spaces.active_space()
    vectors: Vectors = {}
    for table in (ChunkVector, EmbeddedText):
        rows = table.objects.filter(content_sha256__in=texts, space=space)
        for key, vector in rows.values_list("content_sha256", "embedding").iterator():
            vectors[key] = np.asarray(vector, dtype=np.float32)
    missing = [key for key in texts if key not in vectors]
    return Work(space=space, texts=texts, vectors=vectors, missing=missing)


def digest(parts: Parts) -> str:
    """Return the name of what a vector is made of, by its content."""
    return sha256("\0".join(parts).encode()).hexdigest()


def texts_of(chunk: Chunk) -> list[Parts]:
    """Return what is embedded for a chunk; the places are the vectors' positions."""
    return _texts(
        Draft(
            chunk.heading_path,
            chunk.body,
            ChunkKind(chunk.kind),
            chunk.page,
            tuple(chunk.phrasings),
        )
    )


def _texts(draft: Draft) -> list[Parts]:
    """Return what is embedded of a draft: itself, and each of its phrasings.

    The question of a FAQ alone has no vector of its own: measured, it made every such passage seem
    near to any short question. It is the title of the passage and counts there.
    """
    itself = (chunking.embedding_text(draft), draft.body.lower())
    return [itself, *((one.lower(),) for one in draft.phrasings)]


def embed(client: Embedder, wanted: Sequence[Parts]) -> tuple[list[Vector], int | None]:
    """Return a vector for each, and how many tokens it took; None where that was not measured.

    One of two texts is their weighted mean as it is, not brought to length 1: so its product with a
    question is the mean of both likenesses. At length 1 it would look nearer the less alike the two
    texts are, and measured, half of the gain was lost.

    Raises:
        Temporary: the embedder failed; another try may help.
        Permanent: it cannot do this.
    """
    texts = list(dict.fromkeys(text for parts in wanted for text in parts))
    embedded = client.embed_counted(texts)
    rows = {
        text: np.asarray(row, dtype=np.float32)
        for text, row in zip(texts, embedded.vectors, strict=True)
    }
    return [_mean([rows[text] for text in parts]) for parts in wanted], embedded.n_tokens


def _mean(vectors: Sequence[Vector]) -> Vector:
    if len(vectors) == 1:
        return vectors[0]
    titled, body = vectors
    return titled * np.float32(1 - BODY_SHARE) + body * np.float32(BODY_SHARE)


def embed_next(work: Work) -> Vectors:
    """Embed the next few texts; holds no connection meanwhile.

    Raises:
        Temporary: the embedder failed; another try may help.
        Permanent: it cannot do this.
    """
    client = spaces.embedder(work.space)
    keys, work.missing = work.missing[: client.batch], work.missing[client.batch :]
    release_connection()
    rows, _n_tokens = embed(client, [work.texts[key] for key in keys])
    made = dict(zip(keys, rows, strict=True))
    work.vectors.update(made)
    return made


def keep(work: Work, made: Vectors, *, now: datetime) -> None:
    """Store vectors until their document is finished; a second worker's are the same."""
    EmbeddedText.objects.bulk_create(
        [
            EmbeddedText(space=work.space, content_sha256=key, embedding=vector, created_at=now)
            for key, vector in made.items()
        ],
        ignore_conflicts=True,
    )


def replace_chunks(*, document_id: int, version: int, drafts: Sequence[Draft], work: Work) -> None:
    """Write the chunks of `version` and switch to them.

    The version before is kept, switched off, for what was answered from it. Joins the caller's
    transaction, which must hold the document's row.
    """
    chunks = Chunk.objects.filter(document_id=document_id)
    before = chunks.filter(version__lt=version).aggregate(last=Max("version"))["last"]
    chunks.exclude(version=before).delete() if before else chunks.delete()
    chunks.filter(active=True).update(active=False)
    rows = (
        _row(draft, position=position, document_id=document_id, version=version)
        for position, draft in enumerate(drafts)
    )
    while batch := list(islice(rows, N_ROWS_PER_INSERT)):
        Chunk.objects.bulk_create(batch)
        ChunkVector.objects.bulk_create(
            ChunkVector(
                chunk=row,
                space=work.space,
                position=place,
                content_sha256=key,
                embedding=work.vectors[key],
            )
            for row in batch
            for place, key in enumerate(map(digest, texts_of(row)))
        )
    EmbeddedText.objects.filter(space=work.space, content_sha256__in=list(work.vectors)).delete()


def _row(draft: Draft, *, position: int, document_id: int, version: int) -> Chunk:
    indexed = chunking.indexed_text(draft)
    # Without the phrasings: measured, their words drew questions that only sound like them.
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
        lexemes=tsvector([*lexemes, *signs.held_by(draft.body)]),
        grams=tsvector(grams),
        n_lexemes=len(lexemes),
        n_grams=len(grams),
        phrasings=list(draft.phrasings),
        content_sha256=digest(_texts(draft)[0]),
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
