"""Checks of a reply by code: what it states must stand in what it was given.

The checks are deterministic, so they hold for every model and every trick: a number, price, date,
time, link or address that is in no passage does not reach a contact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from agents.runtime.evidence import Examination
from integrations.llm import words

MAX_REPLY = 3_000
"""Characters of a reply. WhatsApp takes more, a person does not read more; a longer one is a model
that prints its context."""

N_RULES = 9
"""Words in a row that a reply may not share with our rules. Shorter runs are idioms; longer ones
would let half a sentence out."""

N_INSTRUCTIONS = 25
"""The same for the business's instructions, which often hold an address or a policy that contacts
are to be told: a few sentences in a row are a printout."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one check; `found` says what was wrong, in words fit for a step."""

    check: str
    passed: bool
    found: tuple[str, ...] = ()


def grounding(examination: Examination) -> Verdict:
    """Check that every fact of a reply stands in what it was given; see `evidence.examine`."""
    return Verdict("grounding", not examination.unsupported, examination.unsupported)


def leak(reply: str, *, rules: str, instructions: str) -> Verdict:
    """Check that a reply does not print what it was written under.

    Args:
        rules: our own part of the prompt, which no reply has a reason to repeat.
        instructions: the business's part, of which a sentence may be meant to be told.
    """
    said = words.WORD.findall(words.fold(reply))
    found = tuple(
        name
        for name, text, n_words in (
            ("rules", rules, N_RULES),
            ("instructions", instructions, N_INSTRUCTIONS),
        )
        if not _runs_of(text, n_words).isdisjoint(_runs(said, n_words))
    )
    return Verdict("leak", not found, found)


@lru_cache(maxsize=128)  # the same rules and instructions stand above many replies
def _runs_of(text: str, n_words: int) -> frozenset[tuple[str, ...]]:
    return frozenset(_runs(words.WORD.findall(words.fold(text)), n_words))


def _runs(found: Sequence[str], n_words: int) -> set[tuple[str, ...]]:
    return {tuple(found[i : i + n_words]) for i in range(len(found) - n_words + 1)}


def length(reply: str) -> Verdict:
    """Check that a reply is one that a person would read."""
    return Verdict("length", len(reply) <= MAX_REPLY, () if len(reply) <= MAX_REPLY else ("long",))
