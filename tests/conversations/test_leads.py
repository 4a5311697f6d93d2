"""Leads: filled by turns and at the end, each value with its words; people have the last word."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from agents.types_leads import LeadFound
from conversations.models import (
    Contact,
    ContactFact,
    Conversation,
    InboundMessage,
    IncomingLead,
    Lead,
    LeadField,
    LeadMove,
    LeadValue,
)
from conversations.services import identity, lead_fields, lead_sources, lead_values, leads, takeover
from conversations.types import Address
from tests.conversations.leads import make_qualifier, say, values, write
from tests.factories import (
    learn,
    make_agent,
    make_device,
    message_body,
    receive,
    ring_endings,
    work,
)
from tests.fakes.bridge import FakeBridge
from tests.fakes.llm import FakeLLM, Mode


@pytest.fixture
def bridge():
    with FakeBridge() as bridge:
        yield bridge


@pytest.fixture
def llm():
    with FakeLLM() as llm:
        yield llm


def value(field: str, text: str, quote: str, confidence: int = 90, **more: object) -> dict:
    return {"field": field, "value": text, "quote": quote, "confidence": confidence, **more}


def test_an_agent_fills_a_lead_while_it_answers(alpha, bridge, llm):
    learn()
    device = make_device(make_qualifier(llm), bridge_url=bridge.url)
    llm.call("record_lead", values=[value("need", "site novo", "quero um site novo")])
    llm.say("Que bom! Para quando você precisa?")
    receive(device, message_body("oi, aqui é a Ana. quero um site novo", ref="A1"))
    work()
    llm.call(
        "record_lead",
        values=[
            value("timing", "até março", "preciso até março"),
            value("budget", "R$ 80.000", "tenho muito dinheiro"),
        ],
    )
    llm.say("Perfeito, anotado!")
    receive(device, message_body("preciso até março", ref="A2"))
    work()

    lead = Lead.objects.get()
    assert values(lead) == {"need": "site novo", "name": "Ana", "timing": "até março"}
    need = LeadValue.objects.get(key="need")
    assert (need.words, need.confidence) == ("quero um site novo", 90)
    assert need.message.provider_ref == "A1"
    assert lead.score == 50  # nearly: (30 + 20 + 5) * 0.9 of 100
    assert [one.body for one in bridge.sent] == [
        "Que bom! Para quando você precisa?",
        "Perfeito, anotado!",
    ]


def test_what_a_superseded_turn_has_found_is_not_kept(alpha, bridge, llm):
    learn()
    device = make_device(make_qualifier(llm), bridge_url=bridge.url)
    conversation = write(device, "quero um site novo")
    takeover.take_over(conversation_uuid=conversation.uuid, actor="rosa", now=timezone.now())
    work()

    assert not Lead.objects.exists()


def test_an_agent_that_fills_no_lead_pays_nothing_for_it(alpha, bridge, llm):
    learn()
    device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
    llm.mode = Mode.EVIDENCE
    receive(device, message_body("quanto custa a limpeza?"))

    with CaptureQueriesContext(connection) as captured:
        work()

    assert not [one["sql"] for one in captured if "conversations_lead" in one["sql"]]
    assert "record_lead" not in json.dumps(llm.prompts)
    assert llm.offered == [[]]


def test_a_batch_of_turns_fills_its_leads_by_the_same_statements(alpha, bridge):
    device = make_device(make_qualifier(), bridge_url=bridge.url)

    def n_queries(n: int) -> int:
        found = []
        for number in range(n):
            one = write(device, "quero um site", phone=f"55119{n}000{number:04d}")
            message = InboundMessage.objects.get(conversation=one)
            found.append((one, [LeadFound("need", "site", 80, "um site", str(message.uuid))]))
        with CaptureQueriesContext(connection) as captured:
            leads.record(found, now=timezone.now())
        return len(captured)

    n_queries(1)  # makes the stages
    assert n_queries(2) == n_queries(9)


def test_at_its_end_a_conversation_is_read_for_what_it_tells(alpha, bridge, llm):
    learn()
    device = make_device(make_qualifier(llm, mode="end"), bridge_url=bridge.url)
    llm.mode = Mode.EVIDENCE
    conversation = write(device, "meu email é ana@example.com. quanto custa a limpeza?")
    work()
    assert llm.offered == [[]]
    takeover.archive(conversation_uuid=conversation.uuid, actor="rosa", now=timezone.now())
    llm.mode = Mode.SCRIPTED
    llm.say(
        '{"summary": "Ana perguntou o preço.", "outcome": "resolved", "topics": ["limpeza"]}',
        json.dumps(
            {
                "values": [
                    value("need", "limpeza", "quanto custa a limpeza", 70),
                    value("authority", "decide com o sócio", "vou ver com meu sócio"),
                ]
            }
        ),
    )

    assert ring_endings() == ["memory:done"]

    lead = Lead.objects.get()
    assert values(lead) == {"need": "limpeza", "email": "ana@example.com"}
    email = LeadValue.objects.get(key="email")
    assert email.words.startswith("meu email é ana@example.com")
    assert "ana@example.com" not in json.dumps(llm.prompts[-1])


def test_without_a_model_rules_find_a_lead(alpha, bridge):
    learn()
    device = make_device(make_qualifier(mode="end"), bridge_url=bridge.url)
    conversation = write(device, "quero limpeza, posso gastar R$ 500 e preciso até amanhã")
    work()
    takeover.archive(conversation_uuid=conversation.uuid, actor="rosa", now=timezone.now())
    ring_endings()

    lead = Lead.objects.get()
    assert set(values(lead)) == {"need", "budget", "timing"}
    assert lead.score == 30


def test_the_price_in_an_ad_is_not_the_contacts_budget(alpha, bridge):
    learn()
    device = make_device(make_qualifier(mode="end"), bridge_url=bridge.url)
    conversation = write(device, "posso ter mais informações?")
    ad = "Clareamento – a partir de R$ 199, até sexta-feira. Orçamento grátis"
    InboundMessage.objects.update(media={"ad": ad})
    work()

    takeover.archive(conversation_uuid=conversation.uuid, actor="rosa", now=timezone.now())
    assert ring_endings() == ["memory:done"]

    assert not Lead.objects.exists()


def test_who_has_only_told_their_name_is_no_lead(alpha, bridge):
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    conversation = write(device, "me chamo Ana Souza")
    message = InboundMessage.objects.get()
    name = LeadFound("name", "Ana Souza", 90, "Ana Souza", str(message.uuid))

    leads.record([(conversation, [name])], now=timezone.now())

    assert not Lead.objects.exists()


def test_a_message_of_another_conversation_bears_nothing_out(alpha, bridge):
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    other = write(device, "tenho 50 mil", phone="5511900000001")
    mine = write(device, "quero um site", phone="5511900000002")
    theirs = InboundMessage.objects.get(conversation=other)
    say(mine, "need", "site")

    stolen = LeadFound("budget", "50 mil", 90, "tenho 50 mil", str(theirs.uuid))
    leads.record([(mine, [stolen])], now=timezone.now())

    assert values(Lead.objects.get()) == {"need": "site"}


def test_the_newest_words_count_and_what_was_said_before_is_shown(alpha, bridge):
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    say(write(device, "tenho 5 mil"), "budget", "5 mil")
    lead = say(write(device, "pensando bem, 3 mil"), "budget", "3 mil")

    assert values(lead) == {"budget": "3 mil"}
    rows = list(LeadValue.objects.filter(lead=lead).order_by("pk"))
    assert {k: [one.value for one in v] for k, v in lead_values.contradictions(rows).items()} == {
        "budget": ["5 mil"]
    }

    # What is read again at the end, from the older message, changes nothing.
    first = InboundMessage.objects.earliest("pk")
    again = LeadFound("budget", "5 MIL", 100, "tenho 5 mil", str(first.uuid))
    conversation = Conversation.objects.select_related("contact").get()
    leads.record([(conversation, [again])], now=timezone.now())
    assert values(lead) == {"budget": "3 mil"}
    assert LeadValue.objects.count() == 2


def test_what_a_person_corrects_is_never_overwritten(alpha, bridge):
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    lead = say(write(device, "tenho 5 mil"), "budget", "5 mil")

    leads.correct(lead=lead, key="budget", value="7 mil", actor="rosa", now=timezone.now())
    say(write(device, "na verdade 3 mil"), "budget", "3 mil")

    assert values(lead) == {"budget": "7 mil"}
    rows = list(LeadValue.objects.filter(lead=lead).order_by("pk"))
    assert [one.value for one in lead_values.contradictions(rows)["budget"]] == ["3 mil"]

    leads.settle(
        lead=lead, value_id=LeadValue.objects.get(value="3 mil").pk, actor="rui", now=timezone.now()
    )
    assert values(lead) == {"budget": "3 mil"}
    rows = list(LeadValue.objects.filter(lead=lead).order_by("pk"))
    assert lead_values.contradictions(rows) == {}

    assert leads.release(lead=lead, key="budget", actor="rui", now=timezone.now())
    assert values(lead) == {"budget": "3 mil"}
    assert LeadValue.objects.get(is_current=True).set_by == ""
    assert not leads.release(lead=lead, key="budget", actor="rui", now=timezone.now())


def test_a_person_can_say_that_there_is_nothing(alpha, bridge):
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    lead = say(write(device, "tenho 5 mil"), "budget", "5 mil")
    leads.correct(lead=lead, key="budget", value="  ", actor="rosa", now=timezone.now())

    lead = say(write(device, "tenho 6 mil"), "budget", "6 mil")

    assert values(lead) == {"budget": ""}
    assert lead.score == 0


@pytest.mark.parametrize(("key", "text"), [("owner", "x"), ("budget", "x" * 501), ("style", "x")])
def test_a_value_that_cannot_be_is_refused(alpha, bridge, key, text):
    LeadField.objects.create(key="style", label="Estilo", choices=["novo"])
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    lead = say(write(device, "tenho 5 mil"), "budget", "5 mil")

    with pytest.raises(leads.BadValue):
        leads.correct(lead=lead, key=key, value=text, actor="rosa", now=timezone.now())


def test_the_score_is_points_times_confidence_and_leaves_out_what_speaks_against(alpha, bridge):
    LeadField.objects.create(key="area", label="Área", points=100)
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    conversation = write(device, "quero um telhado de 80 m2, mas não tenho dinheiro")
    say(conversation, "need", "telhado", confidence=50)
    say(conversation, "budget", "não tem", confidence=100, is_against=True)
    lead = say(conversation, "area", "80 m2", confidence=80)

    assert lead.score == round(100 * (30 * 0.5 + 100 * 0.8) / 200)


def test_a_score_that_reaches_the_mark_moves_the_lead_once(alpha, bridge):
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    conversation = write(device, "quero um site até março por 5 mil")
    say(conversation, "need", "site")
    say(conversation, "budget", "5 mil")
    lead = say(conversation, "timing", "até março")

    assert lead.score == 75
    assert lead.qualified_at is not None
    assert lead.stage.kind == "qualified"
    assert [one.by for one in LeadMove.objects.all()] == [""]


def test_new_points_score_all_open_leads_anew(alpha, bridge):
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    lead = say(write(device, "quero um site"), "need", "site")
    points = {**dict.fromkeys(lead_fields.rules().points, 0), "need": 10, "budget": 10}

    assert lead_fields.save(points=points, qualified_from=80) == ["points", "qualified_from"]
    assert leads.score_all(now=timezone.now(), at_once=1) == 1

    lead.refresh_from_db()
    assert (lead.score, lead.qualified_at) == (50, None)


def test_two_contacts_who_are_one_have_one_lead(alpha, bridge):
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    say(write(device, "quero um site", phone="5511900000001"), "need", "site")
    second = say(write(device, "um app, 9 mil", phone="5511900000002"), "need", "app")
    say(second.conversation, "budget", "9 mil")

    keep, twin = Contact.objects.order_by("pk")
    identity.merge_contacts(keep=keep, twin=twin, actor="rosa")

    lead = Lead.objects.get()
    assert lead.contact_id == keep.pk
    assert values(lead) == {"need": "site", "budget": "9 mil"}
    assert LeadValue.objects.filter(lead=lead, key="need").count() == 2
    assert lead.score == 55


def test_what_a_form_brought_stays_with_the_lead_that_goes_on(alpha, bridge):
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    kept = say(write(device, "quero um site", phone="5511900000001"), "need", "site")
    other = say(write(device, "um app", phone="5511900000002"), "need", "app")
    ensured = lead_sources.ensure_source(name="site", account_ref=device.uuid)
    IncomingLead.objects.create(
        source=ensured.source, lead=other, outcome="written", received_at=timezone.now()
    )

    keep, twin = Contact.objects.order_by("pk")
    identity.merge_contacts(keep=keep, twin=twin, actor="rosa")

    assert IncomingLead.objects.get().lead == kept


def test_a_lead_that_was_closed_makes_room_for_another(alpha, bridge):
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    conversation = write(device, "quero um site")
    first = say(conversation, "need", "site")
    Lead.objects.update(closed_at=timezone.now())

    assert say(conversation, "need", "app").pk != first.pk


def test_a_fact_that_people_wrote_of_a_contact_counts_for_the_lead(alpha, bridge):
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    conversation = write(device, "quero um site")
    ContactFact.objects.create(
        contact=conversation.contact,
        kind="name",
        value="Dona Ana",
        learnt_at=timezone.now(),
        set_by="rosa",
    )
    ContactFact.objects.create(
        contact=conversation.contact,
        kind="phone",
        value="11 97777-6666",
        learnt_at=timezone.now(),
        valid_until=timezone.now().date() - timedelta(days=1),
    )

    lead = say(conversation, "need", "site")

    assert values(lead) == {"need": "site", "name": "Dona Ana"}
    assert LeadValue.objects.get(key="name").set_by == "rosa"


def test_leads_with_the_same_ids_stay_in_their_tenant(alpha, beta, bridge):
    def make(text: str) -> Lead:
        device = make_device(make_qualifier(), bridge_url=bridge.url)
        return say(write(device, text), "need", text)

    mine = make("quero um site")
    LeadField.objects.create(key="area", label="Área", points=100)
    lead_fields.changed_here()
    with tenant_context(beta):
        theirs = make("quero um app")
        # The same id on purpose, whatever the sequences say.
        LeadValue.objects.filter(lead=theirs).delete()
        Lead.objects.filter(pk=theirs.pk).update(id=mine.pk)
        theirs = say(theirs.conversation, "need", "quero um app")
        assert theirs.pk == mine.pk
        assert "area" not in lead_fields.rules().keys
        leads.correct(lead=theirs, key="need", value="loja", actor="bia", now=timezone.now())
        assert values(theirs) == {"need": "loja"}

    assert values(mine) == {"need": "quero um site"}
    with pytest.raises(leads.BadValue):
        leads.settle(lead=mine, value_id=10**9, actor="rosa", now=timezone.now())


def test_two_workers_make_one_lead_and_one_value_of_each_field(committed_alpha, bridge):
    device = make_device(make_qualifier(), bridge_url=bridge.url)
    contact = identity.ensure_contact(address=Address(phone="5511988887777"), name="Ana")
    # Two conversations of one contact: no lock of theirs keeps the workers apart.
    texts = ["quero um site", "quero um app"]
    for place, text in enumerate(texts):
        one = Conversation.objects.create(
            contact=contact,
            channel_kind="whatsapp",
            channel_account_ref=device.uuid,
            status="archived" if place else "open",
            opened_at=timezone.now(),
            last_message_at=timezone.now(),
        )
        InboundMessage.objects.create(
            conversation=one,
            channel_account_ref=device.uuid,
            provider_ref=f"R{place}",
            text=text,
            sent_at=timezone.now(),
            received_at=timezone.now(),
        )
    gate = threading.Barrier(2)
    failed: list[BaseException] = []

    def run(place: int) -> None:
        try:
            with schema_context("t_alpha"):
                gate.wait(60)
                with transaction.atomic():
                    [message] = InboundMessage.objects.filter(provider_ref=f"R{place}")
                    [conversation] = Conversation.objects.lock([message.conversation_id], wait=True)
                    found = LeadFound("need", message.text, 90, message.text, str(message.uuid))
                    leads.record([(conversation, [found])], now=timezone.now())
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)

    assert failed == []
    lead = Lead.objects.get()
    assert LeadValue.objects.filter(lead=lead).count() == 2
    assert values(lead) == {"need": "quero um app"}
