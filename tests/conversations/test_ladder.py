"""What became of messages: counted, woken, compared."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from channels_whatsapp.models import Device
from channels_whatsapp.services import health
from channels_whatsapp.services.health import Cause, Signs
from conversations.models import Conversation, DeliveryDay, InboundMessage, OutboundMessage
from conversations.services import ladder, takeover
from tenants.context import database_now
from tenants.models import Timer
from tests.conversations.test_outbox import (
    HISTORY,
    LID,
    OTHER,
    PHONE,
    accept,
    chats_asked,
    hear_from,
    keep_history,
    open_conversation,
    put,
    send,
    sends,
)
from tests.factories import make_agent, make_device, message_body, receive
from tests.fakes.http import ScriptedServer, json_answer


@pytest.fixture
def server():
    with ScriptedServer() as server:
        yield server


def age(hours: float, **values: object) -> None:
    at = database_now() - timedelta(hours=hours)
    OutboundMessage.objects.update(created_at=at, **values)


def test_a_line_whose_timer_is_gone_is_woken(alpha, server):
    put(open_conversation(server), "um")
    Timer.objects.all().delete()
    age(0.1)

    assert ladder.reconcile(now=database_now()) == 1
    accept(server)
    assert send() == ["sent"]
    assert len(sends(server)) == 1


def test_a_line_that_is_being_worked_on_is_left_alone(alpha, server):
    put(open_conversation(server), "um")
    age(0.1)

    assert ladder.reconcile(now=database_now()) == 0


def test_days_are_counted_by_what_became_of_messages(alpha, server):
    conversation = open_conversation(server)
    messages = put(conversation, "a", "b", "c", "d", "e", "f")
    now = database_now()
    states = (
        {"status": "read", "acked_at": now, "delivered_at": now, "read_at": now},
        {"status": "acked", "acked_at": now},
        {"status": "failed"},
        {"status": "cancelled"},
        {"status": "created", "held_by": "pace"},
        {"status": "acked", "acked_at": now, "lost_at": now},
    )
    for message, values in zip(messages, states, strict=True):
        OutboundMessage.objects.filter(pk=message.pk).update(**values)

    for _ in range(2):  # counting twice changes nothing
        ladder.reconcile(now=now)

    day = DeliveryDay.objects.get()
    assert day.channel_account_ref == conversation.channel_account_ref
    counts = (day.n_created, day.n_acked, day.n_delivered, day.n_read, day.n_failed)
    assert counts == (6, 3, 1, 1, 1)
    assert (day.n_cancelled, day.n_waiting, day.n_lost) == (1, 1, 1)
    week = ladder.week(today=timezone.localdate() + timedelta(days=1))
    assert (week.n_created, week.n_lost, week.is_counted) == (6, 1, True)


def test_what_stands_in_a_line_without_a_reason_is_lost(alpha, server):
    put(open_conversation(server), "um")
    age(0.6)
    ladder.reconcile(now=database_now())
    assert DeliveryDay.objects.get().n_lost == 1

    OutboundMessage.objects.update(failure_reason="network trouble: ConnectError")
    ladder.reconcile(now=database_now())
    assert DeliveryDay.objects.get().n_lost == 0


def test_the_bridge_is_asked_about_what_no_phone_received(alpha, server):
    conversation = open_conversation(server)
    known, lost = put(conversation, "um", "dois")
    age(2, status="acked", acked_at=database_now() - timedelta(hours=2))
    for _ in range(2):
        keep_history(server, known.provider_ref)

    def compare() -> int:
        return ladder.compare(
            channel_kind="whatsapp",
            account_ref=conversation.channel_account_ref,
            now=database_now(),
        )

    assert [compare(), compare()] == [1, 0]  # each is asked about once
    assert OutboundMessage.objects.exclude(lost_at=None).get() == lost
    assert len([one for one in server.received if one.path == HISTORY]) == 2


def test_the_bridge_is_asked_in_the_chat_into_which_the_message_was_handed(alpha, server):
    make_device(make_agent(), bridge_url=server.url)
    hear_from(PHONE)
    put(Conversation.objects.get(), "um")
    accept(server)
    send()
    age(2, acked_at=database_now() - timedelta(hours=2))
    hear_from(OTHER)
    for _ in range(2):
        keep_history(server, "another")

    ladder.compare(
        channel_kind="whatsapp",
        account_ref=Device.objects.get().uuid,
        now=database_now(),
    )
    assert chats_asked(server) == [PHONE, LID]


def test_a_bridge_without_history_makes_nothing_lost(alpha, server):
    conversation = open_conversation(server)
    put(conversation, "um")
    age(2, status="acked", acked_at=database_now() - timedelta(hours=2))
    disabled = {"code": 501, "error": "message history is disabled for this user"}
    server.script(json_answer(disabled, status=501), path=HISTORY)

    ladder.compare(
        channel_kind="whatsapp", account_ref=conversation.channel_account_ref, now=database_now()
    )
    assert not OutboundMessage.objects.exclude(lost_at=None).exists()


def test_two_tenants_are_counted_apart(alpha, beta, server):
    put(open_conversation(server), "um")
    with tenant_context(beta):
        put(open_conversation(server), "um", "dois")
        ladder.reconcile(now=database_now())
        assert DeliveryDay.objects.get().n_created == 2
    assert not DeliveryDay.objects.exists()


CASES = {
    "nothing is known": (Signs(), 100, []),
    "few say nothing": (Signs(n_sent=9, n_failed=9), 100, []),
    "new": (Signs(is_new=True), 90, ["new"]),
    "banned": (Signs(was_banned=True), 40, ["banned"]),
    "half fail": (Signs(n_sent=20, n_failed=10), 60, ["failed"]),
    "a few phones are off": (Signs(n_settled=50, n_stuck=5), 100, []),
    "nothing arrives": (Signs(n_settled=50, n_stuck=40), 60, ["stuck"]),
    "many opt out": (Signs(n_contacts=50, n_opted_out=6), 70, ["opted_out"]),
    "nobody answers": (Signs(n_unasked=20, n_answered=0), 70, ["unanswered"]),
    "all of it": (
        Signs(
            n_sent=20,
            n_failed=20,
            n_settled=20,
            n_stuck=20,
            was_banned=True,
            is_new=True,
        ),
        0,
        ["banned", "failed", "stuck", "new"],
    ),
}


@pytest.mark.parametrize(("signs", "score", "codes"), CASES.values(), ids=CASES.keys())
def test_a_number_is_judged_by_its_signs(signs, score, codes):
    found, causes = health.judge(signs)

    assert (found, [one.code for one in causes]) == (score, codes)


def test_the_heavier_a_sign_the_more_it_costs():
    shares = [health.judge(Signs(n_sent=100, n_failed=n))[0] for n in (5, 6, 15, 30, 90)]

    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 100
    assert shares[-2:] == [60, 60]
    assert health.judge(Signs(n_sent=100, n_failed=20))[1] == [Cause("failed", 28, 20)]


def test_an_answer_in_a_later_conversation_counts(alpha, server):
    conversation = open_conversation(server)
    put(conversation, "tudo certo com o pedido?")
    OutboundMessage.objects.update(
        is_unasked=True, status="read", acked_at=database_now() - timedelta(hours=2)
    )
    InboundMessage.objects.update(received_at=database_now() - timedelta(hours=3))
    takeover.archive(conversation_uuid=conversation.uuid, actor="ana", now=database_now())
    Conversation.objects.update(closed_at=database_now() - timedelta(days=30))
    device = Device.objects.get()

    receive(device, message_body("tudo, obrigada!"))

    assert Conversation.objects.count() == 2
    signs = health.signs_of(device, now=database_now())
    assert (signs.n_unasked, signs.n_answered) == (1, 1)


def test_numbers_are_judged_from_what_was_sent(alpha, server):
    conversation = open_conversation(server)
    put(conversation, *(str(n) for n in range(20)))
    OutboundMessage.objects.filter(text__in=[str(n) for n in range(10)]).update(status="failed")
    Device.objects.update(state="connected", number_since=database_now() - timedelta(days=90))

    assert health.judge_numbers(now=database_now()) == 1

    device = Device.objects.get()
    assert (device.health, device.health_causes) == (60, [["failed", 40, 50]])
    assert device.number_rules.health == 60
