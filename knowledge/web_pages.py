"""Fetching pages of other people's sites: politely, within bounds, and never inside our network.

Every hop goes through `integrations.http`, which judges the address that it connects to. Redirects
are followed by hand, so each of them is judged too.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit
from urllib.robotparser import RobotFileParser

from integrations import http
from integrations.egress import check_url
from tenants.errors import Permanent, Temporary

AGENT = "ProsaBot"
"""The name that a site's robots.txt may speak to."""

MAX_REDIRECTS = 5
MAX_ADDRESS = 1000
MAX_PAGE_BYTES = 20 * 1024 * 1024
"""As much as a document may have."""
MAX_ROBOTS_BYTES = 1024 * 1024
"""Twice of what RFC 9309 asks us to read, in bytes."""

PAGE_TIMEOUT_S = 30.0
MAX_PAUSE_S = 5.0
"""The longest pause between two pages that a site may ask for, in seconds; a longer one would let
one site hold a worker for hours."""

_HEADERS = {"user-agent": f"{AGENT}/1.0", "accept-language": "pt-BR,pt;q=0.9,en;q=0.5"}
_KINDS = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/plain": "txt",
    "application/pdf": "pdf",
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRY_LATER = frozenset({408, 425, 429})
_CHARSET = re.compile(r"charset=[\"']?([\w.:-]{1,40})", re.IGNORECASE)
# What changes with each call of a page without changing what it says.
_NOISE = ((b"<script", b"</script"), (b"<style", b"</style"), (b"<!--", b"-->"))
_KEPT_SCRIPT = b"ld+json"  # facts for machines, such as opening hours


class Trouble(StrEnum):
    """Why a page cannot be read; each has a sentence for its owner in `services.web_words`."""

    ROBOTS = "robots"
    ELSEWHERE = "elsewhere"
    REDIRECTS = "redirects"
    ADDRESS = "address"
    LOCKED = "locked"
    GONE = "gone"
    KIND = "kind"
    TOO_LARGE = "too_large"
    STATUS = "status"
    NO_SITEMAP = "no_sitemap"
    EMPTY_SITEMAP = "empty_sitemap"


class CannotRead(Exception):
    """This page cannot be read; another try would not change that."""

    def __init__(self, trouble: Trouble, detail: str = "") -> None:
        super().__init__(f"{trouble.value} {detail}".strip())
        self.trouble, self.detail = trouble, detail


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it was fetched.

    Args:
        kind: ``html``, ``txt`` or ``pdf``.
        content: the bytes; text in another character set comes as UTF-8 with its mark.
    """

    url: str
    kind: str
    title: str
    content: bytes
    etag: str
    last_modified: str


@dataclass
class Site:
    """One site as this run sees it: its rules, fetched once, and when it was last asked.

    Args:
        url: any address of it; pages elsewhere are refused.
        pause_s: at least so long between two pages, in seconds.
        wait: pauses for so many seconds.
    """

    url: str
    pause_s: float = 0.5
    wait: Callable[[float], None] = time.sleep
    _rules: dict[str, RobotFileParser] = field(default_factory=dict)
    _asked_at: float | None = None

    def fetch(self, url: str, *, etag: str = "", last_modified: str = "") -> Page | None:
        """Fetch a page; None when it is the same as before.

        Args:
            etag: as the page gave it when it was read before; empty for none.
            last_modified: likewise.

        Raises:
            CannotRead: it is not to be read, or not readable.
            Temporary: the site is away or busy.
        """
        known = {"if-none-match": etag, "if-modified-since": last_modified}
        headers = {name: value for name, value in known.items() if value}
        answer, final = self._follow(url, headers=headers, max_bytes=MAX_PAGE_BYTES)
        if answer.status == 304:
            return None
        check_status(answer)
        return _page(answer, final)

    def fetch_bytes(self, url: str, *, max_bytes: int) -> bytes:
        """Fetch a file of the site's own, such as its sitemap; raises as `fetch`."""
        answer, _final = self._follow(url, headers={}, max_bytes=max_bytes)
        check_status(answer)
        return answer.body

    def _follow(
        self, url: str, *, headers: Mapping[str, str], max_bytes: int
    ) -> tuple[http.Response, str]:
        for _hop in range(MAX_REDIRECTS + 1):
            if not same_site(url, self.url):
                raise CannotRead(Trouble.ELSEWHERE, urlsplit(url).netloc[:100])
            self._be_polite(url)
            answer = _get(url, headers=headers, max_bytes=max_bytes)
            target = answer.headers.get("location", "")
            if answer.status not in _REDIRECTS or not target:
                return answer, url
            url = _next_hop(url, target)
        raise CannotRead(Trouble.REDIRECTS)

    def _be_polite(self, url: str) -> None:
        rules = self._rules_of(url)
        if not rules.can_fetch(AGENT, url):
            raise CannotRead(Trouble.ROBOTS)
        if self._asked_at is not None:
            asked_for = float(rules.crawl_delay(AGENT) or 0)
            pause_s = max(self.pause_s, min(asked_for, MAX_PAUSE_S))
            left_s = self._asked_at + pause_s - time.monotonic()
            if left_s > 0:
                self.wait(left_s)
        self._asked_at = time.monotonic()

    def _rules_of(self, url: str) -> RobotFileParser:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._rules:
            self._rules[origin] = _robots(origin)
        return self._rules[origin]


