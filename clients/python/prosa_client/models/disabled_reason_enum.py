from enum import StrEnum


class DisabledReasonEnum(StrEnum):
    BY_HAND = "by_hand"
    FAILING = "failing"
    GONE = "gone"

    def __str__(self) -> str:
        return str(self.value)
