"""Answers as they leave: in parts, with typing, quotes, blue ticks, and files of people."""

from __future__ import annotations

import base64
import threading
from datetime import timedelta

import pytest
from django_tenants.utils import schema_context, tenant_context

from channels_whatsapp.models import Device
from conversations.models import Conversation, InboundMessage, OutboundFile, OutboundMessage
from conversations.services import contents, outbox, replying, writing
from conversations.services.bursts import latest_lines
from conversations.types_sending import Content
from tenants import timers
from tenants.context import database_now
from tenants.models import Timer
from tests.conversations.test_outbox import open_conversation, put, send
from tests.factories import make_agent, make_device, message_body, receive
from tests.fakes.bridge import FakeBridge
from tests.fakes.http import ScriptedServer, wait_until
from tests.workers import at_once

LONG = ("Esta frase tem um tamanho que não é nada fora do comum. " * 8).strip()
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def bridge():
    with FakeBridge() as bridge:
        yield bridge


def asked(bridge: ScriptedServer, path: str) -> list[dict]:
    return [one.json() for one in bridge.received if one.path == path]


def write(conversation: Conversation, text: str, *, asked_ids: list[int] | None = None):
    reply = outbox.new_message(
        conversation=conversation,
        text=text,
        origin=OutboundMessage.Origin.AGENT,
        now=database_now(),
    )
    parts = writing.write_out([reply], asked={conversation.pk: asked_ids or []})
    outbox.add_messages(parts, now=reply.created_at)
    return parts


def take(conversation: Conversation) -> None:
    Conversation.objects.filter(pk=conversation.pk).update(mode="human", claimed_by="ana")


def reply(conversation: Conversation, text: str = "", **given: object) -> OutboundMessage:
    return replying.reply_as_person(
        conversation_uuid=conversation.uuid, text=text, actor="ana", now=database_now(), **given
    )


def test_a_short_answer_is_one_message_and_asks_for_no_rules(
    alpha, bridge, django_assert_num_queries
):
    conversation = open_conversation(bridge)
    answer = outbox.new_message(
        conversation=conversation, text="Olá!", origin="agent", now=database_now()
    )

    with django_assert_num_queries(0):
        (part,) = writing.write_out([answer])
    assert (part.text, part.position, part.next_attempt_at) == ("Olá!", 0, None)


def test_a_long_answer_leaves_in_parts_with_typing_between(alpha, bridge):
    conversation = open_conversation(bridge)
    parts = write(conversation, f"**Primeiro.** {LONG}\n\n{LONG}")

    assert [part.position for part in parts] == [0, 1]
    assert parts[0].text.startswith("*Primeiro.*")
    assert send() == ["waiting"]
    assert [one.body for one in bridge.sent] == [parts[0].text]
    wait_until(lambda: asked(bridge, "/chat/presence"))
    assert asked(bridge, "/chat/presence")[0]["State"] == "composing"
    gap = parts[1].next_attempt_at - parts[0].created_at
    assert timedelta(seconds=0.8) <= gap <= timedelta(seconds=3)

    OutboundMessage.objects.update(next_attempt_at=None)
    assert send() == ["sent"]
    assert [one.body for one in bridge.sent] == [part.text for part in parts]


def test_a_number_may_divide_nothing(alpha, bridge):
    conversation = open_conversation(bridge)
    Device.objects.update(bubble_chars=0)

    assert len(write(conversation, f"{LONG}\n\n{LONG}")) == 1


def test_a_persons_words_are_left_as_they_are(alpha, bridge):
    conversation = open_conversation(bridge)
    take(conversation)
    text = f"**{LONG}**\n\n# {LONG}"

    reply(conversation, text)
    send()
    assert [one.body for one in bridge.sent] == [text]


def test_the_rest_of_an_answer_is_not_sent_once_a_person_takes_over(alpha, bridge):
    conversation = open_conversation(bridge)
    write(conversation, f"{LONG}\n\n{LONG}")
    send()
    take(conversation)
    OutboundMessage.objects.update(next_attempt_at=None)
    send()

    assert len(bridge.sent) == 1
    assert OutboundMessage.objects.get(position=1).status == "cancelled"


def burst(device: Device, *texts: str) -> list[int]:
    receive(device, *(message_body(text, ref=f"IN{n}") for n, text in enumerate(texts)))
    Timer.objects.filter(kind="turn").delete()
    return list(InboundMessage.objects.order_by("pk").values_list("pk", flat=True))


@pytest.mark.parametrize(
    ("rule", "texts", "n_pending", "quoted"),
    [
        ("unclear", ["quanto custa?"], 0, ""),
        ("unclear", ["oi", "quanto custa?"], 0, ""),
        ("unclear", ["oi", "tudo bem", "quanto custa?", "obrigada"], 0, "IN2"),
        ("unclear", ["oi?", "quanto?", "quando?"], 0, ""),
        ("unclear", ["oi", "bom dia, tudo bem?", "quero o preço"], 0, ""),
        ("unclear", ["quanto custa?"], 1, "IN0"),
        ("unclear", ["oi", "bom dia"], 1, "IN1"),
        ("always", ["oi"], 0, "IN0"),
        ("never", ["oi", "a", "quanto custa?"], 2, ""),
    ],
)
def test_an_answer_quotes_where_it_would_not_be_clear(
    alpha, bridge, rule, texts, n_pending, quoted
):
    device = make_device(make_agent(), bridge_url=bridge.url)
    ids = burst(device, *texts)
    Device.objects.update(quotes=rule)
    conversation = Conversation.objects.select_related("contact").get()
    conversation.n_pending = n_pending

    (part,) = write(conversation, "Custa R$ 220.", asked_ids=ids)

    assert part.quoted_ref == quoted


