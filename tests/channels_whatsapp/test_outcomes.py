"""Every sample of the bridge, fresh, through the door in both modes: what becomes of each.

One table: the outcome and its reason, and what an agent is told of a message that is answered.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils.translation import override

from channels_whatsapp.models import BridgeEvent
from channels_whatsapp.simulator import wire
from channels_whatsapp.webhooks import PREFIX
from conversations.models import Attachment, InboundMessage
from conversations.services import describing
from tenants import inbox, receiving
from tenants.door import WebhookDoor
from tenants.models import InboundRoute
from tests.factories import HMAC_KEY, make_agent, make_device

SAMPLES = Path(__file__).parent.parent / "fixtures" / "bridge"

STORED = {
    "text_conversation": "Hi! Do you have a free slot on Friday afternoon?",
    "text_html_chars": 'Tom & Maya <3 "quotes" café ☕ 10 > 9',
    "text_lid_dm": "Hello from a LID-addressed chat",
    "text_lid_dm_no_phone": "You cannot see my number",
    "text_extended_link": "Is this you? https://example.com/menu",
    "text_extended_reply": '[in reply to "Would 15:30 suit you?"] Yes, 15:30 works for me',
    "text_disappearing_chat": "This chat has disappearing messages on",
    "image_base64": "[image] My referral letter",
    "image_s3": "[image] My referral letter",
    "image_no_media": "[image] My referral letter",
    "audio_ptt_base64": "[voice message that could not be heard]",
    "audio_ptt_no_media": "[voice message that could not be heard]",
    "video_base64": "[video, 12 s] Here is the problem",
    "document_base64": "[document: Prescription.pdf]",
    "location": "[location: Westminster Bridge, London SE1 7PB; 51.5007292, -0.1246254]",
    "contact": "[contact card: Tom Reyes +447700900456]",
    "poll_created": "[poll: Which day suits you?: Thursday / Friday]",
    "poll_vote": "[vote in a poll: Friday]",
    "buttons_response": "Confirm",
    "undecryptable_view_once": "[view-once message, which only the phone can show]",
}
OTHERS = {
    name: tuple(verdict.split("/"))
    for verdict, names in {
        "silent/reaction": "reaction reaction_removed",
        "silent/sticker": "sticker_base64",
        "silent/unreadable": "undecryptable_message",
        "silent/from_the_phone": "from_me_phone_dm rabbitmq_only_api_sent_message",
        "ignored/group": "group_text group_text_mention group_first_message_with_sender_key"
        " from_me_phone_group",
        "ignored/status_post": "status_broadcast",
        "ignored/protocol_noise": "peer_protocol_noise history_sync_notification_noise",
        "ignored/own_receipt": "receipt_read_self",
        "ignored/unknown_message": "receipt_delivered receipt_read edited_message_plain"
        " edited_message_encrypted_decrypted revoked_message",
        "ignored/not_a_message": "presence_online presence_offline"
        " presence_offline_hidden_last_seen history_sync offline_sync_preview"
        " offline_sync_completed call_offer call_terminate group_info_join group_info_name"
        " joined_group picture identity_change",
        "ignored/no_burst": "chat_presence_composing chat_presence_recording chat_presence_paused",
        "applied/": "connected connected_from_push_name_setting disconnected pair_success"
        " logged_out qr qr_timeout pair_error_from_qr_channel temporary_ban client_outdated"
        " stream_error connect_failure_after_retries keepalive_timeout keepalive_restored",
    }.items()
    for name in names.split()
}


def fresh(path: Path, n: int) -> dict[str, object]:
    """Return a sample as if it had just been sent, by a person of its own."""
    text = path.read_text().replace("447700900123", f"4477009{n:05}")
    data = json.loads(text.replace("198765432101234", f"1987654321{n:05}"))
    info = data["event"].get("Info") if isinstance(data["event"], dict) else None
    if isinstance(info, dict):
        info["Timestamp"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        info["ID"] = f"SAMPLE{n:03}"
    return data


def through_the_door(route: InboundRoute, mode: str, events: list[dict[str, object]]) -> list[int]:
    """Post events to the door, signed over the raw bytes, and return its answers."""

    async def post(door: WebhookDoor, event: dict[str, object]) -> int:
        user_id, name = str(event.pop("userID")), str(event.pop("instanceName"))
        kind, body = wire.webhook_body(
            event, webhook_format=mode, user_id=user_id, instance_name=name
        )
        headers = {"content-type": kind, "x-hmac-signature": wire.signature(body, key=HMAC_KEY)}
        scope = {
            "type": "http",
            "method": "POST",
            "path": f"{PREFIX}{route.route_key}/",
            "headers": [(key.encode(), value.encode()) for key, value in headers.items()],
        }
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        await door(scope, receive, send)
        return sent[0]["status"]

    async def run() -> list[int]:
        door = WebhookDoor()
        try:
            return [await post(door, event) for event in events]
        finally:
            await door.close()

    return asyncio.run(run())


@pytest.mark.parametrize("mode", ["json", "form"])
def test_every_sample_has_its_outcome_in_both_modes(committed_alpha, mode):
    device = make_device(make_agent())
    route = InboundRoute.objects.get(device_ref=device.uuid)
    paths = sorted(SAMPLES.glob("*.json"))
    events = [fresh(path, n) for n, path in enumerate(paths)]

    statuses = through_the_door(route, mode, events)
    for batch in inbox.claim_batches(limit=500, per_batch=500):
        receiving.receive_entries(entry_ids=batch.entry_ids, token=batch.token)

    assert set(statuses) == {200}
    got = [(one.outcome, one.reason) for one in BridgeEvent.objects.order_by("pk")]
    table = {**dict.fromkeys(STORED, ("stored", "")), **OTHERS}
    wanted = [table.get(path.stem, ("", "no line in the table")) for path in paths]
    assert dict(zip([p.stem for p in paths], got, strict=True)) == dict(
        zip([p.stem for p in paths], wanted, strict=True)
    )
    with override("en"):
        for n, path in enumerate(paths):
            if path.stem not in STORED:
                continue
            message = InboundMessage.objects.get(provider_ref=f"SAMPLE{n:03}")
            assert describing.told(message) == STORED[path.stem], path.stem
    files = {
        paths[int(one.message.provider_ref[-3:])].stem: (one.status, one.media_type)
        for one in Attachment.objects.select_related("message")
    }
    assert files == {
        "image_base64": ("stored", "image/jpeg"),
        "audio_ptt_base64": ("stored", "audio/ogg"),
        "video_base64": ("stored", "video/mp4"),
        "document_base64": ("stored", "application/pdf"),
        "sticker_base64": ("stored", "image/webp"),
        "image_s3": ("waiting", ""),
        "image_no_media": ("waiting", ""),
        "audio_ptt_no_media": ("waiting", ""),
    }
    # A file has one place, and the record of the event is not it.
    assert not any(b'"base64":' in bytes(one.body) for one in BridgeEvent.objects.all())
