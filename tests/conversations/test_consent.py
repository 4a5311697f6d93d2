"""Opting out is obeyed on every path, once, and undone only by who asked for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone
from django_tenants.utils import tenant_context

from channels_whatsapp.models import Device
from conversations.models import Contact, Conversation, InboundMessage, OutboundMessage, Turn
from conversations.services import consent, outbox, replying, takeover
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.factories import due_now, learn, make_agent, make_device, message_body, receive, work
from tests.fakes.bridge import FakeBridge
from tests.workers import at_once

STOP = "pare de me mandar mensagem"


def device_of(bridge: FakeBridge) -> Device:
    learn()
    return make_device(make_agent(), bridge_url=bridge.url)


def texts(bridge: FakeBridge) -> list[str]:
    return [sent.body for sent in bridge.sent]


def test_one_confirmation_and_then_nothing_until_they_come_back(
    alpha: Tenant, bridge: FakeBridge
) -> None:
    device = device_of(bridge)
    receive(device, message_body(STOP, ref="A1"))
    work()
    receive(device, message_body("quanto custa a limpeza?", ref="A2"))
    receive(device, message_body("SAIR", ref="A3"))
    work()

    assert len(bridge.sent) == 1
    assert "VOLTAR" in texts(bridge)[0]
    assert not Turn.objects.exists()
    assert set(InboundMessage.objects.values_list("silence_reason", flat=True)) == {"opted_out"}

    receive(device, message_body("voltar", ref="A4"))
    work()
    receive(device, message_body("quanto custa a limpeza?", ref="A5"))
    work()

    assert Contact.objects.get().opted_out_at is None
    assert len(bridge.sent) == 3
    assert "220,00" in texts(bridge)[2]
    actions = AuditEntry.objects.filter(action__startswith="contact.").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == [
        "contact.opted_out",
        "contact.opted_in",
    ]


def test_nobody_reaches_who_opted_out_not_even_a_person(alpha: Tenant, bridge: FakeBridge) -> None:
    device = device_of(bridge)
    receive(device, message_body("oi", ref="A1"))
    work()
    conversation = Conversation.objects.get()
    takeover.take_over(conversation_uuid=conversation.uuid, actor="ana", now=timezone.now())

    receive(device, message_body("não quero mais receber mensagens", ref="A2"))
    work()
    n_before = len(bridge.sent)
    replying.reply_as_person(
        conversation_uuid=conversation.uuid, text="Só mais uma!", actor="ana", now=timezone.now()
    )
    outbox.add_message(
        conversation=conversation,
        text="aviso",
        origin=OutboundMessage.Origin.SYSTEM,
        now=timezone.now(),
    )
    work()

    assert "VOLTAR" in texts(bridge)[-1]
    assert len(bridge.sent) == n_before == 2
    assert OutboundMessage.objects.filter(status="cancelled").count() == 2


def test_a_wish_in_two_messages_and_a_late_one_are_obeyed(
    alpha: Tenant, bridge: FakeBridge
) -> None:
    device = device_of(bridge)
    receive(device, message_body("pare de", ref="A1"), message_body("me mandar mensagem", ref="A2"))
    work()
    old = datetime.now(UTC) - timedelta(days=2)
    receive(device, message_body("STOP", ref="B1", phone="5511900000003", at=old))
    work()

    assert Contact.objects.filter(opted_out_at=None).count() == 0
    assert len(bridge.sent) == 2


def test_a_wish_that_comes_late_undoes_none_that_was_said_after_it(
    alpha: Tenant, bridge: FakeBridge
) -> None:
    device = device_of(bridge)
    now = datetime.now(UTC)
    receive(device, message_body(STOP, ref="A2", at=now - timedelta(minutes=9)))
    receive(device, message_body("voltar", ref="A1", at=now - timedelta(days=2)))

    assert Contact.objects.get().opted_out_at is not None

    receive(device, message_body("voltar", ref="A3", at=now - timedelta(minutes=8)))

    assert Contact.objects.get().opted_out_at is None


def test_a_wish_of_a_clock_that_runs_ahead_is_heeded_and_can_be_undone(
    alpha: Tenant, bridge: FakeBridge
) -> None:
    device = device_of(bridge)
    ahead = datetime.now(UTC) + timedelta(days=365)
    receive(device, message_body(STOP, ref="A1", at=ahead))

    assert Contact.objects.get().opted_out_at is not None

    receive(device, message_body("voltar", ref="A2"))

    assert Contact.objects.get().opted_out_at is None


def test_an_answer_that_is_being_thought_of_is_not_sent(alpha: Tenant, bridge: FakeBridge) -> None:
    device = device_of(bridge)
    receive(device, message_body("quanto custa a limpeza?", ref="A1"))
    receive(device, message_body(STOP, ref="A2"))

    outcomes = work()

    assert "turn:nothing_pending" in outcomes
    assert len(bridge.sent) == 1


def test_a_wish_of_one_tenants_contact_is_no_wish_to_another(
    alpha: Tenant, beta: Tenant, bridge: FakeBridge
) -> None:
    first = device_of(bridge)
    with tenant_context(beta):
        second = device_of(bridge)
        receive(second, message_body("quanto custa a limpeza?"))
    receive(first, message_body(STOP))
    work()

    assert Contact.objects.get().opted_out_at is not None
    with tenant_context(beta):
        assert Contact.objects.get().opted_out_at is None
        assert Turn.objects.get().outcome == "reply"


def test_two_wishes_at_once_are_confirmed_once(committed_alpha: Tenant, bridge: FakeBridge) -> None:
    device = device_of(bridge)
    other = make_device(make_agent("Outra"), name="segundo", bridge_url=bridge.url)
    receive(device, message_body("oi", ref="A1"))
    receive(other, message_body("oi", ref="A2"))
    ids = list(Conversation.objects.order_by("pk").values_list("pk", flat=True))

    def wish(pk: int) -> None:
        with transaction.atomic():
            row = Conversation.objects.lock([pk], wait=True)[0]
            now = timezone.now()
            consent.heed(conversation=row, text=STOP, said_at=now, now=now)

    at_once(*[partial(wish, pk) for pk in ids])

    assert len(ids) == 2
    assert OutboundMessage.objects.count() == 1
    assert AuditEntry.objects.filter(action="contact.opted_out").count() == 1


def silences() -> dict[str, str]:
    return dict(InboundMessage.objects.values_list("provider_ref", "silence_reason"))


def test_what_waited_on_any_device_is_set_aside_and_stays_so(
    alpha: Tenant, bridge: FakeBridge
) -> None:
    learn()
    agent = make_agent()
    first = make_device(agent, bridge_url=bridge.url, name="um", quiet_s=30.0)
    second = make_device(agent, bridge_url=bridge.url, name="dois", quiet_s=30.0)
    receive(first, message_body("quanto custa a limpeza?", ref="A1"))
    receive(second, message_body("tem piscina?", ref="B1"), message_body(STOP, ref="B2"))
    assert silences() == dict.fromkeys(("A1", "B1", "B2"), "opted_out")

    receive(second, message_body("voltar", ref="B3"))
    receive(first, message_body("tem estacionamento?", ref="A2"))
    due_now()
    work()

    assert list(Turn.objects.values_list("n_messages", flat=True)) == [1]
    assert "220" not in "".join(texts(bridge))


@pytest.mark.parametrize("is_sent", [True, False], ids=["answered", "answer_not_sent"])
def test_what_was_set_aside_while_a_person_had_it_is_not_answered_when_they_give_it_back(
    alpha: Tenant, bridge: FakeBridge, is_sent: bool
) -> None:
    device = device_of(bridge)
    receive(device, message_body("tem piscina?", ref="A1"))
    held = Conversation.objects.get().uuid
    takeover.take_over(conversation_uuid=held, actor="ana", now=timezone.now())
    replying.reply_as_person(conversation_uuid=held, text="Temos.", actor="ana", now=timezone.now())
    if is_sent:
        work()
    receive(device, message_body("quanto custa a limpeza?", ref="A2"))
    receive(device, message_body(STOP, ref="A3"), message_body("voltar", ref="A4"))

    takeover.give_back(conversation_uuid=held, actor="ana", now=timezone.now())
    due_now()
    work()

    assert not Turn.objects.exists()
    # What the person has answered keeps its own reason.
    assert silences() == {
        "A1": "human_mode" if is_sent else "opted_out",
        "A2": "opted_out",
        "A3": "opted_out",
        "A4": "opted_in",
    }
