"""The playground: the real path, and nothing of it left behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.utils.translation import override
from django_tenants.utils import tenant_context

from agents.models import Agent
from agents.services import publishing
from conversations.models import Contact, Conversation, InboundMessage, OutboundMessage, Turn
from conversations.services import hours, playground
from conversations.services.playground import Hours, Past, Trial
from integrations.models import ModelCall
from knowledge.models import Search
from tenants.models import Tenant
from tests.factories import learn, make_agent, make_queue
from tests.fakes.llm import FakeLLM

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # a Friday, noon in São Paulo


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with override("en"):
        yield


def trial(agent: Agent, *messages: str, **values: object) -> Trial:
    return Trial(agent=agent, version=None, messages=messages, **values)  # type: ignore[arg-type]


def kept() -> list[int]:
    models = (Contact, Conversation, InboundMessage, OutboundMessage, Turn, Search)
    return [one.objects.count() for one in models]


def test_the_answer_comes_with_its_reasons_and_nothing_is_kept(
    committed_alpha: Tenant, llm: FakeLLM
) -> None:
    learn()
    agent = make_agent(base_url=llm.base_url)

    found = playground.try_out(trial(agent, "oi", "quanto custa a limpeza?"), now=NOW)

    (answer,) = found.answers
    assert "220,00" in answer.bubbles[0].text
    assert answer.turn is not None
    assert {step.kind for step in answer.turn.steps} >= {"route", "retrieve", "generate", "guard"}
    assert any(step.passages for step in answer.turn.steps)
    assert answer.turn.n_sources
    assert dict(answer.facts)["Calls of models"] == "1"
    assert kept() == [0] * 6
    assert set(ModelCall.objects.values_list("origin", flat=True)) == {"playground"}


def test_each_message_can_be_answered_by_itself_and_knows_those_before(
    committed_alpha: Tenant, llm: FakeLLM
) -> None:
    learn()
    agent = make_agent(base_url=llm.base_url)
    messages = ("quanto custa a limpeza?", "tem estacionamento?")

    together = playground.try_out(trial(agent, *messages), now=NOW)
    apart = playground.try_out(trial(agent, *messages, together=False), now=NOW)

    assert (len(together.answers), len(apart.answers)) == (1, 2)
    assert [line.role for line in apart.past.lines] == ["contact", "agent"] * 2
    again = playground.past_from_data(playground.past_as_data(apart.past))
    assert again == apart.past
    assert playground.past_from_data("anything else") == Past()


def test_the_draft_is_tried_without_being_published(committed_alpha: Tenant, llm: FakeLLM) -> None:
    learn()
    agent = make_agent(base_url=llm.base_url)
    agent.instructions = "Fale como um pirata."
    agent.save()

    draft = playground.try_out(trial(agent, "tem estacionamento?"), now=NOW)
    published = playground.try_out(
        Trial(agent=agent, version=1, messages=("tem estacionamento?",)), now=NOW
    )

    assert ["pirata" in str(one) for one in llm.prompts] == [True, False]
    assert draft.answers[0].turn is not None
    assert published.answers[0].turn is not None
    assert published.answers[0].turn.agent.endswith("v1")


def test_a_model_that_cannot_be_reached_is_not_asked(committed_alpha: Tenant, llm: FakeLLM) -> None:
    learn()
    agent = make_agent(base_url=llm.base_url)

    found = playground.try_out(trial(agent, "quanto custa a limpeza?", provider_down=True), now=NOW)

    assert llm.prompts == []
    assert not ModelCall.objects.exists()
    assert found.answers[0].turn is not None
    assert "switched off" in str(found.answers[0].turn.steps)


def test_outside_hours_a_promise_says_when_people_are_back(committed_alpha: Tenant) -> None:
    agent = make_agent()
    Agent.objects.filter(pk=agent.pk).update(outside_hours="tell")
    agent.refresh_from_db()

    within = playground.try_out(trial(agent, "quero falar com uma pessoa"), now=NOW)
    outside = playground.try_out(
        trial(agent, "quero falar com uma pessoa", hours=Hours.CLOSED), now=NOW
    )

    assert within.answers[0].bubbles[0].text != outside.answers[0].bubbles[0].text
    assert within.answers[0].bubbles[0].is_system


def test_outside_hours_the_queues_words_stand_before_the_away_text(committed_alpha: Tenant) -> None:
    make_queue(text_closed="A Rosa te responde.")
    agent = make_agent()
    Agent.objects.filter(pk=agent.pk).update(outside_hours="tell")
    agent.refresh_from_db()

    found = playground.try_out(
        trial(agent, "quero falar com uma pessoa", hours=Hours.CLOSED), now=NOW
    )

    said = found.answers[0].bubbles[0].text
    assert said.startswith("A Rosa te responde.\n\nOlá! Agora estamos fora do horário")


def test_the_hours_are_those_of_a_moment_at_which_it_is_so(alpha: Tenant) -> None:
    hours.save_week(week=[["08:00-18:00"]] * 5 + [[], []], actor="ana")

    at, state = playground._hours(Hours.CLOSED, zone=alpha.timezone, now=NOW)
    same, usual = playground._hours(Hours.OPEN, zone=alpha.timezone, now=NOW)

    assert (state.is_open, at) == (False, datetime(2026, 11, 20, 21, 1, tzinfo=UTC))
    assert (same, usual.is_open) == (NOW, True)


def test_what_happens_when_nobody_comes_is_shown_queue_by_queue(committed_alpha: Tenant) -> None:
    second = make_queue("Gerência", tells_owners=True, promise_text="Ligamos amanhã.")
    first = make_queue("Balcão", escalate_to=second, text_open="Já chamo alguém.")
    agent = make_agent(handoffs=[first])

    found = playground.try_out(
        trial(agent, "quero falar com uma pessoa", nobody_comes=True), now=NOW
    )

    (answer,) = found.answers
    assert [one.text for one in answer.bubbles] == ["Já chamo alguém.", "Ligamos amanhã."]
    assert len(answer.then) == 3
    assert "Balcão" in answer.then[0]
    assert "Gerência" in answer.then[1]
    assert "owners" in answer.then[2]


def test_who_asks_for_no_more_messages_gets_the_one_confirmation(committed_alpha: Tenant) -> None:
    found = playground.try_out(trial(make_agent(), "parar"), now=NOW)

    assert found.answers[0].turn is None
    assert found.answers[0].bubbles[0].is_system


def test_a_stranger_is_not_served_by_a_personal_agent(committed_alpha: Tenant) -> None:
    personal = Agent.objects.create(
        name="Dona", kind="personal", owner_numbers=["+55 11 98888-7777"]
    )

    with pytest.raises(playground.NobodyAnswers):
        playground.try_out(trial(personal, "bom dia"), now=NOW)
    mine = playground.try_out(trial(personal, "bom dia", is_owner=True), now=NOW)

    assert mine.past.agent_id == personal.pk


def test_an_owner_who_writes_to_the_front_desk_meets_their_own_agent(
    committed_alpha: Tenant,
) -> None:
    desk = make_agent()
    personal = make_agent("Dona", kind="personal")
    personal.owner_numbers = ["+55 11 98888-7777"]
    personal.save()
    publishing.publish_agent(agent=personal, actor="x", now=NOW)

    assert playground.try_out(trial(desk, "oi"), now=NOW).past.agent_id == desk.pk
    owner = playground.try_out(trial(desk, "oi", is_owner=True), now=NOW)
    assert owner.past.agent_id == personal.pk


def test_two_tenants_with_equal_ids_try_each_their_own(
    committed_alpha: Tenant, committed_beta: Tenant
) -> None:
    learn()
    mine = make_agent()
    with tenant_context(committed_beta):
        theirs = make_agent()
        found = playground.try_out(trial(theirs, "quanto custa a limpeza?"), now=NOW)

    assert mine.pk == theirs.pk
    assert "220" not in str(found.answers[0].bubbles)
    assert "220" in str(playground.try_out(trial(mine, "quanto custa a limpeza?"), now=NOW))
