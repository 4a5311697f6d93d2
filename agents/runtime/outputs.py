"""What a model's answer becomes before it is sent or kept."""

from __future__ import annotations

import json
import re

from agents.runtime import prompts
from agents.types import Reason
from integrations.llm import quoting
from integrations.llm.types import ChatResult, FinishReason, Try

_THOUGHTS = re.compile(r"\A(?:(?!<think>).)*</think>|<think>.*?(?:</think>|\Z)", re.DOTALL)
"""Many servers of open models begin the thoughts in the prompt: the answer holds their end only."""

_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")


def unusable(result: ChatResult) -> Reason | None:
    """Return why an answer cannot be sent; None where it can."""
    if result.finish_reason is FinishReason.REFUSED:
        return Reason.REFUSED
    if result.tool_calls:
        return None
    is_empty = not result.text.strip() or prompts.NO_ANSWER_MARK in result.text
    is_left = result.finish_reason in (FinishReason.NO_ANSWER, FinishReason.UNSURE)
    return Reason.NO_ANSWER if is_empty or is_left else None


def without_thoughts(text: str) -> str:
    """Return a text without what a reasoning model thought aloud."""
    return _THOUGHTS.sub("", text)


def json_object(text: str) -> dict[str, object] | None:
    """Return the JSON object that stands in a model's answer; None where none can be read."""
    start, end = text.find("{"), text.rfind("}")
    try:
        found = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):  # nested too deep to be read
        return None
    return found if isinstance(found, dict) else None


def for_phone(text: str) -> str:
    """Return a model's text as WhatsApp shows it best: no thoughts, one star for bold."""
    return _BOLD.sub(r"*\1*", without_thoughts(prompts.visible(text))).strip()


def finished(text: str) -> str:
    """Return a text that was cut off without the sentence or line in which that happened.

    The last one goes even where it ends in a full stop: "custa R$ 1." may have been "R$ 1.290,00".
    A line that introduces a list goes with the list's only entry.
    """
    *_, last = quoting.sentences(text)
    text = text[: max(text.rfind(last), 0)].rstrip()
    return finished(text) if text.endswith(":") else text


def tries(found: tuple[Try, ...]) -> list[dict[str, object]]:
    """Return failed calls JSON-safe, as the turn keeps them."""
    return [
        {
            "provider": one.provider,
            "model": one.model,
            "error": one.error,
            "reason": one.reason,
            "latency_ms": one.latency_ms,
        }
        for one in found
    ]
