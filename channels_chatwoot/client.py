"""Calling Chatwoot, one method for each call; source: section 5.5 of the contract."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin

from channels_chatwoot.outgoing import Order
from channels_chatwoot.types import REF_NAME
from conversations.types_sending import Leave
from integrations import http
from integrations.egress import Egress, check_url, same_origin
from tenants.errors import Permanent, Temporary
from tenants.reading import object_of, text_of

Json = Mapping[str, Any]

CALL_TIMEOUT_S = 10.0
SEND_TIMEOUT_S = 30.0
TYPING_TIMEOUT_S = 3.0
FETCH_TIMEOUT_S = 60.0
MAX_HOPS = 3
"""Redirects on the way to a file: Chatwoot's own address leads to the one of its storage. Each hop
is a request of its own behind the guard."""


class TokenRefused(Temporary):
    """Chatwoot does not take the token; people may enter another."""

    def __init__(self) -> None:
        super().__init__("Chatwoot refuses the token", retry_after_s=30)


class NotForBots(Permanent):
    """This server lets no bot make this call: it is older than that."""

    def __init__(self) -> None:
        super().__init__("this Chatwoot lets no bot read")


class NotThere(Permanent):
    """Chatwoot does not know what was asked for."""

    def __init__(self) -> None:
        super().__init__("Chatwoot does not know this conversation")


@dataclass(frozen=True)
class Chatwoot:
    """One account, as one of its tokens may use it."""

    base_url: str
    account_id: int
    token: str = field(repr=False)

    def send(self, order: Order, *, leave: Leave) -> None:
        """Write a message to a contact.

        Raises:
            Temporary: it was not written; where it `is_unknown`, it may have been.
            Permanent: it was refused for good.
        """
        del leave
        if order.file is None:
            self._call("POST", order.path, body=order.body, timeout_s=SEND_TIMEOUT_S)
            return
        boundary = uuid.uuid4().hex
        self._call(
            "POST",
            order.path,
            content=_multipart(order.body, order.file, boundary=boundary),
            content_type=f"multipart/form-data; boundary={boundary}",
            timeout_s=SEND_TIMEOUT_S,
        )

    def show(self, order: Order, *, leave: Leave) -> None:
        """Show a contact something that says nothing; raises as `send` does."""
        del leave
        self._call("POST", order.path, body=order.body, timeout_s=TYPING_TIMEOUT_S)

    def note(self, display_id: int, *, text: str, ref: str) -> None:
        """Write a private note, which only the people there see; raises as `send` does."""
        body = {
            "content": text,
            "message_type": "outgoing",
            "private": True,
            "echo_id": ref,
            "content_attributes": {REF_NAME: ref},
        }
        self._call("POST", f"/conversations/{display_id}/messages", body=body)

    def set_status(self, display_id: int, status: str) -> None:
        """Move a conversation: ``open`` hands it to people, ``pending`` back to the bot."""
        self._call("POST", f"/conversations/{display_id}/toggle_status", body={"status": status})

    def clear_assignee(self, display_id: int) -> None:
        """Take a conversation from the person who has it: one that is pending has nobody's."""
        body = {"assignee_id": None}
        self._call("POST", f"/conversations/{display_id}/assignments", body=body)

    def conversation(self, display_id: int) -> Json:
        """Return a conversation with its latest message.

        Raises:
            NotForBots, NotThere, TokenRefused, Temporary, Permanent: as the server says.
        """
        return self._get(f"/conversations/{display_id}")

    def messages(self, display_id: int) -> list[Json]:
        """Return the latest messages of a conversation, the oldest first; not for a bot's token."""
        found = self._get(f"/conversations/{display_id}/messages").get("payload")
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def pending(self, inbox_id: int) -> list[Json]:
        """Return the conversations of an inbox that wait for the bot; not for a bot's token."""
        query = urlencode({"status": "pending", "inbox_id": inbox_id, "assignee_type": "all"})
        data = object_of(self._get(f"/conversations?{query}").get("data"))
        found = data.get("payload")
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def inbox(self, inbox_id: int) -> Json:
        """Return an inbox; not for a bot's token."""
        return self._get(f"/inboxes/{inbox_id}")

    def fetch_file(self, url: str, *, max_bytes: int) -> bytes:
        """Return a file of a message; the token goes with none of the requests.

        Raises:
            Temporary, Permanent: it cannot be had.
        """
        url = _joined(f"{self.base_url}/", url)
        for _ in range(MAX_HOPS):
            # What is not Chatwoot itself is named by a stranger: public addresses only.
            is_own = same_origin(url, self.base_url)
            egress = Egress.TENANTS if is_own else Egress.NOTHING
            response = http.request(
                "GET", url, timeout_s=FETCH_TIMEOUT_S, max_bytes=max_bytes, egress=egress
            )
            if response.status not in (301, 302, 303, 307, 308):
                break
            target = _joined(url, response.headers.get("location", ""))
            if check_url(url).scheme == "https" and check_url(target).scheme != "https":
                raise Permanent("the file's address leads to one that is not encrypted")
            url = target
        else:
            raise Permanent("the file's address leads on and on")
        _raise_for(response)
        return response.body

    def _get(self, path: str) -> Json:
        return object_of(self._call("GET", path).json())

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        content: bytes | None = None,
        content_type: str = "application/json",
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> http.Response:
        response = http.request(
            method,
            f"{self.base_url}/api/v1/accounts/{self.account_id}{path}",
            headers={"api_access_token": self.token, "content-type": content_type},
            json=body,
            content=content,
            timeout_s=timeout_s,
            egress=Egress.TENANTS,
        )
        _raise_for(response)
        return response


