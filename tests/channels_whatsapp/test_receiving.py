"""From the bridge's bodies to rows: an outcome and a reason for each, and silence where due."""

from __future__ import annotations

import base64
import json
import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from channels_whatsapp.models import BridgeEvent, Device
from channels_whatsapp.services import retention
from conversations.models import (
    Contact,
    Conversation,
    InboundMessage,
    OutboundFile,
    OutboundMessage,
)
from conversations.services import bursts, describing
from tenants import inbox, receiving
from tenants.context import database_now
from tenants.models import InboxEntry, Timer
from tests.factories import make_agent, make_device, message_body, phone_body, receive, work

SAMPLES = Path(__file__).parent.parent / "fixtures" / "bridge"
STORED = {
    name: ("silent", reason)
    for reason, names in {
        "too_old": "text_conversation text_html_chars text_lid_dm text_lid_dm_no_phone"
        " text_extended_link text_extended_reply text_disappearing_chat image_base64 image_s3"
        " image_no_media audio_ptt_base64 audio_ptt_no_media video_base64 document_base64"
        " location contact poll_created poll_vote buttons_response undecryptable_view_once",
        "unreadable": "undecryptable_message",
        "reaction": "reaction reaction_removed",
        "sticker": "sticker_base64",
        "from_the_phone": "from_me_phone_dm rabbitmq_only_api_sent_message",
    }.items()
    for name in names.split()
}
IGNORED = {
    name: ("ignored", reason)
    for reason, names in {
        "group": "group_text group_text_mention group_first_message_with_sender_key"
        " from_me_phone_group",
        "status_post": "status_broadcast",
        "protocol_noise": "peer_protocol_noise history_sync_notification_noise",
        "own_receipt": "receipt_read_self",
        "unknown_message": "receipt_delivered receipt_read edited_message_plain"
        " edited_message_encrypted_decrypted revoked_message",
        "no_burst": "chat_presence_composing chat_presence_recording chat_presence_paused",
        "not_a_message": "presence_online presence_offline presence_offline_hidden_last_seen"
        " history_sync offline_sync_preview offline_sync_completed call_offer call_terminate"
        " group_info_join group_info_name joined_group picture identity_change",
    }.items()
    for name in names.split()
}


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_ends_in_its_outcome_and_none_wakes_the_assistant(alpha, path):
    device = make_device(make_agent())

    receive(device, path.read_bytes())

    event = BridgeEvent.objects.get()
    expected = {**STORED, **IGNORED}.get(path.stem, ("applied", ""))
    assert (event.outcome, event.reason) == expected
    assert not Timer.objects.exclude(kind__in=("media", "unreadable")).exists()
    assert not OutboundMessage.objects.exclude(origin="phone").exists()


def test_a_fresh_message_is_stored_and_arms_the_timer(alpha):
    device = make_device(make_agent())

    receive(device, message_body("oi", ref="A1"))

    message = InboundMessage.objects.get()
    assert (message.text, message.silence_reason) == ("oi", "")
    assert Timer.objects.get().ref == message.conversation_id
    assert InboxEntry.objects.get().done_at is not None
    assert bytes(InboxEntry.objects.get().body) == b""


@pytest.mark.parametrize("how", ["again", "at-once", "as-lid"])
def test_a_message_that_comes_twice_is_one(alpha, how):
    device = make_device(make_agent())
    body = message_body("oi", ref="A1", phone="5511988887777", lid="123")
    repeat = message_body("oi", ref="A1", phone="", lid="123") if how == "as-lid" else body

    if how == "at-once":
        receive(device, body, body)
    else:
        receive(device, body)
        receive(device, repeat)

    assert InboundMessage.objects.count() == 1
    assert BridgeEvent.objects.get().n_repeats == 1
    assert Contact.objects.count() == 1


