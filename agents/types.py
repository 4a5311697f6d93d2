"""What a run of an agent is given and what it gives back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from agents.guards import PLATFORM, Policy
from agents.types_hours import ALWAYS_OPEN, HoursState
from agents.types_leads import LeadFound, LeadsMode
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


class History(StrEnum):
    """What an agent is told of the conversation before the burst."""

    WHOLE = "whole"
    HANDOFF = "handoff"  # since it was handed the conversation; the brief tells of the rest
    NONE = "none"


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One earlier message of the conversation; `person` is one of the business's people.

    Args:
        ref: the reference of a contact's message; empty where it is not known.
    """

    role: Literal["contact", "agent", "person"]
    text: str
    at: datetime
    ref: str = ""


@dataclass(frozen=True, slots=True)
class AgentRef:
    """An agent that another one may hand to."""

    agent_id: int
    name: str
    kind: AgentKind
    keywords: tuple[str, ...]
    role: str = ""
    examples: tuple[str, ...] = ()
    owners: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Persona:
    """How an agent is to be; each list holds short sentences of the business."""

    role: str = ""
    tone: str = ""
    dos: tuple[str, ...] = ()
    donts: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """Return everything that is written in it."""
        return tuple(
            one for one in (self.role, self.tone, *self.dos, *self.donts, *self.policies) if one
        )


@dataclass(frozen=True, slots=True)
class Business:
    """What every agent of a tenant may say of it; `facts` are short sentences."""

    name: str = ""
    about: str = ""
    address: str = ""
    site: str = ""
    phone: str = ""
    email: str = ""
    facts: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """Return everything that is written in it, but the name."""
        named = (self.about, self.address, self.site, self.phone, self.email)
        return tuple(one for one in (*named, *self.facts) if one)


