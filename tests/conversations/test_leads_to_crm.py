"""From a conversation to the CRM: signed, again by replay, and in order after a day without one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from conversations.models import Lead, LeadField, LeadStage
from conversations.services import lead_fields, lead_stages, leads
from integrations.models import Delivery, Event, WebhookEndpoint
from integrations.services import endpoints
from tenants.context import database_now
from tests.conversations.leads import make_qualifier, say, write
from tests.factories import learn, make_device, message_body, receive, work
from tests.fakes.bridge import FakeBridge
from tests.fakes.http import Answer
from tests.fakes.llm import FakeLLM
from tests.fakes.receiver import Receiver
from tests.integrations.events import SECRET, deliver, make_endpoint, pass_time

LEAD_TYPES = ("lead.created", "lead.qualified", "lead.updated")


@pytest.fixture
def bridge():
    with FakeBridge() as bridge:
        yield bridge


@pytest.fixture
def llm():
    with FakeLLM() as llm:
        yield llm


@pytest.fixture
def crm():
    with Receiver() as crm:
        yield crm


def test_a_qualified_lead_reaches_the_crm_signed_and_again_by_replay(alpha, bridge, llm, crm):
    learn()
    LeadField.objects.create(key="pages", label="Páginas", points=10)
    endpoint = make_endpoint(f"{crm.url}/", *LEAD_TYPES)
    device = make_device(make_qualifier(llm), bridge_url=bridge.url)

    def told(field, value, quote):
        return {"field": field, "value": value, "quote": quote, "confidence": 100}

    llm.call("record_lead", values=[told("need", "site", "quero um site")])
    llm.say("Qual é o seu orçamento?")
    receive(device, message_body("me chamo Ana Souza e quero um site", ref="A1"))
    work()
    llm.call(
        "record_lead",
        values=[
            told("budget", "5 mil reais", "5 mil reais"),
            told("timing", "até março", "até março"),
            told("pages", "20", "umas 20 páginas"),
        ],
    )
    llm.say("Obrigado!")
    receive(device, message_body("5 mil reais, até março, umas 20 páginas", ref="A2"))
    work()
    deliver()

    created, qualified = crm.bodies(SECRET)
    assert [created["type"], qualified["type"]] == ["lead.created", "lead.qualified"]
    assert created["sequence"] < qualified["sequence"]
    data = qualified["data"]
    assert (data["need"], data["budget"], data["timing"]) == ("site", "5 mil reais", "até março")
    assert data["need_words"] == "quero um site"
    assert data["need_confidence"] == 100
    assert data["name"] == "Ana Souza"
    assert data["phone"] == "5511988887777"
    assert data["custom_pages"] == "20"
    assert (data["score"], data["is_qualified"]) == (Lead.objects.get().score, True)
    assert data["stage_means"] == "qualified"
    assert all(not isinstance(one, dict | list) for one in data.values())

    n_again = endpoints.replay(
        endpoint=WebhookEndpoint.objects.get(pk=endpoint.pk),
        since=timezone.now() - timedelta(hours=1),
        until=timezone.now() + timedelta(hours=1),
        only_failed=False,
        now=timezone.now(),
    )
    deliver()

    assert n_again == 2
    assert crm.bodies(SECRET)[2:] == [created, qualified]
    assert crm.ids()[2:] == crm.ids()[:2]


def test_a_crm_that_was_down_for_a_day_gets_each_lead_in_its_order(alpha, bridge, crm):
    make_endpoint(f"{crm.url}/", *LEAD_TYPES)
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    crm.respond = lambda _: Answer(503)
    steps = [("need", "site"), ("budget", "5 mil"), ("timing", "até março"), ("authority", "sim")]
    for key, value in steps:
        for number in range(3):
            said = write(device, f"{key}: {value}", phone=f"551190000{number:04d}")
            say(said, key, value)
        deliver()
        pass_time()
    lead = Lead.objects.earliest("pk")
    won = LeadStage.objects.get(kind="won")
    lead_stages.move(lead=lead, stage_id=won.pk, actor="rosa", now=timezone.now())
    leads.correct(
        lead=Lead.objects.latest("pk"), key="need", value="loja", actor="rui", now=timezone.now()
    )
    deliver()
    crm.received.clear()
    # It comes back as its next try is due; all the others would wait for hours.
    Delivery.objects.update(next_attempt_at=database_now() + timedelta(hours=20))
    Delivery.objects.filter(pk=Delivery.objects.earliest("pk").pk).update(
        next_attempt_at=database_now()
    )
    crm.respond = lambda _: Answer(200)

    deliver()

    got: dict[str, list[tuple[int, str]]] = {}
    for body in crm.bodies(SECRET):
        got.setdefault(body["data"]["lead_id"], []).append((body["sequence"], body["type"]))
    assert len(got) == 3
    for told in got.values():
        assert [number for number, _ in told] == list(range(1, len(told) + 1))
        assert [kind for _, kind in told[:4]] == [
            "lead.created",
            "lead.updated",
            "lead.qualified",
            "lead.updated",
        ]
    assert sorted(len(told) for told in got.values()) == [4, 5, 5]
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}


def test_nothing_is_told_where_nobody_listens(alpha, bridge):
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    say(write(device, "quero um site"), "need", "site")

    assert not Event.objects.exists()


def test_a_contradiction_is_told_with_the_fields_that_changed(alpha, bridge, crm):
    make_endpoint(f"{crm.url}/", "lead.updated")
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    say(write(device, "tenho 5 mil"), "budget", "5 mil")
    say(write(device, "tenho 3 mil"), "budget", "3 mil")
    deliver()

    [body] = crm.bodies(SECRET)
    assert body["data"]["changed"] == "budget"
    assert body["data"]["contradictions"] == "budget"
    assert body["data"]["budget"] == "3 mil"


def test_thirty_own_fields_stay_below_the_size_of_an_event(alpha, bridge, crm):
    make_endpoint(f"{crm.url}/", "lead.created", "lead.updated")
    for number in range(30):
        LeadField.objects.create(key=f"own_{number}", label="Ω")
    lead_fields.changed_here()
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    lead = say(write(device, "quero um site"), "need", "site")
    for number in range(30):
        leads.correct(
            lead=lead, key=f"own_{number}", value="Ω" * 500, actor="rosa", now=timezone.now()
        )
    deliver()

    assert max(len(one.body) for one in crm.received) < 20_000
    assert crm.bodies(SECRET)[-1]["data"]["lead_id"] == str(lead.uuid)
