"""The people and phones of a measurement that runs on the simulator."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx2

from bench import business
from bench.checker import Message
from bench.gate import Gate
from tests.fakes.bridge import Sent

QUIET_S = 1.0
"""How long a contact is silent before the answer is written, in seconds."""


@dataclass
class Number:
    """A business with its number, and the gate before its bridge."""

    tenant: business.Tenant
    gate: Gate

    @property
    def token(self) -> str:
        return self.tenant.bridge_token


class Phones:
    """The simulator's test API: what contacts do, what goes wrong, what arrived."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx2.Client(base_url=url, timeout=60.0, trust_env=False)
        self._lock = threading.Lock()

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        with self._lock:
            answer = self._http.request(method, f"/sim{path}", **more)
        answer.raise_for_status()
        return answer.json()

    def write(self, number: Number, phone: str, message: Message, *, at: float) -> None:
        message.first_sent_at = time.time()
        body = {
            "user": number.token,
            "contact": phone,
            "kind": "text",
            "id": f"AC{message.token.upper()}",
            "text": f"{business.QUESTION} {message.token}",
            "timestamp": at,
        }
        self._ask("POST", "/contact-sends", json=body)
        message.acked_at = time.time()
        message.due_at = message.acked_at + QUIET_S

    def break_(self, number: Number, **faults: object) -> None:
        self._ask("POST", "/faults", json={"user": number.token, **faults})

    def mend(self) -> None:
        self._ask("DELETE", "/faults")

    def sent(self) -> list[Sent]:
        """Return what phones got, in order; what nobody was told of included."""
        rows = self._ask("GET", "/sends")["sends"]
        tokens = {one["id"]: one["token"] for one in self._ask("GET", "/users")["users"]}
        return [
            Sent(
                at=row["at"],
                token=tokens[row["user_id"]],
                ref=row["id"],
                phone=row["jid"].partition("@")[0],
                body=row["body"],
            )
            for row in sorted(rows, key=lambda one: one["seq"])
            if row["outcome"] != "refused" and row["path"] == "/chat/send/text"
        ]

    def outcomes(self, *, after: float) -> Counter[str]:
        """Return what became of the webhooks of messages since an instant."""
        rows = self._ask("GET", "/webhooks?type=Message")["webhooks"]
        return Counter(row["outcome"] for row in rows if row["at"] > after)
