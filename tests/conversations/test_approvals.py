"""Answers that wait for a person: sent, changed, thrown away, superseded, or too late."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context, tenant_context

from agents.models import Agent
from agents.services import publishing
from conversations.models import (
    Contact,
    Conversation,
    Draft,
    InboundMessage,
    OutboundMessage,
    Turn,
)
from conversations.services import approvals, contacts, identity, takeover
from conversations.types import Address
from tenants import timers
from tenants.audit.models import AuditEntry
from tenants.context import database_now
from tenants.models import Timer
from tests.conversations.test_turns import edit, revoke
from tests.factories import (
    PEOPLE_TIMERS,
    learn,
    make_agent,
    make_device,
    message_body,
    phone_body,
    receive,
    ring_people,
    work,
)
from tests.fakes.bridge import FakeBridge
from tests.workers import at_once, die_at

ASKED = "quanto custa a limpeza?"


def make_watched(then: str = "people") -> Agent:
    agent = make_agent()
    agent.needs_approval, agent.approval_then = True, then
    agent.save()
    publishing.publish_agent(agent=agent, actor="test", now=database_now())
    return agent


def drafted(bridge: FakeBridge, *, then: str = "people"):
    """Let a draft wait; return the device on which it does."""
    learn()
    device = make_device(make_watched(then), bridge_url=bridge.url)
    receive(device, message_body(ASKED, ref="A1"))
    work()
    assert bridge.sent == []
    return device


def draft() -> Draft:
    return Draft.objects.order_by("-pk").first()


def let_pass() -> list[str]:
    past = database_now() - timedelta(seconds=1)
    Draft.objects.update(due_at=past)
    Timer.objects.filter(kind="draft").update(due_at=past)
    return ring_people("draft")


def test_an_answer_waits_and_is_sent_when_it_is_approved(alpha, bridge):
    drafted(bridge)
    assert Conversation.objects.get().has_draft

    approvals.approve(draft_uuid=draft().uuid, actor="ana", now=database_now())
    work()

    assert "220,00" in bridge.sent[0].body
    message = OutboundMessage.objects.get()
    assert (message.origin, message.turn) == ("agent", Turn.objects.get())
    assert (draft().status, draft().decided_by) == ("approved", "ana")
    assert not Conversation.objects.get().has_draft
    assert AuditEntry.objects.filter(action="draft.approved", actor="ana").exists()


def test_a_person_changes_the_words(alpha, bridge):
    drafted(bridge)

    approvals.approve(
        draft_uuid=draft().uuid, actor="ana", now=database_now(), text="R$ 220,00, e parcelamos!"
    )
    work()

    assert bridge.sent[0].body == "R$ 220,00, e parcelamos!"
    message = OutboundMessage.objects.get()
    assert (message.origin, message.written_by) == ("person", "ana")
    assert draft().status == "edited"


def test_who_rejects_answers(alpha, bridge):
    drafted(bridge)

    approvals.reject(draft_uuid=draft().uuid, actor="ana", now=database_now())
    work()

    conversation = Conversation.objects.get()
    assert bridge.sent == []
    assert (conversation.mode, conversation.claimed_by) == ("human", "ana")
    assert draft().status == "rejected"


def test_a_newer_message_supersedes_the_draft_and_both_are_answered_together(alpha, bridge):
    device = drafted(bridge)

    receive(device, message_body("e tem estacionamento?", ref="A2"))
    work()

    assert list(Draft.objects.order_by("pk").values_list("status", flat=True)) == [
        "superseded",
        "waiting",
    ]
    assert [turn.status for turn in Turn.objects.order_by("pk")] == ["superseded", "done"]
    assert Turn.objects.order_by("pk").last().n_messages == 2


def test_a_draft_goes_with_the_words_that_it_answers(alpha, bridge):
    device = drafted(bridge)

    receive(device, edit("A1", "tem estacionamento?"))

    assert (draft().status, Turn.objects.get().status) == ("superseded", "superseded")
    work()
    assert (draft().status, Draft.objects.count()) == ("waiting", 2)
    assert "estacionamento" in draft().text


def test_a_draft_goes_with_its_deleted_question(alpha, bridge):
    device = drafted(bridge, then="send")

    receive(device, revoke("A1"))
    work()
    let_pass()
    work()

    assert bridge.sent == []
    assert (draft().status, Draft.objects.count()) == ("superseded", 1)
    assert not Conversation.objects.get().has_draft


@pytest.mark.parametrize("change", [edit("A1", "tem estacionamento?"), revoke("A1")])
def test_a_draft_that_is_left_while_its_question_is_changed_goes_too(
    committed_alpha, bridge, change
):
    device = drafted(bridge)
    turn = Turn.objects.get()
    InboundMessage.objects.update(turn=None)  # as before the turn's commit

    def work() -> None:
        try:
            with schema_context("t_alpha"):
                receive(device, change)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    with transaction.atomic():
        Conversation.objects.select_for_update().get()
        worker.start()
        worker.join(1)  # it has read the message and waits for the conversation now
        assert worker.is_alive()
        InboundMessage.objects.update(turn=turn)
    worker.join(60)

    assert draft().status == "superseded"


def test_what_was_asked_beside_a_deleted_question_is_answered_anew(alpha, bridge):
    device = drafted(bridge)
    receive(device, message_body("tem estacionamento?", ref="A2"))
    work()

    receive(device, revoke("A1"))
    work()

    assert draft().status == "waiting"
    assert "220" not in draft().text
    assert draft().turn.n_messages == 1


def test_a_change_of_what_was_answered_before_leaves_the_draft(alpha, bridge):
    device = drafted(bridge)
    approvals.approve(draft_uuid=draft().uuid, actor="ana", now=database_now())
    work()
    receive(device, message_body("tem estacionamento?", ref="A2"))
    work()

    receive(device, edit("A1", "bom dia"), revoke("A1"))

    assert draft().status == "waiting"


def test_a_sticker_supersedes_nothing(alpha, bridge):
    device = drafted(bridge)
    sticker = message_body("x", ref="A2").replace(
        b'{"conversation": "x"}', b'{"stickerMessage": {"mimetype": "image/webp"}}'
    )
    receive(device, sticker)

    assert draft().status == "waiting"


@pytest.mark.parametrize("by", ["panel", "phone"])
def test_a_person_who_takes_over_ends_the_draft(alpha, bridge, by):
    device = drafted(bridge)
    if by == "phone":
        receive(device, phone_body("deixa comigo"))
    else:
        takeover.take_over(
            conversation_uuid=Conversation.objects.get().uuid, actor="ana", now=database_now()
        )

    assert draft().status == "superseded"
    with pytest.raises(approvals.DraftGone):
        approvals.approve(draft_uuid=draft().uuid, actor="bia", now=database_now())
    assert let_pass() == ["draft:not_due"]
    work()
    assert bridge.sent == []


def test_too_late_it_is_sent_all_the_same_where_the_business_wants_that(alpha, bridge):
    drafted(bridge, then="send")

    assert let_pass() == ["draft:done"]
    work()
    assert "220,00" in bridge.sent[0].body
    assert draft().status == "sent_late"


def test_too_late_it_goes_to_people_where_not(alpha, bridge):
    drafted(bridge)

    assert let_pass() == ["draft:done"]
    work()
    conversation = Conversation.objects.get()
    assert bridge.sent == []
    assert (conversation.mode, draft().status) == ("human", "left")
    assert conversation.mode_reason == "nobody approved the answer in time"


def test_nobody_is_asked_to_approve_an_answer_to_who_was_blocked(alpha, bridge):
    drafted(bridge)
    contact = Contact.objects.get()

    contacts.set_blocked(contact=contact, is_blocked=True, actor="ana", now=database_now())
    let_pass()
    work()

    assert draft().status == "superseded"
    conversation = Conversation.objects.get()
    assert (conversation.has_draft, conversation.n_pending) == (False, 0)
    assert (conversation.mode, bridge.sent) == ("ai", [])


def test_what_goes_to_people_needs_no_approval(alpha, bridge):
    learn()
    receive(
        make_device(make_watched(), bridge_url=bridge.url),
        message_body("quero falar com um atendente"),
    )
    work()

    assert len(bridge.sent) == 1
    assert not Draft.objects.exists()


def test_of_a_person_and_the_clock_one_decides(committed_alpha, bridge):
    drafted(bridge, then="send")
    past = database_now() - timedelta(seconds=1)
    Draft.objects.update(due_at=past)
    Timer.objects.filter(kind="draft").update(due_at=past)
    bell = timers.claim_due(kind="draft", max_running=10, limit=10)[0]

    outcomes = at_once(
        lambda: approvals.decide_due(timer_id=bell.timer_id, token=bell.token),
        lambda: approvals.approve(draft_uuid=draft().uuid, actor="ana", now=past).status,
        lambda: approvals.approve(draft_uuid=draft().uuid, actor="bia", now=past).status,
    )
    work()

    assert len(bridge.sent) == 1
    assert OutboundMessage.objects.count() == 1
    assert sum(one in ("done", "approved") for one in outcomes) == 1


def test_two_tenants_with_drafts_of_the_same_id(alpha, beta, bridge):
    drafted(bridge)
    with tenant_context(beta):
        learn()
        device = make_device(make_watched(), bridge_url=bridge.url)
        receive(device, message_body(ASKED, phone="5511900000002"))
        work()
        theirs = draft().uuid

    with pytest.raises(approvals.DraftGone):
        approvals.approve(draft_uuid=theirs, actor="ana", now=database_now())
    approvals.approve(draft_uuid=draft().uuid, actor="ana", now=database_now())
    work()

    assert [one.phone for one in bridge.sent] == ["5511988887777"]
    with tenant_context(beta):
        assert draft().status == "waiting"


@pytest.mark.parametrize("failpoint", ["people_begun", "people_before_commit"])
@pytest.mark.parametrize("kind", ["draft", "return", "escalate"])
def test_a_death_in_the_middle_does_it_neither_half_nor_twice(
    committed_alpha, bridge, kind, failpoint
):
    device = drafted(bridge, then="send")
    past = database_now() - timedelta(seconds=1)
    if kind == "draft":
        Draft.objects.update(due_at=past)
    elif kind == "return":
        receive(device, phone_body("oi"))
        Conversation.objects.update(returns_at=past)
    else:
        takeover.leave_to_people(
            conversation=Conversation.objects.get(), reason="legal", now=database_now()
        )
        Conversation.objects.update(answer_due_at=past)
    Timer.objects.filter(kind=kind).update(due_at=past)
    bell = timers.claim_due(kind=kind, max_running=10, limit=10)[0]

    die_at(failpoint, PEOPLE_TIMERS[kind], bell)
    assert not OutboundMessage.objects.filter(origin__in=("agent", "system")).exists()
    Timer.objects.filter(kind=kind).update(lease_until=past)
    assert ring_people(kind) == [f"{kind}:done"]
    assert ring_people(kind) == []
    work()

    if kind == "draft":
        assert len(bridge.sent) == 1
    elif kind == "return":
        assert Conversation.objects.get().mode == "ai"
    else:
        assert [one.n_escalations for one in Conversation.objects.all()] == [1]


def test_a_draft_of_each_of_two_contacts_who_are_one_becomes_one_draft(alpha, bridge):
    lid = "198765432101234"
    device = drafted(bridge)
    receive(device, message_body("e a limpeza, quanto custa?", phone="", lid=lid, ref="B1"))

    identity.ensure_contact(address=Address("5511988887777", lid), name="")
    assert not Draft.objects.filter(status="waiting").exists()
    assert not Conversation.objects.get().has_draft
    work()

    assert Draft.objects.filter(status="waiting").count() == 1
    assert draft().turn.n_messages == 2
    assert not Turn.objects.filter(status="failed").exists()


def test_who_wants_no_more_messages_leaves_no_draft(alpha, bridge):
    device = drafted(bridge)

    receive(device, message_body("pare de me mandar mensagem", ref="A2"))
    work()
    assert draft().status == "superseded"
    assert not Conversation.objects.get().has_draft

    receive(device, message_body("voltar", ref="A3"))
    work()
    assert Turn.objects.count() == 1  # what was asked before it is not answered then either
