from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from knowledge.services import documents


@shared_task
def ingest_document(*, document_id: int, **_: object) -> str:
    """Read a document and make it searchable; the sweep repeats what ends in an error."""
    return documents.ingest_document(document_id=document_id, now=timezone.now()).value


@shared_task
def requeue_stalled(**_: object) -> str:
    """Announce documents again that no worker holds; rung every 30 s for each tenant."""
    return f"announced {documents.requeue_stalled(now=timezone.now())}"
