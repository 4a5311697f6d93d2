"""What a run asks of the knowledge: each message of a burst, and follow-ups made whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest

from agents.runtime import claims, prompts, routing, supporting
from agents.types import (
    AgentProfile,
    Decision,
    RetrievedPassage,
    RetrieveResult,
    RunRequest,
    Searched,
    TranscriptLine,
)
from integrations.llm import words
from integrations.llm.types import ChatMessage, ChatRequest, Purpose

MAX_QUERY = 4_000
"""Characters of a query; WhatsApp allows far longer texts, which are hardly ever questions."""

MAX_QUERIES = 3
"""Messages of a burst that are searched by themselves beside the whole; each costs some 10 ms."""

MIN_QUERY_WORDS = 2
"""A single word ("limpeza") is mostly a piece of a question that the whole burst holds."""

MAX_PASSAGES = 8
"""Passages that a model is given: those of one search, and the best of the others."""

REWRITE_S = 4.0
"""Longest time for making a follow-up whole, in seconds. The rules have an answer without it, and
the contact is waiting."""

REWRITE_TOKENS = 120

MAX_REWRITTEN = 300
"""Characters of a rewritten question; a longer one is an answer or an essay."""

REWRITE_HISTORY = 6
"""Earlier messages that are shown for it: three exchanges."""


def queries(burst: Sequence[str]) -> list[str]:
    """Return what to search: the burst as one, then each message that could stand alone.

    People send one question in three messages and three questions in as many; both are found.
    """
    parts = [text for text in burst if routing.small_talk(text) is None] or list(burst)
    alone = [text for text in parts if len(text.split()) >= MIN_QUERY_WORDS]
    whole = " ".join(" ".join(parts).split())[:MAX_QUERY]
    return [whole, *(" ".join(text.split()) for text in alone[:MAX_QUERIES] if len(parts) > 1)]


def previous(transcript: Sequence[TranscriptLine]) -> str:
    """Return the contact's last message before the burst that asked something."""
    for line in reversed(transcript):
        if line.role == "contact" and routing.small_talk(line.text) is None:
            return line.text[:MAX_QUERY]
    return ""


def merged(results: Sequence[RetrieveResult]) -> RetrieveResult:
    """Return several searches as one: the best of each first, each passage once.

    The surest of them decides, for one question of three that is answered is an answer.
    """
    passages: dict[str, RetrievedPassage] = {}
    for rank in zip_longest(*(result.passages for result in results)):
        for passage in rank:
            if passage is not None and len(passages) < MAX_PASSAGES:
                passages.setdefault(passage.evidence.ref, passage)
    surest = max(results, key=lambda result: result.confidence)
    return RetrieveResult(
        passages=tuple(passages.values()),
        confidence=surest.confidence,
        normalised_query=results[0].normalised_query,
        decision=surest.decision,
        threshold=surest.threshold,
        found=surest.found,
    )


def chosen_first(
    found: RetrieveResult, is_chosen: Callable[[RetrievedPassage], bool]
) -> RetrieveResult:
    """Return a search with what the contact has chosen before the rest; they confirmed it."""
    passages = sorted(found.passages, key=lambda passage: not is_chosen(passage))
    return RetrieveResult(
        passages=tuple(passages),
        confidence=found.confidence,
        normalised_query=found.normalised_query,
        decision=Decision.ASK if found.decision is Decision.UNKNOWN else found.decision,
        threshold=found.threshold,
        found=found.found,
    )


def searched(
    found: RetrieveResult, *, question: str, before: str, agent: AgentProfile
) -> Searched | None:
    """Return what the log of searches keeps; None where the knowledge gave nothing to keep."""
    if found.found is None:
        return None
    return Searched(question, before, agent.name, tuple(agent.category_ids), found.found)


def as_data(found: RetrieveResult, results: Sequence[RetrieveResult]) -> Mapping[str, object]:
    """Return a search JSON-safe, as the turn keeps it."""
    return {
        "normalised_query": found.normalised_query,
        "confidence": round(found.confidence, 4),
        "decision": found.decision.value,
        "threshold": round(found.threshold, 4),
        "searches": [
            {"query": one.normalised_query, "confidence": round(one.confidence, 4)}
            for one in results
        ],
        "passages": [
            {
                "ref": passage.evidence.ref,
                "source": passage.evidence.source,
                "title": passage.evidence.title,
                "text": passage.evidence.text[:500],
                "score": round(passage.score, 4),
                "cosine": round(passage.cosine, 4),
                "lexical": round(passage.lexical, 4),
                "grams": round(passage.grams, 4),
            }
            for passage in found.passages
        ],
    }


def rewriting(
    request: RunRequest, *, burst: Sequence[str], language_name: str, timeout_s: float
) -> ChatRequest:
    """Return the request that makes a follow-up whole."""
    history = request.transcript[-REWRITE_HISTORY:]
    return ChatRequest(
        messages=(
            ChatMessage("system", prompts.render(prompts.RewriteRules(language_name))),
            ChatMessage("user", prompts.render(prompts.RewritePrompt(history, tuple(burst)))),
        ),
        max_output_tokens=REWRITE_TOKENS,
        temperature=0.0,
        purpose=Purpose.REWRITE,
        language=request.language,
        timeout_s=min(REWRITE_S, timeout_s),
    )


def rewritten(answer: str, *, burst: Sequence[str], transcript: Sequence[TranscriptLine]) -> str:
    """Return a model's question if it keeps to the rules it was given; empty otherwise.

    One line, of the words of the chat, with no number or link of its own: it is only searched for,
    but an invented one would find what nobody asked.
    """
    line = prompts.visible(answer).strip().strip("\"“”'")
    if not line or "\n" in line or len(line) > MAX_REWRITTEN or prompts.NO_ANSWER_MARK in line:
        return ""
    chat = [*burst, *(one.text for one in transcript)]
    said = supporting.index(chat)
    if not all(said.holds(claim) for claim in claims.claims(line)):
        return ""
    terms = words.terms(line)
    known = words.terms("\n".join(chat))
    n_known = sum(any(words.likeness(term, one) for one in known) for term in terms)
    return line if terms and n_known >= 0.5 * len(terms) else ""
