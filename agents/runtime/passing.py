"""How a run uses routing, handoffs and tools: who answers next, and with what at hand."""

from __future__ import annotations

from collections.abc import Sequence

from agents.runtime import (
    builtin_tools,
    choosing,
    handing,
    outputs,
    qualifying,
    searching,
    tools,
)
from agents.runtime.briefing import Said
from agents.runtime.choosing import Choice
from agents.runtime.run import Run
from agents.types import (
    AgentKind,
    AgentProfile,
    AgentRef,
    HandoffCause,
    NeedsHuman,
    Reason,
    RunOutcome,
    Step,
    StepKind,
)
from agents.types_leads import LeadField, LeadFound, LeadsMode
from integrations.llm.types import ChatConfig, ChatRequest, Provider, add_usage
from tenants.errors import Permanent, Temporary

MAX_REFUSED = 2
"""Refused transfers of one burst, after which two agents are taken to pass it to each other."""


class Passing:
    """Who answers next in one run.

    Attributes:
        to_people: the agent of kind ``human`` that a tool led to; None for any person.
        leads: what the contact told of the fields of a lead.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self.handing = handing.Handing(run.request, run.context)
        self.to_people: int | None = None
        self.leads: list[LeadFound] = []
        self._cause, self._why = HandoffCause.RULE, ""
        self._score: float | None = None
        self._said: Said | None = None
        self._n_refused = 0
        self._boxes: list[tools.Toolbox] = []

    def route(self, data: dict[str, object]) -> RunOutcome | None:
        """Let the run go on as whoever the burst belongs to; an outcome where that is people."""
        choice = self._choose(data)
        found = None if choice is None else self._follow(choice, data)
        if isinstance(found, AgentProfile):
            self._run.agent = found
            return None
        return found

    def elsewhere(self) -> NeedsHuman | AgentProfile | None:
        """Return who may know what the present agent's documents do not; None for nobody."""
        run = self._run
        been = {run.agent.agent_id, *(one.from_agent_id for one in self.handing.done)}
        allowed = tuple(ref for ref in self.handing.allowed(run.agent) if ref.agent_id not in been)
        if not allowed:
            return None
        with run.step(StepKind.ROUTE) as data:
            data.update(reason="not_its_field", agent_id=run.agent.agent_id, agent=run.agent.name)
            choice = self._by_model(allowed, data) or self._back_to_desk(allowed)
            return None if choice is None else self._follow(choice, data)

    def toolbox(self) -> tools.Toolbox:
        """Return what the present agent's model may ask for.

        Nothing where it has no colleagues and no tools of its own: many a small model knows no
        tools, and saying that it does not know is what a person is called by anyway.
        """
        run = self._run
        allowed = self.handing.allowed(run.agent)
        own = tuple(run.context.tools(run.agent, run.request))
        n_left = run.context.limits.n_tool_calls - sum(box.n_calls for box in self._boxes)
        box = tools.Toolbox((), n_left, run.step)
        self._boxes.append(box)
        lead_fields = self.lead_fields()
        if run.agent.chat.provider == Provider.OFFLINE or not (allowed or own or lead_fields):
            return box
        built_in: list[tools.Tool] = [builtin_tools.NeedPerson(self._need_person)]
        if allowed:
            built_in.append(builtin_tools.Transfer(allowed, self._transfer))
        if run.agent.category_ids:
            built_in.append(
                builtin_tools.SearchKnowledge(
                    lambda query: run.context.retrieve(
                        query=query[: searching.MAX_QUERY],
                        category_ids=run.agent.category_ids,
                        previous="",
                    )
                )
            )
        if lead_fields:
            said = qualifying.lines_of(run.request)
            built_in.append(qualifying.RecordLead(lead_fields, said, self.leads.append))
        box.tools = (*own, *built_in)
        return box

    def may_look_up(self) -> bool:
        """Test whether the present agent, or one that it may pass to, can ask another system."""
        run = self._run
        return bool(run.context.tools(run.agent, run.request)) or any(
            ref.kind == AgentKind.INTEGRATION for ref in self.handing.allowed(run.agent)
        )

    def has_changed(self) -> bool:
        """Test whether a tool has changed something for this burst."""
        return any(box.changed for box in self._boxes)

    def lead_fields(self) -> Sequence[LeadField]:
        """Return what the present agent is to find out while it answers."""
        is_live = self._run.agent.leads is LeadsMode.LIVE
        return self._run.context.lead_fields() if is_live else ()

    def can_act(self, box: tools.Toolbox) -> bool:
        """Test whether the present agent may answer without any passage.

        From its tools, or because a contact who is asked about their project tells what stands in
        no document.
        """
        names = {one.name for one in box.tools}
        if "record_lead" in names:
            return True
        own = names - {"transfer", "need_person", "search_knowledge"}
        return self._run.agent.kind == AgentKind.INTEGRATION and bool(own)

    def noted(self, outcome: RunOutcome) -> RunOutcome:
        """Keep the handoff of a run that ends with people, with its brief."""
        if isinstance(outcome, NeedsHuman):
            self._hand(
                outcome.to_agent_id,
                cause=self._cause,
                reason=self._why or outcome.reason,
                score=self._score,
            )
        return outcome

    def given(self) -> list[str]:
        """Return what the contact wrote before, as the transcript and the brief have it.

        What is known of the contact and the summary count as the contact's words too: they back
        what is the contact's own, and no price.
        """
        brief, request = self.handing.brief, self._run.request
        earlier = [one.text for one in request.transcript if one.role == "contact"]
        remembered = [value for _, value in request.contact_facts] + [request.summary]
        return earlier + remembered + [fact.words for fact in (brief.facts if brief else ())]

    def _choose(self, data: dict[str, object]) -> Choice | None:
        run = self._run
        allowed = self.handing.allowed(run.agent)
        if found := choosing.by_keyword(run.text, run.agent, allowed):
            return found
        typical = [ref.agent_id for ref in allowed if ref.examples]
        if not typical:
            return None
        scores = run.context.liken(searching.queries(run.burst)[0], (*typical, run.agent.agent_id))
        names = {ref.agent_id: ref.name for ref in allowed} | {run.agent.agent_id: run.agent.name}
        data["likeness"] = {names[pk]: round(score, 3) for pk, score in scores.items()}
        found, is_unsure = choosing.by_likeness(scores, run.agent, allowed)
        if found is None and is_unsure:
            return self._by_model(allowed, data)
        return found

    def _by_model(self, allowed: tuple[AgentRef, ...], data: dict[str, object]) -> Choice | None:
        run = self._run
        remaining = run.remaining_s()
        if choosing.model_of(run.agent) is None or run.limit_reached(remaining):
            return None
        asked: dict[str, object] = {}
        data["asked"] = asked

        def ask(config: ChatConfig, request: ChatRequest) -> str | None:
            run.n_calls += 1
            try:
                result = run.context.chat(config, request, run.agent)
            except (Temporary, Permanent) as error:
                asked["failed"] = error.reason
                return None
            run.usage = add_usage(run.usage, result.usage)
            asked.update(provider=result.provider, model=result.model, ms=result.latency_ms)
            return outputs.without_thoughts(result.text)

        return choosing.by_model(
            run.request, run.agent, allowed, burst=run.burst, timeout_s=remaining, ask=ask
        )

    def _back_to_desk(self, allowed: tuple[AgentRef, ...]) -> Choice | None:
        """Return the front desk where it may read what the present agent may not."""
        run = self._run
        for ref in allowed:
            if ref.kind != AgentKind.GENERAL:
                continue
            desk = self.handing.profile(ref)
            if desk is not None and set(desk.category_ids) - set(run.agent.category_ids):
                return Choice(ref, HandoffCause.RULE, "back_to_desk")
        return None

    def _follow(self, choice: Choice, data: dict[str, object]) -> NeedsHuman | AgentProfile | None:
        """Return who goes on, or the outcome where that is people; None where nobody may."""
        run, target = self._run, choice.target
        data.update(reason=choice.cause.value, agent_id=target.agent_id, agent=target.name)
        data["keyword" if choice.cause is HandoffCause.KEYWORD else "why"] = choice.reason
        if choice.score is not None:
            data["score"] = choice.score
        if target.kind == AgentKind.HUMAN:
            data["reason"] = Reason.ROUTED_TO_PERSON.value
            self._cause, self._why, self._score = choice.cause, choice.reason, choice.score
            return run.person(Reason.ROUTED_TO_PERSON, target.agent_id)
        refusal = self.handing.refusal(run.agent, target)
        if refusal == Reason.HANDOFF_LIMIT:
            data["reason"] = refusal
            return run.person(Reason.HANDOFF_LIMIT)
        profile = None if refusal else self.handing.profile(target)
        if profile is None:
            data.update(reason=refusal or handing.UNAVAILABLE, refused=target.name)
            data.update(agent_id=run.agent.agent_id, agent=run.agent.name)
            return None
        self._hand(
            target.agent_id,
            cause=choice.cause,
            reason=choice.reason,
            score=choice.score,
            to_name=target.name,
        )
        return profile

    def _transfer(self, target: AgentRef, reason: str, said: Said) -> None:
        """Apply the tool `transfer`; always raises what comes of it."""
        run = self._run
        if target.kind == AgentKind.HUMAN:
            self.to_people = target.agent_id
            self._cause, self._why, self._said = HandoffCause.TOOL, reason, said
            raise tools.NeedsHuman(Reason.ROUTED_TO_PERSON)
        refusal = self.handing.refusal(run.agent, target)
        if refusal == Reason.HANDOFF_LIMIT:
            raise tools.NeedsHuman(Reason.HANDOFF_LIMIT)
        profile = None if refusal else self.handing.profile(target)
        if profile is None:
            self._n_refused += 1
            if self._n_refused >= MAX_REFUSED:
                raise tools.NeedsHuman(Reason.HANDOFF_LOOP)
            raise tools.ToolFailed(
                f"{target.name} had this conversation a moment ago or is away; answer yourself, or"
                " call need_person"
            )
        self._said = said
        self._hand(target.agent_id, cause=HandoffCause.TOOL, reason=reason, to_name=target.name)
        raise tools.Moved(profile)

    def _need_person(self, reason: str, said: Said) -> None:
        """Apply the tool `need_person`."""
        self._cause, self._why, self._said = HandoffCause.TOOL, reason, said
        raise tools.NeedsHuman(Reason.AGENT_ASKED)

    def _hand(
        self,
        to_agent_id: int | None,
        *,
        cause: HandoffCause,
        reason: str,
        score: float | None = None,
        to_name: str = "",
    ) -> None:
        """Keep a handoff, and as a step what it brought."""
        run = self._run
        with run.step(StepKind.HANDOFF) as data:
            handed = self.handing.hand(
                run.agent, to_agent_id, cause=cause, reason=reason, score=score, said=self._said
            )
            self._said = None
            names = {ref.agent_id: ref.name for ref in run.agent.handoffs}
            data.update(
                cause=handed.cause.value,
                reason=handed.reason,
                score=handed.score,
                from_agent=run.agent.name,
                to_agent=to_name or names.get(to_agent_id or 0, ""),
                brief=handing.brief_as_data(handed.brief),
            )


def refused_tools(step: Step) -> bool:
    """Test whether every model of a call refused it as it was; small ones know no tools."""
    tries = step.data.get("tries")
    return (
        isinstance(tries, list)
        and bool(tries)
        and all(
            isinstance(one, dict) and str(one.get("reason", "")).startswith("HTTP 400")
            for one in tries
        )
    )
