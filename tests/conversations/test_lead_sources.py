"""Leads that forms bring in: keyed or signed, once, and written to through the outbox."""

from __future__ import annotations

import io
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from channels_whatsapp.models import Device
from conversations import webhooks
from conversations.models import (
    Contact,
    Conversation,
    FollowUp,
    HoursSettings,
    IncomingLead,
    Lead,
    LeadField,
    LeadSource,
    LeadValue,
    OutboundMessage,
)
from conversations.services import lead_sources, takeover
from integrations.services import signing
from tenants.models import Timer
from tests.conversations.leads import make_qualifier, values
from tests.factories import make_device, message_body, receive, work
from tests.fakes.bridge import FakeBridge
from tests.fakes.receiver import Receiver
from tests.integrations.events import SECRET, deliver, make_endpoint
from tests.workers import at_once

ANA = {"name": "Ana Souza", "phone": "(11) 98888-7777", "email": "ana@example.com", "need": "site"}
ROUND_THE_CLOCK = [["00:00-24:00"] for _ in range(7)]
HELLO = "Olá {{ name|first }}, obrigado pelo interesse!"


@pytest.fixture
def bridge():
    with FakeBridge() as bridge:
        yield bridge


def make_source(bridge_url: str, **more: Any) -> LeadSource:
    device = make_device(make_qualifier(), bridge_url=bridge_url)
    HoursSettings.objects.update_or_create(pk=1, defaults={"week": ROUND_THE_CLOCK})
    given = {"first_message": HELLO, "secret": SECRET, **more}
    return lead_sources.ensure_source(name="site", account_ref=device.uuid, **given).source


def post(source: LeadSource, data: object, *, slug: str = "alpha", **headers: str) -> Any:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Client(headers={"host": f"{slug}.localhost"}).post(
        f"/hooks/leads/{source.uuid}/",
        body,
        content_type="application/json",
        headers=headers or {"x-api-key": SECRET},
    )


def test_a_form_brings_a_lead_and_the_contact_is_written_to(alpha, bridge):
    source = make_source(bridge.url)

    answer = post(source, ANA)

    lead = Lead.objects.get()
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "accepted",
        "lead_id": str(lead.uuid),
        "contact": "written",
    }
    assert lead.source == "site"
    assert values(lead) == {"name": "Ana Souza", "email": "ana@example.com", "need": "site"}
    assert set(LeadValue.objects.values_list("origin", flat=True)) == {"form"}
    work()
    [sent] = bridge.sent
    assert (sent.phone, sent.body) == ("5511988887777", "Olá Ana, obrigado pelo interesse!")
    conversation = Conversation.objects.get()
    assert (conversation.mode, conversation.agent.name) == ("ai", "Vendas")


def test_what_the_contact_answers_goes_on_in_that_conversation(alpha, bridge):
    source = make_source(bridge.url)
    post(source, ANA)
    work()
    device_ref = source.account_ref
    receive(Device.objects.get(uuid=device_ref), message_body("oi"))

    assert Conversation.objects.count() == 1


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"x-api-key": SECRET, "idempotency-key": "k1"}, id="a key"),
        pytest.param({"authorization": f"Bearer {SECRET}"}, id="the same body"),
    ],
)
def test_what_comes_again_does_nothing(alpha, bridge, headers):
    source = make_source(bridge.url)

    first, second = (post(source, ANA, **headers).json() for _ in range(2))

    assert (first["status"], second["status"]) == ("accepted", "duplicate")
    assert first["lead_id"] == second["lead_id"]
    assert FollowUp.objects.count() == 1
    assert IncomingLead.objects.count() == 1


def signed(body: bytes, *, secret: str = SECRET, age_s: int = 0, ref: str = "m1") -> dict[str, str]:
    at = timezone.now() - timedelta(seconds=age_s)
    return signing.headers(message_id=ref, body=body, sent_at=at, signing_secrets=[secret])


