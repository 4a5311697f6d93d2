"""The bridge's door: what is let in is committed, what is not is told why."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django_tenants.utils import tenant_context

from channels_whatsapp.webhooks import PREFIX
from tenants.door import MAX_BODY_BYTES, Refused, Taken, WebhookDoor
from tenants.models import InboundRoute, InboxEntry
from tenants.services import routes

WIRE = Path(__file__).parent.parent / "fixtures" / "bridge" / "wire"
KEY = "k3y-for-docs-only-0123456789abcdef-ABCDEF"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def route(committed_alpha):
    return routes.ensure_route(
        device_ref=uuid.uuid4(), route_key="alpha-route-key-000000", hmac_key=KEY, now=NOW
    )[0]


def signature(body: bytes, key: str = KEY) -> str:
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def body_of(ref: str, text: str = "oi") -> bytes:
    info = {"ID": ref, "Chat": "5511999990001@s.whatsapp.net"}
    event = {"Info": info, "Message": {"conversation": text}}
    return json.dumps({"type": "Message", "event": event}).encode()


def call(door, route, body, *, headers=None, method="POST", key=KEY, kind="application/json"):
    """Return a coroutine of one request; its answer is (status, object)."""
    given = {"content-type": kind, "x-hmac-signature": signature(body, key), **(headers or {})}
    scope = {
        "type": "http",
        "method": method,
        "path": f"{PREFIX}{route.route_key if route else 'nobody-knows-this-key'}/",
        "headers": [(n.encode(), v.encode()) for n, v in given.items() if v is not None],
    }
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    async def request():
        await door(scope, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])

    return request()


def answers(*requests):
    """Run requests (functions of the door) at once on one door and return their answers."""

    async def run():
        door = WebhookDoor()
        try:
            return await asyncio.gather(*(request(door) for request in requests))
        finally:
            await door.close()

    return asyncio.run(run())


def answer(route, body, **options):
    return answers(lambda door: call(door, route, body, **options))[0]


@pytest.mark.parametrize("name", ["text_conversation", "receipt_read"])
@pytest.mark.parametrize(
    ("mode", "kind"),
    [("json", "application/json"), ("form", "application/x-www-form-urlencoded")],
)
def test_the_bridges_own_bytes_are_taken_in_both_modes(route, name, mode, kind):
    body = (WIRE / f"{name}.{mode}-mode.body").read_bytes()
    vectors = json.loads((WIRE / "signatures.json").read_text())["vectors"]

    status, said = answer(
        route,
        body,
        kind=kind,
        headers={"x-hmac-signature": vectors[name][f"{mode}_mode"]["x-hmac-signature"]},
    )

    assert (status, said) == (200, {"status": "accepted"})
    entry = InboxEntry.objects.get()
    assert json.loads(bytes(entry.body))["userID"] == "9f2c4b7ae1d04c58b3a6d0e7f1c2a394"
    assert (entry.schema_name, entry.encoding) == ("t_alpha", mode)


def test_a_repeat_is_a_duplicate_even_at_the_same_moment(route):
    said = answers(*[lambda door: call(door, route, body_of("A1")) for _ in range(20)])

    assert sorted(text["status"] for _, text in said) == ["accepted"] + ["duplicate"] * 19
    assert InboxEntry.objects.count() == 1


def test_another_text_under_a_known_id_is_not_taken(route):
    answer(route, body_of("A1", "first"))
    status, said = answer(route, body_of("A1", "second"))

    assert (status, said["status"]) == (200, "duplicate")
    assert b"first" in bytes(InboxEntry.objects.get().body)


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        signature(body_of("A1"))[:32],
        signature(body_of("A1")).upper(),
        "sha256=" + signature(body_of("A1")),
        signature(b"another body"),
        signature(body_of("A1"), "another-key-of-32-characters-or-more"),
    ],
    ids=["none", "empty", "short", "upper", "prefixed", "other-body", "other-key"],
)
def test_a_wrong_signature_is_refused(route, given):
    status, _ = answer(route, body_of("A1"), headers={"x-hmac-signature": given})

    assert status == 401
    assert not InboxEntry.objects.exists()


@pytest.mark.parametrize(
    ("body", "options", "status"),
    [
        (b"", {}, 422),
        (b"oi tudo bem", {}, 422),
        (b"[1,2,3]", {}, 422),
        (b"null", {}, 422),
        (b'{"type": "Message"}', {}, 422),
        (b"[" * 100_000 + b"]" * 100_000, {}, 422),
        (b"jsonData=%7B%7D&token=abc", {"kind": "application/x-www-form-urlencoded"}, 422),
        (
            b"jsonData=%7B%22type%22%3A%22Connected%22%2C%22event%22%3A%7B%22x%22%3A1e999%7D%7D",
            {"kind": "application/x-www-form-urlencoded"},
            422,
        ),
        (body_of("A1"), {"kind": "text/html"}, 415),
        (body_of("A1"), {"method": "GET"}, 405),
        (body_of("A1"), {"headers": {"content-length": str(MAX_BODY_BYTES + 1)}}, 413),
    ],
    ids=[
        "empty",
        "text",
        "array",
        "null",
        "no-event",
        "deep",
        "form",
        "endless",
        "html",
        "get",
        "huge",
    ],
)
def test_what_cannot_be_an_event_is_refused_with_its_own_code(route, body, options, status):
    assert answer(route, body, **options)[0] == status
    assert not InboxEntry.objects.exists()


def test_a_body_that_grows_past_the_limit_is_cut_off(route):
    assert answer(route, b"a" * (MAX_BODY_BYTES + 1))[0] == 413


def test_an_unknown_address_and_a_closed_one_are_not_found(route):
    assert answer(None, body_of("A1"))[0] == 404
    routes.set_enabled(device_ref=route.device_ref, is_enabled=False)
    assert answer(route, body_of("A1"))[0] == 404


def test_one_tenants_key_does_not_sign_for_another(route, committed_beta):
    with tenant_context(committed_beta):
        routes.ensure_route(
            device_ref=uuid.uuid4(),
            route_key="beta-route-key-0000000",
            hmac_key="another-key-of-32-characters-or-more",
            now=NOW,
        )
    foreign = InboundRoute.objects.get(schema_name="t_beta")

    assert answer(foreign, body_of("A1"), key=KEY)[0] == 401
    assert answer(foreign, body_of("A1"), key="another-key-of-32-characters-or-more")[0] == 200
    assert InboxEntry.objects.get().schema_name == "t_beta"


def test_a_replaced_key_signs_until_its_overlap_ends(route):
    new = "a-new-key-with-32-characters-or-more"
    routes.ensure_route(
        device_ref=route.device_ref, route_key=None, hmac_key=new, now=datetime.now(UTC)
    )
    assert answer(route, body_of("A1"), key=KEY)[0] == 200
    assert answer(route, body_of("A2"), key=new)[0] == 200

    InboundRoute.objects.update(previous_hmac_key_until=datetime.now(UTC) - timedelta(seconds=1))
    assert answer(route, body_of("A3"), key=KEY)[0] == 401


def test_an_event_that_names_another_instance_for_the_same_user_is_refused(route):
    routes.learn_identity(device_ref=route.device_ref, user_ref="u1", instance="clinica")
    good = {"type": "Connected", "event": {}, "userID": "u1", "instanceName": "clinica"}

    assert answer(route, json.dumps(good).encode())[0] == 200
    assert answer(route, json.dumps({**good, "instanceName": "outra"}).encode())[0] == 401


def test_a_change_of_a_route_is_heard_by_a_running_door(route):
    async def run():
        door = WebhookDoor()
        try:
            before = await call(door, route, body_of("A1"))
            await asyncio.sleep(0.3)  # the door begins to listen
            await asyncio.to_thread(close_route)
            for _ in range(50):
                after = await call(door, route, body_of(uuid.uuid4().hex))
                if after[0] == 404:
                    break
                await asyncio.sleep(0.1)
            return before[0], after[0]
        finally:
            await door.close()

    def close_route():
        from django.db import connection

        routes.set_enabled(device_ref=route.device_ref, is_enabled=False)
        connection.close()

    assert asyncio.run(run()) == (200, 404)


def test_a_token_beside_the_event_is_not_kept(route):
    form = b"jsonData=%7B%22type%22%3A%22Connected%22%2C%22event%22%3A%7B%7D%7D&token=sesame"
    status, _ = answer(route, form, kind="application/x-www-form-urlencoded")

    assert status == 200
    assert b"sesame" not in bytes(InboxEntry.objects.get().body)


def test_a_database_that_is_away_is_answered_with_come_back_later(route, settings):
    from django.db import connection

    port = connection.settings_dict["PORT"]
    connection.settings_dict["PORT"] = "1"
    try:
        status, _ = answer(route, body_of("A1"))
    finally:
        connection.settings_dict["PORT"] = port

    assert status == 503


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"Message","event":{"Info":{"ID":"a\xed\xa0\x80"}}}',
        '{"type":"Message","event":{"Info":{"ID":"a\\ud800"}}}'.encode("utf-16-le"),
        b'{"type":"Message","event":{"Info":{"ID":"a"},"Message":NaN}}',
    ],
    ids=["half a character", "another encoding", "no number"],
)
def test_what_the_database_could_not_hold_is_refused_and_harms_nobody(route, body):
    first, second = answers(
        lambda door: call(door, route, body), lambda door: call(door, route, body_of("A1"))
    )

    assert first[0] == 422
    assert second[0] == 200


def test_a_nul_in_an_id_does_not_fail_the_others_of_its_group(route):
    replies = answers(
        lambda door: call(door, route, body_of("A\x001")),
        lambda door: call(door, route, body_of("A2")),
    )

    assert [status for status, _ in replies] == [200, 200]


def test_the_door_survives_a_group_that_cannot_be_written(route):
    async def broken(door):
        known = await door._route(f"{PREFIX}{route.route_key}/")
        with pytest.raises(Refused):
            await door._store(known, Taken("\ud800", "", "json", b"{}"))

    async def both(door):
        return await call(door, route, body_of("A0")), await broken(door)

    async def run():
        door = WebhookDoor()
        try:
            await both(door)
            return await call(door, route, body_of("A1"))
        finally:
            await door.close()

    assert asyncio.run(run())[0] == 200