def test_the_reason_for_silence_is_kept(alpha):
    device = make_device(make_agent())
    now = datetime.now(UTC)

    receive(device, message_body(ref="OLD", at=now - timedelta(days=3)))
    receive(device, message_body(ref="NEW", at=now + timedelta(days=365)))
    Conversation.objects.update(mode="human")
    receive(device, message_body(ref="HUMAN"))
    Contact.objects.update(is_blocked=True)
    receive(device, message_body(ref="BLOCKED"))

    reasons = dict(InboundMessage.objects.values_list("provider_ref", "silence_reason"))
    assert reasons == {
        "OLD": "too_old",
        "NEW": "clock_ahead",
        "HUMAN": "human_mode",
        "BLOCKED": "blocked",
    }
    assert not Timer.objects.filter(kind="turn").exists()


def test_a_nul_is_left_out(alpha):
    device = make_device(make_agent())

    receive(device, message_body("pre\x00ço?", ref="A1"))

    assert InboundMessage.objects.get().text == "preço?"


def test_a_novel_is_cut_with_a_mark(alpha):
    device = make_device(make_agent())

    receive(device, message_body("a" * 1_048_576))

    text = InboundMessage.objects.get().text
    assert len(text) == 4096
    assert text.endswith("…")


def test_our_own_echo_is_no_message(alpha):
    device = make_device(make_agent())
    receive(device, message_body("oi", ref="A1"))
    conversation = Conversation.objects.get()
    OutboundMessage.objects.create(
        conversation=conversation,
        channel_account_ref=device.uuid,
        provider_ref="3EB0OURS",
        origin="agent",
        text="olá",
        created_at=datetime.now(UTC),
    )

    receive(device, message_body("olá", ref="3EB0OURS", IsFromMe=True))

    assert BridgeEvent.objects.order_by("pk").last().reason == "own_echo"
    assert OutboundMessage.objects.count() == 1


def own_change(**protocol: object) -> bytes:
    body = json.loads(phone_body(""))
    body["event"]["Message"] = {"protocolMessage": protocol}
    return json.dumps(body).encode()


def own_edit(target: str, new: dict[str, object]) -> bytes:
    return own_change(type=14, key={"ID": target}, editedMessage=new)


@pytest.mark.parametrize("is_first", [True, False], ids=["before_it", "after_it"])
def test_what_the_owner_changes_on_the_paired_phone_is_changed_here(alpha, beta, is_first):
    device = make_device(make_agent())
    with tenant_context(beta):
        receive(make_device(make_agent()), phone_body("de outra empresa", ref="P1"))
    bodies = [
        phone_body("custa R$ 100", ref="P1"),
        own_edit("P1", {"conversation": "custa R$ 1.000"}),
        phone_body("o endereço é outro", ref="P2"),
        own_change(key={"ID": "P2", "fromMe": True}),
    ]
    if is_first:
        bodies = [bodies[1], bodies[0], bodies[3], bodies[2]]

    for body in bodies:
        receive(device, body)

    edited, deleted = OutboundMessage.objects.order_by("provider_ref")
    assert (edited.text, edited.deleted_at) == ("custa R$ 1.000", None)
    assert edited.edited_at is not None
    assert deleted.deleted_at is not None
    told = bursts.latest_lines({edited.conversation_id: 1})[edited.conversation_id]
    assert [line.text for line in told] == ["custa R$ 1.000"]
    assert not BridgeEvent.objects.filter(reason="unknown_message").exists()
    with tenant_context(beta):
        assert OutboundMessage.objects.get().text == "de outra empresa"


def test_an_edit_on_the_paired_phone_of_what_is_not_kept_stays_in_words(alpha):
    device = make_device(make_agent())
    body = json.loads(phone_body("", ref="P1"))
    body["event"]["Message"] = {"imageMessage": {"mimetype": "image/png", "caption": "a sala"}}

    receive(device, json.dumps(body).encode())
    receive(
        device, own_edit("P1", {"imageMessage": {"mimetype": "image/png", "caption": "a sede"}})
    )

    assert OutboundMessage.objects.get().text == "[imagem] a sede"


