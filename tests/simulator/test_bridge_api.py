import json
from itertools import pairwise

import httpx2
import pytest

from tests.simulator.conftest import HMAC_KEY, Receiver, Running, Start

PHONE = "447700900123"


def error(response: httpx2.Response) -> tuple[int, str]:
    body = response.json()
    assert body["success"] is False
    assert body["code"] == response.status_code
    return response.status_code, body["error"]


def create(simulator: Running, **more: object) -> dict[str, object]:
    body = {"name": "clinic-main", "token": "t1", "events": "Message,ReadReceipt", **more}
    response = simulator.admin("POST", "/admin/users", body)
    assert response.status_code == 201, response.text
    return dict(response.json()["data"])


def test_health_needs_no_credential(simulator: Running) -> None:
    body = simulator.http.get("/health").json()

    assert body["status"] == "ok"
    assert body["version"] == "1.0.7"


def test_each_api_takes_only_its_own_credential(simulator: Running) -> None:
    create(simulator)
    unauthorized = b'{"code":401,"error":"unauthorized","success":false}\n'
    get = simulator.http.get

    assert get("/admin/users").content == unauthorized
    assert get("/admin/users", headers={"token": "admin-for-tests"}).status_code == 401
    assert get("/session/status", headers={"Authorization": "t1"}).content == unauthorized
    assert get("/session/status", headers={"token": "other"}).status_code == 401
    assert get("/session/status", headers={"token": "t1"}).status_code == 200
    assert get("/session/status?token=t1").status_code == 200


def test_admin_creates_lists_changes_and_deletes(simulator: Running) -> None:
    created = create(
        simulator,
        webhook="https://crm.example/wa/",
        hmacKey=HMAC_KEY,
        s3Config={"mediaDelivery": "base64", "secretKey": "s3cret"},
    )

    assert len(str(created["id"])) == 32
    assert created["hmac_key"] is True
    storage = created["s3_config"]
    assert isinstance(storage, dict)
    assert (storage["media_delivery"], storage["access_key"]) == ("base64", "***")
    assert "s3cret" not in json.dumps(created)
    listed = simulator.admin("GET", f"/admin/users/{created['id']}").json()["data"]
    assert [row["token"] for row in listed] == ["t1"]
    assert listed[0]["connected"] is False
    assert simulator.admin("GET", "/admin/users/ffff").json()["data"] == []

    path = f"/admin/users/{created['id']}"
    changed = simulator.admin("PUT", path, {"name": "clinic-2"})
    assert changed.json() == {
        "code": 200,
        "message": "user updated successfully",
        "success": True,
    }
    assert error(simulator.admin("PUT", path, {})) == (400, "no fields to update")
    assert error(simulator.admin("PUT", "/admin/users/x", {"name": "a"}))[0] == 404

    gone = simulator.admin("DELETE", f"{path}/full").json()
    assert gone["data"] == {"id": created["id"], "name": "clinic-2", "jid": ""}
    assert gone["details"] == "user instance removed completely"
    assert simulator.admin("GET", "/admin/users").json()["data"] == []


def test_admin_refuses_in_the_bridges_words(simulator: Running) -> None:
    create(simulator)

    same = simulator.admin("POST", "/admin/users", {"name": "b", "token": "t1"})
    assert error(same) == (409, "user with this token already exists")
    bad = simulator.admin("POST", "/admin/users", {"token": "t2", "events": "Message,Nope"})
    assert error(bad) == (400, "invalid event type")
    assert bad.json()["details"] == "invalid event: Nope"
    short = simulator.admin("POST", "/admin/users", {"token": "t2", "hmacKey": "short"})
    assert error(short) == (400, "HMAC key must be at least 32 characters long")
    headers = {"Authorization": "admin-for-tests"}
    broken = simulator.http.post("/admin/users", content=b"{", headers=headers)
    assert error(broken) == (400, "invalid request payload")


def test_a_session_connects_and_leaves(simulator: Running) -> None:
    create(simulator)
    assert error(simulator.api("GET", "/session/qr")) == (500, "no session")
    assert error(simulator.api("POST", "/session/disconnect")) == (500, "no session")

    answer = simulator.api(
        "POST", "/session/connect", {"subscribe": ["Message", "Bogus"], "IMMEDIATE": True}
    ).json()

    assert answer["data"]["details"] == "Connected!"
    assert answer["data"]["events"] == "Message"
    status = simulator.api("GET", "/session/status").json()["data"]
    assert (status["connected"], status["loggedIn"]) == (True, True)
    assert status["jid"].endswith("@s.whatsapp.net")
    again = simulator.api("POST", "/session/connect", {})
    assert error(again) == (500, "already connected")
    assert error(simulator.api("GET", "/session/qr")) == (500, "already logged in")
    gone = simulator.api("POST", "/session/disconnect").json()
    assert gone["data"] == {"Details": "Disconnected"}
    assert simulator.api("GET", "/session/status").json()["data"]["connected"] is False


