"""Reading a web source: its worker lists the pages and fetches one after the other.

Each page is stored in a transaction of its own, and fetched without any. Killed, the worker goes on
with the pages that were not checked since the reading began. What is gone from the site goes to the
bin.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import Q

from knowledge import sitemaps
from knowledge.extract import reader
from knowledge.models import Category, Document, WebPage, WebSource
from knowledge.services import documents, web_words
from knowledge.services.web import KIND
from knowledge.web_pages import CannotRead, Page, Site, Trouble
from tenants import timers
from tenants.context import database_now, release_connection
from tenants.errors import Temporary
from tenants.failpoints import reach
from tenants.leases import keep

Status = WebSource.Status

PAUSE_S = 0.5
"""Between two pages of a site, in seconds: a visitor is not faster."""

SLICE_S = 150.0
"""How long one task reads before it makes room for another tenant's, in seconds; well below the
time limit of a task, after which the worker process is killed."""

MAX_ATTEMPTS = 4
"""Tries in a row that get nowhere before a source waits for its next regular reading."""

RETRY_S, MAX_RETRY_S = 60, 3600
"""Pause after a site was away, in seconds: it doubles with each try up to the longer one."""

MAX_AWAY = 3
"""Pages in a row that a site does not answer for before it is left alone for a while."""

logger = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What a doorbell for a source led to."""

    NOT_OURS = "not_ours"
    STOPPED = "stopped"  # gone, thrown away, or paused
    CONTINUES = "continues"
    READ = "read"
    POSTPONED = "postponed"
    FAILED = "failed"
    LEASE_LOST = "lease_lost"


