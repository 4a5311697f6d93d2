"""The outbox: in order, under one id, up the ladder and never down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from channels_whatsapp.models import Device
from conversations.models import Conversation, NumberTrouble, OutboundMessage
from conversations.services import identity, ladder, outbox, takeover, transcripts
from tenants import timers
from tenants.context import database_now
from tenants.models import Timer
from tests.factories import make_agent, make_device, message_body, receive
from tests.fakes.http import Answer, ScriptedServer, json_answer
from tests.workers import at_once, die_at

OK = {"code": 200, "data": {"Details": "Sent", "Id": "x", "Timestamp": 1}, "success": True}
SEND = "/chat/send/text"
HISTORY = "/chat/history"


@pytest.fixture
def server():
    with ScriptedServer() as server:
        yield server


def open_conversation(server: ScriptedServer) -> Conversation:
    device = make_device(make_agent(), bridge_url=server.url)
    receive(device, message_body("oi"))
    Timer.objects.filter(kind="turn").delete()
    return Conversation.objects.get()


def put(conversation: Conversation, *texts: str, origin: str = "agent") -> list[OutboundMessage]:
    return [
        outbox.add_message(
            conversation=conversation,
            text=text,
            origin=OutboundMessage.Origin(origin),
            now=database_now(),
        )
        for text in texts
    ]


def send() -> list[str]:
    Timer.objects.filter(lease_token=None).update(due_at=database_now() - timedelta(seconds=1))
    NumberTrouble.objects.update(next_try_at=database_now())  # its pause is over, too
    return [
        outbox.send_next(timer_id=bell.timer_id, token=bell.token).value
        for bell in timers.claim_due(kind="send", max_running=10, limit=10)
    ]


def sends(server: ScriptedServer) -> list[dict]:
    return [one.json() for one in server.received if one.path == SEND]


def fail(server: ScriptedServer, status: int, error: str = "no session", **headers: str) -> None:
    server.script(
        json_answer(
            {"code": status, "error": error, "success": False}, status=status, headers=headers
        ),
        path=SEND,
    )


def accept(server: ScriptedServer, n: int = 1) -> None:
    for _ in range(n):
        server.script(json_answer(OK), path=SEND)


def test_messages_leave_in_order_under_the_ids_that_were_chosen(alpha, server):
    conversation = open_conversation(server)
    messages = put(conversation, "um", "dois", "três")
    accept(server, 3)

    assert send() == ["sent"]
    assert [(s["Body"], s["Id"]) for s in sends(server)] == [
        (m.text, m.provider_ref) for m in messages
    ]
    assert set(OutboundMessage.objects.values_list("status", flat=True)) == {"acked"}
    assert not Timer.objects.exists()


def test_a_failed_head_holds_the_line_and_repeats_its_id(alpha, server):
    conversation = open_conversation(server)
    put(conversation, "um", "dois")
    fail(server, 500)

    assert send() == ["waiting"]
    assert len(sends(server)) == 1
    assert Timer.objects.get().due_at > database_now()
    OutboundMessage.objects.update(next_attempt_at=None)
    accept(server, 2)
    assert send() == ["sent"]
    bodies = [s["Body"] for s in sends(server)]
    ids = [s["Id"] for s in sends(server)]
    assert bodies == ["um", "um", "dois"]
    assert ids[0] == ids[1]


def test_the_bridges_wish_to_wait_is_honoured(alpha, server):
    conversation = open_conversation(server)
    put(conversation, "um")
    fail(server, 503, "busy", **{"Retry-After": "25"})
    send()

    assert OutboundMessage.objects.get().next_attempt_at > database_now() + timedelta(seconds=20)


def test_what_can_never_be_sent_goes_to_a_person(alpha, server):
    conversation = open_conversation(server)
    put(conversation, "um")
    fail(server, 400, "could not parse Phone")
    send()

    message = OutboundMessage.objects.get()
    assert message.status == "failed"
    assert "could not parse Phone" in message.failure_reason
    conversation.refresh_from_db()
    assert conversation.mode == "human"


def test_an_answer_that_became_old_is_not_sent(alpha, server):
    conversation = open_conversation(server)
    put(conversation, "um")
    OutboundMessage.objects.update(created_at=database_now() - timedelta(minutes=16))

    send()
    assert sends(server) == []
    assert OutboundMessage.objects.get().status == "cancelled"


def test_taking_over_cancels_what_the_agent_was_about_to_send(alpha, server):
    conversation = open_conversation(server)
    put(conversation, "um")
    takeover.take_over(conversation_uuid=conversation.uuid, actor="ana", now=database_now())
    put(conversation, "aqui é a Ana", origin="person")
    accept(server)
    send()

    assert [s["Body"] for s in sends(server)] == ["aqui é a Ana"]


def test_a_blocked_contact_gets_nothing(alpha, server):
    conversation = open_conversation(server)
    put(conversation, "um")
    conversation.contact.is_blocked = True
    conversation.contact.save()

    send()
    assert sends(server) == []


def test_receipts_climb_the_ladder_and_never_down(alpha, server):
    conversation = open_conversation(server)
    message = put(conversation, "um")[0]
    accept(server)
    send()
    at = datetime(2026, 3, 2, tzinfo=UTC)

    def receipt(status: str) -> int:
        return ladder.apply_receipt(
            account_ref=conversation.channel_account_ref,
            refs=[message.provider_ref, "unknown"],
            status=OutboundMessage.Status(status),
            at=at,
        )

    assert [receipt(s) for s in ("delivered", "delivered", "read", "delivered")] == [1, 0, 1, 0]
    message.refresh_from_db()
    assert (message.status, message.delivered_at, message.read_at) == ("read", at, at)


def test_a_receipt_that_overtakes_the_answer_is_kept(committed_alpha):
    class Quick(ScriptedServer):
        def answer(self, request):
            if request.path != SEND:
                return None
            try:
                with schema_context("t_alpha"):
                    ladder.apply_receipt(
                        account_ref=Conversation.objects.get().channel_account_ref,
                        refs=[request.json()["Id"]],
                        status=OutboundMessage.Status.DELIVERED,
                        at=datetime.now(UTC),
                    )
            finally:
                connection.close()
            return json_answer(OK)

    with Quick() as server:
        put(open_conversation(server), "um")
        assert send() == ["sent"]

    message = OutboundMessage.objects.get()
    assert message.status == "delivered"
    assert message.acked_at is not None


def test_two_tenants_send_their_own_message_of_the_same_id(alpha, beta, server):
    put(open_conversation(server), "de alpha")
    with tenant_context(beta):
        put(open_conversation(server), "de beta")
    accept(server, 2)

    for bell in timers.claim_due(kind="send", max_running=10, limit=10):
        with schema_context(bell.schema_name):
            outbox.send_next(timer_id=bell.timer_id, token=bell.token)
    assert sorted(s["Body"] for s in sends(server)) == ["de alpha", "de beta"]


def test_of_two_workers_with_one_doorbell_one_sends(committed_alpha, server):
    put(open_conversation(server), "um")
    accept(server)
    bell = timers.claim_due(kind="send", max_running=10, limit=10)[0]

    outcomes = at_once(*[lambda: outbox.send_next(timer_id=bell.timer_id, token=bell.token)] * 2)
    assert sorted(outcomes) == ["not_ours", "sent"]


def lose_an_answer(server: ScriptedServer) -> OutboundMessage:
    put(open_conversation(server), "um")
    server.script(Answer(parts=(), cut=True), path=SEND)
    assert send() == ["waiting"]
    message = OutboundMessage.objects.get()
    assert message.unknown_at is not None
    return message


def again(server: ScriptedServer, *, unknown_for: timedelta = timedelta(0)) -> list[str]:
    OutboundMessage.objects.update(next_attempt_at=None, unknown_at=database_now() - unknown_for)
    return send()


def keep_history(server: ScriptedServer, *refs: str) -> None:
    rows = [{"message_id": ref, "chat_jid": "x", "timestamp": "1"} for ref in refs]
    server.script(json_answer({"code": 200, "data": rows, "success": True}), path=HISTORY)


def test_a_lost_answer_is_asked_about_and_what_arrived_is_not_repeated(alpha, server):
    message = lose_an_answer(server)
    keep_history(server, "another", message.provider_ref)

    assert again(server) == ["sent"]
    assert len(sends(server)) == 1
    message.refresh_from_db()
    assert (message.status, message.unknown_at) == ("acked", None)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(headers={"content-type": "text/html"}, body=b"<html>Sign in</html>"),
        Answer(body=b""),
        Answer(status=204),
        json_answer({"code": 200, "success": False}),
        json_answer({"code": 200, "data": {"Details": "Sent"}, "success": True}),
        json_answer([]),
    ],
    ids=["html", "empty", "no-content", "no-data", "no-id", "list"],
)
def test_an_answer_that_does_not_name_the_message_is_asked_about(alpha, server, answer):
    put(open_conversation(server), "um")
    server.script(answer, path=SEND)
    assert send() == ["waiting"]
    message = OutboundMessage.objects.get()
    assert (message.status, message.unknown_at is None) == ("handed", False)
    keep_history(server, message.provider_ref)

    assert again(server) == ["sent"]
    assert len(sends(server)) == 1


def test_what_may_still_be_under_way_is_not_repeated_yet(alpha, server):
    lose_an_answer(server)
    keep_history(server, "another")

    assert again(server, unknown_for=timedelta(seconds=5)) == ["waiting"]
    assert len(sends(server)) == 1


def test_what_never_arrived_is_repeated_under_the_same_id(alpha, server):
    lose_an_answer(server)
    keep_history(server, "another")
    accept(server)

    assert again(server, unknown_for=timedelta(seconds=30)) == ["sent"]
    ids = [s["Id"] for s in sends(server)]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_where_the_bridge_cannot_say_a_receipt_is_waited_for(alpha, server):
    message = lose_an_answer(server)
    disabled = {"code": 501, "error": "message history is disabled for this user"}
    server.script(json_answer(disabled, status=501), path=HISTORY)

    assert again(server, unknown_for=timedelta(seconds=60)) == ["waiting"]
    ladder.apply_receipt(
        account_ref=message.channel_account_ref,
        refs=[message.provider_ref],
        status=OutboundMessage.Status.DELIVERED,
        at=database_now(),
    )
    assert again(server, unknown_for=timedelta(seconds=70)) == ["nothing_left"]
    assert len(sends(server)) == 1


def test_what_nobody_can_say_goes_to_a_person_and_is_not_repeated(alpha, server):
    message = lose_an_answer(server)
    disabled = {"code": 501, "error": "message history is disabled for this user"}
    server.script(json_answer(disabled, status=501), path=HISTORY)

    again(server, unknown_for=timedelta(minutes=3))
    message.refresh_from_db()
    assert message.status == "failed"
    assert len(sends(server)) == 1
    assert Conversation.objects.get().mode == "human"


@pytest.mark.parametrize("status", ["delivered", "read"])
def test_a_receipt_shows_that_what_was_given_up_on_has_arrived(alpha, server, status):
    message = lose_an_answer(server)
    disabled = {"code": 501, "error": "message history is disabled for this user"}
    server.script(json_answer(disabled, status=501), path=HISTORY)
    again(server, unknown_for=timedelta(minutes=3))
    assert OutboundMessage.objects.get().status == "failed"

    ladder.apply_receipt(
        account_ref=message.channel_account_ref,
        refs=[message.provider_ref],
        status=OutboundMessage.Status(status),
        at=database_now(),
    )

    message.refresh_from_db()
    assert (message.status, message.failure_reason, message.unknown_at) == (status, "", None)
    page = transcripts.transcript(conversation=message.conversation)
    assert [line.note for line in page.lines if line.message == message.uuid] == [""]


def test_a_bridge_that_refuses_connections_has_sent_nothing(alpha):
    with ScriptedServer() as gone:
        conversation = open_conversation(gone)
    (message,) = put(conversation, "um")
    send()

    message.refresh_from_db()
    assert message.unknown_at is None
    assert message.failure_reason.startswith("network trouble")


def test_after_a_worker_died_in_the_call_the_bridge_is_asked_first(alpha, server):
    (message,) = put(open_conversation(server), "um")
    OutboundMessage.objects.update(status="handed", handed_at=database_now(), n_attempts=1)
    keep_history(server, message.provider_ref)

    assert send() == ["sent"]
    assert sends(server) == []


def test_a_call_that_may_outlive_its_worker_is_not_repeated_at_once(alpha, server):
    (message,) = put(open_conversation(server), "um")
    began = database_now() - timedelta(seconds=2)
    OutboundMessage.objects.update(status="handed", handed_at=began, n_attempts=1)
    keep_history(server, "another")
    assert send() == ["waiting"]
    message.refresh_from_db()
    assert message.unknown_at == began
    assert sends(server) == []

    keep_history(server, "another")
    accept(server)
    assert again(server, unknown_for=timedelta(seconds=30)) == ["sent"]
    assert [one["Id"] for one in sends(server)] == [message.provider_ref]


def test_what_fails_unforeseen_is_tried_again_after_a_pause(alpha, server):
    put(open_conversation(server), "um")
    readable = Device.objects.get().bridge_token_encrypted
    Device.objects.update(bridge_token_encrypted="of a key that is gone")

    assert send() == ["failed"]
    timer = Timer.objects.get()
    assert timer.lease_token is None
    assert timer.due_at > database_now()

    Device.objects.update(bridge_token_encrypted=readable)
    accept(server)
    assert send() == ["sent"]


PHONE, OTHER, LID = "5511988887777", "5521977776666", "198765432101234"


def hear_from(phone: str, *, lid: str = LID) -> None:
    receive(Device.objects.get(), message_body("oi", phone=phone, lid=lid))
    Timer.objects.filter(kind="turn").delete()


def chats_asked(server: ScriptedServer) -> list[str]:
    asked = [parse_qs(one.query)["chat_jid"][0] for one in server.received if one.path == HISTORY]
    return [chat.partition("@")[0] for chat in asked]


def lose_an_answer_to(server: ScriptedServer, phone: str, *, lid: str = LID) -> OutboundMessage:
    make_device(make_agent(), bridge_url=server.url)
    hear_from(phone, lid=lid)
    (message,) = put(Conversation.objects.get(), "um")
    server.script(Answer(parts=(), cut=True), path=SEND)
    assert send() == ["waiting"]
    return message


def test_what_may_have_been_sent_is_asked_about_and_repeated_where_it_was_handed_first(
    alpha, beta, server
):
    with tenant_context(beta):  # rows of the same ids
        theirs = lose_an_answer_to(server, OTHER, lid="")
        Timer.objects.all().delete()
    message = lose_an_answer_to(server, PHONE)
    hear_from(OTHER)
    for _ in range(3):
        keep_history(server, "another")
    accept(server, 2)

    assert again(server, unknown_for=timedelta(seconds=30)) == ["sent"]
    with tenant_context(beta):
        assert (theirs.pk, theirs.conversation_id) == (message.pk, message.conversation_id)
        timers.arm(kind="send", ref=theirs.conversation_id, due_at=database_now())
        assert again(server, unknown_for=timedelta(seconds=30)) == ["sent"]
    assert chats_asked(server) == [PHONE, LID, OTHER]
    assert [one["Phone"] for one in sends(server)] == [OTHER, PHONE, PHONE, OTHER]
    # What is said after that goes to where they write now.
    put(Conversation.objects.get(), "dois")
    accept(server)
    assert send() == ["sent"]
    assert sends(server)[-1]["Phone"] == OTHER


def test_what_had_left_to_the_old_number_is_not_sent_to_the_new_one(alpha, server):
    message = lose_an_answer_to(server, PHONE)
    hear_from(OTHER)
    keep_history(server, message.provider_ref)
    keep_history(server)

    assert again(server, unknown_for=timedelta(seconds=30)) == ["sent"]
    assert chats_asked(server) == [PHONE, LID]
    assert len(sends(server)) == 1


def test_a_worker_that_died_in_the_call_has_left_where_it_called(committed_alpha, server):
    make_device(make_agent(), bridge_url=server.url)
    hear_from(PHONE)
    (message,) = put(Conversation.objects.get(), "um")
    accept(server)
    bell = timers.claim_due(kind="send", max_running=10, limit=10)[0]
    die_at("send_after_call", outbox.send_next, bell)
    Timer.objects.update(lease_until=database_now() - timedelta(seconds=1))
    hear_from(OTHER)
    keep_history(server, message.provider_ref)
    keep_history(server)

    assert send() == ["sent"]
    assert chats_asked(server) == [PHONE, LID]
    assert [one["Phone"] for one in sends(server)] == [PHONE]


def test_a_chat_is_asked_about_under_a_name_that_was_learnt_since(alpha, server):
    message = lose_an_answer_to(server, PHONE, lid="")
    hear_from(PHONE)
    keep_history(server)
    keep_history(server, message.provider_ref)

    assert again(server) == ["sent"]
    assert chats_asked(server) == [PHONE, LID]
    assert len(sends(server)) == 1


def test_what_left_before_the_number_was_given_away_is_found_in_the_chat_that_stayed(alpha, server):
    message = lose_an_answer_to(server, PHONE)
    hear_from(PHONE, lid="777")
    keep_history(server, message.provider_ref)

    assert again(server, unknown_for=timedelta(seconds=30)) == ["sent"]
    assert chats_asked(server) == [LID]
    assert len(sends(server)) == 1


def test_after_the_number_was_given_away_it_is_repeated_in_the_chat_that_stayed(alpha, server):
    lose_an_answer_to(server, PHONE)
    hear_from(PHONE, lid="777")
    keep_history(server, "another")
    accept(server)

    assert again(server, unknown_for=timedelta(seconds=30)) == ["sent"]
    assert [one["Phone"].partition("@")[0] for one in sends(server)] == [PHONE, LID]


def test_what_is_known_not_to_have_left_goes_where_they_write_now(alpha, server):
    make_device(make_agent(), bridge_url=server.url)
    hear_from(PHONE)
    put(Conversation.objects.get(), "um")
    fail(server, 500)
    assert send() == ["waiting"]
    hear_from(OTHER)
    OutboundMessage.objects.update(next_attempt_at=None)
    accept(server)

    assert send() == ["sent"]
    assert [one["Phone"] for one in sends(server)] == [PHONE, OTHER]
    assert chats_asked(server) == []


def test_an_address_of_another_release_is_read(alpha, server):
    message = lose_an_answer_to(server, PHONE)
    message.refresh_from_db()
    message.handed_to["username"] = "ana"
    message.save()
    keep_history(server, message.provider_ref)
    keep_history(server)

    assert again(server, unknown_for=timedelta(seconds=30)) == ["sent"]


def test_a_number_that_was_given_away_gets_nothing_of_who_had_it(alpha, server):
    message = lose_an_answer_to(server, PHONE, lid="")
    hear_from(PHONE)  # whoever it was, WhatsApp says now who they are
    hear_from(PHONE, lid="777")

    assert again(server, unknown_for=timedelta(seconds=30)) == ["nothing_left"]
    assert len(sends(server)) == 1
    message.refresh_from_db()
    assert (message.status, message.failure_reason) == ("failed", identity.GIVEN_AWAY)
    assert message.conversation.mode == "human"
