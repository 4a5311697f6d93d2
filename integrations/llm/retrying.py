"""Which answers of a provider a later try can help, and how long it asks us to wait."""

from __future__ import annotations

from collections.abc import Mapping

from tenants.errors import Permanent, Temporary

TRY_LATER = frozenset({408, 409, 425, 429})


def error(
    status: int, headers: Mapping[str, str], *, reason: str = "", never_helps: bool = False
) -> Temporary | Permanent:
    """Return our error for an answer that is none.

    Args:
        reason: without any secret; empty for the status alone.
        never_helps: the provider says that no wait does, whatever the status.
    """
    reason = reason or f"HTTP {status}"
    if not never_helps and (status in TRY_LATER or status >= 500):
        return Temporary(reason, retry_after_s=retry_after_s(headers))
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
