"""Whose turn it is to be read: of each tenant one document at a time.

All tenants share one queue, first in, first out. A tenant that gives a thousand documents at once
has one doorbell in it like everybody else; when the document it was rung for is done with, the next
one is rung for, behind those of the others.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from functools import partial

from django.db import connection, transaction
from django_tenants.utils import schema_context

from knowledge.models import Document
from tenants.context import current_schema
from tenants.queueing import enqueue

TASK = "knowledge.tasks.ingest_document"

DOORBELL_S = 60
"""After so long without a worker a document's doorbell is taken for lost, in seconds."""


def announce_on_commit(*, now: datetime) -> None:
    """Ring for the tenant's next document once the open transaction commits.

    Only then: who looks earlier does not see what others have just stored or finished, and nobody
    would ring. A failure is logged; the sweep makes up for it.
    """
    announce = partial(_announce_in, schema=current_schema(), now=now)
    transaction.on_commit(announce, robust=True)


def _announce_in(*, schema: str, now: datetime) -> None:
    with schema_context(schema):
        announce_next(now=now)


def announce_next(*, now: datetime) -> bool:
    """Ring for the document that has waited longest, unless the tenant has one in work.

    Returns whether the doorbell rings. Safe to run in several places at once: one of them rings.
    """
    with transaction.atomic():
        _lock_turns()
        if Document.objects.taken(now).exists():
            return False
        waiting = Document.objects.waiting(now).order_by("updated_at", "pk")
        pk = waiting.values_list("pk", flat=True).first()
        if pk is None:
            return False
        # Once more as a condition: a worker may have claimed it by an older doorbell. A dead
        # worker's token goes too: should it be alive after all, it has lost the document.
        won = (
            Document.objects.waiting(now)
            .filter(pk=pk)
            .update(
                status=Document.Status.QUEUED,
                lease_token=uuid.uuid4(),
                lease_until=now + timedelta(seconds=DOORBELL_S),
            )
        )
        if won:
            enqueue(TASK, document_id=pk)
    return bool(won)


def _lock_turns() -> None:
    """Wait until no other process of this tenant chooses a document; held until the commit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"{current_schema()}:knowledge.turns"],
        )
