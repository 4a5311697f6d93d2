"""Files that people and programs bring: stored, valid for some days, and noted in the trail."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction

from knowledge.extract import reader
from knowledge.models import Category
from knowledge.services import documents, versions
from tenants.audit.record import record


def receive_upload(
    *,
    category: Category,
    name: str,
    content: bytes,
    actor: str,
    now: datetime,
    valid_from: date | None = None,
    valid_until: date | None = None,
) -> documents.Stored:
    """Store a file that somebody uploaded and have it read.

    Raises:
        FileTooLarge: more than `documents.MAX_BYTES`.
        UnsupportedFile: not a kind that is read here; questions and answers are typed elsewhere.
        ValidityOutOfOrder: the last day lies before the first.
    """
    versions.check_validity(valid_from=valid_from, valid_until=valid_until)
    shown = documents.file_name(name)
    kind = reader.find_kind(shown)
    if kind is not None and not reader.KINDS[kind].is_upload:
        raise documents.UnsupportedFile(shown)
    with transaction.atomic():
        stored = documents.store_document(
            category=category, name=name, content=content, now=now, actor=actor
        )
        document = stored.document
        if valid_from or valid_until:
            versions.set_validity(
                document=document, valid_from=valid_from, valid_until=valid_until, now=now
            )
            document.valid_from, document.valid_until = valid_from, valid_until
        if stored.changed or stored.restored:
            is_new = document.version == 1 and not stored.restored
            record(
                action="document.created" if is_new else "document.changed",
                actor=actor,
                target=f"document {document.uuid}",
                data={"fields": ["file"]},
            )
    return stored
