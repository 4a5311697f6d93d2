from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from knowledge import sitemaps, web_pages
from knowledge.web_pages import CannotRead, Site, Trouble
from tenants.errors import Temporary
from tests.fakes.http import Answer
from tests.fakes.site import FakeSite, Served


@pytest.fixture
def server() -> Iterator[FakeSite]:
    with FakeSite() as server:
        yield server


def site(server: FakeSite, *, waits: list[float] | None = None, pause_s: float = 0) -> Site:
    noted = [] if waits is None else waits
    return Site(server.url, pause_s=pause_s, wait=noted.append)


def trouble(server: FakeSite, path: str = "/") -> Trouble:
    with pytest.raises(CannotRead) as caught:
        site(server).fetch(server.url + path)
    return caught.value.trouble


def test_a_page_comes_with_its_title_and_its_marks(server: FakeSite) -> None:
    url = server.put("/horario", "Horário &amp;\n endereço")

    page = site(server).fetch(url)

    assert page is not None
    assert (page.kind, page.title) == ("html", "Horário & endereço")
    assert page.etag
    assert b"8h" in page.content


def test_the_same_page_is_not_sent_again(server: FakeSite) -> None:
    url = server.put("/a")
    first = site(server).fetch(url)
    assert first is not None

    assert site(server).fetch(url, etag=first.etag) is None


def test_a_date_serves_where_there_is_no_mark(server: FakeSite) -> None:
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    server.put("/a")
    server.pages["/a"].tags = False
    server.pages["/a"].last_modified = date

    assert site(server).fetch(server.url + "/a", last_modified=date) is None


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("text/html", "html"),
        ("Text/HTML; charset=UTF-8", "html"),
        ("application/xhtml+xml", "html"),
        ("text/plain; charset=utf-8", "txt"),
        ("application/pdf", "pdf"),
        ("", "html"),
    ],
)
def test_the_kind_follows_from_what_the_server_says(
    server: FakeSite, content_type: str, kind: str
) -> None:
    server.put("/a")
    server.pages["/a"].content_type = content_type

    page = site(server).fetch(server.url + "/a")

    assert page is not None
    assert page.kind == kind


@pytest.mark.parametrize("content_type", ["image/png", "application/json", "video/mp4"])
def test_what_is_no_page_is_refused(server: FakeSite, content_type: str) -> None:
    server.put("/")
    server.pages["/"].content_type = content_type

    assert trouble(server) is Trouble.KIND


def test_another_character_set_is_brought_to_utf_8(server: FakeSite) -> None:
    server.pages["/a"] = Served(
        "<title>Preços</title>ação".encode("iso-8859-1"), content_type="text/html; charset=latin1"
    )

    page = site(server).fetch(server.url + "/a")

    assert page is not None
    assert page.title == "Preços"
    assert "ação" in page.content.decode("utf-8-sig")


def test_what_differs_with_each_call_is_left_out() -> None:
    first = b"<p>a</p><script>token='1'</script><!-- 10:01 --><style>x</style><p>b</p>"
    facts = b'<script type="application/ld+json">{"opens": "08:00"}</script>'

    assert web_pages.without_noise(first) == b"<p>a</p><p>b</p>"
    assert web_pages.without_noise(facts) == facts
    assert web_pages.without_noise(b"<p>a</p><SCRIPT>never ends") == b"<p>a</p><SCRIPT>never ends"
    many = b"<script" * 200_000
    assert web_pages.without_noise(many) == many


def test_redirects_are_followed_on_the_same_site(server: FakeSite) -> None:
    server.put("/nova", "Nova")
    server.pages["/velha"] = Served(status=301, location="/nova")

    page = site(server).fetch(server.url + "/velha")

    assert page is not None
    assert page.title == "Nova"
    assert page.url == server.url + "/nova"


