"""How many calls a minute: counted in the broker by key, by person and by tenant.

Where the broker is away nothing is counted and everybody is let in: an API that stops with its
counter would be worse than one that is not limited for a moment.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from tenants.api.callers import Caller
from tenants.context import current_schema
from tenants.errors import DomainError

logger = logging.getLogger(__name__)

WINDOW_S = 60

TIMEOUT_S = 0.25
"""Longest wait for the broker, in seconds: a call waits so much longer when it fails."""

AWAY_S = 5.0
"""For how long a broker that failed is not asked again, in seconds."""


class TooManyRequests(DomainError):
    """These are too many requests; wait a moment."""

    code = "too_many_requests"
    http_status = 429

    def __init__(self, *, retry_after_s: float, headers: Mapping[str, str]) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s
        self.headers = dict(headers)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of the narrowest limit, for the headers of the answer."""

    limit: int
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """Return the headers that tell a program how to pace itself."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
            "RateLimit-Policy": f"{self.limit};w={WINDOW_S}",
        }


def spend(caller: Caller) -> Allowance | None:
    """Count a call; None where nobody counts now.

    Raises:
        TooManyRequests: one of the limits is used up.
    """
    limits = settings.API_PER_MINUTE
    wanted = {("tenant", ""): limits["tenant"], ("user", str(caller.user.pk)): limits["user"]}
    if caller.key is not None:
        wanted["key", str(caller.key.pk)] = limits["key"]
    return _count(wanted)


def spend_login(*, username: str, address: str) -> Allowance | None:
    """Count a try to log in, by name and by address, for passwords must not be guessed.

    Raises:
        TooManyRequests: too many tries of the same name, or from the same address.
    """
    name = hashlib.sha256(username.encode()).hexdigest()[:32]
    limit = settings.API_PER_MINUTE["login"]
    return _count({("login", name): limit, ("address", address): 3 * limit})


def _count(wanted: Mapping[tuple[str, str], int]) -> Allowance | None:
    now = time.time()
    window, reset_s = int(now // WINDOW_S), WINDOW_S - int(now % WINDOW_S)
    schema = current_schema()
    names = [f"prosa:calls:{schema}:{kind}:{ref}:{window}" for kind, ref in wanted]
    counts = _broker.count(names)
    if counts is None:
        return None
    left = [(limit - n, limit) for limit, n in zip(wanted.values(), counts, strict=True)]
    remaining, limit = min(left)
    allowance = Allowance(limit, max(0, remaining), reset_s)
    if remaining < 0:
        raise TooManyRequests(retry_after_s=reset_s, headers=allowance.headers())
    return allowance


class _Broker:
    """The counters; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: redis.Redis | None = None
        self._away_until = 0.0

    def count(self, names: list[str]) -> list[int] | None:
        """Raise each counter by one and return them; None where the broker is away."""
        if time.monotonic() < self._away_until:
            return None
        try:
            with self._connected().pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.incr(name)
                    pipe.expire(name, 2 * WINDOW_S)
                return [int(n) for n in pipe.execute()[::2]]
        except redis.RedisError:
            logger.warning("calls are not counted: the broker is away")
            self._away_until = time.monotonic() + AWAY_S
            return None

    def _connected(self) -> redis.Redis:
        with self._lock:
            if self._client is None:
                self._client = redis.Redis.from_url(
                    settings.REDIS_URL,
                    socket_timeout=TIMEOUT_S,
                    socket_connect_timeout=TIMEOUT_S,
                    retry=Retry(NoBackoff(), 1),  # once more: a kept connection may have been cut
                )
            return self._client


_broker = _Broker()


def forget() -> None:
    """Connect anew at the next call, for tests that change where the broker is."""
    global _broker
    _broker = _Broker()
