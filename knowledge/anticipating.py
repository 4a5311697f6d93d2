"""Embedding a question while its contact may still be writing.

A contact's quiet window is time in which nothing else is done for the answer, and the vector is the
dearest part of a search. Nothing depends on its being done.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

from django.db import Error, connection
from django_tenants.utils import schema_context

from integrations.llm import factory
from integrations.llm.local_embedder import LocalEmbedder
from knowledge import normaliser, spaces, vocabularies
from knowledge.models import Chunk
from tenants.context import current_schema, release_connection
from tenants.errors import Permanent, Temporary

logger = logging.getLogger(__name__)

MAX_WAITING = 200
"""Questions that wait to be embedded: some seconds' work. The rest is embedded by its search."""

_pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")


def anticipate(query: str) -> None:
    """Embed a question that will soon be searched, beside what this process does now.

    Returns at once. Only by the model that is built in: a call to a remote one costs money, and
    half of what contacts write is never searched.
    """
    if _pool._work_queue.qsize() < MAX_WAITING:
        _pool.submit(_embed, current_schema(), query)


def _embed(schema: str, query: str) -> None:
    try:
        with schema_context(schema):
            is_local = spaces.active_space().provider == spaces.LOCAL
            if not is_local or not Chunk.objects.filter(active=True).exists():
                return
            normalised = normaliser.normalise(query, vocabularies.current())
            release_connection()
            embedder = factory.embedder()
            if normalised and isinstance(embedder, LocalEmbedder):
                embedder.embed_ahead(normalised.lower())
    except (Error, Temporary, Permanent):
        logger.info("question not embedded ahead", exc_info=True)
    finally:
        connection.close()
