"""Asking a contact what they mean, and understanding what they answer.

Code writes the question and knows it again by its first line in the transcript, so nothing has to
be kept between two turns, and a conversation is never asked back twice in a row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agents.runtime import prompts
from agents.types import TranscriptLine
from integrations.llm import quoting, words
from integrations.llm.types import Evidence

MAX_CHOICES = 3
"""Subjects that are offered; a longer list is not read on a phone."""

_NUMBERING = re.compile(r"^(?:\d{1,2}(?:\.\d{1,2})+[.)]?|\d{1,2}[.)]|[IVX]{1,5}[.)])\s+(?=\S)")
"""The number of a title in its document: beside the numbers of the choices it would confuse."""

MAX_LABEL = 60
"""Characters of one of them; what is longer is cut at a word."""

LANGUAGES = ("pt", "en")

_CHOICE = re.compile(r"(?m)^([1-9])\. (.+)$")
_NUMBER = re.compile(
    r"(?:(?:o|a|e|eh|numero|opcao|op|item|number|option) )*([1-9])(?: (?:por favor|pf|pfv|please))?"
)
_NEITHER = re.compile(
    r"(?:nao|n|no|nope|nenhum[a]?|none|neither|nada)"
    r"(?: (?:e|eh|foi|era|d[aeo]|del[ae]s?|dess[ae]s?|dest[ae]s?|diss?o|isso|nenhum[a]?|of|them|"
    r"these|one|nao|obrigad[oa]))*"
)
_YES = re.compile(r"(?:(?:sim|s|ss|isso|isto|exato|yes|yep|y|mesmo|ai|e|eh)(?: |$))+")

SAME_WORDS = 0.99
"""Share of a subject's words that an answer names where it is that subject."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question back that is the last thing our side said.

    Args:
        question: what the contact had asked before it.
    """

    question: str
    choices: tuple[str, ...]

    def chosen(self, answer: str) -> str:
        """Return the subject that an answer names by its number or its words; empty for none."""
        plain = _plain(answer)
        if len(self.choices) == 1 and _YES.fullmatch(plain):
            return self.choices[0]
        if (number := _NUMBER.fullmatch(plain)) and int(number[1]) <= len(self.choices):
            return self.choices[int(number[1]) - 1]
        named = [one for one in self.choices if _names(plain, one)]
        return named[0] if len(named) == 1 else ""

    def refused(self, answer: str) -> bool:
        """Test whether an answer says that it is none of the subjects."""
        return _NEITHER.fullmatch(_plain(answer)) is not None


def text(*, language: str, choices: Sequence[str]) -> str:
    """Return the question; `language` is ``pt`` or ``en``."""
    return prompts.render(prompts.AskText(language, tuple(choices)))


def labels(passages: Sequence[Evidence]) -> tuple[str, ...]:
    """Return what the best passages are about, each once, in words that fit on a phone."""
    found: dict[str, str] = {}
    for passage in passages:
        label = label_of(passage)
        if label and len(found) < MAX_CHOICES:
            found.setdefault(words.fold(label), label)
    return tuple(found.values())


def label_of(passage: Evidence) -> str:
    """Return what a passage is about: the name in a table's row, else its innermost title."""
    label = quoting.row_name(passage.text) or passage.title.rsplit(" > ", 1)[-1]
    label = _NUMBERING.sub("", " ".join(prompts.visible(label).split()).strip(" -–:"))
    if len(label) <= MAX_LABEL:
        return label
    return f"{label[:MAX_LABEL].rsplit(' ', 1)[0].rstrip(' ,;-–')} …"


def asked_before(transcript: Sequence[TranscriptLine]) -> Asked | None:
    """Return the question back that a burst answers; None where our side said something else."""
    place = next(
        (at for at in range(len(transcript) - 1, -1, -1) if transcript[at].role != "contact"), None
    )
    if place is None or transcript[place].role != "agent":
        return None
    asked = transcript[place].text
    if not asked.startswith(tuple(_opening(language) for language in LANGUAGES)):
        return None
    before: list[str] = []
    for line in reversed(transcript[:place]):
        if line.role != "contact":
            break
        before.insert(0, line.text)
    return Asked("\n".join(before), tuple(found[2].strip() for found in _CHOICE.finditer(asked)))


def _opening(language: str) -> str:
    return text(language=language, choices=()).splitlines()[0]


def _plain(answer: str) -> str:
    return " ".join(words.WORD.findall(words.fold(answer)))


def _names(plain: str, choice: str) -> bool:
    wanted = words.terms(choice)
    return bool(wanted) and quoting.cover(wanted, plain) >= SAME_WORDS