@dataclass(frozen=True, slots=True)
class Approval:
    """A person reads each answer before it is sent.

    Args:
        within_min: minutes until the answer is dealt with without a person.
        then: what is done with it at that instant.
    """

    within_min: int
    then: Literal["send", "people"]


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """A published agent as a run uses it.

    Args:
        category_ids: the knowledge that it may search; empty for none.
        version_number: of the published version, from 1.
        chat: with plain keys, as the others; never logged and never stored.
        models: its own and the tenant's by purpose; read through `model_for`.
        guards: the checks as they are in force for it.
        owners: whom a personal agent serves, as `agents.owners` writes them.
        history: what it is told of what was said before.
        tools: UUIDs of the tools that it may call.
        leads: when its conversations fill the fields of a lead.
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
    agent_uuid: uuid.UUID | None = None
    outside_hours: OutsideHours = OutsideHours.ANSWER
    guards: Policy = field(default_factory=lambda: PLATFORM, repr=False)
    persona: Persona = field(default_factory=Persona)
    examples: tuple[str, ...] = ()
    owners: frozenset[str] = frozenset()
    approval: Approval | None = None
    history: History = History.WHOLE
    tools: tuple[str, ...] = ()
    leads: LeadsMode = LeadsMode.OFF

    def model_for(self, purpose: Purpose) -> ChatConfig | None:
        """Return whom this agent asks for a purpose; None where no model is, and rules must do."""
        return purposes.model_for(purpose, configs=self.models, chat=self.chat)


@dataclass(frozen=True, slots=True)
class Away:
    """The away text, which a contact gets once in a closed period.

    Args:
        period: of `HoursState.period`.
        promise: that people will reply, said before it; empty where nothing is promised.
    """

    away_text: str
    period: str
    promise: str = ""

    @property
    def text(self) -> str:
        """All that the contact is told."""
        return "\n\n".join(filter(None, (self.promise, self.away_text)))

    def after(self, promise: str) -> Away:
        """Return the same after a promise in other words."""
        return replace(self, promise=promise)


@dataclass(frozen=True, slots=True)
class BriefFact:
    """Something that the contact gave.

    Args:
        text: the value, such as ``"98888-7777"``.
        kind: such as ``"phone"``; see `agents.runtime.claims`, or ``"name"``.
        source: the message's reference; empty where it is not known.
        words: the contact's own words around it.
    """

    text: str
    kind: str
    source: str
    words: str


@dataclass(frozen=True, slots=True)
class Brief:
    """What the next agent, or a person, is told, so that the contact repeats nothing.

    Args:
        goal: what the contact wants.
        done: what our side has said or done about it.
        pending: what is still open.
        tone: ``"neutral"``, ``"polite"`` or ``"tense"``, or a model's word for it.
        deadline: in the contact's words; empty for none.
    """

    goal: str = ""
    facts: tuple[BriefFact, ...] = ()
    done: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    tone: str = ""
    deadline: str = ""


@dataclass(frozen=True, slots=True)
class Hop:
    """An earlier handoff of the conversation; `to_agent_id` is None for any person."""

    from_agent_id: int
    to_agent_id: int | None
    at: datetime


class HandoffCause(StrEnum):
    """What made a conversation pass to another agent."""

    KEYWORD = "keyword"
    EMBEDDING = "embedding"
    LLM = "llm"  # a model chose among the allowed ones
    TOOL = "tool"  # the agent's own model asked for it
    RULE = "rule"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Handed:
    """One handoff of a run.

    Args:
        to_agent_id: None for any person.
        reason: a code or a model's short words.
        score: of the likeness that decided; None where none did.
    """

    cause: HandoffCause
    from_agent_id: int
    to_agent_id: int | None
    reason: str
    brief: Brief
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose conversation it is, as code knows it; empty for what it does not know.

    Args:
        phone: digits with the country's code.
        burst: names the messages that are answered; the same when the turn is made again.
    """

    contact_uuid: str = ""
    conversation_uuid: str = ""
    phone: str = ""
    burst: str = ""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One burst to be answered.

    Args:
        language: of the tenant, such as ``"pt-br"``.
        timezone: IANA name, such as ``"America/Sao_Paulo"``.
        burst: the contact's new messages in order, in words: typed, spoken or seen on an image.
        told: the same messages as a model is told of them, with those that have no words; empty
            where `burst` says it all.
        transcript: what was said before the burst, oldest first.
        contact_name: as the contact calls themselves; data, not to be trusted.
        now: aware.
        hours: whether people are there.
        pace: how much this contact has had answered lately.
        arrived_at: when the burst's first message came in, aware; None where nobody knows.
        burst_refs: a reference for each message of `burst`; may be empty.
        contact_ids: under what the contact is known, as `agents.owners` writes it.
        brief: what the agent was handed with; None where nothing was.
        hops: handoffs of the last hour.
        contact_facts: what is known of the contact, as pairs of a name and a value.
        summary: of what was said before the transcript; data, not to be trusted.
        summarised_until: the instant up to which the summary tells; None for no summary.
        handed_at: when the present agent was handed the conversation; None where it never was.
        identity: what tools are told of the contact, whatever a model says.
    """

    tenant_name: str
    language: str
    timezone: str
    agent: AgentProfile
    burst: tuple[str, ...]
    transcript: tuple[TranscriptLine, ...]
    contact_name: str
    now: datetime
    told: tuple[str, ...] = ()
    hours: HoursState = ALWAYS_OPEN
    pace: Pace = field(default_factory=lambda: Pace())
    arrived_at: datetime | None = None
    burst_refs: tuple[str, ...] = ()
    contact_ids: frozenset[str] = frozenset()
    brief: Brief | None = None
    hops: tuple[Hop, ...] = ()
    business: Business = field(default_factory=Business)
    contact_facts: tuple[tuple[str, str], ...] = ()
    summary: str = ""
    summarised_until: datetime | None = None
    handed_at: datetime | None = None
    identity: Identity = field(default_factory=Identity)


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
    AGENT_ASKED = "agent_asked"  # the agent's model asked for a person
    HANDOFF_LIMIT = "handoff_limit"  # passed on too often
    HANDOFF_LOOP = "handoff_loop"  # two agents kept passing it to each other
    TOOL_LOOP = "tool_loop"  # the model asked a tool the same again and again
    TOOL_APPROVAL = "tool_approval"  # the model asked for what only a person may do
    TOOL_UNSURE = "tool_unsure"  # nobody can say whether a tool has changed something
    ANGRY = "angry"
    LEGAL = "legal"  # a court, a consumer office, a claim to personal data
    ASKED_AGAIN = "asked_again"  # the same question again: the answer to it was none
    FAILED_TWICE = "failed_twice"  # two answers in a row that were none


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
        handoffs: in order; the last one may lead to people.
        approval: of the agent that answered; None where its answers are sent at once.
        leads: what the contact told of the fields of a lead.
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
    handoffs: tuple[Handed, ...] = ()
    approval: Approval | None = None
    leads: tuple[LeadFound, ...] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """How many turns a contact had on this device before this one, answered or not."""

    n_last_minute: int = 0
    n_last_day: int = 0
