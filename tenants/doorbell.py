"""Telling web processes that something was committed which a program follows live.

A doorbell says where to look and not what happened: it may be lost, doubled or late, for whoever
follows also looks by itself now and then. It is rung only for what somebody follows.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

CHANNEL = "prosa:followed"
"""The one channel: a web process listens to it once for all that its streams follow."""

TIMEOUT_S = 0.25
"""Longest wait for the broker, in seconds: whoever commits waits so much longer when it fails."""

AWAY_S = 5.0
"""For how long a broker that failed is not rung, in seconds."""


class _Bell:
    """The connection that rings; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: redis.Redis | None = None
        self._away_until = 0.0

    def ring(self, text: str) -> None:
        if time.monotonic() < self._away_until:
            return
        try:
            self._connected().publish(CHANNEL, text)
        except redis.RedisError:
            logger.warning("streams are not woken: the broker is away")
            self._away_until = time.monotonic() + AWAY_S

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


_bell = _Bell()


def ring(*, schema: str, refs: Sequence[int]) -> None:
    """Wake whoever follows rows of a tenant; never raises for a broker that is away."""
    _bell.ring(json.dumps([schema, list(refs)]))


def heard(text: bytes | str) -> tuple[str, list[int]]:
    """Return schema and ids that were rung for."""
    schema, refs = json.loads(text)
    return str(schema), [int(ref) for ref in refs]


def forget() -> None:
    """Connect anew at the next ring, for tests that change where the broker is."""
    global _bell
    _bell = _Bell()
