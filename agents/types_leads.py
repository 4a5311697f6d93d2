"""What qualification is about: the fields of a lead, and what was found for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LeadsMode(StrEnum):
    """When an agent's conversations fill the fields of a lead."""

    OFF = "off"
    END = "end"  # when the conversation is summed up
    LIVE = "live"  # while it goes on, by a tool, and at its end


@dataclass(frozen=True, slots=True)
class LeadField:
    """Something to find out about a contact.

    Args:
        key: lower-case letters, digits and underscores.
        about: what belongs there, for a model; data of the business.
        choices: the only values it may have; empty for any text.
        is_literal: the value itself must stand in the contact's words, as a name must.
    """

    key: str
    label: str
    about: str
    choices: tuple[str, ...] = ()
    is_literal: bool = False


@dataclass(frozen=True, slots=True)
class LeadFound:
    """A value for a field that a contact's own message bears out.

    Args:
        confidence: 0 to 100.
        words: the contact's own, as they stand in the message.
        source: the message's reference.
        is_against: it speaks against buying, such as a budget that is not there.
    """

    key: str
    value: str
    confidence: int
    words: str
    source: str
    is_against: bool = False
