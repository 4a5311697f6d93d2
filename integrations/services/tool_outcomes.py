"""What became of a call of a tool, whatever way it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """What became of a call."""

    DONE = "done"
    BEFORE = "before"  # it was done before, for the same messages; not again
    REFUSED = "refused"  # certainly not done
    UNKNOWN = "unknown"  # nobody can say whether it was done


@dataclass(frozen=True, slots=True)
class Called:
    """How a call went.

    Args:
        text: what the model may see.
        reason: why it was not done; short and without a secret.
    """

    state: State
    text: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of one request.

    Args:
        is_trouble: the other system does not work, or does not know us.
        is_changed: an MCP server offers another definition than the approved one.
        found: that definition; None where it offers none.
    """

    called: Called
    status: int | None = None
    is_trouble: bool = False
    is_changed: bool = False
    found: Mapping[str, Any] | None = None

    @property
    def reason(self) -> str:
        """Why it was not done, or may not have been."""
        return self.called.reason
