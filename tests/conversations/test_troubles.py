"""A number whose bridge fails is tried by one line at a time, until a call gets through."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction
from django_tenants.utils import schema_context, tenant_context

from conversations.models import Conversation, NumberTrouble, OutboundMessage
from conversations.services import contents, outbox, troubles, veto
from tenants import timers
from tenants.context import database_now
from tenants.errors import Temporary
from tenants.models import Timer
from tests.conversations.test_outbox import accept, fail, keep_history, put, sends
from tests.factories import make_agent, make_device, message_body, receive
from tests.fakes.http import ScriptedServer
from tests.workers import at_once

REF = uuid.UUID(int=7)
LATER = {"Retry-After": "30"}
"""The bridge's wish for a longer pause than a loaded machine takes from one line to the next."""


@pytest.fixture
def server():
    with ScriptedServer() as server:
        yield server


def lines(server: ScriptedServer, n: int) -> list[OutboundMessage]:
    """Have `n` contacts of one number wait for an answer."""
    device = make_device(make_agent(), bridge_url=server.url)
    receive(device, *(message_body("oi", phone=f"55119888800{one:02}") for one in range(n)))
    device.uuid = REF  # the same for every tenant
    device.set_bridge_token("token")
    device.save()
    Conversation.objects.update(channel_account_ref=REF)
    Timer.objects.filter(kind="turn").delete()
    return [put(one, "resposta")[0] for one in Conversation.objects.order_by("pk")]


def ring() -> list[str]:
    """Send what is due now in every tenant, and no more."""
    outcomes = []
    for bell in timers.claim_due(kind="send", max_running=50, limit=50):
        with schema_context(bell.schema_name):
            outcome = outbox.send_next(timer_id=bell.timer_id, token=bell.token)
        outcomes.append(f"{bell.schema_name}:{outcome}")
    return outcomes


def let_pass() -> None:
    """Let the pause of the number be over, and those of its lines."""
    now = database_now()
    NumberTrouble.objects.update(next_try_at=now)
    OutboundMessage.objects.filter(held_by="").update(next_attempt_at=None)
    Timer.objects.filter(lease_token=None).update(due_at=now)


def test_while_it_fails_one_line_tries_and_the_first_that_is_taken_wakes_all(alpha, beta, server):
    lines(server, 6)
    fail(server, 503, "busy", **LATER)

    assert ring() == ["t_alpha:waiting"] * 6
    assert len(sends(server)) == 1
    waiting = OutboundMessage.objects.filter(held_by="bridge")
    assert waiting.count() == 5
    dues = Timer.objects.values_list("due_at", flat=True)
    assert max(dues) < database_now() + timedelta(seconds=30 + troubles.SPREAD_S)
    with tenant_context(beta):  # the same ids, and nothing wrong
        lines(server, 2)
        accept(server, 2)
        assert ring() == ["t_beta:sent"] * 2

    let_pass()
    fail(server, 503, "busy", **LATER)
    assert ring() == ["t_alpha:waiting"] * 6
    assert len(sends(server)) == 4

    NumberTrouble.objects.update(next_try_at=database_now())
    Timer.objects.filter(ref=waiting[0].conversation_id).update(due_at=database_now())
    accept(server)
    assert ring() == ["t_alpha:sent"]
    assert not NumberTrouble.objects.exists()
    # Those that only waited go on at once; what has failed itself keeps its own pause.
    n_waiting = waiting.count()
    accept(server, n_waiting)
    assert ring() == ["t_alpha:sent"] * n_waiting
    assert n_waiting in (4, 5)