def test_a_signed_lead_is_taken_once_under_its_id(alpha, bridge):
    source = make_source(bridge.url)
    body = json.dumps(ANA).encode()

    assert post(source, body, **signed(body)).json()["status"] == "accepted"
    assert post(source, body, **signed(body)).json()["status"] == "duplicate"
    assert post(source, body, **signed(body, ref="m2")).json()["status"] == "accepted"
    assert Lead.objects.count() == 1


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"accept": "*/*"}, id="nothing"),
        pytest.param({"x-api-key": "wrong"}, id="another key"),
        pytest.param({"authorization": "Bearer"}, id="no token"),
        pytest.param(signed(b"{}"), id="another body"),
        pytest.param(signed(json.dumps(ANA).encode(), secret="whsec_d3Jvbmc="), id="secret"),
        pytest.param(signed(json.dumps(ANA).encode(), age_s=400), id="too old"),
        pytest.param({**signed(json.dumps(ANA).encode()), "webhook-timestamp": "x"}, id="no time"),
    ],
)
def test_who_does_not_know_the_secret_brings_nothing(alpha, bridge, headers):
    source = make_source(bridge.url)

    answer = post(source, ANA, **headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed")
    assert not Lead.objects.exists()


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        pytest.param({"name": "Ana"}, 422, "no_phone", id="no phone"),
        pytest.param({"phone": "12"}, 422, "no_phone", id="no number"),
        pytest.param({"phone": ["11988887777"]}, 422, "no_phone", id="a list"),
        pytest.param([1], 422, "bad_lead_source", id="no object"),
        pytest.param(b"{", 422, "bad_lead_source", id="no JSON"),
        pytest.param(b"[" * 60_000, 422, "bad_lead_source", id="deep"),
        pytest.param(b"x" * 70_000, 413, "too_large", id="large"),
    ],
)
def test_what_is_no_lead_is_refused(alpha, bridge, data, status, code):
    answer = post(make_source(bridge.url), data)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Contact.objects.exists()


def test_a_lead_says_how_long_it_is_and_brings_no_more(alpha, bridge):
    source = make_source(bridge.url)
    path = f"/hooks/leads/{source.uuid}/"
    client = Client(headers={"host": "alpha.localhost"})

    unsaid = client.generic("POST", path, json.dumps(ANA), CONTENT_LENGTH="")
    strange = client.generic("POST", path, json.dumps(ANA), CONTENT_LENGTH="²")
    endless = client.generic("POST", path, json.dumps(ANA), CONTENT_LENGTH="9" * 5_000)
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(b"content-length", b"10"), (b"transfer-encoding", b"chunked")],
    }
    more = webhooks.bring_lead(ASGIRequest(scope, io.BytesIO(b"x" * 70_000)), source.uuid)

    assert [one.status_code for one in (unsaid, strange, endless, more)] == [411, 411, 413, 413]
    assert not Contact.objects.exists()


def test_fields_are_found_where_the_sender_has_them(alpha, bridge):
    LeadField.objects.create(key="style", label="Estilo", choices=["novo", "velho"])
    source = make_source(
        bridge.url,
        fields={"name": "leads.0.nome", "phone": "leads.0.tel", "style": "leads.0.cf.estilo"},
    )

    post(source, {"leads": [{"nome": "Bia", "tel": 5511977776666, "cf": {"estilo": "novo"}}]})
    post(source, {"leads": [{"nome": "Caio", "tel": "+351912345678", "cf": {"estilo": "outro"}}]})

    first, second = Lead.objects.order_by("pk")
    assert values(first) == {"name": "Bia", "style": "novo"}
    assert values(second) == {"name": "Caio"}
    phones = set(Contact.objects.values_list("addresses__value", flat=True))
    assert phones == {"5511977776666", "351912345678"}


@pytest.mark.parametrize(
    ("phone", "number"),
    [
        pytest.param(5511988887777.0, "5511988887777", id="a spreadsheet's"),
        pytest.param(11988887777, "5511988887777", id="a number"),
        pytest.param("+55 11 98888-7777 ramal 12", "5511988887777", id="an extension"),
        pytest.param("+55 (0)11 98888-7777", "5511988887777", id="a zero in brackets"),
        pytest.param("+55 011 98888-7777", "5511988887777", id="a zero before the area"),
        pytest.param("0xx11 3333-4444", "551133334444", id="any carrier"),
        pytest.param("11 98888-7777 ou 11 3333-4444", "5511988887777", id="two"),
        pytest.param("(11) 98888-7777 / 3333-4444", "5511988887777", id="two with a stroke"),
        pytest.param("+5511988887777, +551133334444", "5511988887777", id="a list"),
        pytest.param("11/98888-7777", "5511988887777", id="a stroke within"),
        pytest.param("11_98888_7777", "5511988887777", id="underscores"),
        pytest.param("١١ ٩٨٨٨٨-٧٧٧٧", "5511988887777", id="Arabic digits"),
        pytest.param("１１９８８８８７７７７", "5511988887777", id="wide digits"),
        pytest.param("+44 (0)20 7946 0958", "442079460958", id="abroad"),
        pytest.param("tel:+55-11-98888-7777", "5511988887777", id="a link"),
    ],
)
def test_a_phone_is_read_as_it_was_meant(alpha, bridge, phone, number):
    answer = post(make_source(bridge.url), {"phone": phone})

    assert answer.status_code == 200
    assert Contact.objects.get().addresses.get().value == number


