"""What a run of an agent is given and what it gives back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from agents.guards import PLATFORM, Policy
from integrations.llm import purposes
from integrations.llm.types import ChatConfig, Evidence, Purpose, Usage
from knowledge.types import Decision as Decision
from knowledge.types import SearchResult


class AgentKind(StrEnum):
    """What an agent is for."""

    GENERAL = "general"  # the front desk: routes
    SPECIALIST = "specialist"  # one domain, with its own knowledge and tools
    INTEGRATION = "integration"  # acts on an outside system through tools
    HUMAN = "human"  # a queue of people
    PERSONAL = "personal"  # serves only the numbers of its owner


class OutsideHours(StrEnum):
    """What an agent does while people are away."""

    ANSWER = "answer"  # as at any time
    TELL = "tell"  # the same, with the away text when something is left to people
    AWAY = "away"  # only the away text; the conversation waits for people


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One earlier message of the conversation; `person` is one of the business's people."""

    role: Literal["contact", "agent", "person"]
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AgentRef:
    """An agent that another one may hand to."""

    agent_id: int
    name: str
    kind: AgentKind
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """A published agent as a run uses it.

    Args:
        category_ids: the knowledge that it may search; empty for none.
        version_number: of the published version, from 1.
        chat: with plain keys, as the others; never logged and never stored.
        models: what the tenant chose by purpose; read through `model_for`.
        cheaper: answers once a budget is nearly used up; None for nobody.
        guards: the checks as they are in force for it.
    """

    agent_id: int
    name: str
    kind: AgentKind
    instructions: str
    keywords: tuple[str, ...]
    category_ids: tuple[int, ...]
    handoffs: tuple[AgentRef, ...]
    version_number: int
    chat: ChatConfig = field(repr=False)
    models: Mapping[Purpose, ChatConfig] = field(default_factory=dict, repr=False, hash=False)
    cheaper: ChatConfig | None = field(default=None, repr=False)
    agent_uuid: uuid.UUID | None = None
    outside_hours: OutsideHours = OutsideHours.ANSWER
    guards: Policy = field(default_factory=lambda: PLATFORM, repr=False)

    def model_for(self, purpose: Purpose) -> ChatConfig | None:
        """Return whom this agent asks for a purpose; None where no model is, and rules must do."""
        return purposes.model_for(purpose, configs=self.models, chat=self.chat)


