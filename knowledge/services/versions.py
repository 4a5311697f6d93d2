"""What a person does with a stored document: an older version again, its days of validity."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext

from knowledge.models import Document, DocumentVersion
from knowledge.services import documents
from tenants.errors import DomainError


class NoSuchVersion(DomainError):
    """This version is not kept any more."""

    code = "no_such_version"
    http_status = 404

    def __init__(self) -> None:
        super().__init__(gettext("This version is not kept any more."))


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
    """
    rows = DocumentVersion.objects.filter(document=document, number=number)
    found = rows.values_list("original", flat=True).first()
    if found is None:
        raise NoSuchVersion
    return bytes(found)


def use_again(*, document: Document, number: int, now: datetime, actor: str) -> documents.Stored:
    """Make the file of an older version the newest one; nothing where it is that already.

    What was answered from the versions between keeps pointing to them.

    Raises:
        NoSuchVersion: there is none of that number.
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
