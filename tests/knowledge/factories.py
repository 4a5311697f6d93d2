from __future__ import annotations

from datetime import UTC, datetime

from django.db import connection

from knowledge.models import Category, Document
from knowledge.services import documents, ingesting

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PRICES = """codigo;procedimento;valor_particular;valor_parcelado;observacao
C001;Limpeza completa (profilaxia + tartaro);220,00;2x 110,00;recomendada a cada 6 meses
C002;Clareamento caseiro;790,00;4x 197,50;
C003;Canal de dente anterior;780,00;à vista;
"""


def store(
    content: str | bytes = PRICES,
    *,
    name: str = "precos.csv",
    category: Category | None = None,
    now: datetime = NOW,
) -> Document:
    """Store a document that waits for a worker."""
    content = content.encode() if isinstance(content, str) else content
    category = category or documents.ensure_category(name="precos")
    return documents.store_document(category=category, name=name, content=content, now=now).document


def ready(
    content: str | bytes = PRICES,
    *,
    name: str = "precos.csv",
    category: Category | None = None,
    now: datetime = NOW,
) -> Document:
    """Store a document and read it."""
    document = store(content, name=name, category=category, now=now)
    ingesting.ingest_document(document_id=document.pk, now=now)
    document.refresh_from_db()
    assert document.status == Document.Status.READY, document.failure_reason
    return document


def number_next_document(pk: int) -> None:
    """Give the next document of the current tenant this id: ids repeat across tenants."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select setval(pg_get_serial_sequence('knowledge_document', 'id'), %s, false)", [pk]
        )
