"""The bot answers, hands over, is silent while people answer, and answers again."""

from __future__ import annotations

from conversations.models import ContactAddress, InboundMessage, OutboundMessage
from conversations.services import takeover
from tenants.context import database_now
from tenants.models import Timer
from tests.channels_chatwoot.worlds import ANSWER, ASKS, ASKS_MORE, MORE, WANTS_PERSON, World


def test_bot_people_and_bot_again(world: World) -> None:
    server = world.server
    server.contact_writes(ASKS)
    world.run()

    (said,) = world.talk.texts()
    assert ANSWER in said
    assert world.talk.status == "pending"
    assert world.talk.messages[-1]["content_attributes"].keys() >= {"prosa_ref"}
    assert not world.talk.texts(private=True)

    server.contact_writes(WANTS_PERSON)
    world.run()

    (note,) = world.talk.texts(private=True)
    assert "48213" in note
    assert "Motivo" in note
    assert world.talk.status == "open"
    assert world.conversation.mode == "human"
    assert world.conversation.claimed_by == ""
    n_said = len(world.talk.texts())

    server.person_sets("open")
    server.person_writes("Oi, aqui é a Ana. Um momento!")
    server.person_writes("é a Marina do 48213", private=True)
    server.contact_writes(ASKS_MORE)
    world.run()

    assert len(world.talk.texts()) == n_said  # silent
    assert world.conversation.claimed_by == "Chatwoot: Ana"
    theirs = OutboundMessage.objects.get(origin="person")
    assert (theirs.text, theirs.written_by, theirs.status) == (
        "Oi, aqui é a Ana. Um momento!",
        "Ana",
        "acked",
    )
    world.minute_later()
    assert len(world.talk.texts()) == n_said
    assert world.conversation.returns_at is None  # Chatwoot's status says when, and no clock

    server.person_sets("pending")  # no event tells of that
    world.minute_later()

    assert world.conversation.mode == "ai"
    assert MORE in world.talk.texts()[-1]  # what nobody had answered
    assert world.talk.status == "pending"
    assert len(world.talk.texts(private=True)) == 1

    n_said = len(world.talk.texts())
    server.contact_writes("obrigada!")
    world.run()

    assert len(world.talk.texts()) == n_said + 1
    assert not OutboundMessage.objects.exclude(status="acked").exists()
    assert InboundMessage.objects.count() == 4
    assert not Timer.objects.filter(n_attempts__gt=1).exists()  # nothing had to be tried again


def test_people_who_answer_first_have_it_and_an_end_is_an_end(world: World) -> None:
    """Somebody writes while the bot has it; later the conversation is resolved."""
    server = world.server
    server.contact_writes(ASKS)
    world.deliver(*server.webhooks())
    server.person_writes("Oi, eu respondo.")
    world.run()

    assert world.talk.texts() == []
    assert world.talk.status == "open"  # the bot has left it
    assert not world.talk.texts(private=True)  # who took it there knows

    server.person_sets("resolved")
    world.run()
    assert world.conversation.status == "archived"
    assert world.conversation.closed_by == "Chatwoot: Clínica"

    server.contact_writes(ASKS)
    world.run()

    assert world.conversation.status == "open"
    (said,) = world.talk.texts()
    assert ANSWER in said


def test_who_is_given_back_here_is_given_back_there(world: World) -> None:
    server = world.server
    server.contact_writes(ASKS)
    world.run()
    now = database_now()
    takeover.take_over(conversation_uuid=world.conversation.uuid, actor="paula", now=now)
    world.run()
    assert world.talk.status == "open"
    assert "paula" in world.talk.texts(private=True)[0]

    assert world.conversation.returns_at is not None
    server.person_sets("open", name="Ana")
    server.person_writes("Oi, aqui é a Ana.")
    world.run()
    assert (world.conversation.claimed_by, world.conversation.returns_at) == ("paula", None)
    takeover.give_back(conversation_uuid=world.conversation.uuid, actor="paula", now=now)
    world.run()

    assert (world.talk.status, world.talk.assignee) == ("pending", "")
    assert world.conversation.mode == "ai"
    assert world.minute_later()[-1:] != ["chatwoot:pushed"]


def test_edits_files_quotes_and_who_it_is(world: World) -> None:
    server = world.server
    server.files["/rails/photo.png"] = "/disk/photo.png"  # as its storage is led to
    server.files["/disk/photo.png"] = b"\x89PNG\r\n\x1a\n" + b"0" * 20
    files = [
        {"id": 1, "file_type": "image", "data_url": f"{server.url}/rails/photo.png"},
        {"id": 2, "file_type": "file", "data_url": f"{server.url}/rails/photo.png"},
        {"id": 3, "file_type": "location", "coordinates_lat": -23.5, "coordinates_long": -46.6},
    ]
    first = server.contact_writes("olha", attachments=files)
    second = server.contact_writes("quanto custa?", in_reply_to=first)
    world.deliver(*server.webhooks())
    server.edit(second, ASKS)
    world.deliver(*server.webhooks())
    world.run()

    rows = InboundMessage.objects.order_by("pk")
    assert [(row.kind, row.text) for row in rows] == [
        ("image", "olha"),
        ("document", ""),
        ("location", ""),
        ("text", ASKS),
    ]
    assert rows[0].attachment.status == "stored"
    assert rows[3].quoted_ref == str(first)
    assert ANSWER in " ".join(world.talk.texts())

    server.edit(second, "", deleted=True)
    world.deliver(*server.webhooks())
    assert rows.get(provider_ref=str(second)).deleted_at is not None

    place = {"id": 4, "file_type": "location", "fallback_title": "Praça da Sé"}
    third = server.contact_writes("", attachments=[place])
    server.edit(third, "")  # told again, or of something else about it
    world.deliver(*server.webhooks())
    assert rows.get(provider_ref=str(third)).text == "Praça da Sé"
    server.edit(first, "", deleted=True)
    world.deliver(*server.webhooks())
    parts = rows.filter(provider_ref__startswith=str(first))
    assert [one.deleted_at is not None for one in parts] == [True] * 3

    # An event of another inbox that has the same bot is not for this address.
    server.contact_writes("engano", display_id=120)
    (body,) = server.webhooks()
    world.deliver(
        body.replace(b'"inbox": {"id": 7', b'"inbox": {"id": 8').replace(
            b'"inbox_id": 7, "status"', b'"inbox_id": 8, "status"'
        )
    )
    assert not rows.filter(text="engano").exists()

    # A number that a channel vouches for is the person's; one that was typed on a page is nobody's.
    assert set(ContactAddress.objects.values_list("kind", "value")) == {
        ("phone", "5511999990000"),
        ("external", f"{world.inbox.system}:518"),
    }
    server.contact_writes("oi", display_id=119, channel="Channel::WebWidget")
    world.deliver(*server.webhooks())
    assert ContactAddress.objects.filter(kind="phone").count() == 1
    assert ContactAddress.objects.filter(value=f"{world.inbox.system}:519").exists()
