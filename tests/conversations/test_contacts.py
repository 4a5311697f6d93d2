"""Who a contact is under several addresses, who is left alone, and groups."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django_tenants.utils import tenant_context

from channels_whatsapp.models import BridgeEvent, Device
from conversations.models import (
    Contact,
    ContactFact,
    Conversation,
    InboundMessage,
    OutboundMessage,
)
from conversations.services import contacts, identity, takeover, triggering
from conversations.types import Address
from tenants.audit.models import AuditEntry
from tenants.context import database_now
from tests.factories import learn, make_agent, make_device, message_body, receive, work

GROUP = "120363041234567890@g.us"


def group_body(text: str = "@223344556677889 quanto custa a limpeza?", **context: object) -> bytes:
    event = json.loads(message_body(text, Chat=GROUP, IsGroup=True, PushName="Tom"))
    given = {"text": text, "contextInfo": context}
    event["event"]["Message"] = {"extendedTextMessage": given}
    return json.dumps(event).encode()


@pytest.mark.parametrize(
    ("phone", "other"),
    [
        ("5511987654321", "551187654321"),
        ("551187654321", "5511987654321"),
        ("551132654321", None),
        ("5511932654321", None),
        ("447700900123", None),
        ("55119876", None),
    ],
    ids=["with", "without", "landline", "no-mobile", "abroad", "short"],
)
def test_a_brazilian_mobile_has_two_forms_and_nothing_else_has(phone, other):
    assert identity.phone_forms(phone) == [phone, *([other] if other else [])]


def test_one_person_writes_with_the_ninth_digit_and_without(alpha):
    device = make_device(make_agent())

    receive(device, message_body("oi", phone="5531987654321"))
    receive(device, message_body("tudo bem?", phone="553187654321"))
    receive(device, message_body("voltei", phone="5531987654321:12"))

    contact = Contact.objects.get()
    assert Conversation.objects.count() == 1
    # Both forms are kept; the newest one is written to.
    assert identity.address_of(contact).phone == "553187654321"


def test_two_records_of_a_number_become_one_when_it_is_seen(alpha):
    for phone in ("5531987654321", "553187654321"):
        one = Contact.objects.create(name=phone)
        one.addresses.create(kind="phone", value=phone)

    identity.ensure_contact(address=Address(phone="553187654321"), name="")

    assert Contact.objects.count() == 1
    entry = AuditEntry.objects.get(action="contact.merged")
    assert entry.actor == "channel"


def test_people_join_two_records_and_nothing_is_lost(alpha, beta):
    device = make_device(make_agent())
    receive(device, message_body("pelo telefone", phone="5511988887777"))
    receive(device, message_body("pelo lid", phone="", lid="123"))
    with tenant_context(beta):
        receive(make_device(make_agent()), message_body("beta", phone="5511988887777"))
    first, second = Contact.objects.order_by("pk")

    kept = contacts.merge(first=second, second=first, actor="ana")

    assert kept == Contact.objects.get() == first
    texts = set(InboundMessage.objects.values_list("text", flat=True))
    assert texts == {"pelo telefone", "pelo lid"}
    assert AuditEntry.objects.get(action="contact.merged").actor == "ana"
    with pytest.raises(contacts.NotTwo):
        contacts.merge(first=kept, second=kept, actor="ana")
    with tenant_context(beta):
        assert Contact.objects.count() == 1


def test_of_two_records_facts_what_people_wrote_stays_and_then_what_was_said_last(alpha):
    receive(make_device(make_agent()), message_body("oi"), message_body("oi", phone="", lid="123"))
    first, second = Contact.objects.order_by("pk")
    said = list(InboundMessage.objects.order_by("pk"))
    for contact, kind, value, extra in (
        (first, "name", "Aninha", {"source": said[0]}),
        (second, "name", "Ana Souza", {"set_by": "rosa"}),
        (first, "email", "antigo@exemplo.com.br", {"source": said[0]}),
        (second, "email", "novo@exemplo.com.br", {"source": said[1]}),
        (first, "address", "Rua A, 1", {"set_by": "rosa"}),
        (second, "address", "Rua B, 2", {"source": said[1]}),
        (second, "order", "48213", {"source": said[1]}),
    ):
        ContactFact.objects.create(
            contact=contact, kind=kind, value=value, learnt_at=database_now(), **extra
        )

    kept = contacts.merge(first=first, second=second, actor="ana")

    assert dict(kept.facts.values_list("kind", "value")) == {
        "name": "Ana Souza",
        "email": "novo@exemplo.com.br",
        "address": "Rua A, 1",
        "order": "48213",
    }


def test_a_programs_thread_which_will_be_forgotten_is_joined_with_nobody(alpha):
    agent = make_agent()
    receive(make_device(agent), message_body("pelo telefone", phone="5511988887777"))
    now = database_now()
    made = triggering.trigger(agent=agent, text="oi", thread_ref="pedido-7", now=now)
    assert made.thread is not None
    people = list(Contact.objects.order_by("pk"))

    with pytest.raises(contacts.OfAProgram):
        contacts.merge(first=people[0], second=people[1], actor="ana")
    triggering.clear_expired(now=now + triggering.TTL + timedelta(seconds=1))

    assert InboundMessage.objects.get().text == "pelo telefone"


def test_who_is_blocked_is_stored_and_never_answered(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("quanto custa a limpeza?"))
    contact = Contact.objects.get()

    assert contacts.set_blocked(contact=contact, is_blocked=True, actor="ana", now=database_now())
    assert not contacts.set_blocked(
        contact=contact, is_blocked=True, actor="ana", now=database_now()
    )
    receive(device, message_body("e aí?"))
    work()

    assert not OutboundMessage.objects.exists()
    assert InboundMessage.objects.count() == 2
    assert InboundMessage.objects.order_by("pk").last().silence_reason == "blocked"

    contacts.set_blocked(contact=contact, is_blocked=False, actor="ana", now=database_now())
    receive(device, message_body("quanto custa a limpeza?"))
    work()
    assert OutboundMessage.objects.count() == 1  # to the new question alone


def test_what_waited_at_the_block_says_why_it_is_not_answered_then_or_later(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("quanto custa a limpeza?"))
    contact, held = Contact.objects.get(), Conversation.objects.get().uuid
    for is_blocked in (True, False):
        contacts.set_blocked(
            contact=contact, is_blocked=is_blocked, actor="ana", now=database_now()
        )
    assert InboundMessage.objects.get().silence_reason == "blocked"

    takeover.take_over(conversation_uuid=held, actor="ana", now=database_now())
    takeover.give_back(conversation_uuid=held, actor="ana", now=database_now())
    work()

    assert not OutboundMessage.objects.exists()


@pytest.mark.parametrize("policy", ["ignore", "mention"])
def test_a_group_is_answered_by_policy_and_in_the_group(alpha, bridge, policy):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    Device.objects.update(groups=policy, own_lid="223344556677889")
    device.refresh_from_db()

    receive(device, group_body("bom dia a todos"))
    receive(device, group_body(mentionedJID=["223344556677889@lid"]))
    work()

    reasons = list(BridgeEvent.objects.order_by("pk").values_list("reason", flat=True))
    if policy == "ignore":
        assert reasons == ["group", "group"]
        assert not Contact.objects.exists()
        return
    assert reasons == ["group_not_mentioned", ""]
    assert InboundMessage.objects.get().media["author"] == "Tom"
    # To the group, and not to whoever wrote in it.
    assert [sent.phone for sent in bridge.sent] == ["120363041234567890"]


def test_a_quote_in_a_group_names_who_wrote_and_not_the_group(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    Device.objects.update(groups="mention", own_lid="223344556677889", quotes="always")
    device.refresh_from_db()
    body = json.loads(group_body(mentionedJID=["223344556677889@lid"]))
    body["event"]["Info"] |= {"Sender": "112233445566778:9@lid", "PushName": "Tom @casa"}

    receive(device, json.dumps(body).encode())
    work()

    (sent,) = [one.json() for one in bridge.received if one.path == "/chat/send/text"]
    assert sent["ContextInfo"]["Participant"] == "112233445566778@lid"


def test_a_number_learns_under_which_lid_groups_mention_it(alpha):
    device = make_device(make_agent())
    paired = {"ID": "5511900000000:1@s.whatsapp.net", "LID": "223344556677889:1@lid"}

    receive(device, json.dumps({"type": "PairSuccess", "event": paired}).encode())

    assert Device.objects.get().own_lid == "223344556677889"
