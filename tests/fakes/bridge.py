"""A WuzAPI-like server on loopback that remembers every send, and the webhooks such a server posts.

The product's simulator plays the whole bridge; this one is a witness for tests that kill things:
it lives in the process of the test, answers at once and forgets nothing.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from channels_whatsapp.simulator import payloads, wire
from channels_whatsapp.simulator.model import Contact


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


@dataclass
class FakeBridge:
    """Answers as WuzAPI does for a number that is paired and online; use it in a `with` block."""

    sent: list[Sent] = field(default_factory=list)
    _server: _Server = field(init=False)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.bridge = self
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def base_url(self) -> str:
        """Where a device's bridge is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def sent_to(self, phone: str) -> list[Sent]:
        """Return what was sent to a phone, in order of arrival."""
        return [one for one in list(self.sent) if one.phone == phone]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    bridge: FakeBridge


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        token = self.headers.get("token", "")
        self._answer(
            {
                "connected": True,
                "loggedIn": True,
                "id": uuid.uuid5(uuid.NAMESPACE_URL, token).hex,
                "name": token,
                "jid": "5511900000000:1@s.whatsapp.net",
            }
        )

    def do_POST(self) -> None:
        arrived_at = time.time()
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        data: dict[str, Any] = json.loads(body or b"{}")
        if self.path == "/chat/send/text":
            phone = str(data["Phone"]).partition("@")[0]
            self.server.bridge.sent.append(
                Sent(arrived_at, self.headers["token"], data["Id"], phone, data["Body"])
            )
        self._answer({"Details": "Sent", "Id": data.get("Id", ""), "Timestamp": int(arrived_at)})

    def _answer(self, data: dict[str, object]) -> None:
        body = wire.reply_body({"code": 200, "data": data, "success": True})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


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
        user_id=uuid.uuid5(uuid.NAMESPACE_URL, token).hex,
        instance_name=token,
    )
    return body


def post_webhook(url: str, body: bytes, *, key: str, timeout_s: float = 10) -> int:
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
