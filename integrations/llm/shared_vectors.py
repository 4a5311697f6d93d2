"""Vectors of questions that another process of this installation has made, kept for minutes.

A cache at the broker's server and nothing more: what is missing there, or cannot be asked for, is
made again. Keys are digests, so it holds no text, and equal questions of two tenants are one.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable

import numpy as np
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

KEPT_S = 600
"""How long a vector is kept, in seconds: longer than any quiet window. One takes 1.6 kB, so at ten
questions a second all take 10 MB."""

TIMEOUT_S = 0.25
"""Longest wait for the server, in seconds; making a vector takes a tenth of it."""

AWAY_S = 10.0
"""For how long a server that failed is not asked again, in seconds."""


class SharedVectors:
    """The vectors of one model; safe to share between threads."""

    def __init__(self, *, model: str) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._client: redis.Redis | None = None
        self._away_until = 0.0

    def get(self, text: str) -> list[float] | None:
        """Return the vector of a text; None where nobody has made it lately."""
        found = self._ask(lambda client: client.get(self._key(text)))
        return np.frombuffer(found, dtype=np.float32).tolist() if isinstance(found, bytes) else None

    def put(self, text: str, vector: list[float]) -> None:
        """Keep a vector for all processes."""
        packed = np.asarray(vector, dtype=np.float32).tobytes()
        self._ask(lambda client: client.set(self._key(text), packed, ex=KEPT_S))

    def _key(self, text: str) -> str:
        return f"prosa:vector:{self._model}:{hashlib.sha256(text.encode()).hexdigest()}"

    def _ask(self, command: Callable[[redis.Redis], object]) -> object:
        if time.monotonic() < self._away_until:
            return None
        try:
            return command(self._connected())
        except redis.RedisError:
            logger.info("shared vectors cannot be reached")
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
