"""The brief that goes with a handoff: what the contact wants and gave, so that nobody asks again.

Facts are always found by code and carry the contact's own words; what a model adds are words about
the goal, what is done and what is open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.runtime import claims, prompts, routing
from agents.types import Brief, BriefFact, RunRequest
from integrations.llm import words

MAX_FACTS = 12
MAX_TEXT = 300
MAX_WORDS = 160
MAX_LINES = 4
"""What a person reads at a glance; a longer brief is not read."""

_KINDS = frozenset({"email", "phone", "date", "time", "address", "code", "count", "money"})
_LEAST_DIGITS = 3
"""Digits from which a bare number is somebody's order or document and not a count of things."""

NAME = re.compile(
    r"\b(?:[Mm]eu nome (?:é|eh|e)|[Mm]e chamo|[Aa]qui (?:é|eh) (?:o|a)|[Ss]ou (?:o|a)|[Mm]y name is"
    r"|[Ii] am called)\s+([A-ZÀ-Ý][\wÀ-ÿ'-]+(?:\s+(?:d[aeo]s?\s+)?[A-ZÀ-Ý][\wÀ-ÿ'-]+){0,4})"
)
_DEADLINE = re.compile(
    r"\b(?:ate (?:o |a |as )?(?:dia )?[\w/:]+|hoje|amanha|urgente|urgencia|o quanto antes|"
    r"by (?:tomorrow|today|\w+day)|today|tomorrow|urgent|asap)\b"
)
_POLITE = re.compile(r"\b(?:por favor|pfv?r?|obrigad[oa]|please|thanks?|gentileza)\b")
_LOUD = re.compile(r"!{2,}|\?{3,}")


@dataclass(frozen=True, slots=True)
class Said:
    """What a model adds to a brief; every text is data, not to be trusted."""

    goal: str = ""
    done: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    tone: str = ""


def brief(request: RunRequest, *, said: Said | None = None, before: Brief | None = None) -> Brief:
    """Return the brief for whoever comes next.

    Args:
        said: what a model asks to be told; None builds all by rules.
        before: of the handoff before this one; its facts stay.
    """
    said = said or Said()
    questions = [
        _short(text) for text in request.burst if text and routing.small_talk(text) is None
    ]
    goal = _short(said.goal) or _short(" ".join(questions)) or (before.goal if before else "")
    told = [line.text for line in request.transcript if line.role != "contact"][-2:]
    return Brief(
        goal=goal,
        facts=_facts(request, before),
        done=_lines(said.done) or _lines(told) or (before.done if before else ()),
        pending=_lines(said.pending) or _lines(questions),
        tone=_short(said.tone)[:40] or tone(request.burst),
        deadline=_deadline(request.burst) or (before.deadline if before else ""),
    )


def is_deadline(line: str) -> bool:
    """Test whether a line says until when something is needed."""
    return _DEADLINE.search(words.fold(line)) is not None


def tone(burst: Sequence[str]) -> str:
    """Return how the contact writes, as far as a rule can tell."""
    text = "\n".join(burst)
    letters = [sign for sign in text if sign.isalpha()]
    is_shouting = len(letters) >= 12 and sum(map(str.isupper, letters)) > 0.7 * len(letters)
    if is_shouting or _LOUD.search(text):
        return "tense"
    return "polite" if _POLITE.search(words.fold(text)) else "neutral"


def _facts(request: RunRequest, before: Brief | None) -> tuple[BriefFact, ...]:
    """Return what the contact gave, the newest first, each once."""
    refs = [*request.burst_refs, *[""] * len(request.burst)]
    lines = list(zip(request.burst, refs, strict=False))[::-1]
    lines += [(one.text, one.ref) for one in reversed(request.transcript) if one.role == "contact"]
    found: dict[tuple[str, str], BriefFact] = {}
    for text, ref in lines:
        for kind, value, shown in _given(text):
            if any(
                (one.kind, one.text, one.source) == (kind, shown, ref) for one in found.values()
            ):
                continue  # "from 8 to 12" is two times that are written as one
            found.setdefault((kind, value), BriefFact(shown, kind, ref, _short(text, MAX_WORDS)))
    for fact in before.facts if before else ():
        known = {one.text for one in found.values()}
        if fact.text not in known:
            found.setdefault((fact.kind, fact.text), fact)
    return tuple(found.values())[:MAX_FACTS]


def _given(text: str) -> Iterable[tuple[str, str, str]]:
    """Return kind, canonical form and form in the text of what a message gives."""
    for name in NAME.finditer(text):
        yield "name", words.fold(name[1]), name[1]
    for claim in claims.claims(text):
        is_number = claim.kind == "number" and len(claim.value) >= _LEAST_DIGITS
        if claim.kind in _KINDS or is_number:
            yield claim.kind, claim.value, claim.shown


def _deadline(burst: Sequence[str]) -> str:
    for text in reversed(burst):
        for line in text.splitlines():
            if is_deadline(line):
                return _short(line, MAX_WORDS)
    return ""


def _lines(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(short for text in texts if (short := _short(text)))[:MAX_LINES]


def _short(text: str, most: int = MAX_TEXT) -> str:
    """Return a text as one line, cut at a word."""
    line = " ".join(prompts.visible(text).split())
    return line if len(line) <= most else f"{line[:most].rsplit(' ', 1)[0]} …"
