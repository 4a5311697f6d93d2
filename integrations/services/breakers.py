"""The circuit breaker: who failed again and again is left alone for a while.

One row for each provider, key and model, so that all workers of a tenant share what they learn. A
process remembers what it read for `FRESH_S`, so that a healthy provider costs no query a call.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol

from django.db import connection
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from integrations.models import Breaker
from integrations.services import notices
from tenants.context import current_schema

logger = logging.getLogger(__name__)

MAX_FAILURES = 5
"""Failures in a row after which a provider is paused."""

PAUSE_S, MAX_PAUSE_S = 15.0, 300.0
"""The first pause and the longest one, in seconds; each pause doubles the one before."""

PROBE_S = 30.0
"""How long a probe may take before the next worker may try, in seconds; longer than a call."""

FRESH_S = 1.0
"""How long a process believes that a provider works without looking, in seconds."""

MAX_REMEMBERED = 4_096

TOOL = "tool"
"""Stands as the provider of an HTTP tool."""


class Target(Protocol):
    """Who is asked: a model with a key, or a tool."""

    @property
    def provider(self) -> str:
        """Whose it is."""

    @property
    def credential(self) -> str:
        """UUID of the key, or of the tool; may be empty."""

    @property
    def model(self) -> str:
        """Its name."""


_Key = tuple[str, str, str, str]

_MODEL_PAUSED = _(
    "It failed five times in a row. The next choice answers, or approved answers and people do; it"
    " is tried again by itself."
)
_TOOL_PAUSED = _(
    "It failed five times in a row. Agents go on without it, or leave the contact to people; it is"
    " tried again by itself."
)

_closed_at: dict[_Key, float] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a provider may be asked now, and why not; a probe decides on its pause."""

    allowed: bool
    reason: str = ""
    is_probe: bool = False


def _key(config: Target) -> _Key:
    return current_schema(), config.provider, config.credential, config.model


def _params(config: Target) -> dict[str, Any]:
    return {"provider": config.provider, "credential": config.credential, "model": config.model}


def may_ask(config: Target) -> Verdict:
    """Tell whether to ask; while it is paused, one caller at a time is let through as a probe."""
    key = _key(config)
    with _lock:
        seen = _closed_at.get(key)
    if seen is not None and time.monotonic() - seen < FRESH_S:
        return Verdict(True)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            with probe as (
                update integrations_breaker
                set retry_at = clock_timestamp() + make_interval(secs => %(probe)s)
                where provider = %(provider)s and credential = %(credential)s
                    and model = %(model)s and state = 'open' and retry_at <= clock_timestamp()
                returning id
            )
            select state, reason, exists (select from probe), n_failures
            from integrations_breaker
            where provider = %(provider)s and credential = %(credential)s and model = %(model)s
            """,
            {**_params(config), "probe": PROBE_S},
        )
        row = cursor.fetchone()
    if row is None or row[0] == Breaker.State.CLOSED:
        if row is None or not row[3]:
            _remember(key)
        else:  # its next answer has to start the count anew
            _forget(key)
        return Verdict(True)
    return (
        Verdict(True, is_probe=True)
        if row[2]
        else Verdict(False, f"paused after failures: {row[1]}")
    )


def succeeded(config: Target) -> bool:
    """Note an answer; True where it ended a pause."""
    key = _key(config)
    with _lock:
        if key in _closed_at:  # nothing failed here since: no row needs to change
            return False
    with connection.cursor() as cursor:
        cursor.execute(
            """
            with before as (
                select id, state from integrations_breaker
                where provider = %(provider)s and credential = %(credential)s
                    and model = %(model)s and (state <> 'closed' or n_failures > 0)
                for update
            )
            update integrations_breaker b
            set state = 'closed', n_failures = 0, n_openings = 0, opened_at = null,
                retry_at = null, changed_at = clock_timestamp()
            from before where b.id = before.id
            returning before.state
            """,
            _params(config),
        )
        row = cursor.fetchone()
    _remember(key)
    if row is not None and row[0] == Breaker.State.OPEN:
        logger.info("breaker closed", extra={"provider": config.provider, "model": config.model})
        _tell(
            config,
            kind="breaker.closed",
            title=_("%(model)s answers again"),
            text=_("It is asked as usual from now on."),
        )
        return True
    return False


def failed(config: Target, *, reason: str, is_probe: bool = False) -> bool:
    """Note a failure; True where it paused the provider.

    Calls that were under way when the pause began fail too; only a failed probe makes it longer.
    """
    _forget(_key(config))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            insert into integrations_breaker as b
                (uuid, provider, credential, model, state, n_failures, n_openings, reason,
                 changed_at)
            values (gen_random_uuid(), %(provider)s, %(credential)s, %(model)s, 'closed', 1, 0,
                    %(reason)s, clock_timestamp())
            on conflict (provider, credential, model) do update
            set n_failures = b.n_failures + 1, reason = excluded.reason,
                changed_at = clock_timestamp()
            returning b.id, b.state, b.n_failures
            """,
            {**_params(config), "reason": reason[:200]},
        )
        breaker_id, state, n_failures = cursor.fetchone()
        opens = state == Breaker.State.CLOSED and n_failures >= MAX_FAILURES
        if not opens and not (is_probe and state == Breaker.State.OPEN):
            return False
        cursor.execute(
            """
            update integrations_breaker
            set state = 'open', n_openings = n_openings + 1,
                opened_at = coalesce(opened_at, clock_timestamp()),
                retry_at = clock_timestamp() + make_interval(secs =>
                    least(%(max_pause)s, %(pause)s * power(2, least(n_openings, 10))))
            where id = %(id)s and (state = 'closed' or %(is_probe)s)
            """,
            {
                "id": breaker_id,
                "is_probe": is_probe,
                "pause": PAUSE_S,
                "max_pause": MAX_PAUSE_S,
            },
        )
        won = cursor.rowcount == 1
    if won and opens:
        logger.warning(
            "breaker opened",
            extra={"provider": config.provider, "model": config.model, "reason": reason},
        )
        _tell(
            config,
            kind="breaker.opened",
            title=_("%(model)s is paused after failures"),
            text=_TOOL_PAUSED if config.provider == TOOL else _MODEL_PAUSED,
        )
    return bool(won and opens)


def _tell(config: Target, *, kind: str, title: Promise, text: Promise) -> None:
    """Tell the owners; the panel shows on every page what is paused, so this is for their mail."""
    notices.tell(
        kind=kind,
        subject=f"{config.provider}:{config.credential}:{config.model}",
        title=title,
        text=text,
        values={"model": config.model or config.provider},
        page="integrations_breaker_changelist",
        level=notices.Level.INFO,
        now=timezone.now(),
    )


def _remember(key: _Key) -> None:
    with _lock:
        if len(_closed_at) >= MAX_REMEMBERED:
            _closed_at.clear()
        _closed_at[key] = time.monotonic()


def _forget(key: _Key) -> None:
    with _lock:
        _closed_at.pop(key, None)


def forget() -> None:
    """Drop what this process remembers, for tests."""
    with _lock:
        _closed_at.clear()
