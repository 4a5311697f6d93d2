"""What contacts change of what they wrote, in whatever order it comes, and when who wrote what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from channels_whatsapp.models import BridgeEvent
from conversations.models import Conversation, InboundMessage, OutboundMessage
from conversations.services import takeover
from tenants.context import database_now
from tests.conversations.test_turns import edit, revoke
from tests.factories import (
    due_now,
    learn,
    make_agent,
    make_device,
    message_body,
    phone_body,
    receive,
    work,
)

ASKED = "quanto custa a limpeza?"


def ago(**span: int) -> datetime:
    return datetime.now(UTC) - timedelta(**span)


def unreadable(ref: str) -> bytes:
    body = message_body(ref=ref).replace(b'"type": "Message"', b'"type": "UndecryptableMessage"')
    return body.replace(b'{"conversation": "oi"}', b"null")


def test_a_deletion_that_overtakes_its_message_is_heeded(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, revoke("A1"))
    receive(device, message_body(ASKED, ref="A1"))
    work()

    assert bridge.sent == []
    assert InboundMessage.objects.get().deleted_at is not None
    assert BridgeEvent.objects.get(dedup_key="Message:RA1").outcome == "applied"


def test_an_edit_that_overtakes_its_message_is_what_is_answered(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, edit("A1", ASKED))
    receive(device, message_body("tem piscina?", ref="A1"))
    work()

    assert "220,00" in bridge.sent[0].body


def test_what_another_contact_asked_for_is_not_done_later_either(alpha, bridge):
    device = make_device(make_agent(), bridge_url=bridge.url)
    for body in (edit("A1", "outra coisa"), revoke("A1")):
        receive(device, body.replace(b"5511988887777", b"5511900000000"))
    receive(device, message_body("oi", ref="A1"))

    message = InboundMessage.objects.get()
    assert (message.text, message.deleted_at) == ("oi", None)


@pytest.mark.parametrize("is_known", [True, False], ids=["after_it", "before_it"])
def test_of_two_edits_the_later_one_counts(alpha, is_known):
    device = make_device(make_agent())
    edits = (
        edit("A1", "the second", at=ago(seconds=5), own_ref="E2"),
        edit("A1", "the first", at=ago(seconds=15), own_ref="E1"),
    )
    message = message_body("oi", ref="A1", at=ago(seconds=20))
    for body in (message, *edits) if is_known else (*edits, message):
        receive(device, body)

    assert InboundMessage.objects.get().text == "the second"


def test_what_was_deleted_before_it_could_be_read_is_not_answered(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, unreadable("A1"), revoke("A1"), message_body(ASKED, ref="A1"))
    work()

    assert bridge.sent == []
    message = InboundMessage.objects.get()
    assert (message.text, message.deleted_at is None) == (ASKED, False)


def test_what_was_edited_before_it_could_be_read_is_answered_as_edited(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, unreadable("A1"), edit("A1", ASKED), message_body("tem piscina?", ref="A1"))
    work()

    assert "220,00" in bridge.sent[0].body


def give_back() -> None:
    held = Conversation.objects.get()
    takeover.give_back(conversation_uuid=held.uuid, actor="ana", now=database_now())


@pytest.mark.parametrize(
    ("late", "answers"),
    [(timedelta(days=2), False), (timedelta(minutes=8), True)],
    ids=["long before the question", "late like the question"],
)
def test_what_the_owner_typed_answers_a_question_unless_it_was_long_before(
    alpha, bridge, late, answers
):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, phone_body("Oi, aqui é a Rita"), message_body(ASKED))
    sent_at = datetime.now(UTC) - late
    receive(device, phone_body("custa 220", ref="P1", at=sent_at))

    give_back()
    due_now()
    work()

    assert ["220,00" in one.body for one in bridge.sent] == ([] if answers else [True])
    stored_at = OutboundMessage.objects.get(provider_ref="P1").created_at
    assert (stored_at == sent_at) is not answers


@pytest.mark.parametrize(
    "told",
    [datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)],
    ids=["no_time", "in_the_future"],
)
def test_a_clock_that_cannot_be_right_is_not_believed(alpha, told):
    before = database_now()
    receive(make_device(make_agent()), phone_body("boa tarde!", at=told))

    assert before <= OutboundMessage.objects.get().created_at <= database_now()
