"""What is remembered: facts of the contact, a rolling summary, how much is shown of the past."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from agents.models import Agent
from agents.runtime import remembering
from agents.services import publishing
from agents.types import TranscriptLine
from conversations.models import Contact, ContactFact, Conversation, InboundMessage
from conversations.services import takeover
from tests.factories import (
    learn,
    make_agent,
    make_device,
    message_body,
    receive,
    ring_endings,
    work,
)
from tests.fakes.llm import FakeLLM, Mode


def known() -> dict[str, str]:
    return dict(ContactFact.objects.values_list("kind", "value"))


def prompt_of(llm: FakeLLM, place: int = -1) -> str:
    return str(llm.prompts[place][-1]["content"])


def test_what_a_contact_gives_is_kept_with_its_message_and_told_to_the_model(alpha, bridge, llm):
    learn()
    device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
    receive(
        device,
        message_body("me chamo Ana Souza, cpf 529.982.247-25. quanto custa a limpeza?", ref="A1"),
    )
    work()
    receive(device, message_body("tem estacionamento?", ref="A2"))
    work()

    assert known() == {"name": "Ana Souza", "cpf": "***.982.247-**"}
    assert {one.source.provider_ref for one in ContactFact.objects.all()} == {"A1"}
    assert '<fact name="name">Ana Souza</fact>' in prompt_of(llm)
    assert "<known>" not in prompt_of(llm, 0)


def test_a_filled_slot_is_never_asked_again(alpha, bridge, llm):
    llm.mode = Mode.SCRIPTED
    learn()
    device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
    llm.say("A limpeza completa custa R$ 220,00.")
    receive(device, message_body("meu email é ana@example.com, quanto custa a limpeza?"))
    work()
    llm.say("O estacionamento é gratuito. Qual é o seu e-mail?")
    receive(device, message_body("tem estacionamento?"))
    work()
    llm.say("Pode me informar seu e-mail?", "O estacionamento é gratuito para clientes.")
    receive(device, message_body("e o estacionamento é gratuito?"))
    work()

    assert [sent.body for sent in bridge.sent] == [
        "A limpeza completa custa R$ 220,00.",
        "O estacionamento é gratuito.",
        "O estacionamento é gratuito para clientes.",
    ]


def test_a_model_invents_no_fact_and_what_people_wrote_stays(alpha, bridge, llm):
    llm.mode = Mode.SCRIPTED
    learn()
    device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
    llm.say("Claro, Beatriz! A limpeza completa custa R$ 220,00.")
    receive(device, message_body("quanto custa a limpeza?"))
    work()
    assert known() == {}

    ContactFact.objects.create(
        contact=Contact.objects.get(),
        kind="name",
        value="Dona Ana",
        learnt_at=timezone.now(),
        set_by="rosa",
    )
    llm.say("O estacionamento é gratuito.")
    receive(device, message_body("me chamo Ana Souza, tem estacionamento?"))
    work()

    assert known() == {"name": "Dona Ana"}


def test_what_people_remove_is_not_learnt_again_from_the_same_message(alpha, bridge):
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("me chamo Ana Souza, meu email é ana@example.com", ref="A1"))
    work()
    assert known() == {"name": "Ana Souza", "email": "ana@example.com"}
    ContactFact.objects.filter(kind="email").delete()
    found = Conversation.objects.get()
    takeover.take_over(conversation_uuid=found.uuid, actor="rosa", now=timezone.now())
    receive(device, message_body("moro na Rua das Flores, 10, Centro", ref="A2"))
    takeover.archive(conversation_uuid=found.uuid, actor="rosa", now=timezone.now())
    assert ring_endings() == ["memory:done"]

    assert known().keys() == {"name", "address"}  # the second message had no turn
    receive(device, message_body("meu email é ana@example.com", ref="A3"))
    work()
    assert known()["email"] == "ana@example.com"


def test_the_words_of_an_ad_or_a_quote_are_not_learnt_as_the_contacts(alpha, bridge):
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("oi, quero falar com alguém", ref="A1"))
    found = Conversation.objects.get()
    takeover.take_over(conversation_uuid=found.uuid, actor="rosa", now=timezone.now())
    receive(device, message_body("é com vocês? meu email é ana@example.com", ref="A2"))
    words = "Fale com a gente: contato@clinica.example. Pedido 48213"
    InboundMessage.objects.filter(provider_ref="A2").update(media={"ad": words, "quoted": words})

    takeover.archive(conversation_uuid=found.uuid, actor="rosa", now=timezone.now())
    assert ring_endings() == ["memory:done"]

    assert known() == {"email": "ana@example.com"}


def test_what_has_expired_is_not_told(alpha, bridge, llm):
    learn()
    device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
    receive(device, message_body("cadê o pedido 48213? quanto custa a limpeza?"))
    work()
    assert known() == {"order": "48213"}
    ContactFact.objects.update(valid_until=timezone.now().date() - timedelta(days=1))
    receive(device, message_body("tem estacionamento?"))
    work()

    assert "<known>" not in prompt_of(llm)


def test_a_batch_of_turns_costs_one_query_for_the_facts(alpha, bridge, settings):
    settings.REMEMBER_S = 60.0
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(
        device,
        *[
            message_body("tem estacionamento?", phone=f"551190000{n:04d}")
            for n in "123"
            for n in [int(n)]
        ],
    )

    with CaptureQueriesContext(connection) as captured:
        work(rounds=1)

    said = [one["sql"].lower() for one in captured]
    n_turns = Conversation.objects.count()
    assert n_turns == 3
    assert len([sql for sql in said if 'from "conversations_contactfact"' in sql]) <= n_turns
    assert not [sql for sql in said if "insert into conversations_contactfact" in sql]


def talk(device, n: int, text: str = "quanto custa a limpeza completa?") -> Conversation:
    """Put `n` exchanges into the conversation, an hour ago."""
    conversation = Conversation.objects.get()
    began = timezone.now() - timedelta(hours=1)
    for number in range(n):
        at = began + timedelta(seconds=20 * number)
        InboundMessage.objects.create(
            conversation=conversation,
            channel_account_ref=device.uuid,
            provider_ref=f"OLD{number}",
            text=f"{text} {number}",
            sent_at=at,
            received_at=at,
            silence_reason="human_mode",
        )
    return conversation


def test_a_long_conversation_is_summed_up_in_the_background(alpha, bridge, llm):
    learn()
    device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
    receive(device, message_body("oi"))
    work()
    conversation = talk(device, 60)
    receive(device, message_body("tem estacionamento?"))
    work()
    assert "<summary>" not in prompt_of(llm)

    llm.mode = Mode.SCRIPTED
    llm.say("Ana pediu o preço da limpeza. Custa R$ 9,99 no total.")
    assert ring_endings() == ["memory:done"]
    llm.say("O estacionamento é gratuito.")
    receive(device, message_body("o estacionamento é gratuito?"))
    work()

    conversation.refresh_from_db()
    assert conversation.summary == "Ana pediu o preço da limpeza."  # the price was made up
    assert "<summary>Ana pediu o preço da limpeza.</summary>" in prompt_of(llm)
    assert ring_endings() == []  # what is shown reaches back to what is summed up


def test_without_a_model_rules_sum_up(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("oi"))
    work()
    conversation = talk(device, 60)
    receive(device, message_body("tem estacionamento?"))
    work()

    assert ring_endings() == ["memory:done"]

    conversation.refresh_from_db()
    assert "quanto custa a limpeza completa? 50" in conversation.summary
    assert len(conversation.summary) <= 1_500


class Meanwhile(FakeLLM):
    """Changes the conversation while it sums it up, as another worker might."""

    def answer(self, request):
        with schema_context("t_alpha"):
            Conversation.objects.update(summarised_until=timezone.now(), summary="of another")
        connection.close()
        return super().answer(request)


def test_a_summary_of_another_state_of_the_conversation_is_thrown_away(committed_alpha, bridge):
    learn()
    with Meanwhile() as llm:
        agent = make_agent()
        device = make_device(agent, bridge_url=bridge.url)
        receive(device, message_body("oi"))
        work()
        conversation = talk(device, 60)
        receive(device, message_body("tem estacionamento?"))
        work()
        make_agent("Outra", base_url=llm.base_url)
        Conversation.objects.update(agent=Agent.objects.get(name="Outra"))
        llm.say("Ana pediu o preço.")
        assert ring_endings() == ["memory:not_due"]

    conversation.refresh_from_db()
    assert conversation.summary == "of another"


@pytest.mark.parametrize(
    ("mode", "shows_old", "shows_new"),
    [("whole", True, True), ("handoff", False, True), ("none", False, False)],
)
def test_an_agent_is_told_as_much_as_it_shall_remember(
    alpha, bridge, llm, mode, shows_old, shows_new
):
    learn()
    agent = make_agent("Orçamentos", kind="specialist", base_url=llm.base_url)
    Agent.objects.filter(pk=agent.pk).update(history=mode, keywords=["orçamento"])
    publishing.publish_agent(agent=Agent.objects.get(pk=agent.pk), actor="t", now=timezone.now())
    desk = make_agent(base_url=llm.base_url, handoffs=[agent])
    device = make_device(desk, bridge_url=bridge.url)
    for text in ("tem estacionamento?", "orçamento da limpeza?", "qual o preço da limpeza?"):
        receive(device, message_body(text))
        work()

    shown = prompt_of(llm).partition("<history>")[2].partition("</history>")[0]
    assert ("tem estacionamento?" in shown) is shows_old
    assert ('from="agent"' in shown) is shows_new


def test_the_history_is_bounded_by_tokens_and_not_by_lines() -> None:
    now = timezone.now()
    short = [TranscriptLine("contact", f"linha {n}", now) for n in range(40)]
    long = [TranscriptLine("contact", "palavra " * 400, now) for n in range(40)]

    assert remembering.fitting(short) == tuple(short)
    shown = remembering.fitting(long)
    assert 5 <= len(shown) <= 10
    assert sum(remembering.tokens(one.text) for one in shown) <= remembering.HISTORY_TOKENS
    assert remembering.fitting(long[:1], budget=1) == shown[:1]


def test_facts_of_one_tenant_are_nobodys_in_the_other(alpha, beta, bridge):
    for tenant, name in ((alpha, "Ana"), (beta, "Bia")):
        with tenant_context(tenant):
            learn()
            device = make_device(make_agent(), bridge_url=bridge.url)
            receive(device, message_body(f"me chamo {name}, tem estacionamento?", ref="SAME"))
    work()

    ids = []
    for tenant, name in ((alpha, "Ana"), (beta, "Bia")):
        with tenant_context(tenant):
            fact = ContactFact.objects.get()
            assert fact.value == name
            ids.append(fact.source.provider_ref)
    assert ids == ["SAME", "SAME"]
