"""How long the files of messages are kept: a tenant's setting, and the sweep that keeps to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction

from conversations.models import Attachment, AttachmentContent, OutboundFile
from conversations.services import lifecycle

BATCH = 50
"""Files of one transaction. Nobody waits for their rows, but the bytes of so many are written anew
as free space at once; ten times as many would be felt by who uses the same disk."""

MAX_AT_ONCE = 5_000
"""Files of one sweep; a first one after years goes on with the next."""

Status, Reading = Attachment.Status, Attachment.Reading


def delete_old_files(*, now: datetime) -> int:
    """Delete the bytes of files that are older than they are kept; return how many.

    Safe to run at any time, twice at once included. The rows stay and say when that was, with what
    a model has heard or seen.
    """
    days = lifecycle.settings().keep_files_days
    if not days:
        return 0
    before = now - timedelta(days=days)
    n_deleted = 0
    for delete in (_received, _sent):
        n_deleted += _in_batches(delete, before=before, now=now)
    return n_deleted


def _in_batches(
    delete: Callable[[datetime, datetime, int], list[int]], *, before: datetime, now: datetime
) -> int:
    n_deleted, after = 0, 0
    while n_deleted < MAX_AT_ONCE:
        with transaction.atomic():
            found = delete(before, now, after)
        if not found:
            break
        n_deleted, after = n_deleted + len(found), max(found)
    return n_deleted


def _received(before: datetime, now: datetime, after: int) -> list[int]:
    """Delete some files that contacts sent; one that is being read waits for the next sweep."""
    old = Attachment.objects.filter(pk__gt=after, status=Status.STORED, created_at__lt=before)
    old = old.exclude(reading=Reading.WAITING).order_by("pk").select_for_update(skip_locked=True)
    found = list(old.values_list("pk", flat=True)[:BATCH])
    AttachmentContent.objects.filter(pk__in=found).delete()
    Attachment.objects.filter(pk__in=found).update(status=Status.DELETED, deleted_at=now)
    return found


def _sent(before: datetime, now: datetime, after: int) -> list[int]:
    """Delete some files that were sent."""
    old = OutboundFile.objects.filter(
        pk__gt=after, deleted_at=None, message__created_at__lt=before
    ).exclude(message__status__in=("created", "handed"))
    old = old.order_by("pk").select_for_update(skip_locked=True, of=("self",))
    found = list(old.values_list("pk", flat=True)[:BATCH])
    OutboundFile.objects.filter(pk__in=found).update(data=b"", deleted_at=now)
    return found