class HoursReason(StrEnum):
    """Why a business is open or closed."""

    OPEN = "open"
    CLOSED = "closed"  # before, after or between its days
    BREAK = "break"  # it opens again on the same day
    HOLIDAY = "holiday"
    CLOSURE = "closure"  # days that the business closes of its own accord


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Opening hours within one day, in minutes of the wall clock since its midnight.

    Args:
        end: after `start`; above 1440 where it lies on the next day.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class DayHours:
    """The hours of one day; closed without spans.

    Args:
        name: of the holiday, or why the day is unlike others; empty on an ordinary one.
    """

    day: date
    spans: tuple[Span, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class HoursState:
    """Whether people are there at an instant, and everything that is told about it.

    Args:
        reason: a `HoursReason`.
        name: of the holiday or closure that is the reason; else empty.
        opens_at: when it opens next, aware; None while it is open, or where nobody knows.
        closes_at: when it closes next, aware; None while it is closed, or where it does not.
        week: Monday to Sunday; empty where no hours are configured, which is always open.
        days: today and the seven days after it.
        holidays: the days with a name in the twelve months from today.
        away_text: the business's own text, with placeholders; empty for ours.
        note: what the business wants told with its hours.
    """

    is_open: bool
    reason: str = HoursReason.OPEN
    name: str = ""
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    week: tuple[tuple[Span, ...], ...] = ()
    days: tuple[DayHours, ...] = ()
    holidays: tuple[DayHours, ...] = ()
    away_text: str = ""
    note: str = ""

    @classmethod
    def always(cls) -> HoursState:
        """Return that of a business that has no hours configured."""
        return cls(is_open=True)

    @property
    def is_configured(self) -> bool:
        """Test whether there are hours at all."""
        return bool(self.week)

    @property
    def period(self) -> str:
        """What names the closed period: the opening that ends it, which contacts are told."""
        return self.opens_at.isoformat() if self.opens_at else "unknown"


ALWAYS_OPEN = HoursState.always()


@dataclass(frozen=True, slots=True)
class Away:
    """The away text, which a contact gets once in a closed period.

    Args:
        period: of `HoursState.period`.
    """

    text: str
    period: str


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One burst to be answered.

    Args:
        language: of the tenant, such as ``"pt-br"``.
        timezone: IANA name, such as ``"America/Sao_Paulo"``.
        burst: the contact's new messages in order.
        transcript: what was said before the burst, oldest first.
        contact_name: as the contact calls themselves; data, not to be trusted.
        now: aware.
        hours: whether people are there.
        pace: how much this contact has had answered lately.
        arrived_at: when the burst's first message came in, aware; None where nobody knows.
    """

    tenant_name: str
    language: str
    timezone: str
    agent: AgentProfile
    burst: tuple[str, ...]
    transcript: tuple[TranscriptLine, ...]
    contact_name: str
    now: datetime
    hours: HoursState = ALWAYS_OPEN
    pace: Pace = field(default_factory=lambda: Pace())
    arrived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RetrievedPassage:
    """A passage with the scores that the step keeps; higher is better.

    Args:
        is_approved: people wrote it as an answer, so it can be sent as it is.
    """

    evidence: Evidence
    score: float
    cosine: float
    lexical: float
    grams: float
    is_approved: bool = False


@dataclass(frozen=True, slots=True)
class RetrieveResult:
    """What a search found, best first.

    Args:
        confidence: estimated probability, 0 to 1, that the passages answer the query.
        normalised_query: the query as it was searched.
        threshold: the confidence from which `decision` would be to answer.
        found: the same as the knowledge returned it, for its log; None where nobody keeps one.
    """

    passages: tuple[RetrievedPassage, ...]
    confidence: float
    normalised_query: str
    decision: Decision = Decision.ANSWER
    threshold: float = 0.0
    found: SearchResult | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Searched:
    """What a run asked of the knowledge, and the result that decided.

    Args:
        question: as it was searched for, in the contact's words or rewritten.
        previous: the message before it; empty where it was not needed.
        agent_name: of the agent that searched, after routing.
    """

    question: str
    previous: str
    agent_name: str
    category_ids: tuple[int, ...]
    result: SearchResult


class StepKind(StrEnum):
    """The stages of a turn that are kept."""

    GATHER = "gather"
    GUARD = "guard"
    ROUTE = "route"
    RETRIEVE = "retrieve"
    GENERATE = "generate"
    TOOL = "tool"
    HANDOFF = "handoff"
    SEND = "send"


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a turn, for the people who ask why; `data` is JSON-safe and holds no key."""

    kind: StepKind
    started_at: datetime
    duration_ms: int
    data: Mapping[str, object]


class Reason(StrEnum):
    """Why a run ended with a person."""

    PERSON_REQUESTED = "person_requested"
    ROUTED_TO_PERSON = "routed_to_person"
    NOT_IN_KNOWLEDGE = "not_in_knowledge"
    NO_ANSWER = "no_answer"  # the model says that the passages do not answer
    UNGROUNDED = "ungrounded"  # the reply held something that no passage supports
    REFUSED = "refused"  # the model refused to answer
    LLM_UNAVAILABLE = "llm_unavailable"
    LIMIT_REACHED = "limit_reached"
    BUDGET_USED = "budget_used"
    NO_TEXT = "no_text"  # the burst holds nothing that can be read
    ACCOUNT_DATA = "account_data"  # only the contact's own record answers, and no document is one
    OUT_OF_HOURS = "out_of_hours"  # people are away, and only the away text is to be sent then
    FLOOD = "flood"  # more turns than one contact may have in a minute or a day
    BOT_LOOP = "bot_loop"  # a machine seems to answer our answers
    SUBJECT = "subject"  # the business does not talk about this here
    HELD_BACK = "held_back"  # a check did not let the draft out


@dataclass(frozen=True, slots=True)
class Reply:
    """Send `text` to the contact."""

    text: str


@dataclass(frozen=True, slots=True)
class HandOff:
    """Pass the conversation to another agent; `text` is what the contact is told, or empty."""

    to_agent_id: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class NeedsHuman:
    """Pass the conversation to people; `text` is what the contact is told, or empty.

    Args:
        reason: a `Reason`.
        to_agent_id: the agent of kind ``human`` that was routed to; None for any person.
        away: said instead of `text` to whom it was not said yet in this closed period.
    """

    reason: str
    text: str
    to_agent_id: int | None = None
    away: Away | None = None


RunOutcome = Reply | HandOff | NeedsHuman


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run decided, with everything needed to explain it.

    Args:
        agent_id: the agent that answered, after routing.
        version_number: of that agent.
        passages: what the model was given.
        evidence_refs: the passages that the reply rests on, as far as known.
        searched: the search that decided; None where nothing was searched.
        asked_back: the reply is a question about what the contact means.
        confidence: of the retrieval, 0 to 1; 0 where nothing was searched.
        model: empty where no model was asked.
    """

    outcome: RunOutcome
    steps: tuple[Step, ...]
    usage: Usage
    model: str
    provider: str
    passages: tuple[Evidence, ...]
    confidence: float
    agent_id: int
    version_number: int
    evidence_refs: tuple[str, ...] = ()
    searched: Searched | None = None
    asked_back: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """How many turns a contact had on this device before this one, answered or not."""

    n_last_minute: int = 0
    n_last_day: int = 0
