"""What is lost, late or repeated on the way between Chatwoot and us comes right by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django_tenants.utils import tenant_context

from channels_chatwoot.models import Inbox, Thread
from channels_chatwoot.services import reconciling, threads, watching
from channels_chatwoot.services.inboxes import TokenNeeded
from conversations.models import Conversation, InboundMessage, OutboundMessage
from conversations.services import takeover
from tenants import timers
from tenants.context import database_now
from tenants.models import InboundRoute, Tenant, Timer
from tests.channels_chatwoot.worlds import (
    ANSWER,
    ASKS,
    WANTS_PERSON,
    World,
    armed,
    make_inbox,
    ring,
)
from tests.factories import due_now, work
from tests.fakes.chatwoot import ACCOUNT, AGENT_TOKEN, INBOX, FakeChatwoot
from tests.fakes.http import Answer, Received
from tests.workers import at_once, die_at

NOTE_PATH = f"/api/v1/accounts/{ACCOUNT}/conversations/118/messages"


def test_every_webhook_is_lost_and_nothing_is_missed(alpha: Tenant, server: FakeChatwoot) -> None:
    """With a person's token: the first message, the person's answer, and each status."""
    world = World(server, reader_token=AGENT_TOKEN)
    server.contact_writes(ASKS)
    server.outbox.clear()
    world.minute_later(webhooks_arrive=False)

    assert ANSWER in world.talk.texts()[0]
    assert InboundMessage.objects.get().text == ASKS

    server.person_writes("Oi, é a Ana.")
    server.person_sets("open")
    world.minute_later(webhooks_arrive=False)
    world.minute_later(webhooks_arrive=False)

    assert world.conversation.claimed_by == "Chatwoot: Ana"
    assert OutboundMessage.objects.get(origin="person").text == "Oi, é a Ana."
    server.contact_writes("e o estacionamento?")
    server.person_sets("pending")
    world.minute_later(webhooks_arrive=False)
    world.minute_later(webhooks_arrive=False)

    assert len(world.talk.texts()) == 2
    assert Inbox.objects.get().n_recovered == 3
    # The webhooks come after all: nothing is stored or answered again.
    before = (InboundMessage.objects.count(), OutboundMessage.objects.count())
    world.run()
    world.minute_later()
    assert (InboundMessage.objects.count(), OutboundMessage.objects.count()) == before
    assert world.conversation.mode == "ai"


@pytest.mark.parametrize("can_read", [True, False])
def test_a_late_event_gives_nothing_back_and_takes_nothing(world: World, can_read: bool) -> None:
    server = world.server
    server.lets_bots_read = can_read
    server.contact_writes(ASKS)
    world.run()
    server.contact_writes("e mais uma coisa")  # bears "pending", and is slow
    late = server.webhooks()
    server.contact_writes(WANTS_PERSON)
    world.run()
    assert world.talk.status == "open"
    uuid, now = world.conversation.uuid, database_now()
    takeover.take_over(conversation_uuid=uuid, actor="paula", now=now)

    world.deliver(*late)
    world.run()
    assert (world.conversation.mode, world.conversation.claimed_by) == ("human", "paula")
    assert world.talk.status == "open"

    # Given back here; a slow event still says that people have it.
    server.contact_writes("oi?")
    late = server.webhooks()
    takeover.give_back(conversation_uuid=uuid, actor="paula", now=database_now())
    world.run()
    assert world.talk.status == "pending"
    world.deliver(*late)
    assert world.conversation.mode == "ai"
    world.run()
    assert world.conversation.mode == "ai"
    assert world.talk.status == "pending"


def test_an_answer_that_a_late_event_stopped_is_written_again(world: World) -> None:
    """Somebody has it for a moment; that is heard of when the next answer is about to go."""
    server = world.server
    server.contact_writes("bom dia")
    world.run()
    server.contact_writes(ASKS)
    world.deliver(*server.webhooks())
    server.person_sets("open")
    late = server.webhooks()
    server.person_sets("pending")
    server.script(Answer(429), method="POST", path=NOTE_PATH)
    work(rounds=1)
    OutboundMessage.objects.filter(status="handed").update(status="created")  # it was never begun

    world.deliver(*late)
    assert world.conversation.mode == "human"  # rather silent than over somebody's head
    assert OutboundMessage.objects.filter(status="cancelled").exists()
    world.run()

    assert world.conversation.mode == "ai"
    again = OutboundMessage.objects.order_by("pk").last()
    assert ANSWER in again.text
    assert again.status != "cancelled"
    assert not [one for one in InboundMessage.objects.all() if one.turn is None]


def test_what_happens_there_during_a_call_is_not_overwritten(
    committed_alpha: Tenant, server: FakeChatwoot
) -> None:
    world = World(server)
    server.lets_bots_read = False
    server.contact_writes(WANTS_PERSON)
    world.run()
    asked = server.answer

    def answer(request: Received) -> Answer | None:
        found = asked(request)
        if request.path.endswith("/toggle_status"):
            server.answer = asked  # type: ignore[method-assign]
            server.webhooks()
            server.person_sets("resolved")
            with tenant_context(committed_alpha):
                world.deliver(*server.webhooks())
            connection.close()
        return found

    server.answer = answer  # type: ignore[method-assign]
    now = database_now()
    takeover.give_back(conversation_uuid=world.conversation.uuid, actor="ana", now=now)
    world.run()
    world.minute_later()

    assert world.conversation.status == "archived"


@pytest.mark.parametrize("is_echoed", [True, False])
def test_a_note_whose_answer_is_lost_is_written_once(world: World, is_echoed: bool) -> None:
    server = world.server
    server.contact_writes(ASKS)
    world.run()
    server.contact_writes(WANTS_PERSON)
    world.deliver(*server.webhooks())
    work(rounds=1)  # the hand-off is decided, and what it says has been sent
    server.script(Answer(502), method="POST", path=NOTE_PATH)
    assert "chatwoot:away" in ring()
    assert world.talk.status == "pending"  # the note comes first

    thread = world.thread
    if is_echoed:  # it had been written; the proxy's answer was wrong
        server.bot_wrote("nota", thread.note_ref, private=True)
    else:
        Thread.objects.update(note_tried_at=database_now() - timedelta(seconds=11))
    world.minute_later()

    assert len(world.talk.texts(private=True)) == 1
    assert world.talk.status == "open"


def test_a_worker_dies_between_the_note_and_the_status(
    committed_alpha: Tenant, server: FakeChatwoot
) -> None:
    world = World(server)
    server.contact_writes(ASKS)
    world.run()
    server.contact_writes(WANTS_PERSON)
    world.deliver(*server.webhooks())
    work(rounds=1)
    due_now()
    (bell,) = timers.claim_due(kind=threads.TIMER, max_running=9, limit=9)
    die_at("chatwoot_noted", reconciling.reconcile, bell)
    assert world.talk.status == "pending"

    leased = Timer.objects.exclude(lease_until=None)
    leased.update(lease_until=database_now() - timedelta(seconds=1))
    (bell,) = timers.claim_due(kind=threads.TIMER, max_running=9, limit=9)
    run = [lambda: reconciling.reconcile(timer_id=bell.timer_id, token=bell.token)] * 2
    outcomes = sorted(str(one) for one in at_once(*run))  # two workers with one doorbell

    assert outcomes == ["not_ours", "pushed"]
    world.minute_later()
    assert world.talk.status == "open"
    assert len(world.talk.texts(private=True)) == 1
    assert len(world.talk.texts()) == len(set(world.talk.texts()))


def test_two_businesses_with_the_same_numbers(
    alpha: Tenant, beta: Tenant, server: FakeChatwoot
) -> None:
    """Account, inbox, conversation, contact and message bear the same numbers in both."""
    world = World(server)
    with FakeChatwoot() as other_server:
        with tenant_context(beta):
            other = World(other_server)
        server.contact_writes(ASKS)
        other_server.contact_writes(WANTS_PERSON)
        world.deliver(*server.webhooks())
        with tenant_context(beta):
            other.deliver(*other_server.webhooks())
        world.run()
        with tenant_context(beta):
            other.run()
            assert Conversation.objects.get().mode == "human"
            assert InboundMessage.objects.get().text == WANTS_PERSON

        assert Conversation.objects.get().mode == "ai"
        assert ANSWER in world.talk.texts()[0]
        assert (world.talk.status, other.talk.status) == ("pending", "open")
        assert not world.talk.texts(private=True)
        assert not InboundRoute.objects.exclude(schema_name__in=("t_alpha", "t_beta")).exists()


def test_an_old_server_that_lets_no_bot_read(alpha: Tenant) -> None:
    """There only events tell: a conversation comes back with the contact's next message."""
    with FakeChatwoot(lets_bots_read=False, keeps_attributes=False) as server:
        world = World(server, secret="")
        world.minute_later()
        assert Inbox.objects.get().state == "blind"
        server.contact_writes(ASKS)
        server.contact_writes(WANTS_PERSON)
        world.run()
        assert world.talk.status == "open"
        assert len(world.talk.texts(private=True)) == 1

        server.person_sets("pending")
        server.contact_writes("e o estacionamento?")
        world.run()
        assert world.conversation.mode == "ai"
        assert "gratuito" in world.talk.texts()[-1]


