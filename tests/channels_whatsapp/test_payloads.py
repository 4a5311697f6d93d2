"""Every sample of the bridge is read and sorted; nothing that parses as JSON breaks the reader."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_whatsapp.bridge import payloads
from channels_whatsapp.types import (
    ContactMessage,
    Deleted,
    Edited,
    Ignored,
    LinkChange,
    OwnMessage,
    Receipt,
    Typing,
)
from conversations.types import Address, MessageKind

SAMPLES = Path(__file__).parent.parent / "fixtures" / "bridge"

MESSAGES = {
    "text_conversation": MessageKind.TEXT,
    "text_html_chars": MessageKind.TEXT,
    "text_lid_dm": MessageKind.TEXT,
    "text_lid_dm_no_phone": MessageKind.TEXT,
    "text_extended_link": MessageKind.TEXT,
    "text_extended_reply": MessageKind.TEXT,
    "text_disappearing_chat": MessageKind.TEXT,
    "image_base64": MessageKind.IMAGE,
    "image_s3": MessageKind.IMAGE,
    "image_no_media": MessageKind.IMAGE,
    "audio_ptt_base64": MessageKind.AUDIO,
    "audio_ptt_no_media": MessageKind.AUDIO,
    "video_base64": MessageKind.VIDEO,
    "document_base64": MessageKind.DOCUMENT,
    "sticker_base64": MessageKind.STICKER,
    "location": MessageKind.LOCATION,
    "contact": MessageKind.CONTACT_CARD,
    "reaction": MessageKind.REACTION,
    "reaction_removed": MessageKind.REACTION,
    "poll_created": MessageKind.POLL,
    "poll_vote": MessageKind.VOTE,
    "undecryptable_message": MessageKind.UNREADABLE,
    "undecryptable_view_once": MessageKind.UNREADABLE,
    "group_text": MessageKind.TEXT,
    "group_text_mention": MessageKind.TEXT,
    "group_first_message_with_sender_key": MessageKind.TEXT,
    "buttons_response": MessageKind.CHOICE,
}
IGNORED = {
    "from_me_phone_group": "group",
    "status_broadcast": "status_post",
    "peer_protocol_noise": "protocol_noise",
    "history_sync_notification_noise": "protocol_noise",
    "receipt_read_self": "own_receipt",
    "rabbitmq_only_api_sent_message": None,
    **dict.fromkeys(
        (
            "presence_online",
            "presence_offline",
            "presence_offline_hidden_last_seen",
            "history_sync",
            "offline_sync_preview",
            "offline_sync_completed",
            "call_offer",
            "call_terminate",
            "group_info_join",
            "group_info_name",
            "joined_group",
            "picture",
            "identity_change",
        ),
        "not_a_message",
    ),
}
OTHERS = {
    "edited_message_plain": Edited,
    "edited_message_encrypted_decrypted": Edited,
    "revoked_message": Deleted,
    "receipt_delivered": Receipt,
    "receipt_read": Receipt,
    "receipt_read_lid": Receipt,
    "receipt_read_group": Receipt,
    "chat_presence_composing": Typing,
    "chat_presence_recording": Typing,
    "chat_presence_paused": Typing,
    "from_me_phone_dm": OwnMessage,
}


def read(name: str):
    return payloads.parse(payloads.read((SAMPLES / f"{name}.json").read_bytes()))


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_is_sorted(path):
    event = read(path.stem)

    if path.stem in MESSAGES:
        assert isinstance(event, ContactMessage)
        assert event.kind == MESSAGES[path.stem]
        assert event.ref
    elif path.stem in OTHERS:
        assert isinstance(event, OTHERS[path.stem])
    elif IGNORED.get(path.stem):
        assert event == Ignored(IGNORED[path.stem])
    else:
        assert isinstance(event, LinkChange | OwnMessage)


def test_phone_and_lid_are_both_known_where_the_bridge_knows_both():
    event = read("text_lid_dm")

    assert event.sender == Address(phone="447700900123", lid="198765432101234")


def said(message: dict[str, object]):
    data = json.loads((SAMPLES / "text_conversation.json").read_text())
    data["event"]["Message"] = message
    return payloads.parse(data)


def test_a_picture_of_an_album_is_found_in_its_layers():
    picture = {"imageMessage": {"mimetype": "image/jpeg", "caption": "a sala", "mediaKey": "k"}}
    album = {"messageContextInfo": {"messageAssociation": {"associationType": 1}}}

    found = said({**album, "associatedChildMessage": {"message": picture}})
    once = said({"viewOnceMessageV2": {"message": picture}})
    pdf = {"documentMessage": {"caption": "nova"}}
    layers = {"documentWithCaptionMessage": {"message": pdf}}
    edit = {"type": 14, "key": {"ID": "A1"}, "editedMessage": layers}

    assert (found.kind, found.text) == (MessageKind.IMAGE, "a sala")
    assert found.file.source["message"]["mediaKey"] == "k"
    assert once.media["view_once"] is True
    assert said({"editedMessage": {"message": {"protocolMessage": edit}}}).text == "nova"


def test_what_is_meant_for_whatsapps_own_assistant_is_not_taken_out_of_its_layer():
    asked = {"extendedTextMessage": {"text": "@Meta AI quanto é 2+2?"}}

    assert said({"botInvokeMessage": {"message": asked}}) == payloads.Ignored("protocol_noise")


def test_who_comes_from_an_ad_brings_its_words():
    ad = {"title": "Clareamento", "body": "Só até\x00 sexta", "sourceType": "ad"}

    def facts(**reply: object):
        context = {"externalAdReply": reply}
        text = {"text": "Posso ter mais informações sobre isso?", "contextInfo": context}
        return said({"extendedTextMessage": text}).media

    assert facts(**ad)["ad"] == "Clareamento – Só até sexta"
    assert facts(title="Oferta", ctwaClid="abc")["ad"] == "Oferta"
    # What some programs put into messages of their own is none.
    assert "ad" not in facts(title="Feito por um robô")


@pytest.mark.parametrize("version", ["", "V2", "V3", "V5", "V9"])
def test_a_poll_of_any_version_is_a_poll(version):
    poll = {"name": "Que dia?", "options": [{"optionName": "Sexta"}]}
    found = said({f"pollCreationMessage{version}": poll})

    assert (found.kind, found.text) == (MessageKind.POLL, "Que dia?")
    assert found.media["options"] == ["Sexta"]


@pytest.mark.parametrize("kind", [5, 10, 12, 19])
def test_a_copy_in_hd_is_no_second_picture(kind):
    beside = {"messageContextInfo": {"messageAssociation": {"associationType": kind}}}
    picture = {"imageMessage": {"mimetype": "image/jpeg"}}

    outside = said({**beside, "associatedChildMessage": {"message": picture}})
    inside = said({"associatedChildMessage": {"message": {**beside, **picture}}})

    assert outside == inside == Ignored("another_copy")


@pytest.mark.parametrize("new", [None, {}, {"novaMessage": {"x": 1}}, {"conversation": ""}])
def test_an_edit_that_nobody_can_read_takes_no_text_away(new):
    edit = {"type": 14, "key": {"ID": "A1"}, "editedMessage": new}

    assert said({"protocolMessage": edit}) == Ignored("unknown_edit")


def test_a_sender_without_a_phone_is_known_by_its_lid():
    assert read("text_lid_dm_no_phone").sender.phone == ""
    assert read("text_lid_dm_no_phone").sender.lid


def test_a_repeat_under_another_address_has_the_same_key():
    data = json.loads((SAMPLES / "text_conversation.json").read_text())
    first = payloads.dedup_key(data, b"one")
    data["event"]["Info"]["Chat"] = data["event"]["Info"]["Sender"] = "1@lid"

    assert payloads.dedup_key(data, b"two") == first


def test_two_signs_of_typing_are_two_events():
    data = json.loads((SAMPLES / "chat_presence_composing.json").read_text())

    assert payloads.dedup_key(data, b"same") != payloads.dedup_key(data, b"same")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["Info", "Message", "Chat", "Sender", "ID", "IsGroup", "Timestamp", "conversation"]
                + ["associatedChildMessage", "message", "messageContextInfo", "messageAssociation"]
                + ["associationType", "editedMessage"]
                + ["protocolMessage", "key", "type", "imageMessage", "MessageIDs", "State"]
            )
            | st.text(max_size=5),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@given(
    kind=st.sampled_from(["Message", "ReadReceipt", "ChatPresence", "Connected", "Novo"]),
    event=json_values.filter(lambda value: value is not None),
)
def test_whatever_the_bridge_sends_is_read_or_refused(kind, event):
    body = json.dumps({"type": kind, "event": event, "state": "Read"}).encode()
    try:
        data = payloads.read(body)
    except payloads.Unreadable:  # half of a character
        return

    parsed = payloads.parse(data)
    assert len(payloads.dedup_key(data, body)) <= 200
    if isinstance(parsed, ContactMessage):
        parsed.text.encode("utf-8")
        assert "\x00" not in parsed.text


@given(body=st.binary(max_size=300))
def test_bytes_that_are_no_event_are_refused(body):
    try:
        payloads.parse(payloads.read(body))
    except payloads.Unreadable:
        return


def test_nesting_beyond_reason_is_refused():
    with pytest.raises(payloads.Unreadable):
        payloads.read(b"[" * 100_000 + b"]" * 100_000)
