"""Locks are taken in one order, the conversation and then its timers, or they meet in deadlocks."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context

from conversations.models import Conversation, OutboundMessage
from conversations.services import orchestrator, outbox
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
        worker.join(30)

    assert outcomes in (["superseded"], ["answered"], ["sent"], ["waiting"])