def test_one_message_that_fails_holds_the_answer_of_another_contact_up_for_one_pause(alpha, server):
    failing, other, late = lines(server, 3)
    others = Timer.objects.exclude(ref=failing.conversation_id)
    others.update(due_at=database_now() + timedelta(hours=1))
    # One that waits already and one whose answer is only now ready.
    OutboundMessage.objects.filter(pk=other.pk).update(held_by="bridge")
    fail(server, 500, "no such number", **LATER)
    assert ring() == ["t_alpha:waiting"]
    assert len(sends(server)) == 1
    row = NumberTrouble.objects.get()
    assert others.get(ref=other.conversation_id).due_at == row.next_try_at
    assert others.get(ref=late.conversation_id).due_at > row.next_try_at
    others.filter(ref=late.conversation_id).update(due_at=database_now())
    assert ring() == ["t_alpha:waiting"]
    assert others.get(ref=late.conversation_id).due_at == row.next_try_at

    NumberTrouble.objects.update(next_try_at=database_now())
    others.update(due_at=database_now())
    accept(server, 2)
    assert "t_alpha:sent" in ring()
    assert ring() in ([], ["t_alpha:sent"])  # it waited for the one that was tried, and was woken
    assert len(sends(server)) == 3
    assert not NumberTrouble.objects.exists()


def test_a_file_that_waits_for_its_place_is_no_slow_bridge(alpha, server):
    file, text = lines(server, 2)
    now = database_now()
    for bell in timers.claim_due(kind="send", max_running=50, limit=50):
        if bell.ref == file.conversation_id:
            (claim,) = timers.begin([(bell.timer_id, bell.token)])
        else:
            other = bell
    Timer.objects.filter(ref=file.conversation_id).update(lease_until=now + timedelta(hours=1))
    began = now - timedelta(minutes=1)
    OutboundMessage.objects.filter(pk=file.pk).update(
        kind="image", status="handed", handed_at=began, handed_under=claim.token
    )
    accept(server)

    assert outbox.send_next(timer_id=other.timer_id, token=other.token) == "sent"
    assert sends(server)[0]["Id"] == text.provider_ref
    assert not NumberTrouble.objects.exists()


def test_two_workers_make_one_call_of_a_number_that_fails(committed_alpha):
    with ScriptedServer() as server:
        lines(server, 6)
        now = database_now()
        NumberTrouble.objects.create(channel_account_ref=REF, since=now, next_try_at=now)
        fail(server, 503, "busy", **LATER)
        bells = timers.claim_due(kind="send", max_running=50, limit=50)

        outcomes = at_once(
            *(partial(outbox.send_next, timer_id=one.timer_id, token=one.token) for one in bells)
        )

        assert outcomes == ["waiting"] * 6
        assert len(sends(server)) == 1
        assert OutboundMessage.objects.exclude(n_attempts=0).count() == 1


def test_a_worker_that_dies_in_its_try_blocks_nobody_and_one_that_lives_does(alpha, server):
    lines(server, 2)
    now = database_now()
    NumberTrouble.objects.create(
        channel_account_ref=REF, since=now, next_try_at=now, trial_token=uuid.uuid4()
    )
    first, second = timers.claim_due(kind="send", max_running=50, limit=50)
    (living,) = timers.begin([(first.timer_id, first.token)])
    Timer.objects.filter(pk=first.timer_id).update(lease_until=now + timedelta(hours=1))
    NumberTrouble.objects.update(trial_token=living.token)
    assert outbox.send_next(timer_id=second.timer_id, token=second.token) == "waiting"
    assert sends(server) == []

    Timer.objects.filter(pk=first.timer_id).update(lease_until=now)
    let_pass()
    accept(server, 2)
    assert ring() == ["t_alpha:sent"] * 2


def troubled(message: OutboundMessage) -> OutboundMessage:
    """Return the head of the message's line with what is known of its number."""
    now = database_now()
    (found,) = OutboundMessage.objects.heads(
        [message.conversation_id], now=now, slow_since=now - timedelta(seconds=5)
    )
    return found


