"""What leaves for Chatwoot leaves once, with its file, through the one outbox."""

from __future__ import annotations

from datetime import timedelta

import pytest

from channels_chatwoot.client import Chatwoot
from conversations.models import OutboundMessage
from conversations.services import replying, takeover
from tenants.context import database_now
from tenants.errors import Permanent
from tenants.models import Tenant
from tests.channels_chatwoot.worlds import ANSWER, ASKS, World
from tests.factories import due_now
from tests.fakes.chatwoot import ACCOUNT, AGENT_TOKEN, BOT_TOKEN, FakeChatwoot
from tests.fakes.http import Answer

PATH = f"/api/v1/accounts/{ACCOUNT}/conversations/118/messages"


def lose_the_answer(world: World) -> OutboundMessage:
    """Let an answer be sent, of which nobody knows then whether it arrived."""
    world.server.contact_writes(ASKS)
    world.server.script(Answer(502), method="POST", path=PATH)
    world.run(rounds=1)
    message = OutboundMessage.objects.get()
    assert (message.status, message.unknown_at is not None) == ("handed", True)
    return message


def test_a_message_whose_answer_was_lost_is_known_by_its_echo(world: World) -> None:
    message = lose_the_answer(world)
    world.server.bot_wrote(message.text, message.provider_ref)

    world.minute_later()

    message.refresh_from_db()
    assert message.status == "acked"
    assert len(world.talk.texts()) == 1


def test_one_that_never_arrived_is_sent_where_somebody_can_look(
    alpha: Tenant, server: FakeChatwoot
) -> None:
    """A person's token shows the latest; this server is known to keep our ids."""
    world = World(server, reader_token=AGENT_TOKEN)
    type(world.inbox).objects.update(is_echoing=True)
    message = lose_the_answer(world)
    OutboundMessage.objects.update(
        unknown_at=database_now() - timedelta(seconds=7), next_attempt_at=None
    )

    world.minute_later()

    assert [ANSWER in one for one in world.talk.texts()] == [True]
    message.refresh_from_db()
    assert message.status == "acked"


def test_a_persons_file_goes_with_its_text(world: World) -> None:
    world.server.contact_writes("oi")
    world.run()
    now = database_now()
    takeover.take_over(conversation_uuid=world.conversation.uuid, actor="paula", now=now)
    replying.reply_as_person(
        conversation_uuid=world.conversation.uuid,
        text="Segue a tabela",
        actor="paula",
        now=now,
        file=('ta"bela.txt', b"Limpeza: R$ 220,00\n"),
    )
    due_now()
    world.run()

    message = world.talk.messages[-1]
    head, data = message["attachments"][0]["sent"]
    assert message["content"] == "Segue a tabela"
    assert message["content_attributes"].keys() == {"prosa_ref"}
    assert 'filename="tabela.txt"' in head
    assert data == b"Limpeza: R$ 220,00"  # the form's last line break is trimmed


def test_a_files_address_leads_to_no_place_of_ours(server: FakeChatwoot) -> None:
    account = Chatwoot(server.url, ACCOUNT, BOT_TOKEN)
    with FakeChatwoot() as inside:  # another port of this machine: a stranger named it
        inside.files["/secret"] = b"secret"
        server.files["/a"] = f"{inside.url}/secret"
        server.files["/b"] = "/b"
        for url in (f"{inside.url}/secret", "/a", "/b", "file:///etc/passwd", "http://[::1"):
            with pytest.raises(Permanent):
                account.fetch_file(url, max_bytes=100)
        assert not inside.received
