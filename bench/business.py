"""A small business of the measurements: one document, one question that it answers, two models."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.gate import Gate
from tests.fakes.bridge import FakeBridge, post_webhook, text_webhook
from tests.fakes.llm import FakeLLM, Mode
from tests.stack import Stack, blueprint

HMAC_KEY = "bench-only-hmac-key-0123456789abcdefgh"
DOCUMENTS = {
    "precos.md": """# Limpeza dental

A limpeza dental custa R$ 220,00 e leva quarenta minutos.

# Clareamento

O clareamento a laser custa R$ 980,00 e leva uma hora.
"""
}
LENIENT = {
    "bot_loop": {"on": False},
    "parroting": {"on": False},
    "flood_minute": {"limit": 30},
    "flood_day": {"limit": 1000},
}
"""Contacts of a measurement write the same all the time, and the model repeats their tokens: for a
business that is a machine, which is left to people."""

QUESTION = "quanto custa a limpeza dental?"

CONSONANTS = "bcdfghjklmnpqrtvwxz"

_CONTACT = re.compile(r"<contact .*?</contact>", re.DOTALL)
_TOKEN = re.compile(r"\bref[a-z]{6,}\b")


class TokenLLM(FakeLLM):
    """Answers the question and repeats the tokens of the new messages, so that a checker can tell
    from a reply what it answers."""

    def __init__(self, *, delay_s: float) -> None:
        super().__init__(Mode.EVIDENCE, delay_s=delay_s)

    def _text(self, messages: Sequence[dict[str, Any]]) -> str:
        found = _CONTACT.search(str(messages[-1]["content"]))
        return " ".join(["A limpeza dental custa R$ 220,00.", *tokens(found[0] if found else "")])


def tokens(text: str) -> list[str]:
    """Return the tokens that stand in a text, in order."""
    return _TOKEN.findall(text)


def token(number: int) -> str:
    """Return the token of a number: letters only, because an agent may not invent numbers, and
    consonants, or the ends of some would be taken for endings of verbs and cut off."""
    letters = ""
    for _ in range(6):
        number, digit = divmod(number, len(CONSONANTS))
        letters = CONSONANTS[digit] + letters
    return f"ref{letters}"


@dataclass(frozen=True)
class Tenant:
    """A tenant that was set up, and where the bridge posts for it."""

    slug: str
    url: str

    @property
    def bridge_token(self) -> str:
        """What stands for its number at the bridge."""
        return f"bench-{self.slug}"

    def write(self, phone: str, text: str, *, ref: str, at: float | None = None) -> int:
        """Post one message of a contact, once; return the status, 0 where no answer came."""
        body = text_webhook(
            phone=phone, ref=ref, text=text, at=at or time.time(), token=self.bridge_token
        )
        return post_webhook(self.url, body, key=HMAC_KEY)


def set_up(
    stack: Stack, bridge: FakeBridge | Gate, *, slug: str, quiet_s: float, llm_url: str
) -> Tenant:
    """Create a tenant whose agent knows the document; a knowledge worker must be running."""
    described = blueprint(
        slug=slug,
        bridge_url=bridge.url,
        token=f"bench-{slug}",
        hmac_key=HMAC_KEY,
        quiet_s=quiet_s,
        llm_url=llm_url,
        documents=list(DOCUMENTS),
    )
    described["guards"] = LENIENT
    applied = stack.apply_blueprint(described, DOCUMENTS)
    return Tenant(slug=slug, url=applied["devices"][0]["webhook_url"])