def _joined(base: str, url: str) -> str:
    """Return an address that may be relative to another.

    Raises:
        Permanent: it is none.
    """
    try:
        return urljoin(base, url)
    except ValueError as error:
        raise Permanent("refused address: unreadable") from error


def _raise_for(response: http.Response) -> None:
    if 200 <= response.status < 300:
        return
    if response.status in (401, 403):
        raise NotForBots if "bots" in _said(response).lower() else TokenRefused
    if response.status == 404:
        raise NotThere
    reason = f"Chatwoot answered {response.status}"
    if 300 <= response.status < 500 and response.status not in (408, 409, 425, 429):
        raise Permanent(reason)
    wait = response.headers.get("retry-after", "")
    raise Temporary(
        reason,
        retry_after_s=float(wait) if wait.isdigit() else None,
        # It writes first, and may fail at what comes after.
        is_unknown=response.status in (500, 502, 504),
    )


def _said(response: http.Response) -> str:
    try:
        data = object_of(json.loads(response.body[:10_000]))
    except (ValueError, RecursionError):
        return ""
    return text_of(data.get("error")) or text_of(data.get("message"))


def _multipart(
    fields: Mapping[str, object], file: tuple[str, str, bytes], *, boundary: str
) -> bytes:
    """Return a form with one file; nested values bear their names as Rails reads them."""
    parts: list[bytes] = []
    for name, value in _flat(fields):
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        parts.append(f"{head}{value}\r\n".encode())
    file_name, media_type, data = file
    plain = "".join(one for one in file_name if one.isprintable() and one not in '"\\')
    kind = media_type if media_type.isascii() and media_type.isprintable() else ""
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="attachments[]";'
        f' filename="{plain or "file"}"\r\n'
        f"Content-Type: {kind or 'application/octet-stream'}\r\n\r\n"
    )
    return b"".join([*parts, head.encode(), data, f"\r\n--{boundary}--\r\n".encode()])


def _flat(fields: Mapping[str, object]) -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for name, value in fields.items():
        if isinstance(value, dict):
            flat += [(f"{name}[{key}]", str(one)) for key, one in value.items()]
        else:
            flat.append((name, "false" if value is False else str(value)))
    return flat