def test_a_client_that_was_lost_sight_of_goes_with_a_restart(simulator: Running) -> None:
    create(simulator)
    simulator.api("POST", "/session/connect", {"Immediate": True})
    simulator.api("POST", "/session/disconnect")
    simulator.sim("settings", quirks=["stuck_already_connected", "history_off_forgets_key"])

    stuck = simulator.api("POST", "/session/connect", {"Immediate": True})
    assert error(stuck) == (500, "already connected")
    assert simulator.api("GET", "/session/status").json()["data"]["connected"] is False
    simulator.sim("restart")
    assert simulator.api("POST", "/session/connect", {"Immediate": True}).status_code == 200


def test_without_auto_pair_a_code_waits_for_the_scan(start: Start) -> None:
    simulator = start(auto_pair=False, time_scale=1.0)
    create(simulator)
    simulator.api("POST", "/session/connect", {"Immediate": True})

    code = simulator.api("GET", "/session/qr").json()["data"]["QRCode"]
    assert code.startswith("data:image/png;base64,iVBOR")
    status = simulator.api("GET", "/session/status").json()["data"]
    assert (status["connected"], status["loggedIn"]) == (True, False)
    pairing = simulator.api("POST", "/session/pairphone", {"Phone": "447700900001"})
    assert len(pairing.json()["data"]["LinkingCode"]) == 9

    simulator.sim("users/t1/scan", phone="447700900001")
    status = simulator.api("GET", "/session/status").json()["data"]
    assert status["loggedIn"] is True
    assert status["jid"] == "447700900001:12@s.whatsapp.net"


def test_codes_run_out(start: Start, receiver: Receiver) -> None:
    simulator = start(auto_pair=False)
    simulator.clinic(receiver.url, online=False)
    simulator.api("POST", "/session/connect", {"Immediate": True})

    kinds = sorted(json.loads(d.body)["type"] for d in receiver.wait_for(7))

    assert kinds == ["QR"] * 6 + ["QRTimeout"]
    assert error(simulator.api("GET", "/session/qr")) == (500, "no session")


def test_hmac_answers_are_bare(simulator: Running) -> None:
    create(simulator)
    path = "/session/hmac/config"

    assert simulator.api("GET", path).content == b'{"hmac_key":""}\n'
    saved = simulator.api("POST", path, {"hmac_key": HMAC_KEY})
    assert saved.json() == {"Details": "HMAC configuration saved successfully"}
    assert simulator.api("GET", path).json() == {"hmac_key": "***"}
    assert error(simulator.api("POST", path, {"hmac_key": "x"}))[0] == 400
    deleted = simulator.api("DELETE", path).json()
    assert deleted == {"Details": "HMAC configuration deleted successfully"}


def test_the_webhook_is_set_read_and_cleared(simulator: Running) -> None:
    create(simulator)
    body = {"webhookurl": "https://crm.example/", "events": ["Message", "Bogus"]}

    answer = simulator.api("POST", "/webhook", body)

    assert answer.json()["data"] == {"webhook": "https://crm.example/"}
    found = simulator.api("GET", "/webhook").json()["data"]
    assert found == {"subscribe": ["Message"], "webhook": "https://crm.example/"}
    # `active` left out is false, which clears the webhook.
    simulator.api("PUT", "/webhook", {"webhook": "https://crm.example/", "events": ["Message"]})
    found = simulator.api("GET", "/webhook").json()["data"]
    assert found == {"subscribe": [""], "webhook": ""}


@pytest.mark.parametrize(
    ("path", "body", "wanted"),
    [
        ("text", None, (400, "could not decode Payload")),
        ("text", {"Phone": 5}, (400, "could not decode Payload")),
        ("text", {"Body": "a"}, (400, "missing Phone in Payload")),
        ("text", {"Phone": PHONE}, (400, "missing Body in Payload")),
        ("text", {"Phone": "@", "Body": "a"}, (400, "could not parse Phone")),
        ("image", {"Phone": PHONE}, (400, "missing Image in Payload")),
        ("location", {"Phone": PHONE, "Latitude": 0}, (400, "missing Latitude in Payload")),
        (
            "text",
            {"Phone": PHONE, "Body": "a", "ContextInfo": {"StanzaId": "x"}},
            (400, "missing Participant in ContextInfo"),
        ),
    ],
)
def test_sending_is_refused_in_the_bridges_words(
    simulator: Running, path: str, body: object, wanted: tuple[int, str]
) -> None:
    create(simulator)
    assert error(simulator.api("POST", f"/chat/send/{path}", body)) == (500, "no session")
    simulator.api("POST", "/session/connect", {"Immediate": True})

    assert error(simulator.api("POST", f"/chat/send/{path}", body)) == wanted


