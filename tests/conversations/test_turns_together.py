"""Turns that one task opens and commits together, and what is sent without being rung for."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta

from django.db import connection, transaction
from django_tenants.utils import tenant_context

from agents.runtime import loop
from agents.services import assembly
from channels_whatsapp.models import Device
from conversations.models import Conversation, InboundMessage, OutboundMessage, Turn
from conversations.services import committing, contents, opening, orchestrator, outbox
from tenants import timers
from tenants.context import database_now
from tenants.models import Timer
from tests.factories import due_now, learn, make_agent, make_device, message_body, receive, work
from tests.fakes.http import wait_until
from tests.fakes.llm import FakeLLM, Mode


def ring_all(kind: str) -> list[tuple[int, uuid.UUID]]:
    """Return what one task would be given for all that is due."""
    return [
        (bell.timer_id, bell.token)
        for bell in timers.claim_due(kind=kind, max_running=100, limit=100)
    ]


def test_bursts_that_one_task_announces_are_each_answered_once(committed_alpha, bridge):
    learn()
    phones = [f"55119888877{number:02d}" for number in range(5)]
    with FakeLLM(Mode.EVIDENCE) as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        for phone in phones:
            receive(device, message_body("quanto custa a limpeza?", phone=phone, ref=f"A{phone}"))
        due_now()
        outcomes = orchestrator.run_turns(ring_all("turn"))

    assert outcomes == ["answered"] * 5
    assert sorted(one.phone for one in bridge.sent) == phones
    assert Turn.objects.filter(status="done").count() == 5
    assert not Timer.objects.exists()


def test_one_burst_that_cannot_be_opened_does_not_harm_the_others(committed_alpha, bridge):
    learn()
    good = make_device(make_agent(), bridge_url=bridge.url)
    gone = make_device(good.entry_agent, name="dois", bridge_url=bridge.url)
    receive(good, message_body("quanto custa a limpeza?", phone="5511900000001", ref="A1"))
    receive(gone, message_body("quanto custa a limpeza?", phone="5511900000002", ref="A2"))
    Device.objects.filter(pk=gone.pk).update(is_enabled=False)
    due_now()

    outcomes = orchestrator.run_turns(ring_all("turn"))

    assert sorted(outcomes) == ["answered", "failed"]
    assert [one.phone for one in bridge.sent] == ["5511900000001"]


def test_a_conversation_that_is_locked_does_not_hold_up_the_others(committed_alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    for phone in ("5511900000001", "5511900000002"):
        receive(device, message_body("quanto custa a limpeza?", phone=phone, ref=phone))
    due_now()
    locked = Conversation.objects.order_by("pk").first()
    results: list[str] = []

    def run() -> None:
        try:
            with tenant_context(committed_alpha):
                results.extend(orchestrator.run_turns(ring_all("turn")))
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        Conversation.objects.select_for_update().get(pk=locked.pk)
        thread.start()
        wait_until(lambda: len(bridge.sent) == 1)
    thread.join()

    assert results == ["answered"] * 2
    assert sorted(one.phone for one in bridge.sent) == ["5511900000001", "5511900000002"]


def test_conversations_that_ended_end_together_and_one_that_was_armed_again_stays(
    committed_alpha, bridge
):
    device = make_device(make_agent(), bridge_url=bridge.url)
    for phone in ("5511900000001", "5511900000002", "5511900000003"):
        receive(device, message_body("bom dia", phone=phone, ref=phone))
    due_now()
    Conversation.objects.update(status=Conversation.Status.ARCHIVED)
    last = Conversation.objects.last().pk
    claims = timers.begin(ring_all("turn"))
    timers.arm(kind="turn", ref=last, due_at=database_now())  # it came back meanwhile

    opened = opening.open_turns(claims)

    assert [str(opened[claim]) for claim in claims] == ["nothing_pending"] * 3
    assert [(one.ref, one.lease_token) for one in Timer.objects.all()] == [(last, None)]
    assert not Turn.objects.exists()


def test_a_reply_whose_worker_died_before_the_send_is_sent_by_another(committed_alpha, bridge):
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("bom dia"))
    Timer.objects.all().delete()
    conversation, now = Conversation.objects.get(), database_now()
    with transaction.atomic():
        outbox.add_message(
            conversation=conversation, text="olá", origin=OutboundMessage.Origin.AGENT, now=now
        )
        assert outbox.take_places(1) == 1
        handed = outbox.hand_over(conversations=[conversation], now=now)[conversation.pk]
    # and here it died

    assert work() == []  # its lease is still running
    Timer.objects.update(lease_until=database_now() - timedelta(seconds=1))
    # Nobody can tell whether it had called, and by now a call would have ended.
    OutboundMessage.objects.update(handed_at=database_now() - contents.SETTLES)
    assert work() == ["send:sent"]
    assert outbox.send_handed(handed) == "lease_lost"
    assert {one.ref for one in bridge.sent} == {OutboundMessage.objects.get().provider_ref}


def test_without_a_place_to_send_at_once_the_dispatcher_rings(committed_alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("quanto custa a limpeza?"))
    due_now()
    n_others = outbox.take_places(outbox.AT_ONCE + 1)
    try:
        orchestrator.run_turns(ring_all("turn"))
        assert bridge.sent == []
    finally:
        outbox.give_places_back(n_others)

    assert n_others == outbox.AT_ONCE
    assert work() == ["send:sent"]
    assert len(bridge.sent) == 1


def test_of_turns_that_are_committed_together_a_lost_one_is_left_out(committed_alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    phones = [f"551190000000{number}" for number in range(3)]
    for phone in phones:
        receive(device, message_body("quanto custa a limpeza?", phone=phone, ref=f"A{phone}"))
    due_now()
    opened = opening.open_turns(timers.begin(ring_all("turn")))
    answered = [
        committing.Answered(
            claim,
            one,
            loop.answer(one.request, assembly.run_context(orchestrator.caller_of(one))),
        )
        for claim, one in opened.items()
    ]
    lost, *ours = answered
    Timer.objects.filter(pk=lost.claim.timer_id).update(lease_token=uuid.uuid4())

    committed = committing.commit_turns(answered, alone=False)

    assert committed[lost].outcome == "lease_lost"
    assert [committed[one].outcome for one in ours] == ["answered"] * 2
    assert set(Turn.objects.filter(status="done")) == {one.opened.turn for one in ours}
    assert not InboundMessage.objects.filter(turn=lost.opened.turn).exists()
    for one in ours:
        handed = committed[one].handed
        assert outbox.send_handed(handed) == "sent"
    assert sorted(one.phone for one in bridge.sent) == phones[1:]
    assert len({one.body for one in bridge.sent}) == 1
    assert outbox.take_places(outbox.AT_ONCE) == outbox.AT_ONCE  # none was kept
    outbox.give_places_back(outbox.AT_ONCE)


def test_turns_that_cannot_be_committed_together_keep_no_place(
    committed_alpha, bridge, monkeypatch
):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    for phone in ("5511900000001", "5511900000002"):
        receive(device, message_body("quanto custa a limpeza?", phone=phone, ref=phone))
    due_now()
    write, errors = committing._write_turns, iter([ValueError("once")])

    def fail_once(*args, **kwargs):
        for error in errors:
            raise error
        return write(*args, **kwargs)

    monkeypatch.setattr(committing, "_write_turns", fail_once)
    outcomes = orchestrator.run_turns(ring_all("turn"))
    Timer.objects.filter(kind="turn").update(due_at=database_now() - timedelta(seconds=1))
    work()

    assert set(outcomes) <= {"answered", "failed"}
    assert sorted(one.phone for one in bridge.sent) == ["5511900000001", "5511900000002"]
    assert outbox.take_places(outbox.AT_ONCE) == outbox.AT_ONCE
    outbox.give_places_back(outbox.AT_ONCE)
