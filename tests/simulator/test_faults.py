import json
import random
import time

import httpx2
import pytest

from tests.simulator.conftest import Receiver, Running, wait_until

PHONE = "447700900123"
SEND = {"Phone": PHONE, "Body": "Bom dia", "Id": "3EB0A1"}


def shown(simulator: Running) -> list[dict[str, object]]:
    return simulator.look(f"messages?user=t1&contact={PHONE}")


def outcomes(simulator: Running) -> list[object]:
    return [row["outcome"] for row in simulator.look("sends")]


def test_the_next_sends_fail_and_show_nothing(simulator: Running) -> None:
    simulator.clinic("")
    text = "error sending message: server returned error 479"
    simulator.sim("faults", fail_next=2, fail_text=text)

    answers = [simulator.api("POST", "/chat/send/text", SEND) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [500, 500, 200]
    assert answers[0].json()["error"] == text
    assert [message["repeats"] for message in shown(simulator)] == [0]
    assert outcomes(simulator) == ["refused", "refused", "accepted"]


def test_a_switch_stays_on_until_it_is_switched_off(simulator: Running) -> None:
    simulator.clinic("")
    simulator.sim("faults", fail_next=-1, fail_status=503)
    for _ in range(3):
        assert simulator.api("POST", "/chat/send/text", SEND).status_code == 503

    simulator.http.delete("/sim/faults")

    assert simulator.api("POST", "/chat/send/text", SEND).status_code == 200


@pytest.mark.parametrize("mode", ["close", "500"])
def test_an_answer_is_lost_after_the_message_was_shown(simulator: Running, mode: str) -> None:
    simulator.clinic("")
    simulator.sim("faults", drop_answer_next=1, drop_answer_mode=mode)

    if mode == "close":
        with pytest.raises(httpx2.RemoteProtocolError):
            simulator.api("POST", "/chat/send/text", SEND)
    else:
        assert simulator.api("POST", "/chat/send/text", SEND).status_code == 500
    simulator.api("POST", "/chat/send/text", SEND)

    # Once on the screen, and the repeat can be counted.
    assert [message["repeats"] for message in shown(simulator)] == [1]
    assert outcomes(simulator) == ["answer_dropped", "accepted"]


def test_sends_of_one_number_are_slow_one_after_the_other(simulator: Running) -> None:
    simulator.clinic("")
    simulator.sim("faults", send_delay_s=0.15)
    started_at = time.monotonic()

    assert simulator.api("POST", "/chat/send/text", SEND).status_code == 200

    assert time.monotonic() - started_at >= 0.15


def test_webhooks_come_twice_or_never(simulator: Running, receiver: Receiver) -> None:
    simulator.clinic(receiver.url, events=["Message"])
    simulator.sim("faults", duplicate_webhooks=1)
    simulator.sim("contact-sends", user="t1", contact=PHONE, text="twice")
    first, second = receiver.wait_for(2)

    simulator.sim("faults", duplicate_webhooks=0, lose_webhooks_next=1)
    simulator.sim("contact-sends", user="t1", contact=PHONE, text="never")
    simulator.sim("contact-sends", user="t1", contact=PHONE, text="once")
    receiver.wait_for(3)

    assert first.body == second.body
    assert b"once" in receiver.deliveries[2].body
    messages = shown(simulator)
    assert messages[1]["delivery"] == "lost"


def test_webhooks_overtake_each_other(simulator: Running, receiver: Receiver) -> None:
    simulator.clinic(receiver.url, events=["Message"])
    simulator.sim("faults", shuffle_s=0.3)
    n_messages = 12

    for n in range(n_messages):
        simulator.sim("contact-sends", user="t1", contact=PHONE, text=str(n))

    deliveries = receiver.wait_for(n_messages)
    order = [int(json.loads(d.body)["event"]["Message"]["conversation"]) for d in deliveries]
    assert sorted(order) == list(range(n_messages))
    # One chance in 479 million to come in order by itself.
    assert order != list(range(n_messages))


def test_a_users_own_faults_leave_others_alone(simulator: Running) -> None:
    simulator.clinic("")
    simulator.sim("users", name="shop", token="t2")
    simulator.sim("faults", user="t1", fail_next=-1)

    assert simulator.api("POST", "/chat/send/text", SEND).status_code == 500
    assert simulator.api("POST", "/chat/send/text", SEND, token="t2").status_code == 200


def test_unknown_names_and_types_are_refused(simulator: Running) -> None:
    for body in ({"slow": 1}, {"fail_next": "many"}, {"fail_rate": None}):
        assert simulator.http.post("/sim/faults", json=body).status_code == 400
    assert simulator.http.post("/sim/settings", json={"receipts": "never"}).status_code == 400
    unknown = simulator.http.post("/sim/contact-sends", json={"user": "x", "contact": "1"})
    assert unknown.status_code == 404


def test_the_bridges_own_bugs_can_be_switched_on(simulator: Running, receiver: Receiver) -> None:
    quirks = [
        "unsigned_until_hmac_config",
        "webhook_without_events_wipes_events",
        "plain_delete_keeps_token",
    ]
    simulator.sim("settings", quirks=quirks)
    key = "k" * 32
    body = {"name": "a", "token": "t9", "events": "Message", "hmacKey": key}
    created = simulator.admin("POST", "/admin/users", {**body, "webhook": receiver.url}).json()
    simulator.api("POST", "/session/connect", {"Immediate": True}, token="t9")

    simulator.sim("contact-sends", user="t9", contact=PHONE, text="unsigned")
    assert "x-hmac-signature" not in receiver.wait_for(1)[0].headers
    simulator.api("POST", "/session/hmac/config", {"hmac_key": key}, token="t9")
    simulator.sim("contact-sends", user="t9", contact=PHONE, text="signed")
    assert "x-hmac-signature" in receiver.wait_for(2)[1].headers

    simulator.api("POST", "/webhook", {"webhookurl": receiver.url}, token="t9")
    simulator.sim("contact-sends", user="t9", contact=PHONE, text="wiped")
    records = simulator.look("webhooks?type=Message")
    wait_until(lambda: records[-1]["outcome"] == "unsubscribed", "nothing is delivered")

    simulator.admin("DELETE", f"/admin/users/{created['data']['id']}")
    assert simulator.admin("GET", "/admin/users").json()["data"] == []
    assert simulator.api("GET", "/session/status", token="t9").status_code == 200


def test_chance_is_not_drawn_from_what_the_process_shares(simulator: Running) -> None:
    simulator.clinic("")
    simulator.sim("faults", lose_rate=0.5, fail_rate=0.5, shuffle_s=0.1)
    before = random.getstate()

    simulator.sim("contact-sends", user="t1", contact=PHONE, text="oi")
    simulator.api("POST", "/chat/send/text", SEND)

    assert random.getstate() == before