def test_a_quote_names_the_message_its_author_and_its_text(alpha, bridge):
    conversation = open_conversation(bridge)
    take(conversation)
    asked_for = InboundMessage.objects.get()

    reply(conversation, "Oi, Ana!", quoted_uuid=asked_for.uuid)
    send()

    (sent,) = asked(bridge, "/chat/send/text")
    assert sent["ContextInfo"] == {
        "StanzaId": asked_for.provider_ref,
        "Participant": "5511988887777@s.whatsapp.net",
    }
    assert sent["QuotedText"] == "oi"


def test_nobody_quotes_from_another_conversation(alpha, bridge):
    conversation = open_conversation(bridge)
    receive(Device.objects.get(), message_body("segredo", phone="5511966665555"))
    other = InboundMessage.objects.get(text="segredo")
    take(conversation)

    assert reply(conversation, "oi", quoted_uuid=other.uuid).quoted_ref == ""


def test_messages_are_shown_as_read_only_where_the_number_says_so(alpha, bridge):
    conversation = open_conversation(bridge)
    put(conversation, "um")
    send()
    Device.objects.update(reads="answer")
    put(conversation, "dois")
    send()

    wait_until(lambda: asked(bridge, "/chat/markread"))
    (shown,) = asked(bridge, "/chat/markread")
    assert shown["Id"] == [InboundMessage.objects.get().provider_ref]
    assert shown["ChatPhone"] == "5511988887777@s.whatsapp.net"


def test_people_send_images_sounds_documents_and_places(alpha, bridge):
    conversation = open_conversation(bridge)
    take(conversation)
    reply(conversation, "a fachada", file=("casa.png", PNG))
    reply(conversation, file=("nota.ogg", b"OggS" + b"\x00" * 40))
    reply(conversation, "a tabela", file=("../../tabela.pdf", b"%PDF-1.7 ..."))
    reply(conversation, file=("página.html", b"<script>alert(1)</script>"))
    reply(conversation, "Clínica", place=(-22.97, -46.99))
    assert send() == ["sent"]

    (image,) = asked(bridge, "/chat/send/image")
    assert image["Image"] == "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert image["Caption"] == "a fachada"
    (sound,) = asked(bridge, "/chat/send/audio")
    assert (sound["ptt"], sound["mimetype"]) == (True, "audio/ogg; codecs=opus")
    table, page = asked(bridge, "/chat/send/document")
    assert (table["FileName"], table["MimeType"]) == ("tabela.pdf", "application/pdf")
    assert (page["FileName"], page["MimeType"]) == ("página.html", "application/octet-stream")
    (place,) = asked(bridge, "/chat/send/location")
    assert (place["Latitude"], place["Longitude"], place["Name"]) == (-22.97, -46.99, "Clínica")
    ids = [one["Id"] for one in (image, sound, table, page, place)]
    kept = OutboundMessage.objects.order_by("pk").values_list("provider_ref", flat=True)
    assert ids == list(kept)


def test_an_agent_is_told_what_a_person_has_sent(alpha, bridge):
    conversation = open_conversation(bridge)
    take(conversation)
    reply(conversation, "a fachada", file=("casa.png", PNG))
    reply(conversation, "Clínica", place=(-22.97, -46.99))

    lines = latest_lines({conversation.pk: 10**9})[conversation.pk]

    told = [line.text for line in lines if line.role == "person"]
    assert any("a fachada" in text and text.startswith("[") for text in told)
    assert any("-22.97" in text for text in told)


@pytest.mark.parametrize(
    "given",
    [
        {"file": ("vazio.png", b"")},
        {"file": ("grande.bin", b"x" * (16 * 1024 * 1024 + 1))},
        {"place": (0.0, 10.0)},
        {"place": (91.0, 10.0)},
        {"place": (float("nan"), 10.0)},
    ],
    ids=["empty", "large", "zero", "no latitude", "no number"],
)
def test_what_cannot_be_sent_is_refused_before_anything_is_written(alpha, bridge, given):
    conversation = open_conversation(bridge)
    take(conversation)

    with pytest.raises(replying.BadFile):
        reply(conversation, "x", **given)
    assert not OutboundMessage.objects.exists()


def test_few_files_are_held_at_once_and_no_text_waits_for_them(alpha):
    together = threading.Barrier(contents.FILES_AT_ONCE)
    inside: list[int] = []
    most = []

    def work() -> None:
        with contents.room(Content("", kind="image")):
            inside.append(1)
            most.append(len(inside))
            together.wait(30)  # as many as may are in
            with contents.room(Content("oi")):
                pass
            inside.pop()

    at_once(*[work] * (3 * contents.FILES_AT_ONCE))

    assert max(most) <= contents.FILES_AT_ONCE


def test_two_tenants_send_their_own_files(alpha, beta, bridge):
    ours = open_conversation(bridge)
    take(ours)
    reply(ours, "nosso", file=("a.png", PNG))
    with tenant_context(beta):
        theirs = open_conversation(bridge)
        take(theirs)
        reply(theirs, "deles", file=("b.pdf", b"%PDF-1"))
        assert OutboundFile.objects.get().name == "b.pdf"
    assert OutboundFile.objects.get().name == "a.png"
    for bell in timers.claim_due(kind="send", max_running=9, limit=9):
        with schema_context(bell.schema_name):
            outbox.send_next(timer_id=bell.timer_id, token=bell.token)

    assert len(asked(bridge, "/chat/send/image")) == 1
    assert len(asked(bridge, "/chat/send/document")) == 1