def test_a_circle_of_redirects_ends(server: FakeSite) -> None:
    server.pages["/"] = Served(status=302, location="/")

    assert trouble(server) is Trouble.REDIRECTS
    assert len(server.asked) == web_pages.MAX_REDIRECTS + 1


def test_a_redirect_to_another_site_is_not_followed(server: FakeSite) -> None:
    with FakeSite() as other:
        other.put("/")
        server.pages["/"] = Served(status=302, location=other.url + "/")

        assert trouble(server) is Trouble.ELSEWHERE
        assert not other.received


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://[::1]:1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://user:pass@127.0.0.1/",
        "http://127.0.0.1\\@evil.test/",
    ],
)
def test_a_redirect_into_a_network_is_not_followed(server: FakeSite, target: str) -> None:
    server.pages["/"] = Served(status=302, location=target)

    assert trouble(server) in {Trouble.ELSEWHERE, Trouble.ADDRESS}


def test_an_address_of_our_own_network_is_not_read(server: FakeSite, settings: Any) -> None:
    settings.EGRESS_ALLOWED_TENANTS = []

    assert trouble(server) is Trouble.ADDRESS
    assert not server.received


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/",
        "http://localhost/",
    ],
)
def test_every_spelling_of_an_inner_address_is_refused(url: str, settings: Any) -> None:
    settings.EGRESS_ALLOWED_TENANTS = []

    with pytest.raises(CannotRead):
        Site(url).fetch(url)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (404, Trouble.GONE),
        (410, Trouble.GONE),
        (401, Trouble.LOCKED),
        (403, Trouble.LOCKED),
        (400, Trouble.STATUS),
    ],
)
def test_errors_are_told_apart(server: FakeSite, status: int, expected: Trouble) -> None:
    server.pages["/"] = Served(status=status)

    assert trouble(server) is expected


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_site_is_temporary(server: FakeSite, status: int) -> None:
    server.pages["/"] = Served(status=status, retry_after="30")

    with pytest.raises(Temporary) as caught:
        site(server).fetch(server.url + "/")

    assert caught.value.retry_after_s == 30


def test_the_rules_of_the_site_are_kept(server: FakeSite) -> None:
    server.put("/privado/a")
    server.put("/b")
    server.robots = Served(b"User-agent: *\nDisallow: /privado\n", content_type="text/plain")

    assert trouble(server, "/privado/a") is Trouble.ROBOTS
    assert site(server).fetch(server.url + "/b") is not None
    assert "/privado/a" not in server.asked


def test_rules_for_us_come_before_those_for_all(server: FakeSite) -> None:
    server.put("/a")
    server.robots = Served(b"User-agent: ProsaBot\nDisallow:\n\nUser-agent: *\nDisallow: /\n")

    assert site(server).fetch(server.url + "/a") is not None


def test_the_rules_are_asked_for_once(server: FakeSite) -> None:
    one = site(server)
    for path in ("/a", "/b"):
        one.fetch(server.put(path))

    assert [request.path for request in server.received] == ["/robots.txt", "/a", "/b"]


def test_a_site_that_hides_its_rules_is_left_alone(server: FakeSite) -> None:
    server.put("/")
    server.robots = Served(status=503)

    with pytest.raises(Temporary, match="robots"):
        site(server).fetch(server.url + "/")


def test_pages_are_not_asked_for_in_a_row(server: FakeSite) -> None:
    waits: list[float] = []
    one = site(server, waits=waits, pause_s=0.5)
    server.robots = Served(b"User-agent: *\nCrawl-delay: 2\n")

    for path in ("/a", "/b"):
        one.fetch(server.put(path))

    assert len(waits) == 1
    assert 1.5 < waits[0] <= 2


def test_a_site_cannot_make_us_wait_for_ever(server: FakeSite) -> None:
    waits: list[float] = []
    one = site(server, waits=waits)
    server.robots = Served(b"User-agent: *\nCrawl-delay: 86400\n")

    for path in ("/a", "/b"):
        one.fetch(server.put(path))

    assert waits[0] <= web_pages.MAX_PAUSE_S


