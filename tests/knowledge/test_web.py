from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from knowledge.models import Chunk, Document, WebPage, WebSource
from knowledge.services import bin as paper_bin
from knowledge.services import documents, ingesting, web, web_reading
from knowledge.services.web_reading import Outcome
from tenants.models import Tenant
from tests.fakes.site import FakeSite, Served
from tests.knowledge.factories import NOW, number_next_document
from tests.knowledge.spaces import bell, make_due, wait_s

HOUR_S = 3600


@pytest.fixture
def site() -> Iterator[FakeSite]:
    with FakeSite() as site:
        yield site


def add(url: str, *, kind: str = "page", max_pages: int = 50) -> WebSource:
    return web.add_source(
        category=documents.ensure_category(name="site"),
        url=url,
        kind=kind,
        max_pages=max_pages,
        now=NOW,
        actor="ana",
    )


def read(*, slice_s: float = web_reading.SLICE_S) -> Outcome:
    """Answer the doorbell that is due."""
    found = bell(web.KIND)
    assert found is not None, "no timer is due"
    return web_reading.read_web_source(
        timer_id=found.timer_id, token=found.token, slice_s=slice_s, pause_s=0
    )


def again() -> Outcome:
    make_due(web.KIND)
    return read()


def shown() -> list[str]:
    """Return the names of the documents that answer."""
    found = Document.objects.filter(deleted_at=None).order_by("name")
    return list(found.values_list("name", flat=True))


def page(path: str) -> WebPage:
    return WebPage.objects.get(url__endswith=path)


def test_a_page_becomes_a_document(alpha: Tenant, site: FakeSite) -> None:
    source = add(site.put("/horario", "Horário"))

    assert read() is Outcome.READ

    document = Document.objects.get()
    assert (document.name, document.kind) == ("Horário.html", "html")
    assert document.source_url == f"{site.url}/horario"
    assert document.web_source_id == source.pk
    source.refresh_from_db()
    assert (source.status, source.n_pages, source.progress) == ("ready", 1, 100)
    assert source.synced_at is not None
    left = wait_s(web.KIND)
    assert left is not None
    assert 23.9 * HOUR_S < left <= 24 * HOUR_S


def test_its_text_is_read_like_any_documents(alpha: Tenant, site: FakeSite) -> None:
    add(site.put("/horario", "Horário", "Abrimos aos sábados das 9h às 13h."))
    read()
    document = Document.objects.get()

    outcome = ingesting.ingest_document(document_id=document.pk, now=NOW)

    assert outcome is ingesting.Outcome.READY
    assert any("sábados" in chunk.body for chunk in Chunk.objects.all())


def test_the_same_page_again_is_no_work(alpha: Tenant, site: FakeSite) -> None:
    add(site.put("/a", "A"))
    read()

    assert again() is Outcome.READ

    assert Document.objects.get().version == 1
    assert page("/a").status == "read"


def test_the_same_bytes_without_a_mark_are_no_work(alpha: Tenant, site: FakeSite) -> None:
    add(site.put("/a", "A"))
    site.pages["/a"].tags = False
    read()

    again()

    assert Document.objects.get().version == 1


def test_a_changed_page_becomes_the_next_version(alpha: Tenant, site: FakeSite) -> None:
    add(site.put("/a", "A", "Limpeza: R$ 200,00"))
    read()
    site.put("/a", "A novo", "Limpeza: R$ 220,00")

    again()

    document = Document.objects.get()
    assert (document.version, document.name) == (2, "A.html")


def test_a_sitemap_gives_a_document_a_page(alpha: Tenant, site: FakeSite) -> None:
    for path in ("/a", "/b", "/c"):
        site.put(path)

    source = add(site.sitemap("/a", "/b", "/c"), kind="sitemap")

    assert read() is Outcome.READ
    assert shown() == ["a.html", "b.html", "c.html"]
    source.refresh_from_db()
    assert (source.n_pages, source.failure_reason) == (3, "")


def test_pages_of_one_title_do_not_write_over_each_other(alpha: Tenant, site: FakeSite) -> None:
    for path in ("/a", "/b"):
        site.put(path, "Início / Loja")

    add(site.sitemap("/a", "/b"), kind="sitemap")
    read()

    assert shown() == ["Início – Loja (2).html", "Início – Loja.html"]


def test_an_upload_of_the_same_name_is_left_alone(alpha: Tenant, site: FakeSite) -> None:
    category = documents.ensure_category(name="site")
    mine = documents.store_document(
        category=category, name="A.html", content=b"<p>meu</p>", now=NOW
    ).document

    add(site.put("/a", "A"))
    read()

    mine.refresh_from_db()
    assert (mine.version, mine.web_source_id) == (1, None)
    assert shown() == ["A (2).html", "A.html"]


def test_no_more_pages_than_allowed_are_read(alpha: Tenant, site: FakeSite) -> None:
    for number in range(5):
        site.put(f"/{number}")
    source = add(site.sitemap(*(f"/{number}" for number in range(5))), kind="sitemap", max_pages=2)

    read()

    source.refresh_from_db()
    assert shown() == ["0.html", "1.html"]
    assert "5" in source.failure_reason
    assert source.status == "ready"


