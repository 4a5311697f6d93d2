"""What the clients of all providers share about the wire: errors, waits, arguments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from integrations.llm import retrying
from integrations.llm.types import ChatDelta, ChatResult, ToolCall
from tenants.errors import Permanent, Temporary

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
    if status == 200 and code in _BUSY:
        return Temporary(reason)
    return retrying.error(status, headers or {}, reason=reason, never_helps=code in _NEVER_HELPS)


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
