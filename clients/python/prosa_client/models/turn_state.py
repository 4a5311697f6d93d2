from enum import StrEnum


class TurnState(StrEnum):
    CANCELLED = "cancelled"
    DONE = "done"
    FAILED = "failed"
    QUEUED = "queued"
    RUNNING = "running"
    SUPERSEDED = "superseded"

    def __str__(self) -> str:
        return str(self.value)