def clean_address(url: str) -> str:
    """Return an address in the one form in which it is compared and kept.

    Raises:
        CannotRead: it is no address that is read here.
    """
    try:
        parts = urlsplit(url.strip())
        if parts.scheme.lower() not in {"http", "https"} or not parts.hostname:
            raise CannotRead(Trouble.ADDRESS)
        clean = SplitResult(
            parts.scheme.lower(), parts.netloc.lower(), parts.path or "/", parts.query, ""
        )
        check_url(urlunsplit(clean))
        clean.port  # noqa: B018 - raises where it is none
    except (ValueError, Permanent) as error:
        raise CannotRead(Trouble.ADDRESS) from error
    if len(urlunsplit(clean)) > MAX_ADDRESS:
        raise CannotRead(Trouble.ADDRESS)
    return urlunsplit(clean)


def _next_hop(url: str, target: str) -> str:
    try:
        return clean_address(urljoin(url, target))
    except ValueError as error:
        raise CannotRead(Trouble.ADDRESS) from error


def same_site(first: str, second: str) -> bool:
    """Test whether two addresses are of one site: the same host, with or without ``www.``."""

    def place(url: str) -> tuple[str, int | None]:
        parts = urlsplit(url)
        usual = {"http": 80, "https": 443}.get(parts.scheme)
        port = None if parts.port in {None, usual} else parts.port
        return (parts.hostname or "").removeprefix("www."), port

    return place(first) == place(second)


def check_status(answer: http.Response) -> None:
    """Refuse an answer that is no page.

    Raises:
        CannotRead: it never will be.
        Temporary: perhaps later.
    """
    status = answer.status
    if status == 200:
        return
    if status in _TRY_LATER or status >= 500:
        raise Temporary(f"HTTP {status}", retry_after_s=_retry_after_s(answer.headers))
    if status in {404, 410}:
        raise CannotRead(Trouble.GONE, str(status))
    if status in {401, 403, 407, 451}:
        raise CannotRead(Trouble.LOCKED, str(status))
    raise CannotRead(Trouble.STATUS, str(status))


def _get(url: str, *, headers: Mapping[str, str], max_bytes: int) -> http.Response:
    try:
        return http.request(
            "GET",
            url,
            headers={**_HEADERS, **headers},
            timeout_s=PAGE_TIMEOUT_S,
            max_bytes=max_bytes,
        )
    except Permanent as error:
        larger = "larger than" in error.reason
        trouble = Trouble.TOO_LARGE if larger else Trouble.ADDRESS
        raise CannotRead(trouble, error.reason) from error


