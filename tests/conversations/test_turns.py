"""Turns: one answer to a burst, none to what is not ours any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from channels_whatsapp.models import Device
from conversations.models import Conversation, InboundMessage, OutboundMessage, Turn
from conversations.services import bursts, committing, opening, orchestrator, takeover
from tenants import timers
from tenants.context import database_now
from tenants.models import Timer
from tests.factories import due_now, learn, make_agent, make_device, message_body, receive, work
from tests.fakes.http import Answer, Received
from tests.fakes.llm import FakeLLM, Mode
from tests.workers import at_once


class InterruptedLLM(FakeLLM):
    """Lets something happen in the tenant while it is being asked."""

    def __init__(self, meanwhile) -> None:
        super().__init__(Mode.EVIDENCE)
        self.meanwhile = meanwhile

    def answer(self, request: Received) -> Answer | None:
        try:
            with schema_context("t_alpha"):
                self.meanwhile()
        finally:
            connection.close()
        return super().answer(request)


def test_a_burst_gets_one_answer_in_the_order_in_which_it_was_written(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    now = datetime.now(UTC)

    receive(
        device,
        message_body("quanto ta a limpeza?", ref="A3", at=now),
        message_body("oi", ref="A1", at=now - timedelta(seconds=4)),
        message_body("bom dia", ref="A2", at=now - timedelta(seconds=2)),
    )
    work()

    turn = Turn.objects.get()
    assert (turn.status, turn.n_messages) == ("done", 3)
    assert [m.text for m in bursts.pending_messages(turn.conversation)] == []
    sent = bridge.sent_to("5511988887777")
    assert len(sent) == 1
    assert "R$ 220,00" in sent[0].body
    assert OutboundMessage.objects.get().provider_ref == sent[0].ref
    assert InboundMessage.objects.filter(turn=turn).count() == 3
    assert not Timer.objects.exists()
    assert {step.kind for step in turn.steps.all()} >= {"retrieve", "generate"}


def test_the_runtime_reads_the_burst_in_the_senders_order(alpha):
    device = make_device(make_agent())
    now = datetime.now(UTC)
    receive(device, message_body("depois", at=now), message_body("antes", at=now - timedelta(2e-5)))

    pending = bursts.pending_messages(Conversation.objects.get())
    assert [message.text for message in pending] == ["antes", "depois"]


def test_two_tenants_are_answered_each_from_its_own_documents(alpha, beta, bridge):
    learn()
    first = make_device(make_agent(), bridge_url=bridge.url)
    with tenant_context(beta):
        learn(content=b"# Loja\n\n**Qual o prazo de troca?**\nA troca vale por 30 dias.\n")
        second = make_device(make_agent(), bridge_url=bridge.url)
        receive(second, message_body("quanto custa a limpeza?", phone="5511900000002"))
    receive(first, message_body("quanto custa a limpeza?", phone="5511900000001"))
    work()

    assert "220,00" in bridge.sent_to("5511900000001")[0].body
    assert "220" not in "".join(sent.body for sent in bridge.sent_to("5511900000002"))


def test_a_message_that_comes_while_the_model_thinks_replaces_the_draft(committed_alpha, bridge):
    learn()
    come = [message_body("e tem estacionamento?", ref="A2")]

    def meanwhile() -> None:
        if come:
            receive(Device.objects.get(), come.pop())

    with InterruptedLLM(meanwhile) as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        receive(device, message_body("quanto custa a limpeza?", ref="A1"))
        outcomes = work()

    assert outcomes[:2] == ["turn:superseded", "turn:answered"]
    assert [turn.status for turn in Turn.objects.order_by("pk")] == ["superseded", "done"]
    assert Turn.objects.get(status="done").n_messages == 2
    assert len(bridge.sent) == 1
    assert "estacionamento" in str(llm.prompts[1])
    assert "limpeza" in str(llm.prompts[1])


@pytest.mark.parametrize("others", [[], ["tem estacionamento?"]], ids=["alone", "with-another"])
def test_what_is_taken_back_while_the_model_thinks_is_not_answered(committed_alpha, bridge, others):
    learn()
    come = [revoke("A1")]

    def meanwhile() -> None:
        if come:
            receive(Device.objects.get(), come.pop())

    with InterruptedLLM(meanwhile) as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        receive(device, message_body("quanto custa a limpeza?", ref="A1"))
        receive(device, *(message_body(text, ref="A2") for text in others))
        outcomes = work()

    assert outcomes[0] == "turn:superseded"
    assert [turn.n_messages for turn in Turn.objects.filter(status="done")] == [1] * len(others)
    assert len(bridge.sent) == len(others)
    assert all("220" not in sent.body for sent in bridge.sent)
    assert not Timer.objects.filter(kind="turn").exists()


def test_who_has_two_phones_takes_back_what_was_written_on_either(alpha, bridge):
    device = make_device(make_agent(), bridge_url=bridge.url, quiet_s=30.0)
    receive(device, message_body("oi", phone="5511988887777", lid="111"))
    receive(device, message_body("oi", phone="5511977776666", lid="111"))
    receive(device, message_body("quanto custa a limpeza?", ref="A1"))

    receive(device, edit("A1", "tem estacionamento?"))
    assert InboundMessage.objects.get(provider_ref="A1").text == "tem estacionamento?"
    receive(device, revoke("A1"))

    assert InboundMessage.objects.get(provider_ref="A1").deleted_at is not None


def test_somebody_who_never_stops_writing_is_answered_all_the_same(committed_alpha, bridge):
    learn()
    count = iter(range(100))

    def meanwhile() -> None:
        receive(Device.objects.get(), message_body("e a limpeza?", ref=f"B{next(count)}"))

    with InterruptedLLM(meanwhile) as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        receive(device, message_body("quanto custa a limpeza?", ref="A1"))
        outcomes = work(rounds=6)

    supersedes = committing.MAX_SUPERSEDED
    assert outcomes[: supersedes + 1] == ["turn:superseded"] * supersedes + ["turn:answered"]
    left = bursts.pending_messages(Conversation.objects.get())
    assert len(left) == Conversation.objects.get().n_pending >= 1


def test_a_person_who_takes_over_meanwhile_silences_the_answer(committed_alpha, bridge):
    learn()

    def meanwhile() -> None:
        takeover.take_over(
            conversation_uuid=Conversation.objects.get().uuid, actor="ana", now=database_now()
        )

    with InterruptedLLM(meanwhile) as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        receive(device, message_body("quanto custa a limpeza?"))
        work()

    assert bridge.sent == []
    assert Turn.objects.get().reason == "a person took over"


def archive() -> None:
    """Close what is open in the current tenant, as a person does on its page."""
    for one in Conversation.objects.filter(status="open"):
        takeover.archive(conversation_uuid=one.uuid, actor="ana", now=database_now())


def test_what_a_person_closes_while_the_model_thinks_is_not_answered(committed_alpha, bridge):
    learn()

    with InterruptedLLM(archive) as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        receive(device, message_body("quanto custa a limpeza?"))
        outcomes = work()

    assert outcomes == ["turn:superseded"]
    assert bridge.sent == []
    assert (Turn.objects.get().status, Turn.objects.get().reason) == ("superseded", "archived")
    asked = InboundMessage.objects.get()
    assert (asked.silence_reason, asked.turn) == ("archived", None)


def test_closed_meanwhile_it_is_not_left_to_people_either(committed_alpha, bridge):
    learn()

    with InterruptedLLM(archive) as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        receive(device, message_body("vocês consertam bicicletas elétricas?"))
        work()

    assert bridge.sent == []
    closed = Conversation.objects.get()
    assert (closed.status, closed.mode, closed.waiting_since) == ("archived", "ai", None)


def test_who_writes_again_after_the_end_is_answered_what_they_wrote_since(committed_alpha, bridge):
    learn()
    come = [message_body("tem estacionamento?", ref="A2")]

    def meanwhile() -> None:
        if come:
            archive()
            receive(Device.objects.get(), come.pop())

    with InterruptedLLM(meanwhile) as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        receive(device, message_body("quanto custa a limpeza?", ref="A1"))
        work()

    assert [turn.status for turn in Turn.objects.order_by("pk")] == ["superseded", "done"]
    assert [turn.n_messages for turn in Turn.objects.filter(status="done")] == [1]
    (sent,) = bridge.sent
    assert "gratuito" in sent.body


def test_another_tenants_conversation_of_the_same_id_is_closed_for_itself(
    committed_alpha, committed_beta, bridge
):
    with tenant_context(committed_beta):
        make_device(make_agent(), bridge_url=bridge.url)
        receive(Device.objects.get(), message_body("bom dia"))
        theirs = Conversation.objects.get().pk
    Timer.objects.all().delete()
    learn()

    def meanwhile() -> None:
        with tenant_context(committed_beta):
            archive()

    with InterruptedLLM(meanwhile) as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        receive(device, message_body("quanto custa a limpeza?"))
        work()

    assert Conversation.objects.get().pk == theirs
    assert ["220,00" in one.body for one in bridge.sent] == [True]
    with tenant_context(committed_beta):
        assert Conversation.objects.get().status == "archived"


def test_a_worker_whose_lease_ran_out_commits_nothing(committed_alpha, bridge):
    learn()
    outcomes = []

    def meanwhile() -> None:
        if not outcomes:  # the lease is lost and another worker answers first
            outcomes.append("other")
            Timer.objects.update(lease_until=database_now() - timedelta(seconds=1))
            outcomes.extend(work(rounds=1))

    with InterruptedLLM(meanwhile) as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        receive(device, message_body("quanto custa a limpeza?"))
        slow = work()

    assert outcomes == ["other", "turn:answered"]
    assert "turn:lease_lost" in slow
    assert len(bridge.sent) == 1
    assert sorted(Turn.objects.values_list("status", flat=True)) == ["done", "failed"]


def test_of_two_workers_with_one_doorbell_one_answers(committed_alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("quanto custa a limpeza?"))
    bell = timers.claim_due(kind="turn", max_running=10, limit=10)[0]

    outcomes = at_once(
        *[lambda: orchestrator.run_turn(timer_id=bell.timer_id, token=bell.token)] * 2
    )
    work()

    assert sorted(outcomes) == ["answered", "not_ours"]
    assert len(bridge.sent) == 1


def test_a_burst_that_kills_its_workers_is_left_to_people(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("quanto custa a limpeza?"))
    for _ in range(opening.MAX_ATTEMPTS):  # each begins and is never heard of again
        bell = timers.claim_due(kind="turn", max_running=10, limit=10)[0]
        timers.begin([(bell.timer_id, bell.token)])
        Timer.objects.update(lease_until=database_now() - timedelta(seconds=1))

    assert work() == ["turn:left_to_people"]
    assert Conversation.objects.get().mode == "human"
    assert bridge.sent == []


def test_what_the_documents_do_not_say_goes_to_a_person_with_a_word(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("qual a capital da Mongólia e quantos habitantes tem?"))
    work()

    conversation = Conversation.objects.get()
    assert conversation.mode == "human"
    assert len(bridge.sent) == 1
    receive(device, message_body("alô?"))
    work()
    assert len(bridge.sent) == 1
    assert InboundMessage.objects.order_by("pk").last().silence_reason == "human_mode"


def test_a_conversation_given_back_is_answered_with_what_nobody_has_answered(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("oi"))
    uuid = Conversation.objects.get().uuid
    takeover.take_over(conversation_uuid=uuid, actor="ana", now=database_now())
    work()
    takeover.give_back(conversation_uuid=uuid, actor="ana", now=database_now())
    receive(device, message_body("quanto custa a limpeza?"))
    work()

    assert [turn.n_messages for turn in Turn.objects.all()] == [2]
    assert len(bridge.sent) == 1


def test_what_cannot_be_read_goes_to_a_person(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(
        device,
        message_body(ref="A1").replace(
            b'{"conversation": "oi"}', b'{"imageMessage": {"mimetype": "image/jpeg"}}'
        ),
    )
    work()

    assert Turn.objects.get().reason == "no_text"
    assert Conversation.objects.get().mode == "human"
    assert len(bridge.sent) == 1


@pytest.mark.parametrize("deleted", [1, 2])
def test_a_message_taken_back_in_time_is_not_answered(alpha, bridge, deleted):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("quanto custa a limpeza?", ref="A1"))
    receive(device, message_body("oi", ref="A2"))
    for ref in ("A1", "A2")[:deleted]:
        receive(device, revoke(ref))
    work()

    assert [turn.n_messages for turn in Turn.objects.all()] == [1] * (2 - deleted)
    assert len(bridge.sent) == 2 - deleted


def test_nobody_changes_or_takes_back_what_another_contact_wrote(alpha, bridge):
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("oi", ref="A1"))
    for body in (edit("A1", "outra coisa"), revoke("A1")):
        receive(device, body.replace(b"5511988887777", b"5511900000000"))

    message = InboundMessage.objects.get()
    assert (message.text, message.deleted_at) == ("oi", None)


def test_an_edit_before_the_answer_is_what_is_answered(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("tem piscina?", ref="A1"))
    receive(device, edit("A1", "quanto custa a limpeza?"))
    work()

    assert "220,00" in bridge.sent[0].body


def test_typing_holds_the_answer_back_and_its_end_lets_it_go(alpha, bridge):
    device = make_device(make_agent(), bridge_url=bridge.url, quiet_s=4.0)
    receive(device, message_body("oi"))
    receive(device, typing("composing"))
    held = Timer.objects.get().due_at - database_now()
    receive(device, typing("paused"))
    let_go = Timer.objects.get().due_at - database_now()

    assert timedelta(seconds=9) < held < timedelta(seconds=11)
    assert timedelta(seconds=1) < let_go < timedelta(seconds=3)


def test_an_error_of_ours_is_tried_again_later(alpha, bridge):
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, message_body("oi"))
    device.bridge_token_encrypted = "damaged"
    device.save()

    assert work(rounds=1) == ["turn:failed"]
    timer = Timer.objects.get()
    assert timer.due_at > database_now()
    assert timer.n_attempts == 1
    device.set_bridge_token("token")
    device.save()
    due_now()
    assert work(rounds=1)[0] == "turn:answered"


def revoke(ref: str) -> bytes:
    protocol = {"protocolMessage": {"key": {"ID": ref}, "type": 0}}
    return message_body(ref=f"R{ref}", Edit="7").replace(
        b'{"conversation": "oi"}', str(protocol).replace("'", '"').encode()
    )


def edit(ref: str, text: str, *, at: datetime | None = None, own_ref: str = "") -> bytes:
    protocol = {
        "protocolMessage": {
            "key": {"ID": ref},
            "type": 14,
            "editedMessage": {"conversation": text},
        }
    }
    return message_body(ref=own_ref or f"E{ref}", at=at).replace(
        b'{"conversation": "oi"}', str(protocol).replace("'", '"').encode()
    )


def typing(state: str) -> bytes:
    jid = "5511988887777@s.whatsapp.net"
    event = {"Chat": jid, "Sender": jid, "State": state, "IsGroup": False, "IsFromMe": False}
    return (
        str({"type": "ChatPresence", "event": event})
        .replace("'", '"')
        .replace("False", "false")
        .encode()
    )