def test_what_the_owner_writes_to_themselves_is_not_kept(alpha):
    device = make_device(make_agent())
    device.phone, device.own_lid = "5511900000000", "777"
    device.save()
    own = {"IsFromMe": True, "Sender": "5511900000000:3@s.whatsapp.net"}

    receive(device, message_body("a senha", ref="A1", phone="5511900000000", **own))
    receive(device, message_body("a senha", ref="A2", phone="", lid="777", **own))
    # As the bridge's history has it, which does not always say who wrote.
    receive(device, message_body("a senha", ref="A3", phone="5511900000000"))

    assert set(BridgeEvent.objects.values_list("outcome", "reason")) == {("ignored", "own_chat")}
    assert not Contact.objects.exists()


def test_news_of_whatsapp_itself_get_no_answer(alpha):
    receive(make_device(make_agent()), message_body("Novidades!", phone="0"))

    assert BridgeEvent.objects.get().reason == "from_whatsapp"
    assert not Contact.objects.exists()


def test_an_agent_is_told_from_which_ad_a_contact_came(alpha):
    device = make_device(make_agent())
    body = json.loads(message_body())
    ad = {"title": "Clareamento", "body": "", "sourceType": "ad"}
    text = {"text": "Quero saber mais", "contextInfo": {"externalAdReply": ad}}
    body["event"]["Message"] = {"extendedTextMessage": text}

    receive(device, json.dumps(body).encode())

    assert describing.told(InboundMessage.objects.get()) == (
        '[veio do anúncio "Clareamento"] Quero saber mais'
    )


def test_a_receipt_without_a_time_is_of_now(alpha):
    device = make_device(make_agent())
    receive(device, message_body("oi"))
    OutboundMessage.objects.create(
        conversation=Conversation.objects.get(),
        channel_account_ref=device.uuid,
        provider_ref="3EB0OURS",
        origin="agent",
        text="olá",
        created_at=database_now(),
    )
    event = {"MessageIDs": ["3EB0OURS"], "Timestamp": "0001-01-01T00:00:00Z"}
    body = {"type": "ReadReceipt", "state": "Delivered", "event": event}

    receive(device, json.dumps(body).encode())

    message = OutboundMessage.objects.get()
    assert message.status == "delivered"
    assert database_now() - message.delivered_at < timedelta(minutes=1)


def test_what_is_sent_from_the_paired_phone_is_kept_as_a_file_where_it_comes_along(alpha):
    device = make_device(make_agent())
    png = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40

    def sent(ref: str, *, file: bytes | None, **image: object) -> None:
        body = json.loads(message_body(ref=ref, IsFromMe=True))
        body["event"]["Message"] = {"imageMessage": {"mimetype": "image/png", **image}}
        if file is not None:
            body["base64"] = base64.b64encode(file).decode()
        receive(device, json.dumps(body).encode())

    sent("A1", file=png, caption="segue")
    sent("A1", file=png, caption="segue")
    sent("A2", file=None, caption="sem o arquivo")
    device.unkept_files = ["image"]
    device.save()
    sent("A3", file=png)

    rows = OutboundMessage.objects.order_by("pk").values_list("provider_ref", "kind", "text")
    assert list(rows) == [
        ("A1", "image", "segue"),
        ("A2", "text", "[imagem] sem o arquivo"),
        ("A3", "text", "[imagem]"),
    ]
    file = OutboundFile.objects.get()
    assert (file.message.provider_ref, file.media_type, bytes(file.data)) == (
        "A1",
        "image/png",
        png,
    )


def test_two_tenants_take_messages_of_the_same_ids(alpha, beta):
    first = make_device(make_agent())
    with tenant_context(beta):
        second = make_device(make_agent())
        receive(second, message_body("para beta", ref="A1"))
    receive(first, message_body("para alpha", ref="A1"))

    assert InboundMessage.objects.get().text == "para alpha"
    with tenant_context(beta):
        assert InboundMessage.objects.get().text == "para beta"


def test_an_entry_that_cannot_be_read_does_not_keep_the_others_back(alpha):
    device = make_device(make_agent())

    receive(device, b'{"type": 1}', message_body("oi"))

    assert InboundMessage.objects.count() == 1
    assert InboxEntry.objects.filter(done_at=None).count() == 1