def read_web_source(
    *,
    timer_id: int,
    token: uuid.UUID,
    slice_s: float = SLICE_S,
    pause_s: float = PAUSE_S,
    wait: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Read the pages of the source that a timer announces.

    Safe to run twice: only the doorbell that begins its timer works, and only the holder of the
    lease may write.

    Args:
        slice_s: after so many seconds a further task goes on.
        pause_s: between two pages, in seconds.
        wait: pauses for so many seconds.
    """
    claim = next(iter(timers.begin([(timer_id, token)])), None)
    if claim is None:
        return Outcome.NOT_OURS
    began = time.monotonic()
    run = _Reading(claim, until=began + slice_s, pause_s=pause_s, wait=wait)
    with keep(claim):
        try:
            outcome = run.go()
        except timers.LeaseLost:
            outcome = Outcome.LEASE_LOST
    logger.info(
        "web source read",
        extra={
            "source_id": claim.ref,
            "outcome": outcome.value,
            "n_pages": run.n_checked,
            "duration_ms": round((time.monotonic() - began) * 1000),
        },
    )
    return outcome


class _Stopped(Exception):
    """The source is gone, thrown away or paused."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """The addresses to read now, and all that the site lists."""

    urls: tuple[str, ...]
    listed: frozenset[str]


class _Reading:
    """One slice of the reading of one source.

    Args:
        until: when to make room for others, in seconds of the monotonic clock.
    """

    def __init__(
        self,
        claim: timers.Claim,
        *,
        until: float,
        pause_s: float,
        wait: Callable[[float], None],
    ) -> None:
        self.claim, self.until = claim, until
        self.pause_s, self.wait = pause_s, wait
        self.n_checked = 0

    def go(self) -> Outcome:
        try:
            source = self._open()
            if self.claim.n_attempts > MAX_ATTEMPTS:  # each try before killed its worker
                return self._close(source.pk, failure=web_words.lost())
            site = Site(source.url, pause_s=self.pause_s, wait=self.wait)
            try:
                listing = self._list(source, site)
                if not self._read_all(source, site, listing):
                    return self._hand_over()
            except CannotRead as error:
                return self._close(source.pk, failure=web_words.cannot(error))
            except Temporary as error:
                return self._postpone(source.pk, error)
            return self._close(source.pk, listing=listing)
        except _Stopped:
            timers.finish(self.claim)
            return Outcome.STOPPED

    def _open(self) -> WebSource:
        now = database_now()
        with transaction.atomic():
            source = self._held(self.claim.ref)
            if not source.is_active and source.status in (Status.READY, Status.FAILED):
                raise _Stopped  # armed before it was paused; whoever wants it read makes it wait
            if source.status != Status.READING:
                source.status, source.started_at = Status.READING, now
                source.progress, source.failure_reason = 0, ""
                source.save(update_fields=["status", "started_at", "progress", "failure_reason"])
        return source

    def _held(self, source_id: int) -> WebSource:
        """Lock the source and then the timer until the transaction ends.

        Raises:
            _Stopped: it is gone or thrown away.
            LeaseLost: it is another worker's.
        """
        found = WebSource.objects.select_for_update(no_key=True)
        source = found.filter(pk=source_id, deleted_at=None).first()
        timers.hold(self.claim)
        if source is None:
            raise _Stopped
        return source

    def _list(self, source: WebSource, site: Site) -> _Listing:
        if source.kind == WebSource.Kind.PAGE:
            listed = [source.url]
        else:
            release_connection()
            listed = sitemaps.pages(source.url, site=site)
        known = set(
            WebPage.objects.filter(source=source, url__in=listed, document__isnull=False)
            .values_list("url", flat=True)
            .iterator()
        )
        # Those that answer already come first: a site that lists its newest page on top would
        # else push an old one out with each new one.
        ordered = [url for url in listed if url in known]
        ordered += [url for url in listed if url not in known]
        chosen = tuple(ordered[: source.max_pages])
        with transaction.atomic():
            self._held(source.pk)
            WebPage.objects.bulk_create(
                [WebPage(source=source, url=url) for url in chosen], ignore_conflicts=True
            )
        return _Listing(chosen, listed=frozenset(listed))

    def _read_all(self, source: WebSource, site: Site, listing: _Listing) -> bool:
        """Read what was not checked since the reading began; False when the time is over."""
        unchecked = Q(checked_at=None) | Q(checked_at__lt=source.started_at)
        pages = WebPage.objects.filter(unchecked, source=source, url__in=listing.urls)
        pages = pages.select_related("document").order_by("pk")
        left = list(pages)
        n_away = 0
        for place, page in enumerate(left):
            if place and time.monotonic() >= self.until:
                return False
            try:
                self._read_one(page, site)
                n_away = 0
            except Temporary as error:
                n_away += 1
                if len(listing.urls) == 1 or n_away >= MAX_AWAY:
                    raise
                self._note(page, WebPage.Status.FAILED, web_words.away(error))
            self.n_checked += 1
            n_left = len(left) - place - 1
            self._show(source.pk, 100 * (len(listing.urls) - n_left) // len(listing.urls))
        return True

    def _read_one(self, page: WebPage, site: Site) -> None:
        document = page.document
        if document is not None and document.deleted_at is None:
            if page.is_unwanted:  # a person took it out of the bin again
                WebPage.objects.filter(pk=page.pk).update(is_unwanted=False)
            page.is_unwanted = False
        elif document is not None and page.gone_at is None:
            page.is_unwanted = True
        if page.is_unwanted:
            self._note(page, WebPage.Status.SKIPPED, web_words.unwanted())
            return
        is_kept = document is not None and page.gone_at is None
        release_connection()
        try:
            fetched = site.fetch(
                page.url,
                etag=page.etag if is_kept else "",
                last_modified=page.last_modified if is_kept else "",
            )
        except CannotRead as error:
            self._not_read(page, error)
            return
        reach("page_fetched")
        if fetched is None:
            self._note(page, WebPage.Status.READ, "")
        elif reader.find_kind(f"page.{fetched.kind}") is None:
            self._not_read(page, CannotRead(Trouble.KIND, fetched.kind))
        else:
            self._store(page, fetched)
        reach("page_stored")

    def _not_read(self, page: WebPage, error: CannotRead) -> None:
        words = web_words.cannot(error)
        if error.trouble is Trouble.GONE:
            self._gone([page], reason=words, notice=web_words.gone_from_site())
        elif error.trouble is Trouble.ROBOTS:
            self._note(page, WebPage.Status.SKIPPED, words)
        else:
            self._note(page, WebPage.Status.FAILED, words)

    def _note(self, page: WebPage, status: str, reason: str) -> None:
        now = database_now()
        with transaction.atomic():
            self._held(self.claim.ref)
            WebPage.objects.filter(pk=page.pk).update(
                status=status, reason=reason, checked_at=now, is_unwanted=page.is_unwanted
            )

    def _gone(self, pages: list[WebPage], *, reason: str, notice: str) -> None:
        """Put the documents of pages that are no longer there, or no longer read, into the bin."""
        now = database_now()
        with transaction.atomic():
            self._held(self.claim.ref)
            for page in pages:
                gone_at = page.gone_at or now
                documents_of = Document.objects.filter(web_pages=page, deleted_at=None)
                if documents_of.update(deleted_at=now, updated_at=now, notice=notice):
                    gone_at = now
                WebPage.objects.filter(pk=page.pk).update(
                    status=WebPage.Status.GONE,
                    reason=reason,
                    checked_at=now,
                    gone_at=gone_at,
                    etag="",
                    last_modified="",
                )

    def _store(self, page: WebPage, fetched: Page) -> None:
        now = database_now()
        with transaction.atomic():
            source = self._held(self.claim.ref)
            # Names are given under this lock: two sources with pages of one title would else
            # write one document in turn.
            category = Category.objects.select_for_update(no_key=True).get(pk=source.category_id)
            document = page.document
            if document is not None and not Document.objects.filter(pk=document.pk).exists():
                return  # removed for good meanwhile; the page is marked as not wanted
            if document is not None and document.kind != fetched.kind:
                Document.objects.filter(pk=document.pk).update(deleted_at=now, updated_at=now)
                document = None
            name = _name(category, fetched) if document is None else document.name
            stored = documents.store_document(
                category=category, name=name, content=fetched.content, now=now
            ).document
            changes: dict[str, object] = {"web_source": source, "source_url": page.url[:1000]}
            if page.gone_at is not None:
                changes |= {"deleted_at": None, "notice": ""}
            Document.objects.filter(pk=stored.pk).update(**changes)
            WebPage.objects.filter(pk=page.pk).update(
                document=stored,
                status=WebPage.Status.READ,
                reason="",
                etag=fetched.etag,
                last_modified=fetched.last_modified,
                checked_at=now,
                gone_at=None,
            )

    def _show(self, source_id: int, progress: int) -> None:
        WebSource.objects.filter(pk=source_id, status=Status.READING).update(progress=progress)

    def _hand_over(self) -> Outcome:
        """Make room for others; progress was made, so the tries are counted anew."""
        with transaction.atomic():
            self._held(self.claim.ref)
            timers.arm(kind=KIND, ref=self.claim.ref, due_at=database_now())
            timers.finish(self.claim)
        return Outcome.CONTINUES

    def _postpone(self, source_id: int, error: Temporary) -> Outcome:
        if self.claim.n_attempts >= MAX_ATTEMPTS:
            return self._close(source_id, failure=web_words.away(error))
        pause_s = min(MAX_RETRY_S, RETRY_S * 2 ** (self.claim.n_attempts - 1))
        pause_s = max(pause_s, min(error.retry_after_s or 0, MAX_RETRY_S))
        with transaction.atomic():
            self._held(source_id)
            WebSource.objects.filter(pk=source_id).update(
                failure_reason=web_words.tried_again(error)
            )
            timers.retry(self.claim, due_at=database_now() + timedelta(seconds=pause_s))
        return Outcome.POSTPONED

    def _close(
        self, source_id: int, *, listing: _Listing | None = None, failure: str = ""
    ) -> Outcome:
        """End the reading, and arm the next one."""
        if listing is not None:
            former = WebPage.objects.filter(source_id=source_id, document__isnull=False)
            gone = former.exclude(url__in=listing.urls).exclude(status=WebPage.Status.GONE)
            left_site = [page for page in gone if page.url not in listing.listed]
            beyond = [page for page in gone if page.url in listing.listed]
            for pages, words in (
                (left_site, web_words.gone_from_site()),
                (beyond, web_words.beyond_limit()),
            ):
                self._gone(pages, reason=words, notice=words)
        now = database_now()
        with transaction.atomic():
            source = self._held(source_id)
            if listing is not None:
                failure, notice = self._judge(source, listing)
            else:
                notice = failure
            source.status = Status.FAILED if failure else Status.READY
            source.failure_reason = notice or failure
            source.progress = 100
            source.n_pages = Document.objects.filter(web_source=source, deleted_at=None).count()
            source.synced_at = now
            source.save(
                update_fields=["status", "failure_reason", "progress", "n_pages", "synced_at"]
            )
            is_armed_again = timers.hold(self.claim)
            if source.is_active and not is_armed_again:
                due_at = now + timedelta(hours=source.every_hours)
                timers.arm(kind=KIND, ref=source_id, due_at=due_at)
            timers.finish(self.claim)
        return Outcome.FAILED if failure else Outcome.READ

    def _judge(self, source: WebSource, listing: _Listing) -> tuple[str, str]:
        """Return why the reading failed, if no page could be read, and what else to tell."""
        bad = [WebPage.Status.FAILED, WebPage.Status.GONE, WebPage.Status.SKIPPED]
        pages = WebPage.objects.filter(source=source, url__in=listing.urls)
        troubled = pages.filter(status__in=bad).order_by("pk")
        n_troubled = troubled.exclude(is_unwanted=True).count()
        n_read = pages.filter(status=WebPage.Status.READ).count()
        first = troubled.first()
        if first is not None and not n_read and n_troubled:
            return first.reason, first.reason
        notices = (
            web_words.some_failed(n_troubled, len(listing.urls)),
            web_words.left_out(len(listing.listed), len(listing.urls)),
        )
        return "", " ".join(notice for notice in notices if notice)


def _name(category: Category, fetched: Page) -> str:
    """Return a name for the document of a new page: its title, made unique in the category."""
    title = fetched.title.replace("/", " – ").replace("\\", " ").strip(" .–") or "página"
    stem = title[: documents.MAX_NAME - 30]
    for number in range(1, 1000):
        suffix = "" if number == 1 else f" ({number})"
        name = documents.file_name(f"{stem}{suffix}.{fetched.kind}")
        if not Document.objects.filter(category=category, name=name).exists():
            return name
    return documents.file_name(f"{stem[:100]} {uuid.uuid4().hex}.{fetched.kind}")
