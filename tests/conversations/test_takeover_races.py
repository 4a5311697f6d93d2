"""A person writes on the phone in the very moment in which the assistant answers."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context

from channels_whatsapp.models import Device
from conversations.models import Conversation, OutboundMessage, Turn
from conversations.services import intake, orchestrator
from conversations.types import Address
from tenants import timers
from tenants.context import database_now
from tests.factories import learn, make_agent, make_device, message_body, receive
from tests.fakes.bridge import FakeBridge
from tests.fakes.http import Answer, Received
from tests.fakes.llm import FakeLLM, Mode

RACES = int(os.environ.get("RACES", "100"))
"""Races of one run. The promise is kept over 1,000: `RACES=1000 pytest` with this file."""

AT_ONCE = 10
PLACES = ("before the turn", "while the model thinks", "after its answer")


class Phone:
    """Lets the owner type in conversations, each on a thread of its own."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.pool = ThreadPoolExecutor(AT_ONCE)
        self.left_before: set[str] = set()

    def type_to(self, phone: str) -> None:
        self.pool.submit(self._type, phone)

    def _type(self, phone: str) -> None:
        try:
            with schema_context("t_alpha"), transaction.atomic():
                intake.record_phone_message(
                    channel_kind="whatsapp",
                    account_ref=self.device.uuid,
                    recipient=Address(phone=phone),
                    provider_ref=f"PHONE{phone}",
                    text="deixa comigo",
                    entry_agent_id=self.device.entry_agent_id,
                    now=database_now(),
                )
                # The conversation is locked, so this is exactly what went before the person wrote.
                said = OutboundMessage.objects.filter(
                    origin="agent", conversation__contact__addresses__value=phone
                ).exclude(handed_at=None)
                self.left_before |= set(said.values_list("provider_ref", flat=True))
        finally:
            connection.close()


class Racing(FakeLLM):
    """Starts the owner's message when a model is asked, and does not wait for it."""

    def __init__(self) -> None:
        super().__init__(Mode.EVIDENCE)
        self.phone: Phone | None = None

    def answer(self, request: Received) -> Answer | None:
        assert self.phone is not None
        text = request.body.decode()
        number = text.rpartition("#")[2][:6]
        answered = super().answer(request)
        if int(number) % len(PLACES) == 1:
            self.phone.type_to(f"5511900{number}")
        return answered


@pytest.mark.timeout(300)
def test_no_answer_leaves_after_a_person_has_written(committed_alpha):
    learn()
    with FakeBridge() as bridge, Racing() as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        phone = llm.phone = Phone(device)
        for first in range(0, RACES, AT_ONCE):
            race(device, phone, range(first, first + AT_ONCE))
        phone.pool.shutdown(wait=True)

    assert Conversation.objects.filter(mode="human").count() == RACES
    sent = {one.ref for one in bridge.sent}
    assert sent - phone.left_before == set()
    assert sent == phone.left_before  # and nothing that had left was called back
    assert not OutboundMessage.objects.filter(status__in=("created", "handed")).exists()
    # Both sides won some, or there was no race.
    assert 0 < len(sent) < RACES
    assert Turn.objects.filter(reason="a person took over").exists()


def race(device: Device, phone: Phone, numbers: range) -> None:
    """Let bursts be answered by two workers while the owner types in the same conversations."""
    bodies = [
        message_body(
            f"quanto custa a limpeza? #{number:06d}",
            phone=f"5511900{number:06d}",
            ref=f"ASK{number}",
        )
        for number in numbers
    ]
    receive(device, *bodies)
    bells = [
        (bell.timer_id, bell.token)
        for bell in timers.claim_due(kind="turn", max_running=1000, limit=1000)
    ]
    for number in numbers:
        if number % len(PLACES) == 0:
            phone.type_to(f"5511900{number:06d}")
    half = len(bells) // 2
    workers = [threading.Thread(target=work, args=(part,)) for part in (bells[:half], bells[half:])]
    for worker in workers:
        worker.start()
    workers[0].join()  # so that some answers have left, and others are on their way
    for number in numbers:
        if number % len(PLACES) == 2:
            phone.type_to(f"5511900{number:06d}")
    workers[1].join()


def work(bells: list) -> None:
    try:
        with schema_context("t_alpha"):
            orchestrator.run_turns(bells)
    finally:
        connection.close()
