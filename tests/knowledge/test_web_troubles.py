"""Sites that answer badly, and people who change their mind about a page or a source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from knowledge import web_pages
from knowledge.models import Document
from knowledge.services import bin as paper_bin
from knowledge.services import web
from knowledge.services.web_reading import Outcome
from tenants.models import Tenant
from tests.fakes.site import FakeSite, Served
from tests.knowledge.spaces import wait_s
from tests.knowledge.test_web import HOUR_S, add, again, page, read, shown


@pytest.fixture
def site() -> Iterator[FakeSite]:
    with FakeSite() as site:
        yield site


def test_a_page_that_was_removed_for_good_stays_away(alpha: Tenant, site: FakeSite) -> None:
    site.put("/a")
    site.put("/b")
    add(site.sitemap("/a", "/b"), kind="sitemap")
    read()
    document = Document.objects.get(name="b.html")
    paper_bin.throw_away(document=document, now=timezone.now())

    assert paper_bin.erase(document=document)  # before the next reading could notice it
    again()

    assert shown() == ["a.html"]


def test_a_page_that_a_person_took_back_is_read_again(alpha: Tenant, site: FakeSite) -> None:
    add(site.put("/a"))
    read()
    document = Document.objects.get()
    paper_bin.throw_away(document=document, now=timezone.now())
    again()
    paper_bin.take_out(document=document, now=timezone.now())
    site.put("/a", "a", "texto novo")

    again()

    document.refresh_from_db()
    assert (document.version, page("/a").status) == (2, "read")


def test_a_source_that_comes_back_after_its_documents_went_is_read(
    alpha: Tenant, site: FakeSite
) -> None:
    url = site.put("/a")
    source = add(url)
    read()
    web.throw_away(source=source, now=timezone.now(), actor="ana")
    paper_bin.purge_bin(now=timezone.now() + timedelta(days=31))
    add(url)

    assert read() is Outcome.READ
    assert shown() == ["a.html"]


def test_a_lower_limit_is_named_as_the_reason(alpha: Tenant, site: FakeSite) -> None:
    site.put("/a")
    site.put("/b")
    source = add(site.sitemap("/a", "/b"), kind="sitemap")
    read()
    web.change_source(
        source=source, every_hours=24, max_pages=1, is_active=True, now=timezone.now()
    )

    again()

    left_out = Document.objects.get(name="b.html")
    assert shown() == ["a.html"]
    assert left_out.notice == page("/b").reason != ""
    assert left_out.notice != "The page is no longer on the site."


@pytest.mark.parametrize("target", ["http://[a", "http://a.example:99999/", "//["])
def test_a_page_that_leads_nowhere_spoils_no_other(
    alpha: Tenant, site: FakeSite, target: str
) -> None:
    site.pages["/a"] = Served(status=302, location=target)
    site.put("/b")
    add(site.sitemap("/a", "/b"), kind="sitemap")

    assert read() is Outcome.READ
    assert shown() == ["b.html"]
    assert page("/a").reason


def test_a_mark_that_cannot_be_sent_back_spoils_no_later_reading(
    alpha: Tenant, site: FakeSite
) -> None:
    site.put("/a")
    site.pages["/a"].tags = False
    site.pages["/a"].last_modified = "terça, 3 de março"
    add(site.url + "/a")

    assert read() is Outcome.READ
    assert again() is Outcome.READ


@pytest.mark.parametrize("rules", ["Crawl-delay: ²", "Disallow: //[x", "Request-rate: ²/5"])
def test_rules_that_nobody_understands_are_no_rules(
    alpha: Tenant, site: FakeSite, rules: str
) -> None:
    site.robots = Served(f"User-agent: *\n{rules}\n".encode(), content_type="text/plain")
    add(site.put("/a"))

    assert read() is Outcome.READ
    assert shown() == ["a.html"]


def test_a_text_that_grows_too_large_in_utf_8_spoils_no_other(
    alpha: Tenant, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    latin = "text/plain; charset=latin-1"
    monkeypatch.setattr(web_pages, "MAX_PAGE_BYTES", 1500)
    site.pages["/a"] = Served("ção ".encode("latin-1") * 300, content_type=latin)
    site.put("/b")
    add(site.sitemap("/a", "/b"), kind="sitemap")

    assert read() is Outcome.READ
    assert shown() == ["b.html"]


@pytest.mark.parametrize("is_active", [True, False])
def test_a_source_that_waits_is_not_put_off_by_its_schedule(
    alpha: Tenant, site: FakeSite, is_active: bool
) -> None:
    source = add(site.put("/a"))
    for active in (is_active, True):
        web.change_source(
            source=source, every_hours=5, max_pages=7, is_active=active, now=timezone.now()
        )

    assert read() is Outcome.READ
    assert (wait_s(web.KIND) or 0) > 4 * HOUR_S
