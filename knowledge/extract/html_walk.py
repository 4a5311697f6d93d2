"""Through the tree of a page in order, past what is not about its subject."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from selectolax.lexbor import LexborNode

from knowledge import text

MIN_MENU = 4  # links in a list that is nothing else
MAX_MENU_ITEM = 40  # characters
MAX_QUESTION = 200
MAX_NODES = 2_000_000

BLOCKS = frozenset(
    """address article aside blockquote body button center dd details div dl dt fieldset figcaption
    figure form h1 h2 h3 h4 h5 h6 header hr legend li main ol option p pre section summary table
    tbody td tfoot th thead tr ul""".split()  # noqa: SIM905 - a column of quotes would hide them
)
STRUCK = frozenset({"del", "s", "strike"})  # crossed out: it no longer holds
_SKIPPED = STRUCK | frozenset(
    """script style noscript template nav footer svg canvas iframe object embed video audio select
    textarea input map math dialog head title link meta""".split()  # noqa: SIM905
)
_SKIPPED_ROLES = frozenset({"navigation", "contentinfo", "banner", "search", "dialog", "menu"})
_SKIPPED_NAMES = re.compile(
    r"(?:^|[\s_-])(?:cookies?|consent|breadcrumbs?|navbar|skip-?link|pagination)(?:$|[\s_-])",
    re.IGNORECASE,
)


class Step(NamedTuple):
    """One step: text, or the beginning of an element (with its node), or its end (without)."""

    tag: str = ""
    node: LexborNode | None = None
    words: str = ""


def walk(root: LexborNode) -> Iterator[Step]:
    """Return the steps below `root`, without recursion: pages may be nested as deep as they like.

    Tables come as one step without what is in them, unless they only lay out the page.
    """
    stack: list[LexborNode | str] = [root]
    n_nodes = 0
    while stack and n_nodes < MAX_NODES:
        n_nodes += 1
        one = stack.pop()
        if isinstance(one, str):
            yield Step(tag=one)
            continue
        tag = one.tag or ""
        if one.is_text_node:
            if words := one.text_content:
                yield Step(words=words)
            continue
        if not one.is_element_node or (n_nodes > 1 and _is_skipped(one, tag)):
            continue
        yield Step(tag=tag, node=one)
        stack.append(tag)
        if tag == "table" and not _is_layout(one):
            continue
        children = list(one.iter(include_text=True, skip_empty=False))
        stack.extend(reversed(children))


def inline(node: LexborNode) -> str:
    """Return the text of an element on one line."""
    parts = [" " if step.tag in BLOCKS or step.tag == "br" else step.words for step in walk(node)]
    return text.one_line(text.clean("".join(parts)))


def _is_skipped(node: LexborNode, tag: str) -> bool:
    if tag in _SKIPPED:
        return True
    if tag not in BLOCKS:
        return False
    attributes = node.attributes
    if (attributes.get("role") or "").lower() in _SKIPPED_ROLES:
        return True
    names = f"{attributes.get('id') or ''} {attributes.get('class') or ''}"
    if tag not in ("body", "main", "article") and _SKIPPED_NAMES.search(names):
        return True
    if tag == "header":
        return node.css_first("h1, h2") is None
    if tag == "button":
        # Accordions open an answer with a button that asks.
        words = text.one_line(node.text())
        is_in_title = node.parent is not None and node.parent.tag in ("h2", "h3", "h4", "h5", "h6")
        return not is_in_title and not (words.endswith("?") and len(words) <= MAX_QUESTION)
    return tag in ("ul", "ol") and _is_menu(node)


def _is_menu(node: LexborNode) -> bool:
    """Test for a list in which every item is a link of a few words and nothing else."""
    items = [child for child in node.iter() if child.tag == "li"]
    if len(items) < MIN_MENU:
        return False
    for item in items:
        words = text.one_line(item.text())
        links = [text.one_line(link.text()) for link in item.css("a")]
        addresses = [link.attributes.get("href") or "" for link in item.css("a")]
        is_contact = any(one.startswith(("tel:", "mailto:")) for one in addresses)
        if len(words) > MAX_MENU_ITEM or is_contact or "".join(links) != words:
            return False
    return True


def _is_layout(table: LexborNode) -> bool:
    """Test for a table that only puts parts of the page beside each other."""
    return table.css_first("table table, table h1, table h2, table h3, table ul ul") is not None
