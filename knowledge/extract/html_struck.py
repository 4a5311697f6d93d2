"""What is crossed out in a page, where nobody wrote its end.

A browser goes on with it to the end of the page, and whoever looks at the page takes that for the
slip that it is: one old price. What is crossed out is not read, so the rest of the page would be
lost. It ends at the next beginning or end of a block instead, where a person sees the line end.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator

from knowledge.extract.html_walk import BLOCKS, STRUCK

# No tag holds another: each character is looked at once, however many tags have no end.
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)[^<>]*>")


def with_ends(source: str) -> str:
    """Return a page in which each tag that crosses out has an end, its own or one given here."""
    boundaries: list[int] = []
    begun: dict[str, list[int]] = {name: [] for name in STRUCK}
    for tag in _TAG.finditer(source):
        name = tag[2].lower()
        if name in BLOCKS:
            boundaries.append(tag.start())
        elif name in begun and not tag[1]:
            begun[name].append(tag.start())
        elif begun.get(name):
            begun[name].pop()
    missing = sorted(
        (boundaries[at], name)
        for name, starts in begun.items()
        for start in starts
        if (at := bisect(boundaries, start)) < len(boundaries)
    )
    return "".join(_inserted(source, missing)) if missing else source


def _inserted(source: str, missing: list[tuple[int, str]]) -> Iterator[str]:
    end = 0
    for at, name in missing:
        yield source[end:at]
        yield f"</{name}>"
        end = at
    yield source[end:]
