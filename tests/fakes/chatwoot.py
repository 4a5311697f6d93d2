"""A Chatwoot-like server on loopback: conversations, their states, its API, and its webhooks.

It keeps what it is told and forgets nothing. The webhooks that the real one would post lie in
`outbox` until a test brings them to the door, so that a test can lose, delay or repeat them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from tests.fakes.http import Answer, Received, ScriptedServer, json_answer

ACCOUNT, INBOX = 3, 7
BOT_TOKEN, AGENT_TOKEN = "bot-token-of-the-clinic", "agent-token-of-the-clinic"
SECRET = "chatwoot-webhook-secret"

_TYPES = {"incoming": 0, "outgoing": 1}
_SENDERS = {"bot": {"id": 2, "name": "Prosa", "type": "agent_bot"}}
_CALL = re.compile(r"/api/v1/accounts/(\d+)/(conversations|inboxes)(?:/(\d+)(?:/(\w+))?)?")


@dataclass
class Talk:
    """One conversation as Chatwoot has it."""

    display_id: int
    contact_id: int
    name: str
    phone: str
    channel: str
    status: str = "pending"
    assignee: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)

    def texts(self, *, private: bool = False) -> list[str]:
        """Return what the bot has written, in order."""
        return [
            one["content"]
            for one in self.messages
            if one["sender"] == _SENDERS["bot"] and one["private"] is private
        ]


class FakeChatwoot(ScriptedServer):
    """Use it in a `with` block.

    Args:
        lets_bots_read: newer servers do.
        keeps_attributes: newer servers keep what a message's attributes hold beside their own.
    """

    def __init__(self, *, lets_bots_read: bool = True, keeps_attributes: bool = True) -> None:
        super().__init__()
        self.lets_bots_read, self.keeps_attributes = lets_bots_read, keeps_attributes
        self.talks: dict[int, Talk] = {}
        self.outbox: list[bytes] = []
        self.files: dict[str, bytes | str] = {}  # its bytes, or where it lies
        self._ids = iter(range(90_001, 10**6))
        self._mine = threading.RLock()

    # What happens there.

    def contact_writes(
        self,
        text: str,
        *,
        display_id: int = 118,
        phone: str = "+5511999990000",
        channel: str = "Channel::Api",
        attachments: list[dict[str, Any]] | None = None,
        **attributes: object,
    ) -> int:
        """Let a contact write; a conversation that is new or resolved waits for the bot then."""
        with self._mine:
            talk = self.talks.setdefault(
                display_id, Talk(display_id, display_id + 400, "Marina", phone, channel)
            )
            if talk.status == "resolved":
                talk.status = "pending"
            sender = {**self._contact(talk), "account": {"id": ACCOUNT, "name": "Clínica"}}
            message = self._add(talk, "incoming", text, sender, attributes)
            message["attachments"] = attachments or []
            self._post_message(talk, message)
            return int(message["id"])

    def person_writes(
        self, text: str, *, name: str = "Ana", display_id: int = 118, private: bool = False
    ) -> int:
        """Let somebody who works there answer, or leave a note; that moves no status."""
        with self._mine:
            talk = self.talks[display_id]
            sender = {"id": 9, "name": name, "email": "ana@clinica.example", "type": "user"}
            message = self._add(talk, "outgoing", text, sender, {}, private=private)
            self._post_message(talk, message)
            return int(message["id"])

    def person_sets(self, status: str, *, name: str = "Ana", display_id: int = 118) -> None:
        """Let somebody move a conversation; who opens it has it."""
        with self._mine:
            talk = self.talks[display_id]
            talk.status, talk.assignee = status, name if status == "open" else ""
            self._post_status(talk)

    def edit(self, message_id: int, text: str, *, deleted: bool = False) -> None:
        """Let a contact's message be changed, or taken back."""
        with self._mine:
            for talk in self.talks.values():
                for one in talk.messages:
                    if one["id"] == message_id:
                        one["content"] = text
                        one["content_attributes"] = {"deleted": True} if deleted else {}
                        self._post_message(talk, one, event="message_updated")

    def webhooks(self) -> list[bytes]:
        """Return the webhooks that wait, which have then left."""
        with self._mine:
            waiting, self.outbox = self.outbox, []
            return waiting

    # What it answers.

    def answer(self, request: Received) -> Answer | None:
        """Answer as the API does; see `ScriptedServer.answer`."""
        if (scripted := super().answer(request)) is not None:
            return scripted
        if request.path in self.files:
            assert "api_access_token" not in request.headers, "the token went to a file's address"
            found = self.files[request.path]
            if isinstance(found, str):
                return Answer(302, {"location": found})
            return Answer(body=found)
        parts = _CALL.fullmatch(request.path)
        if parts is None:
            return None
        token = request.headers.get("api_access_token", "")
        if token not in (BOT_TOKEN, AGENT_TOKEN):
            return json_answer({"error": "Invalid Access Token"}, status=401)
        account, kind, number, what = parts.groups()
        reads = request.method == "GET"
        is_for_bots = not reads or (kind == "conversations" and number and not what)
        if token == BOT_TOKEN and (not is_for_bots or (reads and not self.lets_bots_read)):
            text = "Access to this endpoint is not authorized for bots"
            return json_answer({"error": text}, status=401)
        with self._mine:
            if int(account) != ACCOUNT:
                return json_answer({"error": "Resource could not be found"}, status=404)
            return self._answer(request, kind, int(number) if number else None, what)

    def _answer(self, request: Received, kind: str, number: int | None, what: str) -> Answer:
        if kind == "inboxes":
            found = number == INBOX
            return json_answer({"id": number} if found else {}, status=200 if found else 404)
        if number is None:
            wanted = parse_qs(request.query)["status"][0]
            listed = [self._shown(one) for one in self.talks.values() if one.status == wanted]
            return json_answer({"data": {"meta": {}, "payload": listed}})
        talk = self.talks.get(number)
        if talk is None:
            return json_answer({"error": "Resource could not be found"}, status=404)
        if request.method == "GET":
            shown: object = self._shown(talk)
            if what == "messages":
                shown = {"payload": [self._in_api(one) for one in talk.messages[-20:]]}
            return json_answer(shown)
        return self._write(request, talk, what)

    def _write(self, request: Received, talk: Talk, what: str) -> Answer:
        is_form = "multipart" in request.headers["content-type"]
        data: Any = _form(request) if is_form else request.json()
        if what == "messages":
            attributes = data.get("content_attributes", {}) if self.keeps_attributes else {}
            message = self._add(
                talk,
                "outgoing",
                data["content"],
                _SENDERS["bot"],
                attributes,
                private=data["private"],
            )
            if file := data.get("file"):
                message["attachments"] = [{"file_type": "file", "sent": file}]
            self._post_message(talk, message)
            return json_answer(self._in_api(message))
        if what == "toggle_status":
            talk.status = data["status"]
            self._post_status(talk)
            return json_answer({"payload": {"success": True, "current_status": talk.status}})
        if what == "assignments":
            talk.assignee = "" if data["assignee_id"] is None else str(data["assignee_id"])
        return json_answer({})

    def bot_wrote(
        self, text: str, ref: str, *, private: bool = False, display_id: int = 118
    ) -> None:
        """Have a message of the bot there of which nobody was told: its call's answer was lost."""
        with self._mine:
            talk = self.talks[display_id]
            attributes = {"prosa_ref": ref}
            message = self._add(
                talk, "outgoing", text, _SENDERS["bot"], attributes, private=private
            )
            self._post_message(talk, message)

    # How it looks.

    def _add(
        self,
        talk: Talk,
        kind: str,
        text: str,
        sender: dict[str, Any],
        attributes: Any,
        *,
        private: bool = False,
    ) -> dict[str, Any]:
        message = {
            "id": next(self._ids),
            "content": text,
            "content_type": "text",
            "content_attributes": attributes,
            "message_type": kind,
            "private": private,
            "at": time.time(),
            "sender": sender,
            "attachments": [],
        }
        talk.messages.append(message)
        return message

    def _contact(self, talk: Talk) -> dict[str, Any]:
        return {
            "id": talk.contact_id,
            "name": talk.name,
            "phone_number": talk.phone or None,
            "email": None,
            "identifier": None,
        }

    def _conversation(self, talk: Talk) -> dict[str, Any]:
        assignee = {"id": 9, "name": talk.assignee} if talk.assignee else None
        return {
            "id": talk.display_id,
            "inbox_id": INBOX,
            "status": talk.status,
            "updated_at": time.time(),
            "channel": talk.channel,
            "can_reply": True,
            "labels": [],
            "contact_inbox": {"id": 640, "contact_id": talk.contact_id, "inbox_id": INBOX},
            "meta": {"sender": self._contact(talk), "assignee": assignee, "hmac_verified": False},
            "messages": [self._in_api(one) for one in talk.messages[-1:]],
        }

    def _shown(self, talk: Talk) -> dict[str, Any]:
        shown = self._conversation(talk)
        shown["meta"]["channel"] = shown.pop("channel")
        return {**shown, "account_id": ACCOUNT}

    def _in_api(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a message as answers write it: its kind is a number, its instant too."""
        kind = _TYPES[message["message_type"]]
        shown = {**message, "message_type": kind, "created_at": int(message["at"])}
        del shown["at"]
        return shown

    def _post_message(
        self, talk: Talk, message: dict[str, Any], *, event: str = "message_created"
    ) -> None:
        at = datetime.fromtimestamp(message["at"], UTC).isoformat(timespec="milliseconds")
        shown = {**message, "created_at": at}
        del shown["at"]
        self._post(
            {
                **shown,
                "event": event,
                "account": {"id": ACCOUNT, "name": "Clínica"},
                "inbox": {"id": INBOX, "name": "WhatsApp"},
                "conversation": self._conversation(talk),
            }
        )

    def _post_status(self, talk: Talk) -> None:
        # Of a conversation that waits for the bot again no event tells an agent bot.
        events = {"open": "conversation_opened", "resolved": "conversation_resolved"}
        if talk.status in events:
            account = {"account": {"id": ACCOUNT, "name": "Clínica"}}
            self._post({**self._conversation(talk), **account, "event": events[talk.status]})

    def _post(self, event: dict[str, Any]) -> None:
        self.outbox.append(json.dumps(event, ensure_ascii=False).encode())


def signed(body: bytes, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """Return the headers with which Chatwoot signs a webhook."""
    stamp = str(int(time.time() if at is None else at))
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "content-type": "application/json; charset=utf-8",
        "x-chatwoot-timestamp": stamp,
        "x-chatwoot-signature": f"sha256={mac}",
    }


def _form(request: Received) -> dict[str, Any]:
    """Return the fields of a form as Rails would read them; the file's name stands for it."""
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    data: dict[str, Any] = {"content_attributes": {}}
    for part in request.body.split(b"--" + boundary)[1:-1]:
        head, _, value = part.strip(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]+)"', head)
        assert name is not None
        plain = name[1].decode()
        if plain.startswith("content_attributes["):
            data["content_attributes"][plain[19:-1]] = value.decode()
        elif plain == "attachments[]":
            data["file"] = (head.decode(), value)
        else:
            data[plain] = value.decode()
    data["private"] = data["private"] == "true"
    return data