def test_an_entry_that_cannot_be_read_is_parked_at_once(alpha):
    receive(make_device(make_agent()), b'{"type": 1}')

    entry = InboxEntry.objects.get()
    assert (entry.parked_reason, entry.n_attempts) == ("the body has no event", 1)
    assert (entry.lease_token, bytes(entry.body)) == (None, b'{"type": 1}')


def test_an_entry_that_fails_again_and_again_is_parked(alpha):
    device = make_device(make_agent())
    Device.objects.update(uuid=uuid.uuid4())  # nothing can be written for the route any more
    receive(device, message_body("oi"))
    for _ in range(inbox.MAX_ATTEMPTS):
        InboxEntry.objects.update(lease_until=datetime.now(UTC) - timedelta(seconds=1))
        receive(device)
    InboxEntry.objects.update(lease_until=datetime.now(UTC) - timedelta(seconds=1))

    assert inbox.park_hopeless() == 1
    assert inbox.claim_batches(limit=10, per_batch=10) == []


def test_the_tries_of_an_entry_get_further_apart(alpha):
    device = make_device(make_agent())
    receive_row(device, message_body("oi"))
    pauses = []
    for _ in range(inbox.MAX_ATTEMPTS):
        InboxEntry.objects.update(lease_until=datetime.now(UTC) - timedelta(seconds=1))
        (batch,) = inbox.claim_batches(limit=10, per_batch=10)
        inbox.begin(entry_ids=batch.entry_ids, token=batch.token)
        pauses.append(InboxEntry.objects.get().lease_until - database_now())

    assert [round(pause.total_seconds()) for pause in pauses] == [5, 15, 45, 135, 135]


def test_what_is_kept_back_until_its_next_try_takes_no_claim_from_others(alpha, monkeypatch):
    monkeypatch.setattr(inbox, "MAX_CLAIMED", 1)
    device = make_device(make_agent())
    receive_row(device, message_body("oi", ref="A1"))
    InboxEntry.objects.update(n_attempts=3)
    (batch,) = inbox.claim_batches(limit=10, per_batch=10)
    inbox.begin(entry_ids=batch.entry_ids, token=batch.token)
    receive_row(device, message_body("oi", ref="A2"))

    assert len(inbox.claim_batches(limit=10, per_batch=10)) == 1


def test_the_key_of_a_written_entry_goes_after_its_time(alpha):
    device = make_device(make_agent())
    receive(device, message_body("oi"))
    assert inbox.purge_done() == 0

    InboxEntry.objects.update(done_at=datetime.now(UTC) - timedelta(minutes=16))
    assert inbox.purge_done() == 1


def test_two_workers_write_one_contact_and_every_message(committed_alpha):
    device = make_device(make_agent())
    bodies = [message_body(f"texto {n}", ref=f"A{n}") for n in range(12)]
    InboxEntry.objects.all().delete()
    for body in bodies:
        receive_row(device, body)
    batches = inbox.claim_batches(limit=100, per_batch=3)
    gate = threading.Barrier(len(batches))

    def write(batch: inbox.Batch) -> None:
        try:
            with schema_context("t_alpha"):
                gate.wait()
                receiving.receive_entries(entry_ids=batch.entry_ids, token=batch.token)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Contact.objects.count() == Conversation.objects.count() == 1
    assert InboundMessage.objects.count() == 12
    assert Conversation.objects.get().n_pending == 12
    assert InboxEntry.objects.filter(done_at=None).count() == 0


def receive_row(device, body: bytes) -> None:
    from tenants.models import InboundRoute

    route = InboundRoute.objects.get(device_ref=device.uuid)
    InboxEntry.objects.create(
        route=route,
        schema_name="t_alpha",
        dedup_key=json.loads(body)["event"]["Info"]["ID"],
        encoding="json",
        body=body,
    )


def test_a_connection_is_told_its_settings_again(alpha, django_capture_on_commit_callbacks):
    device = make_device(make_agent())

    with django_capture_on_commit_callbacks() as callbacks:
        receive(device, (SAMPLES / "connected.json").read_bytes())

    device.refresh_from_db()
    assert device.state == "connected"
    assert len(callbacks) == 1
    assert work() == []


