"""What the clients of all providers share about the wire: errors, waits, arguments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from integrations.llm.types import ChatDelta, ChatResult, ToolCall
from tenants.errors import Permanent, Temporary

_TRY_LATER = frozenset({408, 409, 425, 429})

_NEVER_HELPS = frozenset(
    {"insufficient_quota", "billing_not_active", "account_deactivated", "billing_error"}
)
"""Codes that come with a 429 although no wait helps: somebody has to pay first."""

_BUSY = frozenset({"overloaded_error", "api_error", "rate_limit_error"})
"""Codes that come inside a stream, whose own status was 200 long before."""

_CODE = re.compile(r"[A-Za-z_]{1,40}")
"""What a provider's error code looks like. Narrow on purpose: a hostile server could send the key
back in this place, and the reason is stored."""


def from_status(
    status: int, *, code: str = "", headers: Mapping[str, str] | None = None
) -> Temporary | Permanent:
    """Return our error for a provider's; of its body only a short code is kept.

    Args:
        status: of the answer; that of a stream which carried an error is 200.
        code: the provider's word for it.
        headers: of the answer, for the wait that it asks for.
    """
    reason = f"HTTP {status} {code}" if _CODE.fullmatch(code) else f"HTTP {status}"
    if code in _NEVER_HELPS:
        return Permanent(reason)
    if status in _TRY_LATER or status >= 500 or code in _BUSY:
        return Temporary(reason, retry_after_s=retry_after_s(headers or {}))
    return Permanent(reason)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the wait asked for, in seconds; a date is not understood and counts as none.

    Source: RFC 9110, 10.2.3; `retry-after-ms` is OpenAI's own and finer.
    """
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit_s
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < 86_400:
            return seconds
    return None


def arguments_of(call: ToolCall) -> dict[str, object]:
    """Return the arguments of an earlier call; nothing where they are no object."""
    try:
        value = json.loads(call.arguments or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def last_result(deltas: Iterable[ChatDelta]) -> ChatResult:
    """Return the whole answer of a stream.

    Raises:
        Temporary: it ended without one.
    """
    for delta in deltas:
        if delta.result is not None:
            return delta.result
    raise Temporary("the stream ended early")
