"""Undoing, editing and taking back what was sent."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context, tenant_context

from channels_whatsapp.models import Device
from conversations.models import Conversation, NumberTrouble, OutboundMessage, VetoCount
from conversations.services import changing, identity, replying, takeover, troubles
from conversations.services.bursts import latest_lines
from tenants import timers
from tenants.context import database_now
from tenants.models import Timer
from tests.conversations.test_outbox import (
    LID,
    OTHER,
    PHONE,
    hear_from,
    open_conversation,
    put,
    send,
)
from tests.conversations.test_writing_out import asked, bridge, reply, take
from tests.factories import make_agent, make_device
from tests.fakes.bridge import FakeBridge
from tests.fakes.http import json_answer, wait_until
from tests.workers import n_waiting_for_a_lock

__all__ = ["bridge"]
EDIT, DELETE = "/chat/send/edit", "/chat/delete"


def sent(bridge: FakeBridge, text: str = "R$ 220", **values: object) -> OutboundMessage:
    put(open_conversation(bridge), text)
    send()
    OutboundMessage.objects.update(**values)
    return OutboundMessage.objects.get()


def carry_out() -> list[str]:
    Timer.objects.filter(kind="change").update(due_at=database_now() - timedelta(seconds=1))
    outcomes = []
    for bell in timers.claim_due(kind="change", max_running=9, limit=9):
        with schema_context(bell.schema_name):
            outcomes.append(changing.carry_out(timer_id=bell.timer_id, token=bell.token).value)
    return outcomes


def edit(message: OutboundMessage, text: str, actor: str = "ana") -> None:
    changing.edit(message_uuid=message.uuid, text=text, actor=actor, now=database_now())


def delete(message: OutboundMessage, actor: str = "ana") -> None:
    changing.delete(message_uuid=message.uuid, actor=actor, now=database_now())


def test_a_message_is_edited_for_everyone(alpha, bridge):
    message = sent(bridge)
    edit(message, "R$ 200")
    assert carry_out() == ["done"]

    (call,) = asked(bridge, EDIT)
    assert call == {
        "Phone": "5511988887777@s.whatsapp.net",
        "Id": message.provider_ref,
        "Body": "R$ 200",
    }
    message.refresh_from_db()
    assert (message.text, message.change) == ("R$ 200", "")
    assert message.edited_at is not None


def test_a_message_is_changed_where_it_was_sent_and_not_at_another_number(alpha, bridge):
    make_device(make_agent(), bridge_url=bridge.url)
    hear_from(PHONE)
    (message,) = put(Conversation.objects.get(), "R$ 220")
    send()
    hear_from(OTHER)

    edit(message, "R$ 200")
    assert carry_out() == ["done"]
    assert asked(bridge, EDIT)[0]["Phone"] == f"{PHONE}@s.whatsapp.net"

    hear_from(PHONE, lid="777")  # somebody else has it now, and the chat goes on under the LID
    edit(message, "R$ 190")
    assert carry_out() == ["done"]
    assert asked(bridge, EDIT)[1]["Phone"] == f"{LID}@lid"


def test_a_message_to_a_number_that_was_given_away_is_changed_no_more(alpha, bridge):
    make_device(make_agent(), bridge_url=bridge.url)
    hear_from(PHONE, lid="")
    (message,) = put(Conversation.objects.get(), "R$ 220")
    send()
    hear_from(PHONE)
    hear_from(PHONE, lid="777")

    edit(message, "R$ 190")
    carry_out()
    assert asked(bridge, EDIT) == []
    message.refresh_from_db()
    assert (message.text, message.change_problem) == ("R$ 220", identity.GIVEN_AWAY)


def test_a_message_is_taken_back_and_no_agent_hears_of_it(alpha, bridge):
    message = sent(bridge)
    delete(message)
    assert carry_out() == ["done"]

    assert asked(bridge, DELETE)[0]["Id"] == message.provider_ref
    message.refresh_from_db()
    assert message.deleted_at is not None
    lines = latest_lines({message.conversation_id: 10**9})[message.conversation_id]
    assert [line.text for line in lines] == ["oi"]
    with pytest.raises(changing.TooLate):
        edit(message, "outra")


@pytest.mark.parametrize(
    "values",
    [
        {"acked_at": "16 min"},
        {"status": "failed"},
        {"status": "created"},
        {"origin": "phone"},
        {"kind": "image"},
    ],
    ids=str,
)
def test_what_can_no_longer_be_edited_is_refused(alpha, bridge, values):
    if values.get("acked_at"):
        values = {"acked_at": database_now() - timedelta(minutes=16)}
    message = sent(bridge, **values)

    with pytest.raises(changing.TooLate):
        edit(message, "outra")
    assert not Timer.objects.filter(kind="change").exists()


def test_another_persons_conversation_is_left_alone(alpha, bridge):
    message = sent(bridge)
    take(message.conversation)

    with pytest.raises(takeover.AlreadyTaken):
        delete(message, actor="bruno")


@pytest.mark.parametrize(("change", "path"), [("edit", EDIT), ("delete", DELETE)])
def test_a_change_that_the_bridge_does_not_confirm_is_tried_again(alpha, bridge, change, path):
    message = sent(bridge)
    bridge.script(json_answer({"code": 200, "success": False}), path=path)
    if change == "edit":
        edit(message, "R$ 200")
    else:
        delete(message)

    assert carry_out() == ["not_due"]
    message.refresh_from_db()
    assert message.change == change
    NumberTrouble.objects.update(next_try_at=database_now() - troubles.QUIET)
    assert carry_out() == ["done"]
    message.refresh_from_db()
    assert message.change == ""


def test_a_refusal_is_kept_and_shown(alpha, bridge):
    message = sent(bridge)
    refusal = {"code": 400, "error": "could not parse Phone", "success": False}
    bridge.script(json_answer(refusal, status=400), path=EDIT)
    edit(message, "outra")

    assert carry_out() == ["done"]
    message.refresh_from_db()
    assert (message.text, message.change, message.edited_at) == ("R$ 220", "", None)
    assert "could not parse Phone" in message.change_problem


def test_a_bridge_in_trouble_is_asked_again(alpha, bridge):
    message = sent(bridge)
    bridge.script(json_answer({"error": "no session"}, status=500), path=DELETE)
    delete(message)

    assert carry_out() == ["not_due"]
    assert carry_out() == ["not_due"]  # lines would try first
    quiet_since = database_now() - troubles.QUIET
    NumberTrouble.objects.update(next_try_at=quiet_since)
    assert carry_out() == ["done"]
    assert not NumberTrouble.objects.exists()  # nothing of a recovered number waits any longer
    message.refresh_from_db()
    assert message.deleted_at is not None


def test_who_opted_out_sees_no_edit_but_what_was_said_can_be_taken_back(alpha, bridge):
    message = sent(bridge)
    message.conversation.contact.opted_out_at = database_now()
    message.conversation.contact.save()
    edit(message, "compre!")
    carry_out()
    message.refresh_from_db()
    assert (message.text, message.edited_at) == ("R$ 220", None)
    assert VetoCount.objects.get().reason == "opted_out"

    delete(message)
    carry_out()
    message.refresh_from_db()
    assert message.deleted_at is not None


def test_undo_calls_off_what_has_not_left(alpha, bridge):
    conversation = open_conversation(bridge)
    take(conversation)
    message = reply(conversation, "ops", may_undo=True)

    done = changing.undo(message_uuid=message.uuid, actor="ana", now=database_now())

    assert done == "called_off"
    assert Timer.objects.get(kind="send").due_at <= database_now()  # for what stands behind it
    send()
    assert bridge.sent == []


def test_undo_takes_back_what_has_left(alpha, bridge):
    conversation = open_conversation(bridge)
    take(conversation)
    message = reply(conversation, "ops")
    send()

    soon = database_now() + timedelta(seconds=20)
    assert changing.undo(message_uuid=message.uuid, actor="bruno", now=soon) == ""
    assert changing.undo(message_uuid=message.uuid, actor="ana", now=soon) == "deleted"
    carry_out()
    assert asked(bridge, DELETE)[0]["Id"] == message.provider_ref


def test_undo_of_what_is_just_leaving_waits_for_it(alpha, bridge):
    conversation = open_conversation(bridge)
    take(conversation)
    message = reply(conversation, "ops")
    OutboundMessage.objects.update(status="handed", handed_at=database_now())

    assert changing.undo(message_uuid=message.uuid, actor="ana", now=database_now()) == "deleted"
    assert carry_out() == ["not_due"]
    OutboundMessage.objects.update(status="acked", acked_at=database_now())
    assert carry_out() == ["done"]


def test_undo_ends_after_half_a_minute(alpha, bridge):
    conversation = open_conversation(bridge)
    take(conversation)
    message = reply(conversation, "ops")
    send()

    late = database_now() + timedelta(seconds=changing.UNDO_S + replying.UNDO_S + 1)
    assert changing.undo(message_uuid=message.uuid, actor="ana", now=late) == ""


def test_two_tenants_change_their_own(alpha, beta, bridge):
    ours = sent(bridge)
    with tenant_context(beta):
        theirs = sent(bridge, "deles")
        assert theirs.pk
        Device.objects.update(bridge_base_url="http://127.0.0.1:9")
    delete(ours)
    with tenant_context(beta):
        assert OutboundMessage.objects.get().change == ""
    assert carry_out() == ["done"]
    assert [one["Id"] for one in asked(bridge, DELETE)] == [ours.provider_ref]


def test_of_two_workers_one_asks_the_bridge(committed_alpha):
    with FakeBridge() as bridge:
        message = sent(bridge)
        edit(message, "R$ 200")
        (bell,) = timers.claim_due(kind="change", max_running=9, limit=9)
        outcomes = []
        start = threading.Barrier(2)

        def work() -> None:
            try:
                with schema_context("t_alpha"):
                    start.wait(60)
                    found = changing.carry_out(timer_id=bell.timer_id, token=bell.token)
                    outcomes.append(found.value)
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert sorted(outcomes) == ["done", "not_ours"]
        assert len(asked(bridge, EDIT)) == 1
        assert Conversation.objects.count() == 1


def test_who_wants_a_change_while_another_ends_is_in_no_deadlock(committed_alpha):
    """Both lock the message first; the timer after it."""
    with FakeBridge() as bridge:
        message = sent(bridge)
        edit(message, "R$ 200")
        (bell,) = timers.claim_due(kind="change", max_running=9, limit=9)
        outcomes = []

        def work() -> None:
            try:
                with schema_context("t_alpha"):
                    found = changing.carry_out(timer_id=bell.timer_id, token=bell.token)
                    outcomes.append(found.value)
            finally:
                connection.close()

        thread = threading.Thread(target=work)
        with transaction.atomic():
            OutboundMessage.objects.select_for_update().get()
            thread.start()
            wait_until(lambda: n_waiting_for_a_lock() == 1, seconds=20)
            timers.arm(kind="change", ref=message.pk, due_at=database_now())
        thread.join(60)

        assert outcomes == ["done"]
        assert Timer.objects.filter(kind="change").exists()
