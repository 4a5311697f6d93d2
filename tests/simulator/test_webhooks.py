import itertools
import json
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from channels_whatsapp.simulator import wire
from tests.simulator.conftest import HMAC_KEY, Delivery, Receiver, Running, Start, wait_until

SAMPLES = Path(__file__).parents[1] / "fixtures" / "bridge"
PHONE = "447700900123"
LID = "198765432101234"


def sample(name: str) -> dict[str, object]:
    return dict(json.loads((SAMPLES / f"{name}.json").read_text()))


def shape(value: object) -> object:
    """Return the keys and kinds of a JSON value, without its values."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return type(value).__name__


def payload(delivery: Delivery) -> dict[str, object]:
    return dict(json.loads(delivery.body))


def meet_maya(simulator: Running, **more: object) -> None:
    body = {"name": "Maya Ellison", "phone": PHONE, "lid": LID, **more}
    simulator.sim("contacts", **body)


@pytest.mark.parametrize(
    ("name", "body", "left_out"),
    [
        ("text_conversation", {"text": "oi"}, ()),
        ("text_extended_reply", {"text": "sim", "quoted_id": "3EB0Q"}, ()),
        ("image_base64", {"kind": "image", "text": "minha foto"}, ()),
        ("audio_ptt_base64", {"kind": "audio"}, ()),
        ("document_base64", {"kind": "document"}, ()),
        ("video_base64", {"kind": "video", "text": "veja"}, ("streamingSidecar",)),
        (
            "location",
            {"kind": "location", "latitude": -23.56, "longitude": -46.65, "place": "Sé"},
            ("URL", "address"),
        ),
        ("contact", {"kind": "contact", "text": "Tom", "vcard": "BEGIN:VCARD"}, ()),
        ("sticker_base64", {"kind": "sticker"}, ()),
        ("poll_created", {"kind": "poll", "text": "Dia?", "options": ["quinta", "sexta"]}, ()),
        ("poll_vote", {"kind": "vote", "target": "3EB0P", "options": ["sexta"]}, ()),
        ("buttons_response", {"kind": "buttons_response", "options": ["Confirmar"]}, ()),
        ("text_disappearing_chat", {"text": "oi", "expires_s": 7776000}, ()),
        ("undecryptable_message", {"kind": "undecryptable"}, ()),
        ("undecryptable_view_once", {"kind": "undecryptable", "view_once": True}, ()),
        (
            "group_text_mention",
            {"text": "@1 oi", "group": "120363041234567890@g.us", "mentions": ["1@lid"]},
            (),
        ),
    ],
)
def test_messages_have_the_recorded_keys_and_kinds(
    simulator: Running,
    receiver: Receiver,
    name: str,
    body: dict[str, object],
    left_out: tuple[str, ...],
) -> None:
    simulator.clinic(receiver.url, events=["Message", "UndecryptableMessage"])
    meet_maya(simulator)
    sent = {"Phone": PHONE, "Body": "Would 15:30 suit you?", "Id": "3EB0Q"}
    simulator.api("POST", "/chat/send/text", sent)

    simulator.sim("contact-sends", user="t1", contact=PHONE, **body)

    got = payload(receiver.wait_for(1)[0])
    wanted = sample(name)
    event = dict(wanted["event"])  # type: ignore[call-overload]
    for content in (event.get("Message", {}), event.get("RawMessage", {})):
        for message in content.values():
            if isinstance(message, dict):
                for key in left_out:
                    message.pop(key, None)
    assert shape(got) == shape(wanted)


def test_marks_come_where_whatsapp_puts_them(simulator: Running, receiver: Receiver) -> None:
    simulator.clinic(receiver.url, events=["Message"])
    meet_maya(simulator)

    simulator.sim("contact-sends", user="t1", contact=PHONE, text="olha", forwarded=True)
    simulator.sim("contact-sends", user="t1", contact=PHONE, kind="image", view_once=True)
    simulator.sim("contact-sends", user="t1", contact=PHONE, kind="list_response", options=["A"])
    simulator.sim("contact-sends", user="t1", contact=PHONE, kind="album")

    events = [payload(one)["event"] for one in receiver.wait_for(4)]
    kinds = {next(iter(one["Message"])): one for one in events}  # type: ignore[index]
    text = kinds["extendedTextMessage"]["Message"]["extendedTextMessage"]  # type: ignore[index]
    assert text["contextInfo"]["isForwarded"]
    assert kinds["imageMessage"]["IsViewOnce"]
    assert "viewOnceMessage" in kinds["imageMessage"]["RawMessage"]
    assert kinds["listResponseMessage"]["Message"]["listResponseMessage"]["title"] == "A"
    assert "albumMessage" in kinds


def test_actions_have_the_recorded_keys_and_kinds(simulator: Running, receiver: Receiver) -> None:
    simulator.clinic(receiver.url, events=["All"], online=False)
    simulator.api("POST", "/session/connect", {"Immediate": True})
    meet_maya(simulator)
    who = {"user": "t1", "contact": PHONE}
    simulator.sim("settings", receipts="manual")
    simulator.sim("contact-sends", **who, text="oi", id="AC1")
    simulator.api("POST", "/chat/send/text", {"Phone": PHONE, "Body": "a", "Id": "3EB0A1"})

    simulator.sim("edit", **who, id="AC1", text="olá")
    simulator.sim("react", **who, id="3EB0A1", emoji="👍")
    simulator.sim("react", **who, id="3EB0A1", emoji="")
    simulator.sim("delete", **who, id="AC1")
    simulator.sim("typing", **who, state="composing")
    simulator.sim("typing", **who, state="paused")
    simulator.sim("receipts", **who, ids=["3EB0A1"], state="delivered")
    simulator.sim("receipts", **who, ids=["3EB0A1"], state="read")
    simulator.sim("owner-sends", **who, text="respondi")
    simulator.sim("users/t1/drop")
    simulator.sim("users/t1/resume")
    simulator.sim("users/t1/logout-from-phone")

    got = [shape(payload(delivery)) for delivery in receiver.wait_for(15)]
    names = """pair_success connected text_conversation edited_message_plain reaction
        reaction_removed revoked_message chat_presence_composing chat_presence_paused
        receipt_delivered receipt_read from_me_phone_dm disconnected connected logged_out"""
    for name in names.split():
        wanted = shape(sample(name))
        assert wanted in got, name
        got.remove(wanted)
    assert got == []


@pytest.mark.parametrize("mode", ["json", "form"])
def test_deliveries_are_signed_over_the_raw_body(
    start: Start, receiver: Receiver, mode: str
) -> None:
    simulator = start(webhook_format=mode)
    user = simulator.clinic(receiver.url, events=["Message"])

    simulator.sim("contact-sends", user="t1", contact=PHONE, text="a <b> & c + 100% ção")

    (delivery,) = receiver.wait_for(1)
    assert delivery.path == "/hooks/whatsapp/abc/"
    assert delivery.headers["x-hmac-signature"] == wire.signature(delivery.body, key=HMAC_KEY)
    if mode == "json":
        assert delivery.headers["content-type"] == "application/json"
        body = payload(delivery)
        assert (body["userID"], body["instanceName"]) == (user["id"], "clinic-main")
        text = body["event"]["Message"]["conversation"]  # type: ignore[index]
    else:
        assert delivery.headers["content-type"] == "application/x-www-form-urlencoded"
        fields = parse_qs(delivery.body.decode(), strict_parsing=True)
        assert list(fields) == ["instanceName", "jsonData", "userID"]
        event = json.loads(fields["jsonData"][0])
        assert list(event) == ["event", "type"]
        text = event["event"]["Message"]["conversation"]
    assert text == "a <b> & c + 100% ção"


def test_without_a_key_nothing_is_signed(simulator: Running, receiver: Receiver) -> None:
    simulator.clinic(receiver.url, events=["Message"], hmac_key="")

    simulator.sim("contact-sends", user="t1", contact=PHONE, text="a")

    assert "x-hmac-signature" not in receiver.wait_for(1)[0].headers


def test_only_subscribed_events_are_delivered(simulator: Running, receiver: Receiver) -> None:
    simulator.clinic(receiver.url, events=["Message"])

    simulator.sim("typing", user="t1", contact=PHONE)
    simulator.sim("contact-sends", user="t1", contact=PHONE, text="a")

    receiver.wait_for(1)
    outcomes = {row["type"]: row["outcome"] for row in simulator.look("webhooks")}
    assert outcomes["ChatPresence"] == outcomes["Connected"] == "unsubscribed"
    assert [payload(delivery)["type"] for delivery in receiver.deliveries] == ["Message"]


def test_a_failing_delivery_is_tried_five_times_with_doubling_waits(
    start: Start, receiver: Receiver
) -> None:
    simulator = start(time_scale=0.002)
    simulator.clinic(receiver.url, events=["Message"])
    receiver.script += [500, 404, 302, 503, 500]

    simulator.sim("contact-sends", user="t1", contact=PHONE, text="a")

    def outcome() -> object:
        return simulator.look("webhooks?type=Message")[0]["outcome"]

    wait_until(lambda: outcome() == "failed", "the delivery fails")
    (record,) = simulator.look("webhooks?type=Message")
    attempts = record["attempts"]
    assert isinstance(attempts, list)
    assert [attempt["status"] for attempt in attempts] == [500, 404, 302, 503, 500]
    starts = [attempt["at"] for attempt in attempts]
    waits = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert all(wait >= least for wait, least in zip(waits, (0.06, 0.12, 0.24, 0.48), strict=True))
    assert len({delivery.body for delivery in receiver.deliveries}) == 1
    (message,) = simulator.look(f"messages?user=t1&contact={PHONE}")
    assert message["delivery"] == "failed"


def test_a_retry_that_succeeds_ends_it(simulator: Running, receiver: Receiver) -> None:
    simulator.clinic(receiver.url, events=["Message"])
    receiver.script += [503]

    simulator.sim("contact-sends", user="t1", contact=PHONE, text="a")

    receiver.wait_for(2)

    def message() -> dict[str, object]:
        return simulator.look(f"messages?user=t1&contact={PHONE}")[0]

    wait_until(lambda: message()["status"] == "delivered", "two ticks")


def test_addresses_follow_the_person(simulator: Running, receiver: Receiver) -> None:
    simulator.clinic(receiver.url, events=["Message"])
    meet_maya(simulator)
    who = {"user": "t1", "contact": PHONE}

    def info(n: int) -> dict[str, object]:
        body = payload(receiver.wait_for(n)[n - 1])
        return dict(body["event"]["Info"])  # type: ignore[index]

    simulator.sim("contact-sends", **who, text="phone", id="AC1", timestamp=1785949407)
    by_phone = info(1)
    meet_maya(simulator, lid_addressed=True)
    simulator.sim("contact-sends", **who, text="lid")
    by_lid = info(2)
    meet_maya(simulator, phone_hidden=True)
    simulator.sim("contact-sends", **who, text="hidden")
    hidden = info(3)
    simulator.sim("contact-sends", **who, text="group", group="120363041234567890@g.us")
    group = info(4)
    simulator.sim("contact-sends", **who, text="status", status=True)
    status = info(5)

    phone_jid, lid_jid = f"{PHONE}@s.whatsapp.net", f"{LID}@lid"
    assert (by_phone["Chat"], by_phone["SenderAlt"]) == (phone_jid, lid_jid)
    assert (by_phone["ID"], by_phone["Timestamp"]) == ("AC1", "2026-08-05T14:03:27-03:00")
    assert (by_lid["Chat"], by_lid["SenderAlt"]) == (lid_jid, phone_jid)
    assert (hidden["Sender"], hidden["SenderAlt"]) == (lid_jid, "")
    assert (group["Chat"], group["Sender"]) == ("120363041234567890@g.us", lid_jid)
    assert (status["Chat"], status["IsGroup"]) == ("status@broadcast", True)


def test_receipts_follow_a_send_by_themselves(simulator: Running, receiver: Receiver) -> None:
    simulator.clinic(receiver.url, events=["ReadReceipt"])
    simulator.sim("settings", delivered_s=0.0, read_s=0.05)

    simulator.api("POST", "/chat/send/text", {"Phone": PHONE, "Body": "a", "Id": "3EB0A1"})

    states = [payload(delivery)["state"] for delivery in receiver.wait_for(2)]
    assert states == ["Delivered", "Read"]
    (message,) = simulator.look(f"messages?user=t1&contact={PHONE}")
    assert message["status"] == "read"


def test_receipts_on_view_wait_for_the_page(simulator: Running, receiver: Receiver) -> None:
    simulator.clinic(receiver.url, events=["ReadReceipt"])
    simulator.sim("settings", receipts="on_view", delivered_s=0.0)
    simulator.api("POST", "/chat/send/text", {"Phone": PHONE, "Body": "a", "Id": "3EB0A1"})
    assert payload(receiver.wait_for(1)[0])["state"] == "Delivered"

    simulator.sim("view", user="t1", contact=PHONE)

    assert payload(receiver.wait_for(2)[1])["state"] == "Read"


def test_a_number_that_is_away_gets_its_messages_when_it_returns(
    simulator: Running, receiver: Receiver
) -> None:
    simulator.clinic(receiver.url, events=["Message"])
    simulator.sim("users/t1/drop")
    simulator.sim("contact-sends", user="t1", contact=PHONE, text="oi")
    (waiting,) = simulator.look(f"messages?user=t1&contact={PHONE}")
    refused = simulator.api("POST", "/chat/send/text", {"Phone": PHONE, "Body": "a"})
    assert refused.json()["error"] == "error sending message: websocket not connected"

    simulator.sim("users/t1/resume")

    assert waiting["delivery"] == "waiting"
    event = payload(receiver.wait_for(1)[0])["event"]
    assert event["Message"]["conversation"] == "oi"  # type: ignore[index]
