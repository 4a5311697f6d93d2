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

_SPACE = r" \t\n\f\r"
_MARKUP = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    rf"|<(?P<end>/?)(?P<name>[a-zA-Z][^{_SPACE}/>]*)(?P<rest>[^>\"']*>)?"
    r"|<[!?/][^>]*",
    re.DOTALL,
)
"""A comment, a tag (its `rest` only where it holds no quotes), or what a browser skips."""

_ATTRIBUTE = re.compile(
    rf"[{_SPACE}/]+"
    rf"|[^{_SPACE}/>][^{_SPACE}/>=]*"
    rf"(?:[{_SPACE}]*=[{_SPACE}]*(?:\"[^\"]*\"?|'[^']*'?|[^{_SPACE}>\"'][^{_SPACE}>]*)?)?"
)
_BODY_ENDS = {
    name: re.compile(rf"</{name}(?=[{_SPACE}/>])", re.IGNORECASE)
    for name in ("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes")
}
"""What ends the elements in which everything is words, whatever it looks like."""


def with_ends(source: str) -> str:
    """Return a page in which each tag that crosses out has an end, its own or one given here."""
    boundaries: list[int] = []
    begun: dict[str, list[int]] = {name: [] for name in STRUCK}
    n_templates = 0  # what stands in one is no part of the page
    for start, name, is_end in _tags(source):
        if name == "template":
            n_templates = max(0, n_templates + (-1 if is_end else 1))
        elif n_templates:
            continue
        elif name in BLOCKS:
            boundaries.append(start)
        elif name in begun and not is_end:
            begun[name].append(start)
        elif begun.get(name):
            begun[name].pop()
    missing = sorted(
        (boundaries[at], name)
        for name, starts in begun.items()
        for start in starts
        if (at := bisect(boundaries, start)) < len(boundaries)
    )
    return "".join(_inserted(source, missing)) if missing else source


def _tags(source: str) -> Iterator[tuple[int, str, bool]]:
    """Return where each tag begins, its name, and whether it is one that ends an element.

    As in a browser, what has no end goes on to the end of the page. So no character is looked at
    more than a few times, however many tags, comments and quotes have none.
    Source: HTML Standard, 13.2.5 Tokenization.
    """
    at = 0
    while markup := _MARKUP.search(source, at):
        at = markup.end()
        if not markup["name"]:
            continue
        if not markup["rest"]:
            while attribute := _ATTRIBUTE.match(source, at):
                at = attribute.end()
            if at == len(source):
                return  # the tag has no end, so it is none
        name, is_end = markup["name"].lower(), bool(markup["end"])
        yield markup.start(), name, is_end
        if name in _BODY_ENDS and not is_end:
            body_end = _BODY_ENDS[name].search(source, at)
            at = body_end.start() if body_end else len(source)


def _inserted(source: str, missing: list[tuple[int, str]]) -> Iterator[str]:
    end = 0
    for at, name in missing:
        yield source[end:at]
        yield f"</{name}>"
        end = at
    yield source[end:]
