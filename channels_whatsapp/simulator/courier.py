"""Webhook deliveries: one task each, retried as WuzAPI does, with the faults acted out on them."""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import httpx2

from channels_whatsapp.simulator import wire
from channels_whatsapp.simulator.model import NEVER_DELIVERED, Faults, User, WebhookRecord

logger = logging.getLogger(__name__)

# WuzAPI's defaults: attempts in total, and the seconds before the second one, doubling after.
N_ATTEMPTS = 5
RETRY_DELAY_S = 30.0
ATTEMPT_TIMEOUT_S = 30.0
MAX_REDIRECTS = 15
# Deliveries remembered for test checkers.
MAX_RECORDS = 100_000

# Its own: the one that a process shares belongs to whoever seeds it.
_dice = random.Random()  # noqa: S311 - chaos, not secrets


@dataclass(frozen=True)
class Parcel:
    """The exact bytes for one URL."""

    url: str
    headers: dict[str, str]
    body: bytes


def is_subscribed(user: User, event_type: str) -> bool:
    """Tell whether WuzAPI would post an event of this type for the user."""
    if not user.webhook or user.subscription_wiped or event_type in NEVER_DELIVERED:
        return False
    events = user.events.split(",")
    return "All" in events or event_type in events


def take(count: int) -> tuple[bool, int]:
    """Use one of a counted fault: (act it out, what is left). -1 never runs down."""
    return count != 0, count - 1 if count > 0 else count


def happens(rate: float) -> bool:
    """Decide by chance whether a fault is acted out, `rate` times out of one."""
    return _dice.random() < rate


class Courier:
    """Posts events to webhooks and keeps a record of each."""

    def __init__(
        self,
        *,
        webhook_format: str,
        time_scale: float,
        on_outcome: Callable[[WebhookRecord], None],
        next_seq: Callable[[], int],
    ) -> None:
        """Create a courier.

        Args:
            time_scale: factor on the waits between attempts.
            on_outcome: called in the event loop when a delivery's outcome is known.
        """
        self.webhook_format = webhook_format
        self.time_scale = time_scale
        self.records: deque[WebhookRecord] = deque(maxlen=MAX_RECORDS)
        self._on_outcome = on_outcome
        self._next_seq = next_seq
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: httpx2.AsyncClient | None = None

    def submit(
        self, user: User, payload: dict[str, object], *, ref: str, faults: Faults
    ) -> WebhookRecord:
        """Start the delivery of an event, if the user subscribed to it.

        Args:
            payload: top-level keys without `userID` and `instanceName`.
            ref: what the outcome is about, a message's `seq` or "".
        """
        event_type = str(payload["type"])
        record = WebhookRecord(self._next_seq(), user.id, event_type, ref, time.time())
        self.records.append(record)
        if not is_subscribed(user, event_type):
            return self._settle(record, "unsubscribed")
        lose, faults.lose_webhooks_next = take(faults.lose_webhooks_next)
        if lose or happens(faults.lose_rate):
            return self._settle(record, "lost")
        parcel = self._pack(user, payload)
        for _ in range(1 + faults.duplicate_webhooks):
            delay = _dice.uniform(0, faults.shuffle_s)
            task = asyncio.create_task(self._deliver(parcel, record, delay_s=delay))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return record

    def _settle(self, record: WebhookRecord, outcome: str) -> WebhookRecord:
        # A duplicate that fails must not take back what its twin achieved.
        if record.outcome != "accepted":
            record.outcome = outcome
            self._on_outcome(record)
        return record

    def _pack(self, user: User, payload: dict[str, object]) -> Parcel:
        content_type, body = wire.webhook_body(
            payload,
            webhook_format=self.webhook_format,
            user_id=user.id,
            instance_name=user.name,
        )
        headers = {
            "Content-Type": content_type,
            "User-Agent": "go-resty/2.16.5 (https://github.com/go-resty/resty)",
        }
        if user.hmac_key and user.hmac_loaded:
            headers["x-hmac-signature"] = wire.signature(body, key=user.hmac_key)
        return Parcel(user.webhook, headers, body)

    async def _deliver(self, parcel: Parcel, record: WebhookRecord, *, delay_s: float) -> None:
        if delay_s:
            await asyncio.sleep(delay_s)
        for n_before in range(N_ATTEMPTS):
            if n_before:
                await asyncio.sleep(RETRY_DELAY_S * 2 ** (n_before - 1) * self.time_scale)
            if await self._attempt(parcel, record):
                self._settle(record, "accepted")
                return
        self._settle(record, "failed")

    async def _attempt(self, parcel: Parcel, record: WebhookRecord) -> bool:
        status, problem = 0, ""
        started_at = time.time()
        try:
            response = await self._http().post(
                parcel.url, content=parcel.body, headers=parcel.headers
            )
            status = response.status_code
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            problem = type(error).__name__
        record.attempts.append({"at": started_at, "status": status, "error": problem})
        return 200 <= status < 300

    def _http(self) -> httpx2.AsyncClient:
        if self._client is None:
            # WuzAPI doesn't verify certificates of webhooks, and follows redirects as Go does.
            self._client = httpx2.AsyncClient(
                verify=False,
                follow_redirects=True,
                max_redirects=MAX_REDIRECTS,
                timeout=ATTEMPT_TIMEOUT_S,
                trust_env=False,
                limits=httpx2.Limits(max_connections=200, max_keepalive_connections=50),
            )
        return self._client

    def forget(self) -> list[asyncio.Task[None]]:
        """Drop the records and what is under way, and return the tasks that are ending."""
        self.records.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        return tasks

    async def close(self) -> None:
        """Drop what is under way, as WuzAPI does when it stops."""
        tasks = self.forget()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None
