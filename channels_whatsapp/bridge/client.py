"""Calling WuzAPI, one method for each call; source: the bridge's contract, sections 2 to 7."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from channels_whatsapp.bridge.history import HistoryRow, history_row
from channels_whatsapp.bridge.outgoing import Order
from conversations.types_sending import Leave
from integrations import http
from integrations.egress import Egress
from tenants.errors import Permanent, Temporary

SUBSCRIBED_EVENTS = (
    "Message",
    "UndecryptableMessage",
    "ReadReceipt",
    "ChatPresence",
    "Connected",
    "Disconnected",
    "LoggedOut",
    "PairSuccess",
    "PairError",
    "QR",
    "QRTimeout",
    "ConnectFailure",
    "StreamError",
    "TemporaryBan",
    "ClientOutdated",
    "KeepAliveTimeout",
    "KeepAliveRestored",
)

_NO_CODE = ("no session", "not connected", "already logged in")

_NOT_LINKED = ("no session", "it was not connected", "it was not logged in")

SEND_TIMEOUT_S = 90.0
"""WuzAPI waits up to 75 s for WhatsApp's own answer; giving up earlier repeats what was sent."""

FETCH_TIMEOUT_S = 60.0
"""How long a file may take, in seconds: a voice note takes one, 16 MB on a slow link some tens."""

FILE_ROUTES = ("image", "video", "audio", "document", "sticker")

CALL_TIMEOUT_S = 10.0
TYPING_TIMEOUT_S = 3.0
MAX_ANSWER_BYTES = 2 * 1024 * 1024

HISTORY_KEPT = 100
"""Messages that the bridge keeps of each chat: what is given up on in an outage is found there. A
chat that is busier than this between two comparisons loses what is beyond."""

MAX_HISTORY_BYTES = 16 * 1024 * 1024

_UNKNOWN = "timed out waiting for message send response"
"""What WuzAPI says where WhatsApp may have taken a message without saying so."""

_NO_HISTORY = "message history is disabled"

_HOPELESS = ("could not parse phone", "no lid found", "ambiguous bare identifier", "missing ")


@dataclass(frozen=True)
class BridgeStatus:
    """What the bridge knows of one of its users."""

    user_ref: str
    name: str
    is_connected: bool
    is_logged_in: bool
    phone: str
    events: frozenset[str] = frozenset()
    webhook: str = field(default="", repr=False)
    n_history: int = 0
    media_delivery: str = ""
    is_signing: bool = True

    @property
    def is_online(self) -> bool:
        """Whether messages can be sent: neither flag alone says so."""
        return self.is_connected and self.is_logged_in


@dataclass(frozen=True)
class BridgeHealth:
    """What a bridge says of itself: its version, how long it has run, how many sessions it has."""

    version: str
    uptime_s: float
    n_users: int
    n_online: int


