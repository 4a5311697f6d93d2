"""The words of each tenant, held by each process and kept up to date while it searches."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from knowledge.models import Chunk, Document
from knowledge.normaliser import Vocabulary
from tenants.context import current_schema

MAX_VOCABULARIES = 64
"""Tenants whose words a process keeps, the least recently used go first."""

SLICE = 2_000
"""Passages that one search reads at most, besides one large document, before it goes on. A tenant
with more is known by its newest documents at first, and by the rest some searches later."""

# Changes with every document that is added, replaced or removed, and costs one short scan.
_STAMP = (
    "select count(*), coalesce(sum(version), 0), max(ready_at) from knowledge_document"
    " where deleted_at is null"
)

Stamp = tuple[int, int, datetime | None]


@dataclass(slots=True)
class _Held:
    """What a process knows of one tenant's words.

    Args:
        stamp: of the state that was read in full; None while something is left to read.
        read: when each document that was read became ready, by its id.
        n_stale: documents whose words are still held though they have gone or changed.
    """

    vocabulary: Vocabulary = field(default_factory=lambda: Vocabulary(()))
    stamp: Stamp | None = None
    read: dict[int, datetime | None] = field(default_factory=dict)
    n_stale: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


_held: OrderedDict[str, _Held] = OrderedDict()
_held_lock = threading.Lock()


def current() -> Vocabulary:
    """Return the words of the current schema; new documents' are among them at once.

    Words of documents that have gone are forgotten when they have become many, or all.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STAMP)
        stamp: Stamp = cursor.fetchone()
    schema = current_schema()
    with _held_lock:
        held = _held.setdefault(schema, _Held())
        _held.move_to_end(schema)
        while len(_held) > MAX_VOCABULARIES:
            _held.popitem(last=False)
    if held.stamp != stamp:
        with held.lock:  # one thread reads, the others would read the same
            if held.stamp != stamp:
                _read(held, stamp)
    return held.vocabulary


def forget() -> None:
    """Drop what this process remembers, for tests."""
    with _held_lock:
        _held.clear()


def _read(held: _Held, stamp: Stamp) -> None:
    """Read documents that are new or changed, the newest first, as many as one search may."""
    documents = Document.objects.filter(deleted_at__isnull=True, ready_at__isnull=False)
    ready = {
        pk: (at, n)
        for pk, at, n in documents.order_by("-ready_at", "-pk").values_list(
            "pk", "ready_at", "n_chunks"
        )
    }
    gone = [pk for pk, at in held.read.items() if pk not in ready or ready[pk][0] != at]
    held.n_stale += len(gone)
    for pk in gone:
        del held.read[pk]
    # Where nothing of what was read is left, the schema may even be another tenant's by now.
    if not held.read or held.n_stale > max(8, len(held.read)):
        held.vocabulary, held.read, held.n_stale = Vocabulary(()), {}, 0
    new: list[int] = []
    n_chunks = 0
    is_whole = True
    for pk, (_, n) in ready.items():
        if pk in held.read:
            continue
        if new and n_chunks + n > SLICE:
            is_whole = False
            break
        new.append(pk)
        n_chunks += n
    chunks = Chunk.objects.filter(active=True, document_id__in=new)
    rows = chunks.values_list("heading_path", "body").iterator()
    held.vocabulary = held.vocabulary.extended(f"{path} {body}" for path, body in rows)
    held.read.update({pk: ready[pk][0] for pk in new})
    held.stamp = stamp if is_whole else None
