"""OpenAI's models that reason before they answer, also as a gateway names them.

Apart from their client, which brings the SDK: what a call may cost is reckoned without it.
"""

from __future__ import annotations

import re

ROOM = 2_000
"""Tokens that a model may reason with beside those of the answer: both count against one limit, so
that a short one would be used up before the first word. At low effort a question takes some
hundreds. Twice as many would cost nothing where they are not used, but each call sets aside what it
may cost at most, and nobody waits for so many."""

LITTLE = 1_000
"""Tokens of an answer below which a model is asked to reason little: its answer needs no more, and
medium effort, which it would make unasked, takes thousands."""

LEAST_EFFORT = "low"
"""Taken by all that match `_AT_WILL`; ``minimal`` is refused by the o models."""

_REASONERS = re.compile(r"(?:[\w.-]+/)?(?:gpt-5(?!.*-chat)|o[134](?![^-]))")
"""They refuse every temperature but their own, and the older name of the limit of tokens."""

_AT_WILL = re.compile(
    r"(?:[\w.-]+/)?(?:gpt-5(?:-mini|-nano)?|o1|o3|o3-mini|o4-mini)(?:-\d{4}-\d{2}-\d{2})?"
)
"""Models that reason with medium effort unless told otherwise, and take less. GPT-5.1 and later
ones do not reason unasked, ``gpt-5-pro`` takes no other effort than high, ``o1-mini`` none at all.
Source: OpenAI, "Create chat completion", reasoning_effort."""


def reasons(model: str) -> bool:
    """Test whether a model reasons; such a one refuses every temperature but its own, too."""
    return _REASONERS.match(model) is not None


def room(model: str) -> int:
    """Return how many tokens a call takes at most beside those of its answer."""
    return ROOM if reasons(model) else 0


def effort(model: str, *, max_output_tokens: int) -> str:
    """Return how much effort is asked for; empty where the model decides."""
    is_asked = max_output_tokens < LITTLE and _AT_WILL.fullmatch(model) is not None
    return LEAST_EFFORT if is_asked else ""