@dataclass(frozen=True)
class Bridge:
    """One user of one bridge server.

    Args:
        is_on_platform: the server is one of the platform's; it may be at an address that tenants
            cannot name.
    """

    base_url: str
    token: str = field(repr=False)
    is_on_platform: bool = False

    def send(self, order: Order, *, leave: Leave) -> None:
        """Make a call that a contact sees.

        Args:
            leave: given by the veto point alone; there is no other way to send anything.

        Raises:
            Temporary: it was not done; where it `is_unknown`, it may have been.
            Permanent: WhatsApp or the bridge will never take it.
        """
        del leave
        response = self._request("POST", order.path, body=order.body, timeout_s=SEND_TIMEOUT_S)
        _raise_for(response)
        # Whatever stands between us and the bridge may answer 200 as well, without having sent.
        try:
            is_taken = bool(_data(response).get("Id"))
        except Temporary:
            is_taken = False
        if not is_taken:
            raise Temporary("the bridge's answer cannot be read", is_unknown=True)

    def show(self, order: Order, *, leave: Leave) -> None:
        """Make a call that says nothing to anybody, such as typing; it is not waited for long."""
        del leave
        self._post(order.path, order.body, timeout_s=TYPING_TIMEOUT_S)

    def was_sent(self, *, chats: Sequence[str], ref: str) -> bool | None:
        """Tell whether a message of ours is in what the bridge keeps of some chats.

        Returns:
            None where the bridge keeps nothing.
        """
        try:
            found = [row.message_ref for chat in chats for row in self.history(chat)]
        except Permanent:
            return None
        except Temporary as error:
            if _NO_HISTORY in error.reason:
                return None
            raise
        return ref in found

    def fetch_file(self, source: Mapping[str, object], *, max_bytes: int) -> bytes:
        """Return a file that a contact sent.

        Args:
            source: `route` of the download call, the file's `message` object, and the `url` of a
                copy where the bridge keeps them in a store. A webhook names it, and whoever runs
                the bridge writes the webhooks: a private one counts on the platform's alone.

        Raises:
            Temporary: the bridge or the store is away.
            Permanent: the file is gone or larger than `max_bytes`.
        """
        url, route = source.get("url"), source.get("route")
        if isinstance(url, str):
            with suppress(Temporary, Permanent):
                kept = http.request(
                    "GET",
                    url,
                    timeout_s=FETCH_TIMEOUT_S,
                    max_bytes=max_bytes,
                    egress=Egress.PLATFORM if self.is_on_platform else Egress.NOTHING,
                )
                if kept.status == 200:
                    return kept.body
        if route not in FILE_ROUTES or not isinstance(source.get("message"), Mapping):
            raise Permanent("the message does not say where its file is")
        response = self._request(
            "POST",
            f"/chat/download{route}",
            body=source["message"],  # type: ignore[arg-type]
            timeout_s=FETCH_TIMEOUT_S,
            # As base64 within JSON.
            max_bytes=max_bytes * 4 // 3 + 4_096,
        )
        if response.status == 500 and "failed to download" in _reason(response).lower():
            raise Permanent("WhatsApp no longer has the file")
        _raise_for(response)
        return _from_data_url(_data(response).get("Data"), max_bytes=max_bytes)

    def is_known(self) -> bool:
        """Test whether the bridge knows this user's token."""
        response = self._request("GET", "/session/status", timeout_s=CALL_TIMEOUT_S)
        return response.status != 401

    def create_user(self, *, admin_token: str, name: str, webhook: str, hmac_key: str) -> None:
        """Create this user on the bridge.

        Raises:
            Permanent: without an admin token, or the bridge refuses.
        """
        if not admin_token:
            raise Permanent("the bridge does not know this device's token")
        body = {
            "name": name,
            "token": self.token,
            "webhook": webhook,
            "events": ",".join(SUBSCRIBED_EVENTS),
            "hmacKey": hmac_key,
            "history": HISTORY_KEPT,
            # Left out, it is stored as an empty text and media is never delivered.
            "s3Config": {"mediaDelivery": "base64"},
        }
        response = self._request(
            "POST",
            "/admin/users",
            body=body,
            headers={"Authorization": admin_token},
            timeout_s=CALL_TIMEOUT_S,
        )
        # 409: another process created it meanwhile.
        if response.status != 409:
            _raise_for(response)

    def ask_again(self, *, chat: str, sender: str, ref: str) -> None:
        """Have the number's own phone send a message again that could not be decrypted here."""
        body = {"chat": chat, "sender": sender, "id": ref}
        self._post("/chat/request-unavailable-message", body)

    def set_hmac_key(self, key: str) -> None:
        """Make the bridge sign this user's webhooks."""
        self._post("/session/hmac/config", {"hmac_key": key})

    def set_webhook(self, url: str) -> None:
        """Tell the bridge where events go; without the list of events it would send none."""
        self._post("/webhook", {"webhookurl": url, "events": list(SUBSCRIBED_EVENTS)})

    def connect(self) -> None:
        """Start the session; a device that is not paired waits for its QR code then."""
        try:
            self._post(
                "/session/connect", {"Subscribe": list(SUBSCRIBED_EVENTS), "Immediate": True}
            )
        except Temporary as error:
            if "already connected" not in error.reason:
                raise

    def status(self) -> BridgeStatus:
        """Return the state of the session and what the bridge keeps of its settings."""
        data = _data(self._checked("GET", "/session/status"))
        jid = str(data.get("jid") or "")
        storage = data.get("s3_config")
        history = str(data.get("history") or "0")
        return BridgeStatus(
            user_ref=str(data.get("id") or ""),
            name=str(data.get("name") or ""),
            is_connected=data.get("connected") is True,
            is_logged_in=data.get("loggedIn") is True,
            phone=jid.partition("@")[0].partition(":")[0],
            events=frozenset(filter(None, str(data.get("events") or "").split(","))),
            webhook=str(data.get("webhook") or ""),
            n_history=int(history) if history.isdigit() else 0,
            media_delivery=str(storage.get("media_delivery") or "")
            if isinstance(storage, dict)
            else "",
            is_signing=data.get("hmac_configured") is not False,
        )

    def set_media_delivery(self) -> None:
        """Have media delivered with the webhook, as it was asked for when the user was made."""
        self._post("/session/s3/config", {"enabled": False, "media_delivery": "base64"})

    def set_history(self) -> None:
        """Have the bridge keep the latest messages of each chat."""
        self._post("/session/history", {"history": HISTORY_KEPT})

    def qr_code(self) -> str:
        """Return the code that is on show as a data URI; empty where there is none."""
        try:
            code = str(_data(self._checked("GET", "/session/qr")).get("QRCode") or "")
        except Temporary as error:
            # It was used, or the last one ended, since somebody looked at the state.
            if not any(text in error.reason for text in _NO_CODE):
                raise
            return ""
        return code if code.startswith("data:image/png;base64,") else ""

    def pairing_code(self, phone: str) -> str:
        """Return the code that the owner of `phone` types instead of scanning.

        Raises:
            Permanent: the bridge or WhatsApp does not take this number.
        """
        response = self._request(
            "POST", "/session/pairphone", body={"Phone": phone}, timeout_s=CALL_TIMEOUT_S
        )
        _raise_for(response)
        return str(_data(response).get("LinkingCode") or "")

    def logout(self) -> None:
        """Take the link away, also on the phone; what is not linked is no error."""
        try:
            self._post("/session/logout", {})
        except Temporary as error:
            if not any(text in error.reason for text in _NOT_LINKED):
                raise

    def remove_user(self, *, admin_token: str, user_ref: str) -> None:
        """Remove this user from the bridge with everything; one that is gone is no error."""
        response = self._request(
            "DELETE",
            f"/admin/users/{user_ref}/full",
            headers={"Authorization": admin_token},
            timeout_s=CALL_TIMEOUT_S,
        )
        if response.status != 404:
            _raise_for(response)

    def health(self) -> BridgeHealth:
        """Return what the bridge's server says of itself."""
        found = self._checked("GET", "/health").json()
        data = found if isinstance(found, dict) else {}
        return BridgeHealth(
            version=str(data.get("version") or "")[:40],
            uptime_s=_seconds(str(data.get("uptime") or "")),
            n_users=_whole(data.get("total_users")),
            n_online=_whole(data.get("logged_in_users")),
        )

    def chats(self, user_ref: str) -> list[str]:
        """Return the chats of which the bridge keeps messages, in a fixed order.

        The bridge answers with those of everybody on the server; others' are dropped here.
        """
        response = self._history("index")
        found = _json(response).get("data")
        if isinstance(found, dict):
            found = found.get(user_ref)
            rows = found if isinstance(found, list) else []
        else:
            rows = [
                row
                for row in (found if isinstance(found, list) else [])
                if isinstance(row, dict) and row.get("user_id") == user_ref
            ]
        chats = {str(row.get("chat_jid") or "") if isinstance(row, dict) else row for row in rows}
        return sorted(chat for chat in chats if isinstance(chat, str) and 0 < len(chat) <= 200)

    def history(self, chat: str) -> list[HistoryRow]:
        """Return the latest messages of a chat, the oldest first."""
        found = _json(self._history(chat)).get("data")
        rows = [history_row(row) for row in (found or []) if isinstance(row, dict)]
        return sorted((row for row in rows if row.message_ref), key=lambda row: row.stored_at)

    def _history(self, chat: str) -> http.Response:
        query = urlencode({"chat_jid": chat, "limit": HISTORY_KEPT})
        response = self._request(
            "GET",
            f"/chat/history?{query}",
            timeout_s=CALL_TIMEOUT_S,
            max_bytes=MAX_HISTORY_BYTES,
        )
        _raise_for(response)
        return response

    def _post(
        self, path: str, body: Mapping[str, object], *, timeout_s: float = CALL_TIMEOUT_S
    ) -> None:
        _raise_for(self._request("POST", path, body=body, timeout_s=timeout_s))

    def _checked(self, method: str, path: str) -> http.Response:
        response = self._request(method, path, timeout_s=CALL_TIMEOUT_S)
        _raise_for(response)
        return response

    def _request(
        self,
        method: str,
        path: str,
        *,
        timeout_s: float,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> http.Response:
        return http.request(
            method,
            self.base_url + path,
            headers=headers or {"token": self.token},
            json=body,
            timeout_s=timeout_s,
            max_bytes=max_bytes,
            egress=Egress.PLATFORM if self.is_on_platform else Egress.TENANTS,
        )


def _data(response: http.Response) -> Mapping[str, Any]:
    try:
        data = json.loads(response.body)["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise Temporary("the bridge's answer cannot be read") from error
    if not isinstance(data, dict):
        raise Temporary("the bridge's answer cannot be read")
    return data


def _json(response: http.Response) -> Mapping[str, Any]:
    found = response.json()
    return found if isinstance(found, dict) else {}


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _seconds(span: str) -> float:
    """Return a span such as ``1h2m3.4s`` in seconds; 0 where it is unreadable."""
    factors = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", span)
    return sum(float(number) * factors[unit] for number, unit in parts)


def _from_data_url(value: object, *, max_bytes: int) -> bytes:
    head, _, text = str(value or "").partition(";base64,")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Temporary("the bridge's answer cannot be read") from error
    if not head.startswith("data:") or not data:
        raise Temporary("the bridge's answer cannot be read")
    if len(data) > max_bytes:
        raise Permanent(f"the file is larger than {max_bytes} bytes")
    return data


def _raise_for(response: http.Response) -> None:
    """Judge by the HTTP status alone: the envelope's own `success` is wrong at times."""
    if 200 <= response.status < 300:
        return
    reason = _reason(response)
    lowered = reason.lower()
    if response.status == 401:
        raise Temporary("the bridge refuses the device's token", retry_after_s=30)
    if any(text in lowered for text in _HOPELESS):
        raise Permanent(reason)
    if 400 <= response.status < 500 and response.status not in (408, 409, 425, 429):
        raise Permanent(reason)
    raise Temporary(
        reason,
        retry_after_s=_retry_after(response),
        is_unknown=response.status in (502, 504) or _UNKNOWN in lowered,
    )


def _reason(response: http.Response) -> str:
    try:
        error = json.loads(response.body).get("error", "")
    except (ValueError, AttributeError):
        error = ""
    return f"bridge answered {response.status}: {str(error)[:150]}".rstrip(": ")


def _retry_after(response: http.Response) -> float | None:
    value = {name.lower(): text for name, text in response.headers.items()}.get("retry-after", "")
    return float(value) if value.isdigit() else None