def test_pages_that_answer_already_stay_when_newer_ones_are_listed(
    alpha: Tenant, site: FakeSite
) -> None:
    for path in ("/a", "/b", "/c"):
        site.put(path)
    add(site.sitemap("/a", "/b"), kind="sitemap", max_pages=2)
    read()
    site.sitemap("/c", "/a", "/b")

    again()

    assert shown() == ["a.html", "b.html"]


def test_a_page_that_left_the_sitemap_goes_to_the_bin(alpha: Tenant, site: FakeSite) -> None:
    site.put("/a")
    site.put("/b")
    source = add(site.sitemap("/a", "/b"), kind="sitemap")
    read()
    site.sitemap("/a")

    again()

    assert shown() == ["a.html"]
    gone = Document.objects.get(name="b.html")
    assert gone.deleted_at is not None
    assert gone.notice
    source.refresh_from_db()
    assert source.n_pages == 1
    assert page("/b").status == "gone"


@pytest.mark.parametrize("status", [404, 410])
def test_a_page_that_is_gone_goes_to_the_bin(alpha: Tenant, site: FakeSite, status: int) -> None:
    source = add(site.put("/a"))
    read()
    site.pages["/a"] = Served(status=status)

    assert again() is Outcome.FAILED

    assert shown() == []
    source.refresh_from_db()
    assert str(status) in source.failure_reason


def test_a_page_that_comes_back_comes_out_of_the_bin(alpha: Tenant, site: FakeSite) -> None:
    site.put("/a")
    site.put("/b")
    add(site.sitemap("/a", "/b"), kind="sitemap")
    read()
    site.sitemap("/a")
    again()
    site.sitemap("/a", "/b")

    again()

    assert shown() == ["a.html", "b.html"]
    assert Document.objects.get(name="b.html").notice == ""


def test_a_page_that_a_person_threw_away_stays_away(alpha: Tenant, site: FakeSite) -> None:
    site.put("/a")
    site.put("/b")
    source = add(site.sitemap("/a", "/b"), kind="sitemap")
    read()
    paper_bin.throw_away(document=Document.objects.get(name="b.html"), now=timezone.now())
    site.put("/b", "b", "outro texto")

    again()
    paper_bin.purge_bin(now=timezone.now() + timedelta(days=31))
    again()

    assert shown() == ["a.html"]
    assert page("/b").status == "skipped"
    source.refresh_from_db()
    assert source.failure_reason == ""


def test_a_broken_sitemap_throws_nothing_away(alpha: Tenant, site: FakeSite) -> None:
    site.put("/a")
    source = add(site.sitemap("/a"), kind="sitemap")
    read()

    for broken in (b"<urlset></urlset>", b"<html>", b""):
        site.pages["/sitemap.xml"] = Served(broken, content_type="application/xml")
        assert again() is Outcome.FAILED
    site.pages["/sitemap.xml"] = Served(status=500)
    assert again() is Outcome.POSTPONED

    assert shown() == ["a.html"]
    source.refresh_from_db()
    assert source.failure_reason


def test_a_page_that_fails_keeps_its_document(alpha: Tenant, site: FakeSite) -> None:
    for path in ("/a", "/b"):
        site.put(path)
    source = add(site.sitemap("/a", "/b"), kind="sitemap")
    read()
    site.pages["/b"] = Served(status=500)

    assert again() is Outcome.READ

    assert shown() == ["a.html", "b.html"]
    assert page("/b").status == "failed"
    source.refresh_from_db()
    assert source.failure_reason.startswith("1")


def test_a_site_that_is_away_is_tried_again_and_then_left(alpha: Tenant, site: FakeSite) -> None:
    source = add(site.put("/a"))
    site.pages["/a"] = Served(status=503, retry_after="120")

    assert read() is Outcome.POSTPONED
    left = wait_s(web.KIND)
    assert left is not None
    assert 110 < left <= 120
    outcomes = [again() for _ in range(3)]

    assert outcomes == [Outcome.POSTPONED, Outcome.POSTPONED, Outcome.FAILED]
    source.refresh_from_db()
    assert "503" in source.failure_reason
    assert wait_s(web.KIND) is not None


def test_a_site_that_stops_answering_is_not_pestered(alpha: Tenant, site: FakeSite) -> None:
    paths = [f"/{number}" for number in range(10)]
    for path in paths:
        site.pages[path] = Served(status=500)
    add(site.sitemap(*paths), kind="sitemap")

    assert read() is Outcome.POSTPONED

    assert len(site.asked) == 1 + web_reading.MAX_AWAY


def test_a_file_that_is_no_page_is_told_in_words(alpha: Tenant, site: FakeSite) -> None:
    site.pages["/a.zip"] = Served(b"PK", content_type="application/zip")
    source = add(site.url + "/a.zip")

    assert read() is Outcome.FAILED

    source.refresh_from_db()
    assert "application/zip" in source.failure_reason


