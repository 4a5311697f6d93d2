"""A WuzAPI-like server on loopback that remembers every send, and the webhooks such a server posts.

The product's simulator plays the whole bridge; this one is a witness for tests that kill things:
it lives in the process of the test, answers at once and forgets nothing.
"""

from __future__ import annotations

import http.client
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from channels_whatsapp.simulator import payloads, wire
from channels_whatsapp.simulator.model import Contact
from tests.fakes.http import Answer, Received, ScriptedServer


@dataclass(frozen=True)
class Sent:
    """One call of `/chat/send/text`.

    Args:
        at: unix seconds of its arrival.
        token: the bridge user's, which stands for the device.
        ref: the message id that the caller chose.
        phone: digits of the recipient.
    """

    at: float
    token: str
    ref: str
    phone: str
    body: str


class FakeBridge(ScriptedServer):
    """Answers as WuzAPI does for numbers that are paired and online; use it in a `with` block."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Sent] = []

    def sent_to(self, phone: str) -> list[Sent]:
        """Return what was sent to a phone, in order of arrival."""
        return [one for one in list(self.sent) if one.phone == phone]

    def answer(self, request: Received) -> Answer | None:
        """Accept everything; see `ScriptedServer.answer`."""
        now, token = time.time(), request.headers.get("token", "")
        if (scripted := super().answer(request)) is not None:
            return scripted
        data: dict[str, Any] = json.loads(request.body or b"{}")
        if request.path == "/session/status":
            return _success(
                connected=True,
                loggedIn=True,
                id=user_ref(token),
                name=token,
                jid="5511900000000:1@s.whatsapp.net",
            )
        if request.path == "/chat/send/text":
            phone = str(data["Phone"]).partition("@")[0]
            self.sent.append(Sent(now, token, data["Id"], phone, data["Body"]))
        return _success(Details="Sent", Id=data.get("Id", ""), Timestamp=int(now))


def _success(**data: object) -> Answer:
    body = wire.reply_body({"code": 200, "data": data, "success": True})
    return Answer(headers={"content-type": "application/json"}, body=body)


def user_ref(token: str) -> str:
    """Return the id of the bridge user with a token."""
    return uuid.uuid5(uuid.NAMESPACE_URL, token).hex


def text_webhook(*, phone: str, ref: str, text: str, at: float, token: str = "") -> bytes:
    """Return the body of a contact's text message in JSON mode, byte for byte as WuzAPI posts it.

    Args:
        phone: the contact's, digits only.
        ref: the message id.
        at: when the contact wrote it, unix seconds; WhatsApp knows whole seconds only.
        token: of the bridge user that it came to.
    """
    contact = Contact(key=phone, name=f"Contato {phone[-4:]}", phone=phone, lid="")
    event = payloads.message_event(
        payloads.info(
            payloads.direct_source(contact),
            message_id=ref,
            kind="text",
            push_name=contact.name,
            at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
        ),
        payloads.with_context({"conversation": text}, message_id=ref, at=at),
    )
    _, body = wire.webhook_body(
        {"event": event, "type": "Message"},
        webhook_format="json",
        user_id=user_ref(token),
        instance_name=token,
    )
    return body


def post_webhook(url: str, body: bytes, *, key: str, timeout_s: float = 60) -> int:
    """Post a webhook with its signature; return the status, 0 where no answer came."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    try:
        connection.request(
            "POST",
            parts.path,
            body,
            {"Content-Type": wire.JSON_TYPE, "x-hmac-signature": wire.signature(body, key=key)},
        )
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return answer.status
    finally:
        connection.close()