def test_workers_that_are_away_for_long_cost_no_webhook(alpha):
    device = make_device(make_agent())
    receive_row(device, message_body("oi"))
    for _ in range(2 * inbox.MAX_ATTEMPTS):  # rung, and nobody came
        assert len(inbox.claim_batches(limit=10, per_batch=10)) == 1
        InboxEntry.objects.update(lease_until=datetime.now(UTC) - timedelta(seconds=1))

    assert inbox.park_hopeless() == 0
    receive(device)
    assert InboundMessage.objects.count() == 1


def test_what_was_tried_before_comes_alone(alpha):
    device = make_device(make_agent())
    for n in range(3):
        receive_row(device, message_body("oi", ref=f"A{n}"))
    batch = inbox.claim_batches(limit=10, per_batch=10)[0]
    assert inbox.begin(entry_ids=batch.entry_ids, token=batch.token) is not None  # and it died
    InboxEntry.objects.update(lease_until=datetime.now(UTC) - timedelta(seconds=1))
    receive_row(device, message_body("oi", ref="A4"))

    sizes = [len(one.entry_ids) for one in inbox.claim_batches(limit=10, per_batch=10)]
    assert sizes == [1, 1, 1, 1]


def test_of_two_workers_with_one_doorbell_one_writes(alpha):
    device = make_device(make_agent())
    receive_row(device, message_body("oi"))
    batch = inbox.claim_batches(limit=10, per_batch=10)[0]

    assert inbox.begin(entry_ids=batch.entry_ids, token=batch.token) is not None
    assert receiving.receive_entries(entry_ids=batch.entry_ids, token=batch.token) == 0
    assert InboxEntry.objects.get().n_attempts == 1


def test_no_more_is_claimed_than_workers_could_take(alpha, monkeypatch):
    monkeypatch.setattr(inbox, "MAX_CLAIMED", 3)
    device = make_device(make_agent())
    for n in range(5):
        receive_row(device, message_body("oi", ref=f"A{n}"))

    assert sum(len(b.entry_ids) for b in inbox.claim_batches(limit=10, per_batch=2)) == 3
    assert inbox.claim_batches(limit=10, per_batch=2) == []


def test_media_and_times_that_cannot_be_kept_do_not_cost_the_message(alpha):
    device = make_device(make_agent())
    body = json.loads(message_body("", ref="A1"))
    body["event"]["Info"]["Timestamp"] = "0001-01-01T00:00:00Z"
    body["event"]["Message"] = {
        "documentMessage": {
            "fileName": "a\x00b",
            "fileLength": "1e999",
            "height": [1],
            "seconds": 7,
        }
    }
    receive(device, json.dumps(body).replace('"1e999"', "1e999").encode())

    message = InboundMessage.objects.get()
    assert message.media == {"fileName": "ab", "fileLength": None, "height": None, "seconds": 7}
    assert message.sent_at.year == 1970


def test_a_conversation_from_before_the_agent_is_answered_by_it(alpha):
    device = make_device(None)
    receive(device, message_body("oi", ref="A1"))
    assert Conversation.objects.get().agent is None
    Device.objects.update(entry_agent=make_agent())
    receive(device, message_body("oi?", ref="A2"))

    assert Conversation.objects.get().agent is not None


def test_of_old_events_only_what_recognises_repeats_stays(alpha):
    device = make_device(make_agent())
    typing = {"Chat": "1@s.whatsapp.net", "Sender": "1@s.whatsapp.net", "State": "composing"}
    receive(device, json.dumps({"type": "ChatPresence", "event": typing}).encode())
    receive(device, message_body("oi"))
    now = datetime.now(UTC)
    assert retention.clear_old_events(now=now) == 0

    retention.clear_old_events(now=now + timedelta(days=31))
    event = BridgeEvent.objects.get()
    assert (event.type, bytes(event.body)) == ("Message", b"")
