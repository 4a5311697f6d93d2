from enum import StrEnum


class TestEnum(StrEnum):
    DUE = "due"
    FAILED = "failed"
    NONE = "none"
    PASSED = "passed"
    SENDING = "sending"
    UNHEARD = "unheard"
    WAITING = "waiting"

    def __str__(self) -> str:
        return str(self.value)