def test_a_page_that_is_too_large_is_refused(
    server: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_pages, "MAX_PAGE_BYTES", 100)
    server.put("/")

    assert trouble(server) is Trouble.TOO_LARGE


def test_an_address_is_brought_to_one_form() -> None:
    assert web_pages.clean_address(" HTTPS://Loja.Example?a=1#b ") == "https://loja.example/?a=1"


@pytest.mark.parametrize(
    "url", ["loja.example", "ftp://a.example/", "http://", "javascript:alert(1)", "http://a b/"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(CannotRead):
        web_pages.clean_address(url)


def test_a_site_is_its_host_with_or_without_www() -> None:
    assert web_pages.same_site("https://www.loja.example/a", "http://loja.example/")
    assert not web_pages.same_site("https://loja.example/", "https://outra.example/")
    assert not web_pages.same_site("https://loja.example:8443/", "https://loja.example/")


def test_a_sitemap_lists_pages_of_its_own_site_once(server: FakeSite) -> None:
    url = server.sitemap("/a", "/b", "/a#x", "http://other.example/c")

    assert sitemaps.pages(url, site=site(server)) == [server.url + "/a", server.url + "/b"]


def test_an_index_is_followed_one_level(server: FakeSite) -> None:
    server.sitemap("/a", at="/um.xml")
    server.sitemap("/b", at="/dois.xml")
    server.sitemap("/um.xml", at="/tres.xml", index=True)
    url = server.sitemap("/um.xml", "/dois.xml", "/tres.xml", index=True)

    assert sitemaps.pages(url, site=site(server)) == [server.url + "/a", server.url + "/b"]


def test_a_packed_sitemap_is_unpacked(server: FakeSite) -> None:
    url = server.sitemap("/a", at="/sitemap.xml.gz")
    server.pages["/sitemap.xml.gz"].body = gzip.compress(server.pages["/sitemap.xml.gz"].body)

    assert sitemaps.pages(url, site=site(server)) == [server.url + "/a"]


def test_a_sitemap_that_unfolds_without_bound_is_refused() -> None:
    bomb = gzip.compress(b"<urlset>" + b" " * (sitemaps.MAX_BYTES + 1))

    with pytest.raises(CannotRead, match="too_large"):
        sitemaps.parse(bomb)


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Loja</body></html>",
        b"not xml",
        b"",
        b"<urlset><url>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><urlset><url><loc>&a;</loc></url></urlset>',
        json.dumps({"a": 1}).encode(),
    ],
)
def test_what_is_no_sitemap_is_refused(body: bytes) -> None:
    with pytest.raises(CannotRead, match="no_sitemap"):
        sitemaps.parse(body)


def test_elements_inside_each_other_without_end_take_no_time() -> None:
    n = 300_000
    began = time.thread_time()

    found = sitemaps.parse(b"<urlset>" + b"<a>" * n + b"</a>" * n + b"</urlset>")

    assert found.addresses == []
    assert time.thread_time() - began < 5


def test_the_address_of_an_image_is_no_page() -> None:
    found = sitemaps.parse(
        b'<urlset xmlns:image="i"><url><loc>http://a.example/</loc>'
        b"<image:image><image:loc>http://a.example/x.png</image:loc></image:image></url></urlset>"
    )

    assert found.addresses == ["http://a.example/"]


def test_an_empty_sitemap_is_told(server: FakeSite) -> None:
    url = server.sitemap()

    with pytest.raises(CannotRead, match="empty"):
        sitemaps.pages(url, site=site(server))


def test_a_site_that_hangs_up_is_temporary(server: FakeSite) -> None:
    server.script(Answer(404), path="/robots.txt")
    server.script(Answer(parts=(b"<html>",), cut=True), path="/")

    with pytest.raises(Temporary):
        site(server).fetch(server.url + "/")
