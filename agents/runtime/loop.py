"""From one burst to one outcome: route, retrieve, generate, check.

Plain Python: what a run needs comes in its request and context, and what it wants done leaves in
its result. The order is by cost: whatever a rule can decide asks no model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from agents.runtime import (
    clarifying,
    escalation,
    guarding,
    hours,
    outputs,
    passing,
    prompting,
    prompts,
    retrieving,
    routing,
    saving,
    slots,
    tools,
)
from agents.runtime.context import RunContext
from agents.runtime.guardrails import Verdict
from agents.types import (
    AgentKind,
    AgentProfile,
    Decision,
    NeedsHuman,
    Reason,
    Reply,
    RetrieveResult,
    RunOutcome,
    RunRequest,
    RunResult,
    Searched,
    Step,
    StepKind,
)
from integrations.llm.errors import BudgetExhausted, NoProviderAnswered
from integrations.llm.types import (
    NOT_MEASURED,
    ChatMessage,
    ChatRequest,
    ChatResult,
    Evidence,
    FinishReason,
    Provider,
    Purpose,
    ToolSpec,
    add_usage,
)
from tenants.errors import Permanent, Temporary

MAX_BURST = 4_000
"""Characters of a burst that are read. WhatsApp allows far longer texts, which are hardly ever
questions; at the double a flood would cost twice as much."""

N_DRAFTS = 2
"""Drafts of one reply. A model that states something unsupported twice is not going to stop."""

LEAST_CALL_S = 2.0
"""A model is not asked with less time than this, in seconds."""

_PROMISES: Mapping[Reason, prompts.PromiseKind] = {
    Reason.PERSON_REQUESTED: "requested",
    Reason.ROUTED_TO_PERSON: "requested",
    Reason.NOT_IN_KNOWLEDGE: "not_found",
    Reason.NO_ANSWER: "not_found",
    Reason.UNGROUNDED: "not_found",
    Reason.ACCOUNT_DATA: "account",
    Reason.AGENT_ASKED: "requested",
    Reason.ANGRY: "sorry",
    Reason.ASKED_AGAIN: "sorry",
    Reason.FAILED_TWICE: "sorry",
}


_NO_MODEL = frozenset({Reason.LLM_UNAVAILABLE, Reason.BUDGET_USED})
"""No model is to be had now; what people have written can still be sent."""

_ASKABLE = frozenset({Reason.NO_ANSWER})


def answer(request: RunRequest, context: RunContext) -> RunResult:
    """Decide what the contact gets for one burst.

    Never raises for what a provider, a document or a contact does: the contact then gets a promise
    and a person. No transaction may be open, because models are waited for.
    """
    return _Run(request, context).answer()


def question_in(text: str) -> str:
    """Return what will be searched for a message that stays alone; empty where nothing will."""
    cleaned = prompts.visible(text).strip()[:MAX_BURST]
    if not cleaned or routing.wants_person(cleaned) or routing.small_talk(cleaned) is not None:
        return ""
    return " ".join(cleaned.split())


class _Run:
    """The state of one run."""

    def __init__(self, request: RunRequest, context: RunContext) -> None:
        self.guard = guarding.Guard(request)
        self.request, self.context = request, self.guard.around(context)
        self.agent = request.agent
        n_read = self.agent.guards["input_length"].limit
        self.began = context.clock()
        self.burst = tuple(
            cleaned for text in request.burst if (cleaned := prompts.visible(text).strip()[:n_read])
        )
        self.text = "\n".join(self.burst)[:n_read]
        self.told = tuple(prompts.visible(text).strip()[:n_read] for text in request.told)
        self.language = prompts.language(request.language)
        self.steps: list[Step] = []
        self.usage = NOT_MEASURED
        self.n_calls = 0
        self.model = self.provider = ""
        self.passages: tuple[Evidence, ...] = ()
        self.evidence_refs: tuple[str, ...] = ()
        self.confidence = 0.0
        self.asked = clarifying.asked_before(request.transcript)
        self.chosen = self.asked.chosen(self.text) if self.asked else ""
        self.question = self.text
        if self.asked and self.chosen:
            self.question = f"{self.asked.question}\n{self.chosen}"
        self.searched: Searched | None = None
        self.asked_back = False
        self.saving = saving.question(request, self.burst) if context.saved else ""
        self.saved_as = ""
        self.passing = passing.Passing(self)

    def answer(self) -> RunResult:
        outcome = self._guarded() or self._without_model() or self._or_hours()
        return RunResult(
            outcome=self.passing.noted(outcome),
            # A step within another ends first, and is read after it.
            steps=tuple(sorted(self.steps, key=lambda step: step.started_at)),
            usage=self.usage,
            model=self.model,
            provider=self.provider,
            passages=self.passages,
            confidence=self.confidence,
            agent_id=self.agent.agent_id,
            version_number=self.agent.version_number,
            evidence_refs=self.evidence_refs,
            searched=self.searched,
            asked_back=self.asked_back,
            handoffs=tuple(self.passing.handing.done),
            approval=self.agent.approval,
            leads=tuple(self.passing.leads),
        )

    def _guarded(self) -> RunOutcome | None:
        """Check what came in; None where it may be answered."""
        with self.step(StepKind.GUARD) as data:
            read = (*self.burst, *(one for one in self.told if one not in self.burst))
            refused = self.guard.take_in(self.burst, read=read, policy=self.agent.guards, data=data)
        return self._refused(refused) if refused else None

    def _refused(self, refused: guarding.Refusal) -> RunOutcome:
        if refused.text:
            return Reply(refused.text)
        person = self.person(refused.reason)
        return replace(person, text="") if refused.is_silent else person

    def _without_model(self) -> RunOutcome | None:
        """Decide what needs neither knowledge nor a model; None for everything else."""
        with self.step(StepKind.ROUTE) as data:
            data.update(reason="own", agent_id=self.agent.agent_id, agent=self.agent.name)
            transcript, now = self.request.transcript, self.request.now
            if raised := escalation.raised(self.text, transcript=transcript, now=now):
                data.update(reason=raised.reason.value, found=raised.found)
                return self.person(raised.reason)
            if (by_hours := hours.before_all(self.request, self.burst, data)) is not None:
                return by_hours
            if not self.burst:
                data["reason"] = Reason.NO_TEXT.value
                return self.person(Reason.NO_TEXT)
            if routing.wants_person(self.text):
                data["reason"] = Reason.PERSON_REQUESTED.value
                return self.person(Reason.PERSON_REQUESTED)
            if self.asked and self.asked.refused(self.text):
                data["reason"] = Reason.NOT_IN_KNOWLEDGE.value
                return self.person(Reason.NOT_IN_KNOWLEDGE)
            if not self.chosen and (talk := routing.small_talk(self.text)) is not None:
                data["reason"] = talk.value
                return Reply(self._small_talk(talk))
            if routing.about_own_account(self.text) and not self.passing.may_look_up():
                data["reason"] = Reason.ACCOUNT_DATA.value
                return self.person(Reason.ACCOUNT_DATA)
            if self.agent.kind == AgentKind.HUMAN:
                data["reason"] = Reason.ROUTED_TO_PERSON.value
                return self.person(Reason.ROUTED_TO_PERSON, self.agent.agent_id)
            return None if self.chosen else self.passing.route(data)

    def _or_hours(self) -> RunOutcome:
        """Answer from the documents, or from the opening hours where these were asked for."""
        outcome = self._answered()
        found = isinstance(outcome, Reply) and not self.asked_back
        if found or not (text := hours.told(self.request, self.burst)):
            return outcome
        with self.step(StepKind.ROUTE) as data:
            data.update(reason="hours")
        self.asked_back = False
        return Reply(text)

    def _answered(self) -> RunOutcome:
        """Answer as the present agent, and as each one that it passes to."""
        while True:
            done = hours.away(self.request, self.agent) or self._from_knowledge()
            if not isinstance(done, AgentProfile):
                return done
            self.agent, self.passages, self.confidence, self.searched = done, (), 0.0, None

    def _from_knowledge(self) -> RunOutcome | AgentProfile:
        # The prompt tells of this contact, or each message is to be read for what it tells.
        if self.passing.handing.brief is not None or self.passing.lead_fields():
            self.saving = ""
        found, box = self._retrieve(), self.passing.toolbox()
        is_known = found is not None and found.passages and found.decision is not Decision.UNKNOWN
        if not is_known and not self.passing.can_act(box):
            return self.passing.elsewhere() or self.person(Reason.NOT_IN_KNOWLEDGE)
        # Whoever can read the passages decides; the contact is asked where nobody could, once.
        may_ask = found is not None and found.decision is Decision.ASK and self.asked is None
        try:
            return self._drafted(found, box, may_ask=may_ask)
        except tools.Moved as moved:
            return moved.agent
        except tools.NeedsHuman as need:
            return self.person(need.reason, self.passing.to_people)

    def _drafted(
        self, found: RetrieveResult | None, box: tools.Toolbox, *, may_ask: bool
    ) -> RunOutcome:
        """Let the model write until a draft passes the checks."""
        messages = self._messages()
        verdicts: tuple[Verdict, ...] = ()
        for draft in range(1, N_DRAFTS + 1):
            result, messages = self._converse(messages, draft, unsure=may_ask, box=box)
            if isinstance(result, Reason):
                if result in _NO_MODEL and (approved := self._approved(found)):
                    return approved
                return self._ask_back() if may_ask and result in _ASKABLE else self.person(result)
            if not (text := outputs.for_phone(result.text)):
                return self.person(Reason.NO_ANSWER)
            text, again = self._mended(text, result)
            if again:
                messages = (*messages, *_refused_draft(result, again))
                continue
            verdicts = self._check(text)
            if all(verdict.passed for verdict in verdicts):
                self.evidence_refs = result.evidence_refs
                if not box.evidence:  # what a tool found holds for this contact and this moment
                    self._save(result)
                return Reply(text)
            if result.provider == Provider.OFFLINE:  # it would quote the same again
                break
            wrong = tuple(piece for verdict in verdicts for piece in verdict.found)
            again = prompts.render(prompts.AgainPrompt(wrong))
            messages = (*messages, *_refused_draft(result, again))
        refused = guarding.refusal(verdicts, policy=self.agent.guards)
        return self._refused(refused or guarding.Refusal(Reason.UNGROUNDED))

    def _mended(self, text: str, result: ChatResult) -> tuple[str, str]:
        """Return what can be kept of a draft; where nothing can, what the model is told of it."""
        is_cut = result.finish_reason is FinishReason.LENGTH
        if is_cut and not (text := outputs.finished(text)):
            return "", prompts.render(prompts.CutPrompt())
        asked = self._asked_again(text, result)
        if asked and not (text := slots.without(text, asked)):
            return "", prompts.render(prompts.AskedAgainPrompt(asked))
        return text, ""

    def _asked_again(self, text: str, result: ChatResult) -> tuple[str, ...]:
        """Return what a draft asks for though the contact has given it."""
        if result.provider == Provider.OFFLINE:  # a document's words, not a question of ours
            return ()
        return slots.asked_again(text, slots.known(self.request, self.passing.handing.brief))

    def _converse(
        self, messages: tuple[ChatMessage, ...], draft: int, *, unsure: bool, box: tools.Toolbox
    ) -> tuple[ChatResult | Reason, tuple[ChatMessage, ...]]:
        """Ask the model until it asks for no tool; return its answer and the whole exchange."""
        result = self._generate(messages, draft, unsure=unsure, specs=box.specs())
        if result is Reason.LLM_UNAVAILABLE and box.tools and passing.refused_tools(self.steps[-1]):
            box.tools = ()
            result = self._generate(messages, draft, unsure=unsure)
        while isinstance(result, ChatResult) and result.tool_calls and box.tools:
            messages = (*messages, *box.answer(result))
            self.passages = tuple(dict.fromkeys((*self.passages, *box.evidence)))
            result = self._generate(messages, draft, unsure=unsure, specs=box.specs())
        return result, messages

    def _saved(self, *, unsure: bool) -> ChatResult | None:
        """Return what was answered to this question before; None where nobody asked it."""
        if self.context.saved is None or not self.saving or not self.agent.model_for(Purpose.CHAT):
            return None
        self.saved_as = saving.key(
            self.saving,
            agent=self.agent,
            rules=prompts.render(replace(self._system_prompt(), canary="")),
            hours=hours.facts(self.request),
            passages=self.passages,
            unsure=unsure,
        )
        return self.context.saved.find(self.saved_as, self.agent)

    def _save(self, result: ChatResult) -> None:
        """Keep an answer that has passed the checks for whoever asks the same."""
        if self.context.saved and self.saved_as and saving.is_worth_keeping(result):
            self.context.saved.keep(self.saved_as, result, self.agent)

    def _approved(self, found: RetrieveResult | None) -> RunOutcome | None:
        """Return the answer that people have written for this question.

        Only the best passage counts, and only where the search is sure of it.
        """
        passages = found.passages if found and found.decision is Decision.ANSWER else ()
        if not passages or not passages[0].is_approved:
            return None
        best = passages[0].evidence
        self.provider, self.model = Provider.OFFLINE.value, "approved"
        self.evidence_refs = (best.ref,)
        return Reply(outputs.for_phone(best.text))

    def _ask_back(self) -> RunOutcome:
        self.asked_back = True
        choices = clarifying.labels(self.passages)
        return Reply(clarifying.text(language=self.language, choices=choices))

    def _retrieve(self) -> RetrieveResult | None:
        """Search the agent's knowledge; None where it has none."""
        found = retrieving.retrieve(self)
        if found is None:
            return None
        self.passages = tuple(passage.evidence for passage in found.result.passages)
        self.confidence, self.searched = found.result.confidence, found.searched
        return found.result

    def _messages(self) -> tuple[ChatMessage, ...]:
        question = prompting.question(
            self.request,
            self.agent,
            burst=self.told or self.burst,
            passages=self.passages,
            brief=self.passing.handing.brief,
            is_anonymous=bool(self.saving),
            is_handed=bool(self.passing.handing.done),
        )
        return (
            ChatMessage("system", prompts.render(self._system_prompt())),
            ChatMessage("user", prompts.render(question)),
        )

    def _system_prompt(self) -> prompts.SystemPrompt:
        return prompting.system(
            self.request,
            self.agent,
            local_now=self._local_now(),
            is_timeless=bool(self.saving),
            canary=self.guard.canary,
            lead_fields=self.passing.lead_fields(),
        )

    def _generate(
        self,
        messages: tuple[ChatMessage, ...],
        draft: int,
        *,
        unsure: bool,
        specs: tuple[ToolSpec, ...] = (),
    ) -> ChatResult | Reason:
        """Ask the model; a reason where that gives nothing to send."""
        config = self.agent.chat
        with self.step(StepKind.GENERATE) as data:
            data.update(draft=draft, prompt=prompts.version(), provider=config.provider)
            remaining = self.remaining_s()
            if reached := self.limit_reached(remaining):
                data["limit"] = reached
                return Reason.LIMIT_REACHED
            self.n_calls += 1
            chat_request = ChatRequest(
                messages=messages,
                evidence=self.passages,
                question=self.question,
                language=self.request.language,
                timeout_s=min(config.timeout_s, remaining),
                confidence=self.confidence,
                unsure=unsure,
                tools=specs,
            )
            try:
                is_first = len(messages) == prompting.N_MESSAGES
                result = self._saved(unsure=unsure) if is_first else None
                if result is None:
                    result = self.context.chat(config, chat_request, self.agent)
            except BudgetExhausted as error:
                data.update(failed=error.reason)
                return Reason.BUDGET_USED
            except (Temporary, Permanent) as error:
                tries = error.tries if isinstance(error, NoProviderAnswered) else ()
                data.update(failed=error.reason, tries=outputs.tries(tries))
                return Reason.LLM_UNAVAILABLE
            self._account(result, data)
        return outputs.unusable(result) or result

    def _account(self, result: ChatResult, data: dict[str, object]) -> None:
        self.usage = add_usage(self.usage, result.usage)
        self.model, self.provider = result.model, result.provider
        data.update(
            provider=result.provider,
            model=result.model,
            finish_reason=result.finish_reason.value,
            latency_ms=result.latency_ms,
            usage={
                "input_tokens": result.usage.input_tokens,
                "output_tokens": result.usage.output_tokens,
                "cached_input_tokens": result.usage.cached_input_tokens,
                "reasoning_tokens": result.usage.reasoning_tokens,
            },
            evidence_refs=list(result.evidence_refs),
            tries=outputs.tries(result.tries),
            saved=result.saved,
        )

    def _check(self, text: str) -> tuple[Verdict, ...]:
        with self.step(StepKind.GUARD) as data:
            return self.guard.check(
                text,
                agent=self.agent,
                passages=(*self.passages, *prompting.business_evidence(self.request.business)),
                given=[*self.burst, *self.passing.given()],
                changed=self.passing.has_changed(),
                data=data,
            )

    def limit_reached(self, remaining_s: float) -> str:
        """Return the name of the limit that forbids another call, or an empty text."""
        limits = self.context.limits
        n_tokens = (self.usage.input_tokens or 0) + (self.usage.output_tokens or 0)
        if self.n_calls >= limits.n_turns:
            return "n_turns"
        if n_tokens >= limits.n_tokens:
            return "n_tokens"
        return "wall_s" if remaining_s < LEAST_CALL_S else ""

    def remaining_s(self) -> float:
        return self.context.limits.wall_s - (self.context.clock() - self.began).total_seconds()

    def person(self, reason: Reason, to_agent_id: int | None = None) -> NeedsHuman:
        kind = _PROMISES.get(reason, "other")
        return hours.promise(self.request, self.agent, kind, reason.value, to_agent_id)

    def _small_talk(self, talk: routing.SmallTalk) -> str:
        match talk:
            case routing.SmallTalk.GREETING:
                hour = self._local_now().hour
                part: Literal["morning", "afternoon", "evening"] = (
                    "morning" if 5 <= hour < 12 else "afternoon" if 12 <= hour < 18 else "evening"
                )
                greeting = prompts.GreetingText(self.language, self.request.tenant_name, part)
                return prompts.render(greeting)
            case routing.SmallTalk.THANKS:
                return prompts.render(prompts.CourtesyText(self.language, "thanks"))
            case routing.SmallTalk.ASSENT:
                return prompts.render(prompts.CourtesyText(self.language, "assent"))

    def _local_now(self) -> datetime:
        return self.request.now.astimezone(ZoneInfo(self.request.timezone))

    @contextmanager
    def step(self, kind: StepKind) -> Iterator[dict[str, object]]:
        """Keep a stage with its time, also where it leaves early."""
        data: dict[str, object] = {}
        began = self.context.clock()
        try:
            yield data
        finally:
            spent = self.context.clock() - began
            self.steps.append(Step(kind, began, round(spent.total_seconds() * 1000), data))
            self.context.told(self.steps[-1])


def _refused_draft(result: ChatResult, why: str) -> tuple[ChatMessage, ...]:
    """Return what is added to the exchange for another draft."""
    return ChatMessage("assistant", result.text), ChatMessage("user", why)
