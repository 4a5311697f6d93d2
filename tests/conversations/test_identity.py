"""One person is one contact, under a phone, a LID, or both in any order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django_tenants.utils import tenant_context

from conversations.models import Contact, Conversation, Handoff, InboundMessage, Turn
from conversations.services import bursts, identity, takeover
from conversations.types import Address
from tenants.audit.models import AuditEntry
from tenants.context import database_now
from tenants.models import Timer
from tests.factories import make_agent, make_device, make_queue, message_body, receive
from tests.workers import at_once

PHONE, LID = "5511988887777", "198765432101234"
BOTH, BY_PHONE, BY_LID = Address(PHONE, LID), Address(phone=PHONE), Address(lid=LID)


@pytest.mark.parametrize(
    "order",
    [(BOTH, BY_LID, BY_PHONE), (BY_PHONE, BOTH, BY_LID), (BY_LID, BY_PHONE, BOTH)],
    ids=["both-first", "phone-first", "strangers-first"],
)
def test_whatever_comes_first_it_is_one_contact_in_the_end(alpha, order):
    for address in order:
        identity.ensure_contact(address=address, name="Ana")

    contact = Contact.objects.get()
    assert identity.address_of(contact) == BOTH
    assert contact.name == "Ana"


def test_what_a_form_says_does_not_change_how_whatsapp_writes_a_number(alpha):
    told = identity.ensure_contact(address=Address(phone="551188887777"), name="Ana")
    typed = identity.ensure_contact(address=BY_PHONE, name="Ana Souza", is_from_channel=False)

    assert typed == told
    assert identity.address_of(typed) == Address(phone="551188887777")
    # The other way round the channel knows better.
    late = identity.ensure_contact(
        address=Address(phone="5521988887777"), name="", is_from_channel=False
    )
    identity.ensure_contact(address=Address(phone="552188887777"), name="")
    assert identity.address_of(late).phone == "552188887777"


def test_two_tenants_know_the_same_phone_as_two_people(alpha, beta):
    identity.ensure_contact(address=BY_PHONE, name="Ana")
    with tenant_context(beta):
        identity.ensure_contact(address=BY_PHONE, name="Bia")

    assert Contact.objects.get().name == "Ana"


def test_merging_keeps_what_was_answered_answered_and_what_waits_waiting(alpha):
    device = make_device(make_agent())
    receive(device, message_body("pelo telefone", phone=PHONE, ref="A1"))
    by_phone = Conversation.objects.get()
    receive(device, message_body("pelo lid", phone="", lid=LID, ref="A2"))
    turn = Turn.objects.create(
        conversation=by_phone,
        status="done",
        covered_upto=InboundMessage.objects.get(provider_ref="A1").pk,
        n_messages=1,
        burst_started_at=datetime.now(UTC),
        started_at=datetime.now(UTC),
    )
    InboundMessage.objects.filter(provider_ref="A1").update(turn=turn)

    receive(device, message_body("dos dois", phone=PHONE, lid=LID, ref="A3"))

    conversation = Conversation.objects.get()
    pending = [m.provider_ref for m in bursts.pending_messages(conversation)]
    assert pending == ["A2", "A3"]
    assert InboundMessage.objects.filter(conversation=conversation).count() == 3


def test_two_workers_make_one_contact(committed_alpha):
    contacts = at_once(*[lambda: identity.ensure_contact(address=BOTH, name="Ana").pk] * 4)

    assert len(set(contacts)) == 1


def test_a_burst_that_waits_is_answered_though_a_silent_event_merged_it(alpha):
    device = make_device(make_agent())
    receive(device, message_body("pelo telefone", phone=PHONE, ref="A1"))
    Timer.objects.all().delete()  # answered meanwhile
    receive(device, message_body("pelo lid", phone="", lid=LID, ref="A2"))

    # The bridge repeats the message, and knows the phone to the LID now.
    receive(device, message_body("pelo lid", phone=PHONE, lid=LID, ref="A2"))
    assert Conversation.objects.count() == 2  # a repeat is recognised before it is read
    identity.ensure_contact(address=BOTH, name="")  # as an echo of the owner's phone does

    conversation = Conversation.objects.get()
    assert Timer.objects.filter(kind="turn", ref=conversation.pk).exists()
    assert conversation.n_pending == 2


def test_merging_does_not_wake_what_a_person_dealt_with(alpha):
    device = make_device(make_agent())
    receive(device, message_body("pelo telefone", phone=PHONE, ref="A1"))
    receive(device, message_body("pelo lid", phone="", lid=LID, ref="A2"))
    receive(device, message_body("e mais", phone="", lid=LID, ref="A3"))
    by_lid = InboundMessage.objects.get(provider_ref="A3").conversation
    Conversation.objects.filter(pk=by_lid.pk).update(
        handled_upto=InboundMessage.objects.get(provider_ref="A3").pk
    )

    identity.ensure_contact(address=BOTH, name="")

    conversation = Conversation.objects.get()
    assert [m.provider_ref for m in bursts.pending_messages(conversation)] == ["A1"]


def test_of_two_that_are_joined_the_one_that_was_last_written_in_goes_on(alpha):
    front, specialist = make_agent(), make_agent(name="Vendas")
    device = make_device(front)
    receive(device, message_body("pelo telefone", phone=PHONE, ref="A1"))
    receive(device, message_body("pelo lid", phone="", lid=LID, ref="A2"))
    older, newer = Conversation.objects.order_by("pk")
    now = database_now()
    handoff = Handoff.objects.create(
        conversation=newer, cause="tool", from_agent=front, to_agent=specialist, created_at=now
    )
    hops = [[front.pk, specialist.pk, now.isoformat()]]
    Conversation.objects.filter(pk=older.pk).update(
        opened_at=now - timedelta(days=2),
        last_message_at=now - timedelta(days=1),
        n_superseded=3,
        summary="Pediu o preço.",
        summarised_until=now - timedelta(days=1),
    )
    Conversation.objects.filter(pk=newer.pk).update(
        opened_at=now - timedelta(days=3),
        last_message_at=now,
        agent=specialist,
        last_handoff=handoff,
        recent_hops=hops,
        summary="Quer comprar.",
        waits_until=now + timedelta(seconds=5),
    )

    identity.ensure_contact(address=BOTH, name="")

    joined = Conversation.objects.get()
    assert (joined.pk, joined.agent, joined.recent_hops) == (older.pk, specialist, hops)
    assert (joined.last_handoff, joined.last_message_at) == (handoff, now)
    assert joined.opened_at == now - timedelta(days=3)
    # What the newer one was told before the older one's summary is in neither: it is read again.
    assert (joined.summary, joined.summarised_until) == ("Pediu o preço.\nQuer comprar.", None)
    assert joined.waits_until == now + timedelta(seconds=5)
    # Its running turn gives way, however often one did: behind its mark a message waits now.
    assert joined.n_superseded == 0


@pytest.mark.parametrize("is_known", [False, True], ids=["stranger", "known under another number"])
def test_a_number_that_was_given_to_somebody_else_brings_nothing_of_who_had_it(
    alpha, beta, is_known
):
    device = make_device(make_agent())
    receive(device, message_body("estou com dor", phone=PHONE, lid=LID, ref="A1"))
    with tenant_context(beta):
        identity.ensure_contact(address=BOTH, name="Ana")
    before = Contact.objects.get()
    if is_known:
        receive(device, message_body("oi", phone="5521977776666", lid="777", ref="B1"))

    receive(device, message_body("quanto custa?", phone=PHONE, lid="777", ref="B2"))

    now = Contact.objects.exclude(pk=before.pk).get()
    assert identity.address_of(before) == BY_LID
    assert (identity.address_of(now).phone, identity.address_of(now).lid) == (PHONE, "777")
    asked = InboundMessage.objects.get(provider_ref="B2")
    assert asked.conversation.contact == now
    assert list(before.conversations.values_list("inbound__text", flat=True)) == ["estou com dor"]
    assert AuditEntry.objects.get(action="contact.number_taken").target == f"contact {before.uuid}"
    with tenant_context(beta):
        assert identity.address_of(Contact.objects.get()) == BOTH


def test_who_has_two_numbers_is_answered_where_they_wrote_last(alpha):
    device, other = make_device(make_agent()), "5521977776666"
    for phone, ref in ((PHONE, "A1"), (other, "A2"), (PHONE, "A3")):
        receive(device, message_body("oi", phone=phone, lid=LID, ref=ref))

        assert identity.address_in(Conversation.objects.get()).phone == phone


@pytest.mark.parametrize("held", [0, 1], ids=["older_held", "newer_held"])
def test_what_waits_for_the_assistant_waits_for_who_has_the_joined_conversation(alpha, held):
    device = make_device(make_agent())
    receive(device, message_body("oi"), message_body("oi", phone="", lid="777"))
    with_people = Conversation.objects.order_by("pk")[held]
    for act in (takeover.take_over, takeover.stay):
        act(conversation_uuid=with_people.uuid, actor="ana", now=database_now())
    assert not Conversation.objects.filter(waiting_since__isnull=False).exists()

    identity.ensure_contact(address=Address(phone="5511988887777", lid="777"), name="")

    joined = Conversation.objects.get()
    assert (joined.mode, joined.claimed_by, joined.n_pending) == ("human", "ana", 0)
    assert joined.waiting_since is not None
    assert joined.answer_due_at is not None
    assert set(InboundMessage.objects.values_list("silence_reason", flat=True)) == {"human_mode"}


def test_who_waits_in_a_queue_waits_on_when_joined_with_what_a_person_has_answered(alpha):
    device = make_device(make_agent(handoffs=[make_queue()]))
    receive(device, message_body("oi"), message_body("oi", phone="", lid="777"))
    answered, waiting = Conversation.objects.order_by("pk")
    for act in (takeover.take_over, takeover.stay):
        act(conversation_uuid=answered.uuid, actor="ana", now=database_now())
    takeover.leave_to_people(conversation=waiting, reason="asked for a person", now=database_now())

    identity.ensure_contact(address=Address(phone="5511988887777", lid="777"), name="")

    joined = Conversation.objects.get()
    assert joined.claimed_by == "ana"
    assert joined.waiting_since is not None
    assert joined.answer_due_at is not None
