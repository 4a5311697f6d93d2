"""What a person does with a stored document: an older version again, its days of validity."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext

from knowledge.models import Document, DocumentVersion
from knowledge.services import documents
from tenants.errors import DomainError

KEPT_FILES = 5
"""Newest versions of a document whose files are kept however old they are."""

KEEP_FILES = timedelta(days=30)
"""How long the file of any version is kept. What was read in it is kept for ever: answers point
there; but a page that is read again every day would else keep hundreds of files."""

PRUNE_BATCH = 200
"""Files that one run removes."""


class NoSuchVersion(DomainError):
    """This version is not kept any more."""

    code = "no_such_version"
    http_status = 404

    def __init__(self) -> None:
        super().__init__(gettext("This version is not kept any more."))


class FileNotKept(DomainError):
    """The file of this version is not kept any more; what was read in it is."""

    code = "file_not_kept"
    http_status = 410

    def __init__(self) -> None:
        super().__init__(
            gettext(
                "The file of this version is not kept any more, only what the machine read in it:"
                " of each document the files of the newest 5 versions stay, and any for 30 days."
            )
        )


class ValidityOutOfOrder(DomainError):
    """The last day of validity lies before the first."""

    code = "validity_out_of_order"
    http_status = 422

    def __init__(self) -> None:
        super().__init__(gettext("The last day of validity lies before the first."))


def file_of(*, document: Document, number: int) -> bytes:
    """Return the file of one version as it was uploaded.

    Raises:
        NoSuchVersion: there is none of that number.
        FileNotKept: its file was removed.
    """
    rows = DocumentVersion.objects.filter(document=document, number=number)
    row = rows.values_list("original").first()
    if row is None:
        raise NoSuchVersion
    if row[0] is None:
        raise FileNotKept
    return bytes(row[0])


def prune_files(*, now: datetime) -> int:
    """Remove the files of old versions beyond the newest few; returns how many.

    The newest version, which may be being read, always keeps its file. Safe to run in several
    places at once.
    """
    old = DocumentVersion.objects.filter(
        created_at__lt=now - KEEP_FILES,
        original__isnull=False,
        number__lte=F("document__version") - KEPT_FILES,
    )
    pks = list(old.order_by("pk").values_list("pk", flat=True)[:PRUNE_BATCH])
    return DocumentVersion.objects.filter(pk__in=pks).update(original=None) if pks else 0


def use_again(*, document: Document, number: int, now: datetime, actor: str) -> documents.Stored:
    """Make the file of an older version the newest one; nothing where it is that already.

    What was answered from the versions between keeps pointing to them.

    Raises:
        NoSuchVersion: there is none of that number.
        FileNotKept: its file was removed.
    """
    return documents.store_document(
        category=document.category,
        name=document.name,
        content=file_of(document=document, number=number),
        now=now,
        actor=actor,
    )


def set_validity(
    *, document: Document, valid_from: date | None, valid_until: date | None, now: datetime
) -> bool:
    """Set the first and the last day on which a document may be quoted; False if unchanged.

    Args:
        valid_from: in the tenant's time zone; None for always.
        valid_until: that day is the last on which it is quoted; None for ever.

    Raises:
        ValidityOutOfOrder: the last day lies before the first.
    """
    check_validity(valid_from=valid_from, valid_until=valid_until)
    with transaction.atomic():
        held = Document.objects.select_for_update().get(pk=document.pk)
        if (held.valid_from, held.valid_until) == (valid_from, valid_until):
            return False
        held.valid_from, held.valid_until, held.updated_at = valid_from, valid_until, now
        held.save(update_fields=["valid_from", "valid_until", "updated_at"])
    return True


def check_validity(*, valid_from: date | None, valid_until: date | None) -> None:
    """Refuse days of validity that no day lies between.

    Raises:
        ValidityOutOfOrder: the last day lies before the first.
    """
    if valid_from is not None and valid_until is not None and valid_until < valid_from:
        raise ValidityOutOfOrder
