"""Refusals that we anticipate, and the two families that a failing adapter sorts itself into."""

from __future__ import annotations


class DomainError(Exception):
    """This was refused; the message is safe to show."""

    code = "refused"
    http_status = 409

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class Temporary(Exception):
    """The outside failed in a way that a later try can help.

    Args:
        reason: a short cause without any secret, for logs and staff.
        retry_after_s: how long the other side asked us to wait, in seconds; None if it did not.
        is_unknown: what was asked for may have been done; only the answer is missing.
    """

    def __init__(
        self, reason: str, *, retry_after_s: float | None = None, is_unknown: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.is_unknown = is_unknown


class Permanent(Exception):
    """The outside failed in a way that repeating cannot help."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
