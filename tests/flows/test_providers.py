"""One conversation, from a blueprint to the reply, over the wire format of each provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Sum
from django.utils import timezone
from django_tenants.utils import tenant_context

from agents.models import Agent
from agents.runtime import loop
from agents.services import assembly, profiles
from agents.types import AgentProfile, Reply, RunRequest
from channels_whatsapp.models import Device
from config.blueprints import applying, loading
from conversations.models import Turn
from integrations.llm.types import ChatConfig, ChatRequest, ChatResult, Purpose
from integrations.models import ModelCall
from integrations.services import calls
from knowledge.models import Document
from knowledge.services import ingesting
from tenants.models import Tenant
from tests.factories import message_body, receive, work
from tests.fakes import anthropic, gemini
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.bridge import FakeBridge
from tests.fakes.gemini import FakeGemini
from tests.fakes.llm import COMPLETIONS, FakeLLM, count

Server = FakeLLM | FakeAnthropic | FakeGemini

PHONE = "5511988887777"
SERVERS: dict[str, type[Server]] = {
    "openai": FakeLLM,
    "deepseek": FakeLLM,
    "openai_compatible": FakeLLM,
    "anthropic": FakeAnthropic,
    "gemini": FakeGemini,
}
BLUEPRINT = """
blueprint: 1
tenant: {{slug: alpha, name: Clínica Alpha, domains: [alpha.localhost]}}
llm:
  credentials: [{credential}]
  chat: {{credential: principal{model}}}
knowledge:
  categories: [{{name: geral, documents: [tabela.md]}}]
agents:
  - {{name: Recepção, kind: general, instructions: Seja breve., categories: [geral]}}
devices:
  - name: principal
    entry_agent: Recepção
    quiet_s: 0
    bridge: {{base_url: "{bridge}", token: token, hmac_key: an-hmac-key-of-32-characters-or-more}}
"""
TABLE = """# Tabela

## Quanto custa a limpeza?
A limpeza completa custa R$ 220,00 à vista.

## Quanto custa o clareamento?
O clareamento de consultório custa R$ 1.950,00 em 10 vezes.
"""
TALK = (
    ("bom dia, quanto custa a limpeza?", "A limpeza completa custa R$ 220,00 à vista."),
    (
        "quanto custa o clareamento de consultório?",
        "O clareamento de consultório custa R$ 1.950,00 em 10 vezes.",
    ),
)


@pytest.fixture(params=list(SERVERS))
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(provider: str) -> Iterator[Server]:
    with SERVERS[provider]() as server:
        yield server


def open_business(folder: Path, *, bridge: FakeBridge, credential: str, model: str = "") -> Device:
    """Apply the blueprint of one provider, and read its document."""
    (folder / "tabela.md").write_text(TABLE, encoding="utf-8")
    text = BLUEPRINT.format(credential=credential, model=model, bridge=bridge.url)
    (folder / "blueprint.yaml").write_text(text, encoding="utf-8")
    blueprint = loading.load(folder / "blueprint.yaml")
    applying.apply(blueprint, folder=folder, now=timezone.now())
    for document in Document.objects.filter(status=Document.Status.QUEUED):
        ingesting.ingest_document(document_id=document.pk, now=timezone.now())
    return Device.objects.get()


def with_model(folder: Path, *, bridge: FakeBridge, provider: str, server: Server) -> Device:
    credential = (
        f'{{name: principal, provider: {provider}, base_url: "{server.base_url}", api_key: sk-x}}'
    )
    return open_business(folder, bridge=bridge, credential=credential, model=", model: fake-1")


def talk(device: Device, bridge: FakeBridge) -> list[str]:
    """Hold the conversation, each time in a burst of two messages; return the replies."""
    for n, (question, _) in enumerate(TALK):
        first, second = question.split(" custa ")
        parts = (first, f"{first.split()[-1]} custa {second}")
        receive(device, *(message_body(text, ref=f"M{n}{k}") for k, text in enumerate(parts)))
        work()
    return [one.body for one in bridge.sent_to(PHONE)]


def counted(server: Server) -> tuple[int, int]:
    """Return the tokens that a server counted itself: of the prompts, and of its answers."""
    payloads: list[Any] = [
        one.json() for one in server.received if one.method == "POST" and one.path
    ]
    match server:
        case FakeAnthropic():
            n_input = sum(map(anthropic.prompt_words, payloads))
        case FakeGemini():
            n_input = sum(map(gemini.prompt_words, payloads))
        case _:
            assert {one.path for one in server.received} == {COMPLETIONS}
            messages = [message for one in payloads for message in one["messages"]]
            n_input = sum(count(str(message["content"])) for message in messages)
    return n_input, sum(count(answer) for _, answer in TALK)


def in_ledger() -> tuple[int, int]:
    sums = ModelCall.objects.aggregate(given=Sum("input_tokens"), got=Sum("output_tokens"))
    return sums["given"], sums["got"]


def test_a_conversation_over_each_wire_format_and_its_tokens_in_the_ledger(
    alpha: Tenant,
    beta: Tenant,
    bridge: FakeBridge,
    provider: str,
    server: Server,
    tmp_path: Path,
) -> None:
    device = with_model(tmp_path, bridge=bridge, provider=provider, server=server)
    server.say(*(answer for _, answer in TALK))

    replies = talk(device, bridge)

    assert replies == [answer for _, answer in TALK]
    assert list(Turn.objects.values_list("provider", flat=True)) == [provider] * 2
    assert set(ModelCall.objects.values_list("provider", "purpose", "origin", "failure")) == {
        (provider, "chat", "customer", "")
    }
    assert in_ledger() == counted(server)
    with tenant_context(beta):
        assert not ModelCall.objects.exists()


def test_the_same_conversation_streamed(
    alpha: Tenant, bridge: FakeBridge, provider: str, server: Server, tmp_path: Path
) -> None:
    with_model(tmp_path, bridge=bridge, provider=provider, server=server)
    server.say(*(answer for _, answer in TALK))
    whole = assembly.run_context(calls.caller_of(ModelCall.Origin.PLAYGROUND))

    def streamed(config: ChatConfig, request: ChatRequest, agent: AgentProfile) -> ChatResult:
        return whole.chat(config, replace(request, stream=True), agent)

    profile = profiles.profile(agent_id=Agent.objects.get().pk)
    assert profile.model_for(Purpose.CHAT) is not None
    results = [
        loop.answer(
            RunRequest(
                tenant_name="Clínica Alpha",
                language="pt-br",
                timezone="America/Sao_Paulo",
                agent=profile,
                burst=(question,),
                transcript=(),
                contact_name="Ana",
                now=timezone.now(),
            ),
            replace(whole, chat=streamed),
        )
        for question, _ in TALK
    ]

    assert [result.outcome for result in results] == [Reply(answer) for _, answer in TALK]
    assert in_ledger() == counted(server)
    assert set(ModelCall.objects.values_list("origin", flat=True)) == {"playground"}


def test_the_same_conversation_without_any_model(
    alpha: Tenant, bridge: FakeBridge, tmp_path: Path
) -> None:
    credential = "{name: principal, provider: offline}"
    device = open_business(tmp_path, bridge=bridge, credential=credential)

    replies = talk(device, bridge)

    assert len(replies) == 2
    assert "220,00" in replies[0]
    assert "1.950,00" in replies[1]
    assert not ModelCall.objects.exists()  # nobody was paid
