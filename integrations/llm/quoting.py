"""Choosing what to quote from passages, and setting it so that it reads well on a phone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from integrations.llm import words
from integrations.llm.types import Evidence

RANK_BONUS = (0.70, 0.35, 0.15, 0.05)
"""What the retriever's order is worth beside the words in common: it also sees meaning, so its
first passage wins unless another one names clearly more of the question."""

PRICE_BONUS = 0.15
"""For a passage with an amount where a price was asked."""

SURE = 0.30
"""Confidence of the retriever from which one word in common is enough. Chosen on the questions of
three example businesses. Of 176 whose answer holds checkable facts, 143 get them, 19 get another
quote and 14 a person (at 0.20: 147, 20, 9; at 0.40: 135, 19, 22). Of 48 that the documents do not
answer, 8 get a quote (at 0.20: 15; at 0.40: 6). Expect less of questions it was not chosen on."""

SURE_ALONE = 0.6
"""Confidence needed where the question names no subject: no word can confirm the passage then."""

LEAST_COVER = 0.6
"""Share of the question's subject that a passage must name where the retriever is not sure: of two
words both. At a half, "cirurgia ortognática" would be answered with any surgery."""

MAX_QUOTE = 420
"""Characters of running text in one quote; what is longer is not read on a phone."""

MAX_ROWS = 3
MAX_FIELDS = 7

_PRICE_WORDS = frozenset(
    words.stem(word)
    for word in (
        """
        preco precos valor valores quanto custa custo orcamento tabela taxa mensalidade barato
        price cost much
        """.split()  # noqa: SIM905 - reads better than quoted words
    )
)
_MONEY = re.compile(r"(R\$|US\$|€)\s?\d|\d,\d\d\b")
_FIELD = re.compile(r";\s+(?=[^:;]{1,40}:\s)")
_LABEL = re.compile(r"([^:;\n]{1,40}):\s+(.+)", re.DOTALL)
_CODE = re.compile(r"[A-Za-z]{0,4}[-_ ]?\d{1,6}")
_JOINED = re.compile(r"\w\s+(?:e|ou|and|or)\s+\w|[,;+]\s*\w", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-ZÀ-Ú0-9])|\n+")
_ABBREVIATION = re.compile(
    r"\b(?:dra?|sra?|av|r|n|no|tel|ex|art|min|max|pag|prof)\.$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Choice:
    """A passage that fits one question.

    Args:
        cover: share of the question's subject that it names, 0 to 1.
    """

    evidence: Evidence
    score: float
    cover: float


def questions(text: str) -> list[str]:
    """Return the questions in a burst; lines and sentences that name no subject join the next."""
    parts: list[str] = []
    held = ""
    for part in re.split(r"\n+|(?<=\?)", text):
        held = f"{held} {part}".strip()
        if words.terms(held):
            parts.append(held)
            held = ""
    return parts or ([held] if held else [])


def choose(question: str, evidence: Sequence[Evidence], confidence: float | None) -> list[Choice]:
    """Return the passages to quote for one question, best first; empty where nothing fits."""
    asked = [term for term in words.terms(question) if term not in _PRICE_WORDS]
    wants_price = any(words.stem(word) in _PRICE_WORDS for word in words.words(question))
    choices = sorted(
        (_choice(one, rank, asked, wants_price) for rank, one in enumerate(evidence)),
        key=lambda choice: -choice.score,
    )
    if not choices or not _fits(choices[0], asked, confidence):
        return []
    best = choices[0]
    same = [
        choice
        for choice in choices[1:]
        if choice.cover >= best.cover > 0
        and choice.evidence.source == best.evidence.source
        and fields(best.evidence.text)
        and fields(choice.evidence.text)
    ]
    chosen = [best, *same[: MAX_ROWS - 1]]
    # "quanto é a limpeza e o flúor?": what the best passage does not name may stand in another.
    missing = [term for term in asked if not cover([term], _whole(best.evidence))]
    if not _JOINED.search(question):
        return chosen
    for choice in choices[1:]:
        if missing and choice not in chosen and cover(missing, _whole(choice.evidence)) >= 0.5:
            return [*chosen, choice]
    return chosen


def _whole(evidence: Evidence) -> str:
    return f"{evidence.title} {evidence.text}"


def _choice(evidence: Evidence, rank: int, asked: list[str], wants_price: bool) -> Choice:
    covered = cover(asked, _whole(evidence))
    bonus = RANK_BONUS[rank] if rank < len(RANK_BONUS) else 0.0
    if wants_price and _MONEY.search(evidence.text):
        bonus += PRICE_BONUS
    return Choice(evidence, covered + bonus, covered)


def _fits(best: Choice, asked: list[str], confidence: float | None) -> bool:
    if not asked:  # "quanto custa?" alone: only the retriever knows what it is about
        return confidence is not None and confidence >= SURE_ALONE
    if confidence is not None and confidence >= SURE:
        return best.cover > 0
    return best.cover >= LEAST_COVER


def cover(asked: Sequence[str], text: str) -> float:
    """Return the share of the terms `asked` that `text` names, 0 to 1."""
    if not asked:
        return 0.0
    present = words.terms(text)
    found = sum(max((words.likeness(term, one) for one in present), default=0.0) for term in asked)
    return found / len(asked)


def fields(text: str) -> list[tuple[str, str]]:
    """Return the columns of a row's text, such as ``"nome: X; valor: R$ 1,00"``; empty for prose.

    A value may hold semicolons of its own, so only one before a new label ends it.
    """
    if "\n" in text.strip():
        return []
    found = []
    for part in _FIELD.split(text.strip().rstrip(";")):
        match = _LABEL.fullmatch(part.strip())
        if not match:
            return []
        found.append((match[1].strip(), match[2].strip().rstrip(";").strip()))
    return found if len(found) >= 2 else []


def row(text: str, question: str) -> str:
    """Return a row set as a bold name and a line for each column; values stay as they are."""
    columns = fields(text)
    name = _name_place(columns)
    asked = words.terms(question)
    rest = [
        (label, value)
        for place, (label, value) in enumerate(columns)
        if place != name and value and not (place < name and _CODE.fullmatch(value))
    ]
    if len(rest) > MAX_FIELDS:
        wanted = [one for one in rest if _MONEY.search(one[1]) or cover(asked, " ".join(one))]
        rest = (wanted + [one for one in rest if one not in wanted])[:MAX_FIELDS]
    lines = [f"*{columns[name][1]}*"]
    lines += [f"{_title(label)}: {value}" for label, value in rest]
    return "\n".join(lines)


def row_name(text: str) -> str:
    """Return what a row of a table is about; empty for prose."""
    columns = fields(text)
    return columns[_name_place(columns)][1] if columns else ""


def _name_place(columns: Sequence[tuple[str, str]]) -> int:
    """Return which column names the row: the first that is neither a code nor a price."""
    return next(
        (
            place
            for place, (_, value) in enumerate(columns)
            if not _CODE.fullmatch(value) and not _MONEY.search(value)
        ),
        0,
    )


def _title(label: str) -> str:
    plain = label.replace("_", " ").strip()
    return plain[:1].upper() + plain[1:]


def prose(text: str, question: str) -> str:
    """Return the part of running text that names most of the question, whole sentences only."""
    plain = text.strip()
    if len(plain) <= MAX_QUOTE:
        return f"“{plain}”"
    parts = sentences(plain)
    asked = words.terms(question)
    best, best_score = parts[0], -1.0
    for start in range(len(parts)):
        window = ""
        for part in parts[start : start + 4]:
            longer = f"{window} {part}".strip()
            if window and len(longer) > MAX_QUOTE:
                break
            window = longer
        # Of two equal windows the one that begins with a hit reads better.
        score = cover(asked, window) + 0.2 * cover(asked, parts[start])
        if score > best_score:
            best, best_score = window, score
    before = "" if plain.startswith(best[:40]) else "… "
    after = "" if plain.endswith(best[-40:]) else " …"
    return f"“{before}{best}{after}”"


def sentences(text: str) -> list[str]:
    """Return the sentences and lines of `text`; an abbreviation such as ``Dra.`` ends none."""
    parts: list[str] = []
    for part in _SENTENCE.split(text):
        if parts and _ABBREVIATION.search(parts[-1]):
            parts[-1] = f"{parts[-1]} {part}"
        elif part.strip():
            parts.append(part.strip())
    return parts or [text.strip()]


def quote(evidence: Evidence, question: str) -> str:
    """Return one passage set for a phone, every number as it stands in it."""
    if fields(evidence.text):
        return row(evidence.text, question)
    quoted = prose(evidence.text, question)
    title = evidence.title.rsplit(" > ", 1)[-1].strip()
    return f"*{title}*\n{quoted}" if title else quoted