def test_nobody_stands_behind_a_message_over_which_the_bridge_takes_long(alpha, server):
    slow, _ = lines(server, 2)
    first, second = timers.claim_due(kind="send", max_running=50, limit=50)
    (claim,) = timers.begin([(first.timer_id, first.token)])
    handed = OutboundMessage.objects.filter(pk=slow.pk)
    handed.update(status="handed", handed_at=database_now() - timedelta(seconds=6))
    assert not troubled(slow).has_slow  # another worker handed it over, and died in its call
    handed.update(handed_under=claim.token)
    Timer.objects.filter(pk=first.timer_id).update(lease_until=database_now())
    assert not troubled(slow).has_slow  # so did this one, and its lease has run out
    until = database_now() + timedelta(hours=1)
    Timer.objects.filter(pk=first.timer_id).update(lease_until=until)
    assert troubled(slow).has_slow

    assert outbox.send_next(timer_id=second.timer_id, token=second.token) == "waiting"
    assert sends(server) == []
    for took_s, is_over in ((20.0, False), (1.0, True)):
        called = troubles.Called(REF, None, took_s=took_s, is_trial=True)
        with transaction.atomic():
            woken = troubles.Watch(now=database_now(), calls=[called]).close()
        assert woken == {REF: None}
        assert NumberTrouble.objects.exists() is not is_over


def test_what_may_stand_in_the_bridges_line_is_not_repeated_before_that_has_gone_by(alpha, server):
    queued, other = lines(server, 2)
    now = database_now()
    OutboundMessage.objects.filter(pk=queued.pk).update(
        status="handed",
        handed_at=now - timedelta(seconds=190),
        unknown_at=contents.unknown_from(Temporary("timed out"), now=now - timedelta(seconds=100)),
        failure_reason="timed out",
        n_attempts=1,
    )
    Timer.objects.exclude(ref=queued.conversation_id).update(due_at=now + timedelta(hours=1))
    keep_history(server)
    assert ring() == ["t_alpha:waiting"]
    assert sends(server) == []

    OutboundMessage.objects.filter(pk=other.pk).update(
        status="acked", handed_at=now - timedelta(seconds=20), acked_at=now, n_attempts=1
    )
    let_pass()
    keep_history(server)
    accept(server)
    assert "t_alpha:sent" in ring()
    assert [one["Id"] for one in sends(server)] == [queued.provider_ref]


def test_what_stands_in_no_line_leaves_the_trying_to_lines(alpha, server):
    lines(server, 1)
    now = database_now()
    NumberTrouble.objects.create(channel_account_ref=REF, since=now, next_try_at=now)
    judge = veto.Judge(now=now)
    conversation = Conversation.objects.get()

    found = judge.staff(channel_kind="whatsapp", ref=REF, contact=None)
    assert isinstance(found, veto.Wait)
    assert found.rule == veto.Rule.BRIDGE
    planned = judge.planned(conversation, written_at=now)
    assert isinstance(planned, veto.Wait)
    # Where there is no line that could, one of them tries, and the next one waits again.
    NumberTrouble.objects.update(next_try_at=now - timedelta(minutes=2))
    assert troubles.wait(REF, now=now) is None
    assert troubles.wait(REF, now=now) is not None


def test_what_stands_in_no_line_ends_a_trouble_or_makes_one(alpha, beta):
    with tenant_context(beta):  # of the same number, and none of alpha's business
        troubles.note(called := troubles.Called(REF, Temporary("busy"), 0.1, is_trial=False))
    assert not NumberTrouble.objects.exists()
    troubles.note(called)
    assert NumberTrouble.objects.get().next_try_at > database_now()

    through = troubles.Called(REF, None, 0.0, is_trial=False)
    NumberTrouble.objects.update(trial_token=uuid.uuid4())  # a line that tries knows it later
    troubles.note(through)
    assert NumberTrouble.objects.exists()
    NumberTrouble.objects.update(trial_token=None)
    troubles.note(replace(through, took_s=20.0))  # it was slow, and began before all this
    assert NumberTrouble.objects.exists()
    troubles.note(through)
    assert not NumberTrouble.objects.exists()
    with tenant_context(beta):
        assert NumberTrouble.objects.exists()
