from enum import StrEnum


class OutsideHoursEnum(StrEnum):
    ANSWER = "answer"
    AWAY = "away"
    TELL = "tell"

    def __str__(self) -> str:
        return str(self.value)
