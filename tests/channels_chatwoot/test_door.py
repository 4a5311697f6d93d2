"""Chatwoot's door: signed where a secret is set, once for each event, and read without surprise."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from channels_chatwoot import payloads, webhooks
from channels_chatwoot.types import ContactMessage, Echo, Ignored, Moved, PersonMessage
from conversations.models import InboundMessage
from tenants.door import Refused, WebhookDoor
from tenants.models import InboundRoute, InboxEntry, Tenant
from tenants.services.routes import BadRoute, Route
from tests.channels_chatwoot.worlds import ASKS, World, make_inbox, write_in
from tests.fakes.chatwoot import SECRET, FakeChatwoot, signed
from tests.workers import at_once

BODY = json.dumps({"event": "message_created", "id": 5, "conversation": {"id": 118}}).encode()


def route(*keys: str) -> Route:
    return Route(1, "t_alpha", "chatwoot", tuple(key.encode() for key in keys), None, "", "")


def given(headers: dict[str, str]) -> dict[bytes, list[bytes]]:
    return {name.encode(): [value.encode()] for name, value in headers.items()}


def test_what_is_let_in() -> None:
    now = time.time()
    good = signed(BODY)
    twice = {**given(good), b"x-chatwoot-signature": [good["x-chatwoot-signature"].encode()] * 2}
    unsigned = {"content-type": "application/json"}

    taken = webhooks.read(route(SECRET), given(good), BODY)
    assert (taken.dedup_key, taken.line) == ("message_created:5", "118")
    # A server that signs nothing has its address for a secret, and no key.
    assert webhooks.read(route(), given(unsigned), BODY) == taken
    assert webhooks.read(route("new-secret", SECRET), given(good), BODY) == taken
    for headers, body, status in (
        (given(unsigned), BODY, 401),
        (given(signed(BODY, secret="another")), BODY, 401),
        (given(signed(BODY, at=now - 400)), BODY, 401),
        (given(signed(BODY, at=now + 400)), BODY, 401),
        (given({**good, "x-chatwoot-timestamp": "soon"}), BODY, 401),
        (given({**good, "x-chatwoot-timestamp": "9" * 500}), BODY, 401),
        (twice, BODY, 401),
        (given(good), BODY + b" ", 401),
        (given({**good, "content-type": "text/html"}), BODY, 415),
        (given(signed(b"[]")), b"[]", 422),
        (given(signed(b"{}")), b"{}", 422),
        (given(signed(b'{"event": "\xff"}')), b'{"event": "\xff"}', 422),
    ):
        with pytest.raises(Refused) as refused:
            webhooks.read(route(SECRET), headers, body)
        assert refused.value.status == status, (headers, body)


def test_no_object_surprises() -> None:
    """Whatever stands where something else is expected is read as nothing."""
    kinds = {
        "incoming": ContactMessage,
        "outgoing": Ignored,
        0: ContactMessage,
        2: Ignored,
        "template": Ignored,
    }
    for message_type, expected in kinds.items():
        event = {**json.loads(BODY), "message_type": message_type}
        found = payloads.parse(event, system="cw1", received_at=datetime.now(UTC))
        assert isinstance(found, expected), message_type
    base = {"event": "message_created", "id": 5, "message_type": "outgoing"}
    where = {"conversation": {"id": 118, "status": "open"}}
    cases: tuple[tuple[dict[str, object], type], ...] = (
        ({**where, "sender": {"type": "user", "name": "Ana"}}, PersonMessage),
        ({**where, "sender": {"type": "User"}, "private": True}, Ignored),
        ({**where, "sender": {"type": "agent_bot"}}, Ignored),
        ({**where, "sender": None, "content_attributes": {"prosa_ref": "r"}}, Echo),
        (
            {"message_type": "incoming", **where, "content_attributes": {"prosa_ref": "r"}},
            ContactMessage,
        ),
        ({"event": "conversation_opened", "id": 118, "status": "open"}, Moved),
        ({"event": "webwidget_triggered", "id": 118}, Ignored),
        ({"conversation": {"id": "118; drop"}}, Ignored),
        ({"conversation": [], "id": None}, Ignored),
        (
            {
                "message_type": "incoming",
                **where,
                "sender": "x",
                "attachments": "y",
                "content": 3,
                "created_at": 10**30,
            },
            ContactMessage,
        ),
        (
            {
                "message_type": "incoming",
                **where,
                "attachments": [None, {"file_type": "image"}],
                "created_at": "yesterday",
            },
            ContactMessage,
        ),
    )
    for change, expected in cases:
        found = payloads.parse({**base, **change}, system="cw1", received_at=datetime.now(UTC))
        assert isinstance(found, expected), change


async def _post(door: WebhookDoor, path: str, body: bytes) -> tuple[int, str]:
    sent: list[dict] = []

    async def receive() -> dict:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in signed(body).items()]
    await door({"method": "POST", "path": path, "headers": headers}, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"]).get("status", "")


def test_twenty_at_once_are_one_for_the_tenant_whose_address_it_is(
    committed_alpha: Tenant, server: FakeChatwoot
) -> None:
    """Through the door itself; a worker repeats them, and so does Chatwoot a day later."""
    inbox = make_inbox(server)
    key = InboundRoute.objects.get(device_ref=inbox.uuid).route_key
    server.contact_writes(ASKS)
    (body,) = server.webhooks()

    async def run() -> list[tuple[int, str]]:
        door = WebhookDoor()
        try:
            path = f"{webhooks.PREFIX}{key}/"
            found = await asyncio.gather(*(_post(door, path, body) for _ in range(20)))
            return [*found, await _post(door, f"/hooks/whatsapp/{key}/", body)]
        finally:
            await door.close()

    *answers, foreign = asyncio.run(run())
    assert sorted(answers) == [(200, "accepted")] + [(200, "duplicate")] * 19
    assert foreign[0] == 404  # a key is good for its own channel only

    at_once(write_in_once, write_in_once)
    assert InboundMessage.objects.count() == 1
    InboxEntry.objects.all().delete()  # as the clean-up does
    again = World.__new__(World)
    again.server, again.inbox = server, inbox
    assert again.deliver(body) == 1
    assert InboundMessage.objects.count() == 1


def write_in_once() -> None:
    with suppress(AssertionError):  # the other worker has it
        write_in()


def test_a_short_address_needs_a_signature(alpha: Tenant, server: FakeChatwoot) -> None:
    """Where nothing is signed, whoever guesses the address speaks for Chatwoot."""
    make_inbox(server, route_key="clinica1")
    for values in ({}, {"route_key": "clinica1"}, {"route_key": "k" * 23}):
        with pytest.raises(BadRoute):
            make_inbox(server, secret="", **values)
    assert InboundRoute.objects.get().route_key == "clinica1"
    make_inbox(server, secret="", route_key="k" * 24)
