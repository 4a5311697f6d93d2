"""A small web site on loopback: pages, a sitemap, rules for machines, and ways to fail."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from tests.fakes.http import Answer, Received, ScriptedServer

HTML = "text/html; charset=utf-8"


@dataclass
class Served:
    """What stands at one path."""

    body: bytes = b""
    status: int = 200
    content_type: str = HTML
    location: str = ""
    retry_after: str = ""
    tags: bool = True  # sends an ETag and honours it
    last_modified: str = ""


class FakeSite(ScriptedServer):
    """Serves `pages` by path; anything else does not exist."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, Served] = {}
        self.robots: Served | None = None

    def put(self, path: str, title: str = "", text: str = "") -> str:
        """Serve a page and return its address."""
        self.pages[path] = Served(page(title or path.strip("/") or "Início", text))
        return self.url + path

    def sitemap(self, *paths: str, at: str = "/sitemap.xml", index: bool = False) -> str:
        """Serve a sitemap of some paths, or an index of further ones, and return its address."""
        outer, inner = ("sitemapindex", "sitemap") if index else ("urlset", "url")
        entries = "".join(
            f"<{inner}><loc>{path if '://' in path else self.url + path}</loc></{inner}>"
            for path in paths
        )
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<{outer} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</{outer}>'
        )
        self.pages[at] = Served(body.encode(), content_type="application/xml")
        return self.url + at

    @property
    def asked(self) -> list[str]:
        """Return the paths asked for so far, without the rules."""
        return [one.path for one in self.received if one.path != "/robots.txt"]

    def answer(self, request: Received) -> Answer | None:
        scripted = super().answer(request)
        if scripted is not None:
            return scripted
        if request.path == "/robots.txt":
            served = self.robots or Served(status=404)
        else:
            served = self.pages.get(request.path, Served(b"<h1>404</h1>", status=404))
        headers = {"content-type": served.content_type}
        if served.location:
            headers["location"] = served.location
        if served.retry_after:
            headers["retry-after"] = served.retry_after
        if served.last_modified:
            headers["last-modified"] = served.last_modified
        etag = f'"{hashlib.sha256(served.body).hexdigest()[:16]}"'
        if served.tags and served.status == 200:
            headers["etag"] = etag
            if request.headers.get("if-none-match") == etag:
                return Answer(304, headers)
        if (
            served.last_modified
            and request.headers.get("if-modified-since") == served.last_modified
        ):
            return Answer(304, headers)
        return Answer(served.status, headers, served.body)


def page(title: str, text: str = "") -> bytes:
    """Return a small page with scripts that differ with each one made."""
    return (
        f"<!doctype html><html><head><title>{title}</title></head>"
        f"<body><h1>{title}</h1><p>{text or 'Atendemos de segunda a sexta, das 8h às 18h.'}</p>"
        "</body></html>"
    ).encode()
