"""Calling WuzAPI, one method for each call; source: the bridge's contract, sections 2 to 7."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations import http
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

SEND_TIMEOUT_S = 90.0
"""WuzAPI waits up to 75 s for WhatsApp's own answer; giving up earlier repeats what was sent."""

CALL_TIMEOUT_S = 10.0
TYPING_TIMEOUT_S = 3.0
MAX_ANSWER_BYTES = 2 * 1024 * 1024

_HOPELESS = ("could not parse phone", "no lid found", "ambiguous bare identifier", "missing ")


@dataclass(frozen=True)
class BridgeStatus:
    """What the bridge knows of one of its users."""

    user_ref: str
    name: str
    is_connected: bool
    is_logged_in: bool
    phone: str


@dataclass(frozen=True)
class Bridge:
    """One user of one bridge server."""

    base_url: str
    token: str = field(repr=False)

    def send_text(self, *, phone: str, body: str, ref: str) -> None:
        """Send a text under an id of ours.

        Raises:
            Temporary: it may or may not have been sent.
            Permanent: WhatsApp or the bridge will never take it.
        """
        self._post(
            "/chat/send/text",
            {"Phone": phone, "Body": body, "Id": ref},
            timeout_s=SEND_TIMEOUT_S,
        )

    def show_typing(self, *, jid: str) -> None:
        """Show that we are typing in a chat."""
        self._post(
            "/chat/presence", {"Phone": jid, "State": "composing"}, timeout_s=TYPING_TIMEOUT_S
        )

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
            raise Permanent(
                "the bridge does not know this device's token; create the user there, or set"
                " BRIDGE_ADMIN_TOKEN so that it is created from here"
            )
        body = {
            "name": name,
            "token": self.token,
            "webhook": webhook,
            "events": ",".join(SUBSCRIBED_EVENTS),
            "hmacKey": hmac_key,
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
        """Return the state of the session."""
        data = _data(self._checked("GET", "/session/status"))
        jid = str(data.get("jid") or "")
        return BridgeStatus(
            user_ref=str(data.get("id") or ""),
            name=str(data.get("name") or ""),
            is_connected=data.get("connected") is True,
            is_logged_in=data.get("loggedIn") is True,
            phone=jid.partition("@")[0].partition(":")[0],
        )

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
    ) -> http.Response:
        return http.request(
            method,
            self.base_url + path,
            headers=headers or {"token": self.token},
            json=body,
            timeout_s=timeout_s,
            max_bytes=MAX_ANSWER_BYTES,
        )


def _data(response: http.Response) -> Mapping[str, Any]:
    try:
        data = json.loads(response.body)["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise Temporary("the bridge's answer cannot be read") from error
    if not isinstance(data, dict):
        raise Temporary("the bridge's answer cannot be read")
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
    raise Temporary(reason, retry_after_s=_retry_after(response))


def _reason(response: http.Response) -> str:
    try:
        error = json.loads(response.body).get("error", "")
    except (ValueError, AttributeError):
        error = ""
    return f"bridge answered {response.status}: {str(error)[:150]}".rstrip(": ")


def _retry_after(response: http.Response) -> float | None:
    value = {name.lower(): text for name, text in response.headers.items()}.get("retry-after", "")
    return float(value) if value.isdigit() else None