@pytest.mark.parametrize(
    ("state", "outcome"),
    [("opted_out", "opted_out"), ("blocked", "blocked"), ("human", "with_people")],
)
def test_who_must_not_be_written_to_is_not(alpha, bridge, state, outcome):
    source = make_source(bridge.url)
    post(source, ANA)
    FollowUp.objects.all().delete()
    if state == "opted_out":
        Contact.objects.update(opted_out_at=timezone.now())
    elif state == "blocked":
        Contact.objects.update(is_blocked=True)
    else:
        conversation = Conversation.objects.get()
        takeover.take_over(conversation_uuid=conversation.uuid, actor="rosa", now=timezone.now())

    answer = post(source, {**ANA, "need": "app"})

    assert answer.json()["contact"] == outcome
    assert not FollowUp.objects.exists()
    assert values(Lead.objects.get())["need"] == "app"


def test_what_cannot_be_stored_does_not_lose_the_lead(alpha, bridge):
    body = b'{"phone": "11988887777", "name": "Ana \\ud83d", "need": NaN, "company": 1e400}'

    answer = post(make_source(bridge.url, first_message="Oi {{ name }}"), body)

    assert answer.status_code == 200
    assert values(Lead.objects.get())["name"] == "Ana ?"
    assert "need" not in values(Lead.objects.get())


def test_the_newest_form_counts_also_where_it_goes_back(alpha, bridge):
    source = make_source(bridge.url)
    for key, budget in enumerate(("10 mil", "20 mil", "10 mil", "10 mil")):
        post(source, {**ANA, "budget": budget, "key": key})

    assert values(Lead.objects.get())["budget"] == "10 mil"
    assert LeadValue.objects.filter(key="budget").count() == 3


def test_long_keys_that_begin_alike_are_two(alpha, bridge):
    source = make_source(bridge.url)
    told = []
    for last in "abb":
        key = {"authorization": f"bearer {SECRET}", "idempotency-key": "k" * 100 + last}
        told.append(post(source, {**ANA, "need": last}, **key).json()["status"])
        body = json.dumps({**ANA, "budget": last}).encode()
        told.append(post(source, body, **signed(body, ref="m" * 100 + last)).json()["status"])

    assert told == ["accepted"] * 4 + ["duplicate"] * 2


def test_without_a_first_message_the_lead_waits(alpha, bridge):
    source = make_source(bridge.url, first_message="")

    assert post(source, ANA).json()["contact"] == "kept"
    assert not FollowUp.objects.exists()


def test_a_name_that_is_missing_leaves_no_gap(alpha, bridge):
    post(make_source(bridge.url), {"phone": "11988887777"})

    assert FollowUp.objects.get().text == "Olá, obrigado pelo interesse!"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("PIX de graça em https://evil.example/p?a=1", "PIX de graça em"),
        ("Ganhe: www.evil.example bit.ly/abc evil.com.br t.me", "Ganhe:"),
        ("Dr.Silva ana@example.com", "Dr.Silva ana@example.com"),
        ("x" * 100, "x" * 60),
    ],
)
def test_what_a_form_says_is_short_and_links_to_nothing(alpha, bridge, name, shown):
    source = make_source(bridge.url, first_message="Olá {{ name }}")

    post(source, {**ANA, "name": name})

    assert FollowUp.objects.get().text == f"Olá {shown}"
    assert values(Lead.objects.get())["name"] == name


def test_a_source_writes_to_a_contact_once_in_a_week(alpha, bridge):
    source = make_source(bridge.url)

    told = [post(source, {**ANA, "need": need}).json()["contact"] for need in ("site", "app")]
    assert told == ["written", "written_before"]
    assert post(source, {**ANA, "phone": "11977776666"}).json()["contact"] == "written"
    IncomingLead.objects.update(received_at=timezone.now() - lead_sources.WRITES_EVERY)
    assert post(source, {**ANA, "need": "loja"}).json()["contact"] == "written"


def test_the_first_message_keeps_the_rules_for_what_nobody_asked_for(alpha, bridge):
    source = make_source(bridge.url)
    Device.objects.update(unasked_cap=1)
    post(source, ANA)
    post(source, {**ANA, "phone": "11977776666"})
    work()

    assert len(bridge.sent) == 1
    sent = OutboundMessage.objects.get()
    assert (sent.is_unasked, sent.origin) == (True, "system")
    waiting = FollowUp.objects.get(status="waiting")
    assert waiting.reason == "the day's planned messages are used up"


