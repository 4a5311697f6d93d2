"""Opening hours as a run knows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class HoursReason(StrEnum):
    """Why a business is open or closed."""

    OPEN = "open"
    CLOSED = "closed"  # before, after or between its days
    BREAK = "break"  # it opens again on the same day
    HOLIDAY = "holiday"
    CLOSURE = "closure"  # days that the business closes of its own accord


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Opening hours within one day, in minutes of the wall clock since its midnight.

    Args:
        end: after `start`; above 1440 where it lies on the next day.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class DayHours:
    """The hours of one day; closed without spans.

    Args:
        name: of the holiday, or why the day is unlike others; empty on an ordinary one.
    """

    day: date
    spans: tuple[Span, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class HoursState:
    """Whether people are there at an instant, and everything that is told about it.

    Args:
        reason: a `HoursReason`.
        name: of the holiday or closure that is the reason; else empty.
        opens_at: when it opens next, aware; None while it is open, or where nobody knows.
        closes_at: when it closes next, aware; None while it is closed, or where it does not.
        week: Monday to Sunday; empty where no hours are configured, which is always open.
        days: today and the seven days after it.
        holidays: the days with a name in the twelve months from today.
        away_text: the business's own text, with placeholders; empty for ours.
        note: what the business wants told with its hours.
    """

    is_open: bool
    reason: str = HoursReason.OPEN
    name: str = ""
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    week: tuple[tuple[Span, ...], ...] = ()
    days: tuple[DayHours, ...] = ()
    holidays: tuple[DayHours, ...] = ()
    away_text: str = ""
    note: str = ""

    @classmethod
    def always(cls) -> HoursState:
        """Return that of a business that has no hours configured."""
        return cls(is_open=True)

    @property
    def is_configured(self) -> bool:
        """Test whether there are hours at all."""
        return bool(self.week)

    @property
    def period(self) -> str:
        """What names the closed period: the opening that ends it, which contacts are told."""
        return self.opens_at.isoformat() if self.opens_at else "unknown"


ALWAYS_OPEN = HoursState.always()
