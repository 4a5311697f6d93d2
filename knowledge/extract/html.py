"""HTML: titles, paragraphs, lists and tables of what the page is about; menus are dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from knowledge import text
from knowledge.extract import decoding, html_questions, html_struck, html_tables
from knowledge.extract.html_walk import BLOCKS, Step, inline, walk
from knowledge.types import Block, Extracted, Heading, Paragraph, Problem, Unreadable

MAX_CHARACTERS = 5_000_000
MAX_TITLE = 200
MAX_ADDRESS = 120  # characters of a link's address that is worth showing
MIN_MAIN_SHARE = 0.3  # of the page's text, for the element that says it is the main one
MAX_MAIN = 4  # elements that may say that they are the main one, and addresses

_MAIN = "main, [role=main], article, [itemprop=articleBody]"
_RANKS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
# Below any title of the page: questions that are set in bold, or that open their answer.
_QUESTION_LEVEL = 7
_TITLE_PARTS = re.compile(r"\s+[|–—·»-]\s+")
# A page of frames, scripts or a redirect holds nothing for people.
_SCRIPTED = re.compile(r"<script\b", re.IGNORECASE)


def extract(content: bytes) -> Extracted:
    """Read a web page.

    Raises:
        Unreadable: no text in it.
    """
    source = decoding.decode(content)
    tree = LexborHTMLParser(html_struck.with_ends(source))
    if tree.body is None:
        raise Unreadable(Problem.NO_TEXT)
    answered = html_questions.find(tree)
    reader = _Reader()
    root = _main(tree.body)
    for step in walk(root):
        reader.feed(step)
    reader.flush()
    blocks = html_questions.without_repeated(reader.blocks, answered)
    if root.mem_id != tree.body.mem_id or not blocks:
        blocks.extend(_addresses(tree.body, blocks))
    blocks = [*html_questions.to_blocks(answered), *blocks]
    if not blocks:
        raise Unreadable(Problem.HTML_EMPTY if _SCRIPTED.search(source) else Problem.NO_TEXT)
    if not any(isinstance(block, Heading) and block.level == 1 for block in blocks):
        blocks[:0] = _title(tree)
    return Extracted(blocks=tuple(blocks))


def _main(body: LexborNode) -> LexborNode:
    """Return the element that holds what the page is about; the body where none says so."""
    candidates = body.css(_MAIN)[:MAX_MAIN]
    n_whole = len(inline(body)) if candidates else 0
    for node in candidates:
        if len(inline(node)) >= n_whole * MIN_MAIN_SHARE:
            return node
    return body


def _title(tree: LexborHTMLParser) -> list[Block]:
    """Return the page's title without the name of the site after it."""
    node = tree.css_first("head > title")
    whole = text.one_line(text.clean(node.text())) if node else ""
    first = _TITLE_PARTS.split(whole)[0][:MAX_TITLE]
    return [Heading(level=1, text=first)] if first else []


def _addresses(body: LexborNode, blocks: list[Block]) -> Iterator[Block]:
    """Return where the business is: pages say so in their footer, which is not read otherwise."""
    known = {text.fold(block.text) for block in blocks if isinstance(block, Paragraph)}
    for node in body.css("address")[:MAX_MAIN]:
        words = inline(node)
        if words and text.fold(words) not in known:
            known.add(text.fold(words))
            yield Paragraph(text=words)


class _Reader:
    """Collects the text between the beginnings and ends of elements into blocks."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._parts: list[str] = []
        self._n_plain = 0  # characters outside of bold ones
        self._bold = 0
        self._level: int | None = None
        self._links: list[tuple[str, int]] = []
        self._term = ""  # what the next definition defines
        self._n_characters = 0

    def feed(self, step: Step) -> None:
        """Take the next step of the walk."""
        if step.words:
            self._write(step.words)
        elif step.node is not None:
            self._start(step, step.node)
        else:
            self._end(step.tag)

    def flush(self) -> None:
        """End the block that is open."""
        words = text.one_line(text.clean("".join(self._parts)))
        is_bold = not self._n_plain and words.endswith("?")
        self._parts, self._n_plain, self._links = [], 0, []
        if not words:
            return
        level = _QUESTION_LEVEL if self._level is None and is_bold else self._level
        if level is not None and len(words) <= MAX_TITLE:
            self.blocks.append(Heading(level=level, text=words))
        else:
            self.blocks.append(Paragraph(text=words))

    def _write(self, words: str) -> None:
        self._n_characters += len(words)
        if self._n_characters > MAX_CHARACTERS:
            raise Unreadable(Problem.TOO_LONG)
        self._parts.append(words)
        if not self._bold:
            self._n_plain += len(words.strip())

    def _start(self, step: Step, node: LexborNode) -> None:
        tag = step.tag
        if tag in ("b", "strong"):
            self._bold += 1
        elif tag == "a":
            self._links.append((node.attributes.get("href") or "", len(self._parts)))
        elif tag == "br":
            self._write("\n")
        elif tag == "table":
            self.flush()
            self.blocks.extend(html_tables.to_blocks(node))
        elif tag in BLOCKS:
            self._begin(tag)

    def _begin(self, tag: str) -> None:
        if tag == "dd" and self._term:
            term, self._term = self._term, ""
            self._parts.append(f"{term}: ")
            return
        self.flush()
        if tag in _RANKS:
            self._level = _RANKS[tag]
        elif tag in ("summary", "button"):
            self._level = _QUESTION_LEVEL

    def _end(self, tag: str) -> None:
        if tag in ("b", "strong"):
            self._bold = max(0, self._bold - 1)
        elif tag == "a" and self._links:
            self._close_link(*self._links.pop())
        elif tag == "dt":
            words = text.one_line("".join(self._parts))
            if words.endswith("?"):
                self._level = _QUESTION_LEVEL
                self.flush()
                self._level = None
            else:
                self._term, self._parts = words.rstrip(" :"), []
        elif tag in BLOCKS:
            self.flush()
            self._level = None if tag in _RANKS or tag in ("summary", "button") else self._level

    def _close_link(self, address: str, start: int) -> None:
        """Write where a link leads, when it does not say so itself."""
        shown = "".join(self._parts[start:])
        scheme, _, rest = address.strip().partition(":")
        rest = rest.partition("?")[0] if scheme in ("tel", "mailto") else address.strip()
        number = _digits(rest) if scheme == "tel" else ""
        is_known = not shown.strip() or (number != "" and number[-8:] in _digits(shown))
        if self._level is not None or is_known or len(rest) > MAX_ADDRESS:
            return
        if scheme in ("http", "https", "tel", "mailto") and rest.rstrip("/") not in shown:
            self._parts.append(f" ({rest})")


def _digits(words: str) -> str:
    return "".join(c for c in words if c.isdigit())
