"""The bin: what is thrown away answers nothing, can be taken out, and goes after some weeks."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from knowledge.models import Document, WebPage
from knowledge.services import faqs

KEEP = timedelta(days=30)
"""How long a document can be taken out of the bin. The pages say this number: shorter would break
a promise, longer keeps what a customer asked us to erase."""

PURGE_BATCH = 50
"""Documents that one run removes for good: each may drag thousands of passages along."""


def throw_away(*, document: Document, now: datetime) -> bool:
    """Move a document to the bin; False when it is there already or gone.

    From the commit on no search finds it. A worker that reads it may finish: what it writes is not
    found either, and is there if the document is taken out again.
    """
    kept = Document.objects.filter(pk=document.pk, deleted_at__isnull=True)
    return bool(kept.update(deleted_at=now, updated_at=now))


def take_out(*, document: Document, now: datetime) -> bool:
    """Take a document out of the bin, as it was; False when it is not there.

    Raises:
        FaqExists: meanwhile another entry of its category asks the same.
    """
    thrown = Document.objects.filter(pk=document.pk, deleted_at__isnull=False)
    with transaction.atomic():
        held = thrown.select_related("category").first()
        if held is None:
            return False
        if held.kind == Document.Kind.FAQ:
            faqs.check_only(document=held)
        return bool(thrown.update(deleted_at=None, updated_at=now))


def purge_bin(*, now: datetime) -> int:
    """Remove for good what has been in the bin longer than `KEEP`; returns how many.

    Safe to run in several places at once, and beside somebody who takes a document out: the rows
    are held while they are removed, and one that is held elsewhere waits for the next run.
    """
    with transaction.atomic():
        old = Document.objects.filter(deleted_at__lt=now - KEEP).order_by("deleted_at", "pk")
        held = old.select_for_update(skip_locked=True)
        pks = list(held.values_list("pk", flat=True)[:PURGE_BATCH])
        _remove(pks)
    return len(pks)


def erase(*, document: Document) -> bool:
    """Remove a document of the bin for good; False when it is not in the bin."""
    with transaction.atomic():
        thrown = Document.objects.select_for_update().filter(
            pk=document.pk, deleted_at__isnull=False
        )
        if thrown.first() is None:
            return False
        _remove([document.pk])
    return True


def _remove(pks: list[int]) -> None:
    """Remove documents that the caller's transaction holds, and see to it that they stay away.

    A page whose document a person threw away would else be read into a new one. Those that we
    found gone, or that went with their source, are read again once they are back.
    """
    pages = WebPage.objects.filter(document__in=pks, gone_at=None)
    pages.exclude(source__deleted_at=F("document__deleted_at")).update(is_unwanted=True)
    Document.objects.filter(pk__in=pks).delete()
