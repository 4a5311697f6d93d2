"""Questions and answers that a page states for machines (schema.org FAQPage in JSON-LD)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser

from knowledge import text
from knowledge.extract import html_struck
from knowledge.extract.html_walk import BLOCKS, walk
from knowledge.types import Block, Heading, Paragraph

MAX_QUESTIONS = 2_000
MAX_DEPTH = 20  # of lists and objects inside each other
MAX_TITLE = 300
_LEVEL = 3

Answered = list[tuple[str, list[str]]]
"""A question and the paragraphs of its answer."""


def find(tree: LexborHTMLParser) -> Answered:
    """Return the questions that the page states with their answers, each once."""
    found: dict[str, list[str]] = {}
    for node in tree.css('script[type="application/ld+json"]'):
        try:
            stated = json.loads(node.text())
        except (ValueError, RecursionError):
            continue
        for question in _questions(stated, depth=0):
            name, answer = question.get("name"), question.get("acceptedAnswer")
            answer = answer[0] if isinstance(answer, list) and answer else answer
            words = answer.get("text") if isinstance(answer, dict) else None
            if not isinstance(name, str) or not isinstance(words, str):
                continue
            paragraphs = _paragraphs(words)
            title = " ".join(_paragraphs(name))
            if title and paragraphs and len(title) <= MAX_TITLE and len(found) < MAX_QUESTIONS:
                found.setdefault(title, paragraphs)
    return list(found.items())


def to_blocks(answered: Answered) -> list[Block]:
    """Return each question as a title with its answer below."""
    blocks: list[Block] = []
    for question, answer in answered:
        blocks.append(Heading(level=_LEVEL, text=question))
        blocks.extend(Paragraph(text=paragraph) for paragraph in answer)
    return blocks


def without_repeated(blocks: list[Block], answered: Answered) -> list[Block]:
    """Return the blocks without the answers that are known, where the page shows them as well."""
    answers = {text.fold(question): text.fold(" ".join(words)) for question, words in answered}
    kept: list[Block] = []
    known: str | None = None
    for block in blocks:
        if isinstance(block, Heading):
            known = answers.get(text.fold(block.text))
            if known is not None:
                continue
        elif known is not None and isinstance(block, Paragraph) and text.fold(block.text) in known:
            continue
        kept.append(block)
    return kept


def _questions(stated: object, *, depth: int) -> Iterator[dict[str, object]]:
    if depth > MAX_DEPTH:
        return
    if isinstance(stated, list):
        for one in stated:
            yield from _questions(one, depth=depth + 1)
    elif isinstance(stated, dict):
        kind = stated.get("@type")
        if kind == "Question" or (isinstance(kind, list) and "Question" in kind):
            yield stated
        else:
            for one in stated.values():
                if isinstance(one, list | dict):
                    yield from _questions(one, depth=depth + 1)


def _paragraphs(marked: str) -> list[str]:
    """Return the text of a piece of HTML, a paragraph for each of its blocks."""
    tree = LexborHTMLParser(html_struck.with_ends(marked))
    if tree.body is None:
        return []
    parts = [
        "\n" if step.tag in BLOCKS or step.tag == "br" else step.words for step in walk(tree.body)
    ]
    lines = text.clean("".join(parts)).split("\n")
    return [line for raw in lines if (line := text.one_line(raw))]
