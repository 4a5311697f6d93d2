"""Checks of what comes in, before anything is searched or asked: small functions with names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from rapidfuzz.distance import Levenshtein

from agents.runtime import injections, sayings
from agents.runtime.guardrails import Verdict
from agents.types import Pace, TranscriptLine
from integrations.llm import words

SAME_TEXT = 0.9
"""Likeness of two messages, 0 to 1, from which they are the same one with another date in it."""

N_SAME = 3
"""The same long message this often, each time after an answer of ours, is a machine's."""

N_SAME_SHORT = 4
"""The same for a short one: a person writes "ok" three times without being one."""

LONG_TEXT = 16
"""Letters and digits of a message that nobody writes twice by chance."""

QUICK = timedelta(seconds=2)
"""Nobody reads an answer and writes a sentence within this time."""

N_QUICK = 3
"""Answers of ours that were followed that quickly before it is a machine: the third could still be
a message that was on its way."""

LOOP_WITHIN = timedelta(hours=24)

_AUTOMATIC = re.compile(
    r"\b(?:resposta|mensagem) automatica\b|\bnao responda\b|\bnao e necessario responder\b|"
    r"\b(?:retornaremos|responderemos|entraremos em contato|te respondo|retorno) (?:em breve|assim "
    r"que (?:possivel|puder(?:mos)?))\b|\bfora do (?:nosso )?horario de atendimento\b|"
    r"\b(?:agradece(?:mos)?|obrigad[oa] (?:por|pelo)) (?:o )?(?:seu |sua )?contato\b.*\b(?:breve|"
    r"retorn|horario)\w*|\bautomatic reply\b|\bout of office\b|\bdo not reply\b|"
    r"\bsou (?:a |o )?(?:assistente|atendente) virtual\b|\bdigite (?:o numero|a opcao|1)\b"
)
"""What machines say of themselves; two such messages after answers of ours are a loop."""


def length(text: str, *, limit: int) -> Verdict:
    """Tell whether a burst is longer than what is read; the rest is left out, not refused."""
    return Verdict("input_length", len(text) <= limit, () if len(text) <= limit else ("cut",))


def flood(pace: Pace, *, per_minute: int, per_day: int) -> tuple[Verdict, Verdict]:
    """Check that a contact does not take more turns than one may have."""
    in_minute, in_day = pace.n_last_minute < per_minute, pace.n_last_day < per_day
    return (
        Verdict("flood_minute", in_minute, () if in_minute else (str(pace.n_last_minute),)),
        Verdict("flood_day", in_day, () if in_day else (str(pace.n_last_day),)),
    )


def injection(texts: Sequence[str]) -> Verdict:
    """Label what tries to steer the model; nothing follows from it."""
    found = injections.signals(texts)
    return Verdict("injection", not found, found)


def subjects(text: str, *, forbidden: Sequence[str]) -> Verdict:
    """Check that a text is not about what the business does not talk about here."""
    found = sayings.named(text, forbidden)
    return Verdict("subjects", not found, found)


def bot_loop(
    text: str,
    transcript: Sequence[TranscriptLine],
    *,
    now: datetime,
    arrived_at: datetime | None,
) -> Verdict:
    """Check that no machine answers our answers: the same again and again, or quicker than people.

    A loop of two programs ends in a ban of the number, so the third answer is the last.
    """
    lines = [line for line in transcript if now - line.at <= LOOP_WITHIN]
    exchanges = _exchanges(lines)
    plain = _plain(text)
    n_needed = (N_SAME if len(plain) >= LONG_TEXT else N_SAME_SHORT) - 1
    before = [_plain(one) for one, _ in exchanges[-n_needed:]]
    if (
        plain
        and len(before) >= n_needed
        and all(Levenshtein.normalized_similarity(plain, one) >= SAME_TEXT for one in before)
    ):
        return Verdict("bot_loop", False, ("same",))
    if _is_automatic(text) and any(_is_automatic(one) for one, _ in exchanges[-3:]):
        return Verdict("bot_loop", False, ("automatic",))
    gaps = [gap for one, gap in exchanges if gap is not None and len(_plain(one)) >= LONG_TEXT]
    last = lines[-1] if lines else None
    if arrived_at is not None and last is not None and last.role == "agent":
        gaps.append(arrived_at - last.at if len(plain) >= LONG_TEXT else QUICK)
    quick = [gap < QUICK for gap in gaps[-N_QUICK:]]
    if len(quick) == N_QUICK and all(quick):
        return Verdict("bot_loop", False, ("quick",))
    return Verdict("bot_loop", True)


def _exchanges(lines: Sequence[TranscriptLine]) -> list[tuple[str, timedelta | None]]:
    """Return the contact's bursts that our side answered, oldest first.

    Each with the time since our answer before it; None for what answers nothing.
    """
    found: list[tuple[str, timedelta | None]] = []
    burst: list[TranscriptLine] = []
    ours: TranscriptLine | None = None
    for line in lines:
        if line.role == "contact":
            burst.append(line)
            continue
        if burst:
            gap = None if ours is None else burst[0].at - ours.at
            found.append(("\n".join(one.text for one in burst), gap))
            burst = []
        ours = line if line.role == "agent" else None
    return found


def _plain(text: str) -> str:
    return " ".join(words.WORD.findall(words.fold(text)))


def _is_automatic(text: str) -> bool:
    return _AUTOMATIC.search(_plain(text)) is not None