def _robots(origin: str) -> RobotFileParser:
    """Return the rules of a host; none where it has none.

    Source: RFC 9309, 2.3.1: a host that is away is not read, one without the file is.

    Raises:
        Temporary: the host does not say what its rules are.
    """
    rules = RobotFileParser()
    url = f"{origin}/robots.txt"
    lines: list[str] = []
    for _hop in range(MAX_REDIRECTS + 1):
        try:
            answer = _get(url, headers={}, max_bytes=MAX_ROBOTS_BYTES)
        except CannotRead:
            break
        if answer.status >= 500 or answer.status == 429:
            raise Temporary(
                f"robots.txt: HTTP {answer.status}",
                retry_after_s=_retry_after_s(answer.headers),
            )
        target = answer.headers.get("location", "")
        if answer.status in _REDIRECTS and target:
            try:
                url = urljoin(url, target)
            except ValueError:
                break
            continue
        if answer.status == 200:
            lines = answer.body.decode("utf-8", errors="replace").splitlines()
        break
    rules.parse([line for line in lines if _is_rule(line)])
    return rules


def _is_rule(line: str) -> bool:
    """Test whether a line can be parsed; of one that cannot the library makes an error for all."""
    try:
        RobotFileParser().parse(["User-agent: *", line])
    except ValueError:
        return False
    return True


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "")
    return float(value) if value.isdigit() and len(value) < 6 else None


def _page(answer: http.Response, url: str) -> Page:
    header = answer.headers.get("content-type", "")
    stated = header.partition(";")[0].strip().lower()
    kind = _KINDS.get(stated)
    if not stated:
        kind = "pdf" if answer.body.startswith(b"%PDF-") else "html"
    if kind is None:
        raise CannotRead(Trouble.KIND, stated[:80])
    content = answer.body
    title = ""
    if kind != "pdf":
        content = _in_utf8(content, header)
        if len(content) > MAX_PAGE_BYTES:
            raise CannotRead(Trouble.TOO_LARGE)
    if kind == "html":
        content = without_noise(content)
        title = find_title(content)
    return Page(
        url=url,
        kind=kind,
        title=title or _last_part(url),
        content=content,
        etag=_mark(answer.headers.get("etag", ""), max_length=300),
        last_modified=_mark(answer.headers.get("last-modified", ""), max_length=100),
    )


def _mark(value: str, *, max_length: int) -> str:
    """Return what is sent back next time; nothing where it could not be, or was cut short."""
    return value if value.isascii() and value.isprintable() and len(value) <= max_length else ""


def _in_utf8(content: bytes, header: str) -> bytes:
    """Return a text in UTF-8 where the server, and perhaps only it, names another character set."""
    found = _CHARSET.search(header)
    name = found[1].lower() if found else ""
    if not name or name in {"utf-8", "utf8", "us-ascii", "ascii"}:
        return content
    try:
        return content.decode(name).encode("utf-8-sig")
    except (LookupError, UnicodeError):
        return content


def without_noise(content: bytes) -> bytes:
    """Return a page without scripts, styles and comments, which differ with each call."""
    for begin, end in _NOISE:
        content = _without(content, begin, end)
    return content


def _without(content: bytes, begin: bytes, end: bytes) -> bytes:
    lowered = content.lower()
    parts, at = [], 0
    while (start := lowered.find(begin, at)) >= 0:
        stop = lowered.find(end, start)
        if stop < 0:
            break
        if begin == b"<script" and _KEPT_SCRIPT in lowered[start : min(stop, start + 200)]:
            parts.append(content[at:stop])
            at = stop
            continue
        parts.append(content[at:start])
        close = lowered.find(b">", stop)
        at = len(content) if close < 0 else close + 1
    parts.append(content[at:])
    return b"".join(parts)


def find_title(content: bytes) -> str:
    """Return the title of a page, in one line; empty where it has none."""
    head = content[:200_000]
    lowered = head.lower()
    start = lowered.find(b"<title")
    start = lowered.find(b">", start) + 1 if start >= 0 else 0
    stop = lowered.find(b"</title", start) if start else -1
    if stop < 0:
        return ""
    raw = head[start:stop].decode("utf-8", errors="replace")
    return " ".join(html.unescape(raw).split())[:300]


def _last_part(url: str) -> str:
    parts = urlsplit(url)
    last = parts.path.rstrip("/").rpartition("/")[2]
    return last or parts.netloc
