"""Planned messages: sent when they are due and allowed, called off when the contact writes."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context, tenant_context

from channels_whatsapp.models import Device
from conversations.models import (
    Conversation,
    FollowUp,
    HoursSettings,
    InboundMessage,
    NumberPace,
    OutboundMessage,
)
from conversations.services import changing, follow_ups, identity, outbox, plans, takeover
from conversations.services.veto import REASONS, Rule
from tenants import timers
from tenants.audit.models import AuditEntry
from tenants.context import database_now
from tenants.models import Timer
from tests.conversations.test_changing import n_waiting_for_a_lock
from tests.conversations.test_outbox import SEND, accept, open_conversation, put, send, sends
from tests.factories import message_body, receive
from tests.fakes.http import Answer, ScriptedServer, wait_until

ROUND_THE_CLOCK = [["00:00-24:00"] for _ in range(7)]


@pytest.fixture
def server():
    with ScriptedServer() as server:
        yield server


def begin(server: ScriptedServer) -> Conversation:
    """A conversation of a business that never closes, whose contact has been silent for a day."""
    conversation = open_conversation(server)
    HoursSettings.objects.create(pk=1, week=ROUND_THE_CLOCK)
    InboundMessage.objects.update(received_at=database_now() - timedelta(days=1))
    return conversation


def plan(conversation: Conversation, text: str = "Ainda posso ajudar?", *, in_s: float = 60):
    now = database_now()
    return follow_ups.plan(
        conversation_uuid=conversation.uuid,
        text=text,
        due_at=now + timedelta(seconds=in_s),
        actor="ana",
        now=now,
    )


def run() -> list[str]:
    """Let the time of all plans come."""
    now = database_now()
    FollowUp.objects.filter(status="waiting").update(due_at=now - timedelta(seconds=1))
    Timer.objects.filter(kind="follow_up").update(due_at=now - timedelta(seconds=1))
    outcomes = []
    for bell in timers.claim_due(kind="follow_up", max_running=9, limit=9):
        with schema_context(bell.schema_name):
            found = follow_ups.send_due(timer_id=bell.timer_id, token=bell.token)
        outcomes.append(found.value)
    return outcomes


def test_a_planned_message_leaves_when_its_time_comes(alpha, server):
    conversation = begin(server)
    planned = plan(conversation)
    assert timers.claim_due(kind="follow_up", max_running=9, limit=9) == []

    assert run() == ["done"]
    accept(server)
    assert send() == ["sent"]
    assert [one["Body"] for one in sends(server)] == ["Ainda posso ajudar?"]
    planned.refresh_from_db()
    assert (planned.status, planned.message.is_unasked) == ("sent", True)
    receive(Device.objects.get(), message_body("obrigada"))
    conversation.refresh_from_db()
    planned.refresh_from_db()
    assert (conversation.follow_up_at, planned.status) == (None, "sent")
    assert AuditEntry.objects.filter(action="follow_up.planned").count() == 1


def test_it_is_called_off_when_the_contact_writes(alpha, server, django_assert_max_num_queries):
    conversation = begin(server)
    planned = plan(conversation)

    receive(Device.objects.get(), message_body("voltei"))

    planned.refresh_from_db()
    assert (planned.status, planned.reason) == ("cancelled", "the contact wrote before it was due")
    assert run() == ["not_due"]
    assert not OutboundMessage.objects.exists()


def test_one_that_stands_in_the_line_is_called_off_too(alpha, server):
    conversation = begin(server)
    planned = plan(conversation)
    run()
    assert OutboundMessage.objects.get().status == "created"
    Timer.objects.filter(kind="send").delete()
    receive(Device.objects.get(), message_body("voltei"))
    assert Timer.objects.get(kind="send").due_at <= database_now()
    send()

    assert sends(server) == []
    assert OutboundMessage.objects.get().status == "cancelled"
    planned.refresh_from_db()
    assert planned.status == "cancelled"


def test_one_that_must_wait_in_the_line_holds_nothing_up_and_comes_again(alpha, server):
    conversation = begin(server)
    planned = plan(conversation)
    run()
    put(conversation, "uma resposta")
    Device.objects.update(unasked_cap=0)
    accept(server)

    assert send() == ["sent"]
    assert [one["Body"] for one in sends(server)] == ["uma resposta"]
    planned.refresh_from_db()
    assert (planned.status, planned.message) == ("waiting", None)
    assert planned.reason == "the day's planned messages are used up"
    assert Timer.objects.get().due_at == planned.due_at > database_now()

    Device.objects.update(unasked_cap=50)
    assert run() == ["done"]
    accept(server)
    assert send() == ["sent"]
    assert sends(server)[-1]["Body"] == "Ainda posso ajudar?"


def test_one_that_was_put_back_is_called_off_when_the_contact_writes(alpha, server):
    conversation = begin(server)
    planned = plan(conversation)
    run()
    Device.objects.update(unasked_cap=0)
    assert send() == ["nothing_left"]
    receive(Device.objects.get(), message_body("voltei"))

    planned.refresh_from_db()
    assert planned.status == "cancelled"
    assert not OutboundMessage.objects.exists()


def test_one_that_may_have_been_sent_is_not_repeated_when_the_number_is_cut_off(alpha, server):
    conversation = begin(server)
    plan(conversation)
    run()
    server.script(Answer(parts=(), cut=True), path=SEND)
    assert send() == ["waiting"]
    Device.objects.update(state="logged_out")
    OutboundMessage.objects.update(next_attempt_at=None)

    assert send() == ["nothing_left"]
    message = OutboundMessage.objects.get()
    assert (message.status, message.failure_reason) == ("cancelled", REASONS[Rule.CUT_OFF])


def test_its_place_in_the_pace_is_kept_while_it_stands_outside(alpha, server):
    conversation = begin(server)
    Device.objects.update(gap_s=5)
    plan(conversation, "um", in_s=1)
    plan(conversation, "dois", in_s=2)
    run()
    accept(server)
    assert send() == ["sent"]
    second = FollowUp.objects.get(status="waiting")
    assert (second.text, second.reason) == ("dois", REASONS[Rule.PACE])

    assert run() == ["done"]
    accept(server)
    assert send() == ["sent"]
    assert NumberPace.objects.get().n_sent == 2


@pytest.mark.parametrize(("reason", "told"), [(Rule.CUT_OFF, Rule.CUT_OFF), ("", Rule.TOO_OLD)])
def test_one_that_is_a_day_late_is_called_off_with_the_rules_reason(alpha, server, reason, told):
    planned = plan(begin(server))
    late = database_now() - timedelta(hours=25)
    FollowUp.objects.update(late_since=late, reason=REASONS[reason] if reason else "")

    assert run() == ["not_due"]
    planned.refresh_from_db()
    assert (planned.status, planned.reason) == ("cancelled", REASONS[told])


def test_a_closed_business_makes_nothing_late_and_a_rule_does(alpha, server):
    planned = plan(begin(server))
    another_day = [[] for _ in range(7)]
    another_day[(database_now().weekday() + 3) % 7] = ["10:00-12:00"]
    HoursSettings.objects.update(week=another_day, revision=uuid.uuid4())
    run()
    planned.refresh_from_db()
    assert (planned.status, planned.late_since) == ("waiting", None)

    HoursSettings.objects.update(week=ROUND_THE_CLOCK, revision=uuid.uuid4())
    Device.objects.update(unasked_cap=0)
    run()
    run()
    planned.refresh_from_db()
    assert planned.late_since is not None
    assert planned.late_since < database_now()


def test_even_where_its_conversation_is_archived_and_they_write_in_another(alpha, server):
    conversation = begin(server)
    planned = plan(conversation)
    takeover.archive(conversation_uuid=conversation.uuid, actor="ana", now=database_now())
    Conversation.objects.update(closed_at=database_now() - timedelta(days=30))
    receive(Device.objects.get(), message_body("voltei"))
    assert Conversation.objects.count() == 2

    assert run() == ["not_due"]
    planned.refresh_from_db()
    assert planned.status == "cancelled"


def test_it_is_sent_to_who_was_silent_since_the_archive(alpha, server):
    conversation = begin(server)
    plan(conversation)
    takeover.archive(conversation_uuid=conversation.uuid, actor="ana", now=database_now())

    assert run() == ["done"]
    accept(server)
    assert send() == ["sent"]


def test_it_waits_for_the_rules_outside_the_line(alpha, server):
    conversation = begin(server)
    Device.objects.update(unasked_cap=0)
    planned = plan(conversation)

    assert run() == ["not_due"]
    planned.refresh_from_db()
    assert planned.status == "waiting"
    assert planned.due_at > database_now()
    assert planned.reason == "the day's planned messages are used up"
    assert not OutboundMessage.objects.exists()
    assert Timer.objects.get(kind="follow_up").due_at == planned.due_at


def test_who_opted_out_gets_none(alpha, server):
    conversation = begin(server)
    planned = plan(conversation)
    conversation.contact.opted_out_at = database_now() - timedelta(hours=1)
    conversation.contact.save()

    assert run() == ["not_due"]
    planned.refresh_from_db()
    assert (planned.status, planned.reason) == (
        "cancelled",
        "the contact asked not to be written to",
    )


def test_a_person_calls_one_off_and_the_next_one_is_due(alpha, server):
    conversation = begin(server)
    first, second = plan(conversation, "um", in_s=60), plan(conversation, "dois", in_s=120)

    def call_off() -> bool:
        return follow_ups.call_off(
            conversation_uuid=conversation.uuid,
            follow_up_uuid=first.uuid,
            actor="ana",
            now=database_now(),
        )

    assert [call_off(), call_off()] == [True, False]
    conversation.refresh_from_db()
    assert conversation.follow_up_at == second.due_at


@pytest.mark.parametrize(("text", "days"), [("", 1), ("x" * 5000, 1), ("oi", 181)])
def test_what_cannot_be_planned_is_refused(alpha, server, text, days):
    conversation = begin(server)

    with pytest.raises(follow_ups.BadPlan):
        plan(conversation, text, in_s=days * 86_400)


def test_five_wait_at_most(alpha, server):
    conversation = begin(server)
    for n in range(follow_ups.MAX_PLANNED):
        plan(conversation, str(n))

    with pytest.raises(follow_ups.BadPlan):
        plan(conversation, "um a mais")


def test_plans_stay_with_contacts_that_are_joined(alpha, server):
    conversation = begin(server)
    planned = plan(conversation)
    receive(Device.objects.get(), message_body("oi", phone="5511933332222"))
    other = Conversation.objects.exclude(pk=conversation.pk).get()

    identity.merge_contacts(keep=other.contact, twin=conversation.contact, actor="ana")

    planned.refresh_from_db()
    other.refresh_from_db()
    assert planned.conversation_id == other.pk
    assert other.follow_up_at == planned.due_at


def test_two_tenants_plan_apart(alpha, beta, server):
    plan(begin(server))
    with tenant_context(beta):
        begin(server)
        receive(Device.objects.get(), message_body("oi de novo"))
        assert not FollowUp.objects.exists()
    assert FollowUp.objects.get().status == "waiting"


def test_of_two_workers_one_sends_it(committed_alpha):
    with ScriptedServer() as server:
        plan(begin(server))
        now = database_now()
        FollowUp.objects.update(due_at=now)
        Timer.objects.filter(kind="follow_up").update(due_at=now)
        (bell,) = timers.claim_due(kind="follow_up", max_running=9, limit=9)
        start = threading.Barrier(2)
        outcomes = []

        def work() -> None:
            try:
                with schema_context("t_alpha"):
                    start.wait(60)
                    outcomes.append(
                        follow_ups.send_due(timer_id=bell.timer_id, token=bell.token).value
                    )
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    assert sorted(outcomes) == ["done", "not_ours"]
    assert OutboundMessage.objects.filter(is_unasked=True).count() == 1
    assert outbox.TIMER in set(Timer.objects.values_list("kind", flat=True))


def test_one_who_writes_while_it_is_being_sent_is_not_written_to_twice(committed_alpha):
    """Either the message left before they wrote, or it is called off: never both."""
    with ScriptedServer() as server:
        conversation = begin(server)
        plan(conversation)
        now = database_now()
        FollowUp.objects.update(due_at=now)
        Timer.objects.filter(kind="follow_up").update(due_at=now)
        (bell,) = timers.claim_due(kind="follow_up", max_running=9, limit=9)
        device = Device.objects.get()
        start = threading.Barrier(2)

        def work() -> None:
            try:
                with schema_context("t_alpha"):
                    start.wait(60)
                    follow_ups.send_due(timer_id=bell.timer_id, token=bell.token)
            finally:
                connection.close()

        thread = threading.Thread(target=work)
        thread.start()
        start.wait(60)
        receive(device, message_body("voltei"))
        thread.join(60)
        send()

        planned = FollowUp.objects.get()
        assert planned.status in ("sent", "cancelled")
        assert sends(server) == []
        assert not OutboundMessage.objects.filter(status="created").exists()


def test_one_that_is_undone_while_it_is_put_back_does_not_come_again(committed_alpha):
    """Who undoes it has found its message, and waits for the line while that takes it away."""
    with ScriptedServer() as server:
        conversation = begin(server)
        planned = plan(conversation)
        assert run() == ["done"]
        message = OutboundMessage.objects.get()
        outcomes = []

        def work() -> None:
            try:
                with schema_context("t_alpha"):
                    outcomes.append(
                        changing.undo(message_uuid=message.uuid, actor="ana", now=database_now())
                    )
            finally:
                connection.close()

        person = threading.Thread(target=work)
        with transaction.atomic():
            held = Conversation.objects.select_for_update().get()
            person.start()
            wait_until(lambda: n_waiting_for_a_lock() == 1, seconds=20)
            now = database_now()
            plans.put_back(message, conversation=held, until=now, rule=Rule.PACE, now=now)
        person.join(60)

        planned.refresh_from_db()
        assert outcomes == ["called_off"]
        assert (planned.status, planned.reason) == ("cancelled", "a person called it off")
        with pytest.raises(changing.TooLate):
            changing.delete(message_uuid=message.uuid, actor="ana", now=database_now())
