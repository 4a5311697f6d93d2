from enum import StrEnum


class TurnsListOutcome(StrEnum):
    HANDOFF = "handoff"
    NEEDS_HUMAN = "needs_human"
    REPLY = "reply"

    def __str__(self) -> str:
        return str(self.value)
