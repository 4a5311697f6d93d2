"""The world of one run of an agent: what it may use, and what was asked of that."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.runtime import loop
from agents.runtime.context import Limits, RunContext
from agents.runtime.tools import Tool
from agents.types import (
    AgentKind,
    AgentProfile,
    AgentRef,
    NeedsHuman,
    RetrievedPassage,
    RetrieveResult,
    RunRequest,
    RunResult,
    StepKind,
    TranscriptLine,
)
from integrations.llm import factory
from integrations.llm.types import ChatConfig, ChatRequest, ChatResult, Evidence
from knowledge import abstention
from tenants.errors import DomainError
from tests.fakes.llm import FakeLLM

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
KEY = "sk-test-0123456789"
CLEANING = Evidence(
    "c1",
    "procedimento: Limpeza completa; valor particular: R$ 220,00; valor parcelado: 2x R$ 110,00",
    "tabela_precos_2026.csv",
)
OFFLINE = ChatConfig("offline")
PRICES = AgentProfile(
    agent_id=2,
    name="Orçamentos",
    kind=AgentKind.SPECIALIST,
    instructions="Fale de preços.",
    keywords=("preço", "quanto"),
    category_ids=(20,),
    handoffs=(),
    version_number=3,
    chat=OFFLINE,
)
DESK = AgentProfile(
    agent_id=1,
    name="Recepção",
    kind=AgentKind.GENERAL,
    instructions="Seja breve.",
    keywords=(),
    category_ids=(10,),
    handoffs=(
        AgentRef(2, "Orçamentos", AgentKind.SPECIALIST, ("preço", "quanto")),
        AgentRef(4, "Atendimento", AgentKind.HUMAN, ("reclamação",)),
    ),
    version_number=1,
    chat=OFFLINE,
)


@dataclass
class World:
    """The dependencies of a run, with what was asked of them."""

    confidence: float = 0.8
    passages: tuple[Evidence, ...] = (CLEANING,)
    profiles: dict[int, AgentProfile] = field(default_factory=lambda: {1: DESK, 2: PRICES})
    limits: Limits = field(default_factory=Limits)
    now: datetime = NOW
    tick: timedelta = timedelta(milliseconds=5)
    searches: list[tuple[str, tuple[int, ...], str]] = field(default_factory=list)
    asked: list[ChatRequest] = field(default_factory=list)

    likeness: dict[int, float] = field(default_factory=dict)
    likened: list[str] = field(default_factory=list)
    tools: Mapping[int, Sequence[Tool]] = field(default_factory=dict)

    def context(self) -> RunContext:
        return RunContext(
            self._profile_of,
            self._retrieve,
            self._chat,
            self._clock,
            self.limits,
            liken=self._liken,
            tools=lambda agent, _request: self.tools.get(agent.agent_id, ()),
        )

    def _liken(self, text: str, agent_ids: Collection[int]) -> dict[int, float]:
        self.likened.append(text)
        return {pk: self.likeness[pk] for pk in agent_ids if pk in self.likeness}

    def _clock(self) -> datetime:
        self.now += self.tick
        return self.now

    def _profile_of(self, agent_id: int) -> AgentProfile:
        if agent_id not in self.profiles:
            raise DomainError("gone")
        return self.profiles[agent_id]

    def _retrieve(
        self, *, query: str, category_ids: Sequence[int], previous: str
    ) -> RetrieveResult:
        self.searches.append((query, tuple(category_ids), previous))
        return RetrieveResult(
            tuple(RetrievedPassage(one, 2.0, 0.9, 3.0, 4.0) for one in self.passages),
            self.confidence,
            query.lower(),
            abstention.decide(confidence=self.confidence, settings=None),
            abstention.ANSWER_FROM,
        )

    def _chat(self, config: ChatConfig, request: ChatRequest, agent: AgentProfile) -> ChatResult:
        self.asked.append(request)
        return factory.Chain(config, wait=lambda _: None).chat(request)


def remote(llm: FakeLLM) -> AgentProfile:
    chat = ChatConfig("openai_compatible", "m", KEY, llm.base_url, timeout_s=30)
    return replace(DESK, handoffs=(), chat=chat)


def run(
    world: World,
    *burst: str,
    agent: AgentProfile = DESK,
    transcript: tuple[TranscriptLine, ...] = (),
    language: str = "pt-br",
    contact_name: str = "Ana",
    **more: Any,
) -> RunResult:
    request = RunRequest(
        tenant_name="Clínica Sorriso",
        language=language,
        timezone="America/Sao_Paulo",
        agent=agent,
        burst=burst,
        transcript=transcript,
        contact_name=contact_name,
        now=NOW,
        **more,
    )
    result = loop.answer(request, world.context())
    stored = json.dumps([dict(step.data) for step in result.steps])
    assert KEY not in stored
    assert KEY not in repr(result)
    assert all(step.duration_ms >= 0 for step in result.steps)
    return result


def kinds(result: RunResult) -> list[StepKind]:
    return [step.kind for step in result.steps]


def step(result: RunResult, kind: StepKind) -> Mapping[str, object]:
    """Return the last step of a kind."""
    return [one.data for one in result.steps if one.kind is kind][-1]


def needs_human(result: RunResult) -> NeedsHuman:
    assert isinstance(result.outcome, NeedsHuman)
    assert result.outcome.text
    assert "erro" not in result.outcome.text.lower()
    return result.outcome
