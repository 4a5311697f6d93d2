"""Trying an agent on the path that contacts are answered on, without sending or storing anything.

Reception, runtime, knowledge, checks and models are those of a real turn; what a turn would write
is only shown. The calls of models are booked as `ModelCall.Origin.PLAYGROUND`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, Sum
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import override

from agents import owners
from agents.models import Agent
from agents.runtime import consent as wishes
from agents.runtime import handing, loop, prompts
from agents.runtime.context import RunContext
from agents.services import assembly, business, profiles, publishing, reception
from agents.types import (
    AgentKind,
    AgentProfile,
    Brief,
    Hop,
    NeedsHuman,
    RunRequest,
    RunResult,
    TranscriptLine,
)
from agents.types_hours import HoursReason, HoursState, Span
from conversations.models import Conversation, Turn, TurnStep
from conversations.models.people import MAX_ESCALATIONS
from conversations.services import (
    committing,
    consent,
    desks,
    evidencing,
    explaining,
    hours,
    lead_fields,
)
from conversations.services.explaining import TurnView
from integrations.llm.errors import NoProviderAnswered
from integrations.llm.types import ChatConfig, ChatRequest, ChatResult, Provider, Try
from integrations.models import ModelCall
from integrations.services import words as money
from integrations.services.calls import Caller
from tenants.context import current_schema, release_connection
from tenants.errors import DomainError
from tenants.models import Tenant

MAX_MESSAGES = 10
"""Messages of one trial. Where each is answered by itself, a person waits for as many answers."""

MAX_LINES = 20
"""Lines of the conversation so far that come along, as many as a real turn is shown."""


class Hours(StrEnum):
    """At what time of the business the contact writes."""

    NOW = "now"
    OPEN = "open"
    CLOSED = "closed"


class NobodyAnswers(DomainError):
    """No agent would answer this contact."""

    code = "nobody_answers"


@dataclass(frozen=True, slots=True)
class Past:
    """What was said in this trial before; empty for a new conversation.

    Args:
        agent_id: who has the conversation now.
    """

    agent_id: int | None = None
    lines: tuple[TranscriptLine, ...] = ()
    brief: Brief | None = None
    hops: tuple[Hop, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried.

    Args:
        version: a version's number; None for the draft.
        together: the messages are one burst, else each is answered by itself.
        nobody_comes: what happens when no person answers is shown.
        is_owner: the contact is the owner of a personal agent.
    """

    agent: Agent
    version: int | None
    messages: tuple[str, ...]
    together: bool = True
    hours: Hours = Hours.NOW
    nobody_comes: bool = False
    provider_down: bool = False
    is_owner: bool = False
    past: Past = field(default_factory=Past)


