from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import schema_context, tenant_context

from agents.models import Agent, ExampleVector
from agents.runtime import choosing
from agents.services import examples, publishing
from knowledge import retrieval, spaces
from tests.factories import learn

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MONEY = [
    "quanto custa a consulta?",
    "qual o preço da limpeza",
    "me passa o valor do clareamento",
    "sai por quanto o canal?",
    "dá pra parcelar?",
    "faz um orçamento pra mim",
]
BOOKING = [
    "quero marcar uma consulta",
    "tem horário livre amanhã?",
    "preciso remarcar",
    "dá pra me encaixar hoje?",
    "queria agendar uma avaliação",
    "não vou conseguir ir, tem outro dia?",
]


def publish(name: str, sentences: list[str]) -> Agent:
    agent = Agent.objects.create(name=name, kind="specialist", examples=sentences)
    publishing.publish_agent(agent=agent, actor="test", now=NOW)
    return agent


def test_a_burst_is_likest_to_the_examples_of_its_subject(alpha):
    money, booking = publish("Orçamentos", MONEY), publish("Agenda", BOOKING)
    assert examples.likeness("qto fica uma limpeza?", [money.pk, booking.pk]) == {}

    assert examples.embed_missing(now=NOW) == len(MONEY) + len(BOOKING) + len(examples.EVERYDAY)
    prices = examples.likeness("qual o valor de uma restauração?", [money.pk, booking.pk])
    dates = examples.likeness("queria agendar uma consulta pra quinta", [money.pk, booking.pk])

    assert prices[money.pk] > choosing.SURE > prices[booking.pk]
    assert dates[booking.pk] > choosing.SURE > dates[money.pk]
    nothing = examples.likeness("vocês têm wifi?", [money.pk, booking.pk])
    assert max(nothing.values()) < choosing.SURE


def test_only_what_is_new_is_embedded(alpha):
    agent = publish("Orçamentos", MONEY)
    examples.embed_missing(now=NOW)
    agent.examples = [*MONEY, "quanto sai o canal?"]
    agent.save()
    publishing.publish_agent(agent=agent, actor="test", now=NOW)

    assert examples.embed_missing(now=NOW) == 1
    assert examples.embed_missing(now=NOW) == 0


def test_two_tenants_have_vectors_of_their_own(alpha, beta):
    first = publish("Orçamentos", MONEY)
    examples.embed_missing(now=NOW)
    with tenant_context(beta):
        second = publish("Agenda", BOOKING)
        examples.embed_missing(now=NOW)
        theirs = examples.likeness("quero marcar uma consulta", [second.pk])

    ours = examples.likeness("quero marcar uma consulta", [first.pk])
    assert theirs[second.pk] > ours[first.pk]


def test_two_workers_make_each_vector_once(committed_alpha):
    publish("Orçamentos", MONEY)
    gate = threading.Barrier(2)
    spaces.active_space()

    def run() -> None:
        try:
            with schema_context("t_alpha"):
                gate.wait(60)
                examples.embed_missing(now=NOW)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert ExampleVector.objects.count() == len(MONEY) + len(examples.EVERYDAY)


def test_the_search_that_follows_embeds_nothing_again_and_nothing_is_read_twice(alpha, settings):
    settings.REMEMBER_S = 60.0
    learn()
    agent = publish("Orçamentos", MONEY)
    examples.embed_missing(now=NOW)
    examples.likeness("oi", [agent.pk])

    with CaptureQueriesContext(connection) as captured:
        examples.likeness("qual o preço da limpeza?", [agent.pk])

    assert [one["sql"] for one in captured if "SET search_path" not in one["sql"]] == []
    kept = len(spaces._queries)
    retrieval.search(query="qual o preço da limpeza?", category_ids=None)
    assert len(spaces._queries) == kept


@pytest.mark.parametrize("lost", ["agent", "all"])
def test_what_was_lost_is_missed_and_asked_for(alpha, lost, django_capture_on_commit_callbacks):
    agent = publish("Orçamentos", MONEY)
    examples.embed_missing(now=NOW)
    ExampleVector.objects.filter(content_sha256__gt="8" if lost == "agent" else "").delete()
    examples.forget()

    with django_capture_on_commit_callbacks() as rung:
        examples.likeness("quanto custa?", [agent.pk])
        examples.likeness("quanto custa?", [agent.pk])

    assert len(rung) == 1
    assert examples.embed_missing(now=NOW) > 0
