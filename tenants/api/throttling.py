"""How many calls a minute: counted in the broker by key, by person and by tenant.

Where the broker is away nothing is counted and everybody is let in: an API that stops with its
counter would be worse than one that is not limited for a moment.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

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


def spend(caller: Caller, *, now: datetime) -> Allowance | None:
    """Count a call; None where nobody counts now.

    The narrowest is asked first, and what it refuses the others do not count: a key that has run
    wild leaves the rest of the business its calls.

    Raises:
        TooManyRequests: one of the limits is used up.
    """
    limits = settings.API_PER_MINUTE
    wanted = {("user", str(caller.user.pk)): limits["user"], ("tenant", ""): limits["tenant"]}
    if caller.key is not None:
        wanted = {("key", str(caller.key.pk)): limits["key"], **wanted}
    return spend_each(wanted, now=now)


def spend_login(*, username: str, address: str, now: datetime) -> Allowance | None:
    """Count a try to log in, for passwords must not be guessed.

    By name and address together first: who guesses from elsewhere soon keeps nobody out but
    themselves. All tries of a name have a limit too, which many addresses reach together.

    Raises:
        TooManyRequests: too many tries.
    """
    limit, network = settings.API_PER_MINUTE["login"], network_of(address)
    wanted = {
        ("login", _digest(f"{network} {username}")): limit,
        ("login_address", network): 3 * limit,
        ("login_name", _digest(username)): 10 * limit,
    }
    return spend_each(wanted, now=now)


def spend_unknown(*, address: str, now: datetime) -> Allowance | None:
    """Count a call of nobody that we know: a wrong key, a refresh, a logout.

    Raises:
        TooManyRequests: too many of them from this address.
    """
    limit = settings.API_PER_MINUTE["address"]
    return spend_each({("address", network_of(address)): limit}, now=now)


def network_of(address: str) -> str:
    """Return what one subscriber has of addresses: of IPv6 a whole network, else the address.

    Source: RFC 6177, section 2: a site gets 64 bits of its own at the least.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found.packed, 64), strict=False))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]


def spend_each(wanted: Mapping[tuple[str, str], int], *, now: datetime) -> Allowance | None:
    """Count something under several names, each with its limit in a minute, the narrowest first.

    Args:
        wanted: (kind, ref) -> limit; a kind is the caller's own word.

    Raises:
        TooManyRequests: one of the limits is used up; those behind it did not count.
    """
    window, past_s = divmod(int(now.timestamp()), WINDOW_S)
    reset_s, schema = WINDOW_S - past_s, current_schema()
    limits = {f"{schema}:{kind}:{ref}:{window}": limit for (kind, ref), limit in wanted.items()}
    counts = _broker.count(limits)
    if counts is None:
        return None
    left = [(limit - n, limit) for limit, n in zip(limits.values(), counts, strict=False)]
    remaining, limit = min(left)
    allowance = Allowance(limit, max(0, remaining), reset_s)
    if remaining < 0:
        raise TooManyRequests(retry_after_s=reset_s, headers=allowance.headers())
    return allowance


_SCRIPT = """
local counts = {}
for i, name in ipairs(KEYS) do
  counts[i] = redis.call('INCR', name)
  if counts[i] == 1 then redis.call('EXPIRE', name, ARGV[#KEYS + 1]) end
  if counts[i] > tonumber(ARGV[i]) then break end
end
return counts
"""
"""Counts one after the other, and none after the first that is used up."""

PREFIX = "prosa:calls"


class _Broker:
    """The counters; safe to share between threads."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._lock = threading.Lock()
        self._client: redis.Redis | None = None
        self._away_until = 0.0

    def count(self, limits: Mapping[str, int]) -> list[int] | None:
        """Raise counters by one up to the first over its limit; None where the broker is away."""
        if time.monotonic() < self._away_until:
            return None
        names = [f"{self._prefix}:{name}" for name in limits]
        try:
            said = self._connected().eval(
                _SCRIPT, len(names), *names, *map(str, limits.values()), str(2 * WINDOW_S)
            )
            return cast(list[int], said)
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


_broker = _Broker(PREFIX)


def forget(prefix: str = PREFIX) -> None:
    """Connect anew at the next call and count under other names, for tests."""
    global _broker
    _broker = _Broker(prefix)
