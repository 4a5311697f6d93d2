"""The texts of `agents/prompts`, each with the frozen class of what it may use."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from agents.types import AgentRef, Brief, Business, Persona, TranscriptLine
from integrations.llm.types import Evidence

FOLDER = Path(__file__).resolve().parent.parent / "prompts"

NO_ANSWER_MARK = "[[SEM_RESPOSTA]]"
"""What a model writes where the passages do not answer; a word that no contact is shown."""

PromiseKind = Literal["not_found", "requested", "account", "sorry", "nobody", "other"]

_KEPT = frozenset("\n\t\u200d")  # the last one joins the parts of an emoji
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_ANGLES = str.maketrans({"<": "‹", ">": "›"})


def visible(text: str) -> str:
    """Return `text` without characters that a person does not see and a model reads.

    Source: OWASP Top 10 for LLM Applications 2026, LLM01: tag characters, zero-width characters and
    variation selectors carry hidden instructions.
    """
    return text.replace("\r\n", "\n").translate(_signs)


class _Signs(dict[int, int | None]):
    """For `str.translate`: what a person sees stays; learnt sign by sign."""

    def __missing__(self, code: int) -> int | None:
        sign = chr(code)
        is_seen = unicodedata.category(sign) not in _UNSEEN and not _is_selector(sign)
        self[code] = code if is_seen or sign in _KEPT else None
        return self[code]


_signs = _Signs()


def _is_selector(sign: str) -> bool:
    # The sixteenth one asks for an emoji's colours and is in every second message.
    return "\ufe00" <= sign <= "\ufe0e" or "\U000e0100" <= sign <= "\U000e01ef"


def language(code: str) -> str:
    """Return in which of our two languages, ``pt`` or ``en``, a tenant's contacts are told."""
    return "pt" if code.lower().startswith("pt") else "en"


def fence(text: str) -> str:
    """Return `text` as data inside a tag: it cannot close the tag, nor open one of its own."""
    return visible(text).translate(_ANGLES).strip()


def attribute(text: str) -> str:
    """Return `text` as the value of a tag's attribute: one short line without quotes."""
    return re.sub(r"\s+", " ", fence(text).replace('"', "”"))[:120]


@dataclass(frozen=True, slots=True)
class SystemPrompt:
    """The only prompt in the system role; holds nothing that a contact or a document wrote.

    Args:
        now: date and time in the tenant's zone, as text.
        canary: a word that is in no other prompt; a reply that holds it was copied from this one.
        lead_fields: names and meanings of what is to be found out.
    """

    template: ClassVar[str] = "system.j2"
    tenant_name: str
    agent_name: str
    instructions: str
    language_name: str
    now: str
    timezone: str
    no_answer_mark: str = NO_ANSWER_MARK
    has_hours: bool = False
    canary: str = ""
    persona: Persona = field(default_factory=Persona)
    business: Business = field(default_factory=Business)
    lead_fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionPrompt:
    """What was found and what the contact wrote, fenced, in the user role."""

    template: ClassVar[str] = "question.j2"
    passages: tuple[Evidence, ...]
    history: tuple[TranscriptLine, ...]
    contact_name: str
    burst: tuple[str, ...]
    hours: tuple[str, ...] = ()
    brief: Brief | None = None
    contact_facts: tuple[tuple[str, str], ...] = ()
    summary: str = ""


@dataclass(frozen=True, slots=True)
class AskedAgainPrompt:
    """That a draft asks for what the contact has given."""

    template: ClassVar[str] = "asked_again.j2"
    found: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CutPrompt:
    """That a draft was cut off before its first sentence ended."""

    template: ClassVar[str] = "cut.j2"


@dataclass(frozen=True, slots=True)
class SummaryRules:
    """What a model is told that sums a conversation up.

    Args:
        outcomes: codes to choose from, with their meaning; none while it goes on.
    """

    template: ClassVar[str] = "summary.j2"
    language_name: str
    outcomes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SummaryPrompt:
    """What was said, fenced, in the user role, after what was summed up before."""

    template: ClassVar[str] = "summary_question.j2"
    before: str
    history: tuple[TranscriptLine, ...]


