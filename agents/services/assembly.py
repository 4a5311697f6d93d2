"""Putting the runtime together with the real knowledge, models and clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from django.utils import timezone

from agents.runtime import loop
from agents.runtime.context import RunContext
from agents.services import acting, examples, profiles
from agents.types import AgentProfile, RetrievedPassage, RetrieveResult
from agents.types_leads import LeadField
from integrations.llm import factory
from integrations.llm.types import ChatConfig, ChatRequest, ChatResult, Evidence
from integrations.models import ModelCall
from integrations.services import calls, saved_answers
from integrations.services.calls import Caller
from knowledge import anticipating, retrieval
from knowledge.types import ChunkKind, Passage


def run_context(
    caller: Caller, *, lead_fields: Callable[[], Sequence[LeadField]] = tuple
) -> RunContext:
    """Return what `agents.runtime.loop.answer` needs, for the current schema.

    Args:
        caller: for whom models are asked; the agent is filled in with each call.
        lead_fields: what agents that fill leads are to find out.
    """

    def chat(config: ChatConfig, request: ChatRequest, agent: AgentProfile) -> ChatResult:
        return calls.chat(config, request, caller=_for(caller, agent))

    gives_again = caller.origin == ModelCall.Origin.CUSTOMER and saved_answers.choice().is_on
    return RunContext(
        profile_of=partial(_profile_of, caller),
        retrieve=partial(retrieve, caller=caller),
        chat=chat,
        clock=timezone.now,
        saved=_Saved(caller) if gives_again else None,
        liken=partial(examples.likeness, caller=caller),
        tools=partial(acting.tools_of, caller=caller),
        lead_fields=lead_fields,
    )


@dataclass(frozen=True, slots=True)
class _Saved:
    """The answers of the current schema that are given again; only contacts get them."""

    caller: Caller

    def find(self, key: str, agent: AgentProfile) -> ChatResult | None:
        return saved_answers.find(key, caller=_for(self.caller, agent), now=timezone.now())

    def keep(self, key: str, result: ChatResult, agent: AgentProfile) -> None:
        saved_answers.keep(key, result, caller=_for(self.caller, agent), now=timezone.now())


def _for(caller: Caller, agent: AgentProfile) -> Caller:
    return replace(caller, agent_uuid=agent.agent_uuid, agent_name=agent.name)


def _profile_of(caller: Caller, agent_id: int) -> AgentProfile:
    return profiles.met_by(agent_id=agent_id, contact_uuid=caller.contact_uuid)


def retrieve(
    *, query: str, category_ids: Sequence[int], previous: str, caller: Caller
) -> RetrieveResult:
    """Search the knowledge of the current schema; `caller` pays where a remote model embeds."""
    found = retrieval.search(
        query=query, category_ids=category_ids, previous=previous, caller=caller
    )
    return RetrieveResult(
        passages=tuple(
            RetrievedPassage(
                evidence=evidence(passage),
                score=passage.score,
                cosine=passage.cosine,
                lexical=passage.lexical,
                grams=passage.grams,
                is_approved=passage.kind is ChunkKind.FAQ,
            )
            for passage in found.passages
        ),
        confidence=found.confidence,
        normalised_query=found.normalised_query,
        decision=found.decision,
        threshold=found.threshold,
        found=found,
    )


def anticipate(text: str) -> None:
    """Do ahead what can be done for the answer to a message that has just come in.

    Returns at once; the current schema's knowledge is what will be searched.
    """
    if question := loop.question_in(text):
        anticipating.anticipate(question)


def evidence(passage: Passage) -> Evidence:
    """Return a passage as a model and a contact see it."""
    page = "" if passage.page is None else f", p. {passage.page}"
    return Evidence(
        ref=f"{passage.document_uuid}/{passage.version}/{passage.chunk_id}",
        text=passage.body,
        source=f"{passage.document_title}{page}",
        title=passage.heading_path,
    )


def warm_up() -> None:
    """Load what a first answer would wait for: the embedding model, word lists and SDK.

    Together they take seconds on a busy machine, and a worker that was just started again after a
    crash has contacts waiting. Not for a process that forks: the model's threads do not survive it.
    """
    factory.warm_up()
    retrieval.warm_up()
