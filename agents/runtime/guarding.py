"""The chain of checks around one run: what comes in, what leaves to models, what goes out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from agents.guards import CHECKS, Level, Policy, Setting, Then
from agents.runtime import evidence, guardrails, hours, incoming, injections, prompting
from agents.runtime.context import RunContext
from agents.runtime.guardrails import Verdict
from agents.types import AgentProfile, Reason, RetrieveResult, RunRequest
from integrations.llm import offline, pii
from integrations.llm.types import Evidence

SHOWN = 20
"""Pieces of one verdict that a step keeps."""

_REASONS = {
    "flood_minute": Reason.FLOOD,
    "flood_day": Reason.FLOOD,
    "bot_loop": Reason.BOT_LOOP,
    "subjects": Reason.SUBJECT,
    "grounding": Reason.UNGROUNDED,
    "strict": Reason.UNGROUNDED,
    "promises": Reason.UNGROUNDED,
    "parroting": Reason.UNGROUNDED,
}
_SILENT = frozenset({"flood_minute", "flood_day", "bot_loop"})
"""Another message is what makes these worse: the contact is told nothing, people are."""

_LABELS = frozenset({"input_length", "injection"})
"""Kept, and nothing follows."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What follows from checks that did not pass.

    Args:
        text: what the contact is told instead; empty where a person takes over.
        is_silent: nothing may be sent at all.
    """

    reason: Reason
    text: str = ""
    is_silent: bool = False


class Guard:
    """The checks of one run; holds what was hidden from models, so it serves one contact only."""

    def __init__(self, request: RunRequest) -> None:
        self.request = request
        self.canary = f"{secrets.token_hex(3)}-{secrets.token_hex(3)}"
        self.cloak = pii.Cloak(
            public=(
                request.tenant_name,
                prompting.written(request.agent),
                *request.business.lines(),
            )
        )
        self._set_aside: dict[str, None] = {}

    def around(self, context: RunContext) -> RunContext:
        """Return a context whose models see no personal data, and whose passages give no orders."""
        inner = context.retrieve

        def retrieve(*, query: str, category_ids: Sequence[int], previous: str) -> RetrieveResult:
            found = inner(query=query, category_ids=category_ids, previous=previous)
            passages, touched = injections.cleaned(found.passages)
            self._set_aside.update(dict.fromkeys(touched))
            return replace(found, passages=passages) if touched else found

        return replace(context, chat=self.cloak.door(context.chat), retrieve=retrieve)

    def take_in(
        self, burst: Sequence[str], *, read: Sequence[str], policy: Policy, data: dict[str, object]
    ) -> Refusal | None:
        """Check what came in and keep the verdicts; None where it may be answered.

        Args:
            read: all that a model would read of it, quotes and names of files as well.
        """
        request, text = self.request, "\n".join(burst)
        minute, day = policy["flood_minute"].limit, policy["flood_day"].limit
        verdicts = [
            incoming.length("\n".join(request.burst), limit=policy["input_length"].limit),
            incoming.injection((*read, request.contact_name)),
            *incoming.flood(request.pace, per_minute=minute, per_day=day),
            incoming.bot_loop(
                text, request.transcript, now=request.now, arrived_at=request.arrived_at
            ),
            incoming.subjects(text, forbidden=policy["subjects"].words),
        ]
        kept = [one for one in verdicts if one.check not in policy or policy[one.check].is_on]
        data.update(stage="in", verdicts=[_as_data(one, policy) for one in kept])
        return refusal([one for one in kept if one.check not in _LABELS], policy=policy)

    def check(
        self,
        text: str,
        *,
        agent: AgentProfile,
        passages: Sequence[Evidence],
        given: Sequence[str],
        changed: bool,
        data: dict[str, object],
    ) -> tuple[Verdict, ...]:
        """Check a draft of `agent`, which may be another than the request's, and keep the verdicts.

        Args:
            passages: what a reply may rest on, the facts about the business among it.
            given: what the contact wrote, as far as it is read, for this reply and before.
            changed: a tool has changed something for this burst.
        """
        request, policy = self.request, agent.guards
        ours = [line.text for line in request.transcript if line.role != "contact"]
        written = prompting.written(agent)
        read = [f"{one.title}\n{one.text}\n{one.source}" for one in passages]
        known = [*read, *ours, written, request.tenant_name]
        now = request.now.astimezone(ZoneInfo(request.timezone))
        shown = evidence.examine(
            text,
            passages=passages,
            said=ours,
            business=[
                written,
                request.tenant_name,
                now.strftime("%d/%m/%Y %H:%M"),
                *hours.facts(request),
            ],
            contact=given,
            own_words=offline.frame(request.language),
            own_data=self.cloak.shown,
        )
        checks: Mapping[str, Callable[[Setting], Verdict]] = {
            "length": lambda one: guardrails.length(text, limit=one.limit),
            "leak": lambda _: guardrails.leak(
                text,
                rules=prompting.rules(request, agent),
                instructions=written,
                canary=self.canary,
            ),
            "links": lambda _: guardrails.links(text, known=known),
            "markup": lambda _: guardrails.markup(text),
            "placeholder": lambda _: guardrails.placeholder(text),
            "strangers": lambda _: guardrails.strangers(text, known=[*known, *given]),
            "payment_data": lambda _: guardrails.payment_data(text),
            "grounding": lambda _: guardrails.grounding(shown),
            "promises": lambda _: guardrails.promises(shown, known=[*read, *ours], changed=changed),
            "discount": lambda one: guardrails.discount(text, limit=one.limit),
            "parroting": lambda _: guardrails.parroting(
                shown,
                contact=[*given, request.contact_name],
                ours=[*ours, written],
            ),
            "toxicity": lambda one: guardrails.toxicity(text, more=one.words, known=known),
            "subjects": lambda one: guardrails.subjects(text, forbidden=one.words),
            "strict": lambda _: guardrails.strict(shown),
        }
        verdicts = tuple(
            checks[one.name](policy[one.name])
            for one in CHECKS
            if one.name in checks and policy[one.name].is_on
        )
        data.update(
            stage="out",
            evidence=shown.as_data(),
            verdicts=[_as_data(one, policy) for one in verdicts],
        )
        if self.cloak.hidden:
            data["hidden"] = self.cloak.hidden
        if self._set_aside:
            data["set_aside"] = list(self._set_aside)
        return verdicts


def refusal(verdicts: Iterable[Verdict], *, policy: Policy) -> Refusal | None:
    """Return what follows from verdicts; None where all passed.

    Of several a person is the safer end, and the first check names the reason.
    """
    failed = [one.check for one in verdicts if not one.passed]
    if not failed:
        return None
    first = "grounding" if "grounding" in failed else failed[0]
    reason = _REASONS.get(first, Reason.HELD_BACK)
    if any(name in _SILENT for name in failed):
        return Refusal(reason, is_silent=True)
    if all(policy[name].then is Then.TEXT for name in failed):
        return Refusal(reason, text=policy[failed[0]].text)
    return Refusal(reason)


def _as_data(verdict: Verdict, policy: Policy) -> dict[str, object]:
    setting = policy.get(verdict.check)
    return {
        "check": verdict.check,
        "passed": verdict.passed,
        "found": list(verdict.found[:SHOWN]),
        "origin": setting.origin.value if setting else Level.PLATFORM.value,
    }
