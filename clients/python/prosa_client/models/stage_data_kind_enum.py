from enum import StrEnum


class StageDataKindEnum(StrEnum):
    LOST = "lost"
    OPEN = "open"
    QUALIFIED = "qualified"
    WON = "won"

    def __str__(self) -> str:
        return str(self.value)
