"""Summing a conversation up: by rules, and by a model whose words are checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agents.runtime import briefing, claims, outputs, prompts, remembering, routing, supporting
from agents.types import TranscriptLine
from integrations.llm import quoting, words
from integrations.llm.types import ChatMessage, ChatRequest, Purpose

MAX_SUMMARY = 1_500
"""Characters of a summary: some 400 tokens in each prompt after it."""

PROMPT_TOKENS = 6_000
"""Tokens of messages that are summed up at once, estimated: the newest."""

SUMMARY_TOKENS = 400
SUMMARY_S = 30.0

MAX_TOPICS = 3
MAX_TOPIC = 40

LEAST_TOPIC = 4
"""Letters of a word that can be a topic by rules."""

_SHORT = 200
_OF_SOMEBODY = frozenset({"email", "url", "phone", "address"})


@dataclass(frozen=True, slots=True)
class Summed:
    """What became of a conversation.

    Args:
        outcome: a code that was offered; empty where the model chose none.
    """

    text: str
    outcome: str = ""
    topics: tuple[str, ...] = ()


def request(
    lines: Sequence[TranscriptLine],
    *,
    before: str,
    language: str,
    outcomes: Sequence[tuple[str, str]] = (),
) -> ChatRequest:
    """Return what a model is asked.

    Args:
        before: the summary of what was said before `lines`; empty for none.
        language: such as ``"Brazilian Portuguese"``.
        outcomes: codes to choose from, with their meaning; none while the conversation goes on.
    """
    shown = remembering.fitting(lines, budget=PROMPT_TOKENS)
    return ChatRequest(
        messages=(
            ChatMessage("system", prompts.render(prompts.SummaryRules(language, tuple(outcomes)))),
            ChatMessage("user", prompts.render(prompts.SummaryPrompt(before, shown))),
        ),
        max_output_tokens=SUMMARY_TOKENS,
        timeout_s=SUMMARY_S,
        purpose=Purpose.SUMMARISE,
    )


def read(
    answer: str, lines: Sequence[TranscriptLine], *, before: str, outcomes: Sequence[str] = ()
) -> Summed | None:
    """Return what a model wrote, as far as it holds; None where nothing does.

    A sentence with a number, date, price or address that nobody wrote is left out: what is shown
    to the next model must not have been made up by this one.
    """
    text = outputs.without_thoughts(answer).strip()
    outcome = ""
    topics: tuple[str, ...] = ()
    if outcomes:
        found = outputs.json_object(text)
        if found is None:
            return None
        text, outcome = str(found.get("summary", "")), str(found.get("outcome", ""))
        named = found.get("topics")
        topics = _topics(named if isinstance(named, list) else [])
    said = supporting.index([before, *(line.text for line in lines)])
    held = [
        part.strip()
        for part in quoting.sentences(prompts.visible(text))
        if all(said.holds(claim) for claim in claims.claims(part))
    ]
    summary = _cut(" ".join(held))
    if not summary:
        return None
    return Summed(summary, outcome if outcome in outcomes else "", topics)


def by_rules(lines: Sequence[TranscriptLine], *, before: str, asked: str, answered: str) -> str:
    """Return the questions with their answers, the newest ones where there is no room for all.

    Args:
        asked: what stands before what a contact wrote, such as ``"Asked: "``.
        answered: the same for our side.
    """
    parts = before.splitlines()
    last = ""
    for line in lines:
        if routing.small_talk(line.text) is not None:
            continue
        mark = asked if line.role == "contact" else answered
        short = " ".join(prompts.visible(line.text).split())
        short = short if len(short) <= _SHORT else f"{short[:_SHORT].rsplit(' ', 1)[0]} …"
        if mark == last == answered:  # only the first of several parts of one answer
            continue
        parts.append(f"{mark}{short}")
        last = mark
    kept: list[str] = []
    left = MAX_SUMMARY
    for part in reversed(parts):
        left -= len(part) + 1
        if left < 0:
            break
        kept.append(part)
    return "\n".join(reversed(kept))


def topics_by_rules(lines: Sequence[TranscriptLine]) -> tuple[str, ...]:
    """Return the words that a contact used most, as they first wrote them."""
    first: dict[str, str] = {}
    n: Counter[str] = Counter()
    for line in lines:
        if line.role != "contact" or routing.small_talk(line.text) is not None:
            continue
        seen = set()
        for word in words.WORD.findall(_subject(line.text)):
            plain = words.fold(word)
            if len(plain) < LEAST_TOPIC or plain in words.STOP_WORDS or not plain.isalpha():
                continue
            stem = words.stem(plain)
            first.setdefault(stem, word.lower())
            if stem not in seen:
                n[stem] += 1
                seen.add(stem)
    return tuple(first[stem] for stem, _ in n.most_common(MAX_TOPICS))


def _subject(text: str) -> str:
    """Return a message without what it tells of the contact, which is no topic."""
    shown = briefing.NAME.sub(" ", prompts.visible(text))
    for claim in claims.claims(shown):
        if claim.kind in _OF_SOMEBODY:
            shown = shown.replace(claim.shown, " ")
    return shown


def _topics(named: Sequence[object]) -> tuple[str, ...]:
    shown = (" ".join(prompts.visible(one).split()) for one in named if isinstance(one, str))
    return tuple(dict.fromkeys(one[:MAX_TOPIC].lower() for one in shown if one))[:MAX_TOPICS]


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SUMMARY else f"{text[:MAX_SUMMARY].rsplit(' ', 1)[0]} …"
