"""Queues of people: deadlines, passing on, who is told, and what the contact hears."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django_tenants.utils import tenant_context

from channels_whatsapp.models import Device
from conversations.models import Conversation, Note, OutboundMessage, PeopleQueue, StaffMessage
from conversations.services import desks, due, lifecycle, queue, replying, takeover
from integrations.models import Notice
from tenants import timers
from tenants.context import database_now
from tenants.models import Timer
from tenants.services import staff
from tests.factories import (
    due_now,
    learn,
    make_agent,
    make_device,
    make_queue,
    message_body,
    phone_body,
    receive,
    ring_people,
    work,
)
from tests.fakes.bridge import FakeBridge
from tests.fakes.http import json_answer
from tests.workers import at_once

STAFF = "5511977776666"
CONTACT = "5511988887777"


def conversation() -> Conversation:
    return Conversation.objects.get()


def ask_for_a_person(bridge: FakeBridge, *queues) -> Conversation:
    device = make_device(make_agent(handoffs=queues), bridge_url=bridge.url)
    receive(device, message_body("quero falar com um atendente"))
    work()
    return conversation()


def let_pass() -> list[str]:
    """Let the answer be late now."""
    past = database_now() - timedelta(seconds=1)
    Conversation.objects.exclude(answer_due_at=None).update(answer_due_at=past)
    Timer.objects.filter(kind="escalate").update(due_at=past)
    return ring_people("escalate")


def user(name: str, role: str = "attendant") -> User:
    return staff.ensure_user(username=name, email="", role=role, password=None)[0]


def test_the_contact_is_told_what_the_queue_says(alpha, bridge):
    ask_for_a_person(bridge, make_queue(text_open="Já chamo alguém!"))

    assert bridge.sent[-1].body == "Já chamo alguém!"


def test_a_conversation_comes_to_the_queue_that_its_agent_may_hand_to(alpha, bridge):
    make_queue("Financeiro")
    near = make_queue("Atendimento", answer_within_min=5)
    found = ask_for_a_person(bridge, near)

    assert found.queue == near
    assert found.mode_reason == "person_requested"
    assert found.answer_due_at - found.waiting_since == timedelta(minutes=5)


def test_without_any_queue_the_contact_waits_all_the_same(alpha, bridge):
    found = ask_for_a_person(bridge)

    assert (found.queue, found.claimed_by) == (None, "")
    assert found.answer_due_at is not None
    assert let_pass() == ["escalate:done"]


def test_late_conversations_go_from_queue_to_queue_and_end_with_one_promise(alpha, bridge):
    last = make_queue("Gerência", staff_phones=[STAFF])
    first = make_queue("Atendimento", escalate_to=last)
    ask_for_a_person(bridge, first)
    since = conversation().waiting_since
    n_sent = len(bridge.sent_to(CONTACT))

    assert let_pass() == ["escalate:done"]
    assert (conversation().queue, conversation().waiting_since) == (last, since)
    assert len(bridge.sent_to(CONTACT)) == n_sent
    assert let_pass() == ["escalate:done"]
    assert let_pass() == []
    work()

    promised = bridge.sent_to(CONTACT)[n_sent:]
    assert len(promised) == 1
    assert "assim que puder" in promised[0].body
    assert conversation().mode == "human"


def test_owners_are_told_once_when_nobody_came_and_only_where_they_want_to_be(alpha, bridge):
    ask_for_a_person(bridge, make_queue())
    assert not Notice.objects.exists()
    let_pass()

    notice = Notice.objects.get()
    assert (notice.kind, notice.subject) == ("queue.late", str(conversation().uuid))
    assert "Ana" in notice.title
    takeover.give_back(conversation_uuid=conversation().uuid, actor="ana", now=database_now())
    PeopleQueue.objects.update(tells_owners=False)
    Notice.objects.all().delete()
    takeover.leave_to_people(conversation=conversation(), reason="legal", now=database_now())
    assert let_pass() == ["escalate:done"]
    assert not Notice.objects.exists()


def test_nobody_is_late_for_who_wants_no_messages_until_they_are_back(alpha, bridge):
    ask_for_a_person(bridge, make_queue(staff_phones=[STAFF]))
    device = Device.objects.get()
    receive(device, message_body("PARE"))

    assert let_pass() == ["escalate:not_due"]
    assert (Notice.objects.count(), StaffMessage.objects.count()) == (0, 1)
    assert (conversation().waiting_since, conversation().answer_due_at) == (None, None)
    receive(device, message_body("VOLTAR"), message_body("cadê vocês?"))
    assert let_pass() == ["escalate:done"]
    assert Notice.objects.get().kind == "queue.late"


def test_what_is_opened_again_is_late_as_if_for_the_first_time(alpha, bridge):
    ask_for_a_person(bridge, make_queue())
    let_pass()
    work()
    found, now = conversation(), database_now()
    takeover.archive(conversation_uuid=found.uuid, actor="rosa", now=now)
    lifecycle.reopen(conversation_uuid=found.uuid, actor="rosa", now=now)
    n_promised = len(bridge.sent_to(CONTACT))

    receive(Device.objects.get(), message_body("e agora?"))
    assert let_pass() == ["escalate:done"]
    work()

    assert conversation().n_escalations == 1
    assert len(bridge.sent_to(CONTACT)) == n_promised + 1


def test_queues_in_a_ring_end_too(alpha, bridge):
    one, two = make_queue("Um"), make_queue("Dois")
    PeopleQueue.objects.filter(agent=one).update(escalate_to=two)
    PeopleQueue.objects.filter(agent=two).update(escalate_to=one)
    ask_for_a_person(bridge, one)

    rounds = 0
    while let_pass():
        rounds += 1
        assert rounds < 10
    work()

    assert conversation().promised_at is not None


def test_an_answer_in_time_ends_the_wait_and_the_next_question_begins_another(alpha, bridge):
    device = make_device(make_agent(handoffs=[make_queue()]), bridge_url=bridge.url)
    receive(device, message_body("quero falar com um atendente"))
    work()
    replying.reply_as_person(
        conversation_uuid=conversation().uuid, text="Oi!", actor="ana", now=database_now()
    )
    assert (conversation().waiting_since, conversation().claimed_by) == (None, "ana")
    assert let_pass() == ["escalate:not_due"]

    receive(device, message_body("e amanhã?"))

    assert conversation().answer_due_at is not None
    assert let_pass() == ["escalate:done"]


def test_whom_the_phone_answers_nobody_is_late_for(alpha, bridge):
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, phone_body("#pausa"), message_body("e amanhã?"))

    assert conversation().waiting_since is not None
    assert conversation().answer_due_at is None


def test_staff_are_told_on_their_own_number_and_our_echo_is_known(alpha, bridge):
    device = make_device(
        make_agent(handoffs=[make_queue(staff_phones=[STAFF])]), bridge_url=bridge.url
    )
    receive(device, message_body("quero falar com um atendente, cartão 4111"))
    work()

    assert ring_people("tell") == ["tell:done"]
    told = bridge.sent_to(STAFF)
    assert len(told) == 1
    assert "Ana" in told[0].body
    assert "4111" not in told[0].body
    assert StaffMessage.objects.get().status == "sent"
    receive(device, phone_body(told[0].body, ref=told[0].ref, phone=STAFF))
    assert Conversation.objects.count() == 1


def test_a_repeat_to_staff_carries_the_same_id(alpha, bridge):
    ask_for_a_person(bridge, make_queue(staff_phones=[STAFF]))
    away = {"code": 500, "error": "no session", "success": False}
    bridge.script(json_answer(away, status=500), path="/chat/send/text")

    assert ring_people("tell") == ["tell:not_due"]
    chosen = StaffMessage.objects.get().provider_ref
    due_now()
    assert ring_people("tell") == ["tell:done"]
    assert [one.ref for one in bridge.sent_to(STAFF)] == [chosen]


def test_nobody_is_told_that_they_wait_themselves(alpha, bridge):
    ask_for_a_person(bridge, make_queue(staff_phones=[CONTACT]))

    assert not StaffMessage.objects.exists()


def test_a_number_that_was_taken_out_is_not_written_to(alpha, bridge):
    ask_for_a_person(bridge, make_queue(staff_phones=[STAFF]))
    PeopleQueue.objects.update(staff_phones=[])

    ring_people("tell")

    assert bridge.sent_to(STAFF) == []
    assert StaffMessage.objects.get().status == "failed"


def test_only_the_people_of_a_queue_take_from_it_and_owners(alpha, bridge):
    found = ask_for_a_person(bridge, make_queue())
    kept = PeopleQueue.objects.get()
    kept.members.add(user("bia"))
    user("caio")
    user("olga", "owner")

    with pytest.raises(desks.NotOfThisQueue):
        takeover.take_over(conversation_uuid=found.uuid, actor="caio", now=database_now())
    with pytest.raises(desks.NotOfThisQueue):
        replying.reply_as_person(
            conversation_uuid=found.uuid, text="oi", actor="caio", now=database_now()
        )
    assert not OutboundMessage.objects.filter(origin="person").exists()
    takeover.take_over(conversation_uuid=found.uuid, actor="bia", now=database_now())
    queue.release(conversation_uuid=found.uuid, actor="bia", now=database_now())
    taken = takeover.take_over(conversation_uuid=found.uuid, actor="olga", now=database_now())
    assert taken.claimed_by == "olga"


def test_passing_on_to_a_person_and_to_another_queue(alpha, bridge):
    first, other = make_queue("Um"), make_queue("Dois", staff_phones=[STAFF])
    found = ask_for_a_person(bridge, first)
    user("bia")

    queue.reassign(conversation_uuid=found.uuid, actor="ana", now=database_now(), person="bia")
    assert conversation().claimed_by == "bia"
    queue.reassign(conversation_uuid=found.uuid, actor="bia", now=database_now(), queue_id=other.pk)
    assert (conversation().queue, conversation().claimed_by) == (other, "")
    ring_people("tell")
    assert len(bridge.sent_to(STAFF)) == 1
    user("dora", "auditor")
    for wrong in ({"person": "nobody"}, {"person": "dora"}, {"queue_id": 0}):
        with pytest.raises(queue.NoSuchPerson):
            queue.reassign(conversation_uuid=found.uuid, actor="ana", now=database_now(), **wrong)


def test_another_persons_conversation_is_not_written_in(alpha, bridge):
    found = ask_for_a_person(bridge, make_queue())
    takeover.take_over(conversation_uuid=found.uuid, actor="ana", now=database_now())

    with pytest.raises(takeover.AlreadyTaken):
        replying.reply_as_person(
            conversation_uuid=found.uuid, text="oi", actor="bia", now=database_now()
        )


def test_a_reply_can_be_taken_back_for_a_moment_and_the_contact_still_waits(alpha, bridge):
    found = ask_for_a_person(bridge, make_queue())
    n_sent = len(bridge.sent)

    def write() -> OutboundMessage:
        return replying.reply_as_person(
            conversation_uuid=found.uuid,
            text="para outra pessoa",
            actor="ana",
            now=database_now(),
            may_undo=True,
        )

    message = write()
    work()
    assert len(bridge.sent) == n_sent
    assert not replying.take_back(message_uuid=message.uuid, actor="bia", now=database_now())
    assert replying.take_back(message_uuid=message.uuid, actor="ana", now=database_now())
    message = write()
    past = database_now() - timedelta(seconds=1)
    OutboundMessage.objects.filter(pk=message.pk).update(next_attempt_at=past)
    Timer.objects.filter(kind="send").update(due_at=past)
    work()
    assert len(bridge.sent) == n_sent + 1
    assert not replying.take_back(message_uuid=message.uuid, actor="ana", now=database_now())


def test_who_has_an_answer_does_not_wait_in_the_queue_until_they_write_again(alpha, bridge):
    found = ask_for_a_person(bridge, make_queue())
    who = {"conversation_uuid": found.uuid, "actor": "rosa", "now": database_now()}
    takeover.take_over(**who)
    queue.release(**who)
    assert conversation().answer_due_at is not None  # nobody had answered

    takeover.take_over(**who)
    replying.reply_as_person(text="Pronto, está resolvido.", **who)
    queue.release(**who)

    assert let_pass() == ["escalate:not_due"]
    assert (conversation().claimed_by, conversation().answer_due_at) == ("", None)
    assert not Notice.objects.exists()
    receive(Device.objects.get(), message_body("e mais uma coisa?"))
    assert conversation().answer_due_at is not None


def test_notes_are_for_people_only(alpha, bridge):
    found = ask_for_a_person(bridge, make_queue())
    note = queue.add_note(
        conversation_uuid=found.uuid, text="cliente antiga", actor="ana", now=database_now()
    )

    assert not queue.remove_note(conversation_uuid=found.uuid, note_id=note.pk, actor="bia")
    assert queue.remove_note(conversation_uuid=found.uuid, note_id=note.pk, actor="ana")
    assert not Note.objects.exists()
    for text in ("  ", "x" * 4001):
        with pytest.raises(queue.NothingToNote):
            queue.add_note(conversation_uuid=found.uuid, text=text, actor="ana", now=database_now())


def test_of_two_workers_one_passes_on(committed_alpha, bridge):
    last = make_queue("Gerência")
    ask_for_a_person(bridge, make_queue("Atendimento", escalate_to=last))
    past = database_now() - timedelta(seconds=1)
    Conversation.objects.update(answer_due_at=past)
    Timer.objects.filter(kind="escalate").update(due_at=past)
    bell = timers.claim_due(kind="escalate", max_running=10, limit=10)[0]

    outcomes = at_once(*[lambda: queue.escalate_due(timer_id=bell.timer_id, token=bell.token)] * 2)

    assert sorted(outcomes) == ["done", "not_ours"]
    assert conversation().n_escalations == 1


def test_what_fails_is_tried_again_after_a_pause(alpha, bridge):
    ask_for_a_person(bridge, make_queue())

    def fail(conversation: Conversation, now: object) -> bool:
        raise ValueError(f"{conversation.pk} at {now}")

    Timer.objects.filter(kind="escalate").update(due_at=database_now() - timedelta(seconds=1))
    (bell,) = timers.claim_due(kind="escalate", max_running=9, limit=9)
    assert due.run(timer_id=bell.timer_id, token=bell.token, act=fail) == "failed"

    timer = Timer.objects.get(kind="escalate")
    assert timer.lease_until is None
    assert timer.due_at > database_now() + timedelta(seconds=1)
    assert let_pass() == ["escalate:done"]


def test_two_tenants_whose_conversations_have_the_same_id(alpha, beta, bridge):
    ask_for_a_person(bridge, make_queue(staff_phones=[STAFF]))
    ours = conversation()
    with tenant_context(beta):
        theirs = ask_for_a_person(bridge, make_queue(staff_phones=["5511966665555"]))
        Conversation.objects.filter(pk=theirs.pk).update(answer_due_at=None)
    ring_people("tell")

    assert len(bridge.sent_to(STAFF)) == len(bridge.sent_to("5511966665555")) == 1
    Conversation.objects.update(answer_due_at=database_now() - timedelta(seconds=1))
    Timer.objects.filter(kind="escalate").update(due_at=database_now() - timedelta(seconds=1))
    assert sorted(ring_people("escalate")) == ["escalate:done", "escalate:not_due"]
    assert Conversation.objects.get(pk=ours.pk).promised_at is not None
    with tenant_context(beta):
        assert conversation().promised_at is None


def test_what_is_left_to_people_while_somebody_has_it_stays_theirs(alpha, bridge):
    learn()
    found = ask_for_a_person(bridge, make_queue())
    takeover.take_over(conversation_uuid=found.uuid, actor="ana", now=database_now())

    takeover.leave_to_people(conversation=conversation(), reason="later", now=database_now())

    assert (conversation().claimed_by, conversation().mode_reason) == ("ana", "later")
