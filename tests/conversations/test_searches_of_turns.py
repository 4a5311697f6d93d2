"""What a turn searched for is kept with the knowledge, once, and asking back works from door to
door."""

from __future__ import annotations

import pytest
from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from channels_whatsapp.models import Device
from conversations.models import Conversation, OutboundMessage, Turn
from conversations.services import orchestrator
from knowledge import abstention
from knowledge.models import KnowledgeSettings, Search
from tenants import timers
from tests.factories import learn, make_agent, make_device, message_body, receive, work
from tests.fakes.http import Answer, Received
from tests.fakes.llm import FakeLLM, Mode
from tests.workers import at_once


def unsure() -> None:
    """Let no search of this tenant be sure enough."""
    KnowledgeSettings.objects.create(pk=1, ask_threshold=0.0, answer_threshold=1.0)


def test_an_answer_and_its_search_are_kept_together(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("quanto custa a limpeza?"))
    work()

    search = Search.objects.get()
    turn = Turn.objects.get()
    assert (search.turn_uuid, search.origin) == (turn.uuid, "chat")
    assert (search.question, search.agent_name) == ("quanto custa a limpeza?", "Recepção")
    assert (search.decision, search.answered) == ("answer", True)
    assert search.threshold == abstention.ANSWER_FROM
    assert search.confidence == pytest.approx(turn.confidence)
    assert search.best_cosine is not None
    assert search.passages


def test_a_near_miss_is_kept_with_its_score_and_the_threshold(alpha, bridge):
    learn()
    KnowledgeSettings.objects.create(pk=1, ask_threshold=1.0, answer_threshold=1.0)
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("quanto custa a limpeza?"))
    work()

    search = Search.objects.get()
    assert (search.decision, search.answered, search.threshold) == ("unknown", False, 1.0)
    assert search.confidence > abstention.ANSWER_FROM
    assert Turn.objects.get().outcome == "needs_human"


def test_what_only_an_account_answers_is_no_gap_of_the_documents(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("cadê meu pedido 48213?"))
    work()

    assert Turn.objects.get().reason == "account_data"
    assert not Search.objects.exists()
    assert Conversation.objects.get().mode == "human"


def test_a_contact_is_asked_back_chooses_and_is_answered(alpha, bridge):
    learn()
    unsure()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("da pra deixar o carro?", ref="A1"))
    work()
    asked = bridge.sent[0].body
    number = next(
        line[0] for line in asked.splitlines() if line.endswith("Vocês têm estacionamento?")
    )
    receive(device, message_body(number, ref="A2"))
    work()

    assert "gratuito para clientes" in bridge.sent[1].body
    assert [turn.outcome for turn in Turn.objects.order_by("pk")] == ["reply", "reply"]
    kept = Search.objects.order_by("pk").values_list("decision", "answered")
    assert list(kept) == [("ask", None), ("ask", True)]
    assert {message.origin for message in OutboundMessage.objects.all()} == {"agent"}


def test_each_tenant_asks_back_by_its_own_threshold(alpha, beta, bridge):
    learn()
    first = make_device(make_agent(), bridge_url=bridge.url)
    with tenant_context(beta):
        learn()
        unsure()
        second = make_device(make_agent(), bridge_url=bridge.url)
        receive(second, message_body("preço da limpeza dental?", phone="5511900000002"))
    receive(first, message_body("preço da limpeza dental?", phone="5511900000001"))
    work()

    assert "220,00" in bridge.sent_to("5511900000001")[0].body
    assert "Quero ter certeza" in bridge.sent_to("5511900000002")[0].body
    assert Search.objects.get().decision == "answer"
    with tenant_context(beta):
        assert Search.objects.get().decision == "ask"


class InterruptedLLM(FakeLLM):
    """Lets something happen in the tenant while it is being asked, once."""

    def __init__(self, meanwhile) -> None:
        super().__init__(Mode.EVIDENCE)
        self.todo = [meanwhile]

    def answer(self, request: Received) -> Answer | None:
        if self.todo:
            try:
                with schema_context("t_alpha"):
                    self.todo.pop()()
            finally:
                connection.close()
        return super().answer(request)


def test_a_search_whose_answer_is_thrown_away_is_not_kept_twice(committed_alpha, bridge):
    learn()

    def meanwhile() -> None:
        receive(Device.objects.get(), message_body("e tem estacionamento?", ref="A2"))

    with InterruptedLLM(meanwhile) as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        receive(device, message_body("quanto custa a limpeza?", ref="A1"))
        outcomes = work()

    assert outcomes[:2] == ["turn:superseded", "turn:answered"]
    assert Search.objects.get().turn_uuid == Turn.objects.get(status="done").uuid


def test_two_workers_at_one_turn_keep_one_search(committed_alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("quanto custa a limpeza?"))
    (bell,) = timers.claim_due(kind="turn", max_running=1000, limit=1000)

    outcomes = at_once(
        *[lambda: orchestrator.run_turn(timer_id=bell.timer_id, token=bell.token)] * 2
    )

    assert sorted(outcomes) == ["answered", "not_ours"]
    assert Search.objects.count() == 1
