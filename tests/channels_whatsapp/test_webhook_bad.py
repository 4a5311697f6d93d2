"""Hostile and broken webhooks, through the door and on to the bridge; each ends as its row says."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from channels_whatsapp.webhooks import PREFIX
from conversations.models import InboundMessage
from tenants import inbox, receiving
from tenants.door import WebhookDoor
from tenants.models import InboundRoute, InboxEntry
from tenants.services import routes
from tests.factories import HMAC_KEY, make_agent, make_device, work
from tests.fakes.bridge import FakeBridge

FILE = Path(__file__).parent.parent / "fixtures" / "webhook_bad_open.jsonl"
CASES = [json.loads(line) for line in FILE.read_text().splitlines()]
OTHER_KEY = "another-key-of-32-characters-or-more"


def event(*, id: str = "3EB0GEN0000000000001", text: str = "oi") -> dict:
    info = {
        "ID": id,
        "Chat": "5511999990001@s.whatsapp.net",
        "Sender": "5511999990001:12@s.whatsapp.net",
        "IsFromMe": False,
        "IsGroup": False,
        "Timestamp": datetime.now(UTC).isoformat(),
    }
    return {"type": "Message", "event": {"Info": info, "Message": {"conversation": text}}}


BUILT = {
    "wh-o-021": lambda: json.dumps(event(text="a" * 1048576)),
    "wh-o-022": lambda: json.dumps(event(text="a" * 30 * 1024 * 1024)),
    "wh-o-023": lambda: "[" * 100000 + "]" * 100000,
}


def filled(text: str) -> str:
    now = datetime.now(UTC)
    for name, value in {
        "TENANT_A_INSTANCE": "alpha-principal",
        "TENANT_A_BRIDGE_USER": "0123456789abcdef0123456789abcdef",
        "NOW_ISO": now.isoformat(),
        "FUTURE_ISO": (now + timedelta(days=365)).isoformat(),
        "OLD_ISO": (now - timedelta(days=3)).isoformat(),
    }.items():
        text = text.replace("{{" + name + "}}", value)
    assert "{{" not in text, text
    return text


def sign(how: str, body: bytes) -> str | None:
    name, _, argument = how.partition(":")
    good = hmac.new(HMAC_KEY.encode(), body, hashlib.sha256).hexdigest()
    match name:
        case "valid":
            return good
        case "none":
            return None
        case "empty":
            return ""
        case "wrong_key" | "tenant_b_key":
            return hmac.new(OTHER_KEY.encode(), body, hashlib.sha256).hexdigest()
        case "of":
            other = filled(argument).encode()
            return hmac.new(HMAC_KEY.encode(), other, hashlib.sha256).hexdigest()
        case "truncate":
            return good[: int(argument)]
        case "upper":
            return good.upper()
    raise AssertionError(how)


def post(route: InboundRoute, case: dict, body: bytes) -> list[int]:
    headers = {"content-type": case["content_type"], **case["headers"]}
    signature = sign(case["sign"], body)
    if signature is not None:
        headers["x-hmac-signature"] = signature
    scope = {
        "type": "http",
        "method": case["method"],
        "path": f"{PREFIX}{route.route_key}/",
        "headers": [(n.encode(), v.encode()) for n, v in headers.items()],
    }

    async def one(door: WebhookDoor) -> int:
        sent = []

        async def receive_():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        await door(scope, receive_, send)
        return sent[0]["status"]

    async def run() -> list[int]:
        door = WebhookDoor()
        try:
            return await asyncio.gather(*(one(door) for _ in range(case["repeat"])))
        finally:
            await door.close()

    return asyncio.run(run())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_case_ends_as_its_row_says(committed_alpha, case):
    with FakeBridge() as bridge:
        device = make_device(make_agent(), bridge_url=bridge.url)
        route = InboundRoute.objects.get(device_ref=device.uuid)
        routes.learn_identity(
            device_ref=device.uuid,
            user_ref="0123456789abcdef0123456789abcdef",
            instance="alpha-principal",
        )
        if case["name"] == "same_id_other_text":  # its row follows the one with the same id
            first = next(one for one in CASES if one["name"] == "exact_duplicate")
            post(route, {**first, "repeat": 1}, filled(first["body_text"]).encode())
        n_before = accept()
        n_sent_before = len(bridge.sent)
        build = BUILT.get(case["id"])
        text = build() if build else filled(case["body_text"])

        statuses = post(route, case, text.encode("utf-8", "surrogatepass"))
        n_new = accept() - n_before

    expect = case["expect"]
    assert set(statuses) <= set(expect["status"])
    assert expect["new_message_rows"] in (None, n_new)
    assert len(bridge.sent) - n_sent_before == expect["bridge_sends"]
    assert not InboxEntry.objects.filter(done_at=None).exists()


def accept() -> int:
    """Let workers do all that is due; return how many messages there are."""
    for batch in inbox.claim_batches(limit=100, per_batch=100):
        receiving.receive_entries(entry_ids=batch.entry_ids, token=batch.token)
    work()
    return InboundMessage.objects.count()
