from enum import StrEnum


class ApprovalThenEnum(StrEnum):
    PEOPLE = "people"
    SEND = "send"

    def __str__(self) -> str:
        return str(self.value)
