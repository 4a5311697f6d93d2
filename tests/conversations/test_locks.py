"""Locks are taken in one order: conversations, their contacts, their timers; else deadlocks."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context

from conversations.models import Contact, Conversation, OutboundMessage
from conversations.services import contacts, identity, orchestrator, outbox
from conversations.types import Address
from tenants import timers
from tenants.context import database_now
from tests.factories import make_agent, make_device, message_body, receive
from tests.fakes.bridge import FakeBridge


@pytest.mark.parametrize(
    ("kind", "run"), [("turn", orchestrator.run_turn), ("send", outbox.send_next)]
)
def test_what_arms_a_timer_does_not_meet_its_worker_in_a_deadlock(committed_alpha, kind, run):
    with FakeBridge() as bridge:
        receive(make_device(make_agent(), bridge_url=bridge.url), message_body("oi"))
        conversation = Conversation.objects.get()
        outbox.add_message(
            conversation=conversation,
            text="um",
            origin=OutboundMessage.Origin.PERSON,
            now=database_now(),
        )
        bell = timers.claim_due(kind=kind, max_running=10, limit=10)[0]
        outcomes = []

        def work() -> None:
            try:
                with schema_context("t_alpha"):
                    outcomes.append(run(timer_id=bell.timer_id, token=bell.token).value)
            finally:
                connection.close()

        worker = threading.Thread(target=work)
        with transaction.atomic():
            Conversation.objects.select_for_update().get()
            worker.start()
            worker.join(1)  # it waits for the conversation now
            assert worker.is_alive()
            timers.arm(kind=kind, ref=conversation.pk, due_at=database_now() + timedelta(hours=1))
        worker.join(60)

    assert outcomes in (["superseded"], ["answered"], ["sent"], ["waiting"])


PHONE = "5511900000001"
WRITES = {
    "blocking": lambda one, two: contacts.set_blocked(
        contact=one, is_blocked=True, actor="ana", now=database_now()
    ),
    "joining": lambda one, two: contacts.merge(first=one, second=two, actor="ana"),
    "a name": lambda one, two: identity.ensure_contact(address=Address(phone=PHONE), name="Ana"),
    "a LID": lambda one, two: identity.ensure_contact(address=Address(PHONE, "123"), name=""),
}


@pytest.mark.parametrize("write", list(WRITES))
def test_a_contact_is_written_after_its_conversation_is_held(committed_alpha, write):
    make = identity.ensure_contact
    first, second = (make(address=Address(phone=one), name="") for one in (PHONE, "5511900000002"))
    Conversation.objects.create(
        contact=first,
        channel_kind="whatsapp",
        channel_account_ref=uuid.uuid4(),
        opened_at=database_now(),
        last_message_at=database_now(),
    )

    def work() -> None:
        try:
            with schema_context("t_alpha"):
                WRITES[write](first, second)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    with transaction.atomic():
        Conversation.objects.select_for_update().get()
        worker.start()
        worker.join(1)  # it waits for the conversation now
        assert worker.is_alive()
        # As an opt-out does, whose transaction holds the conversation; it would wait for ever.
        assert len(Contact.objects.select_for_update(nowait=True)) == 2
    worker.join(60)

    assert not worker.is_alive()
