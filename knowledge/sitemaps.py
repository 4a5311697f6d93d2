"""Sitemaps: the list that a site keeps of its own pages.

Source: sitemaps.org/protocol.html, read 2026-11.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from xml.parsers import expat

from knowledge.web_pages import CannotRead, Site, Trouble, clean_address, same_site

MAX_BYTES = 10 * 1024 * 1024
"""Of one file, unpacked. The protocol allows 50 MB, far beyond what is read."""

MAX_PARTS = 20
"""Files of an index that are read."""

MAX_ADDRESSES = 50_000

_GZIP = b"\x1f\x8b"


@dataclass(slots=True)
class Sitemap:
    """What one file lists: pages, or further files where it is an index."""

    is_index: bool = False
    addresses: list[str] = field(default_factory=list)


def pages(url: str, *, site: Site) -> list[str]:
    """Return the pages of a sitemap, each once, in its order; those of other sites are left out.

    Raises:
        CannotRead: it is no sitemap, or lists nothing that may be read.
        Temporary: the site is away.
    """
    first = parse(site.fetch_bytes(url, max_bytes=MAX_BYTES))
    found = first.addresses
    if first.is_index:
        parts = _own(found, of=url)[:MAX_PARTS]
        found = []
        for part in parts:
            listed = parse(site.fetch_bytes(part, max_bytes=MAX_BYTES))
            if not listed.is_index:  # one level, or two files could name each other for ever
                found += listed.addresses
            if len(found) >= MAX_ADDRESSES:
                break
    own = _own(found[:MAX_ADDRESSES], of=url)
    if not own:
        raise CannotRead(Trouble.EMPTY_SITEMAP)
    return own


def _own(addresses: list[str], *, of: str) -> list[str]:
    own: dict[str, None] = {}
    for address in addresses:
        try:
            clean = clean_address(address)
        except CannotRead:
            continue
        if same_site(clean, of):
            own[clean] = None
    return list(own)


def parse(content: bytes) -> Sitemap:
    """Read one file, packed or not.

    Raises:
        CannotRead: it is no sitemap.
    """
    content = _unpacked(content)
    found = Sitemap()
    path: list[str] = []
    text: list[str] = []

    def begin(name: str, attributes: object) -> None:
        del attributes
        local = name.rpartition(":")[2].lower()
        if not path:
            if local not in {"urlset", "sitemapindex"}:
                raise CannotRead(Trouble.NO_SITEMAP)
            found.is_index = local == "sitemapindex"
        path.append(local)
        text.clear()

    def end(name: str) -> None:
        del name
        # An image inside a page has a `loc` too, one step deeper.
        # The length comes first: a million elements inside each other would be copied each time.
        is_address = len(path) == 3 and path[1:] in (["url", "loc"], ["sitemap", "loc"])
        if is_address and len(found.addresses) < MAX_ADDRESSES:
            found.addresses.append("".join(text).strip())
        path.pop()

    def refuse(*_: object) -> None:
        raise CannotRead(Trouble.NO_SITEMAP)  # entities could unfold without bound

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise CannotRead(Trouble.NO_SITEMAP) from error
    return found


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(_GZIP):
        return content
    machine = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        plain = machine.decompress(content, MAX_BYTES)
    except zlib.error as error:
        raise CannotRead(Trouble.NO_SITEMAP) from error
    if machine.unconsumed_tail:
        raise CannotRead(Trouble.TOO_LARGE)
    return plain
