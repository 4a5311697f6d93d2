"""What a model is shown of a conversation's past: the newest lines that fit, and a summary.

Bounded by an estimate of tokens, so that the tenth message of a talkative contact costs what the
third one did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from agents.types import AgentProfile, History, RunRequest, TranscriptLine

HISTORY_TOKENS = 1_500
"""Tokens of earlier messages that a model sees, estimated: some fifty short lines, or eight long
ones. At the double each answer costs twice as much to read, and few are better for it."""

LINE_TOKENS = 200
"""Of one line; a longer one is cut. A pasted text must not push out what was agreed on."""

CHARACTERS_PER_TOKEN = 3.5
"""Of Portuguese, roughly, for the models in use; the ledger counts the same where nobody told."""

LINE_OVERHEAD = 8
"""Tokens of the tag around a line."""


def tokens(text: str) -> int:
    """Return how many tokens a text may have."""
    return int(len(text) / CHARACTERS_PER_TOKEN) + 1


def fitting(
    lines: Sequence[TranscriptLine], *, budget: int = HISTORY_TOKENS
) -> tuple[TranscriptLine, ...]:
    """Return the newest lines that fit into a budget of tokens, oldest first; at least one."""
    shown: list[TranscriptLine] = []
    left = budget
    for line in reversed(lines):
        text = line.text[: int(LINE_TOKENS * CHARACTERS_PER_TOKEN)]
        left -= tokens(text) + LINE_OVERHEAD
        if left < 0 and shown:
            break
        shown.append(line if text == line.text else replace(line, text=text))
    return tuple(reversed(shown))


def past(
    request: RunRequest, agent: AgentProfile, *, is_handed: bool
) -> tuple[tuple[TranscriptLine, ...], str]:
    """Return the lines and the summary that an agent is shown.

    Args:
        agent: who writes; perhaps another than the request's.
        is_handed: it was handed the conversation by this very burst.
    """
    lines, summary = request.transcript, request.summary
    if agent.history is History.NONE:
        return (), ""
    if agent.history is History.HANDOFF:
        since = request.now if is_handed else request.handed_at
        if since is not None:
            lines, summary = tuple(line for line in lines if line.at >= since), ""
    return fitting(lines), summary


def outgrown(
    lines: Sequence[TranscriptLine], *, most: int, summarised_until: datetime | None
) -> bool:
    """Test whether something was said that is neither shown nor summarised.

    Args:
        lines: the newest of the conversation, oldest first.
        most: how many of them are read at most; so many may not be all.
    """
    shown = fitting(lines)
    if len(shown) == len(lines) < most:
        return False
    return summarised_until is None or shown[0].at > summarised_until