def test_the_verdict_on_an_inbox_is_plain(alpha: Tenant, server: FakeChatwoot) -> None:
    inbox = make_inbox(server)
    cases = (
        ({}, "ready"),
        ({"reader_token": AGENT_TOKEN}, "ready"),
        ({"reader_token": "wrong"}, "reader_refused"),
        ({"reader_token": AGENT_TOKEN, "inbox_id": INBOX + 1}, "no_inbox"),
        ({"token": "wrong"}, "refused"),
        ({"base_url": "http://127.0.0.1:9"}, "unreachable"),
        ({"base_url": "http://10.0.0.1"}, "forbidden"),
    )
    for values, expected in cases:
        make_inbox(server, **values)
        watching.test_inbox(inbox_pk=inbox.pk, now=database_now())
        assert Inbox.objects.get().state == expected, values
    # Another address gets no token that was typed for this one.
    make_inbox(server, reader_token=AGENT_TOKEN)
    with pytest.raises(TokenNeeded):
        make_inbox(server, base_url="https://evil.example", token=None)
    moved = make_inbox(server, base_url="https://evil.example", token="new", reader_token=None)
    assert (moved.token(), moved.reader_token()) == ("new", "")


def test_what_is_switched_off_is_left_alone(world: World) -> None:
    server = world.server
    server.contact_writes(ASKS)
    world.run()
    make_inbox(server, agent=world.inbox.entry_agent, is_enabled=False)
    n_calls = len(server.received)

    world.minute_later(webhooks_arrive=False)

    assert len(server.received) == n_calls
    assert armed(threads.TIMER) == 0
    make_inbox(server, agent=world.inbox.entry_agent)
    assert watching.sweep(now=database_now()) == 1
    server.talks.clear()
    ring()
    assert not Thread.objects.exists()  # it was removed there
