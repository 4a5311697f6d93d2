"""A question and its answer as they are typed in the admin: JSON, with other ways of asking."""

from __future__ import annotations

import json

from knowledge import text
from knowledge.types import Extracted, Heading, Paragraph, Problem, Unreadable

MAX_PHRASINGS = 50
MAX_PHRASING = 300  # characters


def extract(content: bytes) -> Extracted:
    """Read ``{"question": str, "answer": str, "phrasings": [str]}``.

    Raises:
        Unreadable: not of this form, or without a question or an answer.
    """
    if not content.strip():
        raise Unreadable(Problem.EMPTY)
    try:
        stated = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(Problem.FAQ_DAMAGED) from error
    if not isinstance(stated, dict):
        raise Unreadable(Problem.FAQ_DAMAGED)
    question, answer = stated.get("question"), stated.get("answer")
    phrasings = stated.get("phrasings", [])
    if not (isinstance(question, str) and isinstance(answer, str) and isinstance(phrasings, list)):
        raise Unreadable(Problem.FAQ_DAMAGED)
    title = text.one_line(text.clean(question))
    lines = [text.one_line(line) for line in text.clean(answer).split("\n")]
    paragraphs = [Paragraph(text=line) for line in lines if line]
    if not title or not paragraphs:
        raise Unreadable(Problem.NO_TEXT)
    return Extracted(
        blocks=(Heading(level=1, text=title), *paragraphs), phrasings=_phrasings(title, phrasings)
    )


def _phrasings(title: str, stated: list[object]) -> tuple[str, ...]:
    """Return the other ways of asking, each once; the question itself is not among them."""
    found: dict[str, str] = {}
    for one in stated:
        words = text.one_line(text.clean(one))[:MAX_PHRASING] if isinstance(one, str) else ""
        if words and text.fold(words) != text.fold(title):
            found.setdefault(text.fold(words), words)
    return tuple(found.values())[:MAX_PHRASINGS]