@dataclass(frozen=True, slots=True)
class Bubble:
    """Something that the contact would read; `who` is whose it is, in words."""

    text: str
    who: str
    is_system: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a burst got.

    Args:
        turn: everything that stands behind it; None where no agent was asked.
        facts: pairs of a label and a text.
        then: what would follow, in sentences.
    """

    burst: tuple[str, ...]
    bubbles: tuple[Bubble, ...]
    turn: TurnView | None = None
    facts: tuple[tuple[str, str], ...] = ()
    then: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """The answers of a trial, and the conversation to go on with."""

    answers: tuple[Answer, ...]
    past: Past


def agents() -> list[Agent]:
    """Return what can be tried: all but the queues of people, by name."""
    found = Agent.objects.exclude(kind=Agent.Kind.HUMAN).select_related("published_version")
    return list(found.order_by("name", "pk"))


def try_out(trial: Trial, *, now: datetime) -> Tried:
    """Answer a trial's messages; models are waited for, so no transaction may be open.

    Raises:
        NobodyAnswers: the agent is off, or serves only others and no front desk is there.
    """
    bursts = [trial.messages] if trial.together else [(one,) for one in trial.messages]
    answers, past = [], trial.past
    for burst in bursts:
        answer, past = _answer(replace(trial, past=past), burst, now=now)
        answers.append(answer)
    return Tried(tuple(answers), past)


def _answer(trial: Trial, burst: tuple[str, ...], *, now: datetime) -> tuple[Answer, Past]:
    tenant = Tenant.objects.get(schema_name=current_schema())
    if wishes.wish("\n".join(burst)) is wishes.Wish.STOP:
        with override(tenant.language):
            farewell = Bubble(str(consent.GOODBYE), _("Automatic notice"), is_system=True)
        alone = _("The contact gets nothing more, from nobody, until they write VOLTAR.")
        return Answer(burst, (farewell,), then=(alone,)), trial.past
    at, state = _hours(trial.hours, zone=tenant.timezone, now=now)
    contact_ids = _contact_ids(trial)
    request = RunRequest(
        tenant_name=tenant.name,
        language=tenant.language,
        timezone=tenant.timezone,
        agent=_profile(trial, contact_ids),
        burst=burst,
        transcript=trial.past.lines[-MAX_LINES:],
        contact_name="",
        now=at,
        hours=state,
        arrived_at=at,
        contact_ids=contact_ids,
        brief=trial.past.brief,
        hops=trial.past.hops,
        business=business.current(),
    )
    caller = Caller(ModelCall.Origin.PLAYGROUND, tenant.timezone, turn_uuid=uuid.uuid4())
    context = _context(trial, caller)
    release_connection()
    began = context.clock()
    result = loop.answer(request, context)
    ended = context.clock()
    turn, steps = _as_turn(result, n_messages=len(burst), began=began, ended=ended)
    documents = evidencing.document_pks(steps)
    bubbles, then = _afterwards(trial, result, language=tenant.language, at=at, state=state)
    answer = Answer(
        burst,
        bubbles,
        explaining.explain(turn, steps, documents=documents),
        _cost(caller),
        then,
    )
    return answer, _went_on(trial.past, burst, result, bubbles, at=at)


def _profile(trial: Trial, contact_ids: frozenset[str]) -> AgentProfile:
    """Return who answers the contact: the agent that is tried, or who has the conversation now."""
    wanted = trial.past.agent_id or trial.agent.pk
    received = reception.receiver(agent_id=wanted, contact_ids=contact_ids)
    if received is None:
        raise NobodyAnswers
    # Reception knows what is published; of a draft its own owners count.
    if wanted == trial.agent.pk:
        tried = _tried(trial)
        is_its_own = tried.kind == AgentKind.PERSONAL and tried.owners & contact_ids
        if is_its_own or (received == wanted and tried.kind != AgentKind.PERSONAL):
            return tried
        if received == wanted:
            raise NobodyAnswers
    try:
        return profiles.profile(agent_id=received)
    except profiles.AgentNotPublished as error:
        raise NobodyAnswers from error


def _tried(trial: Trial) -> AgentProfile:
    if trial.version is None:
        return profiles.profile_of(trial.agent, publishing.snapshot(trial.agent), number=0)
    version = trial.agent.versions.filter(number=trial.version).first()
    if version is None:
        raise NobodyAnswers
    return profiles.profile_of(trial.agent, version.snapshot, number=version.number)


def _contact_ids(trial: Trial) -> frozenset[str]:
    """Return the numbers of an owner: of the agent's own, else of the first personal agent's."""
    if not trial.is_owner:
        return frozenset()
    personal = Agent.objects.filter(kind=Agent.Kind.PERSONAL, is_active=True).order_by("pk")
    served = trial.agent if trial.agent.kind == Agent.Kind.PERSONAL else personal.first()
    numbers = served.owner_numbers if served is not None else []
    return frozenset(filter(None, map(owners.typed, numbers)))


def _context(trial: Trial, caller: Caller) -> RunContext:
    context = assembly.run_context(caller, lead_fields=lead_fields.for_agents)
    usual_profile, usual_chat = context.profile_of, context.chat

    def profile_of(agent_id: int) -> AgentProfile:
        return _tried(trial) if agent_id == trial.agent.pk else usual_profile(agent_id)

    def chat(config: ChatConfig, request: ChatRequest, agent: AgentProfile) -> ChatResult:
        if trial.provider_down and config.provider != Provider.OFFLINE:
            chain = (config, *config.fallbacks)
            raise NoProviderAnswered(
                tuple(Try(one.provider, one.model, "temporary", "switched off", 0) for one in chain)
            )
        return usual_chat(config, request, agent)

    return replace(context, profile_of=profile_of, chat=chat)


def _hours(wanted: Hours, *, zone: str, now: datetime) -> tuple[datetime, HoursState]:
    """Return an instant at which the business is as wanted, and its hours then.

    Where none are set, or it never closes, those of a closed evening are made up.
    """
    state = hours.state_at(now=now, zone=zone)
    if wanted is Hours.NOW or state.is_open == (wanted is Hours.OPEN):
        return now, state
    if wanted is Hours.OPEN:
        if state.opens_at is None:
            return now, HoursState.always()
        return state.opens_at, hours.state_at(now=state.opens_at, zone=zone)
    if state.closes_at is not None:
        later = state.closes_at + timedelta(minutes=1)
        return later, hours.state_at(now=later, zone=zone)
    tomorrow = now.astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
    opens_at = datetime.combine(tomorrow, time(8), ZoneInfo(zone))
    week = ((Span(8 * 60, 18 * 60),),) * 7
    made_up = HoursState(False, HoursReason.CLOSED, opens_at=opens_at, week=week)
    return now, made_up


def _as_turn(
    result: RunResult, *, n_messages: int, began: datetime, ended: datetime
) -> tuple[Turn, list[TurnStep]]:
    """Return the rows that a turn would leave; none is saved."""
    turn = Turn(
        pk=0,
        status=Turn.Status.DONE,
        agent=Agent.objects.filter(pk=result.agent_id).first(),
        n_messages=n_messages,
        burst_started_at=began,
        started_at=began,
        covered_upto=0,
    )
    committing.describe_turn(turn=turn, result=result, now=ended)
    steps = [
        TurnStep(
            position=place,
            kind=one.kind,
            started_at=one.started_at,
            duration_ms=one.duration_ms,
            data=dict(one.data),
        )
        for place, one in enumerate(result.steps)
    ]
    return turn, steps


def _afterwards(
    trial: Trial, result: RunResult, *, language: str, at: datetime, state: HoursState
) -> tuple[tuple[Bubble, ...], tuple[str, ...]]:
    """Return what the contact would read, and what would follow."""
    outcome, agent = result.outcome, trial.agent
    name = Agent.objects.filter(pk=result.agent_id).values_list("name", flat=True).first()
    if not isinstance(outcome, NeedsHuman):
        bubbles = (Bubble(outcome.text, name or agent.name),) if outcome.text else ()
        if result.approval is None:
            return bubbles, ()
        return bubbles, (_("It would wait for a person's approval before it is sent."),)
    place = Conversation(pk=0, agent_id=result.agent_id)
    desk = desks.desks_for([(place, outcome.to_agent_id)])[0]
    away, text = outcome.away, outcome.text
    if text and (farewell := desk.words(state)):
        away, text = away and away.after(farewell), farewell
    text = away.text if away else text
    said = [Bubble(text, _("Automatic notice"), is_system=True)] if text else []
    where = desk.name or _("no queue: nobody is set up to take it")
    then = [_("The conversation waits for people: %(queue)s.") % {"queue": where}]
    if trial.nobody_comes:
        later, desk = _nobody(desk, at=at)
        then += later
        with override(language):
            ours = prompts.render(prompts.PromiseText(prompts.language(language), "nobody"))
        promise = desk.promise_text or ours
        said.append(Bubble(promise, _("Automatic notice, later"), is_system=True))
    return tuple(said), tuple(then)


def _nobody(desk: desks.Desk, *, at: datetime) -> tuple[list[str], desks.Desk]:
    """Say what happens when nobody takes a conversation, and in which queue it ends."""
    known, told = desks.desks(), []
    for _place in range(MAX_ESCALATIONS):
        further = known.get(desk.escalate_to_id or 0)
        if further is None:
            break
        due_at = desk.due_at(at)
        text = _("Nobody there until %(due)s: it goes on to %(queue)s.")
        told.append(text % {"due": _instant(due_at), "queue": further.name})
        desk, at = further, due_at
    text = _("Nobody until %(due)s: the contact is told once.")
    if desk.tells_owners:
        text = _("Nobody until %(due)s: the owners are told, and the contact once.")
    told.append(text % {"due": _instant(desk.due_at(at))})
    return told, desk


def _instant(at: datetime) -> str:
    return date_format(localtime(at), "SHORT_DATETIME_FORMAT")


def _cost(caller: Caller) -> tuple[tuple[str, str], ...]:
    """Return what the calls of a trial took, out of the ledger."""
    found = ModelCall.objects.filter(turn_uuid=caller.turn_uuid).aggregate(
        n=Count("pk"),
        n_unknown=Count("pk", filter=Q(cost_kind=ModelCall.CostKind.UNKNOWN, failure="")),
        usd=Sum("cost_usd"),
    )
    if not found["n"]:
        return ((_("Cost"), _("nothing: no paid model was asked")),)
    cost = money.usd(found["usd"])
    if found["n_unknown"] and found["usd"] is not None:
        cost = _("%(cost)s and what was not measured") % {"cost": cost}
    return ((_("Cost"), cost), (_("Calls of models"), str(found["n"])))


def _went_on(
    past: Past,
    burst: Sequence[str],
    result: RunResult,
    bubbles: Sequence[Bubble],
    *,
    at: datetime,
) -> Past:
    lines = [TranscriptLine("contact", text, at) for text in burst]
    lines += [TranscriptLine("agent", one.text, at) for one in bubbles]
    hops = tuple(Hop(one.from_agent_id, one.to_agent_id, at) for one in result.handoffs)
    return Past(
        agent_id=result.agent_id,
        lines=(*past.lines, *lines)[-MAX_LINES:],
        brief=result.handoffs[-1].brief if result.handoffs else past.brief,
        hops=(*past.hops, *hops),
    )


def past_as_data(past: Past) -> dict[str, object]:
    """Return the conversation so far JSON-safe, for a page to carry."""
    return {
        "agent": past.agent_id,
        "lines": [(one.role, one.text, one.at.isoformat()) for one in past.lines],
        "brief": None if past.brief is None else handing.brief_as_data(past.brief),
        "hops": [(one.from_agent_id, one.to_agent_id, one.at.isoformat()) for one in past.hops],
    }


def past_from_data(data: object) -> Past:
    """Return what `past_as_data` made; an empty past of anything else."""
    if not isinstance(data, dict):
        return Past()
    return Past(
        agent_id=data["agent"],
        lines=tuple(
            TranscriptLine(role, text, datetime.fromisoformat(at))
            for role, text, at in data["lines"]
        ),
        brief=None if data["brief"] is None else handing.brief_from_data(data["brief"]),
        hops=tuple(Hop(a, b, datetime.fromisoformat(at)) for a, b, at in data["hops"]),
    )
