"""How far a program has followed a conversation: what it has been told of, by the rows' ids.

All that is written into a conversation is written under the lock of its row, so the ids of each
table rise in the order of the commits: what lies beyond an id is new. What changes later, a turn
or a message to the contact, is told of in stages; until the last one it stands beside the mark.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from tenants import crypto
from tenants.context import current_schema
from tenants.errors import DomainError

BEGUN, OVER = 1, 2
"""How much of a turn, or of a message to the contact, was told: its beginning, or all of it."""


class BadEventId(DomainError):
    """This Last-Event-ID is of another conversation; follow without one."""

    code = "bad_event_id"
    http_status = 400


@dataclass(slots=True)
class Cursor:
    """What was told so far; it is moved on event by event.

    Args:
        inbound: the last message of the contact.
        step: the last step of a turn.
        turn: up to this one all turns are over.
        outbound: up to this one all messages to the contact are sent, or never will be.
        turns: stages of later turns; `messages`: of later messages.
        state: in whose hands the conversation was.
    """

    inbound: int = 0
    step: int = 0
    turn: int = 0
    outbound: int = 0
    turns: dict[int, int] = field(default_factory=dict)
    messages: dict[int, int] = field(default_factory=dict)
    state: str = ""

    def stage_of_turn(self, pk: int) -> int:
        """Return how much was told of a turn."""
        return OVER if pk <= self.turn else self.turns.get(pk, 0)

    def stage_of_message(self, pk: int) -> int:
        """Return how much was told of a message to the contact."""
        return OVER if pk <= self.outbound else self.messages.get(pk, 0)

    def hands(self) -> dict[str, str]:
        """Return in whose hands it was: status, mode and who has claimed it."""
        names = ("status", "mode", "claimed_by")
        return dict(zip(names, self.state.split(" ", 2), strict=True))

    def tidy(self, *, turns: Iterable[int], messages: Iterable[int]) -> None:
        """Move the marks over what is over.

        Args:
            turns: the ids of all turns beyond the mark, rising; `messages`: of all messages.
        """
        for pk in turns:
            if self.turns.get(pk) != OVER:
                break
            self.turn = pk
            del self.turns[pk]
        for pk in messages:
            if self.messages.get(pk) != OVER:
                break
            self.outbound = pk
            del self.messages[pk]

    def text(self, conversation_uuid: uuid.UUID) -> str:
        """Return the id of an event: encrypted, for our ids are nobody's business."""
        plain = [
            self.inbound,
            self.step,
            self.turn,
            self.outbound,
            list(self.turns.items()),
            list(self.messages.items()),
            self.state,
        ]
        return crypto.encrypt(
            json.dumps(plain, separators=(",", ":")), context=_place(conversation_uuid)
        )

    @classmethod
    def read(cls, text: str, conversation_uuid: uuid.UUID) -> Self:
        """Return what an event's id says.

        Raises:
            BadEventId: it was given for another conversation, or by somebody else.
        """
        try:
            inbound, step, turn, outbound, turns, messages, state = json.loads(
                crypto.decrypt(text, context=_place(conversation_uuid))
            )
        except (crypto.CannotDecrypt, ValueError) as error:
            raise BadEventId from error
        return cls(inbound, step, turn, outbound, dict(turns), dict(messages), state)


def _place(conversation_uuid: uuid.UUID) -> str:
    return f"{current_schema()}:followed:{conversation_uuid}"
