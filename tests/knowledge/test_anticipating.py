from __future__ import annotations

from integrations.llm import factory
from integrations.llm.local_embedder import LocalEmbedder
from knowledge import anticipating, retrieval
from tenants.models import Tenant
from tests.knowledge.factories import ready


def test_a_question_that_was_anticipated_is_known_to_the_search(committed_alpha: Tenant) -> None:
    ready()
    question = "quanto custa a limpeza que antecipei?"

    anticipating.anticipate(question)
    anticipating._pool.submit(lambda: None).result(timeout=60)

    found = retrieval.search(query=question, category_ids=None)
    embedder = factory.embedder()
    assert isinstance(embedder, LocalEmbedder)
    assert found.normalised_query.lower() in embedder._queries