def test_a_first_message_that_waits_is_called_off_when_a_person_comes(alpha, bridge):
    source = make_source(bridge.url)
    post(source, ANA)
    conversation = Conversation.objects.get()
    takeover.take_over(conversation_uuid=conversation.uuid, actor="rosa", now=timezone.now())
    work()

    assert bridge.sent == []
    assert FollowUp.objects.get().status == "cancelled"


def test_a_form_does_not_change_the_number_that_whatsapp_knows(alpha, bridge):
    source = make_source(bridge.url)
    receive(Device.objects.get(), message_body("oi", phone="551188887777"))
    Timer.objects.all().delete()
    post(source, ANA)
    work()

    assert Contact.objects.count() == 1
    assert [one.phone for one in bridge.sent] == ["551188887777"]


def test_a_source_whose_number_is_off_asks_to_be_tried_later(alpha, bridge):
    source = make_source(bridge.url)
    Device.objects.update(is_enabled=False)

    answer = post(source, ANA)

    assert (answer.status_code, answer["Retry-After"]) == (503, "300")
    LeadSource.objects.update(is_active=False)
    assert post(source, ANA).status_code == 404


def test_a_lead_of_a_form_is_told_of(alpha, bridge):
    with Receiver() as crm:
        make_endpoint(f"{crm.url}/", "lead.created", "conversation.opened")
        post(make_source(bridge.url), ANA)
        deliver()

        bodies = crm.bodies(SECRET)
    assert [(one["type"], one["sequence"]) for one in bodies] == [
        ("conversation.opened", 1),
        ("lead.created", 2),
    ]
    assert bodies[1]["data"]["source"] == "site"


def test_a_form_may_fill_all_fields_that_there_can_be(alpha, bridge):
    keys = [f"{number:02}".rjust(30, "a") for number in range(30)]
    for key in keys:
        LeadField.objects.create(key=key, label=key)
    source = make_source(bridge.url)
    with Receiver() as crm:
        make_endpoint(f"{crm.url}/", "lead.created")
        answer = post(source, {**ANA, **dict.fromkeys(keys, "x" * 500)})
        deliver()

        [body] = crm.bodies(SECRET)
    assert answer.status_code == 200
    assert set(keys) <= set(body["data"]["changed"].split(", "))


@pytest.mark.parametrize(
    "given",
    [
        {"first_message": "Oi {{ senha }}"},
        {"fields": {"owner": "a"}},
        {"fields": {"name": "a[0]"}},
    ],
)
def test_a_source_that_cannot_be_is_refused(alpha, bridge, given):
    with pytest.raises(lead_sources.BadSource):
        make_source(bridge.url, **given)


def test_a_source_of_one_tenant_is_none_of_another(alpha, beta, bridge):
    mine = make_source(bridge.url)
    with tenant_context(beta):
        theirs = make_source(bridge.url, secret="whsec_b3RoZXItc2VjcmV0LW9mLWJldGE=")
        LeadSource.objects.filter(pk=theirs.pk).update(id=mine.pk)

    assert post(mine, ANA, slug="beta").status_code == 404
    assert post(theirs, ANA).status_code == 404
    assert post(theirs, ANA, slug="beta").status_code == 401
    assert post(mine, ANA).status_code == 200
    with tenant_context(beta):
        assert not Lead.objects.exists()


def test_two_workers_take_the_same_lead_once(committed_alpha, bridge):
    source = make_source(bridge.url)
    gate = threading.Barrier(2)
    outcomes: list[object] = []

    def run() -> None:
        try:
            with schema_context("t_alpha"):
                gate.wait(60)
                received = lead_sources.receive(
                    source=source, data=ANA, dedup_key="k", now=timezone.now()
                )
                outcomes.append(received.is_new)
        except BaseException as error:
            outcomes.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)

    assert sorted(outcomes) == [False, True]
    assert Lead.objects.count() == 1
    assert FollowUp.objects.count() == 1


def test_two_forms_of_one_contact_at_once_are_written_to_once(committed_alpha, bridge):
    source = make_source(bridge.url)

    def bring(key: str) -> str:
        return lead_sources.receive(
            source=source, data=ANA, dedup_key=key, now=timezone.now()
        ).outcome

    outcomes = at_once(lambda: bring("k1"), lambda: bring("k2"))

    assert sorted(outcomes) == ["written", "written_before"]
    assert FollowUp.objects.count() == 1


def test_old_keys_are_forgotten(alpha, bridge):
    post(make_source(bridge.url), ANA)

    assert lead_sources.clear_old(now=timezone.now()) == 0
    assert lead_sources.clear_old(now=timezone.now() + timedelta(days=31)) == 1