@dataclass(frozen=True, slots=True)
class LeadRules:
    """What a model is told that finds the fields of a lead in a conversation that is over.

    Args:
        lead_fields: names and meanings.
    """

    template: ClassVar[str] = "lead.j2"
    language_name: str
    lead_fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LeadPrompt:
    """What was said, fenced, in the user role."""

    template: ClassVar[str] = "lead_question.j2"
    history: tuple[TranscriptLine, ...]


@dataclass(frozen=True, slots=True)
class AgainPrompt:
    """Why a draft was refused."""

    template: ClassVar[str] = "again.j2"
    found: tuple[str, ...]
    no_answer_mark: str = NO_ANSWER_MARK


@dataclass(frozen=True, slots=True)
class GreetingText:
    """The answer to a greeting; `language` is ``pt`` or ``en``."""

    template: ClassVar[str] = "greeting.j2"
    language: str
    tenant_name: str
    day_part: Literal["morning", "afternoon", "evening"]


@dataclass(frozen=True, slots=True)
class CourtesyText:
    """The answer to thanks or a plain "ok"."""

    template: ClassVar[str] = "courtesy.j2"
    language: str
    kind: Literal["thanks", "assent"]


@dataclass(frozen=True, slots=True)
class PromiseText:
    """What a contact is told when a person takes over; never an error.

    Args:
        back: when people are back, in words; empty while they are there.
    """

    template: ClassVar[str] = "promise.j2"
    language: str
    kind: PromiseKind
    back: str = ""


@dataclass(frozen=True, slots=True)
class AwayText:
    """What a contact is told while people are away, where the business has no text of its own.

    Args:
        back: when people are back, in words.
        why: such as a holiday, in words; may be empty.
    """

    template: ClassVar[str] = "away.j2"
    language: str
    back: str
    why: str


@dataclass(frozen=True, slots=True)
class AskText:
    """A question back to the contact, by code; `choices` are titles of passages, and may be none.

    Its first line is how `clarifying` knows it again in the transcript.
    """

    template: ClassVar[str] = "ask.j2"
    language: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RewriteRules:
    """What a model is told that makes a question of its own out of a follow-up."""

    template: ClassVar[str] = "rewrite.j2"
    language_name: str


@dataclass(frozen=True, slots=True)
class RewritePrompt:
    """The follow-up and what it follows, fenced, in the user role."""

    template: ClassVar[str] = "rewrite_question.j2"
    history: tuple[TranscriptLine, ...]
    burst: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RouteRules:
    """What a model is told that chooses who answers; `stay` is its word for nobody else.

    Args:
        allowed: only those that this contact may meet.
    """

    template: ClassVar[str] = "route.j2"
    present: AgentRef
    allowed: tuple[AgentRef, ...]
    stay: str


@dataclass(frozen=True, slots=True)
class RoutePrompt:
    """The messages that somebody has to answer, fenced, in the user role."""

    template: ClassVar[str] = "route_question.j2"
    history: tuple[TranscriptLine, ...]
    burst: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToolResultPrompt:
    """What a tool gave back, fenced, in the tool role."""

    template: ClassVar[str] = "tool_result.j2"
    name: str
    text: str


Prompt = (
    SystemPrompt
    | QuestionPrompt
    | AgainPrompt
    | AskedAgainPrompt
    | CutPrompt
    | SummaryRules
    | SummaryPrompt
    | LeadRules
    | LeadPrompt
    | GreetingText
    | CourtesyText
    | PromiseText
    | AwayText
    | AskText
    | RewriteRules
    | RewritePrompt
    | RouteRules
    | RoutePrompt
    | ToolResultPrompt
)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - plain text for a model or a phone, never HTML
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # else each use asks the disk whether the file has changed
    )
    environment.filters["fence"] = fence
    environment.filters["attribute"] = attribute
    return environment


def render(prompt: Prompt) -> str:
    """Return the text of a prompt.

    Raises:
        jinja2.UndefinedError: the file names something that its class does not have.
    """
    given = {one.name: getattr(prompt, one.name) for one in fields(prompt)}
    return _environment().get_template(prompt.template).render(given).strip()


@cache
def version() -> str:
    """Return a short mark of all prompt files together, kept with each generated reply."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.glob("*.j2")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