def test_a_supplied_id_is_used_and_not_deduplicated(simulator: Running) -> None:
    simulator.clinic("")
    body = {"phone": f"+{PHONE} ", "BODY": "Olá <b> & você", "id": "3EB0A1"}

    first = simulator.api("POST", "/chat/send/text", body).json()
    second = simulator.api("POST", "/chat/send/text", body).json()

    assert first["data"]["Id"] == second["data"]["Id"] == "3EB0A1"
    assert isinstance(first["data"]["Timestamp"], int)
    (shown,) = simulator.look(f"messages?user=t1&contact={PHONE}")
    assert (shown["text"], shown["repeats"]) == ("Olá <b> & você", 1)
    sends = simulator.look("sends?user=t1")
    assert [row["id"] for row in sends] == ["3EB0A1", "3EB0A1"]
    assert {row["outcome"] for row in sends} == {"accepted"}


def test_an_invented_id_looks_like_the_bridges(simulator: Running) -> None:
    simulator.clinic("")

    answer = simulator.api("POST", "/chat/send/text", {"Phone": PHONE, "Body": "a"}).json()

    assert answer["data"]["Id"].startswith("3EB0")
    assert len(answer["data"]["Id"]) == 22


def test_the_pace_of_a_number_is_visible(simulator: Running) -> None:
    simulator.clinic("")
    for ref in ("3EB0A1", "3EB0A2", "3EB0A3"):
        simulator.api("POST", "/chat/send/text", {"Phone": PHONE, "Body": ref, "Id": ref})

    sends = simulator.look("sends?user=t1")
    shown = simulator.look(f"messages?user=t1&contact={PHONE}")

    assert sends[0]["gap_s"] == shown[0]["gap_s"] == -1
    assert all(one["gap_s"] >= 0 for one in sends[1:])
    apart = [later["at"] - sooner["at"] for sooner, later in pairwise(sends)]
    assert [one["gap_s"] for one in sends[1:]] == pytest.approx(apart, abs=0.01)


def test_messages_are_edited_deleted_reacted_to_and_marked(simulator: Running) -> None:
    simulator.clinic("")
    simulator.sim("contact-sends", user="t1", contact=PHONE, text="oi", id="AC1")
    sent = {"Phone": PHONE, "Body": "Bom dia", "Id": "3EB0A1"}
    simulator.api("POST", "/chat/send/text", sent)

    def act(path: str, **body: object) -> dict[str, object]:
        response = simulator.api("POST", path, body)
        assert response.status_code == 200, response.text
        return dict(response.json()["data"])

    edited = act("/chat/send/edit", Phone=PHONE, Id="3EB0A1", Body="Boa tarde")
    act("/chat/react", Phone=PHONE, Id="AC1", Body="👍")
    read = act("/chat/markread", Id=["AC1"], ChatPhone=PHONE)
    typing = act("/chat/presence", Phone=PHONE, State="composing")
    deleted = act("/chat/delete", Phone=PHONE, Id="3EB0A1")

    assert edited["Id"] == "3EB0A1"
    assert read == {"Details": "Message(s) marked as read"}
    assert typing == {"Details": "Chat presence set successfuly"}
    assert deleted["Details"] == "Deleted"
    theirs, ours = simulator.look(f"messages?user=t1&contact={PHONE}")
    assert theirs["status"] == "read"
    assert theirs["reactions"] == {"business": "👍"}
    assert (ours["text"], ours["edited"], ours["deleted"]) == ("Boa tarde", True, True)


def test_a_late_edit_is_refused_and_a_quote_without_its_words_is_empty(simulator: Running) -> None:
    simulator.clinic("")
    simulator.sim("contact-sends", user="t1", contact=PHONE, text="oi", id="AC1")
    simulator.sim("settings", edit_window_s=0)
    quote = {"StanzaId": "AC1", "Participant": f"{PHONE}@s.whatsapp.net"}
    quoting = {"Phone": PHONE, "Body": "Bom dia", "ContextInfo": quote}
    for more in ({"QuotedText": "oi"}, {"QuotedMessage": {"conversation": "oi"}}, {}):
        simulator.api("POST", "/chat/send/text", {**quoting, "Id": f"Q{len(more)}", **more})
    shown = simulator.look(f"messages?user=t1&contact={PHONE}")[1:]
    assert [(one["quoted_id"], one["quoted_text"]) for one in shown] == [
        ("AC1", "oi"),
        ("AC1", ""),
    ]

    edited = {"Phone": PHONE, "Id": "Q0", "Body": "Boa tarde"}
    response = simulator.api("POST", "/chat/send/edit", edited)
    assert response.status_code == 500
    assert simulator.look(f"messages?user=t1&contact={PHONE}")[-1]["text"] == "Bom dia"