def test_rules_against_machines_are_kept_and_told(alpha: Tenant, site: FakeSite) -> None:
    site.robots = Served(b"User-agent: *\nDisallow: /")
    source = add(site.put("/a"))

    assert read() is Outcome.FAILED

    source.refresh_from_db()
    assert "robots.txt" in source.failure_reason
    assert site.asked == []


def test_work_is_cut_into_slices_that_go_on_where_they_stopped(
    alpha: Tenant, site: FakeSite
) -> None:
    paths = [f"/{number}" for number in range(4)]
    for path in paths:
        site.put(path)
    add(site.sitemap(*paths), kind="sitemap")

    outcomes = [read(slice_s=0) for _ in range(4)]

    assert outcomes == [Outcome.CONTINUES] * 3 + [Outcome.READ]
    assert [path for path in site.asked if path in paths] == paths
    assert len(shown()) == 4


def test_a_paused_source_is_not_read_by_itself(alpha: Tenant, site: FakeSite) -> None:
    source = add(site.put("/a"))
    read()
    web.change_source(source=source, every_hours=5, max_pages=7, is_active=False, now=NOW)
    n_asked = len(site.asked)

    assert again() is Outcome.STOPPED  # what was armed before
    assert len(site.asked) == n_asked
    assert wait_s(web.KIND) is None

    assert web.read_now(source=source, now=timezone.now())
    assert read() is Outcome.READ
    assert wait_s(web.KIND) is None


def test_going_on_takes_up_the_schedule(alpha: Tenant, site: FakeSite) -> None:
    source = add(site.put("/a"))
    read()
    now = timezone.now()
    web.change_source(source=source, every_hours=5, max_pages=7, is_active=True, now=now)

    left = wait_s(web.KIND)

    assert left is not None
    assert 4.9 * HOUR_S < left <= 5 * HOUR_S


def test_a_wish_to_read_now_during_a_reading_is_not_lost(alpha: Tenant, site: FakeSite) -> None:
    site.put("/a")
    source = add(site.sitemap("/a"), kind="sitemap")
    found = bell(web.KIND)
    assert found is not None

    def read_it_now(_seconds: float) -> None:
        web.read_now(source=source, now=timezone.now())

    web_reading.read_web_source(
        timer_id=found.timer_id,
        token=found.token,
        pause_s=5,
        wait=read_it_now,
    )

    left = wait_s(web.KIND)
    assert left is not None
    assert left <= 0


def test_a_source_is_thrown_away_with_its_documents_and_taken_back(
    alpha: Tenant, site: FakeSite
) -> None:
    source = add(site.put("/a"))
    read()
    now = timezone.now()

    assert web.throw_away(source=source, now=now, actor="ana")
    assert not web.throw_away(source=source, now=now, actor="ana")
    assert shown() == []
    assert again() is Outcome.STOPPED

    assert web.take_back(source=source, now=now, actor="ana")
    assert not web.take_back(source=source, now=now, actor="ana")
    assert shown() == ["a.html"]
    assert read() is Outcome.READ


def test_adding_what_was_thrown_away_takes_it_back(alpha: Tenant, site: FakeSite) -> None:
    url = site.put("/a")
    source = add(url)
    read()
    web.throw_away(source=source, now=timezone.now(), actor="ana")

    assert add(url).pk == source.pk
    assert shown() == ["a.html"]


def test_what_was_thrown_away_is_removed_a_month_later(alpha: Tenant, site: FakeSite) -> None:
    source = add(site.put("/a"))
    read()
    now = timezone.now()
    web.throw_away(source=source, now=now, actor="ana")

    assert web.sweep(now=now + timedelta(days=29)) == 0
    later = now + timedelta(days=31)
    assert web.sweep(now=later) == 0  # its documents first
    paper_bin.purge_bin(now=later)
    assert web.sweep(now=later) == 1


def test_the_same_address_twice_is_refused(alpha: Tenant, site: FakeSite) -> None:
    url = site.put("/a")
    add(url)

    with pytest.raises(web.AlreadyThere):
        add(url + "#secao")


@pytest.mark.parametrize("url", ["loja.example", "ftp://a.example/", "file:///etc/passwd"])
def test_what_is_no_address_is_refused(alpha: Tenant, url: str) -> None:
    with pytest.raises(web.BadAddress):
        add(url)


def test_two_tenants_read_the_same_site_into_their_own(
    alpha: Tenant, beta: Tenant, site: FakeSite
) -> None:
    url = site.put("/a", "A", "Limpeza: R$ 200,00")
    number_next_document(900)
    mine = add(url)
    with tenant_context(beta):
        number_next_document(900)
        theirs = add(url)
        WebSource.objects.filter(pk=theirs.pk).update(every_hours=1)

    assert read() is Outcome.READ

    with tenant_context(beta):
        assert shown() == []
        assert read() is Outcome.READ
        assert Document.objects.get().pk == 900
        web.throw_away(source=theirs, now=timezone.now(), actor="bia")
        assert shown() == []
    assert mine.pk == theirs.pk or shown() == ["A.html"]
    assert shown() == ["A.html"]
    assert Document.objects.get().pk == 900
