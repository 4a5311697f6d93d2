from enum import StrEnum


class DecisionEnum(StrEnum):
    ANSWER = "answer"
    ASK = "ask"
    UNKNOWN = "unknown"

    def __str__(self) -> str:
        return str(self.value)