def test_media_is_sent_as_data_uris_and_downloaded_as_received(
    simulator: Running, receiver: Receiver
) -> None:
    simulator.clinic(receiver.url, events=["Message"], media_delivery="none")
    bad = {"Phone": PHONE, "Image": "data:image/png;base64,!!!"}
    assert simulator.api("POST", "/chat/send/image", bad).status_code == 400
    url = {"Phone": PHONE, "Image": "http://127.0.0.1/x.png"}
    assert "failed to fetch image from url" in simulator.api("POST", "/chat/send/image", url).text
    simulator.sim("contact-sends", user="t1", contact=PHONE, kind="image", id="AC1")
    (delivery,) = receiver.wait_for(1)
    event = json.loads(delivery.body)
    assert "base64" not in event

    descriptor = event["event"]["Message"]["imageMessage"]
    found = simulator.api("POST", "/chat/downloadimage", descriptor).json()["data"]

    assert found["Mimetype"] == "image/png"
    assert found["Data"].startswith("data:image/png;base64,iVBOR")
    simulator.sim("expire-media", user="t1", contact=PHONE, id="AC1")
    expired = simulator.api("POST", "/chat/downloadimage", descriptor)
    assert expired.status_code == 500
    assert expired.json()["error"].startswith("failed to download image")


def test_user_routes_know_people(simulator: Running) -> None:
    simulator.clinic("")
    body = {"name": "Maya", "phone": PHONE, "lid": "198765432101234", "lid_addressed": True}
    simulator.sim("contacts", **body)
    simulator.sim("settings", not_on_whatsapp=["447700900999"])

    answer = simulator.api("POST", "/user/check", {"Phone": [PHONE, "447700900999"]}).json()
    rows = answer["data"]["Users"]
    lid = simulator.api("GET", f"/user/lid/{PHONE}").json()["data"]
    simulator.api("POST", "/chat/send/text", {"Phone": PHONE, "Body": "a"})

    assert [row["IsInWhatsapp"] for row in rows] == [True, False]
    assert lid == {"jid": f"{PHONE}@s.whatsapp.net", "lid": "198765432101234@lid"}
    unknown = simulator.api("GET", "/user/lid/1999")
    assert error(unknown) == (404, "LID not found for this number")
    # A bare number that is known by its LID goes to the LID.
    (sent,) = simulator.look("sends")
    assert sent["jid"] == "198765432101234@lid"


def test_unknown_paths_are_plain_text(simulator: Running) -> None:
    response = simulator.http.get("/chat/send/template")

    assert (response.status_code, response.text) == (404, "404 page not found\n")
    assert simulator.http.get("/simulator/static/..%2Fapp.py").status_code == 404


def test_history_keeps_what_came_whatever_became_of_the_webhook(
    simulator: Running, receiver: Receiver
) -> None:
    simulator.clinic(receiver.url)
    assert simulator.api("GET", "/chat/history?chat_jid=index").status_code == 501
    simulator.api("POST", "/session/history", {"history": 2})
    simulator.sim("faults", lose_webhooks_next=-1)
    for text in ("um", "dois", "três"):
        simulator.sim("contact-sends", user="t1", contact=PHONE, text=text, id=f"A-{text}")
    chat = f"{PHONE}@s.whatsapp.net"

    (chats,) = simulator.api("GET", "/chat/history?chat_jid=index").json()["data"].values()
    rows = simulator.api("GET", f"/chat/history?chat_jid={chat}&limit=9").json()["data"]

    assert chats == [chat]
    assert [row["message_id"] for row in rows] == ["A-três", "A-dois"]
    event = json.loads(rows[0]["data_json"])
    assert event["Message"]["conversation"] == "três"
    assert not any(b"Message" in one.body for one in receiver.deliveries)


def test_a_restart_forgets_what_was_under_way_and_brings_sessions_back(simulator: Running) -> None:
    simulator.clinic("")
    simulator.sim("restart")
    assert simulator.api("GET", "/session/status").json()["data"]["loggedIn"] is True
    assert simulator.http.get("/health").json()["uptime"].startswith("0.")
