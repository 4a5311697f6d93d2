"""What the values of tools are, who fills them in, and what code knows of a conversation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from integrations.llm import words

Value = str | int | float | bool | list[Any] | dict[str, Any]


class BadArguments(Exception):
    """What a model named cannot be taken; the message is for the model."""


class NotKnown(Exception):
    """Something that comes from the conversation is not known; the message is for the model."""


class Kind(StrEnum):
    """What a value is, by its name in JSON schema."""

    TEXT = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"  # a list or an object, which only MCP servers ask for


class Source(StrEnum):
    """Who fills a parameter in."""

    MODEL = "model"
    SAID = "said"  # named by the model, taken only where the contact wrote it or a tool found it
    PHONE = "contact_phone"
    NAME = "contact_name"
    EMAIL = "contact_email"
    CONTACT = "contact_uuid"
    CONVERSATION = "conversation_uuid"
    FIXED = "fixed"


BY_MODEL = frozenset({Source.MODEL, Source.SAID})

NAMES = {
    Source.PHONE: "phone number",
    Source.NAME: "name",
    Source.EMAIL: "e-mail address",
    Source.CONTACT: "record",
    Source.CONVERSATION: "conversation",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What code knows of the conversation; empty for what it does not.

    Args:
        said: what the contact wrote, and what tools found for this answer.
    """

    phone: str = ""
    name: str = ""
    email: str = ""
    contact_uuid: str = ""
    conversation_uuid: str = ""
    said: Sequence[str] = ()

    def of(self, source: Source) -> str:
        """Return the value of a source that is no model's."""
        return {
            Source.PHONE: self.phone,
            Source.NAME: self.name,
            Source.EMAIL: self.email,
            Source.CONTACT: self.contact_uuid,
            Source.CONVERSATION: self.conversation_uuid,
        }[source]


def _parted(value: Value) -> tuple[Value, str]:
    """Return what stands before a number's point, and a pattern of what stands behind it."""
    if not isinstance(value, float) or value.is_integer():
        return value, ""
    whole, _, part = f"{value:.6f}".rstrip("0").partition(".")
    return whole, rf"[.,]{part}0*"


def was_said(value: Value, texts: Sequence[str]) -> bool:
    """Test whether a value stands in some texts, whatever signs and blanks are between its own.

    What a number has behind its point has to stand behind a point or comma there; zeros at the end
    say nothing.
    """
    value, behind = _parted(value)
    signs = [one for one in words.fold(str(value)) if one.isalnum()]
    if not signs:
        return False
    # Whole: of the order "A-991" neither "A" nor "991" is one.
    whole = (
        r"(?<!\w)(?<!\w[./-])" + r"[\W_]*".join(map(re.escape, signs)) + behind + r"(?![./-]?\w)"
    )
    found = re.compile(whole)
    return any(found.search(words.fold(text)) for text in texts)
