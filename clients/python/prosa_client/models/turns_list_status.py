from enum import StrEnum


class TurnsListStatus(StrEnum):
    DONE = "done"
    FAILED = "failed"
    RUNNING = "running"
    SUPERSEDED = "superseded"

    def __str__(self) -> str:
        return str(self.value)
