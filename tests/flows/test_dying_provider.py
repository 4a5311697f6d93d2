"""A provider that dies in the middle of a burst of contacts, and comes back; two workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db import connection
from django_tenants.utils import schema_context

from agents.models import Agent
from agents.services import publishing
from channels_whatsapp.models import Device
from conversations.models import Turn
from conversations.services import orchestrator
from integrations.models import Breaker, ModelCall
from integrations.services import breakers
from integrations.services.credentials import ensure_credential
from knowledge.models import Category
from knowledge.services import faqs, ingesting
from tenants import timers
from tenants.context import database_now
from tenants.models import Tenant
from tests.factories import learn, make_agent, make_device, message_body, receive, work
from tests.fakes.bridge import FakeBridge
from tests.fakes.http import Answer, Received
from tests.fakes.llm import FakeLLM, Mode

N_CONTACTS = 24
N_ALIVE = 6
"""Answers before it dies."""

N_WORKERS = 2
PRICES = "# Tabela\n\n## Limpeza\nA limpeza completa custa R$ 220,00 à vista.\n".encode()
APPROVED = "Sim, ao lado, por R$ 10,00."
ASKED = ("quanto custa a limpeza?", "vocês têm estacionamento?")
ERRORS = ("HTTP", "500", "server_error", "error", "erro", "Traceback", "timeout")


class MortalLLM(FakeLLM):
    """Dies after `N_ALIVE` answers, until it is told to live."""

    is_mortal = True

    def answer(self, request: Received) -> Answer | None:
        if self.is_mortal and len(self.received) > N_ALIVE:
            self.mode = Mode.BROKEN
        return super().answer(request)

    def revive(self) -> None:
        self.is_mortal, self.mode = False, Mode.EVIDENCE


@pytest.fixture
def llm() -> Iterator[MortalLLM]:
    with MortalLLM(Mode.EVIDENCE) as llm:
        yield llm


@pytest.fixture
def spare() -> Iterator[FakeLLM]:
    with FakeLLM(Mode.EVIDENCE) as spare:
        yield spare


def open_business(llm: FakeLLM, bridge: FakeBridge) -> Device:
    learn("tabela.md", PRICES)
    now = database_now()
    approved = faqs.save_faq(
        category=Category.objects.get(),
        question=ASKED[1],
        answer=APPROVED,
        phrasings=(),
        now=now,
        actor="ana",
    )
    ingesting.ingest_document(document_id=approved.pk, now=now)
    return make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)


def phone(n: int) -> str:
    return f"551198888{n:04d}"


def write(device: Device, *numbers: int) -> None:
    """Let contacts ask, every second one what has an approved answer."""
    bodies = [message_body(ASKED[n % 2], phone=phone(n), ref=f"A{n}") for n in numbers]
    receive(device, *bodies)


def answer_with_two_workers(schema: str) -> None:
    """Answer what is due, each worker its half one after another; then send."""
    bells = timers.claim_due(kind="turn", max_running=1000, limit=1000)
    barrier = threading.Barrier(N_WORKERS)

    def serve(mine: list[timers.Doorbell]) -> None:
        try:
            with schema_context(schema):
                barrier.wait(timeout=60)
                for bell in mine:
                    orchestrator.run_turn(timer_id=bell.timer_id, token=bell.token)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=serve, args=(bells[n::N_WORKERS],)) for n in range(N_WORKERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    work()


def said_to(bridge: FakeBridge) -> list[str]:
    """Return what each contact was told; everybody is told one thing."""
    said = [bridge.sent_to(phone(n)) for n in range(N_CONTACTS)]
    assert [len(one) for one in said] == [1] * N_CONTACTS
    return [one[0].body for one in said]


def assert_paused(llm: FakeLLM) -> None:
    assert Breaker.objects.get(model="fake-1").state == Breaker.State.OPEN
    n_failed = ModelCall.objects.filter(model="fake-1").exclude(failure="").count()
    # What the other worker had begun when the pause began fails as well.
    assert breakers.MAX_FAILURES <= n_failed <= breakers.MAX_FAILURES + N_WORKERS - 1
    assert len(llm.received) == N_ALIVE + n_failed


def let_the_pause_end() -> None:
    Breaker.objects.update(retry_at=database_now())


def test_without_a_fallback_approved_words_or_a_person_answer_everybody(
    committed_alpha: Tenant, bridge: FakeBridge, llm: MortalLLM
) -> None:
    device = open_business(llm, bridge)
    write(device, *range(N_CONTACTS))

    answer_with_two_workers(committed_alpha.schema_name)

    said = said_to(bridge)
    assert not [text for text in said if any(error in text for error in ERRORS)]
    assert all("R$ 10,00" in text for text in said[1::2])
    n_left = Turn.objects.filter(outcome="needs_human", reason="llm_unavailable").count()
    n_answered = sum("R$ 220,00" in text for text in said[::2])
    assert n_left + n_answered == N_CONTACTS // 2
    assert n_left
    assert_paused(llm)

    llm.revive()
    let_the_pause_end()
    write(device, N_CONTACTS, N_CONTACTS + 2)
    answer_with_two_workers(committed_alpha.schema_name)

    assert Breaker.objects.get().state == Breaker.State.CLOSED
    answered = [bridge.sent_to(phone(n))[0].body for n in (N_CONTACTS, N_CONTACTS + 2)]
    assert any("R$ 220,00" in text for text in answered)  # one of them was the probe
    write(device, N_CONTACTS + 4)
    work()
    assert "R$ 220,00" in bridge.sent_to(phone(N_CONTACTS + 4))[0].body


def test_with_a_fallback_nobody_notices(
    committed_alpha: Tenant, bridge: FakeBridge, llm: MortalLLM, spare: FakeLLM
) -> None:
    device = open_business(llm, bridge)
    credential = ensure_credential(
        name="reserva", provider="openai_compatible", base_url=spare.base_url, api_key="none"
    ).credential
    agent = Agent.objects.get()
    agent.fallbacks = [{"credential": str(credential.uuid), "model": "fake-2"}]
    agent.save()
    publishing.publish_agent(agent=agent, actor="test", now=database_now())
    write(device, *range(N_CONTACTS))

    answer_with_two_workers(committed_alpha.schema_name)

    said = said_to(bridge)
    assert all("R$ 220,00" in text for text in said[::2])
    assert all("R$ 10,00" in text for text in said[1::2])
    assert not Turn.objects.filter(outcome="needs_human").exists()
    assert_paused(llm)
    assert ModelCall.objects.filter(model="fake-2", failure="").count() == N_CONTACTS - N_ALIVE

    llm.revive()
    let_the_pause_end()
    write(device, N_CONTACTS)
    work()

    assert Breaker.objects.get(model="fake-1").state == Breaker.State.CLOSED
    assert ModelCall.objects.order_by("-pk")[0].model == "fake-1"
