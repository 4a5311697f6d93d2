"""Web sources: pages to read by address, added, paused, thrown away and taken back."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext

from knowledge.models import Category, Document, WebPage, WebSource
from knowledge.web_pages import CannotRead, clean_address
from tenants import timers
from tenants.audit.record import record
from tenants.errors import DomainError

Status = WebSource.Status

KIND = "web_sync"

MAX_PAGES = 1000
"""The most that a source may read: more documents than that nobody looks after."""

KEEP = timedelta(days=30)
"""How long a source that was thrown away can be taken back, as its documents can."""


class BadAddress(DomainError):
    """This is no address of a page; it begins with https:// or http://."""

    code = "bad_address"
    http_status = 422

    def __init__(self) -> None:
        super().__init__(
            gettext("This is no address of a page; it begins with https:// or http://.")
        )


class AlreadyThere(DomainError):
    """This address is read into this category already."""

    code = "web_source_exists"

    def __init__(self) -> None:
        super().__init__(gettext("This address is read into this category already."))


def add_source(
    *,
    category: Category,
    url: str,
    kind: str = WebSource.Kind.PAGE,
    every_hours: int = 24,
    max_pages: int = 50,
    now: datetime,
    actor: str = "",
) -> WebSource:
    """Add a page or a sitemap and have it read; one that was thrown away comes back.

    Args:
        kind: one of `WebSource.Kind`.
        every_hours: how often it is read again.
        max_pages: of a sitemap, at most; no more than `MAX_PAGES`.

    Raises:
        BadAddress: not an address that can be read.
        AlreadyThere: the category has this source.
    """
    try:
        url = clean_address(url)
    except CannotRead as error:
        raise BadAddress from error
    with transaction.atomic():
        source, is_new = WebSource.objects.select_for_update().get_or_create(
            category=category, url=url, defaults={"kind": kind}
        )
        if not is_new and source.deleted_at is None:
            raise AlreadyThere
        if not is_new:
            _take_back(source)
        source.kind = kind
        source.every_hours = max(1, every_hours)
        source.max_pages = max(1, min(max_pages, MAX_PAGES))
        source.is_active = True
        source.save(update_fields=["kind", "every_hours", "max_pages", "is_active"])
        _record("added", source, actor=actor)
        _read_soon(source, now=now)
    return source


def change_source(
    *,
    source: WebSource,
    every_hours: int,
    max_pages: int,
    is_active: bool,
    now: datetime,
) -> None:
    """Change how often and how much of a source is read, or pause it."""
    with transaction.atomic():
        held = WebSource.objects.select_for_update().get(pk=source.pk)
        held.every_hours = max(1, every_hours)
        held.max_pages = max(1, min(max_pages, MAX_PAGES))
        held.is_active = is_active
        held.save(update_fields=["every_hours", "max_pages", "is_active"])
        # A reading that waits or goes on arms the next one itself; this would put it off.
        is_busy = held.status in (Status.WAITING, Status.READING)
        if is_active and held.deleted_at is None and not is_busy:
            read_at = held.synced_at or now
            due_at = max(now, read_at + timedelta(hours=held.every_hours))
            timers.arm(kind=KIND, ref=held.pk, due_at=due_at)


def read_now(*, source: WebSource, now: datetime) -> bool:
    """Have a source read at once, also a paused one; False when it was thrown away."""
    with transaction.atomic():
        held = WebSource.objects.select_for_update().filter(pk=source.pk, deleted_at=None).first()
        if held is None:
            return False
        _read_soon(held, now=now)
    return True


def throw_away(*, source: WebSource, now: datetime, actor: str = "") -> bool:
    """Move a source and the documents of its pages to the bin; False when it is there already."""
    with transaction.atomic():
        won = WebSource.objects.filter(pk=source.pk, deleted_at=None).update(deleted_at=now)
        if not won:
            return False
        pages = WebPage.objects.filter(source=source, document__deleted_at=None)
        shown = pages.exclude(document=None).values("document")
        Document.objects.filter(pk__in=list(shown.values_list("document", flat=True))).update(
            deleted_at=now, updated_at=now
        )
        _record("thrown_away", source, actor=actor)
    return True


def take_back(*, source: WebSource, now: datetime, actor: str = "") -> bool:
    """Take a source out of the bin with the documents that went with it; False if it is not there.

    It is read again soon.
    """
    with transaction.atomic():
        held = WebSource.objects.select_for_update().filter(pk=source.pk).first()
        if held is None or held.deleted_at is None:
            return False
        _take_back(held)
        _record("taken_back", held, actor=actor)
        _read_soon(held, now=now)
    return True


def sweep(*, now: datetime) -> int:
    """Remove sources for good that were thrown away longer than `KEEP` ago; returns how many."""
    old = WebSource.objects.filter(deleted_at__lt=now - KEEP)
    # Its documents go by themselves, and before them it would drag thousands of passages along.
    empty = old.exclude(documents__isnull=False)
    return empty.delete()[1].get(WebSource._meta.label, 0)


def _take_back(source: WebSource) -> None:
    Document.objects.filter(web_source=source, deleted_at=source.deleted_at).update(deleted_at=None)
    source.deleted_at = None
    source.save(update_fields=["deleted_at"])


def _read_soon(source: WebSource, *, now: datetime) -> None:
    WebSource.objects.filter(pk=source.pk).exclude(status=Status.READING).update(
        status=Status.WAITING, progress=0, failure_reason=""
    )
    timers.arm(kind=KIND, ref=source.pk, due_at=now)


def _record(what: str, source: WebSource, *, actor: str) -> None:
    record(
        action=f"web_source.{what}",
        actor=actor,
        target=f"web source {source.uuid}",
        data={"kind": source.kind},
    )
