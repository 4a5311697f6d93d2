"""What the clients of all providers share about the wire: errors, waits, arguments, counts."""

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

MAX_COUNT = 2**31 - 1
"""The most tokens that one call may have taken, and the most that a row of the ledger holds."""

MAX_NAME = 120
"""Characters of a model's name, as the ledger holds it."""

MAX_SECONDS = 86_400.0
"""The longest sound that one call may have heard; the largest file that is sent has less."""


def count_of(counted: object, *names: str) -> int | None:
    """Return how many tokens a provider counted; None, "not measured", for what can be no count.

    Args:
        counted: a number, or the part of an answer that holds it; unchecked, so that an odd figure
            does not take the answer with it.
        names: under which the number stands there, from the outside to the inside.
    """
    value = _at(counted, names)
    # By its exact type, for a truth value is a number too.
    return value if type(value) is int and 0 <= value <= MAX_COUNT else None


def seconds_of(counted: object, *names: str) -> float | None:
    """Return how long a sound is, in seconds; as `count_of`."""
    value = _at(counted, names)
    if isinstance(value, int | float) and 0 <= value <= MAX_SECONDS:
        return float(value)
    return None


def _at(value: object, names: Iterable[str]) -> object:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def name_of(model: str) -> str:
    """Return the name under which a provider says that it answered, fit to be kept.

    It is whatever the server wrote, and an answer that was paid for must not be lost to it.
    """
    return "".join(sign for sign in model if sign.isprintable())[:MAX_NAME]


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
    except (ValueError, RecursionError):  # nested too deep to be read
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
